//! Follows the server's event streams.
//!
//! The browser reconnects by itself and says what it saw last; only a refusal (the stream has ended, or the server is away
//! for long) comes back to us. A browser keeps few connections to one server, so pages that nobody looks at keep none.
//! Events replace blocks, so one that comes twice does no harm.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use cjhirashi_domain::{
    event::{ChatNotice, StreamEvent},
    id::GenerationId,
};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

/// After so many refusals in a row nothing more is to be had, or not before the page is looked at again.
const REFUSALS: u32 = 3;

/// What a stream tells its reader.
pub(crate) enum Told<E> {
    /// An event.
    Event(E),
    /// The connection broke and is being made again.
    Broken,
    /// The connection stands; whether it did not for a while, in which something may have been missed.
    Open { again: bool },
    /// The stream is over, by its last event or because the server has nothing more.
    Over,
}

impl Told<String> {
    /// The same with its event read; `None` of one that cannot be.
    fn read<E: DeserializeOwned>(self) -> Option<Told<E>> {
        Some(match self {
            Self::Event(text) => Told::Event(serde_json::from_slice(text.as_bytes()).ok()?),
            Self::Broken => Told::Broken,
            Self::Open { again } => Told::Open { again },
            Self::Over => Told::Over,
        })
    }
}

/// Follows a generation after an event until it is over or the component is gone. Browser only.
pub(crate) fn follow_generation(generation: &GenerationId, after: i64, tell: impl Fn(Told<StreamEvent>) + 'static) {
    let tell = move |told: Told<String>| {
        let Some(told) = told.read() else { return false };
        let end = matches!(told, Told::Event(StreamEvent::End { .. }));
        let over = end || matches!(told, Told::Over);
        tell(told);
        if end {
            tell(Told::Over);
        }
        over
    };
    follow(format!("/events/generations/{generation}?after="), after.to_string(), tell);
}

/// Hears of changes of one's chats, and after the connection was away for a while, that something may have been missed.
/// Browser only.
pub(crate) fn follow_chats(tell: impl Fn(ChatNotice) + 'static) {
    let tell = move |told: Told<String>| {
        match told.read() {
            Some(Told::Event(notice)) => tell(notice),
            Some(Told::Open { again: true }) => tell(ChatNotice::default()),
            _ => {}
        }
        false
    };
    // These events have no ids: who comes again looks anew.
    follow("/events/chats".to_owned(), String::new(), tell);
}

struct Stream {
    /// Its address, up to the id of the last event that was seen.
    address: String,
    last: RefCell<String>,
    /// Answers whether that was the last.
    tell: Box<dyn Fn(Told<String>) -> bool>,
    refusals: Cell<u32>,
    away: Cell<bool>,
    over: Cell<bool>,
    connection: RefCell<Option<Connection>>,
}

/// A connection, and what must live as long.
struct Connection {
    source: EventSource,
    _heard: Closure<dyn FnMut(MessageEvent)>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.source.set_onmessage(None);
        self.source.set_onerror(None);
        self.source.set_onopen(None);
        self.source.close();
    }
}

fn follow(address: String, after: String, tell: impl Fn(Told<String>) -> bool + 'static) {
    let stream = Rc::new(Stream {
        address,
        last: RefCell::new(after),
        tell: Box::new(tell),
        refusals: Cell::default(),
        away: Cell::default(),
        over: Cell::default(),
        connection: RefCell::default(),
    });
    stream.connect();
    let stream = StoredValue::new_local(stream);
    let looked_at = leptos::leptos_dom::helpers::window_event_listener_untyped("visibilitychange", move |_| {
        stream.try_with_value(|stream| if document().hidden() { stream.close() } else { stream.connect() });
    });
    on_cleanup(move || {
        looked_at.remove();
        stream.try_with_value(|stream| stream.end());
    });
}

impl Stream {
    fn connect(self: &Rc<Self>) {
        let stands = |now: &Connection| now.source.ready_state() != EventSource::CLOSED;
        if self.over.get() || self.connection.borrow().as_ref().is_some_and(stands) {
            return;
        }
        if document().hidden() {
            return self.close();
        }
        let Ok(source) = EventSource::new(&format!("{}{}", self.address, self.last.borrow())) else {
            return self.say(Told::Over);
        };
        let stream = Rc::clone(self);
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| stream.hear(&event));
        let function = Some(heard.as_ref().unchecked_ref());
        source.set_onmessage(function);
        source.set_onerror(function);
        source.set_onopen(function);
        self.connection.replace(Some(Connection { source, _heard: heard }));
    }

    fn hear(self: &Rc<Self>, event: &MessageEvent) {
        match event.type_().as_str() {
            "message" => {
                self.last.replace(event.last_event_id());
                self.say(Told::Event(event.data().as_string().unwrap_or_default()));
            }
            "open" => {
                self.refusals.set(0);
                self.say(Told::Open { again: self.away.take() });
            }
            _ => self.broken(),
        }
    }

    /// The connection broke: the browser makes it again, unless it was refused. Some refusals may be a restart.
    fn broken(self: &Rc<Self>) {
        self.away.set(true);
        let refused = |now: &Connection| now.source.ready_state() == EventSource::CLOSED;
        if self.connection.borrow().as_ref().is_some_and(refused) {
            let before = self.refusals.get();
            if before >= REFUSALS {
                self.close();
                return self.say(Told::Over);
            }
            self.refusals.set(before + 1);
            let stream = Rc::clone(self);
            set_timeout(move || stream.connect(), Duration::from_millis(400 << before));
        }
        self.say(Told::Broken);
    }

    fn say(&self, told: Told<String>) {
        if (self.tell)(told) {
            self.end();
        }
    }

    fn end(&self) {
        self.over.set(true);
        self.close();
    }

    fn close(&self) {
        self.away.set(true);
        self.connection.replace(None);
    }
}
