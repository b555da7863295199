//! Lists: by which column they are ordered, and which way; written and read as addresses carry it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::DocumentStatus;

/// Something that a list can be ordered by.
pub trait Column: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Its word in addresses and queries.
    fn as_str(self) -> &'static str;

    /// Whether people look for the largest or newest first.
    fn descends_first(self) -> bool;
}

/// Columns of a list of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentColumn {
    /// The title, whatever its case and accents.
    Title,
    /// Where it stands: failed ones first.
    State,
    /// Bytes of its file.
    Size,
    /// When it last changed.
    Changed,
}

impl Column for DocumentColumn {
    const ALL: &'static [Self] = &[Self::Title, Self::State, Self::Size, Self::Changed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::State => "state",
            Self::Size => "size",
            Self::Changed => "changed",
        }
    }

    fn descends_first(self) -> bool {
        matches!(self, Self::Size | Self::Changed)
    }
}

/// Columns of a list of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PersonColumn {
    /// The name, or the address of who has none.
    Name,
    /// What they may do: least first.
    Role,
    /// How many chats they have.
    Chats,
    /// How many documents they have.
    Documents,
    /// Their last visit.
    Seen,
}

impl Column for PersonColumn {
    const ALL: &'static [Self] = &[Self::Name, Self::Role, Self::Chats, Self::Documents, Self::Seen];

    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Role => "role",
            Self::Chats => "chats",
            Self::Documents => "documents",
            Self::Seen => "seen",
        }
    }

    fn descends_first(self) -> bool {
        self != Self::Name
    }
}

/// A column and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order<C> {
    /// By which column.
    pub by: C,
    /// Largest, last or newest first.
    pub descending: bool,
}

impl<C: Column> Order<C> {
    /// Reads `title`, or `-title` for descending.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (descending, word) = text.strip_prefix('-').map_or((false, text), |word| (true, word));
        let by = C::ALL.iter().copied().find(|column| column.as_str() == word)?;
        Some(Self { by, descending })
    }

    /// As a list is ordered by a column first.
    #[must_use]
    pub fn first(by: C) -> Self {
        Self { by, descending: by.descends_first() }
    }

    /// As a list is ordered by a column that is chosen while it is in the order `now`: the same column turns round.
    #[must_use]
    pub fn chosen(by: C, now: Option<Self>) -> Self {
        match now {
            Some(now) if now.by == by => Self { by, descending: !now.descending },
            _ => Self::first(by),
        }
    }
}

impl<C: Column> fmt::Display for Order<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by.as_str())
    }
}

/// Where the documents of a list stand, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentState {
    /// Can be found.
    Ready,
    /// Waits, or is being processed.
    Working,
    /// Cannot be found, and says why.
    Failed,
}

impl DocumentState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Working, Self::Failed];

    /// Its word in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Working => "working",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The stored states that it stands for.
    #[must_use]
    pub const fn statuses(self) -> &'static [DocumentStatus] {
        match self {
            Self::Ready => &[DocumentStatus::Indexed],
            Self::Working => &[DocumentStatus::Queued, DocumentStatus::Processing],
            Self::Failed => &[DocumentStatus::Failed],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        for by in DocumentColumn::ALL.iter().copied() {
            for descending in [false, true] {
                let order = Order { by, descending };
                assert_eq!(Order::parse(&order.to_string()), Some(order));
            }
        }
        for text in ["", "-", "--title", "Title", "nothing"] {
            assert_eq!(Order::<DocumentColumn>::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_column_that_is_chosen_again_turns_round() {
        let first = Order::chosen(DocumentColumn::Size, None);
        assert_eq!(first, Order { by: DocumentColumn::Size, descending: true });
        let second = Order::chosen(DocumentColumn::Size, Some(first));
        assert!(!second.descending);
        assert_eq!(Order::chosen(DocumentColumn::Title, Some(second)), Order::first(DocumentColumn::Title));
    }

    #[test]
    fn every_status_belongs_to_one_state() {
        use DocumentStatus::{Failed, Indexed, Processing, Queued};
        for status in [Queued, Processing, Indexed, Failed] {
            assert_eq!(DocumentState::ALL.iter().filter(|state| state.statuses().contains(&status)).count(), 1);
        }
        assert_eq!(DocumentState::parse("working"), Some(DocumentState::Working));
    }
}
