//! A conversation as Markdown that people read, and a name for its file.

use std::fmt::Write as _;

use cjhirashi_domain::{
    chat::{MessageRole, MessageStatus},
    settings::Language,
    text::unaccented,
};

use crate::{
    CitedSource, Conversation, ImportedMessage,
    conversation::{is_web_address, iso, picture},
};

/// Characters of a file's name.
const FILE_NAME: usize = 60;
/// Names that Windows keeps for itself, whatever their extension.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul"];

/// The branch of a conversation that was shown: its title, its day, a heading for each turn, the sources below each answer.
/// What was said stands as it is, with headings of its own; titles and names stay on their line.
#[must_use]
pub fn markdown(conversation: &Conversation, language: Language) -> String {
    let at = iso(conversation.created_at);
    let day = at.split('T').next().unwrap_or_default();
    let mut out = format!("# {}\n\n*{day}*\n", escaped(&conversation.title));
    let mut files = String::new();
    for message in branch(conversation) {
        let speaker = match (message.role, &message.model, language) {
            (MessageRole::System, ..) => continue,
            (MessageRole::User, _, Language::Es) => "Tú".to_owned(),
            (MessageRole::User, _, Language::En) => "You".to_owned(),
            (MessageRole::Assistant, Some(model), _) => escaped(model),
            (MessageRole::Assistant, None, Language::Es) => "Asistente".to_owned(),
            (MessageRole::Assistant, None, Language::En) => "Assistant".to_owned(),
        };
        let content = message.content.trim_end();
        // Writing to a String does not fail.
        _ = write!(out, "\n## {speaker}\n\n");
        images(&mut out, &mut files, message, language);
        _ = writeln!(out, "{content}");
        if let Some(fence) = open_fence(content) {
            _ = writeln!(out, "{fence}");
        }
        if !matches!(message.kept.status, None | Some(MessageStatus::Complete | MessageStatus::Streaming)) {
            _ = writeln!(
                out,
                "\n*{}*",
                match language {
                    Language::Es => "Esta respuesta se detuvo antes de terminar.",
                    Language::En => "This answer stopped before its end.",
                }
            );
        }
        sources(&mut out, &message.citations, language);
    }
    if !files.is_empty() {
        _ = write!(out, "\n{files}");
    }
    out
}

/// The images of a question, each by a name; the files, which nobody reads, stand below everything.
fn images(out: &mut String, files: &mut String, message: &ImportedMessage, language: Language) {
    for (image, number) in message.kept.images.iter().zip(1..) {
        let Some(data) = &image.data else {
            _ = write!(out, "{}\n\n", picture(language));
            continue;
        };
        let word = if language == Language::Es { "Imagen" } else { "Picture" };
        // No text can have a definition of the same name by chance: a message's id is in it.
        let name = format!("{}-{number}", message.source_id);
        _ = write!(out, "![{word} {number}][{name}]\n\n");
        _ = writeln!(files, "[{name}]: <{data}>");
    }
}

/// From the first message to the one that was shown last, else to the last there is.
fn branch(conversation: &Conversation) -> Vec<&ImportedMessage> {
    let messages = &conversation.messages;
    let mut next = conversation.current.or(messages.len().checked_sub(1));
    let mut branch = Vec::new();
    while let Some((at, message)) = next.and_then(|at| Some((at, messages.get(at)?))) {
        branch.push(message);
        next = message.parent.filter(|parent| *parent < at);
    }
    branch.reverse();
    branch
}

fn sources(out: &mut String, citations: &[CitedSource], language: Language) {
    let Some(first) = citations.first() else { return };
    let title = match language {
        Language::Es => "Fuentes",
        Language::En => "Sources",
    };
    _ = write!(out, "\n**{title}**\n\n");
    let (mut expected, mut mark) = (first.n, '.');
    for CitedSource { n, title, quote, url } in citations {
        // Lists count on from their first number, and the text names these ones: behind a gap begins another list, which
        // takes another mark.
        if *n != expected {
            mark = if mark == '.' { ')' } else { '.' };
            out.push('\n');
        }
        expected = n.saturating_add(1);
        let title = if title.is_empty() { "…".to_owned() } else { escaped(title) };
        _ = match url.as_deref().filter(|url| is_web_address(url)) {
            Some(url) => write!(out, "{n}{mark} [{title}](<{url}>)"),
            None => write!(out, "{n}{mark} {title}"),
        };
        if let Some(quote) = quote {
            _ = write!(out, ": “{}”", escaped(quote));
        }
        out.push('\n');
    }
}

/// A text on one line in which nothing is Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            if "\\`*_[]<>#&~$|".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
    }
    // At the beginning of a line these begin a list.
    let digits = out.find(|c: char| !c.is_ascii_digit()).unwrap_or(out.len());
    if out[digits..].starts_with(if digits == 0 { ['-', '+'] } else { ['.', ')'] }) {
        out.insert(digits, '\\');
    }
    out
}

/// A block of code, in a fence longer than any in it. `language` may be anything; what is no name is left out.
pub(crate) fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let is_name = language.len() <= 20 && language.chars().all(|c| c.is_ascii_alphanumeric() || "+-#.".contains(c));
    let language = if is_name && language != "unknown" { language } else { "" };
    format!("{fence}{language}\n{}\n{fence}", code.trim_end_matches('\n'))
}

/// The fence that ends a block of code in which a text breaks off, as answers do that were stopped. Blocks that begin at the
/// left edge only: those in lists end with their list.
pub(crate) fn open_fence(text: &str) -> Option<&str> {
    text.lines().fold(None, |open, line| match open {
        None => {
            let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
            let (fence, info) = line.split_at(line.len() - line.trim_start_matches(mark).len());
            (fence.len() >= 3 && (mark == '~' || !info.contains('`'))).then_some(fence)
        }
        Some(fence) => {
            let inner = line.trim_start_matches(' ');
            let closes = line.len() - inner.len() <= 3 && inner.starts_with(fence);
            Some(fence).filter(|_| !(closes && inner.trim_end().chars().all(|c| fence.starts_with(c))))
        }
    })
}

/// A name for a conversation's file, without an extension: 1 to 60 of `a` to `z`, `0` to `9` and `-`.
#[must_use]
pub fn file_name(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().flat_map(char::to_lowercase).map(|c| if c == 'ñ' { 'n' } else { unaccented(c) }) {
        if name.len() == FILE_NAME {
            break;
        }
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches('-');
    let device = name.len() == 4 && (name.starts_with("com") || name.starts_with("lpt"));
    match name {
        "" => "chat".to_owned(),
        name if device || RESERVED.contains(&name) => format!("chat-{name}"),
        name => name.to_owned(),
    }
}
