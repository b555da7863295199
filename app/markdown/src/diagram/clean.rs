//! SVG written anew: the elements and attributes of drawings, and nothing else.

use super::paint::{Role, paint};

/// Drawings nest no deeper, and browsers give up at 512.
const MAX_DEPTH: usize = 40;

const ELEMENTS: &[&str] = &[
    "circle",
    "clipPath",
    "defs",
    "ellipse",
    "g",
    "line",
    "linearGradient",
    "marker",
    "path",
    "polygon",
    "polyline",
    "rect",
    "stop",
    "svg",
    "text",
    "tspan",
];

/// Left out with all that is in them: explanations nobody sees, and shadows.
const SKIPPED: &[&str] = &["desc", "filter", "title"];

/// Values of numbers and words, see [`is_plain`].
const ATTRIBUTES: &[&str] = &[
    "clipPathUnits",
    "cx",
    "cy",
    "d",
    "dominant-baseline",
    "dx",
    "dy",
    "fill-opacity",
    "font-size",
    "font-style",
    "font-weight",
    "gradientUnits",
    "height",
    "markerUnits",
    "offset",
    "opacity",
    "orient",
    "points",
    "r",
    "refX",
    "refY",
    "rx",
    "ry",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-opacity",
    "stroke-width",
    "text-anchor",
    "text-decoration",
    "transform",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

/// Values that name another element of the same picture.
const REFERENCES: &[&str] = &["clip-path", "marker-end", "marker-mid", "marker-start"];

/// A picture that may be shown.
pub(super) struct Picture {
    /// What is inside of the `svg` element.
    pub(super) inside: String,
    pub(super) view_box: String,
    /// In pixels.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
    /// The words in it, each escaped.
    words: Vec<String>,
}

impl Picture {
    /// What the picture says, for those who hear it, at most so many bytes.
    pub(super) fn name(&self, most: usize) -> String {
        let mut name = String::new();
        for word in &self.words {
            if name.len() + word.len() + 2 > most {
                name.push('…');
                break;
            }
            if !name.is_empty() {
                name.push_str(", ");
            }
            name.push_str(word);
        }
        name
    }
}

/// Writes a drawing anew, its ids beginning with `prefix`. `None` for anything that is not a drawing.
pub(super) fn clean(svg: &str, prefix: &str, inverse: bool) -> Option<Picture> {
    let mut cleaner = Cleaner { prefix, inverse, out: String::with_capacity(svg.len()), open: Vec::new(), skipped: 0 };
    let mut words: Vec<String> = Vec::new();
    let mut view_box = None;
    let mut rest = svg.trim();
    while let Some(at) = rest.find('<') {
        cleaner.text(&rest[..at], &mut words)?;
        let tag = Tag::read(&rest[at..])?;
        if view_box.is_none() {
            (tag.name == "svg" && at == 0).then_some(())?;
            view_box = tag.attributes.iter().find(|(key, _)| *key == "viewBox").map(|(_, value)| *value);
            view_box?;
        }
        if tag.name == "text" && !tag.ends {
            words.push(String::new());
        }
        cleaner.tag(&tag)?;
        rest = tag.after;
        if cleaner.open.is_empty() {
            break;
        }
    }
    (rest.is_empty() && cleaner.open.is_empty()).then_some(())?;
    let view_box = view_box?;
    let numbers: Vec<f64> = view_box.split_whitespace().map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [_, _, width, height] = *numbers.as_slice() else { return None };
    let pixels = |size: f64| -> Option<u32> {
        let size = size.ceil();
        // A drawing that is wider is a mistake, and not a number is no size.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 50,000")]
        (1.0..=50_000.0).contains(&size).then_some(size as u32)
    };
    words.retain(|word| !word.trim().is_empty());
    // A picture that says nothing was read wrong.
    (!words.is_empty()).then_some(())?;
    Some(Picture {
        inside: cleaner.out,
        view_box: view_box.to_owned(),
        width: pixels(width)?,
        height: pixels(height)?,
        words,
    })
}

struct Tag<'a> {
    name: &'a str,
    /// `</name>`
    ends: bool,
    /// `<name/>`
    empty: bool,
    attributes: Vec<(&'a str, &'a str)>,
    after: &'a str,
}

impl<'a> Tag<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (ends, text) = text[1..].strip_prefix('/').map_or((false, &text[1..]), |text| (true, text));
        let name_end = text.find(|c: char| !c.is_ascii_alphanumeric())?;
        let (name, mut rest) = text.split_at(name_end);
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                return Some(Self { name, ends, empty: false, attributes, after });
            }
            if let Some(after) = rest.strip_prefix("/>") {
                return (!ends).then_some(Self { name, ends, empty: true, attributes, after });
            }
            let (key, value) = rest.split_once("=\"")?;
            let (value, after) = value.split_once('"')?;
            key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:".contains(&b)).then_some(())?;
            attributes.push((key, value));
            rest = after;
        }
    }
}

struct Cleaner<'a> {
    prefix: &'a str,
    /// Whether white words stand on dark ground.
    inverse: bool,
    out: String,
    /// Elements that are open, the first being the picture itself.
    open: Vec<&'a str>,
    /// How many of those are left out.
    skipped: usize,
}

impl<'a> Cleaner<'a> {
    fn tag(&mut self, tag: &Tag<'a>) -> Option<()> {
        // A link in a picture leads nowhere: its words stay.
        let written = ELEMENTS.contains(&tag.name) && !(tag.name == "svg" && !tag.ends && !self.open.is_empty());
        let skipped = SKIPPED.contains(&tag.name);
        (written || skipped || self.skipped > 0 || tag.name == "a").then_some(())?;
        if tag.ends {
            (self.open.pop() == Some(tag.name)).then_some(())?;
            if self.skipped > 0 {
                self.skipped -= 1;
            } else if written && !self.open.is_empty() {
                self.out.push_str("</");
                self.out.push_str(tag.name);
                self.out.push('>');
            }
            return Some(());
        }
        let hidden = self.skipped > 0 || skipped;
        if !hidden && written && !self.open.is_empty() {
            self.out.push('<');
            self.out.push_str(tag.name);
            for (key, value) in &tag.attributes {
                self.attribute(tag.name, key, value);
            }
            if tag.name == "marker" && !tag.attributes.iter().any(|(key, _)| *key == "markerUnits") {
                // Or the heads of thick arrows are as large as boxes.
                self.out.push_str(" markerUnits=\"userSpaceOnUse\"");
            }
            self.out.push_str(if tag.empty { "/>" } else { ">" });
        }
        if !tag.empty {
            (self.open.len() < MAX_DEPTH).then_some(())?;
            self.open.push(tag.name);
            self.skipped += usize::from(hidden);
        }
        Some(())
    }

    fn attribute(&mut self, element: &str, key: &str, value: &str) {
        let value = match key {
            "fill" | "stroke" | "stop-color" => match reference(value) {
                Some(id) => format!("url(#{}-{id})", self.prefix),
                None => {
                    let role = match (key, element) {
                        ("fill", "text" | "tspan") => Role::Words { inverse: self.inverse },
                        ("stroke", _) => Role::Line,
                        _ => Role::Ground,
                    };
                    paint(value, role).to_owned()
                }
            },
            "markerWidth" | "markerHeight" => (value.parse::<f64>().unwrap_or(8.0).clamp(0.0, 50.0) * 1.25).to_string(),
            "id" if is_id(value) => format!("{}-{value}", self.prefix),
            key if REFERENCES.contains(&key) => match reference(value) {
                Some(id) => format!("url(#{}-{id})", self.prefix),
                None => return,
            },
            key if ATTRIBUTES.contains(&key) && is_plain(value) => value.to_owned(),
            _ => return,
        };
        for part in [" ", key, "=\"", &value, "\""] {
            self.out.push_str(part);
        }
    }

    fn text(&mut self, text: &str, words: &mut [String]) -> Option<()> {
        if self.skipped > 0 || text.is_empty() {
            return Some(());
        }
        (!self.open.is_empty()).then_some(())?;
        // Words stand in texts; elsewhere there is only white space.
        let spoken = self.open.contains(&"text");
        (spoken || text.trim().is_empty()).then_some(())?;
        let mut safe = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            match c {
                '&' if is_entity(&text[at..]) => safe.push('&'),
                '&' => safe.push_str("&amp;"),
                '>' => safe.push_str("&gt;"),
                '"' => safe.push_str("&quot;"),
                c if c.is_control() => safe.push(' '),
                c => safe.push(c),
            }
        }
        self.out.push_str(&safe);
        if let Some(word) = words.last_mut().filter(|_| spoken) {
            // Lines of one label are told as one.
            if !word.is_empty() {
                word.push(' ');
            }
            word.push_str(safe.trim());
        }
        Some(())
    }
}

/// Numbers, words, and transformations: nothing that could name an address or end an attribute.
fn is_plain(value: &str) -> bool {
    value.len() <= 64 * 1024 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" \n\t.,+-%()".contains(&b))
}

fn is_id(value: &str) -> bool {
    (1..=64).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

fn reference(value: &str) -> Option<&str> {
    value.strip_prefix("url(#")?.strip_suffix(')').filter(|id| is_id(id))
}

/// The five that the library writes, and characters by number: harmless as they stand.
fn is_entity(text: &str) -> bool {
    text[1..].find(';').is_some_and(|end| {
        (1..=8).contains(&end) && text[1..=end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
    })
}
