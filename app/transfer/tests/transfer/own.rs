use cjhirashi_domain::{
    Timestamp,
    chat::{MessageRole, MessageStatus, Rating},
    settings::Language,
};
use cjhirashi_transfer::{
    CitedSource, Conversation, Export, ImportError, ImportedMessage, Kept, KeptImage, Source, read,
};
use proptest::{prelude::*, sample::select};

use super::{NOW, all, only, outline};

fn written(conversations: &[Conversation]) -> Vec<u8> {
    let mut export = Export::begin(Vec::new(), NOW).unwrap();
    for conversation in conversations {
        export.chat(conversation).unwrap();
    }
    export.end().unwrap()
}

/// Words as they are once they have been bounded: without control characters, and without white space at their ends.
fn words() -> impl Strategy<Value = String> {
    "[^\\p{C}\\s]{1,5}( [^\\p{C}\\s]{1,8}){0,3}"
}

fn citations() -> impl Strategy<Value = Vec<CitedSource>> {
    let url = prop::option::of("https://[a-z]{1,9}\\.example/[a-zñ0-9()?=&]{0,9}");
    let citation = (1..50_i32, words(), prop::option::of(words()), url);
    let citation = citation.prop_map(|(n, title, quote, url)| CitedSource { n, title, quote, url });
    prop::collection::vec(citation, 0..3)
}

/// What is kept beside the words: of an answer how it ended and what was thought of it, of a question its images.
fn kept() -> impl Strategy<Value = Kept> {
    let status =
        prop::option::of(select(vec![MessageStatus::Stopped, MessageStatus::Failed, MessageStatus::Interrupted]));
    let rating = prop::option::of((select(vec![Rating::Good, Rating::Bad]), prop::option::of(words())));
    let image = (1..2_048, 1..2_048, prop::option::of("data:image/png;base64,[A-Za-z0-9+/]{4,12}"));
    let images = prop::collection::vec(image.prop_map(|(width, height, data)| KeptImage { width, height, data }), 0..3);
    (status, rating, images).prop_map(|(status, rating, images)| {
        let (rating, reason) = rating.unzip();
        Kept { status, rating, rating_reason: reason.flatten(), images }
    })
}

/// As a message of this role can have it.
fn fitting(role: MessageRole, kept: Kept) -> Kept {
    match role {
        MessageRole::Assistant => Kept { images: Vec::new(), ..kept },
        MessageRole::User => Kept { images: kept.images, ..Kept::default() },
        MessageRole::System => Kept::default(),
    }
}

fn conversations() -> impl Strategy<Value = Conversation> {
    let role = select(vec![MessageRole::User, MessageRole::Assistant, MessageRole::System]);
    let content = "([^\\p{C}\\s][^\\p{C}]{0,20}\n\t?){0,3}[^\\p{C}\\s]?".prop_map(|text| text.trim().to_owned());
    let parent = any::<Option<prop::sample::Index>>();
    let message = (parent, role, content, prop::option::of(words()), (citations(), kept()), "[a-z0-9-]{0,36}");
    let chat = (words(), "[a-z0-9-]{0,36}", any::<[bool; 2]>(), prop::collection::hash_set(words(), 0..4));
    let source = select(vec![Source::ChatGpt, Source::OpenWebUi, Source::Cjhirashi]);
    let times = (1_000_000_000_000..NOW.0, 0..100_000_i64);
    (prop::collection::vec(message, 0..12), chat, source, times, any::<Option<prop::sample::Index>>()).prop_map(
        |(messages, (title, source_id, [archived, pinned], tags), source, (begun, step), current)| Conversation {
            source,
            source_id,
            title,
            created_at: Timestamp(begun),
            updated_at: Timestamp(begun + step),
            archived,
            pinned,
            tags: tags.into_iter().collect(),
            current: current.filter(|_| !messages.is_empty()).map(|current| current.index(messages.len())),
            messages: (0_i64..)
                .zip(messages)
                .map(|(at, (parent, role, content, model, (citations, kept), source_id))| ImportedMessage {
                    source_id,
                    parent: parent.filter(|_| at > 0).map(|parent| parent.index(at as usize)),
                    role,
                    content,
                    model,
                    created_at: Timestamp(begun + at * step),
                    citations,
                    kept: fitting(role, kept),
                })
                .collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_as_it_was(conversations in prop::collection::vec(conversations(), 0..4)) {
        let read: Vec<_> = all(&written(&conversations)).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(read, conversations);
    }
}

#[test]
fn a_file_says_what_it_is() {
    let text = String::from_utf8(written(&[])).unwrap();
    assert_eq!(
        text,
        "{\"format\":\"cjhirashi-chats\",\"version\":1,\"exported_at\":\"2026-01-01T00:00:00Z\",\"chats\":[\n]}\n"
    );
    assert!(all(text.as_bytes()).is_empty());
}

#[test]
fn members_may_come_in_any_order_and_damage_costs_only_its_conversation() {
    let bytes = br#"{ "chats" : [
        {"title": "one", "messages": []}, {"title": "two", "messages": [+]}, {"title": "three", "messages": 3}, 7,
        {"title": "four", "messages": [{"role": "user", "content": "a", "parent": 9}, {"content": "whose?", "parent": 0},
         {"role": "assistant", "content": "b", "parent": 1, "citations": [{"n": 1, "url": "javascript:x"}, {"n": 0}, {}]}],
         "current": 2}
    ], "version": 1, "format": "cjhirashi-chats" }"#;
    let found = all(bytes);
    let four = found[4].as_ref().unwrap();
    assert!(found[0].is_ok());
    assert_eq!(outline(four), ["- user: a", "0 assistant*: b"]);
    assert_eq!(four.messages[1].citations, [CitedSource { n: 1, title: String::new(), quote: None, url: None }]);
    let damage: Vec<_> =
        found.iter().filter_map(|it| it.as_ref().err()).map(|it| (it.number, it.title.as_deref())).collect();
    assert_eq!(damage, [(2, None), (3, Some("three")), (4, None)]);
}

#[test]
fn a_file_that_breaks_off_gives_what_it_has() {
    let whole =
        written(&[only(br#"[{"mapping": {}, "title": "one"}]"#), only(br#"[{"mapping": {}, "title": "two"}]"#)]);
    let found = all(&whole[..whole.len() - 40]);
    assert_eq!(found[0].as_ref().unwrap().title, "one");
    assert_eq!(found[1].as_ref().unwrap_err().number, 2);
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let newer = br#"{"format": "cjhirashi-chats", "version": 2, "chats": []}"#;
    assert_eq!(read(newer, Language::En, NOW).unwrap_err(), ImportError::TooNew { version: 2 });
}
