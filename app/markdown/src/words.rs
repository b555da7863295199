//! What this crate itself says to people, in both languages.

use cjhirashi_domain::settings::Language;

/// The name of a footnote's number in the text, before the number.
pub(crate) const fn footnote(language: Language) -> &'static str {
    match language {
        Language::Es => "Nota",
        Language::En => "Note",
    }
}

/// The name of the footnotes below a text.
pub(crate) const fn footnotes(language: Language) -> &'static str {
    match language {
        Language::Es => "Notas",
        Language::En => "Notes",
    }
}

/// From a footnote to where the text names it.
pub(crate) const fn back_to_text(language: Language) -> &'static str {
    match language {
        Language::Es => "Volver al texto",
        Language::En => "Back to the text",
    }
}

/// How the box of a task is read out.
pub(crate) const fn task(language: Language, done: bool) -> &'static str {
    match (language, done) {
        (Language::Es, true) => "Hecho:",
        (Language::Es, false) => "Pendiente:",
        (Language::En, true) => "Done:",
        (Language::En, false) => "To do:",
    }
}

/// The name of a drawing, before what it shows.
pub(crate) const fn diagram(language: Language) -> &'static str {
    match language {
        Language::Es => "Diagrama",
        Language::En => "Diagram",
    }
}

/// Stands under a diagram that is shown as its source.
pub(crate) const fn diagram_undrawn(language: Language) -> &'static str {
    match language {
        Language::Es => "Este diagrama no se ha podido dibujar; arriba está su código.",
        Language::En => "This diagram could not be drawn; its source is above.",
    }
}

/// What opens the source of a drawing.
pub(crate) const fn diagram_source(language: Language) -> &'static str {
    match language {
        Language::Es => "Código del diagrama",
        Language::En => "Source of the diagram",
    }
}
