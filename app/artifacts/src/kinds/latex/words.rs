//! What the kind says to people, in both languages; what others say too with it.

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::FormulaReason;

pub(crate) use super::super::words::*;

pub(crate) const fn latex(language: Language) -> &'static str {
    match language {
        Language::Es => "Fórmula",
        Language::En => "Formula",
    }
}

pub(crate) const fn formula_unclosed(language: Language) -> &'static str {
    match language {
        Language::Es => "Aquí empieza una fórmula que no acaba en su párrafo. Pon el signo que la cierra.",
        Language::En => "A formula begins here that does not end in its paragraph. Put the sign that closes it.",
    }
}

pub(crate) const fn formula_undrawn(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "Esta fórmula no se puede dibujar como SVG. Descárgala como LaTeX o escríbela con órdenes más comunes."
        }
        Language::En => {
            "This formula cannot be drawn as SVG. Download it as LaTeX or write it with more common commands."
        }
    }
}

pub(crate) const fn no_formula(language: Language) -> &'static str {
    match language {
        Language::Es => "No hay ninguna fórmula que dibujar.",
        Language::En => "There is no formula to draw.",
    }
}

pub(crate) fn too_many_formulas(most: usize, language: Language) -> String {
    match language {
        Language::Es => format!(
            "Son demasiadas fórmulas para un dibujo: caben {most}, y 32 kB en total. Descarga el texto como LaTeX."
        ),
        Language::En => {
            format!(
                "These are too many formulas for one picture: {most} fit, and 32 kB in all. Download the text as LaTeX."
            )
        }
    }
}

pub(crate) const fn formula_reason(reason: FormulaReason, language: Language) -> &'static str {
    match (reason, language) {
        (FormulaReason::TooLong, Language::Es) => "La fórmula es demasiado larga: caben 4000 bytes. Divídela.",
        (FormulaReason::TooLong, Language::En) => "The formula is too long: 4,000 bytes fit. Divide it.",
        (FormulaReason::TooDeep, Language::Es) => "Hay demasiados grupos unos dentro de otros. Escríbela más sencilla.",
        (FormulaReason::TooDeep, Language::En) => "Too many groups are inside each other. Write it in a simpler way.",
        (FormulaReason::Macro, Language::Es) => "Aquí no se definen órdenes propias. Escribe lo que abrevian.",
        (FormulaReason::Macro, Language::En) => "Commands cannot be defined here. Write what they stand for.",
        (FormulaReason::Unbalanced, Language::Es) => {
            "Una llave, un entorno o un \\left no se cierra, o se cierra sin abrirse. Añade o quita el que corresponde."
        }
        (FormulaReason::Unbalanced, Language::En) => {
            "A brace, an environment or a \\left is not closed, or is closed without being opened. Add or remove its partner."
        }
        (FormulaReason::Command, Language::Es) => "No se conoce esta orden. Mira si está bien escrita o usa otra.",
        (FormulaReason::Command, Language::En) => {
            "This command is not known. See whether it is spelled right or use another."
        }
        (FormulaReason::Environment, Language::Es) => {
            "No se conoce este entorno. Usa align, gather, cases, matrix o similares."
        }
        (FormulaReason::Environment, Language::En) => {
            "This environment is not known. Use align, gather, cases, matrix or the like."
        }
        (FormulaReason::Argument, Language::Es) => {
            "Falta aquí lo que la orden necesita, o no le sirve. Escríbelo entre llaves."
        }
        (FormulaReason::Argument, Language::En) => {
            "What the command needs is missing here, or does not fit. Write it between braces."
        }
        (FormulaReason::Dollar, Language::Es) => {
            "Hay un dólar dentro de la fórmula. Quítalo, o escribe \\$ si es dinero."
        }
        (FormulaReason::Dollar, Language::En) => {
            "There is a dollar inside of the formula. Remove it, or write \\$ if it is money."
        }
        (FormulaReason::Sign, Language::Es) => {
            "Aquí no puede haber un #, un & ni un \\\\. Quítalo o ponlo en un entorno como align."
        }
        (FormulaReason::Sign, Language::En) => {
            "There may be no #, & or \\\\ here. Remove it or put it into an environment such as align."
        }
        (FormulaReason::Doubled, Language::Es) => "Hay dos exponentes o dos índices seguidos. Agrúpalos con llaves.",
        (FormulaReason::Doubled, Language::En) => {
            "Two exponents or two indices follow each other. Group them with braces."
        }
        (FormulaReason::Colour, Language::Es) => "No se conoce este color. Usa un nombre como red o #RRGGBB.",
        (FormulaReason::Colour, Language::En) => "This colour is not known. Use a name such as red, or #RRGGBB.",
        (FormulaReason::Unreadable, Language::Es) => "La fórmula no se puede leer aquí. Revísala.",
        (FormulaReason::Unreadable, Language::En) => "The formula cannot be read here. Check it.",
    }
}
