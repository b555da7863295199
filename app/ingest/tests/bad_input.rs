//! Files that lie, break off or attack: each has its error, and none takes the reader with it.

#[path = "../../testkit/src/files.rs"]
#[expect(unreachable_pub, reason = "shared with other tests")]
mod files;

use cjhirashi_domain::ErrorCode;
use cjhirashi_ingest::{IngestError, Kind, Limits, extract, recognise};
use proptest::prelude::*;

fn read(name: &str, bytes: &[u8]) -> Result<String, IngestError> {
    let kind = recognise(name, bytes)?;
    extract(kind, bytes, &Limits::default()).map(|found| found.text)
}

fn code(name: &str, bytes: &[u8]) -> ErrorCode {
    read(name, bytes).map(|text| format!("{name} was read: {text}")).unwrap_err().code()
}

#[test]
fn every_bad_file_has_its_own_error() {
    let whole = files::docx("T", "Hola.");
    for (name, bytes, expected) in [
        ("empty.txt", Vec::new(), ErrorCode::DocumentEmpty),
        ("blank.txt", b" \n\t\0 ".to_vec(), ErrorCode::DocumentEmpty),
        ("cut.pdf", files::broken_pdf(), ErrorCode::DocumentBroken),
        ("noise.pdf", files::noise(5000), ErrorCode::DocumentBroken),
        ("header.pdf", b"%PDF-1.7\n".to_vec(), ErrorCode::DocumentBroken),
        ("locked.pdf", files::encrypted_pdf(), ErrorCode::DocumentEncrypted),
        ("scan.pdf", files::scanned_pdf(), ErrorCode::DocumentNoText),
        ("blank.pdf", files::pdf("", &["", ""]), ErrorCode::DocumentNoText),
        ("bomb.docx", files::docx_bomb(400), ErrorCode::DocumentBomb),
        ("cut.docx", whole[..whole.len() / 2].to_vec(), ErrorCode::DocumentBroken),
        ("tags.docx", files::docx_of_xml("T", "<w:p><w:r><w:t>x</w:p>"), ErrorCode::DocumentBroken),
        ("blank.docx", files::docx("", ""), ErrorCode::DocumentNoText),
        ("other.docx", files::archive(&[("photo.jpg", b"x")]), ErrorCode::DocumentUnsupported),
        ("deep.docx", files::docx_of_xml("T", &"<w:p>".repeat(5000)), ErrorCode::DocumentTooSlow),
        ("photos.zip", files::archive(&[("photo.jpg", b"x")]), ErrorCode::DocumentUnsupported),
        ("a.bin", files::noise(5000), ErrorCode::DocumentUnsupported),
        ("script.html", b"<html><script>x</script></html>".to_vec(), ErrorCode::DocumentNoText),
    ] {
        assert_eq!(code(name, &bytes), expected, "{name}");
    }
}

#[test]
fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let limits = Limits { max_file_bytes: 100, ..Limits::default() };
    assert_eq!(extract(Kind::Text, &[b'a'; 101], &limits), Err(IngestError::TooLarge { max_bytes: 100 }));
}

#[test]
fn nul_bytes_and_broken_sequences_lose_nothing_else() {
    let bytes = b"one\0two \xff three se\xc3\xb1al canci\xc3\xb3n ni\xc3\xb1o \xe2\x82";
    assert_eq!(read("a.txt", bytes), Ok("onetwo \u{fffd} three señal canción niño \u{fffd}".to_owned()));
}

#[test]
fn an_entity_bomb_in_a_docx_expands_to_nothing() {
    let entities = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"#;
    let document =
        format!("{entities}<w:document><w:body><w:p><w:r><w:t>seen &b; &b;</w:t></w:r></w:p></w:body></w:document>");
    let bytes = files::archive(&[("word/document.xml", document.as_bytes())]);
    assert_eq!(
        read("a.docx", &bytes).map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Ok("seen".to_owned())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere_gives_text_or_an_error_and_never_a_panic(
        at in 0_usize..3000, byte in any::<u8>(), cut in any::<bool>(), which in 0_usize..3,
    ) {
        let (kind, mut bytes) = match which {
            0 => (Kind::Pdf, files::pdf("T", &["Some words on a page.", "And more."])),
            1 => (Kind::Docx, files::docx("T", "# A\nSome words.")),
            _ => (Kind::Html, b"<!doctype html><html><body><h1>T</h1><p>Words</p><table><tr><td>x</table></html>".to_vec()),
        };
        let at = at % bytes.len();
        if cut { bytes.truncate(at.max(1)) } else { bytes[at] = byte }
        let result = std::panic::catch_unwind(|| extract(kind, &bytes, &Limits::default()));
        prop_assert!(result.is_ok());
    }
}
