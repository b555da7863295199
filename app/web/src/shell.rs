//! The document around the body: language, theme and what to load, set on the server so that nothing flashes.

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{
    App, Assets, Services,
    api::server::{language_of_request, request_session},
};

/// The whole document. `options` is what `leptos_routes_with_context` was given.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let signed_in = request_session();
    let language = signed_in.as_ref().map_or_else(language_of_request, |who| who.settings.language);
    let theme = signed_in.as_ref().map_or("system", |who| who.settings.theme.as_str());
    let code = signed_in.as_ref().map_or("auto", |who| who.settings.code_theme.as_str());
    let assets = use_context::<Services>().map_or_else(Assets::default, |services| services.instance.assets.clone());
    let start = format!(
        "import init,{{hydrate}} from {script:?};init({{module_or_path:{program:?}}}).then(hydrate)",
        script = assets.script,
        program = assets.program,
    );
    let nonce = use_nonce();
    view! {
        <!DOCTYPE html>
        <html lang=language.as_str() data-theme=theme data-code=code>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content" />
                <meta name="color-scheme" content="light dark" />
                <link rel="stylesheet" href=assets.style />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <link rel="modulepreload" href=assets.script />
                <link rel="preload" href=assets.program r#as="fetch" r#type="application/wasm" crossorigin="" />
                <script type="module" nonce=nonce>{start}</script>
                <script type="module" src="/workshop/start.js"></script>
                <AutoReload options=options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
