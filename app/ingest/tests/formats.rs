//! Files of every kind, whole ones.

#[path = "../../testkit/src/files.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with other tests, which use the rest")]
mod files;

use cjhirashi_ingest::{Extracted, Kind, Limits, extract, recognise};

fn read(name: &str, bytes: &[u8]) -> Extracted {
    let kind = recognise(name, bytes).unwrap();
    extract(kind, bytes, &Limits::default()).unwrap()
}

fn page_text(extracted: &Extracted, page: usize) -> String {
    let start = extracted.pages[page].start as usize;
    let end = extracted.pages.get(page + 1).map_or(usize::MAX, |next| next.start as usize);
    extracted.text.chars().skip(start).take(end - start).collect::<String>().trim().to_owned()
}

#[test]
fn a_pdf_gives_text_and_where_its_pages_begin() {
    let bytes = files::pdf(
        "Política de devoluciones",
        &[
            "Los clientes pueden devolver un producto dentro de los treinta días\nsiguientes a la compra si conservan el recibo y la caja ori-\nginal.",
            "",
            "La garantía dura dos años.",
        ],
    );
    let found = read("política.pdf", &bytes);
    assert_eq!(found.language.as_deref(), Some("es"));
    assert_eq!(found.pages.iter().map(|page| page.page).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(
        page_text(&found, 0),
        "Los clientes pueden devolver un producto dentro de los treinta días siguientes a la compra si conservan el \
         recibo y la caja original."
    );
    assert_eq!(page_text(&found, 1), "");
    assert_eq!(page_text(&found, 2), "La garantía dura dos años.");
}

#[test]
fn a_pdf_after_a_line_of_junk_is_read() {
    let mut bytes = b"X-Gateway: scanned\r\n".to_vec();
    bytes.extend(files::pdf("T", &["Words on a page."]));
    assert_eq!(read("a.pdf", &bytes).text, "Words on a page.");
}

#[test]
fn a_docx_gives_headings_lists_tables_and_notes() {
    let bytes = files::docx_of_xml(
        "Manual & guía",
        r#"<w:p><w:pPr><w:pStyle w:val="Ttulo1"/></w:pPr><w:r><w:t>Primeros</w:t></w:r><w:r><w:t xml:space="preserve"> pasos</w:t></w:r></w:p>
        <w:p><w:r><w:t>Enciende el aparato &lt;A&gt; y espera.</w:t><w:br/><w:t>Luego &#225;brelo.</w:t></w:r><w:del><w:r><w:delText>borrado</w:delText></w:r></w:del></w:p>
        <w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>Uno</w:t></w:r></w:p><w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>Dos</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>País</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Días</w:t></w:r></w:p></w:tc></w:tr>
        <w:tr><w:tc><w:p><w:r><w:t>España</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>30</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        <w:p><w:r><w:t>Fin.</w:t></w:r></w:p>"#,
    );
    let found = read("manual.docx", &bytes);
    assert_eq!(
        found.text,
        "# Primeros pasos\n\nEnciende el aparato <A> y espera.\nLuego ábrelo.\n\n- Uno\n- Dos\n\nPaís | Días\nEspaña | 30\n\nFin."
    );
}

#[test]
fn a_docx_called_txt_is_still_a_docx() {
    let bytes = files::docx("T", "# Uno\nHola a todos.");
    assert_eq!(recognise("carta.txt", &bytes), Ok(Kind::Docx));
    assert_eq!(read("carta.txt", &bytes).text, "# Uno\n\nHola a todos.");
}

#[test]
fn markdown_and_text_stay_as_they_are() {
    let markdown = "# Guía\n\n- **uno**\n- `dos`\n\n| a | b |\n|---|---|\n| 1 | 2 |";
    assert_eq!(read("guía.md", markdown.as_bytes()).text, markdown);
    assert_eq!(read("a.csv", b"a;b\r\n1;2\r\n").text, "a;b\n1;2");
}
