//! What a generation writes, as it writes it: server-sent events that can be left and taken up again.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use cjhirashi_domain::id::{GenerationId, UserId};
use cjhirashi_storage::SessionToken;
use futures::StreamExt as _;
use serde::Deserialize;

use super::{
    body::{ApiId, ApiQuery},
    error::ApiResult,
    sign_in::Person,
};
use crate::AppState;

/// A proxy that hears nothing for long closes the connection; this keeps it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A browser whose stream ended comes again after this.
const RECONNECT: Duration = Duration::from_secs(5);
/// How often it is asked whether a reader is still signed in.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often it is noted that a reader is here.
const HERE_EVERY: Duration = Duration::from_secs(60);
/// A stream goes on for so long when the server stops: the answer's end, which it waited for, has to be told yet.
const LAST_EVENTS: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub(crate) struct Position {
    after: Option<i64>,
}

/// `GET /events/generations/{id}`: everything after the event that the reader saw last (`Last-Event-ID`, which a browser
/// sends by itself when it reconnects, or `?after=`).
pub(crate) async fn follow(
    State(state): State<AppState>,
    person: Person,
    token: Option<Extension<SessionToken>>,
    ApiId(id): ApiId<GenerationId>,
    ApiQuery(position): ApiQuery<Position>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<i64>().ok());
    let after = last.or(position.after).unwrap_or(0);
    let events = state.chat.events(&person.viewer(), &id, after, person.0.settings.language).await?;
    let (shutdown, reader) = (state.shutdown.clone(), person.viewer().user_id);
    let stop = async move {
        tokio::select! {
            () = shutdown.cancelled() => tokio::time::sleep(LAST_EVENTS).await,
            // Whoever is signed out or kept out meanwhile hears no more.
            () = signed_out(&state, token.as_ref()) => {}
            () = present(&state, &reader) => {}
        }
    };
    let events = events.take_until(Box::pin(stop)).map(|(seq, event)| {
        let event = Event::default().id(seq.to_string()).json_data(&event);
        Ok::<_, Infallible>(event.unwrap_or_else(|_| Event::default().comment("unreadable")))
    });
    Ok(stream(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))))
}

/// `GET /events/chats`: every change of one's chats, wherever it was made. Hears nothing of what was before it began: who
/// comes again looks anew.
pub(crate) async fn follow_chats(
    State(state): State<AppState>,
    person: Person,
    token: Option<Extension<SessionToken>>,
) -> ApiResult<Response> {
    let mut listener = state.store.listen_to_chats(&person.viewer().user_id).await?;
    let shutdown = state.shutdown.clone();
    let stop = async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = signed_out(&state, token.as_ref()) => {}
        }
    };
    let events = async_stream::stream! {
        yield Event::default().retry(RECONNECT).comment("hears");
        while let Ok(notice) = listener.next().await {
            yield Event::default().json_data(&notice).unwrap_or_else(|_| Event::default().comment("unreadable"));
        }
    };
    let events = events.take_until(Box::pin(stop)).map(Ok::<_, Infallible>);
    Ok(stream(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))))
}

/// Notes from time to time that whoever reads is here; never ends. A long answer that is seen as it is written is told by
/// no mail.
async fn present(state: &AppState, reader: &UserId) {
    loop {
        tokio::time::sleep(HERE_EVERY).await;
        if let Err(error) = state.store.note_presence(reader).await {
            tracing::debug!(%error, "that somebody reads could not be noted");
        }
    }
}

/// Ends when the browser is no longer signed in.
async fn signed_out(state: &AppState, token: Option<&Extension<SessionToken>>) {
    let Some(Extension(token)) = token else { return };
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A database that is away for a moment signs nobody out.
        if matches!(state.store.is_signed_in(token).await, Ok(false)) {
            return;
        }
    }
}

/// Headers that keep caches and proxies from holding events back.
pub(crate) fn stream(sse: impl IntoResponse) -> Response {
    let mut response = sse.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
