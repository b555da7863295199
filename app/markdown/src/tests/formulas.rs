//! LaTeX: inline and displayed, and never more than a formula.

use super::*;

#[test]
fn formulas_become_mathml_and_money_stays_money() {
    for source in ["$a^2 + b^2$", "\\(a^2 + b^2\\)", "so \\( x_1 \\) is"] {
        let html = plain(source);
        assert!(html.contains("<math") && html.contains("<msu"), "{source}: {html}");
        assert!(!html.contains(['\\', '$', '\u{1}']), "{html}");
    }
    for source in ["$$\\frac{1}{2}$$", "\\[\\frac{1}{2}\\]", "\\[\n\\frac{1}{2}\n\\]"] {
        let html = plain(source);
        assert!(html.contains("display=\"block\"") && html.contains("<mfrac>"), "{source}: {html}");
    }
    assert_eq!(plain("cuesta $5 y $10"), "<p>cuesta $5 y $10</p>\n");
    assert_eq!(plain("from $5,$10 on"), "<p>from $5,$10 on</p>\n");
    assert_eq!(plain("an \\[ordinary\\] bracket"), "<p>an [ordinary] bracket</p>\n");
    assert!(plain("```\n\\(x\\)\n```").contains("\\(x\\)"));
    assert!(plain("`\\(x\\)`").contains("<code>\\(x\\)</code>"));
}

#[test]
fn the_space_before_an_operator_is_not_what_its_scripts_stand_on() {
    for (latex, expected) in [
        ("a \\max_{i} b", "<mspace width=\"0.1667em\"/><munder><mi>max</mi><mrow><mi>i</mi></mrow></munder>"),
        ("2 \\sin^2 x", "<mspace width=\"0.1667em\"/><msup><mi>sin</mi><mn>2</mn></msup>"),
    ] {
        let html = plain(&format!("$${latex}$$"));
        assert!(html.contains(expected), "{latex}: {html}");
    }
}

#[test]
fn latex_cannot_write_html_or_eat_the_server() {
    for latex in [
        "\\text{<script>alert(1)</script>}",
        "\\text{\\<img src=x onerror=alert(1)>}",
        "<script>alert(1)</script>",
        "\\href{javascript:alert(1)}{x}",
        "\\color{red\" onclick=\"alert(1)}x",
        "\\operatorname{<b>}",
        "a < b > c & d",
        "\\unicode{60}script\\unicode{62}",
        "\\begin{matrix}<script>&\\\\</script>\\end{matrix}",
        "\\def\\a{\\a\\a}\\a",
        "\\newcommand{\\a}{\\a\\a}\\a",
        "\\mathbf{\\text{\"onmouseover=\"}}",
        "\\begin{array}{c\" onclick=\"x}1\\end{array}",
        "x_{x_{x_{x_{x_{x_{",
        "\\color{red}{x} \\colorbox{blue}{y}",
    ] {
        for source in [format!("${latex}$"), format!("$$\n{latex}\n$$"), format!("\\[{latex}\\]")] {
            assert_safe(&source, &plain(&source));
        }
    }
    for deep in [
        "{".repeat(100_000),
        "\\left(".repeat(20_000),
        "x^".repeat(50_000),
        "\\sqrt".repeat(3_000),
        "\\frac".repeat(700),
        "x^{".repeat(1300),
        "\\hat".repeat(900),
    ] {
        let source = format!("$${deep}$$");
        assert_safe(&deep[..12], &plain(&source));
    }
}

#[test]
fn a_formula_alone_tells_what_is_wrong_and_where() {
    use crate::{FormulaReason, formula};
    for (latex, reason, at) in [
        ("\\nosuch", FormulaReason::Command, Some(0)),
        ("ñ + á + é + í + ó + \\nosuch{x} + y", FormulaReason::Command, Some(25)),
        ("a\n+ b\n+ \\nosuch\n+ c", FormulaReason::Command, Some(8)),
        ("\\begin{nosuch}a\\end{nosuch}", FormulaReason::Environment, Some(0)),
        ("\\newcommand{\\a}{b}\\a", FormulaReason::Macro, None),
    ] {
        let error = formula(latex, true).unwrap_err();
        assert_eq!((error.reason, error.at), (reason, at), "{latex}");
    }
    for (latex, reason) in [
        ("\\frac{a}{b", FormulaReason::Unbalanced),
        ("a}", FormulaReason::Unbalanced),
        ("x^a^b", FormulaReason::Doubled),
        ("a & b", FormulaReason::Sign),
        ("a $ b", FormulaReason::Dollar),
    ] {
        assert_eq!(formula(latex, false).unwrap_err().reason, reason, "{latex}");
    }
    assert_eq!(formula(&"x".repeat(5_000), true).unwrap_err().reason, FormulaReason::TooLong);
    assert_eq!(formula(&"{".repeat(100), true).unwrap_err().reason, FormulaReason::TooDeep);
    assert!(formula("\\frac{a}{b}", true).unwrap().starts_with("<math"));
}

proptest! {
    #[test]
    fn where_a_formula_is_wrong_is_within_it(latex in "(\\\\[a-z]{1,5}|[{}^_&#$ \nañ+]|\\\\(begin|end)\\{[a-z]{1,6}\\}){0,30}") {
        if let Err(error) = crate::formula(&latex, true) {
            prop_assert!(error.at.is_none_or(|at| at <= latex.len() && latex.is_char_boundary(at)), "{:?}", error);
        }
    }
}
