//! Colours of drawings: names whose values `style/diagram.css` has for light and dark.
//!
//! The library is told names instead of colours. It has some colours of its own, and a diagram may ask for more; those
//! become the nearest of ours, so that words can be read on every ground in both themes.

use mermaid_svg::Theme;

/// Colours of parts that are told apart by colour, with the hue of each, in degrees: neighbours differ.
pub(crate) const TONES: &[(&str, &str, &str, f64)] = &[
    ("blue", "var(--d-blue)", "var(--d-blue-line)", 220.0),
    ("amber", "var(--d-amber)", "var(--d-amber-line)", 35.0),
    ("teal", "var(--d-teal)", "var(--d-teal-line)", 175.0),
    ("pink", "var(--d-pink)", "var(--d-pink-line)", 320.0),
    ("green", "var(--d-green)", "var(--d-green-line)", 110.0),
    ("violet", "var(--d-violet)", "var(--d-violet-line)", 265.0),
    ("red", "var(--d-red)", "var(--d-red-line)", 0.0),
    ("yellow", "var(--d-yellow)", "var(--d-yellow-line)", 58.0),
];

/// Colours of everything else.
const NAMES: &[(&str, &str)] = &[
    ("ink", "var(--d-ink)"),
    ("faint", "var(--d-faint)"),
    ("paper", "var(--d-paper)"),
    ("node", "var(--d-node)"),
    ("node-line", "var(--d-node-line)"),
    ("edge", "var(--d-edge)"),
    ("line", "var(--d-line)"),
    ("group", "var(--d-group)"),
    ("note", "var(--d-note)"),
    ("note-line", "var(--d-note-line)"),
];

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Below words.
    Ground,
    Line,
    /// Words; white ones stand on dark ground if `inverse`.
    Words {
        inverse: bool,
    },
}

/// A theme of names.
pub(super) fn theme() -> Theme {
    let tones: Vec<_> = TONES.iter().map(|(name, ..)| (*name).into()).collect();
    Theme {
        fg: "ink".into(),
        fg_muted: "faint".into(),
        bg: "paper".into(),
        actor_fill: "node".into(),
        actor_stroke: "node-line".into(),
        lifeline: "line".into(),
        arrow_stroke: "edge".into(),
        note_fill: "note".into(),
        note_stroke: "note-line".into(),
        activation_fill: "group".into(),
        activation_stroke: "node-line".into(),
        frame_label_fill: "group".into(),
        flow_node_fill: "node".into(),
        flow_node_stroke: "node-line".into(),
        flow_edge_stroke: "edge".into(),
        flow_label_bg: "paper".into(),
        flow_cluster_fill: "group".into(),
        flow_cluster_stroke: "line".into(),
        cscale_palette: tones.clone().into(),
        pie_palette: tones.clone().into(),
        git_palette: tones.clone().into(),
        xychart_palette: tones.into(),
        pie_stroke: Some("paper".into()),
        quadrant_fills: ["group", "paper", "group", "paper"].map(|name| Some(name.into())),
        ..Theme::default_theme()
    }
}

/// Our colour for one of the library's, or for what a diagram asks for.
pub(super) fn paint(value: &str, role: Role) -> &'static str {
    let value = value.trim();
    if value.eq_ignore_ascii_case("none") || value.eq_ignore_ascii_case("transparent") {
        return "none";
    }
    if let Role::Words { inverse } = role {
        return match value {
            "faint" => "var(--d-faint)",
            "#fff" if inverse => "var(--d-paper)",
            _ => "var(--d-ink)",
        };
    }
    if value.starts_with("group-") {
        return "var(--d-group)";
    }
    if let Some((_, name)) = NAMES.iter().find(|(name, _)| *name == value) {
        return name;
    }
    let tone = TONES.iter().find(|(name, ..)| *name == value).or_else(|| {
        let [red, green, blue] = rgb(value)?;
        let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
        (most - least > 0.12).then(|| nearest(hue([red, green, blue], most, most - least)))
    });
    match (tone, role) {
        (Some((_, _, line, _)), Role::Line) => line,
        (Some((_, ground, ..)), _) => ground,
        (None, Role::Line) => match rgb(value) {
            Some([part, ..]) if part > 0.75 => "var(--d-grid)",
            Some([part, ..]) if part > 0.3 => "var(--d-line)",
            _ => "var(--d-edge)",
        },
        (None, _) => match rgb(value) {
            Some(grey) if grey.iter().all(|part| *part > 0.97) => "var(--d-paper)",
            Some(_) => "var(--d-group)",
            None => "var(--d-node)",
        },
    }
}

fn nearest(hue: f64) -> &'static (&'static str, &'static str, &'static str, f64) {
    let far = |other: f64| {
        let far = (hue - other).abs();
        far.min(360.0 - far)
    };
    TONES.iter().min_by(|a, b| far(a.3).total_cmp(&far(b.3))).unwrap_or(&TONES[0])
}

/// In degrees, as in HSL.
fn hue([red, green, blue]: [f64; 3], most: f64, span: f64) -> f64 {
    let sixth = if most <= red {
        (green - blue) / span
    } else if most <= green {
        (blue - red) / span + 2.0
    } else {
        (red - green) / span + 4.0
    };
    (sixth * 60.0).rem_euclid(360.0)
}

/// `#rgb`, `#rrggbb`, `rgb(…)` or a common name, each part from 0 to 1.
fn rgb(value: &str) -> Option<[f64; 3]> {
    let part = |text: &str| u8::from_str_radix(text, 16).ok().map(|part| f64::from(part) / 255.0);
    if let Some(digits) = value.strip_prefix('#').filter(|digits| digits.is_ascii()) {
        return match digits.len() {
            3 | 4 => {
                Some([part(&digits[..1].repeat(2))?, part(&digits[1..2].repeat(2))?, part(&digits[2..3].repeat(2))?])
            }
            6 | 8 => Some([part(&digits[..2])?, part(&digits[2..4])?, part(&digits[4..6])?]),
            _ => None,
        };
    }
    let lower = value.to_ascii_lowercase();
    if let Some((_, parts)) =
        lower.strip_suffix(')').filter(|text| text.starts_with("rgb")).and_then(|text| text.split_once('('))
    {
        let mut parts = parts.split([',', ' ', '/']).filter(|part| !part.is_empty()).map(|part| part.parse::<f64>());
        let mut next = || Some((parts.next()?.ok()? / 255.0).clamp(0.0, 1.0));
        return Some([next()?, next()?, next()?]);
    }
    let named = match lower.as_str() {
        "white" | "snow" | "ivory" => "#ffffff",
        "black" => "#000000",
        "gray" | "grey" | "lightgray" | "lightgrey" | "silver" => "#808080",
        "red" | "crimson" | "darkred" | "salmon" | "tomato" | "coral" => "#ff0000",
        "orange" | "brown" | "darkorange" => "#ff9900",
        "yellow" | "gold" | "khaki" | "lightyellow" => "#ffff00",
        "green" | "lime" | "lightgreen" | "darkgreen" | "palegreen" => "#40c020",
        "teal" | "cyan" | "aqua" | "turquoise" | "lightcyan" => "#00c0b0",
        "blue" | "lightblue" | "skyblue" | "darkblue" | "navy" | "steelblue" => "#2060ff",
        "purple" | "violet" | "indigo" | "lavender" => "#6a20ff",
        "pink" | "magenta" | "fuchsia" | "hotpink" | "lightpink" => "#ff20c0",
        _ => return None,
    };
    rgb(named)
}
