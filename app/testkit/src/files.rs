//! Small files of every kind the product reads, good and bad, made here byte by byte: no fixture of unknown origin.

use std::io::{Cursor, Write as _};

use zip::{ZipWriter, write::SimpleFileOptions};

/// Joins PDF objects (numbered from 1) with a cross-reference table; object 1 is the catalog.
fn pdf_file(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n", index + 1).bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n").bytes());
    out
}

fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("<< {dictionary} /Length {} >>\nstream\n", data.len()).into_bytes();
    out.extend(data);
    out.extend(b"\nendstream");
    out
}

/// A PDF string in WinAnsi, which is Latin-1 for the letters of Spanish.
fn pdf_string(text: &str) -> Vec<u8> {
    let mut out = vec![b'('];
    for c in text.chars() {
        if matches!(c, '(' | ')' | '\\') {
            out.push(b'\\');
        }
        out.push(u8::try_from(u32::from(c)).unwrap_or(b'?'));
    }
    out.push(b')');
    out
}

fn pages_of(contents: &[Vec<u8>], extra: &[Vec<u8>], resources: &str, trailer: &str) -> Vec<u8> {
    // 1 catalog, 2 page tree, 3 font, then the extra objects, then page and content in turn.
    let first = 4 + extra.len();
    let kids: Vec<String> = (0..contents.len()).map(|page| format!("{} 0 R", first + page * 2)).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), contents.len()).into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    objects.extend_from_slice(extra);
    for (page, content) in contents.iter().enumerate() {
        let content_id = first + page * 2 + 1;
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << {resources} >> /Contents {content_id} 0 R >>"
            )
            .into_bytes(),
        );
        objects.push(stream("", content));
    }
    pdf_file(&objects, trailer)
}

/// A PDF with a page for each text; the lines of a text are the lines of its page.
#[must_use]
pub fn pdf(title: &str, pages: &[&str]) -> Vec<u8> {
    let contents: Vec<Vec<u8>> = pages
        .iter()
        .map(|page| {
            let mut content = b"BT /F1 11 Tf 14 TL 60 780 Td\n".to_vec();
            for line in page.lines() {
                content.extend(pdf_string(line));
                content.extend(b" Tj T*\n");
            }
            content.extend(b"ET");
            content
        })
        .collect();
    let mut info = b"<< /Title ".to_vec();
    info.extend(pdf_string(title));
    info.extend(b" >>");
    pages_of(&contents, &[info], "/Font << /F1 3 0 R >>", "/Info 4 0 R")
}

/// A PDF whose only page is a picture, as scanners make them.
#[must_use]
pub fn scanned_pdf() -> Vec<u8> {
    let picture = stream(
        "/Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8",
        &[0, 255, 255, 0],
    );
    pages_of(&[b"q 500 0 0 700 40 60 cm /Im0 Do Q".to_vec()], &[picture], "/XObject << /Im0 4 0 R >>", "")
}

/// A PDF that asks for a password nobody has.
#[must_use]
pub fn encrypted_pdf() -> Vec<u8> {
    let key: String = (0..32_u32).map(|byte| format!("{:02x}", (byte * 37 + 11) % 256)).collect();
    let lock = format!("<< /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <{key}> /U <{key}> >>").into_bytes();
    let id = "00112233445566778899aabbccddeeff";
    pages_of(
        &[b"BT /F1 11 Tf 60 780 Td (secret) Tj ET".to_vec()],
        &[lock],
        "/Font << /F1 3 0 R >>",
        &format!("/Encrypt 4 0 R /ID [<{id}> <{id}>]"),
    )
}

/// A PDF that breaks off in the middle, like a download that did.
#[must_use]
pub fn broken_pdf() -> Vec<u8> {
    let whole = pdf("Cut", &["This page is not there any more."]);
    whole[..whole.len() / 3].to_vec()
}

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;

const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Ttulo1"><w:name w:val="heading 1"/></w:style><w:style w:type="paragraph" w:styleId="Ttulo2"><w:name w:val="heading 2"/></w:style></w:styles>"#;

/// An archive of named parts.
#[must_use]
pub fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in parts {
        // Writing to memory cannot fail; a test that got half an archive would fail by itself.
        let _ = zip.start_file(*name, options).is_ok() && zip.write_all(bytes).is_ok();
    }
    zip.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// A Word file whose body is this WordprocessingML.
#[must_use]
pub fn docx_of_xml(title: &str, body: &str) -> Vec<u8> {
    let document = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>"#
    );
    let core = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{}</dc:title></cp:coreProperties>"#,
        escape(title)
    );
    archive(&[
        ("[Content_Types].xml", CONTENT_TYPES.as_bytes()),
        ("docProps/core.xml", core.as_bytes()),
        ("word/styles.xml", STYLES.as_bytes()),
        ("word/document.xml", document.as_bytes()),
    ])
}

/// A Word file; lines that begin with `# ` or `## ` are headings, the others paragraphs.
#[must_use]
pub fn docx(title: &str, text: &str) -> Vec<u8> {
    let body: String = text
        .lines()
        .map(|line| {
            let (style, words) = match (line.strip_prefix("# "), line.strip_prefix("## ")) {
                (Some(words), _) => (r#"<w:pPr><w:pStyle w:val="Ttulo1"/></w:pPr>"#, words),
                (_, Some(words)) => (r#"<w:pPr><w:pStyle w:val="Ttulo2"/></w:pPr>"#, words),
                _ => ("", line),
            };
            format!(r#"<w:p>{style}<w:r><w:t xml:space="preserve">{}</w:t></w:r></w:p>"#, escape(words))
        })
        .collect();
    docx_of_xml(title, &body)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A Word file of a few hundred kilobytes that unpacks to this many megabytes.
#[must_use]
pub fn docx_bomb(megabytes: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let spaces = vec![b' '; 1 << 20];
    let mut fill = || -> zip::result::ZipResult<()> {
        zip.start_file("word/document.xml", options)?;
        zip.write_all(b"<w:document><w:body><w:p><w:r><w:t>")?;
        for _ in 0..megabytes {
            zip.write_all(&spaces)?;
        }
        zip.write_all(b"</w:t></w:r></w:p></w:body></w:document>")?;
        Ok(())
    };
    let _ = fill();
    zip.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// Bytes that are no kind of file, the same at every call.
#[must_use]
pub fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
