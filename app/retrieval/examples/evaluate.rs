//! How well search finds, and what its scores mean, on parallel documentation in Spanish and English with the local
//! embedding model.
//!
//! The corpus is LibreOffice's help as Debian packages it; it is not part of the project:
//!
//! ```sh
//! apt-get download libreoffice-help-es libreoffice-help-en-us && for f in *.deb; do dpkg -x "$f" help; done
//! cargo run --release -p cjhirashi-retrieval --example evaluate -- help/usr/share/libreoffice/help "$MODEL_DIR" [dump.tsv]
//! ```
//!
//! Known-item search: a page without its heading is the document, the heading (plain or asked as a question) is the
//! query. Unanswerable: headings of pages that are not in the corpus, and questions of another world. The figures
//! compare ways of searching; they are not the quality of answers.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::{
    collections::HashMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use cjhirashi_domain::{Viewer, id::UserId, search::SearchMode, sync::IndexKind, user::Role};
use cjhirashi_models::{EmbeddingChoice, InputKind, ModelRegistry, ModelsConfig};
use cjhirashi_retrieval::{Engine, EngineCell, Feeder, Retriever, SearchOutcome, SearchQuery};
use cjhirashi_storage::{AppSecret, Store, StoreOptions, encode_embedding};
use cjhirashi_testkit::TestDb;
use cjhirashi_vectors::{EmbeddedIndex, EmbeddedOptions};
use rand::{SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};

/// Pages of each language in the corpus.
const PAGES: usize = 400;
/// Pages asked for.
const ASKED: usize = 150;
/// Headings of pages outside the corpus.
const OUTSIDE: usize = 100;
const CHARS: usize = 1_400;

const ELSEWHERE: [(&str, &str); 12] = [
    ("¿Cuántos días de vacaciones me corresponden al año?", "How many days of holiday do I get a year?"),
    ("¿A qué hora abre la farmacia de guardia?", "When does the pharmacy on duty open?"),
    ("¿Quién ganó la liga de fútbol en 1998?", "Who won the football league in 1998?"),
    ("Receta de paella valenciana con conejo", "Recipe for paella with rabbit"),
    ("¿Cómo se cambia el aceite del coche?", "How is a car's oil changed?"),
    ("¿Qué síntomas tiene la gripe?", "What are the symptoms of influenza?"),
    ("Política de devoluciones de la tienda", "The shop's return policy"),
    ("¿Cuál es la capital de Mongolia?", "What is the capital of Mongolia?"),
    ("Horario del tren de Sevilla a Madrid", "Timetable of the train from Seville to Madrid"),
    ("¿Cuánto cuesta alquilar un piso en Lima?", "What does renting a flat in Lima cost?"),
    ("Normas de uso de la piscina comunitaria", "Rules for using the community pool"),
    ("¿Cómo riego un cactus en invierno?", "How do I water a cactus in winter?"),
];

struct Page {
    es: (String, String),
    en: (String, String),
}

/// The heading and the text below it.
fn read_page(path: &Path) -> Option<(String, String)> {
    let html = std::fs::read_to_string(path).ok()?;
    let from = html.find("<h1")?;
    let body = &html[from..];
    let body = &body[..body.find("relatedtopics").unwrap_or(body.len())];
    let end = body.find("</h1>")?;
    let heading = plain(&body[..end]);
    let text: String = plain(&body[end..]).chars().take(CHARS).collect();
    (heading.chars().count() >= 8 && text.chars().count() >= 300).then_some((heading, text))
}

fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let out = out.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    out.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            into.push(path);
        }
    }
}

fn pages(help: &Path) -> Vec<Page> {
    let root = help.join("es/text");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    let mut pages = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for path in paths {
        let Ok(relative) = path.strip_prefix(&root) else { continue };
        let (Some(es), Some(en)) = (read_page(&path), read_page(&help.join("en-US/text").join(relative))) else {
            continue;
        };
        *seen.entry(es.0.to_lowercase()).or_default() += 1;
        *seen.entry(en.0.to_lowercase()).or_default() += 1;
        pages.push(Page { es, en });
    }
    // A heading that two pages share asks for neither.
    pages.retain(|page| seen[&page.es.0.to_lowercase()] <= 1 && seen[&page.en.0.to_lowercase()] <= 1);
    pages.shuffle(&mut SmallRng::seed_from_u64(2026));
    pages
}

/// Every second heading is asked as a person would.
fn asked(heading: &str, spanish: bool, number: usize) -> String {
    match (number % 2, spanish) {
        (0, _) => heading.to_owned(),
        (_, true) => format!("¿Qué hay que saber sobre esto: {heading}?"),
        (_, false) => format!("What do I need to know about this: {heading}?"),
    }
}

#[derive(Default)]
struct Tally {
    asked: usize,
    first: usize,
    in_ten: usize,
    relevant_above: usize,
    irrelevant: usize,
    irrelevant_above: usize,
    any_above: usize,
}

impl Tally {
    fn take(&mut self, outcome: &SearchOutcome, gold: Option<&str>) {
        self.asked += 1;
        let candidates = &outcome.trace.candidates;
        let rank = gold.and_then(|gold| candidates.iter().position(|c| c.document_id.as_str() == gold));
        self.first += usize::from(rank == Some(0));
        self.in_ten += usize::from(rank.is_some_and(|rank| rank < 10));
        self.any_above += usize::from(candidates.iter().any(|candidate| candidate.score >= 0.5));
        for candidate in candidates.iter().take(10) {
            if gold == Some(candidate.document_id.as_str()) {
                self.relevant_above += usize::from(candidate.score >= 0.5);
            } else {
                self.irrelevant += 1;
                self.irrelevant_above += usize::from(candidate.score >= 0.5);
            }
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { f64::NAN } else { part as f64 / whole as f64 }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let help = PathBuf::from(arguments.next().context("the folder of the help")?);
    let model_dir = PathBuf::from(arguments.next().context("the folder of the models")?);
    let dump = arguments.next();
    let pages = pages(&help);
    anyhow::ensure!(pages.len() >= PAGES + OUTSIDE, "only {} pages fit", pages.len());

    let registry =
        ModelRegistry::new(ModelsConfig { model_dir, embeddings: EmbeddingChoice::Local, ..ModelsConfig::default() })?;
    let embedder = registry.embedder();
    let database = TestDb::new().await?;
    let store = Store::connect(StoreOptions::new(&database.url, AppSecret::new([7; 32]))).await?;
    store.migrate().await?;
    for (language, of) in [("es", true), ("en", false)] {
        for (number, group) in pages[..PAGES].chunks(32).enumerate() {
            let texts: Vec<String> =
                group.iter().map(|page| if of { page.es.1.clone() } else { page.en.1.clone() }).collect();
            let vectors = embedder.embed(&texts, InputKind::Passage).await?.vectors;
            for (offset, (text, vector)) in texts.iter().zip(&vectors).enumerate() {
                let id = format!("{language}{}", number * 32 + offset);
                sqlx::query(
                    "INSERT INTO documents (id, title, source, status, version, chunk_count, tags)
                     VALUES ($1, $1, 'api', 'indexed', 1, 1, ARRAY[$2])",
                )
                .bind(&id)
                .bind(language)
                .execute(store.pool())
                .await?;
                sqlx::query(
                    "WITH chunk AS (
                        INSERT INTO chunks (id, document_id, version, seq, text, start_offset, end_offset, language,
                                            hash, indexed_at)
                        VALUES ($1 || '-0', $1, 1, 0, $2, 0, length($2), $3, '', now()) RETURNING ordinal
                     )
                     INSERT INTO embeddings (ordinal, embedding, model) SELECT ordinal, $4, $5 FROM chunk",
                )
                .bind(&id)
                .bind(text)
                .bind(language)
                .bind(encode_embedding(vector))
                .bind(embedder.id())
                .execute(store.pool())
                .await?;
            }
        }
        println!("embedded {PAGES} pages of {language}");
    }
    sqlx::query("ANALYZE chunks").execute(store.pool()).await?;

    let folder = tempfile::tempdir()?;
    let (index, _) = EmbeddedIndex::open(EmbeddedOptions {
        folder: folder.path().to_owned(),
        model: embedder.id().to_owned(),
        dimension: embedder.dimension(),
    })
    .await?;
    let index = Arc::new(index);
    Feeder::new(store.clone(), Arc::clone(&index)).compare().await.map_err(anyhow::Error::msg)?;
    let retriever = Retriever::new(store.clone(), EngineCell::new(Engine::new(IndexKind::Embedded, index, embedder)));
    let viewer = Viewer { user_id: UserId::parse("nobody")?, role: Role::User };
    let mut lines =
        String::from("direction\tkind\tquery\trelevant\tcosine\tcoverage\tsame\tdense_rank\ttext_rank\tscore\n");

    println!(
        "direction and mode | R@1 | R@10 | gold >= 0.5 | others of the ten >= 0.5 | unanswerable: best >= 0.5 | of another world \
         | with the closer look: gold, unanswerable, of another world"
    );
    for (from, to) in [("es", "es"), ("en", "en"), ("es", "en"), ("en", "es")] {
        for mode in [SearchMode::Dense, SearchMode::Text, SearchMode::Hybrid] {
            let search_from = async |text: String, min_score: f64| {
                let query =
                    SearchQuery { top_k: 50, min_score, tags: vec![to.to_owned()], mode, ..SearchQuery::new(text) };
                retriever.search(&viewer, query).await
            };
            let search = async |text: String| search_from(text, 0.0).await;
            // With the closer look at sentences, which is taken where nothing passes.
            let passes = async |text: String, gold: Option<&str>| {
                let passages = search_from(text, 0.5).await?.passages;
                let wanted = |id: &str| gold.is_none_or(|gold| gold == id);
                anyhow::Ok(usize::from(passages.iter().any(|passage| wanted(passage.document_id.as_str()))))
            };
            let mut passed = [0, 0, 0];
            let heading = |page: &Page| if from == "es" { page.es.0.clone() } else { page.en.0.clone() };
            let (mut known, mut outside, mut elsewhere) = (Tally::default(), Tally::default(), Tally::default());
            let mut record = |kind: &str, number: usize, outcome: &SearchOutcome, gold: Option<&str>| {
                if mode == SearchMode::Hybrid {
                    for c in &outcome.trace.candidates {
                        let relevant = u8::from(gold == Some(c.document_id.as_str()));
                        let rank = |rank: Option<usize>| rank.map_or(String::new(), |rank| rank.to_string());
                        let _ = writeln!(
                            lines,
                            "{from}{to}\t{kind}\t{number}\t{relevant}\t{}\t{:.4}\t{}\t{}\t{}\t{:.4}",
                            c.cosine.map_or(String::new(), |cosine| format!("{cosine:.5}")),
                            c.coverage,
                            u8::from(from == to),
                            rank(c.dense_rank),
                            rank(c.text_rank),
                            c.score,
                        );
                    }
                }
            };
            for (number, page) in pages[..ASKED].iter().enumerate() {
                let gold = format!("{to}{number}");
                let outcome = search(asked(&heading(page), from == "es", number)).await?;
                passed[0] += passes(asked(&heading(page), from == "es", number), Some(&gold)).await?;
                known.take(&outcome, Some(&gold));
                record("known", number, &outcome, Some(&gold));
            }
            for (number, page) in pages[PAGES..PAGES + OUTSIDE].iter().enumerate() {
                let outcome = search(asked(&heading(page), from == "es", number)).await?;
                passed[1] += passes(asked(&heading(page), from == "es", number), None).await?;
                outside.take(&outcome, None);
                record("outside", number, &outcome, None);
            }
            for (number, (es, en)) in ELSEWHERE.iter().enumerate() {
                let outcome = search((if from == "es" { *es } else { *en }).to_owned()).await?;
                passed[2] += passes((if from == "es" { *es } else { *en }).to_owned(), None).await?;
                elsewhere.take(&outcome, None);
                record("elsewhere", number, &outcome, None);
            }
            println!(
                "{from} -> {to} {mode:?} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3}",
                share(known.first, known.asked),
                share(known.in_ten, known.asked),
                share(known.relevant_above, known.asked),
                share(known.irrelevant_above, known.irrelevant),
                share(outside.any_above, outside.asked),
                share(elsewhere.any_above, elsewhere.asked),
                share(passed[0], known.asked),
                share(passed[1], outside.asked),
                share(passed[2], elsewhere.asked),
            );
        }
    }
    if let Some(path) = dump {
        std::fs::write(path, lines)?;
    }
    Ok(())
}
