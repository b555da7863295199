//! What the kind says to people, in both languages; what others say too with it.

use cjhirashi_domain::settings::Language;

pub(crate) use super::super::words::*;

pub(crate) const fn json(language: Language) -> &'static str {
    match language {
        Language::Es => "Datos JSON",
        Language::En => "JSON data",
    }
}

/// What keeps a text from being JSON.
#[derive(Clone, Copy)]
pub(crate) enum JsonFault {
    End,
    Value,
    Key,
    Colon,
    Comma(char),
    TrailingComma,
    Escape,
    Control,
    Number,
    Comment,
    Quote,
    Word,
    Deep(usize),
    After,
}

pub(crate) fn json_fault(fault: JsonFault, language: Language) -> String {
    use JsonFault as Fault;
    let said = match (fault, language) {
        (Fault::Comma(close), Language::Es) => {
            return format!("Falta una coma, o el signo {close} que cierra. Ponlo aquí.");
        }
        (Fault::Comma(close), Language::En) => {
            return format!("A comma or the closing {close} is missing. Put it here.");
        }
        (Fault::Deep(most), Language::Es) => {
            return format!("Hay más de {most} valores unos dentro de otros. Aplana los datos.");
        }
        (Fault::Deep(most), Language::En) => {
            return format!("More than {most} values are inside each other. Flatten the data.");
        }
        (Fault::End, Language::Es) => {
            "El texto acaba antes de tiempo: falta cerrar una comilla, un corchete o una llave."
        }
        (Fault::End, Language::En) => "The text ends too early: a quote, a bracket or a brace is not closed.",
        (Fault::Value, Language::Es) => {
            "Falta un valor: un texto entre comillas, un número, true, false, null, una lista o un objeto."
        }
        (Fault::Value, Language::En) => {
            "A value is missing: a quoted text, a number, true, false, null, a list or an object."
        }
        (Fault::Key, Language::Es) => "Falta una clave. Las claves van entre comillas dobles.",
        (Fault::Key, Language::En) => "A key is missing. Keys are written in double quotes.",
        (Fault::Colon, Language::Es) => "Faltan los dos puntos entre la clave y su valor.",
        (Fault::Colon, Language::En) => "The colon between the key and its value is missing.",
        (Fault::TrailingComma, Language::Es) => "Sobra esta coma: detrás no viene nada. Quítala.",
        (Fault::TrailingComma, Language::En) => "This comma is one too many: nothing follows it. Remove it.",
        (Fault::Escape, Language::Es) => "No hay tal secuencia con barra invertida. Escribe \\\\ si quieres una barra.",
        (Fault::Escape, Language::En) => {
            "There is no such sequence with a backslash. Write \\\\ if you want a backslash."
        }
        (Fault::Control, Language::Es) => {
            "Un texto no puede cambiar de línea ni tener signos de control. Escribe \\n o cierra la comilla."
        }
        (Fault::Control, Language::En) => {
            "A text cannot break the line or hold control characters. Write \\n or close the quote."
        }
        (Fault::Number, Language::Es) => {
            "Este número no está bien escrito: sin ceros delante, con punto decimal y cifras a ambos lados."
        }
        (Fault::Number, Language::En) => {
            "This number is not written right: no zeros before it, a decimal point with digits on both sides."
        }
        (Fault::Comment, Language::Es) => "JSON no tiene comentarios. Quítalo.",
        (Fault::Comment, Language::En) => "JSON has no comments. Remove it.",
        (Fault::Quote, Language::Es) => "JSON usa comillas dobles. Cambia las sencillas.",
        (Fault::Quote, Language::En) => "JSON uses double quotes. Change the single ones.",
        (Fault::Word, Language::Es) => {
            "Esta palabra no es un valor. Si es un texto, ponlo entre comillas dobles; si no, usa true, false o null."
        }
        (Fault::Word, Language::En) => {
            "This word is no value. If it is a text, put it in double quotes; otherwise use true, false or null."
        }
        (Fault::After, Language::Es) => "El valor ya ha acabado y sigue algo más. Quítalo o ponlo todo en una lista.",
        (Fault::After, Language::En) => {
            "The value has ended and something follows it. Remove it or put everything into a list."
        }
    };
    said.to_owned()
}

pub(crate) const fn json_duplicate(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "Esta clave ya está en el mismo objeto; según el programa vale una u otra. Quita o renombra una."
        }
        Language::En => {
            "This key is already in the same object; which one counts depends on the program. Remove or rename one."
        }
    }
}

pub(crate) const fn json_too_large(language: Language) -> &'static str {
    match language {
        Language::Es => "Con una línea por valor sería demasiado grande. Descárgalo compacto.",
        Language::En => "With a line for each value it would be too large. Download it compact.",
    }
}

pub(crate) fn json_count(count: usize, object: bool, language: Language) -> String {
    let what = match (object, count, language) {
        (true, 1, Language::Es) => "clave",
        (true, _, Language::Es) => "claves",
        (false, 1, Language::Es) => "elemento",
        (false, _, Language::Es) => "elementos",
        (true, 1, Language::En) => "key",
        (true, _, Language::En) => "keys",
        (false, 1, Language::En) => "item",
        (false, _, Language::En) => "items",
    };
    format!("{count} {what}")
}

pub(crate) fn json_more(count: usize, language: Language) -> String {
    match language {
        Language::Es => format!("… {count} más"),
        Language::En => format!("… {count} more"),
    }
}

pub(crate) fn json_text_goes_on(characters: usize, language: Language) -> String {
    match language {
        Language::Es => format!("… {characters} caracteres más"),
        Language::En => format!("… {characters} more characters"),
    }
}

pub(crate) const fn schema_not_one(language: Language) -> &'static str {
    match language {
        Language::Es => "El esquema tiene que ser un objeto JSON. Revísalo o quítalo.",
        Language::En => "The schema has to be a JSON object. Check it or remove it.",
    }
}

pub(crate) fn schema_too_large(kilobytes: usize, language: Language) -> String {
    match language {
        Language::Es => format!("El esquema es demasiado grande: caben {kilobytes} kB. Redúcelo."),
        Language::En => format!("The schema is too large: {kilobytes} kB fit. Make it smaller."),
    }
}

pub(crate) const fn schema_unchecked_size(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "Los datos son demasiado grandes para comprobarlos con el esquema: caben 4 MB y 300 000 valores."
        }
        Language::En => "The data is too large to be checked against the schema: 4 MB and 300,000 values fit.",
    }
}

pub(crate) const fn schema_cut(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "La comprobación con el esquema se ha cortado porque daría demasiado trabajo. Simplifica el esquema."
        }
        Language::En => {
            "The check against the schema was cut because it would take too much work. Simplify the schema."
        }
    }
}

pub(crate) const fn schema_loop(language: Language) -> &'static str {
    match language {
        Language::Es => "El esquema se refiere a sí mismo sin fin, y esa parte no se comprueba. Revisa sus $ref.",
        Language::En => "The schema refers to itself without end, and that part is not checked. Look at its $ref.",
    }
}

pub(crate) fn schema_unchecked(names: &str, language: Language) -> String {
    match language {
        Language::Es => format!("Esta parte del esquema no se comprueba aquí: {names}."),
        Language::En => format!("This part of the schema is not checked here: {names}."),
    }
}

pub(crate) const fn schema_nothing(language: Language) -> &'static str {
    match language {
        Language::Es => "El esquema no admite aquí ningún valor. Quítalo.",
        Language::En => "The schema allows no value here. Remove it.",
    }
}

fn schema_kind(kind: &str, language: Language) -> &str {
    match (kind, language) {
        ("string", Language::Es) => "un texto",
        ("number", Language::Es) => "un número",
        ("integer", Language::Es) => "un número entero",
        ("boolean", Language::Es) => "true o false",
        ("array", Language::Es) => "una lista",
        ("object", Language::Es) => "un objeto",
        ("string", Language::En) => "a text",
        ("number", Language::En) => "a number",
        ("integer", Language::En) => "a whole number",
        ("boolean", Language::En) => "true or false",
        ("array", Language::En) => "a list",
        ("object", Language::En) => "an object",
        (other, _) => other,
    }
}

pub(crate) fn schema_type(wanted: &[&str], kind: &str, language: Language) -> String {
    let or = match language {
        Language::Es => " o ",
        Language::En => " or ",
    };
    let wanted: Vec<&str> = wanted.iter().map(|kind| schema_kind(kind, language)).collect();
    let (wanted, kind) = (wanted.join(or), schema_kind(kind, language));
    let wanted: String = wanted.chars().take(120).collect();
    match language {
        Language::Es => format!("El esquema pide {wanted}, y aquí hay {kind}."),
        Language::En => format!("The schema wants {wanted}, and here is {kind}."),
    }
}

pub(crate) fn schema_enum(choices: &str, language: Language) -> String {
    match language {
        Language::Es => format!("El esquema solo admite aquí: {choices}."),
        Language::En => format!("The schema only allows here: {choices}."),
    }
}

pub(crate) fn schema_bound(bound: &str, language: Language) -> String {
    match language {
        Language::Es => format!("El esquema pide un número {bound}."),
        Language::En => format!("The schema wants a number {bound}."),
    }
}

pub(crate) fn schema_multiple(unit: f64, language: Language) -> String {
    match language {
        Language::Es => format!("El esquema pide un múltiplo de {unit}."),
        Language::En => format!("The schema wants a multiple of {unit}."),
    }
}

/// What has a size.
#[derive(Clone, Copy)]
pub(crate) enum Sized {
    Characters,
    Items,
    Keys,
}

pub(crate) fn schema_size(least: bool, bound: u64, of: Sized, language: Language) -> String {
    let of = match (of, language) {
        (Sized::Characters, Language::Es) => "caracteres",
        (Sized::Items, Language::Es) => "elementos",
        (Sized::Keys, Language::Es) => "claves",
        (Sized::Characters, Language::En) => "characters",
        (Sized::Items, Language::En) => "items",
        (Sized::Keys, Language::En) => "keys",
    };
    match (least, language) {
        (true, Language::Es) => format!("El esquema pide al menos {bound} {of}."),
        (false, Language::Es) => format!("El esquema admite como mucho {bound} {of}."),
        (true, Language::En) => format!("The schema wants at least {bound} {of}."),
        (false, Language::En) => format!("The schema allows at most {bound} {of}."),
    }
}

pub(crate) fn schema_pattern(pattern: &str, language: Language) -> String {
    match language {
        Language::Es => format!("El texto no tiene la forma que pide el esquema: {pattern}"),
        Language::En => format!("The text does not have the form that the schema wants: {pattern}"),
    }
}

pub(crate) const fn schema_contains(language: Language) -> &'static str {
    match language {
        Language::Es => "La lista no tiene tantos elementos de los que pide el esquema como debe.",
        Language::En => "The list does not hold as many of the items that the schema wants as it should.",
    }
}

pub(crate) const fn schema_unique(language: Language) -> &'static str {
    match language {
        Language::Es => "Este elemento se repite, y el esquema los quiere todos distintos.",
        Language::En => "This item is repeated, and the schema wants all of them different.",
    }
}

pub(crate) fn schema_required(key: &str, language: Language) -> String {
    match language {
        Language::Es => format!("Falta la clave «{key}», que el esquema pide."),
        Language::En => format!("The key “{key}” is missing, which the schema wants."),
    }
}

pub(crate) fn schema_additional(key: &str, language: Language) -> String {
    match language {
        Language::Es => format!("El esquema no admite la clave «{key}». Quítala o cámbiale el nombre."),
        Language::En => format!("The schema does not allow the key “{key}”. Remove it or rename it."),
    }
}

pub(crate) const fn schema_any(language: Language) -> &'static str {
    match language {
        Language::Es => "El valor no cumple ninguna de las formas que admite el esquema.",
        Language::En => "The value has none of the forms that the schema allows.",
    }
}

pub(crate) const fn schema_one(count: usize, language: Language) -> &'static str {
    match (count, language) {
        (0, _) => schema_any(language),
        (_, Language::Es) => "El valor cumple varias formas del esquema a la vez, y debe cumplir solo una.",
        (_, Language::En) => "The value has several forms of the schema at once, and should have only one.",
    }
}

pub(crate) const fn schema_not(language: Language) -> &'static str {
    match language {
        Language::Es => "El valor tiene la forma que el esquema excluye.",
        Language::En => "The value has the form that the schema excludes.",
    }
}
