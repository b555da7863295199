//! One set of outline icons, drawn on a 16 by 16 grid.

use leptos::prelude::*;

use crate::components::{Piece, Whole as _};

/// Which icon. Those that the server alone draws are not in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Plus,
    Search,
    Document,
    Documents,
    Gear,
    People,
    Menu,
    Close,
    More,
    Send,
    Stop,
    #[cfg(feature = "ssr")]
    Copy,
    Retry,
    Check,
    Alert,
    Info,
    Up,
    Down,
    Upload,
    Download,
    Trash,
    Edit,
    Key,
    Leave,
    Chat,
    #[cfg(feature = "ssr")]
    Half,
    #[cfg(feature = "ssr")]
    Branch,
    #[cfg(feature = "ssr")]
    Left,
    Right,
    #[cfg(feature = "ssr")]
    ThumbUp,
    #[cfg(feature = "ssr")]
    ThumbDown,
    #[cfg(feature = "ssr")]
    Folder,
    #[cfg(feature = "ssr")]
    Tag,
    #[cfg(feature = "ssr")]
    Archive,
    #[cfg(feature = "ssr")]
    Pin,
    #[cfg(feature = "ssr")]
    Link,
    #[cfg(feature = "ssr")]
    Clock,
    Artifact,
    #[cfg(feature = "ssr")]
    Undo,
    #[cfg(feature = "ssr")]
    Full,
}

impl Icon {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Plus => "M8 3v10M3 8h10",
            Self::Search => "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14",
            Self::Document => "M4 1.5h5L12.5 5v9.5h-8.5zM9 1.5V5h3.5M6.5 8.5h3.5M6.5 11h3.5",
            Self::Documents => "M5 4.5V1.5h5L13.5 5v7h-3M10 1.5V5h3.5M2.5 4.5h5v10h-5z",
            Self::Gear => {
                "M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M3.4 12.6l1.4-1.4M11.2 4.8l1.4-1.4"
            }
            Self::People => {
                "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.7a2.5 2.5 0 0 1 0 4.6M12 9.9c1.5.6 2.5 1.9 2.5 3.6"
            }
            Self::Menu => "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
            Self::Close => "m3.5 3.5 9 9M12.5 3.5l-9 9",
            Self::More => "M3.5 8h.01M8 8h.01M12.5 8h.01",
            Self::Send | Self::Up => "M8 13.5v-11M3.5 7 8 2.5 12.5 7",
            Self::Stop => "M4.5 4.5h7v7h-7z",
            #[cfg(feature = "ssr")]
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Retry => "M13 8a5 5 0 1 1-1.5-3.6L13.5 6M13.5 2.5V6H10",
            #[cfg(feature = "ssr")]
            Self::Clock => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.5V8l2.5 1.5",
            Self::Check => "m3 8.5 3.5 3.5L13 4.5",
            Self::Alert => "M8 2 14.5 13.5h-13zM8 6.5v3M8 11.5h.01",
            Self::Info => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 7.5v3.5M8 5h.01",
            Self::Down => "M8 2.5v11M3.5 9 8 13.5 12.5 9",
            Self::Upload => "M8 10.5V2M4.5 5 8 1.5 11.5 5M2.5 10.5v3h11v-3",
            Self::Download => "M8 1.5V10M4.5 6.5 8 10l3.5-3.5M2.5 10.5v3h11v-3",
            Self::Trash => "M2.5 4h11M6 4V2h4v2M4 4l.6 10h6.8L12 4M6.5 7v4M9.5 7v4",
            Self::Edit => "m10.5 2.5 3 3-8 8H2.5v-3zM8.5 4.5l3 3",
            Self::Key => "M10 9.5a3.5 3.5 0 1 0-3.3-2.3L2 12v2h2.5v-1.5H6V11l1.3-1.3c.8-.1 1.8-.2 2.7-.2zM11 5h.01",
            Self::Leave => "M6.5 2.5h-4v11h4M10.5 11.5 14 8l-3.5-3.5M14 8H6",
            Self::Chat => "M2 3.5h12v8H7.5L4.5 14v-2.5H2z",
            #[cfg(feature = "ssr")]
            Self::Branch => {
                "M4.5 2v9M4.5 14a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 5c0 3.5-7 2.5-7 6"
            }
            #[cfg(feature = "ssr")]
            Self::Left => "M10 3 5 8l5 5",
            Self::Right => "m6 3 5 5-5 5",
            #[cfg(feature = "ssr")]
            Self::ThumbUp => {
                "M5 7v6.5M2 7h3l3-5.5c1.2 0 1.9.9 1.6 2L9 6h3.6c1 0 1.6.9 1.4 1.8l-1 4.4c-.2.8-.8 1.3-1.6 1.3H2z"
            }
            #[cfg(feature = "ssr")]
            Self::ThumbDown => {
                "M5 9V2.5M2 9h3l3 5.5c1.2 0 1.9-.9 1.6-2L9 10h3.6c1 0 1.6-.9 1.4-1.8l-1-4.4c-.2-.8-.8-1.3-1.6-1.3H2z"
            }
            #[cfg(feature = "ssr")]
            Self::Folder => "M2 12.5v-9h4l1.5 2H14v7z",
            #[cfg(feature = "ssr")]
            Self::Tag => "M2.5 2.5h5l6 6-5 5-6-6zM5.5 5.5h.01",
            #[cfg(feature = "ssr")]
            Self::Archive => "M2 3h12v3H2zM3 6v7h10V6M6.5 8.5h3",
            #[cfg(feature = "ssr")]
            Self::Pin => "M5.5 2h5M6.5 2v4.5L4.5 9h7l-2-2.5V2M8 9v5",
            #[cfg(feature = "ssr")]
            Self::Link => "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7",
            Self::Artifact => "M8 1.5 14 5v6l-6 3.5L2 11V5zM2 5l6 3.5L14 5M8 8.5v6",
            #[cfg(feature = "ssr")]
            Self::Undo => "M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M6 3.5l-3 3 3 3",
            #[cfg(feature = "ssr")]
            Self::Full => "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5 9 7M2.5 13.5 7 9",
            #[cfg(feature = "ssr")]
            Self::Half => "M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 1.5v13M10 3v10M12 4.5v7",
        }
    }
}

/// The product's mark: an open book with a tick.
pub(crate) fn brand(class: &'static str) -> Piece {
    view! {
        <svg viewBox="0 0 32 32" class=class aria-hidden="true">
            <path d="M6 7.5C9 6 13 6 16 8.5c3-2.5 7-2.5 10-1v16c-3-1.5-7-1.5-10 1-3-2.5-7-2.5-10-1zM16 8.5v16M20 14.5l1.6 1.6 3-3.2" />
        </svg>
    }
    .whole()
}

/// An icon without a name of its own; the control it is in has one.
pub(crate) fn icon(which: Icon) -> Piece {
    view! {
        <svg class=if which == Icon::More { "icon dots" } else { "icon" } viewBox="0 0 16 16" aria-hidden="true">
            <path d=which.path() />
        </svg>
    }
    .whole()
}
