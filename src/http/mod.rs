//! HTTP: which address does what, and what every request passes through, on this one screen.
//!
//! Handlers decide nothing: they read the request, call a service, and map what comes back. To add a route: a handler
//! in the file of its area, a line here (or in [`api_v1`], with its description), and its errors in
//! [`error::ApiError`].

mod account;
mod address;
mod api_v1;
mod artifacts;
mod body;
mod chat_cache;
mod error;
mod events;
mod export;
mod files;
mod headers;
mod health;
mod images;
mod limits;
mod messages;
mod metrics;
mod observe;
mod openai;
mod origin;
mod pages;
mod providers;
mod session;
mod share;
mod sign_in;
mod site;
mod transfer;
mod unread;
mod uploads;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodRouter, get, post},
};
use cjhirashi_web::{App, Instance, Services};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::generate_route_list;
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, Predicate as _,
        predicate::{NotForContentType, SizeAbove},
    },
};

use crate::AppState;

/// What people's browsers ask for beside pages and server functions: the method, the address, and who answers.
fn people() -> [(&'static str, &'static str, MethodRouter<AppState>); 38] {
    [
        ("POST", "/uploads", post(uploads::upload).layer(DefaultBodyLimit::disable())),
        ("GET", "/events/generations/{id}", get(events::follow)),
        ("GET", "/events/chats", get(events::follow_chats)),
        ("GET", "/share/{token}", get(share::show)),
        ("GET", "/share/{token}/images/{id}", get(images::show_shared)),
        ("POST", "/images", post(images::add).layer(DefaultBodyLimit::disable())),
        ("GET", "/images/{id}", get(images::show)),
        ("GET", "/chats/export", get(transfer::export_all)),
        ("POST", "/chats/import", post(transfer::import).layer(DefaultBodyLimit::disable())),
        ("GET", "/chat/{id}/export", get(transfer::export_one)),
        ("GET", "/messages/{id}", get(messages::find)),
        ("POST", "/artifacts", post(artifacts::upload).layer(DefaultBodyLimit::disable())),
        ("GET", "/artifacts/frame", get(artifacts::empty_frame)),
        ("POST", "/artifacts/preview", post(artifacts::preview)),
        ("POST", "/artifacts/{id}", post(artifacts::save)),
        ("POST", "/artifacts/{id}/file", post(artifacts::replace_file)),
        ("POST", "/artifacts/{id}/restore", post(artifacts::restore)),
        ("GET", "/artifacts/{id}/panel", get(artifacts::panel)),
        ("GET", "/artifacts/{id}/history", get(artifacts::history)),
        ("GET", "/artifacts/{id}/compare", get(artifacts::compare)),
        ("GET", "/artifacts/{id}/content", get(artifacts::content)),
        ("GET", "/artifacts/{id}/part", get(artifacts::part)),
        ("GET", "/artifacts/{id}/frame", get(artifacts::frame)),
        ("GET", "/artifacts/{id}/export/{format}", get(artifacts::export)),
        ("GET", "/share/artifact/{token}", get(artifacts::show_shared)),
        ("GET", "/share/artifact/{token}/content", get(artifacts::content)),
        ("GET", "/share/artifact/{token}/part", get(artifacts::part)),
        ("GET", "/share/artifact/{token}/frame", get(artifacts::frame)),
        ("GET", "/share/artifact/{token}/export/{format}", get(artifacts::export)),
        ("GET", "/documents/{id}/file", get(files::download)),
        ("POST", "/documents/{id}/versions", post(uploads::upload_version)),
        ("GET", "/sign-in/link", get(sign_in::redeem_link)),
        ("POST", "/sign-in/{provider}", post(providers::begin)),
        ("GET", "/sign-in/{provider}/callback", get(providers::end)),
        ("POST", "/sign-out", post(sign_in::sign_out)),
        ("POST", "/account", post(account::create_key)),
        ("POST", "/account/delete", post(account::delete)),
        ("GET", "/account/export", get(export::export)),
    ]
}

/// Every address that this server answers, as `METHOD /path`: pages, server functions, and those above; what programs call
/// is in the API's own description.
#[must_use]
pub fn addresses() -> Vec<String> {
    let pages = generate_route_list(App);
    let pages = pages.iter().map(|page| format!("GET {}", page.path()));
    let calls = server_fn_paths().map(|(path, method)| format!("{method} {path}"));
    let others = people().into_iter().map(|(method, path, _)| format!("{method} {path}"));
    let programs = ["GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/openapi.json"].map(str::to_owned);
    let mut all: Vec<String> = pages.chain(calls).chain(others).chain(programs).chain(api_v1::addresses()).collect();
    all.sort();
    all.dedup();
    all
}

/// Everything this server answers.
pub fn router(state: AppState) -> Router {
    let site = Arc::new(site::Site::load(&state.config.site_dir));
    let services = Services {
        store: state.store.clone(),
        chat: state.chat.clone(),
        documents: state.documents.clone(),
        artifacts: state.artifacts.clone(),
        sync: state.sync.clone(),
        models: state.models.clone(),
        sign_in: state.sign_in.clone(),
        instance: Arc::new(Instance {
            version: env!("CARGO_PKG_VERSION"),
            app_url: state.config.app_url.clone(),
            assets: site.assets(),
        }),
    };

    let pages = pages::PageState::new(services);
    let limits = (state.clone(), limits::Limits::new());
    // For people: the session's cookie says who they are, so a request that changes something must come from our pages.
    let people = people()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(path, handler))
        .merge(pages::routes(pages.clone()))
        .layer(axum::Extension(pages))
        .layer(from_fn_with_state(limits.clone(), limits::check))
        .layer(from_fn_with_state(state.clone(), sign_in::identify))
        .layer(from_fn_with_state(state.clone(), session::carry))
        .layer(from_fn_with_state(state.clone(), origin::check));

    // For programs: a key says who they are; no cookie is read.
    let programs = Router::new()
        .nest("/api/v1", api_v1::routes())
        // Around the nest: inside it an address has lost its beginning, and none would be counted.
        .layer(from_fn_with_state(limits, limits::check))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show));

    Router::new()
        .merge(programs)
        .merge(people)
        .method_not_allowed_fallback(error::method_not_allowed)
        // Layers, from the innermost to the outermost: a request passes them from the last line to the first.
        .layer(from_fn_with_state(site, site::serve_files))
        .layer(from_fn(error::speak))
        .layer(compression())
        .layer(from_fn_with_state(headers::Policy::new(&state), headers::secure))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(unread::read))
        .layer(from_fn(observe::observe))
        .with_state(state)
}

pub(crate) use metrics::alone as metrics_alone;

/// Whether script and style of the pages are there, for `doctor`.
pub(crate) fn has_site(config: &crate::config::Config) -> bool {
    site::Site::load(&config.site_dir).assets().script != cjhirashi_web::Assets::default().script
}

/// Compresses what is made for one request. Files of the site are compressed beforehand, and event streams never are:
/// a compressor would hold words back.
fn compression() -> CompressionLayer<impl tower_http::compression::Predicate> {
    let worth_it = SizeAbove::new(860)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/pdf"))
        .and(NotForContentType::const_new("application/vnd.openxmlformats"))
        .and(NotForContentType::const_new("image/"));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}
