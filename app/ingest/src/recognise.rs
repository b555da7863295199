//! Which kind of file it is: the bytes decide, the name only where bytes cannot tell.

use serde::{Deserialize, Serialize};

use crate::{IngestError, text};

/// A kind of file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Plain text in any encoding, and everything that is text: CSV, JSON, source code.
    Text,
    /// Markdown, kept as it is.
    Markdown,
    /// A web page.
    Html,
    /// PDF.
    Pdf,
    /// Word (Office Open XML).
    Docx,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Text, Self::Markdown, Self::Html, Self::Pdf, Self::Docx];

    /// One word, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
        }
    }

    /// Reads [`Kind::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Its media type.
    #[must_use]
    pub const fn mime_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Html => "text/html",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        }
    }

    /// The kind of a media type; parameters such as `charset` are ignored. `None` for types that are not read.
    #[must_use]
    pub fn from_mime_type(mime_type: &str) -> Option<Self> {
        let essence = mime_type.split(';').next()?.trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "application/xhtml+xml" => Some(Self::Html),
            "application/json" => Some(Self::Text),
            other => Self::ALL
                .into_iter()
                .find(|kind| kind.mime_type() == other)
                .or_else(|| other.starts_with("text/").then_some(Self::Text)),
        }
    }
}

/// Beginnings of files that are not text and not read, with their names.
const OTHERS: &[(&[u8], &str)] = &[
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"RIFF", "RIFF media"),
    (b"BM", "BMP image"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (b"ID3", "MP3 audio"),
    (b"OggS", "Ogg media"),
    (b"\x1a\x45\xdf\xa3", "Matroska video"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"7z\xbc\xaf", "7-Zip archive"),
    (b"Rar!", "RAR archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"\x28\xb5\x2f\xfd", "Zstandard archive"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"{\\rtf", "RTF"),
    (b"%!PS", "PostScript"),
    (b"SQLite format 3", "SQLite database"),
];

const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// `EncryptedPackage` in UTF-16: the stream that holds a DOCX with a password.
const ENCRYPTED_PACKAGE: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The last part of a name in lower case, without its dot.
fn extension(file_name: &str) -> String {
    file_name.rsplit_once('.').map(|(_, last)| last.to_ascii_lowercase()).unwrap_or_default()
}

/// Whether [`recognise`] wants the whole of a file that begins like this: what an Office file holds may stand anywhere in it.
#[must_use]
pub fn wants_whole(head: &[u8]) -> bool {
    head.starts_with(OLE)
}

/// Which kind of file it is. `bytes` may be the whole file or its first 64 kB.
///
/// The content decides: a PDF called `notes.txt` is a PDF, and a text called `report.pdf` is a text.
///
/// # Errors
/// [`IngestError::Empty`], [`IngestError::Unsupported`] for kinds that are not read, [`IngestError::Encrypted`] for a
/// DOCX with a password, [`IngestError::Broken`] for bytes that are not what their name says and nothing else either.
pub fn recognise(file_name: &str, bytes: &[u8]) -> Result<Kind, IngestError> {
    let head = &bytes[..bytes.len().min(64 * 1024)];
    let extension = extension(file_name);
    if head.is_empty() {
        return Err(IngestError::Empty);
    }
    // Readers of PDF accept junk before the header, and mail gateways put it there; but a text may speak of it.
    let begins = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).starts_with(b"%PDF-");
    let names_it = contains(&head[..head.len().min(1024)], b"%PDF-");
    if begins || (names_it && (extension == "pdf" || text::looks_binary(head))) {
        return Ok(Kind::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") {
        return archive(head, &extension);
    }
    if head.starts_with(b"PK\x05\x06") {
        return Err(IngestError::Broken { detail: "an archive without files".to_owned() });
    }
    if head.starts_with(OLE) {
        return Err(if contains(bytes, ENCRYPTED_PACKAGE) {
            IngestError::Encrypted
        } else {
            IngestError::Unsupported { found: "Office 97 file".to_owned() }
        });
    }
    let binary = text::looks_binary(head);
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic))
        && (binary || name.len() == 3 || *name == "PostScript")
    {
        return Err(IngestError::Unsupported { found: (*name).to_owned() });
    }
    if binary {
        return Err(match extension.as_str() {
            "pdf" | "docx" | "txt" | "md" | "markdown" | "html" | "htm" => {
                IngestError::Broken { detail: format!("not what its name .{extension} says") }
            }
            _ => IngestError::Unsupported { found: "binary data".to_owned() },
        });
    }
    Ok(match extension.as_str() {
        "md" | "markdown" | "mdown" | "mkd" => Kind::Markdown,
        "html" | "htm" | "xhtml" => Kind::Html,
        _ if text::looks_like_html(head) => Kind::Html,
        _ => Kind::Text,
    })
}

fn archive(head: &[u8], extension: &str) -> Result<Kind, IngestError> {
    let other = [
        (&b"mimetypeapplication/vnd.oasis.opendocument"[..], "OpenDocument file"),
        (b"mimetypeapplication/epub", "EPUB"),
        (b"xl/workbook.xml", "Excel workbook"),
        (b"ppt/presentation.xml", "PowerPoint presentation"),
    ];
    if let Some((_, name)) = other.iter().find(|(mark, _)| contains(head, mark)) {
        return Err(IngestError::Unsupported { found: (*name).to_owned() });
    }
    if extension == "docx" || contains(head, b"word/") {
        return Ok(Kind::Docx);
    }
    Err(IngestError::Unsupported { found: "ZIP archive".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_whatever_the_name_says() {
        assert_eq!(recognise("notes.txt", b"%PDF-1.7\n..."), Ok(Kind::Pdf));
        assert_eq!(recognise("report.pdf", b"just a few words"), Ok(Kind::Text));
        assert_eq!(recognise("page", b"\xef\xbb\xbf <!DOCTYPE html><p>hi"), Ok(Kind::Html));
        assert_eq!(recognise("x.bin", b"PK\x03\x04....word/document.xml"), Ok(Kind::Docx));
    }

    #[test]
    fn the_name_decides_where_bytes_cannot_tell() {
        assert_eq!(recognise("README.md", b"# Title"), Ok(Kind::Markdown));
        assert_eq!(recognise("fragment.html", b"<p>hi</p>"), Ok(Kind::Html));
        assert_eq!(recognise("data.csv", b"a,b\n1,2"), Ok(Kind::Text));
        assert_eq!(recognise("noname", "señal".as_bytes()), Ok(Kind::Text));
    }

    #[test]
    fn pictures_programs_and_other_office_files_are_refused_by_name() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend((0..200).map(|i| (i * 7) as u8));
        for (name, bytes) in [
            ("a.pdf", &png[..]),
            ("a.rtf", b"{\\rtf1\\ansi hello}"),
            ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old word"),
            ("a.odt", b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.text"),
            ("a.xlsx", b"PK\x03\x04....xl/workbook.xml"),
            ("a.zip", b"PK\x03\x04....photos/1.jpg"),
        ] {
            assert!(matches!(recognise(name, bytes), Err(IngestError::Unsupported { .. })), "{name}");
        }
    }

    #[test]
    fn a_text_about_pdf_is_a_text_and_a_pdf_after_junk_is_one() {
        assert_eq!(recognise("format.md", b"# PDF\n\nA file begins with `%PDF-1.7`."), Ok(Kind::Markdown));
        assert_eq!(recognise("format.rs", b"const MAGIC: &[u8] = b\"%PDF-\";"), Ok(Kind::Text));
        assert_eq!(recognise("mail.pdf", b"X-Gateway: scanned\r\n%PDF-1.7\n"), Ok(Kind::Pdf));
        let mut bytes = b"X-Gateway: scanned\r\n%PDF-1.7\n".to_vec();
        bytes.extend((0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8));
        assert_eq!(recognise("mail", &bytes), Ok(Kind::Pdf));
        assert_eq!(recognise("x", b"\xef\xbb\xbf%PDF-1.7\n"), Ok(Kind::Pdf));
    }

    #[test]
    fn a_text_that_begins_like_a_picture_is_a_text() {
        assert_eq!(recognise("a.txt", b"BM is a short name, and MZ another one."), Ok(Kind::Text));
    }

    #[test]
    fn a_docx_with_a_password_is_called_encrypted() {
        let mut bytes = OLE.to_vec();
        bytes.extend(vec![0; 100_000]);
        bytes.extend(ENCRYPTED_PACKAGE);
        assert_eq!(recognise("a.docx", &bytes), Err(IngestError::Encrypted));
    }

    #[test]
    fn noise_with_the_name_of_a_pdf_is_called_broken() {
        let noise: Vec<u8> = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(matches!(recognise("a.pdf", &noise), Err(IngestError::Broken { .. })));
        assert!(matches!(recognise("a.dat", &noise), Err(IngestError::Unsupported { .. })));
    }

    #[test]
    fn media_types_give_their_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_mime_type(kind.mime_type()), Some(kind));
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::from_mime_type("text/csv; charset=utf-8"), Some(Kind::Text));
        assert_eq!(Kind::from_mime_type("image/png"), None);
    }
}
