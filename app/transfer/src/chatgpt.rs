//! ChatGPT's data export: conversations, each a tree of nodes by id.
//!
//! OpenAI documents no format; this follows what exports from 2023 to 2026 hold. Many nodes are not what people saw but
//! prompts, calls of tools and thoughts.

use cjhirashi_domain::{chat::MessageRole, settings::Language};
use serde::Deserialize;
use serde_json::{from_str, value::RawValue};

use crate::{
    Conversation, ImportedMessage, Kept, Source,
    conversation::picture,
    error::Unread,
    lenient::{List, Maybe, Members, Text, moment},
    markdown::fenced,
    marks::without_marks,
    tree::{self, Node},
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChat<'a> {
    conversation_id: Maybe<Text>,
    id: Maybe<Text>,
    title: Maybe<Text>,
    create_time: Maybe<f64>,
    update_time: Maybe<f64>,
    is_archived: Maybe<bool>,
    default_model_slug: Maybe<Text>,
    current_node: Maybe<Text>,
    #[serde(borrow)]
    mapping: Maybe<Members<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawNode<'a> {
    parent: Maybe<Text>,
    #[serde(borrow)]
    children: Maybe<List<&'a RawValue>>,
    #[serde(borrow)]
    message: Maybe<RawMessage<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawMessage<'a> {
    author: Maybe<Author>,
    recipient: Maybe<Text>,
    create_time: Maybe<f64>,
    #[serde(borrow)]
    content: Maybe<Content<'a>>,
    metadata: Maybe<Metadata>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Author {
    role: Maybe<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    model_slug: Maybe<Text>,
    is_visually_hidden_from_conversation: Maybe<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    content_type: Maybe<Text>,
    #[serde(borrow)]
    parts: Maybe<List<&'a RawValue>>,
    text: Maybe<Text>,
    language: Maybe<Text>,
}

/// A part of a message that is no string.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Part {
    content_type: Maybe<Text>,
    text: Maybe<Text>,
}

/// A document that an answer puts beside the conversation, as it is first written.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Canvas {
    r#type: Maybe<Text>,
    content: Maybe<Text>,
}

/// Reads one conversation.
pub(crate) fn read(text: &str, language: Language) -> Result<Conversation, Unread> {
    let chat: RawChat<'_> = from_str(text)?;
    let nodes = chat.mapping.0.ok_or_else(Unread::messages)?;
    let usual_model = chat.default_model_slug.text();
    let thread = tree::grow(&nodes, chat.current_node.as_str(), |id, raw| {
        let node: RawNode<'_> = from_str(raw.get()).unwrap_or_default();
        let mut message = node.message.or_none();
        let at = moment(&message.create_time);
        let model = message.metadata.0.as_mut().and_then(|it| std::mem::take(&mut it.model_slug).text());
        let seen = message.seen(language).map(|(role, content)| ImportedMessage {
            source_id: id.to_owned(),
            parent: None,
            role,
            content,
            model: model.or_else(|| usual_model.clone()).filter(|_| role == MessageRole::Assistant),
            created_at: at,
            citations: Vec::new(),
            kept: Kept::default(),
        });
        Node { parent: node.parent.text(), children: node.children.items(), at, message: seen }
    });
    let (messages, current) = tree::join_answers(thread);
    Ok(Conversation {
        source: Source::ChatGpt,
        source_id: chat.conversation_id.text().or(chat.id.text()).unwrap_or_default(),
        title: chat.title.text().unwrap_or_default(),
        created_at: moment(&chat.create_time),
        updated_at: moment(&chat.update_time),
        archived: chat.is_archived.or_none(),
        pinned: false,
        tags: Vec::new(),
        current,
        messages,
    })
}

impl RawMessage<'_> {
    /// What people saw of it, as Markdown, and who said it.
    fn seen(self, language: Language) -> Option<(MessageRole, String)> {
        let role = match self.author.or_none().role.as_str() {
            "user" => MessageRole::User,
            "assistant" => MessageRole::Assistant,
            _ => return None,
        };
        if self.metadata.or_none().is_visually_hidden_from_conversation.or_none() {
            return None;
        }
        let content = self.content.0?;
        // What is said to a tool are its arguments, of which the page shows programs and documents only.
        let markdown = match (content.content_type.as_str(), self.recipient.as_str()) {
            ("text" | "multimodal_text", "" | "all") => content.parts(language),
            ("code", "" | "all") => fenced(content.language.as_str(), &content.text.text()?),
            ("code", "python") => fenced("python", &content.text.text()?),
            (_, "canmore.create_textdoc") => content.canvas()?,
            _ => return None,
        };
        let markdown = without_marks(&markdown);
        (!markdown.trim().is_empty()).then_some((role, markdown))
    }
}

impl Content<'_> {
    fn parts(self, language: Language) -> String {
        let part = |raw: &RawValue| match from_str(raw.get()) {
            Ok(Text(text)) => Some(text),
            Err(_) => {
                let part: Part = from_str(raw.get()).ok()?;
                match part.content_type.as_str() {
                    "image_asset_pointer" => Some(picture(language).to_owned()),
                    "audio_transcription" => part.text.text(),
                    _ => None,
                }
            }
        };
        let parts = self.parts.items().into_iter().filter_map(part).filter(|part| !part.trim().is_empty());
        parts.collect::<Vec<_>>().join("\n\n")
    }

    fn canvas(self) -> Option<String> {
        let part = || from_str(self.parts.0?.0.first()?.get()).ok().map(|Text(text)| text);
        let canvas: Canvas = from_str(&self.text.text().or_else(part)?).ok()?;
        let document = canvas.content.text()?;
        Some(match canvas.r#type.as_str().strip_prefix("code/") {
            Some(language) => fenced(language, &document),
            None => document,
        })
    }
}
