//! What the scripted server does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the scripted server does with the requests to come. Every field may be left out in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What it answers.
    pub answer: Answer,
    /// What it thinks aloud before, where the wire format has a place for it.
    pub thinks: Option<String>,
    /// Tokens that its models take at once, as its list tells.
    pub context: Option<u32>,
    /// Words of one piece of a stream.
    pub piece_words: usize,
    /// Milliseconds before an answer begins.
    pub first_delay_ms: u64,
    /// Milliseconds between pieces.
    pub pace_ms: u64,
    /// Waits before this piece (from 0) until it is released.
    pub hold_after: Option<usize>,
    /// Breaks before this piece (from 0).
    pub break_after: Option<usize>,
    /// How it breaks.
    pub break_how: Break,
    /// Ends as a model does whose limit of tokens is used up.
    pub cut: bool,
    /// Refuses chats with this status.
    pub chat_status: Option<u16>,
    /// Refuses embeddings with this status.
    pub embedding_status: Option<u16>,
    /// How many requests are refused before all is well; `None` means all.
    pub failures: Option<u32>,
    /// Seconds in `Retry-After` of a refusal.
    pub retry_after: Option<u64>,
    /// Milliseconds before embeddings come.
    pub embedding_delay_ms: u64,
    /// The only key it takes; `None` takes any.
    pub key: Option<String>,
    /// Models it lists.
    pub models: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answer: Answer::default(),
            thinks: None,
            context: None,
            piece_words: 1,
            first_delay_ms: 0,
            pace_ms: 0,
            hold_after: None,
            break_after: None,
            break_how: Break::Cut,
            cut: false,
            chat_status: None,
            embedding_status: None,
            failures: None,
            retry_after: None,
            embedding_delay_ms: 0,
            key: None,
            models: ["scripted-chat", "scripted-other"].map(str::to_owned).into(),
        }
    }
}

impl Script {
    /// A script that says this.
    #[must_use]
    pub fn saying(text: &str) -> Self {
        Self { answer: Answer::Text(text.to_owned()), ..Self::default() }
    }

    /// The answer cut into pieces: words with the white space after them.
    pub(crate) fn pieces(&self, answer: &str) -> Vec<String> {
        let words: Vec<&str> = answer.split_inclusive(char::is_whitespace).collect();
        words.chunks(self.piece_words.max(1)).map(<[&str]>::concat).collect()
    }
}

/// What the scripted server answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The first sentence of the first passage in the prompt, quoted and cited; says so when there is none.
    #[default]
    Quote,
    /// This.
    Text(String),
    /// The last question.
    Echo,
    /// Of these the first that stands in the last message: what is looked for, and what is said then.
    When(Vec<(String, String)>),
    /// So many words, each `t` and the microseconds from the server's start until the word is sent.
    Clock(usize),
}

/// How a stream breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Break {
    /// The connection is cut.
    Cut,
    /// Nothing comes any more, and the connection stays.
    Hang,
    /// The body ends as if all had been said, without the provider's mark of the end.
    End,
    /// An event that is no JSON, then the rest.
    Garbage,
}

impl Answer {
    /// The answer to a request of any provider.
    pub(crate) fn text(&self, body: &Value) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::When(cases) => {
                let last = strings(body).last().cloned().unwrap_or_default();
                let case = cases.iter().find(|(needle, _)| last.contains(needle.as_str()));
                case.map_or_else(|| "Nobody asked for this.".to_owned(), |(_, text)| text.clone())
            }
            Self::Clock(words) => "t0 ".repeat(*words),
            Self::Echo => strings(body).last().cloned().unwrap_or_default(),
            Self::Quote => strings(body).iter().find_map(|text| first_passage(text)).map_or_else(
                || "No passage came with the question.".to_owned(),
                |quote| format!("El documento dice: «{quote}» [1]."),
            ),
        }
    }
}

/// Every text that stands where providers put instructions and turns.
fn strings(body: &Value) -> Vec<String> {
    fn collect(value: &Value, key: &str, out: &mut Vec<String>) {
        match value {
            Value::String(text) if matches!(key, "content" | "text" | "system") => out.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, key, out)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| collect(value, key, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    // Instructions first, turns afterwards, so that the last text is the last turn.
    for part in ["system", "system_instruction", "systemInstruction", "messages", "contents"] {
        collect(&body[part], part, &mut out);
    }
    out
}

/// The first sentence of `<passage n="1" …>`.
fn first_passage(prompt: &str) -> Option<String> {
    let (_, after) = prompt.split_once("<passage n=\"1\"")?;
    let (_, body) = after.split_once(">\n")?;
    let body = body.split("\n</passage>").next()?.trim();
    // Headings are no sentences.
    let line = body.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    Some(line[..end].trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_passage_is_quoted_whoever_asks() {
        let system = "Rules.\n<passage n=\"1\" title=\"Guía\">\n# Plazos\n\nLa garantía dura dos años. Empieza con la compra.\n</passage>\n";
        let said = "El documento dice: «La garantía dura dos años» [1].";
        for body in [
            json!({"messages": [{"role": "system", "content": system}, {"role": "user", "content": "¿?"}]}),
            json!({"system": system, "messages": [{"role": "user", "content": "¿?"}]}),
            json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": [{"parts": [{"text": "¿?"}]}]}),
        ] {
            assert_eq!(Answer::Quote.text(&body), said);
            assert_eq!(Answer::Echo.text(&body), "¿?");
        }
    }

    #[test]
    fn pieces_together_are_the_answer() {
        let script = Script { piece_words: 2, ..Script::default() };
        let answer = "uno dos\n\ntres  cuatro";
        assert_eq!(script.pieces(answer).concat(), answer);
    }

    #[test]
    fn a_script_may_name_one_thing_only() {
        let script: Script = serde_json::from_value(json!({"answer": {"text": "Hola"}, "pace_ms": 5})).unwrap();
        assert_eq!(script, Script { answer: Answer::Text("Hola".to_owned()), pace_ms: 5, ..Script::default() });
    }
}
