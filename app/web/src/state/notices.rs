//! Short notices that need no decision. They leave by themselves, or when dismissed.

use std::time::Duration;

use leptos::prelude::*;

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) id: u32,
    pub(crate) text: String,
    pub(crate) bad: bool,
}

/// The notices on the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notices {
    pub(crate) list: RwSignal<Vec<Notice>>,
    next: RwSignal<u32>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        Self { list: RwSignal::new(Vec::new()), next: RwSignal::new(0) }
    }

    /// Says that something is done.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.add(text.into(), false, 4);
    }

    /// Says that something did not work, long enough to be read.
    pub(crate) fn fail(&self, text: impl Into<String>) {
        self.add(text.into(), true, 12);
    }

    pub(crate) fn dismiss(&self, id: u32) {
        self.list.update(|list| list.retain(|notice| notice.id != id));
    }

    /// What went wrong is told no longer.
    pub(crate) fn forgive(&self) {
        self.list.update(|list| list.retain(|notice| !notice.bad));
    }

    fn add(&self, text: String, bad: bool, seconds: u64) {
        let id = self.next.get_untracked();
        self.next.set(id.wrapping_add(1));
        self.list.update(|list| {
            list.retain(|notice| notice.text != text);
            list.push(Notice { id, text, bad });
        });
        let notices = *self;
        set_timeout(move || notices.dismiss(id), Duration::from_secs(seconds));
    }
}
