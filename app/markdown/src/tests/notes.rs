//! Footnotes: at the end, in order, both ways, and never out of their place.

use super::*;

#[test]
fn a_footnote_has_a_number_a_place_at_the_end_and_a_way_back() {
    let html = plain("Dicho[^a].\n\n[^a]: Por **ella**.\n\nMás.");
    assert_eq!(
        html,
        "<p>Dicho<sup class=\"footnote-ref\"><a id=\"fnref-m1-1\" href=\"#fn-m1-1\" rel=\"external\" role=\"doc-noteref\" aria-label=\"Nota 1\">1</a></sup>.</p>\n\
         <p>Más.</p>\n\
         <div class=\"footnotes\" role=\"group\" aria-label=\"Notas\">\n<ol>\n\
         <li id=\"fn-m1-1\" value=\"1\"><p>Por <strong>ella</strong>. <a class=\"footnote-back\" href=\"#fnref-m1-1\" rel=\"external\" role=\"doc-backlink\" aria-label=\"Volver al texto\">↩</a></p>\n</li>\n\
         </ol></div>\n"
    );
}

#[test]
fn footnotes_are_numbered_as_they_are_named_whatever_their_names() {
    let html = plain("One[^z] two[^A] one again[^Z].\n\n[^a]: Second.\n[^z]: First.\n[^no]: Nobody names it.");
    let (first, second) = (html.find("First.").unwrap(), html.find("Second.").unwrap());
    assert!(first < second && second < html.find("Nobody names it.").unwrap(), "{html}");
    assert_eq!(html.matches("href=\"#fn-m1-1\"").count(), 2, "{html}");
    // Named twice: two ways back.
    for way in
        ["href=\"#fnref-m1-1\"", "href=\"#fnref-m1-1-2\"", "id=\"fnref-m1-1-2\"", "aria-label=\"Volver al texto (2)\""]
    {
        assert_eq!(html.matches(way).count(), 1, "{way}: {html}");
    }
    assert!(html.contains("<li id=\"fn-m1-3\" value=\"3\"><p>Nobody names it.</p>"), "{html}");
}

#[test]
fn two_messages_of_a_page_share_no_id_even_with_the_same_words() {
    let source = "Said[^1].\n\n[^1]: By her.\n\n```mermaid\ngraph LR\na-->b\n```";
    let ids = |id| -> Vec<String> {
        let place = Place::new(id, Language::En);
        let attributes = tags(&crate::render(source, &[], place)).into_iter().flat_map(|(_, attributes)| attributes);
        attributes.filter(|(key, _)| key == "id").map(|(_, value)| value).collect()
    };
    let (one, other) = (ids("one"), ids("other"));
    assert!(one.len() > 2 && one.len() == other.len(), "{one:?}");
    assert!(one.iter().all(|id| !other.contains(id)), "{one:?} {other:?}");
    assert!(crate::render(source, &[], Place::new("one", Language::En)).contains("Back to the text"));
}

#[test]
fn while_it_is_written_a_footnote_has_the_number_it_will_keep() {
    let source =
        "First[^one].\n\nSecond[^two], and again[^one].\n\n[^two]: The second.\n\n[^one]: The first.\n\nEnd.\n\n";
    let words: Vec<&str> = source.split_inclusive(' ').collect();
    let (page, _) = replay(&words);
    let page = page.concat();
    for part in [
        "First<sup class=\"footnote-ref\"><a id=\"fnref-m1-1\" href=\"#fn-m1-1\"",
        "Second<sup class=\"footnote-ref\"><a id=\"fnref-m1-2\" href=\"#fn-m1-2\"",
        "and again<sup class=\"footnote-ref\"><a id=\"fnref-m1-1-2\" href=\"#fn-m1-1\"",
        "<li id=\"fn-m1-2\" value=\"2\"><p>The second.",
        "<li id=\"fn-m1-1\" value=\"1\"><p>The first.",
    ] {
        assert_eq!(page.matches(part).count(), 1, "{part}: {page}");
        assert!(plain(source).contains(part), "{part}");
    }
    assert!(!page.contains("[^"), "{page}");
}

#[test]
fn a_number_that_is_a_source_stays_one_while_no_note_has_it() {
    let (page, _) = replay(&["Said [^1] and [^2]."]);
    assert!(page[0].contains("class=\"cite gone\"") || page[0].contains("class=\"cite\""), "{page:?}");
    assert!(page[0].contains("aria-label=\"Nota 1\">1</a></sup>."), "{page:?}");
    for source in ["`[^a]`", "\\[^a]", "[a [^b]](https://a.example)", "[^a b]", "[^]", "[^^]"] {
        let (page, _) = replay(&[source]);
        assert!(!page.concat().contains("footnote"), "{source}: {page:?}");
    }
    assert_eq!(plain("No such[^x] note."), "<p>No such[^x] note.</p>\n");
}

#[test]
fn thousands_of_footnotes_cost_little() {
    let named: String = (0..4_000).map(|n| format!("[^n{n}] ")).collect();
    let notes: String = (0..4_000).map(|n| format!("[^n{n}]: note\n\n")).collect();
    for source in [format!("{named}\n\n{notes}"), "[^a]".repeat(20_000) + "\n\n[^a]: x", "[^a]: ".repeat(3_000)] {
        let begun = std::time::Instant::now();
        assert_safe("notes", &plain(&source));
        let (page, _) = replay(&[&source, ""]);
        assert_safe("notes", &page.concat());
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_name_of_a_footnote_gets_out(label in "[^\\n\\]\\[]{1,40}", text in "[ -~ñ]{0,60}") {
        for source in [
            format!("Said[^{label}].\n\n[^{label}]: {text}"),
            format!("[^{label}]: {text}\n\n> [^{label}]\n\n| [^{label}] |\n|---|\n| {text} |"),
            format!("- [^{label}]: - [^{label}]: > {text}\n\n[^{label}]"),
        ] {
            let html = plain(&source);
            assert_safe(&source, &html);
            balanced(&source, &html);
            let pieces: Vec<&str> = source.split_inclusive(']').collect();
            for html in replay(&pieces).0 {
                assert_safe(&source, &html);
                balanced(&source, &html);
            }
        }
    }
}

/// Every element that is opened is closed, in order: nothing of one note ends in another.
fn balanced(source: &str, html: &str) {
    let mut open = Vec::new();
    for (name, _) in tags(html) {
        match name.strip_prefix('/') {
            Some(end) => assert_eq!(open.pop().as_deref(), Some(end), "{source:?}: {html}"),
            None if ["br", "hr", "mspace"].contains(&name.as_str()) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} from {source:?}: {html}");
}
