use cjhirashi_domain::Timestamp;
use cjhirashi_transfer::Source;
use serde_json::{Value, json};

use super::{all, only, outline, zip};

/// `parent` and `children` as ChatGPT writes them, both ways.
fn chat(nodes: &[(&str, &str, Value)], current: &str) -> Value {
    let mapping: serde_json::Map<String, Value> = nodes
        .iter()
        .map(|(id, parent, message)| {
            let children: Vec<_> = nodes.iter().filter(|other| other.1 == *id).map(|other| other.0).collect();
            let parent = if parent.is_empty() { Value::Null } else { json!(parent) };
            ((*id).to_owned(), json!({"id": id, "message": message, "parent": parent, "children": children}))
        })
        .collect();
    json!({
        "title": "Viaje a Roma", "create_time": 1_700_000_000.25, "update_time": 1_700_000_600.0, "mapping": mapping,
        "moderation_results": [], "current_node": current, "conversation_id": "6553c1d0-0001", "id": "6553c1d0-0001",
        "is_archived": true, "default_model_slug": "gpt-4o", "gizmo_id": null, "safe_urls": []
    })
}

fn message(role: &str, content: Value) -> Value {
    json!({
        "id": "m", "author": {"role": role, "name": null, "metadata": {}}, "create_time": 1_700_000_010.0, "update_time": null,
        "content": content, "status": "finished_successfully", "end_turn": true, "weight": 1.0,
        "metadata": {"model_slug": "gpt-5"}, "recipient": "all", "channel": null
    })
}

fn text(role: &str, words: &str) -> Value {
    message(role, json!({"content_type": "text", "parts": [words]}))
}

fn to(recipient: &str, mut message: Value) -> Value {
    message["recipient"] = json!(recipient);
    message
}

fn read_one(nodes: &[(&str, &str, Value)], current: &str) -> Vec<String> {
    outline(&only(json!([chat(nodes, current)]).to_string().as_bytes()))
}

#[test]
fn a_conversation_keeps_what_people_saw_and_its_data() {
    let mut hidden = text("user", "About me");
    hidden["metadata"]["is_visually_hidden_from_conversation"] = json!(true);
    let nodes = [
        ("client-created-root", "", Value::Null),
        ("sys", "client-created-root", text("system", "")),
        ("ctx", "sys", message("user", json!({"content_type": "user_editable_context", "user_profile": "x"}))),
        ("hid", "ctx", hidden),
        ("q", "hid", text("user", "¿Qué veo en Roma?")),
        ("th", "q", message("assistant", json!({"content_type": "thoughts", "thoughts": [{"content": "hm"}]}))),
        ("re", "th", message("assistant", json!({"content_type": "reasoning_recap", "content": "Thought for 3s"}))),
        ("a", "re", text("assistant", "El Coliseo \u{e200}cite\u{e202}turn0search1\u{e201}.")),
    ];
    let found = only(json!([chat(&nodes, "a")]).to_string().as_bytes());
    assert_eq!(outline(&found), ["- user: ¿Qué veo en Roma?", "0 assistant*: El Coliseo."]);
    assert_eq!((found.source, found.source_id.as_str()), (Source::ChatGpt, "6553c1d0-0001"));
    assert_eq!((found.title.as_str(), found.archived, found.pinned), ("Viaje a Roma", true, false));
    assert_eq!((found.created_at, found.updated_at), (Timestamp(1_700_000_000_250), Timestamp(1_700_000_600_000)));
    assert_eq!((found.messages[0].model.as_deref(), found.messages[1].model.as_deref()), (None, Some("gpt-5")));
    assert_eq!(
        (found.messages[1].source_id.as_str(), found.messages[1].created_at),
        ("a", Timestamp(1_700_000_010_000))
    );
}

#[test]
fn an_answer_that_used_tools_is_one_message() {
    let nodes = [
        ("q", "", text("user", "Plot it")),
        ("a1", "q", text("assistant", "Let me see.")),
        (
            "call",
            "a1",
            to(
                "web",
                message("assistant", json!({"content_type": "code", "language": "unknown", "text": "search(1)"})),
            ),
        ),
        ("tool", "call", text("tool", "results")),
        (
            "run",
            "tool",
            to(
                "python",
                message("assistant", json!({"content_type": "code", "language": "unknown", "text": "plot(`1`)\n"})),
            ),
        ),
        ("out", "run", message("tool", json!({"content_type": "execution_output", "text": "<Figure>"}))),
        ("a2", "out", text("assistant", "Here it is.")),
        ("q2", "a2", text("user", "Thanks")),
    ];
    assert_eq!(
        read_one(&nodes, "a2"),
        ["- user: Plot it", "0 assistant*: Let me see.\n\n```python\nplot(`1`)\n```\n\nHere it is.", "1 user: Thanks"]
    );
}

#[test]
fn answers_beside_each_other_stay_apart() {
    let mut later = text("assistant", "second");
    later["create_time"] = json!(1_700_000_900);
    let nodes = [
        ("q", "", text("user", "Hi")),
        ("a", "q", later),
        ("b", "q", text("assistant", "first")),
        ("c", "a", text("assistant", "one")),
        ("d", "a", text("assistant", "two")),
    ];
    assert_eq!(
        read_one(&nodes, "a"),
        ["- user: Hi", "0 assistant: first", "0 assistant*: second", "2 assistant: one", "2 assistant: two"]
    );
}

#[test]
fn pictures_leave_a_note_and_what_was_spoken_its_words() {
    let parts = json!([
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1", "width": 10, "height": 10},
        {"content_type": "audio_transcription", "text": "and hello", "direction": "in"},
        {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file-2"},
        "What is this?", ""
    ]);
    let nodes = [("q", "", message("user", json!({"content_type": "multimodal_text", "parts": parts})))];
    assert_eq!(read_one(&nodes, "q"), ["- user*: [Picture]\n\nand hello\n\nWhat is this?"]);
}

#[test]
fn a_document_beside_the_conversation_is_part_of_the_answer() {
    let canvas = |kind: &str, content: &str| {
        let call = json!({"name": "x", "type": kind, "content": content}).to_string();
        to(
            "canmore.create_textdoc",
            message("assistant", json!({"content_type": "code", "language": "json", "text": call})),
        )
    };
    let nodes = [("d", "", canvas("document", "# Plan")), ("c", "d", canvas("code/rust", "fn main() {}"))];
    assert_eq!(read_one(&nodes, "c"), ["- assistant*: # Plan\n\n```rust\nfn main() {}\n```"]);
}

#[test]
fn the_zip_gives_all_its_files_of_conversations_and_no_others() {
    let one = |title: &str| {
        let mut chat = chat(&[("q", "", text("user", title))], "q");
        chat["title"] = json!(title);
        json!([chat]).to_string().into_bytes()
    };
    let bytes = zip(&[
        ("export/conversations-001.json", &one("second")),
        ("export/conversations-000.json", &one("first")),
        ("export/shared_conversations.json", b"[{}]"),
        ("export/chat.html", b"<html>"),
        ("export/conversations-002.json", b"[]"),
        ("export/conversations-003.json", b"not JSON"),
    ]);
    let found = all(&bytes);
    let titles: Vec<_> = found.iter().flatten().map(|chat| chat.title.as_str()).collect();
    assert_eq!(titles, ["first", "second"]);
    assert_eq!(found.len(), 3);
    assert_eq!(found[2].as_ref().unwrap_err().number, 3);
}

#[test]
fn fields_that_are_null_or_of_another_type_are_left_out() {
    let bytes = br#"[{"title": 7, "create_time": null, "update_time": "x", "is_archived": "no", "current_node": {},
        "conversation_id": null, "id": "abc", "default_model_slug": "o3", "mapping": {
        "a": {"parent": 5, "children": null, "message": {"author": {"role": "user"}, "create_time": "now",
              "content": {"content_type": "text", "parts": ["Half \ud83d", 7, null]}, "metadata": []}},
        "b": {"parent": "a", "message": {"author": {"role": "assistant"}, "create_time": 1e300,
              "content": {"content_type": "text", "parts": ["Yes"]}, "metadata": null}},
        "c": 5, "d": {"parent": "b", "message": {"author": "user", "content": 5}}}}]"#;
    let found = only(bytes);
    assert_eq!(outline(&found), ["- user: Half \u{fffd}\u{fffd}\u{fffd}", "0 assistant: Yes"]);
    assert_eq!((found.source_id.as_str(), found.archived), ("abc", false));
    assert_eq!(found.title, "Half \u{fffd}\u{fffd}\u{fffd}", "a chat without a title is called by its question");
    assert_eq!(found.messages[1].model.as_deref(), Some("o3"));
    assert_eq!(found.created_at, super::NOW, "with no time at all it is from now");
}
