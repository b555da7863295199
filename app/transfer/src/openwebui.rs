//! Open WebUI's export: rows of its table of chats. Its older versions wrote the chat without the row, or only the branch
//! that was shown.

use std::mem;

use cjhirashi_domain::{chat::MessageRole, settings::Language};
use serde::Deserialize;
use serde_json::{from_str, value::RawValue};

use crate::{
    Conversation, ImportedMessage, Kept, Source,
    conversation::picture,
    error::Unread,
    lenient::{List, Maybe, Members, Text, moment},
    tree::{self, Node, Placed},
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Row<'a> {
    id: Maybe<Text>,
    title: Maybe<Text>,
    #[serde(borrow)]
    chat: Maybe<RawChat<'a>>,
    created_at: Maybe<f64>,
    updated_at: Maybe<f64>,
    archived: Maybe<bool>,
    pinned: Maybe<bool>,
    meta: Maybe<Meta>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    tags: Maybe<List<Maybe<Text>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChat<'a> {
    title: Maybe<Text>,
    timestamp: Maybe<f64>,
    tags: Maybe<List<Maybe<Text>>>,
    #[serde(borrow)]
    history: Maybe<History<'a>>,
    #[serde(borrow)]
    messages: Maybe<List<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct History<'a> {
    current_id: Maybe<Text>,
    #[serde(borrow)]
    messages: Maybe<Members<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawMessage<'a> {
    id: Maybe<Text>,
    #[serde(rename = "parentId")]
    parent: Maybe<Text>,
    #[serde(rename = "childrenIds", borrow)]
    children: Maybe<List<&'a RawValue>>,
    role: Maybe<Text>,
    #[serde(borrow)]
    content: Maybe<&'a RawValue>,
    files: Maybe<List<Maybe<Part>>>,
    model: Maybe<Text>,
    models: Maybe<List<Maybe<Text>>>,
    timestamp: Maybe<f64>,
}

/// A part of a message, or a file beside it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Part {
    r#type: Maybe<Text>,
    text: Maybe<Text>,
}

/// Reads one row, or one chat of the time before rows.
pub(crate) fn read(text: &str, language: Language) -> Result<Conversation, Unread> {
    let row: Row<'_> = from_str(text)?;
    let chat = match row.chat.0 {
        Some(chat) => chat,
        None => from_str(text)?,
    };
    let begun = if row.created_at.0.is_some() { &row.created_at } else { &chat.timestamp };
    let (begun, changed) = (moment(begun), moment(&row.updated_at));
    let history = chat.history.or_none();
    let (messages, current) = match history.messages.0 {
        Some(nodes) if !nodes.0.is_empty() => tree::grow(&nodes, history.current_id.as_str(), |id, raw| {
            let mut message: RawMessage<'_> = from_str(raw.get()).unwrap_or_default();
            Node {
                parent: mem::take(&mut message.parent).text(),
                children: mem::take(&mut message.children).items(),
                at: moment(&message.timestamp),
                message: message.seen(id, language),
            }
        }),
        _ => {
            let List(flat) = chat.messages.0.ok_or_else(Unread::messages)?;
            let last = flat.len().checked_sub(1);
            let placed = flat.into_iter().enumerate().map(|(at, raw)| {
                let mut message: RawMessage<'_> = from_str(raw.get()).unwrap_or_default();
                let id = mem::take(&mut message.id).text().unwrap_or_default();
                Placed { parent: at.checked_sub(1), message: message.seen(&id, language) }
            });
            tree::hang(placed.collect(), last)
        }
    };
    let tags = [row.meta.or_none().tags, chat.tags].into_iter().flat_map(Maybe::items).filter_map(Maybe::text);
    Ok(Conversation {
        source: Source::OpenWebUi,
        source_id: row.id.text().unwrap_or_default(),
        title: row.title.text().or(chat.title.text()).unwrap_or_default(),
        created_at: begun,
        updated_at: changed,
        archived: row.archived.or_none(),
        pinned: row.pinned.or_none(),
        tags: tags.collect(),
        current,
        messages,
    })
}

impl RawMessage<'_> {
    /// What people saw of it.
    fn seen(self, id: &str, language: Language) -> Option<ImportedMessage> {
        let role = MessageRole::parse(self.role.as_str()).filter(|role| *role != MessageRole::System)?;
        let content = self.content.0.map_or("null", RawValue::get);
        let mut parts = match from_str(content) {
            Ok(text) => vec![Maybe(Some(Part { text: Maybe(Some(text)), ..Part::default() }))],
            Err(_) => from_str::<Maybe<List<Maybe<Part>>>>(content).unwrap_or_default().items(),
        };
        parts.extend(self.files.items());
        let shown = parts.into_iter().map(Maybe::or_none).filter_map(|part| match part.r#type.as_str() {
            "image" | "image_url" => Some(picture(language).to_owned()),
            _ => part.text.text(),
        });
        let shown = shown.collect::<Vec<_>>().join("\n\n");
        let assistant = role == MessageRole::Assistant;
        let content = if assistant { without_thoughts(&shown).to_owned() } else { shown };
        let first = self.models.items().into_iter().find_map(Maybe::text);
        (!content.trim().is_empty()).then(|| ImportedMessage {
            source_id: id.to_owned(),
            parent: None,
            role,
            content,
            model: self.model.text().or(first).filter(|_| assistant),
            created_at: moment(&self.timestamp),
            citations: Vec::new(),
            kept: Kept::default(),
        })
    }
}

/// An answer behind the blocks that it begins with: what the model thought, and its calls of tools.
fn without_thoughts(mut answer: &str) -> &str {
    loop {
        answer = answer.trim_start();
        let Some((tag, rest)) = answer.strip_prefix("<details").and_then(|rest| rest.split_once('>')) else {
            return answer;
        };
        if !["type=\"reasoning\"", "type=\"tool_calls\""].iter().any(|kind| tag.contains(kind)) {
            return answer;
        }
        // One that its answer broke off in is all there is.
        answer = rest.split_once("</details>").map_or("", |(_, rest)| rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_begins_behind_its_thoughts() {
        let thought =
            "<details type=\"reasoning\" done=\"true\" duration=\"3\">\n<summary>Thought</summary>\n> hm\n</details>\n";
        let call = "<details type=\"tool_calls\" arguments=\"{&quot;a&quot;:1}\">\n<summary>Ran</summary>\n</details>";
        assert_eq!(without_thoughts(&format!("{thought}{call}\n{thought}Yes.")), "Yes.");
        assert_eq!(
            without_thoughts("<details><summary>More</summary>x</details>"),
            "<details><summary>More</summary>x</details>"
        );
        assert_eq!(without_thoughts("<details type=\"reasoning\"> and so on"), "");
        assert_eq!(without_thoughts("<details type=\"reasoning\""), "<details type=\"reasoning\"");
    }
}
