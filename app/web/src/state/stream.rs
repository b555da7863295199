//! Follows a generation over its event stream.
//!
//! The browser reconnects by itself and says what it saw last; only a refusal (the stream has ended, or the server is
//! away for long) comes back to us. Events replace blocks, so one that comes twice does no harm.

use std::{cell::Cell, rc::Rc, time::Duration};

use cjhirashi_domain::{
    event::{ChatNotice, StreamEvent},
    id::GenerationId,
};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

/// What a stream tells its reader.
pub(crate) enum Told {
    /// An event of the generation.
    Event(StreamEvent),
    /// The connection broke and is being made again.
    Broken,
    /// The connection stands.
    Open,
    /// The stream is over, by its last event or because the server has nothing more.
    Over,
}

/// What must live as long as the connection.
struct Connection {
    source: EventSource,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut(Event)>,
    _open: Closure<dyn FnMut(Event)>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.source.set_onmessage(None);
        self.source.set_onerror(None);
        self.source.set_onopen(None);
        self.source.close();
    }
}

/// Follows a generation after an event until it is over or the component is gone. Browser only.
pub(crate) fn follow_generation(generation: &GenerationId, after: i64, tell: impl Fn(Told) + Clone + 'static) {
    let connection: StoredValue<Option<Connection>, LocalStorage> = StoredValue::new_local(None);
    on_cleanup(move || {
        connection.try_set_value(None);
    });
    connect(format!("/events/generations/{generation}?after={after}"), connection, tell, Rc::default());
}

/// A connection, and what must live as long.
type Notices = (EventSource, Closure<dyn FnMut(MessageEvent)>);

/// Hears of changes of one's chats as long as the page is in view: a browser keeps few connections to one server, and
/// pages that nobody looks at need none. Back in view, it is told that something may have been missed. Browser only.
pub(crate) fn follow_chats(tell: impl Fn(ChatNotice) + Clone + 'static) {
    let connection: StoredValue<Option<Notices>, LocalStorage> = StoredValue::new_local(None);
    let close = move || {
        if let Some(Some((source, _))) = connection.try_update_value(Option::take) {
            source.set_onmessage(None);
            source.close();
        }
    };
    let open = {
        let tell = tell.clone();
        move || {
            let Ok(source) = EventSource::new("/events/chats") else { return };
            let tell = tell.clone();
            let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                let text = event.data().as_string().unwrap_or_default();
                if let Ok(notice) = serde_json::from_slice(text.as_bytes()) {
                    tell(notice);
                }
            });
            source.set_onmessage(Some(message.as_ref().unchecked_ref()));
            connection.try_set_value(Some((source, message)));
        }
    };
    open();
    let seen = leptos::leptos_dom::helpers::window_event_listener_untyped("visibilitychange", move |_| {
        close();
        if !document().hidden() {
            open();
            tell(ChatNotice::default());
        }
    });
    on_cleanup(move || {
        seen.remove();
        close();
    });
}

fn connect(
    url: String,
    connection: StoredValue<Option<Connection>, LocalStorage>,
    tell: impl Fn(Told) + Clone + 'static,
    failures: Rc<Cell<u32>>,
) {
    let Ok(source) = EventSource::new(&url) else { return tell(Told::Over) };
    let message = {
        let tell = tell.clone();
        Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let Some(text) = event.data().as_string() else { return };
            let Ok(event) = serde_json::from_slice::<StreamEvent>(text.as_bytes()) else { return };
            let over = matches!(event, StreamEvent::End { .. });
            tell(Told::Event(event));
            if over {
                close_later(connection);
                tell(Told::Over);
            }
        })
    };
    let open = {
        let (tell, failures) = (tell.clone(), failures.clone());
        Closure::<dyn FnMut(Event)>::new(move |_| {
            failures.set(0);
            tell(Told::Open);
        })
    };
    let error = {
        let source = source.clone();
        Closure::<dyn FnMut(Event)>::new(move |_| {
            if source.ready_state() != EventSource::CLOSED {
                return tell(Told::Broken);
            }
            // Closed for good: an answer that is no stream. Three times may be a restart; then the answer is read.
            close_later(connection);
            let before = failures.get();
            if before >= 3 {
                return tell(Told::Over);
            }
            failures.set(before + 1);
            tell(Told::Broken);
            let (url, tell, failures) = (url.clone(), tell.clone(), failures.clone());
            set_timeout(
                move || {
                    if connection.try_with_value(|_| ()).is_some() {
                        connect(url, connection, tell, failures);
                    }
                },
                Duration::from_millis(400 << before),
            );
        })
    };
    source.set_onmessage(Some(message.as_ref().unchecked_ref()));
    source.set_onerror(Some(error.as_ref().unchecked_ref()));
    source.set_onopen(Some(open.as_ref().unchecked_ref()));
    connection.try_set_value(Some(Connection { source, _message: message, _error: error, _open: open }));
}

/// Closes from within one of the connection's own closures, which must not be dropped while it runs.
fn close_later(connection: StoredValue<Option<Connection>, LocalStorage>) {
    connection.try_update_value(|connection| {
        if let Some(connection) = connection {
            connection.source.close();
        }
    });
    set_timeout(
        move || {
            connection.try_update_value(|connection| {
                if connection.as_ref().is_some_and(|connection| connection.source.ready_state() == EventSource::CLOSED)
                {
                    *connection = None;
                }
            });
        },
        Duration::from_millis(0),
    );
}
