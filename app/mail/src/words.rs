//! What each mail says, in both languages, as plain text and as simple HTML.
//!
//! To add a mail: its arm in [`Draft::write`].

use std::fmt::Write as _;

use cjhirashi_domain::{Timestamp, settings::Language, user::Role};
use cjhirashi_storage::{Content, Letter};
use time::OffsetDateTime;

/// The most characters of a title, a name or a browser's description of itself.
const LONGEST: usize = 120;
/// The most documents that one mail names.
const MOST_DOCUMENTS: usize = 20;

/// A mail before it is a message: everything in it is one line of text without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    language: Language,
    subject: String,
    paragraphs: Vec<String>,
    /// What is named one by one, each with its address.
    items: Vec<(String, String)>,
    /// Where to go, and what the link is called.
    link: (String, String),
    foot: Vec<Foot>,
}

/// Small print.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Foot {
    Text(String),
    /// A sentence and the address that it ends with.
    Link(String, String),
}

/// A stranger's text as one line: what could end a header, a line, or turn the reading direction is a space.
fn line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}');
    let plain: String = text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}

/// A moment, to the minute, in UTC: no mail knows where it is read.
fn moment(at: Timestamp) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Draft {
    /// One mail about one thing, or about several documents of one person. `None` when there is nothing to tell.
    #[must_use]
    pub fn write(contents: &[Content], app_url: &str) -> Option<Self> {
        let first = contents.first()?;
        let language = first.language;
        let say = |es: String, en: String| match language {
            Language::Es => es,
            Language::En => en,
        };
        let mut draft = match &first.letter {
            Letter::Document { .. } => documents(contents, app_url, language),
            Letter::AnswerEnded { chat, title, complete } => {
                let title = line(title);
                let subject = match complete {
                    true => say(format!("Respuesta lista: {title}"), format!("Answer ready: {title}")),
                    false => say(format!("Respuesta sin terminar: {title}"), format!("Answer not finished: {title}")),
                };
                let told = match complete {
                    true => say(
                        format!("La respuesta que esperabas en «{title}» ya está escrita."),
                        format!("The answer you were waiting for in “{title}” is written."),
                    ),
                    false => say(
                        format!(
                            "La respuesta que esperabas en «{title}» falló antes de terminar. En el chat puedes pedirla otra vez."
                        ),
                        format!(
                            "The answer you were waiting for in “{title}” failed before its end. You can ask for it again in the chat."
                        ),
                    ),
                };
                let link = (format!("{app_url}/chat/{chat}"), say("Abrir el chat".into(), "Open the chat".into()));
                Self::new(language, subject, vec![told], link)
            }
            Letter::ApiKeyCreated { name, prefix, at } => {
                let (name, prefix, at) = (line(name), line(prefix), moment(*at));
                Self::new(
                    language,
                    say(format!("Nueva clave de API: {name}"), format!("New API key: {name}")),
                    vec![
                        say(
                            format!(
                                "Se creó una clave de API en tu cuenta: «{name}», que empieza por {prefix}, el {at}."
                            ),
                            format!(
                                "An API key was made for your account: “{name}”, beginning with {prefix}, on {at}."
                            ),
                        ),
                        say(
                            "Si no fuiste tú, revócala y cierra la sesión de los dispositivos que no conozcas.".into(),
                            "If it was not you, revoke it and sign out the devices you do not know.".into(),
                        ),
                    ],
                    (format!("{app_url}/account"), say("Ver tus claves".into(), "See your keys".into())),
                )
            }
            Letter::NewDevice { agent, address, at } => {
                let unknown = || say("desconocido".into(), "unknown".into());
                let agent = agent.as_deref().map(line).filter(|agent| !agent.is_empty()).unwrap_or_else(unknown);
                let address = address.as_deref().map_or_else(unknown, line);
                Self::new(
                    language,
                    say("Inicio de sesión en un dispositivo nuevo".into(), "Sign-in on a new device".into()),
                    vec![
                        say(
                            format!(
                                "Se inició sesión en tu cuenta el {} desde un dispositivo que no conocíamos.",
                                moment(*at)
                            ),
                            format!(
                                "Somebody signed in to your account on {} from a device we did not know.",
                                moment(*at)
                            ),
                        ),
                        say(format!("Navegador: {agent}"), format!("Browser: {agent}")),
                        say(format!("Dirección de red: {address}"), format!("Network address: {address}")),
                        say(
                            "Si fuiste tú, no hagas nada. Si no, cierra esa sesión.".into(),
                            "If it was you, do nothing. If not, sign that device out.".into(),
                        ),
                    ],
                    (format!("{app_url}/account"), say("Ver tus dispositivos".into(), "See your devices".into())),
                )
            }
            Letter::Invitation { by, role, until } => {
                let by = by.as_deref().map(line).filter(|by| !by.is_empty());
                let host = app_url.split_once("://").map_or(app_url, |(_, host)| host);
                let (of, to) = match role {
                    Role::User => (String::new(), String::new()),
                    Role::Admin => (" como administrador".to_owned(), " as an administrator".to_owned()),
                    Role::Owner => (" como propietario".to_owned(), " as an owner".to_owned()),
                };
                let told = match by {
                    Some(by) => say(
                        format!("{by} te invita a Cjhirashi en {host}{of}."),
                        format!("{by} invites you to Cjhirashi at {host}{to}."),
                    ),
                    None => say(
                        format!("Te invitan a Cjhirashi en {host}{of}."),
                        format!("You are invited to Cjhirashi at {host}{to}."),
                    ),
                };
                Self::new(
                    language,
                    say(format!("Invitación a Cjhirashi en {host}"), format!("Invitation to Cjhirashi at {host}")),
                    vec![
                        told,
                        say(
                            format!(
                                "Entra con una cuenta que tenga esta dirección de correo, antes del {}.",
                                moment(*until)
                            ),
                            format!("Sign in with an account that has this e-mail address, before {}.", moment(*until)),
                        ),
                    ],
                    (format!("{app_url}/sign-in"), say("Entrar".into(), "Sign in".into())),
                )
            }
        };
        draft.foot = if matches!(first.letter, Letter::Invitation { .. }) {
            vec![Foot::Text(say(
                "Si no esperabas esta invitación, no hagas nada: no habrá más correos.".into(),
                "If you did not expect this invitation, do nothing: there will be no more mails.".into(),
            ))]
        } else {
            vec![Foot::Link(
                say(
                    "Si no quieres estos correos, desactiva «Avisos por correo» en".into(),
                    "If you do not want these mails, turn off “E-mail notifications” at".into(),
                ),
                format!("{app_url}/settings#email_notifications"),
            )]
        };
        Some(draft)
    }

    fn new(language: Language, subject: String, paragraphs: Vec<String>, link: (String, String)) -> Self {
        Self { language, subject, paragraphs, items: Vec::new(), link, foot: Vec::new() }
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.paragraphs.join("\n\n");
        text.push('\n');
        for (name, address) in &self.items {
            let _ = write!(text, "\n- {name}\n  {address}");
        }
        if !self.items.is_empty() {
            text.push('\n');
        }
        let (address, name) = &self.link;
        let _ = write!(text, "\n{name}: {address}\n\n-- \n");
        for foot in &self.foot {
            let _ = match foot {
                Foot::Text(words) => writeln!(text, "{words}"),
                Foot::Link(words, address) => writeln!(text, "{words} {address}"),
            };
        }
        text
    }

    /// The same as HTML: no pictures, no styles from elsewhere.
    #[must_use]
    pub fn html(&self) -> String {
        let anchor = |address: &str, words: &str| format!("<a href=\"{}\">{}</a>", escaped(address), escaped(words));
        let language = self.language.as_str();
        let mut html = format!(
            "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"font-family:sans-serif;line-height:1.5;max-width:36em\">\n",
            escaped(&self.subject)
        );
        for paragraph in &self.paragraphs {
            let _ = writeln!(html, "<p>{}</p>", escaped(paragraph));
        }
        if !self.items.is_empty() {
            html.push_str("<ul>\n");
            for (name, address) in &self.items {
                let _ = writeln!(html, "<li>{}</li>", anchor(address, name));
            }
            html.push_str("</ul>\n");
        }
        let _ = writeln!(html, "<p>{}</p>", anchor(&self.link.0, &self.link.1));
        for foot in &self.foot {
            let _ = match foot {
                Foot::Text(words) => writeln!(html, "<p><small>{}</small></p>", escaped(words)),
                Foot::Link(words, address) => {
                    writeln!(html, "<p><small>{} {}</small></p>", escaped(words), anchor(address, address))
                }
            };
        }
        html.push_str("</body></html>\n");
        html
    }
}

/// What became of documents, those that failed first.
fn documents(contents: &[Content], app_url: &str, language: Language) -> Draft {
    let mut told = contents
        .iter()
        .filter_map(|content| match &content.letter {
            Letter::Document { id, title, ready } => Some((*ready, line(title), format!("{app_url}/documents/{id}"))),
            _ => None,
        })
        .collect::<Vec<_>>();
    told.sort_by_key(|(ready, _, _)| *ready);
    let say = |es: &str, en: &str| match language {
        Language::Es => es.to_owned(),
        Language::En => en.to_owned(),
    };
    if let [(ready, title, address)] = told.as_slice() {
        let (subject, words) = if *ready {
            (
                say("Documento listo", "Document ready"),
                match language {
                    Language::Es => format!("«{title}» ya está listo: puedes preguntar por él."),
                    Language::En => format!("“{title}” is ready: you can ask about it."),
                },
            )
        } else {
            (
                say("Documento con problemas", "Document failed"),
                match language {
                    Language::Es => format!(
                        "«{title}» no se pudo procesar y no se volverá a intentar por sí solo. Su página dice por qué."
                    ),
                    Language::En => format!(
                        "“{title}” could not be processed and will not be tried again by itself. Its page says why."
                    ),
                },
            )
        };
        let link = (address.clone(), say("Abrir el documento", "Open the document"));
        return Draft::new(language, format!("{subject}: {title}"), vec![words], link);
    }
    let failed = told.iter().filter(|(ready, _, _)| !ready).count();
    let (ready, named) = (told.len() - failed, told.len().min(MOST_DOCUMENTS));
    let count = match language {
        Language::Es => format!("{ready} listos, {failed} con problemas"),
        Language::En => format!("{ready} ready, {failed} failed"),
    };
    let mut paragraphs =
        vec![say("Esto fue de los documentos que subiste.", "This became of the documents you uploaded.")];
    if told.len() > named {
        paragraphs.push(match language {
            Language::Es => format!("Se nombran {named} de {}.", told.len()),
            Language::En => format!("{named} of {} are named.", told.len()),
        });
    }
    let link = (format!("{app_url}/documents"), say("Ver tus documentos", "See your documents"));
    let mut draft =
        Draft::new(language, format!("{}: {count}", say("Tus documentos", "Your documents")), paragraphs, link);
    let state = |ready| if ready { say("listo", "ready") } else { say("con problemas", "failed") };
    draft.items = told
        .into_iter()
        .take(named)
        .map(|(ready, title, address)| (format!("{title} ({})", state(ready)), address))
        .collect();
    draft
}

#[cfg(test)]
mod tests {
    use cjhirashi_domain::id::{ChatId, DocumentId};

    use super::*;

    const APP: &str = "https://chat.example.org";

    fn content(language: Language, letter: Letter) -> Content {
        Content { to: "ana@example.org".to_owned(), language, written_at: Timestamp(0), letter }
    }

    fn document(title: &str, ready: bool) -> Content {
        let id = DocumentId::parse("d1").unwrap();
        content(Language::En, Letter::Document { id, title: title.to_owned(), ready })
    }

    #[test]
    fn whatever_a_title_holds_is_one_line_of_text() {
        assert_eq!(line("a\r\nBcc: x@example.org\0\u{202e}b"), "a Bcc: x@example.org b");
        assert_eq!(line(&"ñ".repeat(500)).chars().count(), LONGEST + 1);
        let draft = Draft::write(&[document("<img src=x onerror=\"a\"> & b", true)], APP).unwrap();
        assert!(draft.html().contains("&lt;img src=x onerror=&quot;a&quot;&gt; &amp; b"), "{}", draft.html());
        assert!(!draft.html().contains("<img"));
    }

    #[test]
    fn every_mail_speaks_both_languages_and_says_where_it_is_turned_off() {
        let letters = [
            Letter::AnswerEnded { chat: ChatId::parse("c1").unwrap(), title: "T".to_owned(), complete: true },
            Letter::AnswerEnded { chat: ChatId::parse("c1").unwrap(), title: "T".to_owned(), complete: false },
            Letter::ApiKeyCreated { name: "T".to_owned(), prefix: "cjh_12345678".to_owned(), at: Timestamp(0) },
            Letter::NewDevice { agent: None, address: Some("203.0.113.7".to_owned()), at: Timestamp(0) },
            Letter::Document { id: DocumentId::parse("d1").unwrap(), title: "T".to_owned(), ready: true },
            Letter::Document { id: DocumentId::parse("d1").unwrap(), title: "T".to_owned(), ready: false },
        ];
        for letter in letters {
            let [es, en] = [Language::Es, Language::En]
                .map(|language| Draft::write(&[content(language, letter.clone())], APP).unwrap());
            assert_ne!(es.subject(), en.subject());
            for (draft, name) in [(&es, "Avisos por correo"), (&en, "E-mail notifications")] {
                for body in [draft.text(), draft.html()] {
                    assert!(body.contains("https://chat.example.org/settings") && body.contains(name), "{body}");
                }
            }
        }
        let invitation = Letter::Invitation { by: Some("Eva".to_owned()), role: Role::Admin, until: Timestamp(0) };
        let text = Draft::write(&[content(Language::Es, invitation)], APP).unwrap().text();
        assert!(text.contains("Eva te invita a Cjhirashi en chat.example.org como administrador."), "{text}");
        assert!(text.contains("https://chat.example.org/sign-in") && !text.contains("/settings"), "{text}");
    }

    #[test]
    fn several_documents_are_one_mail_that_names_those_that_failed_first() {
        let mut contents: Vec<_> = (0..30).map(|n| document(&format!("good {n}"), true)).collect();
        contents.push(document("bad", false));
        let draft = Draft::write(&contents, APP).unwrap();
        assert_eq!(draft.subject(), "Your documents: 30 ready, 1 failed");
        let text = draft.text();
        assert!(
            text.contains("20 of 31 are named")
                && text.contains("- bad (failed)\n  https://chat.example.org/documents/d1\n- good 0"),
            "{text}"
        );
        assert_eq!(Draft::write(&[], APP), None);
    }
}
