//! Which language a text is in.

use whatlang::{Detector, Lang};

/// Characters looked at: trigrams of more change nothing and cost time.
const SAMPLE: usize = 600;

/// ISO 639-1 of a text's language; `None` when it is too short or too mixed to tell.
#[must_use]
pub(crate) fn detect_language(text: &str) -> Option<String> {
    detect(text).map(str::to_owned)
}

pub(crate) fn detect(text: &str) -> Option<&'static str> {
    let found = Detector::new().detect(&sample(text))?;
    // Below this, whatlang errs between neighbours (es, pt, it, ca) on text that is no prose.
    (found.is_reliable() || found.confidence() > 0.35).then(|| code(found.lang())).flatten()
}

/// As [`detect`], only where it is sure: for a part of a text whose language as a whole is known.
pub(crate) fn reliable(text: &str) -> Option<&'static str> {
    Detector::new().detect(&sample(text)).filter(|found| found.is_reliable()).and_then(|found| code(found.lang()))
}

fn sample(text: &str) -> String {
    // The middle of a long text is prose more often than its beginning.
    let mut start = if text.len() > SAMPLE * 8 { text.len() / 4 } else { 0 };
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].chars().filter(|c| c.is_alphabetic() || c.is_whitespace() || *c == '\'').take(SAMPLE).collect()
}

/// ISO 639-1 of whatlang's languages that have a text search configuration or a common speaker.
fn code(language: Lang) -> Option<&'static str> {
    Some(match language {
        Lang::Spa => "es",
        Lang::Eng => "en",
        Lang::Por => "pt",
        Lang::Fra => "fr",
        Lang::Deu => "de",
        Lang::Ita => "it",
        Lang::Cat => "ca",
        Lang::Nld => "nl",
        Lang::Swe => "sv",
        Lang::Dan => "da",
        Lang::Nob => "no",
        Lang::Fin => "fi",
        Lang::Pol => "pl",
        Lang::Ces => "cs",
        Lang::Slk => "sk",
        Lang::Hun => "hu",
        Lang::Ron => "ro",
        Lang::Bul => "bg",
        Lang::Ell => "el",
        Lang::Rus => "ru",
        Lang::Ukr => "uk",
        Lang::Tur => "tr",
        Lang::Ara => "ar",
        Lang::Heb => "he",
        Lang::Pes => "fa",
        Lang::Hin => "hi",
        Lang::Cmn => "zh",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Vie => "vi",
        Lang::Ind => "id",
        Lang::Tha => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spanish_and_english_prose_are_told_apart() {
        assert_eq!(
            detect("La garantía cubre los defectos de fabricación durante dos años desde la compra."),
            Some("es")
        );
        assert_eq!(detect("The warranty covers defects in manufacture for two years after the purchase."), Some("en"));
    }

    #[test]
    fn numbers_have_no_language() {
        assert_eq!(detect("1 2 3 4 5"), None);
        assert_eq!(detect(""), None);
    }
}
