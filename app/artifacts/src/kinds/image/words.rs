//! What the kind says to people, in both languages.

use cjhirashi_domain::settings::Language;

pub(crate) const fn image(language: Language) -> &'static str {
    match language {
        Language::Es => "Imagen",
        Language::En => "Image",
    }
}

pub(crate) const fn image_without_alt(language: Language) -> &'static str {
    match language {
        Language::Es => "Falta el texto alternativo. Di en una frase lo que se ve, para quien no puede verlo.",
        Language::En => {
            "The alternative text is missing. Say in one sentence what is seen, for those who cannot see it."
        }
    }
}

pub(crate) fn image_long_alt(most: usize, language: Language) -> String {
    match language {
        Language::Es => format!(
            "El texto alternativo es demasiado largo: caben {most} caracteres. Acórtalo y lleva el resto al pie."
        ),
        Language::En => format!(
            "The alternative text is too long: {most} characters fit. Shorten it and put the rest into the caption."
        ),
    }
}

pub(crate) fn image_long_caption(most: usize, language: Language) -> String {
    match language {
        Language::Es => format!("El pie es demasiado largo: caben {most} caracteres. Acórtalo."),
        Language::En => format!("The caption is too long: {most} characters fit. Shorten it."),
    }
}

pub(crate) const fn image_caption_is_drawing(language: Language) -> &'static str {
    match language {
        Language::Es => "El pie de una imagen es texto, no SVG.",
        Language::En => "The caption of a picture is text, not SVG.",
    }
}

pub(crate) const fn drawing_broken(language: Language) -> &'static str {
    match language {
        Language::Es => "El SVG no se puede leer a partir de aquí: falta cerrar un elemento, o sobra uno.",
        Language::En => "The SVG cannot be read on from here: an element is not closed, or one is too many.",
    }
}

pub(crate) const fn drawing_too_large(language: Language) -> &'static str {
    match language {
        Language::Es => "El dibujo es demasiado grande: caben 500 kB y 20.000 elementos, en cien niveles.",
        Language::En => "The drawing is too large: 500 kB and 20,000 elements fit, in a hundred levels.",
    }
}

pub(crate) const fn image_missing(language: Language) -> &'static str {
    match language {
        Language::Es => "Todavía no hay imagen. Sube un archivo PNG, JPEG, WebP o GIF.",
        Language::En => "There is no picture yet. Upload a PNG, JPEG, WebP or GIF file.",
    }
}

pub(crate) const fn image_unreadable(language: Language) -> &'static str {
    match language {
        Language::Es => "El archivo no es una imagen PNG, JPEG, WebP o GIF, o está dañado. Elige otro.",
        Language::En => "The file is no PNG, JPEG, WebP or GIF picture, or it is damaged. Choose another one.",
    }
}

pub(crate) const fn image_too_large(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "La imagen es demasiado grande: caben 12 000 píxeles por lado, 64 millones en total y 16 MB. Redúcela."
        }
        Language::En => {
            "The picture is too large: 12,000 pixels a side, 64 million in all and 16 MB fit. Make it smaller."
        }
    }
}
