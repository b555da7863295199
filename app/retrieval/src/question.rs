//! What a question asks for: its language, and its words with what each is worth.

use std::collections::HashMap;

use cjhirashi_storage::{QueryWord, StemStatistics, TextTerm};

/// Characters that are searched for; a longer question is cut.
const MAX_CHARS: usize = 2_000;

/// Terms beyond this are left out, the most common first.
const MAX_TERMS: usize = 24;

/// The share of chunks assumed for stems too rare to be listed, where PostgreSQL has counted nothing yet.
const UNKNOWN_FREQUENCY: f64 = 0.01;

/// The question as it is searched for: on one line, bounded.
pub(crate) fn cleaned(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_CHARS * 4 {
            break;
        }
    }
    line.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect()
}

/// How common stems are, ready for looking up.
#[derive(Debug, Default)]
pub(crate) struct Frequencies {
    common: HashMap<String, f64>,
    rarest_listed: Option<f64>,
    chunks: f64,
}

impl From<StemStatistics> for Frequencies {
    fn from(statistics: StemStatistics) -> Self {
        Self {
            common: statistics.common.into_iter().collect(),
            rarest_listed: statistics.rarest_listed,
            chunks: statistics.chunks,
        }
    }
}

impl Frequencies {
    pub(crate) fn is_empty(&self) -> bool {
        self.common.is_empty()
    }

    fn of(&self, stems: &[String]) -> f64 {
        let listed = stems.iter().filter_map(|stem| self.common.get(stem)).copied().reduce(f64::max);
        listed.unwrap_or_else(|| self.rarest_listed.map_or(UNKNOWN_FREQUENCY, |share| share / 2.0))
    }
}

/// What finding a word of this frequency is worth: its surprise.
fn weight(frequency: f64) -> f64 {
    (1.0 + 1.0 / frequency.clamp(0.0005, 1.0)).ln()
}

/// The words to look for. A stop word of either language is none, unless nothing else is left: the passages hold stems
/// of both languages, so that «de» would be found in every Spanish text by its English stem.
pub(crate) fn terms(words: &[QueryWord], frequencies: &Frequencies) -> Vec<TextTerm> {
    let stems_of = |word: &QueryWord| {
        let mut stems: Vec<String> = [&word.spanish, &word.english].into_iter().flatten().cloned().collect();
        stems.sort();
        stems.dedup();
        stems
    };
    let telling = |word: &&QueryWord| word.spanish.is_some() && word.english.is_some() && !word.spanish_stop;
    let mut all: Vec<Vec<String>> = words.iter().filter(telling).map(stems_of).collect();
    if all.is_empty() {
        all = words.iter().map(stems_of).filter(|stems| !stems.is_empty()).collect();
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|stems| seen.insert(stems.clone()));
    let mut terms: Vec<TextTerm> = all
        .into_iter()
        .map(|stems| {
            let frequency = frequencies.of(&stems);
            TextTerm { stems, weight: weight(frequency), chunks: frequency * frequencies.chunks }
        })
        .collect();
    terms.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    terms.truncate(MAX_TERMS);
    terms
}

/// The question's language, ISO 639-1, from its stop words; from its letters where it has none; `None` when neither
/// tells.
pub(crate) fn language(question: &str, words: &[QueryWord]) -> Option<&'static str> {
    let spanish = words.iter().filter(|word| word.spanish.is_none()).count();
    let english = words.iter().filter(|word| word.english.is_none()).count();
    if question.contains(['¿', '¡', 'ñ', 'Ñ']) || spanish > english {
        return Some("es");
    }
    if english > spanish {
        return Some("en");
    }
    let info = whatlang::detect(question).filter(whatlang::Info::is_reliable)?;
    Some(match info.lang() {
        whatlang::Lang::Spa => "es",
        whatlang::Lang::Eng => "en",
        whatlang::Lang::Por => "pt",
        whatlang::Lang::Fra => "fr",
        whatlang::Lang::Deu => "de",
        whatlang::Lang::Ita => "it",
        whatlang::Lang::Cat => "ca",
        // Known to be another language than the two that are stemmed; which one matters to nobody here.
        _ => "xx",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(spanish: Option<&str>, english: Option<&str>) -> QueryWord {
        QueryWord { spanish: spanish.map(str::to_owned), english: english.map(str::to_owned), spanish_stop: false }
    }

    #[test]
    fn a_stop_word_of_either_language_is_not_looked_for() {
        let words = [word(None, Some("de")), word(Some("vacacion"), Some("vacacion")), word(Some("the"), None)];
        let terms = terms(&words, &Frequencies::default());
        assert_eq!(terms.len(), 1);
        assert_eq!(terms[0].stems, ["vacacion"]);
    }

    #[test]
    fn a_question_of_stop_words_alone_looks_for_them() {
        assert_eq!(terms(&[word(None, Some("que")), word(None, Some("es"))], &Frequencies::default()).len(), 2);
    }

    #[test]
    fn rare_words_are_worth_more() {
        let frequencies = Frequencies {
            common: HashMap::from([("empres".to_owned(), 0.4)]),
            rarest_listed: Some(0.002),
            chunks: 1_000.0,
        };
        let words = [word(Some("empres"), Some("empresa")), word(Some("kubernet"), Some("kubernet"))];
        let terms = terms(&words, &frequencies);
        assert_eq!(terms[0].stems, ["kubernet"]);
        assert!(terms[0].weight > 3.0 * terms[1].weight);
    }

    #[test]
    fn the_language_is_told_by_stop_words_and_letters() {
        let spanish = [word(None, Some("de")), word(Some("polit"), Some("politica"))];
        assert_eq!(language("politica de vacaciones", &spanish), Some("es"));
        let english = [word(Some("what"), None), word(Some("polic"), Some("polici"))];
        assert_eq!(language("what policy", &english), Some("en"));
        assert_eq!(language("¿Kubernetes?", &[]), Some("es"));
        assert_eq!(language("Kubernetes", &[word(Some("kubernet"), Some("kubernet"))]), None);
    }

    #[test]
    fn a_question_is_cut_on_a_character_and_loses_its_lines() {
        assert_eq!(cleaned("  a\n\tb\u{7} "), "a b");
        assert_eq!(cleaned(&"ñ".repeat(5_000)).chars().count(), 2_000);
    }
}
