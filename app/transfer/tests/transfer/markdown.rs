use cjhirashi_domain::{Timestamp, chat::MessageRole, settings::Language};
use cjhirashi_transfer::{CitedSource, Conversation, ImportedMessage, Kept, KeptImage, Source, file_name, markdown};
use proptest::prelude::*;

use super::NOW;

fn message(parent: Option<usize>, role: MessageRole, content: &str) -> ImportedMessage {
    let model = (role == MessageRole::Assistant).then(|| "gpt_5\n# x".to_owned());
    let (source_id, content) = (String::new(), content.to_owned());
    ImportedMessage {
        source_id,
        parent,
        role,
        content,
        model,
        created_at: NOW,
        citations: Vec::new(),
        kept: Kept::default(),
    }
}

fn conversation(messages: Vec<ImportedMessage>, current: Option<usize>) -> Conversation {
    Conversation {
        source: Source::Cjhirashi,
        source_id: String::new(),
        title: "A *great*\n## plan".to_owned(),
        created_at: Timestamp(1_700_000_000_000),
        updated_at: NOW,
        archived: false,
        pinned: false,
        tags: Vec::new(),
        current,
        messages,
    }
}

#[test]
fn images_are_named_where_they_were_and_their_files_stand_below_everything() {
    let image = |data: Option<&str>| KeptImage { width: 4, height: 3, data: data.map(str::to_owned) };
    let mut question = message(None, MessageRole::User, "What is it?");
    question.source_id = "q1".to_owned();
    question.kept.images = vec![image(Some("data:image/png;base64,AA==")), image(None)];
    let written = markdown(&conversation(vec![question], None), Language::En);
    let end = "## You\n\n![Picture 1][q1-1]\n\n[Picture]\n\nWhat is it?\n\n[q1-1]: <data:image/png;base64,AA==>\n";
    assert!(written.ends_with(end), "{written}");
}

#[test]
fn the_branch_that_was_shown_is_written_with_headings_and_sources() {
    let mut answer = message(Some(1), MessageRole::Assistant, "# Mine\n\nYes [1], no [3].\n");
    let cited = |n, title: &str, quote: Option<&str>, url: Option<&str>| CitedSource {
        n,
        title: title.to_owned(),
        quote: quote.map(str::to_owned),
        url: url.map(str::to_owned),
    };
    answer.citations = vec![
        cited(1, "Guía] (x)\n\n# y", Some("thirty\n\ndays"), Some("https://example.com/a_b(c)")),
        cited(3, "2. - Plan", None, Some("javascript:alert(1)")),
        cited(4, "-", None, None),
    ];
    let messages = vec![
        message(None, MessageRole::System, "Be brief"),
        message(Some(0), MessageRole::User, "Is it?"),
        message(Some(1), MessageRole::Assistant, "Another answer"),
        answer,
    ];
    assert_eq!(
        markdown(&conversation(messages, Some(3)), Language::Es),
        "# A \\*great\\* \\#\\# plan\n\n*2023-11-14*\n\n## Tú\n\nIs it?\n\n## gpt\\_5 \\# x\n\n# Mine\n\nYes [1], no [3].\n\n\
         **Fuentes**\n\n1. [Guía\\] (x) \\# y](<https://example.com/a_b(c)>): “thirty days”\n\n3) 2\\. - Plan\n4) \\-\n"
    );
}

#[test]
fn an_answer_that_was_stopped_within_code_does_not_swallow_what_follows() {
    let code = "So:\n````md\n```rust\nfn main() {";
    let messages =
        vec![message(None, MessageRole::Assistant, code), message(Some(0), MessageRole::User, "```\nx\n```\nGo on")];
    let text = markdown(&conversation(messages, None), Language::En);
    assert!(text.ends_with("fn main() {\n````\n\n## You\n\n```\nx\n```\nGo on\n"), "{text}");
}

#[test]
fn parents_that_lead_nowhere_end_the_branch() {
    let messages = vec![message(Some(1), MessageRole::User, "a"), message(Some(7), MessageRole::User, "b")];
    let text = markdown(&conversation(messages, Some(1)), Language::En);
    assert!(text.contains("\nb\n") && !text.contains("\na\n"), "{text}");
    assert!(markdown(&conversation(Vec::new(), Some(3)), Language::En).ends_with("*2023-11-14*\n"));
}

#[test]
fn a_file_is_named_after_its_title() {
    assert_eq!(file_name("¿Qué veo en Roma? (Ñandú / İstanbul)"), "que-veo-en-roma-nandu-i-stanbul");
    assert_eq!(file_name("../../etc/passwd"), "etc-passwd");
    assert_eq!(file_name("计划"), "chat");
    assert_eq!((file_name("CON"), file_name("com1")), ("chat-con".to_owned(), "chat-com1".to_owned()));
}

proptest! {
    #[test]
    fn every_title_gives_a_safe_name_and_stays_on_its_line(title in any::<String>()) {
        let name = file_name(&title);
        prop_assert!((1..=60).contains(&name.len()), "{}", name);
        prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", name);
        let mut conversation = conversation(Vec::new(), None);
        conversation.title = title;
        prop_assert_eq!(markdown(&conversation, Language::En).lines().count(), 3);
    }
}
