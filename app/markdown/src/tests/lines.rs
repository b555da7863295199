//! Code line by line.

use super::*;
use crate::{code_lines, knows_language};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn lines_are_the_same_from_wherever_they_are_asked() {
    let code: String = (0..500).map(|n| format!("fn f{n}() {{ /* {n} */ \"<{n}>\"; }}\n")).collect();
    let all = code_lines(&code, "rust", 0, 1_000, LONG);
    assert_eq!(all.len(), 500);
    assert_eq!(code_lines(&code, "rust", 400, 50, LONG), all[400..450]);
    assert_eq!(code_lines(&code, "rust", 499, 50, LONG), all[499..]);
    assert!(code_lines(&code, "rust", 500, 50, LONG).is_empty());
    assert!(code_lines(&code, "rust", usize::MAX, usize::MAX, LONG).is_empty());
    assert!(all.iter().all(|line| line.contains("hl-keyword") && line.contains("&lt;") && !line.contains('\n')));
}

#[test]
fn without_time_or_language_lines_are_plain_and_safe() {
    for (language, patience) in [("rust", Duration::ZERO), ("", LONG), ("nonsense", LONG), ("text", LONG)] {
        assert_eq!(code_lines("let <b>\r\n\"x\"", language, 0, 9, patience), ["let &lt;b&gt;", "&quot;x&quot;"]);
    }
    let long = format!("{}\nlet x = 1;\n", "x".repeat(50_000));
    let lines = code_lines(&long, "rust", 0, 9, LONG);
    assert_eq!(lines[0].len(), 50_000);
    assert!(lines[1].contains("hl-keyword"), "a long line takes the colour from none but itself: {}", lines[1]);
}

#[test]
fn languages_are_known_by_name_and_extension() {
    assert!(knows_language("rust") && knows_language("py") && knows_language("C#"));
    assert!(!knows_language("text") && !knows_language("") && !knows_language("nonsense"));
}

/// Two contexts of the grammar hand the comment back and forth; the thread would never come back.
#[test]
fn a_grammar_that_turns_in_circles_ends() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(code_lines("x /*\nlet y = 1;\n", "js", 0, 10, LONG)));
    let lines = ended.recv_timeout(std::time::Duration::from_secs(60)).expect("lines within a minute");
    assert!(lines[0].starts_with('x'), "{lines:?}");
}

proptest! {
    #[test]
    fn every_line_is_whole_and_balanced(code in "[a-z<>&\"'/*{}\\n ]{0,200}", language in "rust|js|html|python|css|php") {
        let lines = code_lines(&code, &language, 0, 500, LONG);
        prop_assert_eq!(lines.len(), code.split_inclusive('\n').count());
        for line in &lines {
            prop_assert_eq!(line.matches("<span").count(), line.matches("</span>").count());
            prop_assert_eq!(line.matches('<').count(), 2 * line.matches("<span").count());
        }
    }
}
