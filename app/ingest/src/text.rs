//! Bytes become clean text: encodings, broken sequences, NUL, line ends.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::{Extracted, IngestError, Kind, Limits};

/// Reads plain text or Markdown; both are kept as they are, but for [`clean`].
pub(crate) fn read(kind: Kind, bytes: &[u8], limits: &Limits) -> Result<Extracted, IngestError> {
    if looks_binary(&bytes[..bytes.len().min(64 * 1024)]) {
        return Err(IngestError::Unsupported { found: "binary data".to_owned() });
    }
    let decoded = decode(bytes, None);
    Extracted::finish(kind, &decoded, limits)
}

/// UTF-16 without a mark: nearly every second byte is zero, on one side only.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(4096) & !1];
    if sample.len() < 8 {
        return None;
    }
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
    if odd * 10 > half * 7 && even * 20 < half {
        Some(UTF_16LE)
    } else if even * 10 > half * 7 && odd * 20 < half {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// How many characters of more than one byte are whole, and how many sequences are broken.
fn utf8_census(bytes: &[u8]) -> (usize, usize) {
    let (mut whole, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().bytes().filter(|byte| *byte >= 0xC0).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    (whole, broken)
}

/// Bytes to text. `declared` is what the file says of itself (`<meta charset>`), believed only where bytes do not
/// contradict. Never fails: what cannot be read becomes U+FFFD.
pub(crate) fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    // A few broken sequences among many good ones are a damaged UTF-8 file, not a Latin-1 one: in Latin-1 almost
    // every letter with an accent is a broken sequence.
    let (whole, broken) = utf8_census(bytes);
    if whole > broken {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(256 * 1024)], bytes.len() <= 256 * 1024);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Whether bytes are anything but text: many control characters. NUL bytes alone do not make a file binary, as long as
/// they are few, or it is UTF-16.
pub(crate) fn looks_binary(head: &[u8]) -> bool {
    if head.is_empty() || Encoding::for_bom(head).is_some() || utf16_without_mark(head).is_some() {
        return false;
    }
    let odd = head.iter().filter(|byte| matches!(byte, 0x00..=0x08 | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F)).count();
    // One in ten is far more than any damaged text has, and far less than compressed data has together with the
    // next rule.
    if odd > 8 && odd * 10 > head.len() {
        return true;
    }
    // Compressed or encrypted data: control characters appear, and nothing decodes.
    let (whole, broken) = utf8_census(head);
    odd * 50 > head.len() && broken * 10 > head.len() && broken > whole
}

/// Whether a text is a web page: its first tag, after white space and comments, says so.
pub(crate) fn looks_like_html(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(4096)]).to_ascii_lowercase();
    let mut rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    while let Some(after) = rest.strip_prefix("<!--").or_else(|| rest.strip_prefix("<?xml")) {
        let Some(end) = after.find('>') else { return false };
        rest = after[end + 1..].trim_start();
    }
    ["<!doctype html", "<html", "<head>", "<body"].iter().any(|tag| rest.starts_with(tag))
}

/// One kind of line end, no NUL, no control characters, composed accents, at most two empty lines in a row.
pub(crate) fn clean(raw: &str) -> String {
    let composed: String;
    let raw = if is_nfc_quick(raw.chars()) == IsNormalized::Yes {
        raw
    } else {
        composed = raw.nfc().collect();
        &composed
    };
    let mut out = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    let mut newlines = 0;
    while let Some(c) = characters.next() {
        let c = match c {
            '\r' => {
                if characters.peek() == Some(&'\n') {
                    continue;
                }
                '\n'
            }
            '\u{c}' | '\u{b}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\u{a0}' | '\u{202f}' | '\u{2007}' => ' ',
            // The mark of byte order, soft hyphens and zero width spaces hide words from every search.
            '\u{feff}' | '\u{ad}' | '\u{200b}' | '\u{2060}' => continue,
            c if c.is_control() && c != '\n' && c != '\t' => continue,
            c => c,
        };
        if c == '\n' {
            while out.ends_with([' ', '\t']) {
                out.pop();
            }
            newlines += 1;
            if newlines > 3 {
                continue;
            }
        } else {
            newlines = 0;
        }
        out.push(c);
    }
    let end = out.trim_end().len();
    out.truncate(end);
    let start = out.len() - out.trim_start_matches('\n').len();
    out.drain(..start);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_bytes_and_control_characters_vanish() {
        assert_eq!(clean("a\0b\u{7}c\r\nd\re\u{c}f"), "abc\nd\ne\nf");
    }

    #[test]
    fn accents_are_composed_and_invisible_characters_dropped() {
        assert_eq!(clean("cancio\u{301}n \u{feff}co\u{ad}che"), "canción coche");
    }

    #[test]
    fn latin_1_utf_16_and_broken_utf_8_are_read() {
        assert_eq!(
            decode(b"El ni\xf1o comi\xf3 una manzana en la estaci\xf3n.", None),
            "El niño comió una manzana en la estación."
        );
        let little: Vec<u8> = "El niño comió".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&little, None), "El niño comió");
        let mut marked = vec![0xfe, 0xff];
        marked.extend("señal".encode_utf16().flat_map(u16::to_be_bytes));
        assert_eq!(decode(&marked, None), "señal");
        assert_eq!(decode(b"se\xc3\xb1al y canci\xc3\xb3n \xff fin", None), "señal y canción \u{fffd} fin");
    }

    #[test]
    fn a_file_of_random_bytes_is_binary_and_a_text_with_some_nul_is_not() {
        let noise: Vec<u8> = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(looks_binary(&noise));
        assert!(!looks_binary(b"some words\0 and a NUL between them, twice \0 even"));
        assert!(!looks_binary("Просто текст по-русски".as_bytes()));
        assert!(!looks_binary(b"\xcf\xf0\xee\xf1\xf2\xee \xf2\xe5\xea\xf1\xf2 \xef\xee-\xf0\xf3\xf1\xf1\xea\xe8"));
    }
}
