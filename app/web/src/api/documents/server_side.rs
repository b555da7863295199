//! How a document is read out: its text as HTML with what is marked in it, a passage, and what it can be asked about.

use cjhirashi_domain::{ErrorCode, document::Document, id::DocumentId, passage::TextRange};
use cjhirashi_sync::DocumentPart;

use super::{AROUND, DocumentTab, PART, PassageText, PassageView, SUBJECT};
use crate::{
    api::{
        Failure,
        server::{escape, fail, forward},
    },
    texts::{Texts, says},
};

/// A document whose failure says in words what happened.
pub(super) fn told(mut document: Document, texts: &Texts) -> Document {
    if let Some(error) = &mut document.error {
        error.words = Some(texts.error(&error.code).to_owned());
    }
    document
}

/// The id that a caller names.
pub(super) fn document_id(id: String) -> Result<DocumentId, Failure> {
    DocumentId::parse(id).map_err(|_| fail(ErrorCode::DocumentNotFound))
}

/// What a document can be asked about so that its own words answer: its title where its text says that too, as no
/// bare name of a file does; else how the text begins.
pub(super) fn subject(title: &str, beginning: &str) -> String {
    let of_text = |line: &str| line.chars().any(char::is_alphanumeric);
    let Some(line) = beginning.lines().find(|line| of_text(line)) else { return title.to_owned() };
    if says(beginning, title) {
        return title.to_owned();
    }
    let line = line.trim_matches(|c: char| !c.is_alphanumeric());
    let sentence = line.split_once(". ").map_or(line, |(sentence, _)| sentence);
    if sentence.chars().count() <= SUBJECT {
        return sentence.to_owned();
    }
    let cut: String = sentence.chars().take(SUBJECT).collect();
    cut.rsplit_once(char::is_whitespace)
        .map_or(cut.as_str(), |(whole, _)| whole)
        .trim_end_matches([',', ';', ':'])
        .to_owned()
}

/// After a command whose form stands there.
pub(super) fn back_to_history(id: &DocumentId) {
    forward(&format!("/documents/{id}?view={}", DocumentTab::History.as_str()));
}

/// The page that a character stands on, from 1.
pub(super) fn page_of(pages: &[i32], at: i32) -> Option<i32> {
    let page = pages.partition_point(|start| *start <= at);
    i32::try_from(page).ok().filter(|page| *page > 0)
}

/// Where something ends or begins in a text. At one place they come in this order, so that the HTML is well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    QuoteEnds,
    PassageEnds,
    Page(i32),
    PassageBegins,
    QuoteBegins,
}

/// A part of a text as HTML: page marks where pages begin, the passage marked, and in it the quoted words.
pub(super) fn render_part(
    text: &DocumentPart,
    passage: Option<TextRange>,
    quote: Option<TextRange>,
    texts: &Texts,
) -> String {
    let chars: Vec<char> = text.text.chars().collect();
    let length = i32::try_from(chars.len()).unwrap_or(i32::MAX);
    let whole = TextRange { start: text.from, end: text.from.saturating_add(length) };
    let passage = passage.and_then(|passage| passage.within(whole));
    let quote = passage.and_then(|passage| quote?.within(passage));
    let mut cuts: Vec<(i32, Cut)> = (1..)
        .zip(&text.pages)
        .filter(|(_, start)| (whole.start..whole.end).contains(start))
        .map(|(page, start)| (*start, Cut::Page(page)))
        .collect();
    if let Some(TextRange { start, end }) = passage {
        cuts.extend([(start, Cut::PassageBegins), (end, Cut::PassageEnds)]);
    }
    if let Some(TextRange { start, end }) = quote {
        cuts.extend([(start, Cut::QuoteBegins), (end, Cut::QuoteEnds)]);
    }
    cuts.sort_unstable();
    let mut html = String::with_capacity(chars.len() * 11 / 10);
    let mut rest = chars.as_slice();
    let mut at = whole.start;
    // The passage, then the quote in it, while they are open.
    let mut open: Vec<&str> = Vec::new();
    // A later part may begin in the middle of a line.
    let mut line = if text.from == 0 { Line::Begins } else { Line::Words };
    for (place, cut) in cuts {
        let (before, behind) = rest.split_at(usize::try_from(place - at).unwrap_or(0).min(rest.len()));
        line = write_lines(&mut html, before, line);
        (rest, at) = (behind, place);
        match cut {
            Cut::QuoteEnds | Cut::PassageEnds => {
                open.pop();
                html.push_str("</mark>");
            }
            // A page that begins inside a mark: the mark is closed around the line and opened again.
            Cut::Page(page) => {
                html.push_str(&"</mark>".repeat(open.len()));
                html.push_str(&format!("<span class=\"page-mark\">{}</span>", texts.page(page)));
                html.extend(open.iter().copied());
            }
            Cut::PassageBegins => {
                open.push("<mark>");
                let name = texts.cited_passage;
                html.push_str(&format!("<mark id=\"passage\" tabindex=\"-1\" aria-label=\"{name}\">"));
            }
            Cut::QuoteBegins => {
                open.push("<mark class=\"quote\">");
                let name = texts.quoted_words;
                html.push_str(&format!("<mark class=\"quote\" id=\"quote\" tabindex=\"-1\" aria-label=\"{name}\">"));
            }
        }
    }
    write_lines(&mut html, rest, line);
    html
}

/// Where in a line a stretch of text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Begins,
    Words,
    Heading,
}

/// Text, its headings set off: files of all kinds are read so that those begin with `#`. Tells where it ends.
fn write_lines(html: &mut String, text: &[char], mut line: Line) -> Line {
    for piece in text.split_inclusive(|c| *c == '\n') {
        let hashes = piece.iter().take_while(|c| **c == '#').count();
        let marked = line == Line::Begins && (1..=6).contains(&hashes) && piece.get(hashes) == Some(&' ');
        let (mark, words) = piece.split_at(if marked { hashes + 1 } else { 0 });
        if marked {
            line = Line::Heading;
            html.push_str(&format!("<i>{}</i>", mark.iter().collect::<String>()));
        }
        let words = escape(&words.iter().collect::<String>());
        match (line, words.strip_suffix('\n')) {
            (Line::Heading, Some(words)) => html.push_str(&format!("<b>{words}</b>\n")),
            (Line::Heading, None) => html.push_str(&format!("<b>{words}</b>")),
            _ => html.push_str(&words),
        }
        line = match (piece.ends_with(&['\n']), line) {
            (true, _) => Line::Begins,
            (false, Line::Begins) => Line::Words,
            (false, line) => line,
        };
    }
    line
}

/// How many parts a text of this length has.
pub(super) fn parts_of(length: i32) -> i32 {
    (length.max(1) - 1) / PART + 1
}

/// A passage with what stands around it, cut at spaces. `text` begins [`AROUND`] characters before it, or with the
/// text, and ends as far behind it, or with the text.
pub(super) fn passage(text: &DocumentPart, passage: TextRange, quote: Option<TextRange>) -> PassageView {
    let mut chars = text.text.chars();
    let mut take = |count: i32| -> String { chars.by_ref().take(usize::try_from(count).unwrap_or(0)).collect() };
    let TextRange { start, end } = passage;
    let quote = quote.and_then(|quote| quote.within(passage));
    let mut before = take(start.saturating_sub(text.from));
    let cited = match quote {
        Some(quote) => PassageText {
            before: take(quote.start - start),
            quote: take(quote.end - quote.start),
            after: take(end - quote.end),
        },
        None => PassageText { before: take(end.saturating_sub(start)), ..PassageText::default() },
    };
    let mut after = take(AROUND);
    if text.from > 0 {
        before = before.split_once(char::is_whitespace).map_or(before.clone(), |(_, rest)| format!("…{rest}"));
    }
    if end.saturating_add(AROUND) < text.length {
        after = after.rsplit_once(char::is_whitespace).map_or(after.clone(), |(rest, _)| format!("{rest}…"));
    }
    let page = page_of(&text.pages, quote.map_or(start, |quote| quote.start));
    PassageView { title: text.title.clone(), before, text: cited, after, page }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::settings::Language;

    use super::*;

    fn text(text: &str, pages: &[i32]) -> DocumentPart {
        let length = i32::try_from(text.chars().count()).unwrap();
        DocumentPart { title: "T".into(), version: 1, from: 0, text: text.into(), length, pages: pages.to_vec() }
    }

    #[test]
    fn the_passage_is_marked_in_characters_and_everything_is_escaped() {
        let html = render_part(&text("ñandú <b> fin", &[]), TextRange::new(6, 9), None, Texts::of(Language::Es));
        assert_eq!(
            html,
            "ñandú <mark id=\"passage\" tabindex=\"-1\" aria-label=\"Pasaje citado\">&lt;b&gt;</mark> fin"
        );
    }

    #[test]
    fn headings_are_set_off_also_where_a_passage_begins_in_one() {
        let of = |source: &str, passage| render_part(&text(source, &[]), passage, None, Texts::of(Language::Es));
        assert_eq!(of("# Uno\n#dos\nx # tres", None), "<i># </i><b>Uno</b>\n#dos\nx # tres");
        let html = of("## Uno dos\ntres", TextRange::new(7, 12));
        assert!(html.starts_with("<i>## </i><b>Uno </b><mark"), "{html}");
        assert!(html.ends_with("><b>dos</b>\nt</mark>res"), "{html}");
        let later = DocumentPart { from: 4, length: 12, ..text("# no", &[]) };
        assert_eq!(render_part(&later, None, None, Texts::of(Language::Es)), "# no");
    }

    #[test]
    fn a_part_counts_from_the_beginning_of_the_whole() {
        let part = DocumentPart { from: 4, length: 12, ..text("dos tres", &[0, 8]) };
        let html = render_part(&part, TextRange::new(4, 7), None, Texts::of(Language::Es));
        assert!(html.starts_with("<mark") && html.contains(">dos</mark> <span class=\"page-mark\">Página 2"), "{html}");
        assert_eq!((parts_of(0), parts_of(PART), parts_of(PART + 1)), (1, 1, 2));
    }

    #[test]
    fn a_passage_is_shown_with_what_stands_around_it() {
        let part = DocumentPart { from: 90, length: 2_000, ..text("mitad uno dos tres cuatro", &[0, 95]) };
        let shown = passage(&part, TextRange { start: 100, end: 103 }, None);
        assert_eq!((shown.before.as_str(), shown.text.before.as_str()), ("…uno ", "dos"));
        assert_eq!((shown.after.as_str(), shown.page), (" tres…", Some(2)));
        let whole = passage(&text("uno dos tres", &[]), TextRange { start: 4, end: 7 }, None);
        let told = (whole.before.as_str(), whole.text.before.as_str(), whole.after.as_str());
        assert_eq!(told, ("uno ", "dos", " tres"));
    }

    #[test]
    fn the_quoted_words_are_cut_out_of_their_passage_and_name_their_page() {
        let quoted = |quote| {
            let shown = passage(&text("uno dos tres", &[0, 6]), TextRange { start: 4, end: 12 }, quote);
            (shown.text.before, shown.text.quote, shown.text.after, shown.page)
        };
        assert_eq!(quoted(TextRange::new(8, 10)), ("dos ".into(), "tr".into(), "es".into(), Some(2)));
        // What lies outside the passage is none of it.
        assert_eq!(quoted(TextRange::new(0, 7)), (String::new(), "dos".into(), " tres".into(), Some(1)));
        assert_eq!(quoted(TextRange::new(50, 70)), ("dos tres".into(), String::new(), String::new(), Some(1)));
    }

    #[test]
    fn a_page_that_begins_inside_marks_leaves_the_html_well_formed() {
        let marked =
            |quote| render_part(&text("uno dos tres", &[0, 6]), TextRange::new(4, 9), quote, Texts::of(Language::Es));
        let html = marked(None);
        assert!(html.contains("do</mark><span class=\"page-mark\">Página 2</span><mark>s t</mark>res"), "{html}");
        let html = marked(TextRange::new(5, 8));
        assert!(html.contains(">d<mark class=\"quote\" id=\"quote\""), "{html}");
        let page = "o</mark></mark><span class=\"page-mark\">Página 2</span>";
        assert!(html.contains(&format!("{page}<mark><mark class=\"quote\">s </mark>t</mark>res")), "{html}");
    }

    #[test]
    fn marks_that_begin_or_end_together_are_nested() {
        for (start, end) in [(4, 9), (4, 6), (6, 9), (6, 7), (0, 12)] {
            let quote = TextRange::new(start, end);
            let html =
                render_part(&text("uno dos tres", &[0, 6]), TextRange::new(4, 9), quote, Texts::of(Language::Es));
            let mut depth = 0;
            for tag in html.split('<').skip(1) {
                depth += if tag.starts_with("mark") {
                    1
                } else if tag.starts_with("/mark") {
                    -1
                } else {
                    0
                };
                assert!((0..=2).contains(&depth) && (depth == 0 || !tag.starts_with("span")), "{html}");
            }
            assert_eq!(depth, 0, "{html}");
        }
    }

    #[test]
    fn offsets_outside_the_text_mark_nothing_and_do_not_fail() {
        let html = render_part(&text("corto", &[0]), TextRange::new(90, 400), None, Texts::of(Language::Es));
        assert!(!html.contains("<mark"));
        let shown = passage(&text("corto", &[0]), TextRange { start: 90, end: 400 }, TextRange::new(95, 99));
        assert_eq!(shown.text, PassageText::default());
    }

    #[test]
    fn a_document_is_asked_about_by_words_of_its_own() {
        let text = "# Política de vacaciones\n\nHay veintidós días. Y más.";
        assert_eq!(subject("Política de vacaciones", text), "Política de vacaciones");
        assert_eq!(subject("politica_v2", text), "Política de vacaciones");
        assert_eq!(subject("nota", "---\n\nHay veintidós días. Y más."), "Hay veintidós días");
        let long = "Los productos que no se hayan usado se devuelven, con su recibo, en treinta días.";
        assert_eq!(subject("x", long), "Los productos que no se hayan usado se devuelven, con su");
        assert_eq!(subject("vacío", " \n"), "vacío");
    }

    #[test]
    fn a_passage_knows_its_page() {
        assert_eq!(page_of(&[0, 10, 20], 9), Some(1));
        assert_eq!(page_of(&[0, 10, 20], 10), Some(2));
        assert_eq!(page_of(&[], 10), None);
    }
}
