//! What this crate itself says to people, in both languages.

use cjhirashi_domain::{chat::RetrievalSummary, settings::Language};

/// A share as whole percent, as people read it.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).clamp(0.0, 100.0))
}

/// The sentence before quotations.
pub(crate) const fn quotations(language: Language) -> &'static str {
    match language {
        Language::Es => "Esto dicen los documentos, con sus propias palabras:",
        Language::En => "This is what the documents say, in their own words:",
    }
}

/// Said when documents were searched and nothing was close enough.
pub(crate) fn nothing_found(language: Language, summary: &RetrievalSummary) -> String {
    let documents = summary.searched_documents;
    let mut text = match (language, documents) {
        (Language::Es, 1) => "No he encontrado la respuesta en el documento en el que he buscado.".to_owned(),
        (Language::Es, _) => {
            format!("No he encontrado la respuesta en los {documents} documentos en los que he buscado.")
        }
        (Language::En, 1) => "I did not find the answer in the one document I searched.".to_owned(),
        (Language::En, _) => format!("I did not find the answer in the {documents} documents I searched."),
    };
    if let Some(best) = &summary.best {
        let (score, wanted) = (percent(best.score), percent(summary.min_score));
        let title = crate::extractive::escape_markdown(&best.title);
        text.push_str(&match language {
            Language::Es => format!(
                " Lo más cercano está en «{title}», con una relevancia del {score}; se pide al menos el {wanted}."
            ),
            Language::En => format!(
                " The closest match is in “{title}”, with a relevance of {score}; at least {wanted} is asked for."
            ),
        });
    }
    if summary.degraded {
        text.push_str(match language {
            Language::Es => {
                " Solo he podido buscar por palabras: la búsqueda por significado no está disponible ahora."
            }
            Language::En => " I could only search by words: search by meaning is not available at the moment.",
        });
    }
    text.push_str(match language {
        Language::Es => {
            "\n\nPrueba con otras palabras, baja la relevancia mínima en Ajustes o sube el documento que lo explique."
        }
        Language::En => {
            "\n\nTry other words, lower the minimum relevance in the settings, or upload the document that explains it."
        }
    });
    text
}

/// Said when there is nothing to search in and no model to ask.
pub(crate) const fn no_documents(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "Aún no hay documentos en los que buscar. Sube uno y vuelve a preguntar; para conversar sin documentos, conecta un modelo de lenguaje en Ajustes."
        }
        Language::En => {
            "There are no documents to search yet. Upload one and ask again; to talk without documents, connect a language model in the settings."
        }
    }
}

/// Said when the person switched the search off and there is no model to ask.
pub(crate) const fn search_is_off(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "La búsqueda en documentos está desactivada y no hay ningún modelo de lenguaje conectado, así que no puedo responder. Activa la búsqueda o conecta un modelo en Ajustes."
        }
        Language::En => {
            "Searching documents is switched off and no language model is connected, so I cannot answer. Switch the search on or connect a model in the settings."
        }
    }
}

/// Stands for an image that a model is not shown.
pub(crate) const fn image(language: Language) -> &'static str {
    match language {
        Language::Es => "\n[imagen]",
        Language::En => "\n[image]",
    }
}
