//! Why a diagram is not drawn, and what to do about it.

use cjhirashi_domain::settings::Language;
use mermaid_svg::{ParseError, SyntaxKind};

use super::{MAX_BYTES, MAX_LINES, bounds::KINDS};

/// What keeps a diagram from being drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagramProblem {
    /// From 1, where it can be told.
    pub line: Option<u32>,
    /// What it is and what to do, in the reader's language. It is text, not HTML, and may hold a word of the source.
    pub words: String,
    /// There was no time to draw it; another moment there may be.
    pub passing: bool,
}

#[derive(Debug)]
pub(super) enum Undrawn {
    /// Nothing is there.
    Empty,
    /// More bytes or lines than are drawn.
    TooLong,
    /// Settings that begin and do not end.
    Settings,
    /// The first word is no kind that is drawn.
    Kind(String),
    /// More days than are drawn, or how many cannot be told.
    Days(Option<u32>),
    /// Too many lines between boxes, or a part that is in itself.
    TooMuch,
    /// An arrow leads out of a state's inside.
    Crossing,
    /// A line that is not understood.
    Line(u32, SyntaxKind),
    /// It is read, and there is nothing to see, or it cannot be seen.
    Unreadable,
    /// There was no time to draw, or no thread.
    Late,
}

impl From<ParseError> for Undrawn {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Syntax { kind, line, .. } => match u32::try_from(line) {
                Ok(line @ 1..) => Self::Line(line, kind),
                _ => Self::Unreadable,
            },
            ParseError::UnknownDiagramType(kind) => Self::Kind(kind.chars().take(40).collect()),
            ParseError::Empty => Self::Empty,
            _ => Self::Unreadable,
        }
    }
}

impl Undrawn {
    pub(super) fn problem(&self, language: Language) -> DiagramProblem {
        let line = match self {
            Self::Line(line, _) => Some(*line),
            Self::Days(line) => *line,
            _ => None,
        };
        DiagramProblem { line, words: self.words(language), passing: matches!(self, Self::Late) }
    }

    fn words(&self, language: Language) -> String {
        let (spanish, english) = match self {
            Self::Empty => (
                "No hay nada que dibujar. Escribe el diagrama en Mermaid.",
                "There is nothing to draw. Write the diagram in Mermaid.",
            ),
            Self::TooLong => {
                let kilobytes = MAX_BYTES / 1024;
                return match language {
                    Language::Es => format!(
                        "El diagrama es demasiado largo: caben {MAX_LINES} líneas y {kilobytes} kB. Divídelo en varios."
                    ),
                    Language::En => format!(
                        "The diagram is too long: {MAX_LINES} lines and {kilobytes} kB fit. Divide it into several."
                    ),
                };
            }
            Self::Settings => (
                "El bloque de ajustes del principio no termina. Ciérralo con --- o con }%%, o quítalo.",
                "The block of settings does not end. Close it with --- or with }%%, or remove it.",
            ),
            Self::Kind(kind) => {
                // Older and newer names of the same are one.
                let known: Vec<&str> =
                    KINDS.iter().copied().filter(|kind| !kind.ends_with("-beta") && !kind.ends_with("-v2")).collect();
                let known = known.join(", ");
                return match language {
                    Language::Es => {
                        format!("«{kind}» no es un tipo de diagrama que se dibuje aquí. Se dibujan: {known}.")
                    }
                    Language::En => format!("“{kind}” is no kind of diagram that is drawn here. These are: {known}."),
                };
            }
            Self::Days(_) => (
                "Aquí el calendario es demasiado largo o tiene una fecha o duración que no se entiende. Usa fechas como 2026-03-31 y duraciones como 5d o 2w.",
                "Here the calendar is too long, or has a date or duration that makes no sense. Use dates like 2026-03-31 and durations like 5d or 2w.",
            ),
            Self::TooMuch => (
                "Tiene demasiadas flechas, o una parte que está dentro de sí misma. Simplifícalo o divídelo en varios.",
                "It has too many arrows, or a part that is inside of itself. Simplify it or divide it into several.",
            ),
            Self::Crossing => (
                "Una flecha sale del interior de un estado hacia fuera, y eso no se dibuja. Llévala desde el estado que lo contiene.",
                "An arrow leads from the inside of a state to somewhere else, which is not drawn. Let it begin at the state around it.",
            ),
            Self::Line(_, SyntaxKind::InvalidNumber) => (
                "En esta línea hay un número que no se entiende. Usa cifras con punto decimal.",
                "There is a number in this line that makes no sense. Use digits with a decimal point.",
            ),
            Self::Line(_, SyntaxKind::Unclosed) => (
                "En esta línea se abre un paréntesis, un corchete, unas comillas o un bloque que no se cierra.",
                "A parenthesis, bracket, quote or block is opened in this line and not closed.",
            ),
            Self::Line(_, SyntaxKind::UnknownStatement | SyntaxKind::MissingHeader) => (
                "Esta línea no se entiende en este tipo de diagrama.",
                "This line makes no sense in this kind of diagram.",
            ),
            Self::Line(..) => (
                "A esta línea le falta algo o está mal escrita.",
                "Something is missing in this line, or it is written wrong.",
            ),
            Self::Unreadable => (
                "El diagrama no se puede dibujar. Comprueba que tiene elementos con nombre y que cada línea está completa.",
                "The diagram cannot be drawn. Check that it has elements with names and that every line is complete.",
            ),
            Self::Late => (
                "No ha dado tiempo a dibujarlo. Inténtalo otra vez o simplifícalo.",
                "There was no time to draw it. Try once more or simplify it.",
            ),
        };
        match language {
            Language::Es => spanish,
            Language::En => english,
        }
        .to_owned()
    }
}
