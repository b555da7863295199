use cjhirashi_domain::Timestamp;
use cjhirashi_transfer::{Conversation, Source};
use serde_json::{Value, json};

use super::{only, outline};

fn row() -> Value {
    json!({
        "id": "0b9f", "user_id": "u", "title": "Two models",
        "chat": {
            "id": "", "title": "Two models", "models": ["llama3", "qwen3"], "params": {}, "files": [], "tags": [],
            "timestamp": 1_700_000_000_123_i64,
            "history": {"currentId": "q2", "messages": {
                "q1": {"id": "q1", "parentId": null, "childrenIds": ["a1", "a2"], "role": "user", "content": "Why?",
                       "timestamp": 1_700_000_001, "models": ["llama3", "qwen3"]},
                "a2": {"id": "a2", "parentId": "q1", "childrenIds": ["q2"], "role": "assistant", "model": "qwen3",
                       "modelName": "Qwen 3", "modelIdx": 1, "done": true, "timestamp": 1_700_000_002, "content":
                       "<details type=\"reasoning\" done=\"true\" duration=\"2\">\n<summary>Thought for 2 seconds</summary>\n> hm\n</details>\nSo."},
                "a1": {"id": "a1", "parentId": "q1", "childrenIds": [], "role": "assistant", "model": "llama3",
                       "content": "Because.", "timestamp": 1_700_000_002, "usage": {}},
                "q2": {"id": "q2", "parentId": "a2", "childrenIds": ["e"], "role": "user", "timestamp": 1_700_000_003,
                       "files": [{"type": "image", "url": "data:image/png;base64,AA"}, {"type": "file", "id": "f"}],
                       "content": [{"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": "x"}}]},
                "e": {"id": "e", "parentId": "q2", "childrenIds": [], "role": "assistant", "content": "",
                      "error": {"content": "out of memory"}, "timestamp": 1_700_000_004}
            }},
            "messages": [{"role": "user", "content": "Why?"}]
        },
        "updated_at": 1_700_000_100, "created_at": 1_700_000_000, "share_id": null, "archived": false, "pinned": true,
        "meta": {"tags": ["física", "física", 7]}, "folder_id": null
    })
}

fn check_tree(found: &Conversation) {
    assert_eq!(
        outline(found),
        ["- user: Why?", "0 assistant: Because.", "0 assistant: So.", "2 user*: And this?\n\n[Picture]\n\n[Picture]"]
    );
    let models: Vec<_> = found.messages.iter().map(|message| message.model.as_deref()).collect();
    assert_eq!(models, [None, Some("llama3"), Some("qwen3"), None]);
    assert_eq!((found.source, found.title.as_str()), (Source::OpenWebUi, "Two models"));
}

#[test]
fn a_list_of_rows_gives_trees_with_their_data() {
    let found = only(json!([row()]).to_string().as_bytes());
    check_tree(&found);
    assert_eq!((found.source_id.as_str(), found.archived, found.pinned), ("0b9f", false, true));
    assert_eq!(found.tags, ["física"]);
    assert_eq!((found.created_at.0, found.updated_at.0), (1_700_000_000_000, 1_700_000_100_000));
}

#[test]
fn one_row_alone_is_an_export_too_whatever_stands_before_it() {
    check_tree(&only(format!("\u{feff}\r\n {} \n", row()).as_bytes()));
}

#[test]
fn a_chat_without_its_row_is_one_of_the_older_exports() {
    let found = only(json!([row()["chat"]]).to_string().as_bytes());
    check_tree(&found);
    assert_eq!(found.created_at, Timestamp(1_700_000_000_123), "Open WebUI wrote milliseconds there");
}

#[test]
fn a_flat_list_of_messages_is_one_branch() {
    let chat = json!({"title": "Old", "messages": [
        {"role": "system", "content": "Be brief"},
        {"id": "x", "role": "user", "content": "Hi", "timestamp": 1_690_000_000},
        {"id": "x", "role": "assistant", "content": "Hello", "models": [null, "llama2"]},
        "nonsense",
        {"role": "user", "content": "Bye"}
    ]});
    let found = only(json!([{"id": "1", "chat": chat}]).to_string().as_bytes());
    assert_eq!(outline(&found), ["- user: Hi", "0 assistant: Hello", "1 user*: Bye"]);
    assert_eq!(found.messages[1].model.as_deref(), Some("llama2"));
    assert_eq!(found.title, "Old");
    assert!(found.messages.iter().all(|message| message.created_at == Timestamp(1_690_000_000_000)));
}
