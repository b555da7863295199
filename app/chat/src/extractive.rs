//! The answerer that needs no language model: it quotes the sentences of the passages that fit the question best.
//!
//! It writes no sentence of its own about the subject and never poses as a model; when it finds nothing it says so.
//! Sentences are compared with the question by their words, weighed by how rare they are among the passages. When
//! the words do not meet, as between two languages, the embedding model compares meanings.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use cjhirashi_domain::{search::Passage, settings::Language, text::unaccented};
use cjhirashi_models::{ChatDelta, ChatStream, Embedder, FinishReason, InputKind};
use futures::{StreamExt as _, stream};

use crate::{prompt::Found, words};

/// The most sentences of one answer.
const MAX_SENTENCES: usize = 4;
/// The most of one passage.
const MAX_PER_PASSAGE: usize = 2;
/// A sentence is quoted when it fits at least this much as well as the best one.
const SHARE_OF_BEST: f64 = 0.55;
/// Share of the question's weight that the best sentence must hold for words alone to decide.
const WORDS_SUFFICE: f64 = 0.34;
/// The most sentences whose meaning is compared: half a second of the local model on two processors.
const MAX_EMBEDDED: usize = 64;
/// How long a person waits for that; then what the words say has to do.
const EMBED_TIMEOUT: Duration = Duration::from_secs(3);
/// A sentence is cut to so many characters.
const MAX_CHARS: usize = 420;

/// An answer, streamed like a model's.
pub(crate) async fn answer(
    question: &str,
    language: Language,
    found: Option<Found<'_>>,
    embedder: &dyn Embedder,
) -> ChatStream {
    let text = match found {
        None => words::search_is_off(language).to_owned(),
        Some(found) if found.summary.searched_documents == 0 => words::no_documents(language).to_owned(),
        Some(found) => match best_sentences(question, found.passages, embedder).await {
            sentences if sentences.is_empty() => words::nothing_found(language, found.summary),
            sentences => {
                let mut text = format!("{}\n", words::quotations(language));
                for sentence in sentences {
                    let quote = escape_markdown(&sentence.text);
                    text.push_str(&match language {
                        Language::Es => format!("\n- «{quote}» [{}]", sentence.n),
                        Language::En => format!("\n- “{quote}” [{}]", sentence.n),
                    });
                }
                text
            }
        },
    };
    // In pieces of a word, as a model's come, so that every reader of a stream is used by this one too.
    let pieces: Vec<ChatDelta> = text.split_inclusive(' ').map(|word| ChatDelta::Text(word.to_owned())).collect();
    stream::iter(pieces.into_iter().chain([ChatDelta::Finish(FinishReason::Stop)]).map(Ok)).boxed()
}

#[derive(Debug, Clone, PartialEq)]
struct Sentence {
    /// The passage's number.
    n: usize,
    /// Its place in the passage.
    at: usize,
    text: String,
    stems: HashSet<String>,
    score: f64,
}

async fn best_sentences(question: &str, passages: &[Passage], embedder: &dyn Embedder) -> Vec<Sentence> {
    let mut sentences: Vec<Sentence> = passages
        .iter()
        .zip(1..)
        .flat_map(|(passage, n)| {
            sentences_of(&passage.text).into_iter().enumerate().map(move |(at, text)| {
                let stems = stems(&text);
                Sentence { n, at, text, stems, score: 0.0 }
            })
        })
        .collect();
    let wanted = stems(question);
    let mut frequency: HashMap<&str, usize> = HashMap::new();
    for stem in sentences.iter().flat_map(|sentence| &sentence.stems) {
        *frequency.entry(stem).or_default() += 1;
    }
    let total = sentences.len() as f64;
    // A word that is in every sentence says little; one that is in none can decide nothing but still counts against
    // those that lack it.
    let weight = |stem: &str| (1.0 + total / (1.0 + frequency.get(stem).copied().unwrap_or(0) as f64)).ln();
    let weights: HashMap<String, f64> = wanted.iter().map(|stem| (stem.clone(), weight(stem))).collect();
    let all: f64 = weights.values().sum::<f64>().max(f64::EPSILON);
    for sentence in &mut sentences {
        let shared: f64 = sentence.stems.iter().filter_map(|stem| weights.get(stem)).sum();
        let relevance = passages.get(sentence.n - 1).map_or(0.0, |passage| passage.score);
        // The passage's own relevance settles ties and speaks where words do not; very long sentences hold every
        // word by chance.
        let length = (sentence.stems.len() as f64 / 30.0).max(1.0).sqrt();
        sentence.score = (shared / all / length) + if shared > 0.0 { relevance * 0.15 } else { 0.0 };
    }
    let best = sentences.iter().map(|sentence| sentence.score).fold(0.0, f64::max);
    if best < WORDS_SUFFICE {
        compare_meanings(question, &mut sentences, embedder).await;
    }
    choose(sentences)
}

/// Scores by the embedding model, where it can be asked in time; else the words' scores stand, and where there are none
/// the beginning of the best passages.
async fn compare_meanings(question: &str, sentences: &mut Vec<Sentence>, embedder: &dyn Embedder) {
    // Those that the words speak for, then the first sentences of each passage in turn, so that every passage is heard.
    sentences.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.at, a.n).cmp(&(b.at, b.n))));
    sentences.truncate(MAX_EMBEDDED);
    let texts: Vec<String> = sentences.iter().map(|sentence| sentence.text.clone()).collect();
    let question = [question.chars().take(1_000).collect::<String>()];
    let embedded = futures::future::try_join(
        embedder.embed(&question, InputKind::Query),
        embedder.embed(&texts, InputKind::Sentence),
    );
    let problem = match tokio::time::timeout(EMBED_TIMEOUT, embedded).await {
        Ok(Ok((asked, given))) => {
            let asked = asked.vectors.into_iter().next().unwrap_or_default();
            for (sentence, vector) in sentences.iter_mut().zip(given.vectors) {
                let cosine: f32 = asked.iter().zip(&vector).map(|(a, b)| a * b).sum();
                sentence.score = embedder.calibrate(cosine);
            }
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tracing::warn!(error = problem, "sentences could not be compared by meaning; the words decide");
    if sentences.iter().all(|sentence| sentence.score <= 0.0) {
        for sentence in sentences {
            sentence.score = 1.0 / (1.0 + sentence.at as f64) / (1.0 + sentence.n as f64);
        }
    }
}

fn choose(mut sentences: Vec<Sentence>) -> Vec<Sentence> {
    sentences.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.n, a.at).cmp(&(b.n, b.at))));
    let best = sentences.first().map_or(0.0, |sentence| sentence.score);
    if best <= 0.0 {
        return Vec::new();
    }
    let mut chosen: Vec<Sentence> = Vec::new();
    for sentence in sentences {
        let same_passage = chosen.iter().filter(|other| other.n == sentence.n).count();
        let repeated = chosen.iter().any(|other| alike(other, &sentence));
        if sentence.score >= best * SHARE_OF_BEST && same_passage < MAX_PER_PASSAGE && !repeated {
            chosen.push(sentence);
        }
        if chosen.len() == MAX_SENTENCES {
            break;
        }
    }
    // The best first, whatever stands before it; the others as they are read, those of its passage before the rest.
    if let Some((first, others)) = chosen.split_first_mut() {
        others.sort_by_key(|sentence| (sentence.n != first.n, sentence.n, sentence.at));
    }
    chosen
}

/// Overlapping chunks hold the same sentence twice.
fn alike(a: &Sentence, b: &Sentence) -> bool {
    if a.text == b.text || a.text.contains(&b.text) || b.text.contains(&a.text) {
        return true;
    }
    let shared = a.stems.intersection(&b.stems).count();
    shared * 10 > a.stems.union(&b.stems).count() * 8
}

/// Sentences on one line each, without headings' marks. What is cut is cut at a word and keeps its own words, so that
/// a quotation is found in its passage.
fn sentences_of(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    // A line that ends a paragraph, a heading or a list item ends a sentence; a line that was only wrapped does not.
    let mut paragraph = String::new();
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if let Some(row) = line.strip_prefix('|') {
            close(&mut paragraph, &mut sentences);
            // What a table's columns are called answers nothing, and neither does the line below.
            if !is_rule(line) && !lines.peek().is_some_and(|next| is_rule(next)) {
                let cells: Vec<&str> = row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
                keep(&cells.join(" – "), &mut sentences);
            }
            continue;
        }
        if line.is_empty() || line.starts_with(['#', '-', '*', '•', '>']) || numbered(line) {
            close(&mut paragraph, &mut sentences);
        }
        if line.starts_with('#') {
            // A heading names what follows but answers nothing.
            continue;
        }
        if !paragraph.is_empty() {
            paragraph.push(' ');
        }
        paragraph.push_str(line.trim_start_matches(['-', '*', '•', '>', ' ']));
    }
    close(&mut paragraph, &mut sentences);
    sentences
}

/// The line of a Markdown table between its head and its rows.
fn is_rule(line: &str) -> bool {
    line.starts_with('|') && line.contains('-') && line.chars().all(|c| "|-: ".contains(c))
}

/// Cuts a paragraph into its sentences.
fn close(paragraph: &mut String, sentences: &mut Vec<String>) {
    let mut begin = 0;
    for (at, c) in paragraph.char_indices() {
        let end = at + c.len_utf8();
        let rest = &paragraph[end..];
        let closes = ".!?…".contains(c)
            && rest.starts_with(' ')
            && rest
                .trim_start()
                .starts_with(|next: char| next.is_uppercase() || "¿¡«“\"(".contains(next) || next.is_numeric())
            && !abbreviation(&paragraph[begin..at]);
        if closes {
            keep(&paragraph[begin..end], sentences);
            begin = end;
        }
    }
    keep(&paragraph[begin..], sentences);
    paragraph.clear();
}

fn numbered(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits) && line[digits..].starts_with(['.', ')']) && line[digits + 1..].starts_with(' ')
}

/// "Sr. Pérez", "p. 3": no end of a sentence.
fn abbreviation(before: &str) -> bool {
    let word = before.rsplit([' ', '(']).next().unwrap_or_default();
    let word = word.to_lowercase();
    word.chars().count() == 1 && word.chars().all(char::is_alphabetic)
        || [
            "sr", "sra", "dr", "dra", "mr", "mrs", "ms", "art", "núm", "num", "no", "pág", "fig", "cap", "etc", "vs",
            "ej", "e.g", "i.e", "p.ej", "aprox", "ud", "uds",
        ]
        .contains(&word.as_str())
}

fn keep(sentence: &str, sentences: &mut Vec<String>) {
    // Marks of emphasis are none of the words.
    let sentence = sentence.replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let letters = sentence.chars().filter(|c| c.is_alphabetic()).count();
    if letters < 12 {
        return;
    }
    if sentence.chars().count() <= MAX_CHARS {
        sentences.push(sentence);
        return;
    }
    let cut = sentence.char_indices().nth(MAX_CHARS).map_or(sentence.len(), |(at, _)| at);
    let cut = sentence[..cut].rfind(' ').unwrap_or(cut);
    sentences.push(sentence[..cut].to_owned());
}

/// Words that say something, folded and cut so that endings do not matter.
pub(crate) fn stems(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .map(|word| word.chars().flat_map(char::to_lowercase).map(unaccented).collect::<String>())
        .filter(|word| word.chars().count() > 1 && !STOP_WORDS.contains(&word.as_str()))
        .map(|word| {
            let length = word.chars().count();
            // "garantía" and "garantías", "install" and "installed" meet at their first letters.
            let kept = match length {
                0..=4 => length,
                5..=6 => length - 1,
                7..=8 => 6,
                _ => 7,
            };
            word.chars().take(kept).collect()
        })
        .collect()
}

/// Words that are in every sentence of Spanish or English, folded.
const STOP_WORDS: &[&str] = &[
    "al", "algo", "ante", "asi", "aun", "cada", "como", "con", "cual", "cuales", "cuando", "cuanto", "cuanta",
    "cuantos", "cuantas", "de", "del", "desde", "donde", "el", "ella", "ellas", "ellos", "en", "entre", "era", "es",
    "esa", "ese", "eso", "esta", "estan", "estar", "este", "esto", "estos", "estas", "fue", "ha", "hace", "hacer",
    "han", "hasta", "hay", "la", "las", "le", "les", "lo", "los", "mas", "me", "mi", "mis", "muy", "ni", "no", "nos",
    "os", "para", "pero", "por", "porque", "puede", "puedo", "que", "quien", "se", "ser", "si", "sin", "sobre", "son",
    "su", "sus", "tambien", "te", "tengo", "tiene", "tienen", "tu", "tus", "un", "una", "unas", "uno", "unos", "ya",
    "yo", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "each", "for", "from", "had", "has", "have", "he", "her", "his", "how", "if",
    "in", "into", "is", "it", "its", "many", "me", "more", "much", "must", "my", "not", "of", "on", "or", "our", "she",
    "should", "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "to", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would", "you",
    "your",
];

/// Text that Markdown shows as it stands.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "\\*_`<>[]$~|#&【".contains(c) {
            // 【 is no ASCII punctuation and cannot be escaped; a space keeps it from being a citation.
            out.push(if c == '【' { ' ' } else { '\\' });
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use cjhirashi_domain::{
        chat::{BestMatch, RetrievalSummary},
        id::{ChunkId, DocumentId},
    };
    use cjhirashi_models::{Embedded, ModelError, Outage};

    use super::*;

    /// An embedding model that cannot be reached.
    struct Away;

    #[async_trait]
    impl Embedder for Away {
        fn id(&self) -> &str {
            "away"
        }
        fn dimension(&self) -> usize {
            2
        }
        async fn embed(&self, _: &[String], _: InputKind) -> Result<Embedded, ModelError> {
            Err(ModelError::Unavailable { provider: "away".to_owned(), cause: Outage::Other, detail: String::new() })
        }
        fn calibrate(&self, cosine: f32) -> f64 {
            f64::from(cosine)
        }
        fn batch_size(&self) -> usize {
            8
        }
    }

    /// Gives sentences that hold a word a direction of their own, and never answers when it is not to.
    struct Knows(Option<&'static str>);

    #[async_trait]
    impl Embedder for Knows {
        fn id(&self) -> &str {
            "knows"
        }
        fn dimension(&self) -> usize {
            2
        }
        async fn embed(&self, texts: &[String], kind: InputKind) -> Result<Embedded, ModelError> {
            let Some(word) = self.0 else { std::future::pending().await };
            assert_ne!(kind, InputKind::Passage, "those wait behind the documents that are read");
            let vector = |text: &String| {
                if kind == InputKind::Query || text.contains(word) { vec![1.0, 0.0] } else { vec![0.0, 1.0] }
            };
            Ok(Embedded { vectors: texts.iter().map(vector).collect(), tokens: None })
        }
        fn calibrate(&self, cosine: f32) -> f64 {
            f64::from(cosine)
        }
        fn batch_size(&self) -> usize {
            8
        }
    }

    fn passage(text: &str, score: f64) -> Passage {
        Passage {
            document_id: DocumentId::parse("d").unwrap(),
            chunk_id: ChunkId::parse("c").unwrap(),
            version: 1,
            seq: 0,
            title: "Manual".to_owned(),
            text: text.to_owned(),
            score,
            start: 0,
            end: 10,
            page: None,
        }
    }

    fn summary(documents: i64) -> RetrievalSummary {
        RetrievalSummary { searched_documents: documents, passages: 1, best: None, min_score: 0.5, degraded: false }
    }

    async fn text_of(question: &str, language: Language, passages: &[Passage], summary: &RetrievalSummary) -> String {
        text_by(&Away, question, language, passages, summary).await
    }

    async fn text_by(
        embedder: &dyn Embedder,
        question: &str,
        language: Language,
        passages: &[Passage],
        summary: &RetrievalSummary,
    ) -> String {
        let found = Some(Found { passages, summary });
        let mut stream = answer(question, language, found, embedder).await;
        let mut text = String::new();
        while let Some(Ok(delta)) = stream.next().await {
            if let ChatDelta::Text(more) = delta {
                text.push_str(&more);
            }
        }
        text
    }

    #[tokio::test]
    async fn the_sentence_that_answers_is_quoted_and_cited() {
        let passages = [
            passage(
                "# Garantía\nEl aparato pesa dos kilos. La garantía cubre dos años desde la compra. Se limpia con agua.",
                0.8,
            ),
            passage("Los envíos salen cada lunes. Nadie responde los domingos por la tarde.", 0.6),
        ];
        let text = text_of("¿Cuántos años dura la garantía?", Language::Es, &passages, &summary(2)).await;
        assert!(text.starts_with("Esto dicen los documentos"), "{text}");
        assert!(text.contains("«La garantía cubre dos años desde la compra.» [1]"), "{text}");
        assert!(!text.contains("lunes"), "{text}");
    }

    #[tokio::test]
    async fn the_best_sentence_comes_first_whatever_stands_before_it() {
        let passages = [passage(
            "La máquina hierve el agua en un minuto. Cada mes se limpia la máquina con agua y ácido cítrico.",
            0.8,
        )];
        let text = text_of("¿Cómo se limpia la máquina? ¿Con agua?", Language::Es, &passages, &summary(1)).await;
        let (best, other) = (text.find("ácido cítrico"), text.find("hierve"));
        assert!(best.is_some() && other.is_some() && best < other, "{text}");
    }

    #[tokio::test]
    async fn a_row_of_a_table_is_quoted_without_its_bars_and_its_head_not_at_all() {
        let table = "La cafetera **Aurora X2** avisa así:\n\n| Código | Significado | Qué hacer |\n|---|:---|---|\n\
                     | E02 | Depósito vacío | Llenar el depósito |\n| E03 | Sobrecalentamiento | Apagar y esperar |\n";
        let text = text_of("¿Qué significa el código E03?", Language::Es, &[passage(table, 0.8)], &summary(1)).await;
        assert!(text.contains("«E03 – Sobrecalentamiento – Apagar y esperar» [1]"), "{text}");
        assert!(!text.contains('|') && !text.contains("Significado"), "{text}");
        let text = text_of("¿Qué avisa la Aurora?", Language::Es, &[passage(table, 0.8)], &summary(1)).await;
        assert!(text.contains("«La cafetera Aurora X2 avisa así:» [1]"), "{text}");
    }

    #[tokio::test]
    async fn nothing_found_is_said_plainly_with_the_best_match() {
        let mut summary = summary(12);
        summary.best =
            Some(BestMatch { document_id: DocumentId::parse("d").unwrap(), title: "A*B".to_owned(), score: 0.34 });
        let text = text_of("what?", Language::En, &[], &summary).await;
        assert!(text.contains("12 documents") && text.contains("A\\*B") && text.contains("34 %"), "{text}");
        let text = text_of("what?", Language::En, &[], &RetrievalSummary { searched_documents: 0, ..summary }).await;
        assert!(text.starts_with("There are no documents"), "{text}");
    }

    #[tokio::test]
    async fn without_common_words_and_without_embeddings_the_best_passage_still_speaks() {
        let passages = [passage("The warranty lasts for two years after purchase.", 0.9)];
        let text = text_of("¿Cuánto tiempo cubre el seguro?", Language::Es, &passages, &summary(1)).await;
        assert!(text.contains("warranty lasts"), "{text}");
    }

    #[tokio::test]
    async fn a_sentence_in_the_middle_of_a_passage_is_found_by_its_meaning() {
        let filler = |n: usize| format!("Sentence {n} speaks about nothing of any use. ");
        let middle = |answer: &str| {
            let before: String = (0..9).map(filler).collect();
            let after: String = (9..18).map(filler).collect();
            format!("{before}{answer} {after}")
        };
        let passages = [
            passage(&middle("Nothing is known of ships here."), 0.9),
            passage(&middle("The warranty lasts for two years."), 0.8),
        ];
        let question = "¿Cuánto tiempo cubre el seguro?";
        let text = text_by(&Knows(Some("warranty")), question, Language::Es, &passages, &summary(2)).await;
        assert!(text.contains("«The warranty lasts for two years.» [2]"), "{text}");
    }

    #[tokio::test]
    async fn an_embedding_model_that_is_busy_does_not_hold_up_the_answer() {
        let passages = [passage("Nothing here at all of use. The warranty lasts for two years after purchase.", 0.9)];
        let begun = tokio::time::Instant::now();
        let question = "warranty of the seller against theft and water and fire";
        let text = text_by(&Knows(None), question, Language::En, &passages, &summary(1)).await;
        assert!(begun.elapsed() <= EMBED_TIMEOUT + Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(text.contains("warranty lasts"), "{text}");
    }

    #[test]
    fn a_wrapped_line_does_not_end_a_sentence_and_an_abbreviation_neither() {
        let sentences = sentences_of(
            "El Sr. Pérez llegó a la\nreunión tarde. Luego habló.\n\n- Un punto de la lista larga\n- Otro punto de la lista",
        );
        assert_eq!(
            sentences,
            ["El Sr. Pérez llegó a la reunión tarde.", "Un punto de la lista larga", "Otro punto de la lista"]
        );
    }

    #[test]
    fn markdown_in_a_quotation_is_text() {
        assert_eq!(escape_markdown("a*b [1] <i> $x$"), "a\\*b \\[1\\] \\<i\\> \\$x\\$");
    }
}
