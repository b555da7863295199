//! What kinds say to people, in both languages.

use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::FormulaReason;

pub(crate) const fn no_such_edit(language: Language) -> &'static str {
    match language {
        Language::Es => "Este artefacto no se edita así. Vuelve a abrirlo e inténtalo otra vez.",
        Language::En => "This artifact is not edited like that. Open it again and try once more.",
    }
}

// Tables

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

// Images

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

// Diagrams

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

// Texts

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

// Formulas

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

// Differences

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

// JSON

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
