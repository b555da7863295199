//! Pages and server functions: `app/web`, with what it needs from a request.

use axum::{
    Json, Router,
    body::Body,
    extract::{FromRef, Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use cjhirashi_domain::{ErrorCode, user::SignedIn};
use cjhirashi_web::{
    App, Assets, Services,
    api::{self, Failure},
    shell,
};
use leptos::{
    config::LeptosOptions,
    nonce::use_nonce,
    prelude::{IntoAny as _, provide_context, use_context},
};
use leptos_axum::{LeptosRoutes as _, ResponseOptions, generate_route_list, render_app_async_with_context};

use super::{
    body,
    error::{ApiError, accepts_html, language_of},
    headers, sign_in,
};
use crate::AppState;

/// The most bytes of a server function's arguments: the longest message with every character of it escaped.
const ARGUMENT_BYTES: usize = 2 << 20;

/// What Leptos' router needs.
#[derive(Clone)]
pub(super) struct PageState {
    options: LeptosOptions,
    services: Services,
    reload_port: Option<u16>,
}

/// Where `cargo leptos watch`, and nobody else, tells pages that they are to be loaded again.
fn reload_port() -> Option<u16> {
    std::env::var_os("LEPTOS_WATCH")?;
    std::env::var("LEPTOS_RELOAD_PORT").ok()?.parse().ok()
}

impl FromRef<PageState> for LeptosOptions {
    fn from_ref(state: &PageState) -> Self {
        state.options.clone()
    }
}

impl PageState {
    pub(super) fn new(services: Services) -> Self {
        let mut options = LeptosOptions::builder().output_name("cjhirashi").site_pkg_dir("pkg").build();
        let reload_port = reload_port();
        options.reload_port = reload_port.map_or(options.reload_port, u32::from);
        Self { options, services, reload_port }
    }

    /// What pages and server functions find in their context.
    fn context(&self) -> impl Fn() + Clone + Send + Sync + 'static + use<> {
        let (services, reload_port) = (self.services.clone(), self.reload_port);
        move || {
            provide_context(services.clone());
            // The nonce is made per response; only the response's own policy can name it.
            if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>())
                && let Ok(policy) = HeaderValue::from_str(&headers::page_policy(&nonce, reload_port))
            {
                response.insert_header(CONTENT_SECURITY_POLICY, policy);
            }
        }
    }

    /// Addresses of script and style.
    pub(super) fn assets(&self) -> &Assets {
        &self.services.instance.assets
    }

    /// A page, as it is shown for a request.
    pub(super) async fn render(&self, request: Request) -> Response {
        render_app_async_with_context(self.context(), self.document())(request).await
    }

    fn document(&self) -> impl Fn() -> leptos::prelude::AnyView + Clone + Send + Sync + 'static + use<> {
        let options = self.options.clone();
        move || shell(options.clone()).into_any()
    }
}

/// Every page, every server function, and the page for addresses that nobody knows.
pub(super) fn routes(state: PageState) -> Router<AppState> {
    Router::new()
        .leptos_routes_with_context(&state, generate_route_list(App), state.context(), state.document())
        .fallback(not_found)
        .layer(from_fn(bound_arguments))
        .layer(from_fn(show_the_door))
        .with_state(state)
}

/// Whoever is not signed in and wants a page is sent to the one page there is for them.
async fn show_the_door(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let wants_page = request.method() == Method::GET && path != "/sign-in" && accepts_html(request.headers());
    if wants_page && request.extensions().get::<SignedIn>().is_none() {
        return sign_in::show_the_door(request.uri());
    }
    next.run(request).await
}

/// A page that says so to people, our shape of failure to programs.
async fn not_found(State(state): State<PageState>, request: Request) -> Response {
    if request.method() != Method::GET || !accepts_html(request.headers()) {
        return ApiError::new(ErrorCode::NotFound).into_response();
    }
    let mut response = state.render(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Reads the arguments of a server function before it runs, so that their size is bounded and told in the shape that the
/// pages understand. Keeps pages out of shared caches.
async fn bound_arguments(request: Request, next: Next) -> Response {
    let is_call = request.method() != Method::GET && request.uri().path().starts_with(api::PREFIX);
    let request = if is_call {
        let (parts, body) = request.into_parts();
        match body::read(&parts.headers, body, ARGUMENT_BYTES).await {
            Ok(bytes) => Request::from_parts(parts, Body::from(bytes)),
            Err(error) => {
                let person = parts.extensions.get::<SignedIn>().map(|who| who.settings.language);
                let language = person.or_else(|| language_of(&parts.headers)).unwrap_or_default();
                return (error.status(), Json(Failure::told(error.code, language))).into_response();
            }
        }
    } else {
        request
    };
    let mut response = next.run(request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    response
}
