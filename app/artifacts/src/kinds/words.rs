//! What more than one kind says to people, in both languages.

use cjhirashi_domain::settings::Language;

pub(crate) const fn no_such_edit(language: Language) -> &'static str {
    match language {
        Language::Es => "Este artefacto no se edita así. Vuelve a abrirlo e inténtalo otra vez.",
        Language::En => "This artifact is not edited like that. Open it again and try once more.",
    }
}

pub(crate) const fn diagram(language: Language) -> &'static str {
    match language {
        Language::Es => "Diagrama",
        Language::En => "Diagram",
    }
}

pub(crate) fn in_line(line: u32, language: Language) -> String {
    match language {
        Language::Es => format!("Línea {line}:"),
        Language::En => format!("Line {line}:"),
    }
}

pub(crate) const fn empty(language: Language) -> &'static str {
    match language {
        Language::Es => "Todavía está vacío. Escribe algo o pídelo en el chat.",
        Language::En => "It is still empty. Write something or ask for it in the chat.",
    }
}

pub(crate) fn hidden_sign(sign: char, language: Language) -> String {
    let sign = u32::from(sign);
    match language {
        Language::Es => format!(
            "Hay aquí un signo invisible (U+{sign:04X}) que cambia la dirección del texto: lo que se lee puede no ser lo que se ejecuta. Quítalo si no lo has puesto tú."
        ),
        Language::En => format!(
            "There is an invisible sign here (U+{sign:04X}) that turns the direction of text: what is read may not be what runs. Remove it unless you put it there."
        ),
    }
}

pub(crate) fn line_goes_on(characters: usize, language: Language) -> String {
    match language {
        Language::Es => format!("… la línea sigue: {characters} caracteres más"),
        Language::En => format!("… the line goes on: {characters} more characters"),
    }
}

pub(crate) const fn code(language: Language) -> &'static str {
    match language {
        Language::Es => "Código",
        Language::En => "Code",
    }
}

pub(crate) const fn page(language: Language) -> &'static str {
    match language {
        Language::Es => "Página HTML",
        Language::En => "HTML page",
    }
}

pub(crate) const fn not_all_shown(language: Language) -> &'static str {
    match language {
        Language::Es => "El texto sigue: aquí solo se ve su comienzo. Descárgalo para verlo entero.",
        Language::En => "The text goes on: only its beginning is shown here. Download it to see all of it.",
    }
}

pub(crate) const fn no_difference(language: Language) -> &'static str {
    match language {
        Language::Es => "Las dos versiones son iguales.",
        Language::En => "Both versions are the same.",
    }
}

pub(crate) fn lines_folded(lines: usize, language: Language) -> String {
    match (lines, language) {
        (1, Language::Es) => "… 1 línea …".to_owned(),
        (1, Language::En) => "… 1 line …".to_owned(),
        (_, Language::Es) => format!("… {lines} líneas …"),
        (_, Language::En) => format!("… {lines} lines …"),
    }
}

pub(crate) const fn difference_cut(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "La comparación se corta aquí: hay demasiado que mostrar. Descarga las dos versiones para compararlas enteras."
        }
        Language::En => {
            "The comparison is cut here: there is too much to show. Download both versions to compare all of them."
        }
    }
}

pub(crate) const fn difference_coarse(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "Los textos son tan largos o tan distintos que la comparación es aproximada: puede marcar más de lo que ha cambiado."
        }
        Language::En => {
            "The texts are so long or so different that the comparison is rough: it may mark more than what has changed."
        }
    }
}

pub(crate) const fn removed(language: Language) -> &'static str {
    match language {
        Language::Es => "quitado",
        Language::En => "removed",
    }
}

pub(crate) const fn added(language: Language) -> &'static str {
    match language {
        Language::Es => "añadido",
        Language::En => "added",
    }
}
