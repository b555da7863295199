//! `style/code.css` has a colour for every class, and every colour can be read.

use cjhirashi_domain::settings::CodeTheme;

use super::super::code::CLASSES;

const SHEET: &str = include_str!("../../../../style/code.css");
const TOKENS: &str = include_str!("../../../../style/tokens.css");

/// The luminances of the first `light-dark(oklch(…), oklch(…))` in a text.
pub(super) fn light_and_dark(text: &str) -> [f64; 2] {
    let (_, colours) = text.split_once("light-dark(").unwrap_or_else(|| panic!("{text}"));
    let mut colours = colours.split_inclusive(')').map(|colour| luminance(colour.trim_start_matches([',', ' '])));
    [colours.next().unwrap(), colours.next().unwrap()]
}

/// Relative luminance of `oklch(L C H)`.
fn luminance(color: &str) -> f64 {
    let [red, green, blue] = linear(color);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// The first colour of `light-dark(oklch(…), …)` in a text, as `#rrggbb`.
pub(super) fn light_hex(text: &str) -> String {
    let (_, colours) = text.split_once("light-dark(").unwrap_or_else(|| panic!("{text}"));
    let light = colours.split_inclusive(')').next().unwrap();
    let parts = linear(light).map(|x| if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 });
    parts.iter().fold("#".to_owned(), |hex, part| format!("{hex}{:02x}", (part * 255.0).round() as u8))
}

/// Linear sRGB of `oklch(L C H)`, by the matrices of Björn Ottosson (bottosson.github.io/posts/oklab).
fn linear(color: &str) -> [f64; 3] {
    let numbers: Vec<f64> = color
        .trim_start_matches("oklch(")
        .trim_end_matches(')')
        .split_whitespace()
        .map(|number| number.parse().unwrap_or_else(|_| panic!("{color}")))
        .collect();
    let [l, c, h] = numbers.as_slice() else { panic!("{color}") };
    let (a, b) = (c * h.to_radians().cos(), c * h.to_radians().sin());
    let cube = |x: f64| x * x * x;
    let (l, m, s) = (
        cube(l + 0.396_337_777_4 * a + 0.215_803_757_3 * b),
        cube(l - 0.105_561_345_8 * a - 0.063_854_172_8 * b),
        cube(l - 0.089_484_177_5 * a - 1.291_485_548 * b),
    );
    let red = 4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s;
    let green = -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s;
    let blue = -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s;
    [red, green, blue].map(|part| part.clamp(0.0, 1.0))
}

#[test]
fn every_class_has_a_rule_or_the_colour_of_text() {
    for (name, _) in CLASSES {
        let plain = ["operator", "variable"].contains(name);
        assert!(plain || SHEET.contains(&format!(".hl-{name}")), "{name}");
    }
}

#[test]
fn every_colour_has_a_contrast_of_four_and_a_half_on_its_paper() {
    let (_, paper) = TOKENS.split_once("--paper-side:").unwrap();
    let papers = light_and_dark(paper);
    let colours: Vec<&str> = SHEET.lines().filter(|line| line.trim().starts_with("--code-")).collect();
    assert!(colours.len() >= 7, "{colours:?}");
    for line in colours {
        for (ink, paper) in light_and_dark(line).into_iter().zip(papers) {
            let contrast = (ink.max(paper) + 0.05) / (ink.min(paper) + 0.05);
            assert!(contrast >= 4.5, "{line}: {contrast:.2}");
        }
    }
}

#[test]
fn every_choice_of_code_colours_has_its_rule() {
    for (theme, scheme) in [(CodeTheme::VsLight, "light"), (CodeTheme::VsDark, "dark")] {
        let rule = format!(":root[data-code=\"{}\"] .prose pre {{\n    color-scheme: {scheme};\n}}", theme.as_str());
        assert!(SHEET.contains(&rule), "{rule}");
    }
    // The third follows the page: nothing says otherwise.
    assert!(!SHEET.contains(CodeTheme::Auto.as_str()) && SHEET.matches("[data-code=").count() == 2);
    // And each colour has both.
    let colours = SHEET.lines().filter(|line| line.trim().starts_with("--code-"));
    assert!(colours.clone().count() >= 7 && colours.into_iter().all(|line| line.contains("light-dark(")));
}
