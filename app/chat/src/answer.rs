//! An answer as it is shown: its words as safe HTML, and in their place the cards of its artifacts.

use std::ops::Range;

use cjhirashi_artifacts::{
    card, growing,
    protocol::{self, Fences, MOST_PER_ANSWER, Segment, Tag, closing, may_open, opening},
};
use cjhirashi_domain::{
    artifact::MessageArtifact,
    chat::{Citation, CitationUse},
    settings::Language,
};
use cjhirashi_markdown::{self as markdown, BlockRenderer, Place};

/// A saved answer as safe HTML. `made`: what it made of artifacts; empty where that is not known.
#[must_use]
pub fn render_answer(text: &str, citations: &[Citation], made: &[MessageArtifact], place: Place<'_>) -> String {
    let segments = protocol::segments(text);
    if segments.iter().all(|segment| matches!(segment, Segment::Text(_))) {
        return markdown::render(text, citations, place);
    }
    let mut html = String::new();
    let mut number = 0;
    for (segment, at) in segments.into_iter().zip(0..) {
        match segment {
            Segment::Text(range) => {
                let id = format!("{}-{at}", place.id);
                let citations = cited_in(text, &range, citations);
                html.push_str(&markdown::render_shared(&text[range], &citations, Place { id: &id, ..place }));
            }
            Segment::Artifact(written) => {
                let made = made.iter().find(|made| made.n == number);
                html.push_str(&card(place.language, &written.tag, made, &text[written.body]));
                number += 1;
            }
        }
    }
    html
}

/// Citations as a stretch of the text sees them.
fn cited_in(text: &str, range: &Range<usize>, citations: &[Citation]) -> Vec<Citation> {
    let before = i32::try_from(text[..range.start].chars().count()).unwrap_or(i32::MAX);
    let moved = |used: &CitationUse| {
        let at = used.at.checked_sub(before).filter(|at| *at >= 0)?;
        Some(CitationUse { at, ..used.clone() })
    };
    citations
        .iter()
        .map(|citation| Citation { uses: citation.uses.iter().filter_map(moved).collect(), ..citation.clone() })
        .collect()
}

/// An answer while it is being written: as [`BlockRenderer`], with one block more for each artifact.
#[derive(Debug, Default)]
pub(crate) struct LiveAnswer {
    id: String,
    language: Language,
    citations: Vec<Citation>,
    /// The words after the last artifact.
    words: BlockRenderer,
    /// Blocks before those words.
    before: u32,
    fences: Fences,
    /// The line that is not whole yet, and how much of it the words have.
    line: String,
    given: usize,
    /// The artifact that is being written.
    artifact: Option<Growing>,
    artifacts: usize,
    /// Blocks that were finished since the last call.
    finished: Vec<(u32, String)>,
}

#[derive(Debug)]
struct Growing {
    tag: Tag,
    body: String,
    /// Where its last line begins.
    line: usize,
    dirty: bool,
}

impl LiveAnswer {
    pub(crate) fn new(place: Place<'_>) -> Self {
        Self { id: place.id.to_owned(), language: place.language, words: BlockRenderer::new(place), ..Self::default() }
    }

    pub(crate) fn set_citations(&mut self, citations: Vec<Citation>) {
        self.words.set_citations(citations.clone());
        self.citations = citations;
    }

    pub(crate) fn push(&mut self, delta: &str) {
        for piece in delta.split_inclusive('\n') {
            self.take(piece);
        }
    }

    /// Takes words of one line.
    fn take(&mut self, piece: &str) {
        let whole = piece.ends_with('\n');
        if let Some(artifact) = &mut self.artifact {
            artifact.body.push_str(piece);
            artifact.dirty = true;
            if whole {
                match closing(&artifact.body[artifact.line..]) {
                    Some(place) => self.close(place),
                    None => artifact.line = artifact.body.len(),
                }
            }
            return;
        }
        self.line.push_str(piece);
        let may_open_here = self.given == 0 && !self.fences.inside() && self.artifacts < MOST_PER_ANSWER;
        if !whole {
            if let Some((tag, behind)) = opening(&self.line).filter(|_| may_open_here) {
                // The rest of its line is still to come.
                let behind = behind.to_owned();
                self.line.clear();
                self.open(tag, &behind, false);
            } else if !(may_open_here && may_open(&self.line)) {
                self.words.push(&self.line[self.given..]);
                self.given = self.line.len();
            }
            return;
        }
        let line = std::mem::take(&mut self.line);
        let given = std::mem::take(&mut self.given);
        match opening(&line).filter(|_| may_open_here) {
            Some((tag, behind)) => self.open(tag, behind, true),
            None => {
                self.words.push(&line[given..]);
                self.fences.take(line.trim_end_matches(['\n', '\r']));
            }
        }
    }

    /// `whole`: nothing more comes of the tag's line.
    fn open(&mut self, tag: Tag, behind: &str, whole: bool) {
        self.finish_words();
        self.artifacts += 1;
        self.artifact = Some(Growing { tag, body: behind.to_owned(), line: 0, dirty: true });
        if !whole {
            return;
        }
        if let Some(place) = closing(behind) {
            self.close(place);
        } else if let Some(artifact) = &mut self.artifact {
            artifact.line = artifact.body.len();
        }
    }

    /// The words so far are final; the next block is the artifact's.
    fn finish_words(&mut self) {
        let changes = self.words.changes();
        self.finished.extend(changes.into_iter().map(|(at, html)| (self.before + at, html)));
        self.before += self.words.blocks();
    }

    /// The artifact is whole: `place` is where its closing tag stands in its last line.
    fn close(&mut self, place: Range<usize>) {
        let Some(mut artifact) = self.artifact.take() else { return };
        let after = artifact.body.split_off(artifact.line + place.end);
        artifact.body.truncate(artifact.line + place.start);
        let html = growing(self.language, &artifact.tag, artifact.body.trim_matches(['\n', '\r']), true);
        self.finished.push((self.before, html));
        self.before += 1;
        let id = format!("{}-{}", self.id, self.before);
        self.words = BlockRenderer::new(Place::new(&id, self.language));
        self.words.set_citations(self.citations.clone());
        // What follows its tag on the same line.
        if !after.is_empty() {
            self.take(&after);
        }
    }

    pub(crate) fn open_bytes(&self) -> usize {
        self.words.open_bytes()
    }

    pub(crate) fn may_draw(&self) -> bool {
        self.words.may_draw()
    }

    /// As [`BlockRenderer::changes`].
    pub(crate) fn changes(&mut self) -> Vec<(u32, String)> {
        let mut changes = std::mem::take(&mut self.finished);
        match &mut self.artifact {
            Some(artifact) if artifact.dirty => {
                artifact.dirty = false;
                let mut body = artifact.body.trim_start_matches(['\n', '\r']);
                // The beginning of its closing tag is nobody's business.
                let last = body.rfind('\n').map_or(0, |at| at + 1);
                if body[last..].starts_with('<') && "</artifact>".starts_with(body[last..].trim_end()) {
                    body = &body[..last];
                }
                changes.push((self.before, growing(self.language, &artifact.tag, body.trim_end_matches('\n'), false)));
            }
            Some(_) => {}
            None => {
                let words = self.words.changes();
                changes.extend(words.into_iter().map(|(at, html)| (self.before + at, html)));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::{chat::Verdict, id::ArtifactId, passage::TextRange};
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'_> = Place::new("m", Language::En);
    const TEXT: &str = "Here:\n\n- one\n\n<artifact identifier=\"a\" type=\"code\" title=\"A\">\nlet x = 1;\n\n```\n</artifact>\n\nDone [1].\n";

    /// What a page looks like when the text comes in pieces that end at these places.
    fn live(text: &str, cuts: &[usize]) -> Vec<String> {
        let mut answer = LiveAnswer::new(PLACE);
        let mut page: Vec<String> = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            let cut = (cut.max(from)..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            answer.push(&text[from..cut]);
            from = cut;
            for (at, html) in answer.changes() {
                let at = at as usize;
                if page.len() <= at {
                    page.resize(at + 1, String::new());
                }
                page[at] = html;
            }
        }
        page
    }

    #[test]
    fn an_artifact_that_is_written_is_one_block_between_the_words() {
        let page = live(TEXT, &[]);
        assert_eq!(page.len(), 4, "{page:?}");
        assert!(page[2].contains("artifact-card done") && page[2].contains("let x = 1;"), "{}", page[2]);
        assert!(page[3].contains("Done"), "{}", page[3]);
    }

    #[test]
    fn a_tag_whose_line_comes_in_pieces_opens_its_artifact() {
        let at = TEXT.find("<artifact").unwrap();
        let end = at + TEXT[at..].find('>').unwrap() + 1;
        for cut in [end - 1, end, end + 1] {
            assert_eq!(live(TEXT, &[cut]), live(TEXT, &[]), "{cut}");
        }
        let arrow = TEXT.replace("title=\"A\"", "title=\"A -> B\"");
        assert_eq!(live(&arrow, &[arrow.find("->").unwrap() + 2]), live(&arrow, &[]));
    }

    #[test]
    fn half_a_tag_is_shown_to_nobody() {
        let at = TEXT.find("<artifact").unwrap();
        let page = live(&TEXT[..at + 12], &[at + 3]);
        assert!(!page.concat().contains("artifact"), "{page:?}");
        let end = TEXT.find("</artifact>").unwrap();
        let page = live(&TEXT[..end + 5], &[]);
        assert!(page[2].contains("growing") && !page[2].contains("&lt;/"), "{}", page[2]);
    }

    #[test]
    fn a_mark_behind_an_artifact_leads_to_its_own_words() {
        let citation: Citation = serde_json::from_value(serde_json::json!({
            "n": 1, "document_id": "d", "version": 1, "seq": 0, "start": 0, "end": 90, "page": null, "score": 0.9,
            "verdict": "weak", "source": { "title": "T", "text": "" },
        }))
        .unwrap();
        let text = format!("«Año» [1].\n\n{TEXT}");
        let at = |byte: usize| i32::try_from(text[..byte].chars().count()).unwrap();
        let used = |byte, start| CitationUse {
            at: at(byte),
            verdict: Verdict::Verified,
            quote: TextRange::new(start, start + 5),
        };
        let uses = vec![used(text.find("[1]").unwrap(), 10), used(text.rfind("[1]").unwrap(), 40)];
        let html = render_answer(&text, &[Citation { uses, ..citation }], &[], PLACE);
        let (first, second) = html.split_once("artifact-card").expect("a card");
        assert!(first.contains("quote_start=10&amp;quote_end=15#quote"), "{first}");
        assert!(
            second.contains("quote_start=40&amp;quote_end=45#quote\" data-n=\"1\" data-verdict=\"verified\""),
            "{second}"
        );
    }

    #[test]
    fn a_saved_answer_has_the_card_in_the_place_of_the_artifact() {
        let made = MessageArtifact {
            n: 0,
            id: Some(ArtifactId::parse("art1").unwrap()),
            version: Some(1),
            title: Some("New name".to_owned()),
            kind: Some("code".to_owned()),
            problem: None,
        };
        let html = render_answer(TEXT, &[], &[made], PLACE);
        assert!(html.contains("/artifacts/art1?version=1") && html.contains("New name"), "{html}");
        assert!(!html.contains("let x = 1;") && html.contains("<li>one"), "{html}");
    }

    proptest! {
        #[test]
        fn however_the_text_is_cut_the_page_is_the_same(cuts in prop::collection::vec(0..TEXT.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            prop_assert_eq!(live(TEXT, &cuts), live(TEXT, &[]));
        }
    }
}
