//! Reading what OpenAI's clients ask for: what is done, what is told to the provider, what means nothing here, and what is
//! refused because an answer without it would not be what was asked for.

use cjhirashi_chat::{CompletionRequest, RetrievalOptions};
use cjhirashi_domain::{
    ErrorCode,
    chat::{MessageImage, MessageRole},
};
use cjhirashi_models::{ChatImage, ChatTurn, RESPONSE_FORMAT};
use cjhirashi_sync::parse_tags;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::error::{ApiError, ApiResult};

/// As OpenAI allows.
const MAX_STOPS: usize = 4;
/// The most characters of one of them.
const MAX_STOP: usize = 500;

/// A conversation to be answered.
///
/// `top_p`, `frequency_penalty`, `presence_penalty`, `seed`, `reasoning_effort`, `verbosity` and `response_format` are told to
/// providers that speak OpenAI's protocol; with other models the last is refused, and the others mean nothing. Refused are, where
/// they ask for something, `tools`, `tool_choice`, `functions`, `function_call`, `logprobs`, `top_logprobs`, `logit_bias`, `audio`,
/// `web_search_options`, `moderation`, an `n` other than 1 and `modalities` other than text. Other fields of OpenAI's API are
/// accepted and have no effect.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CompletionBody {
    /// `provider:name`, `extractive`, or `default`.
    #[serde(default)]
    model: Option<String>,
    /// Ending with a message of the user; only instructions may follow it.
    #[serde(default)]
    #[schema(required)]
    messages: Vec<TurnBody>,
    #[serde(default)]
    pub(super) stream: Option<bool>,
    #[serde(default)]
    pub(super) stream_options: Option<StreamOptions>,
    /// 0 to 2; the key's owner's setting by default.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    /// At least 1; the key's owner's setting by default.
    #[serde(default)]
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
    /// The newer name of `max_tokens`.
    #[serde(default)]
    #[schema(minimum = 1)]
    max_completion_tokens: Option<u32>,
    /// Up to four sequences before which the answer ends.
    #[serde(default)]
    stop: Option<StopBody>,
    /// Search documents first, and give the passages to the model.
    #[serde(default)]
    retrieval: Option<RetrievalBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
}

/// What a stream tells besides the text.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: Option<bool>,
}

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TurnBody {
    /// `system` (or `developer`), `user` or `assistant`.
    role: String,
    /// Text, or OpenAI's list of parts, of which the texts are read.
    #[serde(default)]
    content: Option<ContentBody>,
}

/// What a message says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a text or a list of parts")]
enum ContentBody {
    Text(String),
    Parts(Vec<PartBody>),
}

/// A part of a message.
#[derive(Debug, Deserialize, ToSchema)]
struct PartBody {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    image_url: Option<ImageBody>,
}

/// An image, in the address itself: `data:image/png;base64,…`. What an address elsewhere shows is not fetched.
#[derive(Debug, Deserialize, ToSchema)]
struct ImageBody {
    url: String,
}

/// Where an answer ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
enum StopBody {
    One(String),
    Several(Vec<String>),
}

/// How documents are searched for the answer.
#[derive(Debug, Deserialize, ToSchema)]
struct RetrievalBody {
    #[serde(default)]
    enabled: bool,
    /// 1 to 20; the key's owner's setting by default.
    #[serde(default)]
    top_k: Option<i32>,
    /// 0 to 1; the key's owner's setting by default.
    #[serde(default)]
    min_score: Option<f64>,
    /// Only documents with one of these labels.
    #[serde(default)]
    tags: Vec<String>,
}

/// A field that is told to the provider: its name, whether a value can be meant, and what can.
type Told = (&'static str, fn(&Value) -> bool, &'static str);

const TOLD: [Told; 7] = [
    ("top_p", |value| within(value, 0.0, 1.0), "it is 0 to 1"),
    ("frequency_penalty", |value| within(value, -2.0, 2.0), "it is -2 to 2"),
    ("presence_penalty", |value| within(value, -2.0, 2.0), "it is -2 to 2"),
    ("seed", |value| value.is_i64() || value.is_u64(), "it is an integer"),
    ("reasoning_effort", Value::is_string, "it is a word"),
    ("verbosity", Value::is_string, "it is a word"),
    (RESPONSE_FORMAT, |value| value["type"].is_string(), "it is an object with a type"),
];

/// A field that is refused: its name, a value that asks for nothing, and why.
const REFUSED: [Told; 12] = [
    ("n", |value| *value == 1, "one answer at a time"),
    ("tools", is_empty, "no tools are called"),
    ("tool_choice", is_no_choice, "no tools are called"),
    ("functions", is_empty, "no functions are called"),
    ("function_call", is_no_choice, "no functions are called"),
    ("logprobs", |value| *value == false, "probabilities are not told"),
    ("top_logprobs", |value| *value == 0, "probabilities are not told"),
    ("logit_bias", is_empty, "probabilities are not changed"),
    ("modalities", |value| *value == serde_json::json!(["text"]), "answers are text"),
    ("audio", |_| false, "answers are text"),
    ("web_search_options", |_| false, "the web is not searched; documents are, with `retrieval`"),
    ("moderation", |_| false, "nothing is moderated"),
];

fn within(value: &Value, least: f64, most: f64) -> bool {
    value.as_f64().is_some_and(|value| (least..=most).contains(&value))
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn is_no_choice(value: &Value) -> bool {
    *value == "none" || *value == "auto"
}

impl CompletionBody {
    /// What is asked of the chat service.
    pub(super) fn read(self) -> ApiResult<CompletionRequest> {
        let at_least_one = |name: &str, tokens: Option<u32>| match tokens {
            Some(0) => Err(ApiError::invalid("it is at least 1").about(name)),
            tokens => Ok(tokens),
        };
        if self.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
            return Err(ApiError::invalid("it is 0 to 2").about("temperature"));
        }
        let max_tokens = at_least_one("max_tokens", self.max_tokens)?;
        Ok(CompletionRequest {
            model: self.model,
            messages: self.messages.into_iter().enumerate().map(turn).collect::<ApiResult<_>>()?,
            temperature: self.temperature,
            max_tokens: at_least_one("max_completion_tokens", self.max_completion_tokens)?.or(max_tokens),
            stop: self.stop.map(stop).transpose()?.unwrap_or_default(),
            fields: fields(self.more)?,
            retrieval: self.retrieval.map(options).transpose()?,
        })
    }
}

/// The field that a provider's refusal is about, if it is one that was told.
pub(super) fn named_in(refusal: &str) -> Option<&'static str> {
    let others = ["temperature", "max_completion_tokens", "max_tokens", "stop"];
    TOLD.iter().map(|(name, ..)| *name).chain(others).find(|name| refusal.contains(name))
}

fn fields(mut more: Map<String, Value>) -> ApiResult<Map<String, Value>> {
    more.retain(|_, value| !value.is_null());
    for (name, means_nothing, why) in REFUSED {
        if more.get(name).is_some_and(|value| !means_nothing(value)) {
            return Err(ApiError { detail: Some(why.to_owned()), ..ApiError::new(ErrorCode::Unsupported) }.about(name));
        }
    }
    let mut told = Map::new();
    for (name, can_be_meant, what_can) in TOLD {
        match more.remove(name) {
            // As every answer is.
            Some(value) if name == RESPONSE_FORMAT && value["type"] == "text" => {}
            Some(value) if can_be_meant(&value) => {
                told.insert(name.to_owned(), value);
            }
            Some(_) => return Err(ApiError::invalid(what_can).about(name)),
            None => {}
        }
    }
    Ok(told)
}

fn turn((at, turn): (usize, TurnBody)) -> ApiResult<ChatTurn> {
    let role = match turn.role.as_str() {
        "user" => MessageRole::User,
        "assistant" => MessageRole::Assistant,
        "system" | "developer" => MessageRole::System,
        _ => {
            let error = ApiError::invalid("it is system, developer, user or assistant");
            return Err(error.about(format!("messages[{at}].role")));
        }
    };
    let mut images = Vec::new();
    let content = match turn.content {
        Some(ContentBody::Text(text)) => text,
        Some(ContentBody::Parts(parts)) => {
            let mut texts = Vec::new();
            for (place, part) in parts.into_iter().enumerate() {
                let about =
                    |error: ApiError, field: &str| error.about(format!("messages[{at}].content[{place}].{field}"));
                match (part.kind.as_str(), part.image_url) {
                    ("text", _) => texts.extend(part.text),
                    ("image_url", Some(body)) if role == MessageRole::User && images.len() < MessageImage::MOST => {
                        let image = image(&body.url).ok_or_else(|| {
                            let error = ApiError::invalid("an image is data:image/png;base64,… (or jpeg, webp, gif)");
                            about(error, "image_url.url")
                        })?;
                        images.push(image);
                    }
                    ("image_url", _) => {
                        let most = MessageImage::MOST;
                        let error =
                            ApiError::invalid(format!("a user's message has up to {most} images, each with its url"));
                        return Err(about(error, "image_url"));
                    }
                    (kind, _) => {
                        let kind: String = kind.chars().take(40).collect();
                        let error = ApiError::invalid(format!("parts of type {kind} are not supported"));
                        return Err(about(error, "type"));
                    }
                }
            }
            texts.join("\n")
        }
        None => String::new(),
    };
    Ok(ChatTurn { role, content, images })
}

/// Reads an image that is an address itself.
fn image(url: &str) -> Option<ChatImage> {
    let (media_type, base64) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let known = matches!(media_type, "image/png" | "image/jpeg" | "image/webp" | "image/gif");
    let whole = !base64.is_empty() && base64.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    (known && whole).then(|| ChatImage { media_type: media_type.to_owned(), base64: base64.into() })
}

fn stop(stop: StopBody) -> ApiResult<Vec<String>> {
    let mut sequences = match stop {
        StopBody::One(one) => vec![one],
        StopBody::Several(several) => several,
    };
    sequences.retain(|sequence| !sequence.is_empty());
    if sequences.len() > MAX_STOPS || sequences.iter().any(|sequence| sequence.chars().count() > MAX_STOP) {
        let allowed = format!("up to {MAX_STOPS} sequences of up to {MAX_STOP} characters");
        return Err(ApiError::invalid(allowed).about("stop"));
    }
    Ok(sequences)
}

fn options(retrieval: RetrievalBody) -> ApiResult<RetrievalOptions> {
    let RetrievalBody { enabled, top_k, min_score, tags } = retrieval;
    let tags = parse_tags(&tags).map_err(|error| ApiError::from(error).about("retrieval.tags"))?;
    Ok(RetrievalOptions { enabled, top_k, min_score, tags })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::body::parse_json;

    /// A question with these fields besides.
    fn read(fields: Value) -> ApiResult<CompletionRequest> {
        let mut body = json!({"model": "openai:m", "messages": [{"role": "user", "content": "¿?"}]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        parse_json::<CompletionBody>(body.to_string().as_bytes())?.read()
    }

    fn refused(fields: Value) -> (ErrorCode, String) {
        let error = read(fields).unwrap_err();
        (error.code, error.param.unwrap_or_default())
    }

    #[test]
    fn parts_of_text_are_joined_and_images_are_read_from_their_address() {
        let content = |content: Value| read(json!({"messages": [{"role": "user", "content": content}]}));
        let parts = content(json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])).unwrap();
        assert_eq!(parts.messages[0].content, "a\nb");
        let image = |url: &str| content(json!([{"type": "text"}, {"type": "image_url", "image_url": {"url": url}}]));
        let read = image("data:image/png;base64,aGk=").unwrap();
        let images = read.messages[0].images.iter().map(|image| (image.media_type.as_str(), image.base64.as_ref()));
        assert_eq!(images.collect::<Vec<_>>(), [("image/png", "aGk=")]);
        for bad in ["https://example.org/a.png", "data:image/svg+xml;base64,aGk=", "data:image/png;base64,", "x"] {
            assert_eq!(image(bad).unwrap_err().param.as_deref(), Some("messages[0].content[1].image_url.url"), "{bad}");
        }
        let error = content(json!([{"type": "input_audio"}])).unwrap_err();
        assert!(error.detail.unwrap().contains("input_audio"));
        assert_eq!(error.param.as_deref(), Some("messages[0].content[0].type"));
        let error = content(json!(3)).unwrap_err();
        assert!(error.detail.unwrap().starts_with("expected a text or a list of parts"));
    }

    #[test]
    fn developers_give_instructions_and_nobody_else_speaks() {
        let role = |role: &str| read(json!({"messages": [{"role": role, "content": null}]}));
        assert_eq!(role("developer").unwrap().messages[0].role, MessageRole::System);
        assert_eq!(role("tool").unwrap_err().param.as_deref(), Some("messages[0].role"));
    }

    #[test]
    fn stop_is_one_sequence_or_a_few() {
        let stop = |stop: Value| read(json!({"stop": stop})).map(|request| request.stop);
        assert_eq!(stop(json!("FIN")).unwrap(), ["FIN"]);
        assert_eq!(stop(json!(["a", "", "b"])).unwrap(), ["a", "b"]);
        assert_eq!(stop(Value::Null).unwrap(), Vec::<String>::new());
        for wrong in [json!(["a", "b", "c", "d", "e"]), json!("x".repeat(501)), json!(5)] {
            assert_eq!(refused(json!({"stop": wrong})), (ErrorCode::InvalidRequest, "stop".to_owned()));
        }
    }

    #[test]
    fn the_newer_name_of_the_limit_counts_and_a_limit_lets_something_be_said() {
        let limits = json!({"max_tokens": 5, "max_completion_tokens": 7});
        assert_eq!(read(limits).unwrap().max_tokens, Some(7));
        for (name, wrong) in
            [("max_tokens", json!(0)), ("max_tokens", json!(-1)), ("max_completion_tokens", json!("x"))]
        {
            assert_eq!(refused(json!({name: wrong})), (ErrorCode::InvalidRequest, name.to_owned()));
        }
    }

    #[test]
    fn what_can_be_told_is_told_within_its_bounds() {
        let format = json!({"type": "json_object"});
        let told = read(json!({"top_p": 0.5, "seed": 7, "user": "eva", "store": true, "response_format": format}));
        assert_eq!(Value::Object(told.unwrap().fields), json!({"top_p": 0.5, "seed": 7, "response_format": format}));
        let nothing = read(json!({"top_p": null, "response_format": {"type": "text"}}));
        assert_eq!(nothing.unwrap().fields, Map::new());
        let out_of_bounds =
            [("top_p", json!(2)), ("seed", json!("x")), ("response_format", json!([])), ("temperature", json!(3))];
        for (name, wrong) in out_of_bounds {
            assert_eq!(refused(json!({name: wrong})), (ErrorCode::InvalidRequest, name.to_owned()));
        }
    }

    #[test]
    fn what_would_make_another_answer_is_refused_unless_it_asks_for_nothing() {
        for (name, asked) in [
            ("n", json!(2)),
            ("tools", json!([{"type": "function"}])),
            ("tool_choice", json!("required")),
            ("logprobs", json!(true)),
            ("logit_bias", json!({"1": 5})),
            ("modalities", json!(["text", "audio"])),
            ("web_search_options", json!({})),
        ] {
            assert_eq!(refused(json!({name: asked})), (ErrorCode::Unsupported, name.to_owned()));
        }
        let nothing = json!({"n": 1, "tools": [], "tool_choice": "auto", "logprobs": false, "audio": null});
        assert!(read(nothing).is_ok());
    }

    #[test]
    fn a_provider_s_refusal_is_about_the_field_it_names() {
        assert_eq!(named_in("Unsupported value: 'top_p'"), Some("top_p"));
        assert_eq!(named_in("no"), None);
    }
}
