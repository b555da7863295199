//! What the kind says to people, in both languages; what others say too with it.

use cjhirashi_domain::settings::Language;

pub(crate) use super::super::words::*;

pub(crate) const fn markdown(language: Language) -> &'static str {
    match language {
        Language::Es => "Documento",
        Language::En => "Document",
    }
}

pub(crate) const fn outline(language: Language) -> &'static str {
    match language {
        Language::Es => "Índice",
        Language::En => "Outline",
    }
}

pub(crate) fn text_too_long(megabytes: usize, language: Language) -> String {
    match language {
        Language::Es => {
            format!("El texto tiene más de {megabytes} MB y no cabe en esta forma. Descárgalo como Markdown.")
        }
        Language::En => {
            format!("The text has more than {megabytes} MB, too much for this form. Download it as Markdown.")
        }
    }
}

pub(crate) const fn document_failed(language: Language) -> &'static str {
    match language {
        Language::Es => "No se ha podido escribir el documento de Word. Descarga el texto como Markdown.",
        Language::En => "The Word document could not be written. Download the text as Markdown.",
    }
}
