//! PDF: words by their place on the page, page by page.
//!
//! `pdf-extract` interprets fonts and content streams and tells where each character lies; lines and paragraphs are
//! put together here. It panics on odd files, so each page runs under `catch_unwind`; files that hang it or eat
//! memory are the business of [`crate::Sandbox`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document, MediaBox, OutputDev, OutputError, Transform, output_doc, output_doc_page};
use unicode_normalization::UnicodeNormalization as _;

use crate::{Extracted, IngestError, Limits, PageStart, error::cut, language::detect_language, text};

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extracted, IngestError> {
    let document = load(bytes)?;
    let numbers: Vec<u32> = guarded(|| document.get_pages().into_keys().collect()).map_err(IngestError::broken)?;
    if numbers.is_empty() {
        return Err(IngestError::broken("no pages"));
    }
    if numbers.len() > limits.max_pages {
        return Err(IngestError::TooComplex { detail: format!("{} pages", numbers.len()) });
    }
    let (pages, failed) = read_pages(&document, &numbers);
    if failed.len() == numbers.len() {
        return Err(IngestError::broken(failed.into_iter().next().unwrap_or_default()));
    }
    let mut extracted = Extracted::default();
    let mut characters = 0_usize;
    for (number, page) in numbers.iter().zip(pages) {
        let page = text::clean(&page);
        let (Ok(number), Ok(start)) = (i32::try_from(*number), i32::try_from(characters)) else {
            return Err(IngestError::Bomb { max_bytes: limits.max_text_bytes });
        };
        extracted.pages.push(PageStart { page: number, start });
        if page.is_empty() {
            continue;
        }
        extracted.text.push_str(&page);
        extracted.text.push_str("\n\n");
        characters += page.chars().count() + 2;
        if extracted.text.len() as u64 > limits.max_text_bytes {
            return Err(IngestError::Bomb { max_bytes: limits.max_text_bytes });
        }
    }
    let end = extracted.text.trim_end().len();
    extracted.text.truncate(end);
    let last = i32::try_from(extracted.text.chars().count()).unwrap_or(i32::MAX);
    for page in &mut extracted.pages {
        page.start = page.start.min(last);
    }
    if !extracted.text.chars().any(char::is_alphanumeric) {
        return Err(IngestError::NoText { pages: numbers.len() });
    }
    extracted.language = detect_language(&extracted.text);
    Ok(extracted)
}

/// Runs a piece of the parser; a panic becomes its message.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("the parser gave up");
        cut(message)
    })
}

fn load(bytes: &[u8]) -> Result<Document, IngestError> {
    let start = bytes.windows(5).take(1024).position(|window| window == b"%PDF-").unwrap_or(0);
    // Offsets in the file count from its header, whatever a mail gateway put before it.
    let bytes = &bytes[start..];
    match guarded(|| Document::load_mem(bytes)) {
        Ok(Ok(mut document)) => {
            if document.is_encrypted() {
                // A file that is only protected against changes opens with the empty password, as in every viewer.
                let opened = guarded(|| document.decrypt("")).is_ok_and(|result| result.is_ok());
                if !opened {
                    return Err(IngestError::Encrypted);
                }
            }
            Ok(document)
        }
        Ok(Err(error)) if mentions_encryption(&error.to_string()) => Err(IngestError::Encrypted),
        Ok(Err(_)) | Err(_) if names_encryption(bytes) => Err(IngestError::Encrypted),
        Ok(Err(error)) => Err(IngestError::broken(error)),
        Err(panic) => Err(IngestError::broken(panic)),
    }
}

fn mentions_encryption(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["password", "decrypt", "encrypt"].iter().any(|word| message.contains(word))
}

/// Whether the trailer of a file that does not load names an encryption dictionary.
fn names_encryption(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(4096)..];
    tail.windows(8).any(|window| window == b"/Encrypt")
}

/// The text of every page in the order of `numbers` (empty where a page failed), and why pages failed.
fn read_pages(document: &Document, numbers: &[u32]) -> (Vec<String>, Vec<String>) {
    let mut output = Layout::default();
    let mut failed = Vec::new();
    // All at once first: asking page by page walks the page tree once for each.
    let mut result = guarded(|| output_doc(document, &mut output).map_err(|error| cut(&error.to_string())));
    let mut pages = std::mem::take(&mut output.pages);
    loop {
        match result {
            Ok(Ok(())) => {}
            Ok(Err(detail)) | Err(detail) => {
                failed.push(detail);
                // What a page gave before it failed is still its text.
                pages.push(output.take_page());
            }
        }
        let Some(&next) = numbers.get(pages.len()) else { break };
        output = Layout::default();
        result = guarded(|| output_doc_page(document, &mut output, next).map_err(|error| cut(&error.to_string())));
        if matches!(result, Ok(Ok(()))) {
            pages.push(output.pages.pop().unwrap_or_default());
        }
    }
    pages.truncate(numbers.len());
    (pages, failed)
}

/// One run of characters on one line.
struct Line {
    text: String,
    x: f64,
    /// Distance from the page's top.
    y: f64,
    end: f64,
    size: f64,
}

/// Puts lines and paragraphs together from characters and their places.
#[derive(Default)]
struct Layout {
    lines: Vec<Line>,
    top: f64,
    pages: Vec<String>,
}

impl Layout {
    fn take_page(&mut self) -> String {
        paragraphs(&std::mem::take(&mut self.lines))
    }
}

impl OutputDev for Layout {
    fn begin_page(
        &mut self,
        _number: u32,
        media_box: &MediaBox,
        _art_box: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.lines.clear();
        self.top = media_box.ury;
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        let page = self.take_page();
        self.pages.push(page);
        Ok(())
    }

    fn output_character(
        &mut self,
        matrix: &Transform,
        width: f64,
        _spacing: f64,
        font_size: f64,
        characters: &str,
    ) -> Result<(), OutputError> {
        // The side of the square that a character's box would be.
        let size = (matrix.m11 * matrix.m22 - matrix.m12 * matrix.m21).abs().sqrt() * font_size.abs();
        let size = if size.is_finite() && size > 0.01 { size } else { 1.0 };
        let (x, y) = (matrix.m31, self.top - matrix.m32);
        let end = x + width * size;
        // Ligatures and full-width forms hide words from every search.
        let characters: String =
            if characters.is_ascii() { characters.to_owned() } else { characters.nfkc().collect() };
        match self.lines.last_mut() {
            Some(line) if (line.y - y).abs() <= 0.35 * line.size.max(size) && x >= line.x - size => {
                let gap = x - line.end;
                // Some programs print a word twice, slightly moved, to make it bold.
                if gap < -0.4 * size && line.text.ends_with(characters.as_str()) {
                    return Ok(());
                }
                if gap > 2.5 * size && !line.text.ends_with(' ') {
                    line.text.push_str("  ");
                } else if gap > 0.1 * size && !line.text.ends_with(' ') && !characters.starts_with(' ') {
                    line.text.push(' ');
                }
                line.text.push_str(&characters);
                line.end = end;
                line.size = line.size.max(size);
            }
            _ => self.lines.push(Line { text: characters, x, y, end, size }),
        }
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

/// Joins lines into paragraphs: a larger gap, another size, a step back up (next column), an indent or a line that
/// ends early begins a new one. Words cut at a line's end are put together again.
fn paragraphs(lines: &[Line]) -> String {
    let lines: Vec<&Line> = lines.iter().filter(|line| !line.text.trim().is_empty()).collect();
    let mut gaps: Vec<f64> =
        lines.windows(2).map(|pair| pair[1].y - pair[0].y).filter(|gap| *gap > 0.5 && *gap < 100.0).collect();
    gaps.sort_by(f64::total_cmp);
    let usual_gap = gaps.get(gaps.len() / 2).copied().unwrap_or(12.0);
    let right = lines.iter().map(|line| line.end).fold(0.0, f64::max);
    let left = lines.iter().map(|line| line.x).fold(f64::INFINITY, f64::min);
    let measure = (right - left).max(1.0);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let words = line.text.trim();
        if let Some(previous) = index.checked_sub(1).and_then(|index| lines.get(index)) {
            let gap = line.y - previous.y;
            let resized = (line.size - previous.size).abs() > 0.15 * previous.size.max(line.size);
            let ended_early = previous.end < right - 0.3 * measure;
            let listed = starts_item(words);
            // Within an item of a list the second line stands further in, and goes on.
            let indented = (line.x - previous.x) > 0.8 * line.size && !starts_item(previous.text.trim());
            if gap < -0.5 || gap > 1.35 * usual_gap.max(0.9 * line.size) || resized {
                out.push_str("\n\n");
            } else if gap.abs() <= 0.5 {
                out.push(' ');
            } else if listed || ended_early || indented {
                out.push('\n');
            } else if cut_word(&out, words) {
                out.pop();
            } else {
                out.push(' ');
            }
        }
        out.push_str(words);
    }
    out
}

/// `infor-` and `mación`: a small letter before the hyphen and after it.
fn cut_word(before: &str, after: &str) -> bool {
    let mut back = before.chars().rev();
    matches!(back.next(), Some('-' | '\u{2010}'))
        && back.next().is_some_and(char::is_lowercase)
        && after.chars().next().is_some_and(char::is_lowercase)
}

fn starts_item(words: &str) -> bool {
    let mut characters = words.chars();
    match characters.next() {
        Some('•' | '◦' | '▪' | '·' | '–' | '—' | '-' | '*') => characters.next() == Some(' '),
        Some(first) if first.is_ascii_digit() => {
            let rest = words.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.starts_with(". ") || rest.starts_with(") ")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x: f64, y: f64, end: f64) -> Line {
        Line { text: text.to_owned(), x, y, end, size: 10.0 }
    }

    #[test]
    fn lines_of_a_paragraph_are_joined_and_cut_words_mended() {
        let page = [
            line("La garantía cubre la repa-", 50.0, 100.0, 300.0),
            line("ración de todas las piezas que", 50.0, 112.0, 298.0),
            line("fallan.", 50.0, 124.0, 80.0),
            line("Otra frase.", 50.0, 136.0, 110.0),
            line("Un párrafo nuevo.", 50.0, 170.0, 150.0),
        ];
        assert_eq!(
            paragraphs(&page),
            "La garantía cubre la reparación de todas las piezas que fallan.\nOtra frase.\n\nUn párrafo nuevo."
        );
    }

    #[test]
    fn an_item_of_a_list_goes_on_where_its_lines_stand_further_in() {
        let page = [
            line("• Uno, que es largo y llega hasta el", 50.0, 100.0, 300.0),
            line("margen derecho de la página, y aún", 60.0, 112.0, 300.0),
            line("sigue.", 60.0, 124.0, 90.0),
            line("• Dos.", 50.0, 136.0, 90.0),
        ];
        assert_eq!(
            paragraphs(&page),
            "• Uno, que es largo y llega hasta el margen derecho de la página, y aún sigue.\n• Dos."
        );
    }

    #[test]
    fn a_second_column_begins_a_paragraph() {
        let page = [line("left", 50.0, 700.0, 90.0), line("right", 320.0, 100.0, 360.0)];
        assert_eq!(paragraphs(&page), "left\n\nright");
    }
}
