use std::collections::HashSet;

use cjhirashi_domain::{settings::Language, text::MessageText};
use cjhirashi_transfer::{Conversation, ImportError, read};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::{NOW, all, only, outline, zip};

/// What every conversation that is read keeps to.
fn check(conversation: &Conversation) {
    assert!((1..=200).contains(&conversation.title.chars().count()), "{:?}", conversation.title);
    assert!(
        conversation.created_at <= conversation.updated_at && conversation.updated_at <= NOW.plus_millis(86_400_000)
    );
    assert!(conversation.current.is_none_or(|current| current < conversation.messages.len()));
    for (at, message) in conversation.messages.iter().enumerate() {
        assert!(
            message
                .parent
                .is_none_or(|parent| { parent < at && conversation.messages[parent].created_at <= message.created_at })
        );
        assert!(message.content.chars().count() <= MessageText::MAX && !message.content.contains('\0'));
    }
}

fn error(bytes: &[u8]) -> ImportError {
    read(bytes, Language::En, NOW).unwrap_err()
}

fn node(parent: Value, children: Value, words: &str) -> Value {
    let content = json!({"content_type": "text", "parts": [words]});
    json!({"parent": parent, "children": children, "message": {"author": {"role": "user"}, "content": content}})
}

fn mapping(nodes: impl IntoIterator<Item = (String, Value)>) -> Vec<u8> {
    let nodes: serde_json::Map<String, Value> = nodes.into_iter().collect();
    json!([{"title": "x", "mapping": nodes}]).to_string().into_bytes()
}

#[test]
fn what_is_no_export_is_refused_in_words_for_people() {
    let claude = br#"[{"uuid": "1", "name": "x", "chat_messages": [{"sender": "human", "text": "hi"}]}]"#;
    let zipped = zip(&[("conversations.json", claude)]);
    let pictures = zip(&[("photo.png", b"png")]);
    for bytes in [
        &b""[..],
        b"hello",
        b"{}",
        b"[1, [2]]",
        b"null",
        b"%PDF-1.7",
        b"[{\"mapping\": 3}]",
        claude,
        &zipped,
        &pictures,
    ] {
        assert_eq!(error(bytes), ImportError::NotAnExport, "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(ImportError::NotAnExport.to_string(), "this is no export of ChatGPT, Open WebUI or Cjhirashi");
    assert!(matches!(error(b"PK\x03\x04 and nothing more"), ImportError::Broken { .. }));
    assert!(matches!(error(&zipped[..zipped.len() / 2]), ImportError::Broken { .. }));
}

#[test]
fn an_empty_list_has_no_conversations() {
    for bytes in [&b"[]"[..], b"\xef\xbb\xbf [ ] ", b"["] {
        assert!(all(bytes).is_empty());
    }
    assert!(all(&zip(&[("conversations.json", b"[]")])).is_empty());
}

#[test]
fn a_zip_with_a_directory_of_many_files_is_refused_before_it_is_read() {
    let mut bytes = zip(&[("conversations.json", b"[]")]);
    bytes.extend(b"PK\x01\x02".repeat(100_001));
    assert!(matches!(error(&bytes), ImportError::Bomb { .. }));
}

#[test]
fn a_damaged_conversation_costs_only_itself() {
    let found = all(br#"[{"title": "a", "mapping": {}, "create_time": NaN}, {"title": "b", "mapping": {}},
        {"title": "c", "history": {"messages": 7}}, {"title": "d", "chat": {}}, {"title": "e", "mapping": {"#);
    let titles: Vec<_> =
        found.iter().map(|it| it.as_ref().map_or_else(|e| e.title.clone(), |it| Some(it.title.clone()))).collect();
    assert_eq!(titles.iter().map(Option::as_deref).collect::<Vec<_>>(), [None, Some("b"), Some("c"), Some("d"), None]);
    assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false, false, false]);
    let words = found[2].as_ref().unwrap_err().to_string();
    assert_eq!(words, "conversation 3 (c): its messages cannot be read, or are more than 200000");
}

#[test]
fn circles_missing_parents_and_children_listed_twice_lose_no_message() {
    let nodes = [
        ("a", node(json!("b"), json!(["b", "b"]), "a")),
        ("b", node(json!("a"), json!(["a"]), "b")),
        ("c", node(json!("c"), json!(["c", "d", "d"]), "c")),
        ("d", node(Value::Null, json!([null, "gone"]), "d")),
        ("e", node(json!("gone"), json!({}), "e")),
        ("f", node(json!("b"), json!([]), "f")),
    ];
    let found = only(&mapping(nodes.map(|(id, node)| (id.to_owned(), node))));
    assert_eq!(outline(&found), ["- user: e", "- user: a", "1 user: b", "2 user: f", "- user: c", "4 user: d"]);
}

#[test]
fn a_hundred_thousand_messages_in_one_row_are_read_and_more_than_two_hundred_thousand_are_not() {
    let message = |at: usize| {
        format!(
            r#""{at:06}": {{"parent": "{:06}", "children": ["{:06}"], "message": {{"author": {{"role": "user"}},
            "content": {{"content_type": "text", "parts": ["x"]}}}}}}"#,
            at.wrapping_sub(1),
            at + 1
        )
    };
    let chat = |nodes: Vec<String>| format!(r#"[{{"mapping": {{{}}}}}]"#, nodes.join(",")).into_bytes();
    let found = only(&chat((0..100_000).map(message).collect()));
    check(&found);
    assert_eq!(found.messages.len(), 100_000);
    assert!(found.messages.iter().enumerate().all(|(at, message)| message.parent == at.checked_sub(1)));
    assert!(all(&chat((0..=200_000).map(|at| format!("\"{at}\": 0")).collect())).remove(0).is_err());
}

#[test]
fn nesting_without_end_is_only_a_field_that_cannot_be_read() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    let text = format!(r#"[{{"title": {deep}, "mapping": {{"a": {{"message": {deep}}}}}, "x": {deep}}}]"#);
    check(&only(text.as_bytes()));
    assert_eq!(error("[".repeat(1_000_000).as_bytes()), ImportError::NotAnExport);
    assert_eq!(error(r#"{"a":"#.repeat(1_000_000).as_bytes()), ImportError::NotAnExport);
}

#[test]
fn absurd_times_are_as_good_as_none() {
    for time in ["-1", "253402300800", "1e308", "0", "\"NaN\"", "1e400", "-0.0"] {
        let text = format!(
            r#"[{{"create_time": {time}, "update_time": {time}, "mapping": {{"a": {{"message": {{"create_time":
            {time}, "author": {{"role": "user"}}, "content": {{"content_type": "text", "parts": ["x"]}}}}}}}}}}]"#
        );
        let found = only(text.as_bytes());
        assert_eq!([found.created_at, found.updated_at, found.messages[0].created_at], [NOW; 3], "{time}");
    }
}

#[test]
fn long_and_dirty_words_are_bounded() {
    let long = format!("a\0\r\n{}", "ñ".repeat(300_000));
    let mut chats: Value =
        serde_json::from_slice(&mapping([("a".to_owned(), node(Value::Null, json!([]), &long))])).unwrap();
    chats[0]["title"] = json!(long);
    chats[0]["id"] = json!(long);
    let found = only(chats.to_string().as_bytes());
    check(&found);
    assert!(found.messages[0].content.ends_with("ñ\n\n[Cut when it was imported: the message was longer.]"));
    assert_eq!(found.source_id.chars().count(), 200);
}

/// Any JSON in the words of the formats, so that it gets past the door.
fn json_value() -> impl Strategy<Value = Value> {
    let words = [
        "mapping",
        "message",
        "author",
        "role",
        "content",
        "content_type",
        "text",
        "parts",
        "children",
        "parent",
        "a",
        "b",
        "user",
        "assistant",
        "code",
        "all",
        "chat",
        "history",
        "messages",
        "currentId",
        "parentId",
        "childrenIds",
        "title",
        "create_time",
        "current_node",
        "metadata",
        "recipient",
        "python",
        "multimodal_text",
        "current",
        "citations",
        "n",
    ];
    let word = select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..9_usize).prop_map(Value::from),
        word.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 120, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(word.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Files that are recognised, whatever they hold.
fn recognised() -> impl Strategy<Value = String> {
    (json_value(), json_value(), 0..4_usize).prop_map(|(a, b, format)| match format {
        0 => json!([{"mapping": {"a": a, "b": b}, "title": b, "current_node": "a"}]).to_string(),
        1 => json!([{"chat": {"history": {"messages": {"a": a, "b": b}, "currentId": "b"}}, "meta": a}]).to_string(),
        2 => json!([{"chat": {"messages": [a, b]}, "title": a}]).to_string(),
        _ => json!({"format": "cjhirashi-chats", "chats": [{"messages": [a, b], "tags": [b], "created_at": a}, b]})
            .to_string(),
    })
}

fn read_whatever(bytes: &[u8]) {
    if let Ok(conversations) = read(bytes, Language::Es, NOW) {
        conversations.flatten().for_each(|conversation| check(&conversation));
    }
}

proptest! {
    #[test]
    fn no_json_is_too_much(value in json_value(), file in recognised()) {
        read_whatever(value.to_string().as_bytes());
        read_whatever(file.as_bytes());
    }

    #[test]
    fn no_bytes_are_too_much(bytes in any::<Vec<u8>>(), file in recognised(), cut in any::<prop::sample::Index>()) {
        read_whatever(&bytes);
        read_whatever(&[b"PK\x03\x04", &bytes[..]].concat());
        read_whatever(&file.as_bytes()[..cut.index(file.len())]);
        let mut zipped = zip(&[("conversations.json", file.as_bytes())]);
        let at = cut.index(zipped.len());
        zipped[at] ^= 0x55;
        read_whatever(&zipped);
    }

    #[test]
    fn every_message_is_there_once_however_they_name_each_other(
        links in prop::collection::vec((0..14_usize, prop::collection::vec(0..14_usize, 0..3)), 1..12)
    ) {
        let name = |at: &usize| format!("n{at}");
        let nodes = links.iter().enumerate().map(|(at, (parent, children))| {
            let children: Vec<_> = children.iter().map(name).collect();
            (name(&at), node(json!(name(parent)), json!(children), &name(&at)))
        });
        let found = only(&mapping(nodes));
        check(&found);
        let words: HashSet<_> = found.messages.iter().map(|message| message.content.clone()).collect();
        prop_assert_eq!(words, (0..links.len()).map(|at| name(&at)).collect());
        prop_assert_eq!(found.messages.len(), links.len());
    }
}
