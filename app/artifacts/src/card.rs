//! An artifact where it stands in an answer: a card that leads to it.

use std::fmt::Write as _;

use cjhirashi_domain::{artifact::MessageArtifact, settings::Language};
use cjhirashi_markdown::escape;

use crate::{kind, protocol::Tag};

/// The most bytes of a text that is being written that a card shows: its end.
const SHOWN: usize = 64 * 1024;

/// The card of an artifact in a saved answer. `made`: what the answer made of it; absent where that is not known, as in a
/// copy of somebody else's chat: then the text itself can be unfolded.
#[must_use]
pub fn card(language: Language, tag: &Tag, made: Option<&MessageArtifact>, body: &str) -> String {
    let title = made.and_then(|made| made.title.as_deref()).unwrap_or(if tag.title.is_empty() {
        &tag.identifier
    } else {
        &tag.title
    });
    let kind_name = made.and_then(|made| made.kind.as_deref()).or(tag.kind);
    let label = kind_name.and_then(kind).map(|kind| kind.label(language)).unwrap_or_default();
    let mut html = String::new();
    match made {
        Some(MessageArtifact { id: Some(id), version: Some(version), .. }) => {
            let _ = write!(
                html,
                "<a class=\"artifact-card\" href=\"/artifacts/{id}?version={version}\" data-artifact=\"{id}\" data-version=\"{version}\" \
                 data-identifier=\"{}\" data-kind=\"{}\">",
                tag.identifier,
                kind_name.unwrap_or_default()
            );
            name(title, &format!("{label} · {} {version}", words(language).version), &mut html);
            html.push_str("</a>\n");
        }
        Some(MessageArtifact { problem: Some(problem), .. }) => {
            html.push_str("<details class=\"artifact-card failed\"><summary>");
            name(title, &problem_words(language, problem), &mut html);
            source(body, &mut html);
        }
        Some(_) => {
            html.push_str("<div class=\"artifact-card gone\">");
            name(title, words(language).deleted, &mut html);
            html.push_str("</div>\n");
        }
        None => {
            html.push_str("<details class=\"artifact-card frozen\"><summary>");
            name(title, label, &mut html);
            source(body, &mut html);
        }
    }
    html
}

/// The card of an artifact that is being written, or was just written and is not stored yet.
#[must_use]
pub fn growing(language: Language, tag: &Tag, body: &str, done: bool) -> String {
    let title = if tag.title.is_empty() { &tag.identifier } else { &tag.title };
    let what = match (tag.kind.and_then(kind), done) {
        (Some(kind), true) => kind.label(language).to_owned(),
        (Some(kind), false) => format!("{} · {}", kind.label(language), words(language).writing),
        (None, _) => words(language).changing.to_owned(),
    };
    let mut html = format!(
        "<div class=\"artifact-card {}\" data-identifier=\"{}\" data-kind=\"{}\">",
        if done { "done" } else { "growing" },
        tag.identifier,
        tag.kind.unwrap_or_default()
    );
    name(title, &what, &mut html);
    let from = body.len().saturating_sub(SHOWN);
    let from = (from..=body.len()).find(|at| body.is_char_boundary(*at)).unwrap_or(0);
    html.push_str("<pre class=\"artifact-source\">");
    if from > 0 {
        html.push_str("…\n");
    }
    escape(&body[from..], &mut html);
    html.push_str("</pre></div>\n");
    html
}

fn name(title: &str, what: &str, html: &mut String) {
    html.push_str("<strong class=\"artifact-title\">");
    escape(title, html);
    html.push_str("</strong><span class=\"artifact-what\">");
    escape(what, html);
    html.push_str("</span>");
}

fn source(body: &str, html: &mut String) {
    html.push_str("</summary><pre class=\"artifact-source\">");
    escape(body, html);
    html.push_str("</pre></details>\n");
}

struct Words {
    version: &'static str,
    deleted: &'static str,
    writing: &'static str,
    changing: &'static str,
}

const fn words(language: Language) -> &'static Words {
    match language {
        Language::Es => &Words {
            version: "versión",
            deleted: "Este artefacto se eliminó.",
            writing: "escribiendo…",
            changing: "Cambiando el artefacto…",
        },
        Language::En => &Words {
            version: "version",
            deleted: "This artifact was deleted.",
            writing: "writing…",
            changing: "Changing the artifact…",
        },
    }
}

/// Why a change was not applied, for a person.
fn problem_words(language: Language, problem: &str) -> String {
    let (code, pair) = problem.split_once(':').unwrap_or((problem, ""));
    let said = match (language, code) {
        (Language::Es, "unknown") => "el modelo nombró un artefacto que no existe.",
        (Language::Es, "cut_off") => "la respuesta se cortó a la mitad del cambio.",
        (Language::Es, "not_found") => "el texto que debía cambiarse no está en el artefacto.",
        (Language::Es, "ambiguous") => "el texto que debía cambiarse está más de una vez.",
        (Language::Es, "no_text") => "este artefacto no se cambia escribiendo.",
        (Language::Es, "moved") => "alguien lo estaba cambiando a la vez; vuelve a pedirlo.",
        (Language::Es, "too_large") => "el artefacto sería demasiado grande.",
        (Language::Es, _) => "el modelo lo escribió de una forma que no se entiende.",
        (Language::En, "unknown") => "the model named an artifact that does not exist.",
        (Language::En, "cut_off") => "the answer broke off in the middle of the change.",
        (Language::En, "not_found") => "the text to be changed is not in the artifact.",
        (Language::En, "ambiguous") => "the text to be changed is in it more than once.",
        (Language::En, "no_text") => "this artifact is not changed by writing.",
        (Language::En, "moved") => "somebody was changing it at the same time; ask again.",
        (Language::En, "too_large") => "the artifact would be too large.",
        (Language::En, _) => "the model wrote it in a way that cannot be read.",
    };
    let number = if pair.is_empty() { String::new() } else { format!(" ({pair})") };
    match language {
        Language::Es => format!("Cambio no aplicado{number}: {said}"),
        Language::En => format!("Change not applied{number}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::id::ArtifactId;

    use super::*;

    fn tag() -> Tag {
        Tag { identifier: "a".to_owned(), kind: Some("code"), title: "<b>\"x\"".to_owned(), language: None }
    }

    fn made() -> MessageArtifact {
        MessageArtifact {
            n: 0,
            id: Some(ArtifactId::parse("art1").unwrap()),
            version: Some(2),
            title: None,
            kind: None,
            problem: None,
        }
    }

    #[test]
    fn a_card_leads_to_the_version_that_the_answer_made() {
        let html = card(Language::Es, &tag(), Some(&made()), "body");
        assert!(html.contains("href=\"/artifacts/art1?version=2\"") && html.contains("versión 2"), "{html}");
        assert!(html.contains("&lt;b&gt;&quot;x&quot;") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn a_change_that_was_not_applied_says_why_and_shows_it() {
        let failed = MessageArtifact { version: None, problem: Some("not_found:2".to_owned()), ..made() };
        let html = card(Language::En, &tag(), Some(&failed), "<script>");
        assert!(html.contains("Change not applied (2): the text to be changed is not in the artifact."), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(!card(Language::En, &tag(), Some(&failed), "x").contains("<a "));
    }

    #[test]
    fn one_that_was_deleted_does_not_come_back_and_one_of_a_copy_is_unfolded() {
        let gone = card(Language::Es, &tag(), Some(&MessageArtifact { id: None, ..made() }), "secreto");
        assert!(gone.contains("se eliminó") && !gone.contains("secreto"), "{gone}");
        let copied = card(Language::Es, &tag(), None, "a < b");
        assert!(copied.contains("<details") && copied.contains("a &lt; b"), "{copied}");
    }

    #[test]
    fn of_a_long_text_that_grows_the_end_is_shown() {
        let html = growing(Language::Es, &tag(), &format!("principio{}fin", "ñ".repeat(SHOWN)), false);
        assert!(html.len() < SHOWN + 1_000 && html.contains("fin</pre>") && !html.contains("principio"));
    }
}
