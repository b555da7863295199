//! Word files: a ZIP archive of XML, both read by the part, with a count of every byte that unpacks.

use std::{
    collections::HashMap,
    io::{Cursor, ErrorKind, Read as _},
};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use zip::{ZipArchive, result::ZipError};

use crate::{Extracted, IngestError, Kind, Limits, text};

/// More entries than any document has; a directory of millions is an attack on memory.
const MAX_ENTRIES: usize = 20_000;

/// Deeper nesting than any document has.
const MAX_DEPTH: usize = 2_000;

pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Extracted, IngestError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(archive_error)?;
    if archive.len() > MAX_ENTRIES {
        return Err(IngestError::Bomb { max_bytes: limits.max_unpacked_bytes });
    }
    let mut budget = limits.max_unpacked_bytes;
    let Some(document) = part(&mut archive, "word/document.xml", &mut budget, limits)? else {
        return Err(if archive.index_for_name("word/document.xml").is_none() && archive.is_empty() {
            IngestError::broken("an archive without files")
        } else {
            IngestError::Unsupported { found: "archive without a Word document".to_owned() }
        });
    };
    let styles = part(&mut archive, "word/styles.xml", &mut budget, limits)?
        .map(|xml| heading_styles(&xml))
        .transpose()?
        .unwrap_or_default();
    let mut out = String::new();
    body(&document, &styles, &mut out, limits)?;
    drop(document);
    for name in ["word/footnotes.xml", "word/endnotes.xml"] {
        if let Some(notes) = part(&mut archive, name, &mut budget, limits)? {
            out.push_str("\n\n");
            body(&notes, &styles, &mut out, limits)?;
        }
    }
    Extracted::finish(Kind::Docx, &out, limits)
}

fn archive_error(error: ZipError) -> IngestError {
    match error {
        ZipError::UnsupportedArchive(detail) if detail.to_ascii_lowercase().contains("password") => {
            IngestError::Encrypted
        }
        other => IngestError::broken(other),
    }
}

/// Unpacks one part, counting what really comes out: sizes in the directory are the attacker's words.
fn part(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    name: &str,
    budget: &mut u64,
    limits: &Limits,
) -> Result<Option<String>, IngestError> {
    let Some(index) = archive.index_for_name(name) else { return Ok(None) };
    let mut unpacked = Vec::new();
    let file = archive.by_index(index).map_err(archive_error)?;
    if file.encrypted() {
        return Err(IngestError::Encrypted);
    }
    file.take(*budget + 1).read_to_end(&mut unpacked).map_err(|error| match error.kind() {
        ErrorKind::OutOfMemory => IngestError::TooComplex { detail: "out of memory".to_owned() },
        _ => IngestError::broken(error),
    })?;
    let size = unpacked.len() as u64;
    if size > *budget {
        return Err(IngestError::Bomb { max_bytes: limits.max_unpacked_bytes });
    }
    *budget -= size;
    Ok(Some(text::decode(&unpacked, None)))
}

/// Name without its prefix, whatever the file calls the namespace.
fn local<'a>(element: &'a BytesStart<'_>) -> &'a str {
    let name: &str = element.name().into_inner();
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn attribute(element: &BytesStart<'_>, wanted: &str) -> Option<String> {
    element.attributes().flatten().find_map(|attribute| {
        let key: &str = attribute.key.into_inner();
        let key = key.rsplit_once(':').map_or(key, |(_, local)| local);
        (key == wanted)
            .then(|| attribute.normalized_value(XmlVersion::Implicit1_0).map(|value| value.into_owned()).ok())
            .flatten()
    })
}

/// Style id to heading level, from 1. Word translates the names of styles, but not `heading 1` nor the outline level.
fn heading_styles(xml: &str) -> Result<HashMap<String, usize>, IngestError> {
    let mut levels = HashMap::new();
    let mut reader = Reader::from_str(xml);
    let mut current: Option<String> = None;
    loop {
        match reader.read_event().map_err(IngestError::broken)? {
            Event::Start(element) | Event::Empty(element) => match local(&element) {
                "style" => current = attribute(&element, "styleId"),
                "name" => {
                    let name = attribute(&element, "val").unwrap_or_default().to_ascii_lowercase();
                    let level = match name.as_str() {
                        "title" => Some(1),
                        _ => name.strip_prefix("heading ").and_then(|level| level.parse().ok()),
                    };
                    if let (Some(style), Some(level @ 1..=6)) = (&current, level) {
                        levels.insert(style.clone(), level);
                    }
                }
                "outlineLvl" => {
                    let level = attribute(&element, "val").and_then(|level| level.parse::<usize>().ok());
                    if let (Some(style), Some(level @ 0..=5)) = (&current, level) {
                        levels.entry(style.clone()).or_insert(level + 1);
                    }
                }
                _ => {}
            },
            Event::Eof => return Ok(levels),
            _ => {}
        }
    }
}

/// Paragraphs, headings, lists and tables of one part, in reading order.
fn body(xml: &str, styles: &HashMap<String, usize>, out: &mut String, limits: &Limits) -> Result<(), IngestError> {
    let mut reader = Reader::from_str(xml);
    let (mut depth, mut skipped_at, mut in_text) = (0_usize, None, false);
    let mut tables = 0_usize;
    // Paragraphs may nest: a text box lies within one.
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    loop {
        let event = reader.read_event().map_err(IngestError::broken)?;
        match event {
            Event::Start(ref element) | Event::Empty(ref element) => {
                let empty = matches!(event, Event::Empty(_));
                if !empty {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(IngestError::TooComplex { detail: "elements nested too deep".to_owned() });
                    }
                }
                if skipped_at.is_some() {
                    continue;
                }
                match local(element) {
                    // `Fallback` repeats its choice for old programs; separators of notes are no text.
                    "Fallback" | "del" | "moveFrom" | "instrText" if !empty => skipped_at = Some(depth),
                    "footnote" | "endnote" if !empty && attribute(element, "type").is_some() => {
                        skipped_at = Some(depth)
                    }
                    "p" if !empty => paragraphs.push(Paragraph::default()),
                    "pStyle" => {
                        let level = attribute(element, "val").and_then(|style| styles.get(&style).copied());
                        if let (Some(paragraph), Some(level)) = (paragraphs.last_mut(), level) {
                            paragraph.level = Some(level);
                        }
                    }
                    "outlineLvl" => {
                        let level = attribute(element, "val").and_then(|level| level.parse::<usize>().ok());
                        if let (Some(paragraph), Some(level @ 0..=5)) = (paragraphs.last_mut(), level) {
                            paragraph.level = Some(level + 1);
                        }
                    }
                    "numPr" => {
                        if let Some(paragraph) = paragraphs.last_mut() {
                            paragraph.listed = true;
                        }
                    }
                    "t" => in_text = !empty,
                    "tab" => push(&mut paragraphs, "\t"),
                    "br" | "cr" => push(&mut paragraphs, "\n"),
                    "noBreakHyphen" => push(&mut paragraphs, "-"),
                    "tbl" if !empty => {
                        tables += 1;
                        new_paragraph(out);
                    }
                    "tc" if !empty && !out.ends_with('\n') => out.push_str(" | "),
                    _ => {}
                }
            }
            Event::End(element) => {
                let ended = skipped_at == Some(depth);
                depth = depth.saturating_sub(1);
                if skipped_at.is_some() {
                    if ended {
                        skipped_at = None;
                    }
                    continue;
                }
                let name: &str = element.name().into_inner();
                match name.rsplit_once(':').map_or(name, |(_, local)| local) {
                    "t" => in_text = false,
                    "p" => {
                        if let Some(paragraph) = paragraphs.pop() {
                            paragraph.write(out, tables > 0);
                        }
                    }
                    "tr" => {
                        trim_spaces(out);
                        out.push('\n');
                    }
                    "tbl" => {
                        tables = tables.saturating_sub(1);
                        new_paragraph(out);
                    }
                    _ => {}
                }
            }
            Event::Text(characters) if in_text => push(&mut paragraphs, &characters.xml10_content()),
            Event::CData(characters) if in_text => push(&mut paragraphs, &characters.xml10_content()),
            Event::GeneralRef(reference) if in_text => {
                let resolved = reference.resolve_char_ref().map_err(IngestError::broken)?;
                let named = quick_xml::escape::resolve_predefined_entity(&reference.xml10_content()).map(str::to_owned);
                if let Some(resolved) = resolved.map(String::from).or(named) {
                    push(&mut paragraphs, &resolved);
                }
            }
            Event::Eof => {
                // A file that was cut off: what was read so far is not the document.
                return if depth == 0 { Ok(()) } else { Err(IngestError::broken("the document's XML breaks off")) };
            }
            _ => {}
        }
        if out.len() as u64 > limits.max_text_bytes {
            return Err(IngestError::Bomb { max_bytes: limits.max_text_bytes });
        }
    }
}

#[derive(Default)]
struct Paragraph {
    text: String,
    level: Option<usize>,
    listed: bool,
}

impl Paragraph {
    fn write(self, out: &mut String, in_table: bool) {
        let text = self.text.trim();
        if text.is_empty() {
            return;
        }
        if in_table {
            if !out.is_empty() && !out.ends_with(['\n', ' ']) {
                out.push(' ');
            }
            out.push_str(&text.replace('\n', " "));
            return;
        }
        match (self.level, self.listed) {
            (Some(level), _) => {
                new_paragraph(out);
                out.push_str(&"#".repeat(level));
                out.push(' ');
                out.push_str(&text.replace('\n', " "));
                out.push_str("\n\n");
            }
            (None, true) => {
                out.push_str("- ");
                out.push_str(text);
                out.push('\n');
            }
            (None, false) => {
                new_paragraph(out);
                out.push_str(text);
                out.push_str("\n\n");
            }
        }
    }
}

fn push(paragraphs: &mut [Paragraph], text: &str) {
    if let Some(paragraph) = paragraphs.last_mut() {
        paragraph.text.push_str(text);
    }
}

fn trim_spaces(out: &mut String) {
    let end = out.trim_end_matches(' ').len();
    out.truncate(end);
}

fn new_paragraph(out: &mut String) {
    trim_spaces(out);
    if out.is_empty() || out.ends_with("\n\n") {
        return;
    }
    out.push_str(if out.ends_with('\n') { "\n" } else { "\n\n" });
}
