//! What the kind says to people, in both languages; what others say too with it.

use cjhirashi_domain::settings::Language;

pub(crate) use super::super::words::*;

pub(crate) const fn table(language: Language) -> &'static str {
    match language {
        Language::Es => "Tabla",
        Language::En => "Table",
    }
}

pub(crate) fn table_first_rows(shown: usize, all: usize, language: Language) -> String {
    match language {
        Language::Es => format!("Se ven las primeras {shown} filas de {all}."),
        Language::En => format!("These are the first {shown} of {all} rows."),
    }
}

pub(crate) const fn table_empty(language: Language) -> &'static str {
    match language {
        Language::Es => "La tabla está vacía. Escribe una primera línea con los nombres de las columnas.",
        Language::En => "The table is empty. Write a first line with the names of the columns.",
    }
}

pub(crate) const fn table_without_header(language: Language) -> &'static str {
    match language {
        Language::Es => "La primera línea parece de datos. Añade antes una línea con los nombres de las columnas.",
        Language::En => "The first line looks like data. Add a line with the names of the columns before it.",
    }
}

pub(crate) fn table_unnamed_column(column: usize, language: Language) -> String {
    match language {
        Language::Es => format!("La columna {column} no tiene nombre. Ponle uno."),
        Language::En => format!("Column {column} has no name. Give it one."),
    }
}

pub(crate) fn table_same_name(name: &str, language: Language) -> String {
    let name: String = name.chars().take(60).collect();
    match language {
        Language::Es => format!("Hay más de una columna «{name}». Cambia el nombre de una."),
        Language::En => format!("More than one column is called “{name}”. Rename one of them."),
    }
}

pub(crate) fn table_uneven(cells: usize, columns: usize, language: Language) -> String {
    match language {
        Language::Es => format!(
            "Esta fila tiene {cells} celdas y la primera línea {columns}. Añade o quita separadores, o pon comillas a la celda que los contiene."
        ),
        Language::En => format!(
            "This row has {cells} cells and the first line has {columns}. Add or remove separators, or quote the cell that holds them."
        ),
    }
}

pub(crate) const fn table_unclosed(language: Language) -> &'static str {
    match language {
        Language::Es => {
            "En esta fila se abren unas comillas que no se cierran, y todo lo que sigue cae en una celda. Ciérralas."
        }
        Language::En => {
            "Quotes are opened in this row and never closed, so that all that follows is one cell. Close them."
        }
    }
}

pub(crate) fn table_too_large(rows: usize, columns: usize, language: Language) -> String {
    match language {
        Language::Es => format!(
            "La tabla es demasiado grande: caben {rows} filas, {columns} columnas y 16 MB. Lo que pasa de ahí no se ve ni se edita; divídela en varias."
        ),
        Language::En => format!(
            "The table is too large: {rows} rows, {columns} columns and 16 MB fit. What goes beyond is neither shown nor edited; divide it into several."
        ),
    }
}

pub(crate) fn too_many_edits(most: usize, language: Language) -> String {
    match language {
        Language::Es => format!("Son demasiados cambios de una vez: caben {most}. Guarda más a menudo."),
        Language::En => format!("Too many changes at once: {most} fit. Save more often."),
    }
}

pub(crate) fn bad_edit(number: usize, language: Language) -> String {
    match language {
        Language::Es => {
            format!("El cambio {number} no se entiende, y no se ha aplicado ninguno. Vuelve a abrir la tabla.")
        }
        Language::En => format!("Change {number} makes no sense, and none was applied. Open the table again."),
    }
}

pub(crate) fn edit_out_of_place(number: usize, language: Language) -> String {
    match language {
        Language::Es => format!(
            "El cambio {number} es de una fila o columna que no existe, y no se ha aplicado ninguno. Vuelve a abrir la tabla."
        ),
        Language::En => format!(
            "Change {number} is about a row or column that is not there, and none was applied. Open the table again."
        ),
    }
}

pub(crate) fn cell_too_long(most: usize, language: Language) -> String {
    match language {
        Language::Es => format!("Una celda es demasiado larga: caben {most} caracteres. Acórtala."),
        Language::En => format!("A cell is too long: {most} characters fit. Shorten it."),
    }
}

pub(crate) fn workbook_too_large(cells: usize, language: Language) -> String {
    match language {
        Language::Es => {
            format!("La tabla tiene más de {cells} celdas, que no caben en un libro de Excel. Descárgala como CSV.")
        }
        Language::En => {
            format!("The table has more than {cells} cells, too many for an Excel workbook. Download it as CSV.")
        }
    }
}

pub(crate) const fn workbook_failed(language: Language) -> &'static str {
    match language {
        Language::Es => "No se ha podido escribir el libro de Excel. Descarga la tabla como CSV.",
        Language::En => "The Excel workbook could not be written. Download the table as CSV.",
    }
}
