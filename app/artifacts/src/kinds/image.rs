//! Pictures: a file and its caption, or a drawing as SVG; and what it shows in words.
//!
//! A file is a stranger's: it is read within bounds and written anew, so that nothing is kept but the picture: no place
//! where it was taken, no words of a camera, no second file behind the first.

mod drawing;
mod words;

use std::io::Cursor;

use base64::Engine as _;
use cjhirashi_domain::settings::Language;
use cjhirashi_markdown::escape;
use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType as PngFilter, PngEncoder},
    },
    imageops::FilterType,
    metadata::Orientation,
};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use self::drawing::{Drawing, Wrong};
use super::text as texts;
use crate::{Content, Editor, ExportError, Exported, Format, Found, Kind, MAX_BYTES, Place, Problem, Source, Way};

/// The longest side that is read, in pixels.
const MAX_SIDE: u32 = 12_000;
/// The most pixels that are read: what decoding takes grows with them.
const MAX_PIXELS: u64 = 64_000_000;
/// The most bytes of a picture as it is decoded.
const MAX_DECODED: u64 = 4 * MAX_PIXELS;
/// Larger pictures are packed faster and not as small, in pixels.
const PACKED_WELL: u64 = 4_000_000;
/// The width of a resized picture where none is asked for, in pixels.
const USUAL_WIDTH: u32 = 1_024;
/// The widest that is made on demand, in pixels.
const MAX_WIDTH: u32 = 8_192;
/// Of JPEG, 1 to 100.
const QUALITY: u8 = 90;
/// In characters.
const MAX_ALT: usize = 1_000;
/// In characters.
const MAX_CAPTION: usize = 4_000;
/// A large picture takes hundreds of megabytes while it is read: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Pictures.
#[derive(Debug)]
pub(crate) struct Images;

/// A picture as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The file.
    pub bytes: Vec<u8>,
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// In pixels, as it is seen.
    pub width: u32,
    /// In pixels, as it is seen.
    pub height: u32,
}

/// Why a file is no picture.
enum Refused {
    Damaged,
    TooLarge,
}

impl From<image::ImageError> for Refused {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooLarge,
            _ => Self::Damaged,
        }
    }
}

impl Refused {
    fn problem(&self, language: Language) -> Problem {
        let words = match self {
            Self::Damaged => words::image_unreadable(language),
            Self::TooLarge => words::image_too_large(language),
        };
        Problem { line: None, column: None, words: words.to_owned() }
    }
}

/// Writes an uploaded picture anew. It takes up to some seconds of a processor: not for threads that serve requests.
///
/// PNG stays PNG and JPEG stays JPEG; WebP and GIF become PNG, of several pictures the first. The picture is turned as
/// its file says it is to be seen.
///
/// # Errors
/// When the file is no picture that is read, or too large, in words.
pub fn accept(bytes: &[u8], language: Language) -> Result<Accepted, Problem> {
    rewritten(bytes).map_err(|refused| refused.problem(language))
}

fn rewritten(bytes: &[u8]) -> Result<Accepted, Refused> {
    let (picture, format) = decoded(bytes)?;
    let (width, height) = (picture.width(), picture.height());
    if format == ImageFormat::Jpeg {
        return Ok(Accepted { bytes: jpeg(&picture)?, media_type: "image/jpeg", width, height });
    }
    let exact = png(&picture)?;
    if exact.len() <= MAX_BYTES {
        return Ok(Accepted { bytes: exact, media_type: "image/png", width, height });
    }
    // A photograph that was packed more tightly than PNG can.
    let opaque = !picture.color().has_alpha() || picture.to_rgba8().pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let photograph = if opaque { jpeg(&picture)? } else { exact };
    if photograph.len() > MAX_BYTES {
        return Err(Refused::TooLarge);
    }
    Ok(Accepted { bytes: photograph, media_type: "image/jpeg", width, height })
}

/// The kind of a picture's file, by its first bytes.
fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(bytes).ok()?;
    matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif).then_some(format)
}

fn reader(bytes: &[u8]) -> Result<(ImageReader<Cursor<&[u8]>>, ImageFormat), Refused> {
    if bytes.len() > MAX_BYTES {
        return Err(Refused::TooLarge);
    }
    let format = format_of(bytes).ok_or(Refused::Damaged)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    reader.limits(limits);
    Ok((reader, format))
}

const fn fits(width: u32, height: u32) -> bool {
    width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE && width as u64 * height as u64 <= MAX_PIXELS
}

fn bounded(width: u32, height: u32) -> Result<(), Refused> {
    match (width, height) {
        (0, _) | (_, 0) => Err(Refused::Damaged),
        _ if fits(width, height) => Ok(()),
        _ => Err(Refused::TooLarge),
    }
}

/// The picture as it is seen, eight bits to a colour.
fn decoded(bytes: &[u8]) -> Result<(DynamicImage, ImageFormat), Refused> {
    let _turn = TURN.lock();
    let (reader, format) = reader(bytes)?;
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    bounded(width, height)?;
    if decoder.total_bytes() > MAX_DECODED {
        return Err(Refused::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder)?;
    let mut picture = match picture {
        picture @ (DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgb8(_)
        | DynamicImage::ImageRgba8(_)) => picture,
        other if other.color().has_alpha() => other.into_rgba8().into(),
        other => other.into_rgb8().into(),
    };
    picture.apply_orientation(orientation);
    Ok((picture, format))
}

/// Kind and sides of a file, from its beginning, as they are seen.
fn looked_at(bytes: &[u8]) -> Result<(&'static str, u32, u32), Refused> {
    let (reader, format) = reader(bytes)?;
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    bounded(width, height)?;
    let turned = matches!(
        decoder.orientation(),
        Ok(Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH)
    );
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok((format.to_mime_type(), width, height))
}

fn png(picture: &DynamicImage) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    let large = u64::from(picture.width()) * u64::from(picture.height()) > PACKED_WELL;
    let packing = if large { CompressionType::Fast } else { CompressionType::Default };
    let encoder = PngEncoder::new_with_quality(&mut out, packing, PngFilter::Adaptive);
    picture.write_with_encoder(encoder)?;
    Ok(out)
}

fn jpeg(picture: &DynamicImage) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
    match picture {
        DynamicImage::ImageLuma8(grey) => encoder.encode_image(grey)?,
        DynamicImage::ImageRgb8(colours) => encoder.encode_image(colours)?,
        other => encoder.encode_image(&other.to_rgb8())?,
    }
    Ok(out)
}

/// The drawing of a content that is one and has no file: as it may be shown, or what is wrong with it.
fn drawn(content: &Content<'_>, language: Language) -> Option<Result<Drawing, Problem>> {
    if content.file.is_some() || !drawing::is_drawing(content.text) {
        return None;
    }
    Some(drawing::cleaned(content.text).map_err(|wrong| match wrong {
        Wrong::At(at) => texts::problem_at(content.text, at, words::drawing_broken(language)),
        Wrong::TooLarge => texts::problem(words::drawing_too_large(language)),
    }))
}

fn text<'a>(metadata: &'a Value, key: &str) -> &'a str {
    metadata.get(key).and_then(Value::as_str).unwrap_or_default().trim()
}

impl Kind for Images {
    fn name(&self) -> &'static str {
        "image"
    }

    fn label(&self, language: Language) -> &'static str {
        words::image(language)
    }

    fn instructions(&self) -> &'static str {
        "a picture: its content is SVG, with a viewBox and without scripts or links (for boxes and arrows use diagram). Of a picture that somebody uploaded the content is the caption."
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["svg", "image/svg+xml", "picture", "drawing"]
    }

    fn source(&self) -> Source {
        Source { extension: "svg", media_type: "text/plain", fence: "svg" }
    }

    fn blank(&self) -> &'static str {
        "<svg viewBox=\"0 0 320 180\">\n  <rect x=\"10\" y=\"10\" width=\"300\" height=\"160\" rx=\"12\" fill=\"none\" stroke=\"gray\"/>\n</svg>\n"
    }

    fn recognise(&self, found: &Found<'_>) -> u8 {
        // By its bytes, whatever its name says.
        if format_of(found.head).is_some() || drawing::is_drawing(&texts::head(found)) { 98 } else { 0 }
    }

    fn metadata(&self, content: &Content<'_>, language: Language) -> Result<Value, Problem> {
        let alt = match content.metadata.get("alt") {
            Some(Value::String(alt)) => alt.trim(),
            _ => "",
        };
        if alt.chars().count() > MAX_ALT {
            return Err(Problem { line: None, column: None, words: words::image_long_alt(MAX_ALT, language) });
        }
        if let Some(drawing) = drawn(content, language) {
            // Its title says it until somebody says it better.
            let alt = if alt.is_empty() { content.title.trim() } else { alt };
            return Ok(match drawing.ok().and_then(|drawing| drawing.sides) {
                Some((width, height)) => json!({ "alt": alt, "width": width, "height": height }),
                None => json!({ "alt": alt }),
            });
        }
        if drawing::is_drawing(content.text) {
            return Err(texts::problem(words::image_caption_is_drawing(language)));
        }
        let mut kept = Map::new();
        kept.insert("alt".to_owned(), alt.into());
        if let Some(file) = content.file {
            let (media_type, width, height) = looked_at(file).map_err(|refused| refused.problem(language))?;
            kept.insert("width".to_owned(), width.into());
            kept.insert("height".to_owned(), height.into());
            kept.insert("media_type".to_owned(), media_type.into());
        } else {
            // The file is elsewhere, and what was seen in it stays known.
            let side =
                |key: &str| content.metadata.get(key).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
            if let (Some(width), Some(height)) = (side("width"), side("height"))
                && fits(width, height)
            {
                kept.insert("width".to_owned(), width.into());
                kept.insert("height".to_owned(), height.into());
            }
            let media_type = text(content.metadata, "media_type");
            if ["image/png", "image/jpeg", "image/webp", "image/gif"].contains(&media_type) {
                kept.insert("media_type".to_owned(), json!(media_type));
            }
        }
        Ok(Value::Object(kept))
    }

    fn problems(&self, content: &Content<'_>, language: Language) -> Vec<Problem> {
        let drawing = drawn(content, language);
        let mut problems = Vec::new();
        if content.text.chars().count() > MAX_CAPTION && drawing.is_none() {
            problems.push(texts::problem(words::image_long_caption(MAX_CAPTION, language)));
        }
        match (drawing, content.file) {
            (Some(drawing), _) => problems.extend(drawing.err()),
            (None, Some(file)) => problems.extend(looked_at(file).err().map(|refused| refused.problem(language))),
            (None, None) if text(content.metadata, "media_type").is_empty() => {
                problems.push(texts::problem(words::image_missing(language)));
            }
            (None, None) => {}
        }
        if text(content.metadata, "alt").is_empty() {
            problems.push(texts::problem(words::image_without_alt(language)));
        }
        problems
    }

    fn view(&self, content: &Content<'_>, place: Place<'_>) -> String {
        let drawing = match drawn(content, place.language).transpose() {
            Ok(drawing) => drawing,
            Err(problem) => return format!("<p class=\"diagram-note\">{}</p>", texts::escaped(&problem.words)),
        };
        let mut out = String::from("<cj-zoom><img ");
        match &drawing {
            Some(drawing) => {
                let base64 = base64::engine::general_purpose::STANDARD.encode(&drawing.svg);
                out.push_str(&format!("class=\"drawing\" src=\"data:image/svg+xml;base64,{base64}"));
            }
            None => {
                out.push_str("src=\"");
                escape(&format!("{}/content?version={}", place.base, place.version), &mut out);
            }
        }
        out.push_str("\" alt=\"");
        let alt = text(content.metadata, "alt");
        escape(&alt[..alt.floor_char_boundary(4 * MAX_ALT)], &mut out);
        out.push('"');
        for side in ["width", "height"] {
            if let Some(pixels) = content.metadata.get(side).and_then(Value::as_u64) {
                out.push_str(&format!(" {side}=\"{pixels}\""));
            }
        }
        out.push_str("></cj-zoom>");
        let caption = if drawing.is_some() { "" } else { content.text.trim() };
        if !caption.is_empty() {
            out.push_str("<p class=\"caption\">");
            escape(&caption[..caption.floor_char_boundary(4 * MAX_CAPTION)], &mut out);
            out.push_str("</p>");
        }
        out
    }

    fn editor(&self, text: &str) -> Editor {
        if drawing::is_drawing(text) { Editor::Text } else { Editor::File }
    }

    fn formats(&self, text: &str) -> &'static [Format] {
        if drawing::is_drawing(text) {
            return const { &[Format::file("original", "SVG"), Format::new("png", Way::InBrowser, "PNG", "PNG")] };
        }
        const {
            &[
                Format::file("original", "Original"),
                Format::file("png", "PNG"),
                Format::new("resized", Way::File, "Otro tamaño", "Another size"),
            ]
        }
    }

    fn export(
        &self,
        content: &Content<'_>,
        format: &str,
        query: &[(&str, &str)],
        language: Language,
    ) -> Result<Exported, ExportError> {
        if !self.formats(content.text).iter().any(|known| known.id == format) {
            return Err(ExportError::NoSuchFormat);
        }
        if let Some(drawing) = drawn(content, language) {
            // The other form is made in the browser, which has the fonts.
            return match format {
                "original" => Ok(texts::file(drawing.map_err(ExportError::Content)?.svg, "image/svg+xml", "svg")),
                _ => Err(ExportError::NoSuchFormat),
            };
        }
        let wrong = |refused: Refused| ExportError::Content(refused.problem(language));
        let missing = || Problem { line: None, column: None, words: words::image_missing(language).to_owned() };
        let file = content.file.ok_or_else(|| ExportError::Content(missing()))?;
        let made = |bytes: Vec<u8>, of: ImageFormat| {
            let extension =
                if of == ImageFormat::Jpeg { "jpg" } else { of.extensions_str().first().copied().unwrap_or("png") };
            Exported { bytes, media_type: of.to_mime_type().to_owned(), extension: extension.to_owned() }
        };
        match format {
            "original" => {
                let of = format_of(file).ok_or_else(|| wrong(Refused::Damaged))?;
                Ok(made(file.to_vec(), of))
            }
            "png" => {
                let (picture, _) = decoded(file).map_err(wrong)?;
                Ok(made(png(&picture).map_err(wrong)?, ImageFormat::Png))
            }
            _ => {
                let asked = query.iter().find(|(key, _)| *key == "width").map(|(_, value)| value.parse::<u32>().ok());
                let width = asked
                    .unwrap_or(Some(USUAL_WIDTH))
                    .filter(|width| (1..=MAX_WIDTH).contains(width))
                    .ok_or(ExportError::BadOptions)?;
                let (picture, of) = decoded(file).map_err(wrong)?;
                let height = u64::from(picture.height()) * u64::from(width) / u64::from(picture.width());
                let height = u32::try_from(height.max(1)).ok().filter(|height| fits(width, *height));
                let height = height.ok_or(ExportError::BadOptions)?;
                let _turn = TURN.lock();
                let picture = picture.resize_exact(width, height, FilterType::CatmullRom);
                if of == ImageFormat::Jpeg {
                    Ok(made(jpeg(&picture).map_err(wrong)?, of))
                } else {
                    Ok(made(png(&picture).map_err(wrong)?, ImageFormat::Png))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage, codecs::gif::GifEncoder};
    use proptest::prelude::*;

    use super::*;

    fn written(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([u8::try_from(x % 256).unwrap(), u8::try_from(y % 256).unwrap(), 160])
        })
    }

    fn content<'a>(file: Option<&'a [u8]>, metadata: &'a Value) -> Content<'a> {
        Content { text: "Al pie <b>", language: None, metadata, file, title: "Foto" }
    }

    const PLACE: Place<'_> = Place { id: "a1", language: Language::Es, base: "/artifacts/x", version: 2 };

    /// A PNG that says it has those sides.
    fn claims(width: u32, height: u32) -> Vec<u8> {
        let mut bomb = written(RgbImage::from_pixel(1, 1, Rgb([0, 0, 0])), ImageFormat::Png);
        bomb[16..20].copy_from_slice(&width.to_be_bytes());
        bomb[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = bomb[12..29].iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
        });
        bomb[29..33].copy_from_slice(&(!sum).to_be_bytes());
        bomb
    }

    #[test]
    fn an_uploaded_picture_is_written_anew_in_a_format_that_fits() {
        let seen = RgbaImage::from_pixel(20, 10, Rgba([1, 2, 3, 40]));
        let mut gif = Vec::new();
        let frames =
            [Rgba([9, 8, 7, 255]), Rgba([0, 0, 0, 255])].map(|c| image::Frame::new(RgbaImage::from_pixel(6, 5, c)));
        GifEncoder::new(&mut gif).encode_frames(frames).unwrap();
        for (bytes, media_type, sides) in [
            (written(seen.clone(), ImageFormat::Png), "image/png", (20, 10)),
            (written(photo(30, 20), ImageFormat::Jpeg), "image/jpeg", (30, 20)),
            (written(seen.clone(), ImageFormat::WebP), "image/png", (20, 10)),
            (gif, "image/png", (6, 5)),
        ] {
            let kept = accept(&bytes, Language::Es).unwrap();
            assert_eq!((kept.media_type, (kept.width, kept.height)), (media_type, sides));
            assert_eq!(image::guess_format(&kept.bytes).unwrap().to_mime_type(), media_type);
            let again = image::load_from_memory(&kept.bytes).unwrap();
            assert_eq!((again.width(), again.height()), sides);
        }
        let exact = accept(&written(seen.clone(), ImageFormat::Png), Language::Es).unwrap();
        assert_eq!(image::load_from_memory(&exact.bytes).unwrap().to_rgba8(), seen);
    }

    #[test]
    fn nothing_but_the_picture_is_kept_and_it_is_turned_as_it_is_seen() {
        let mut bytes = written(photo(8, 4), ImageFormat::Jpeg);
        // A segment of EXIF after the first marker: turned by 90 degrees, and words that must not stay.
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS: at home";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        bytes.splice(2..2, [&[0xFF, 0xE1], &length[..], exif].concat());
        // Behind the picture stands another file: a polyglot.
        bytes.extend_from_slice(b"PK\x03\x04<script>alert(1)</script>");
        assert_eq!(Images.metadata(&content(Some(&bytes), &Value::Null), Language::Es).unwrap()["width"], 4);
        let kept = accept(&bytes, Language::Es).unwrap();
        assert_eq!((kept.width, kept.height), (4, 8));
        for gone in [&b"GPS:"[..], b"Exif", b"<script", b"PK\x03\x04"] {
            assert!(!kept.bytes.windows(gone.len()).any(|window| window == gone));
        }
        // Words in a PNG: a chunk before the last.
        let mut png = written(photo(4, 4), ImageFormat::Png);
        let at = png.len() - 12;
        png.splice(at..at, *b"\0\0\0\x05tEXta\0<b>\0\0\0\0");
        if let Ok(kept) = accept(&png, Language::Es) {
            assert!(!kept.bytes.windows(4).any(|window| window == b"tEXt"));
        }
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused_in_words() {
        for bad in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a/*\0\0<script>",
            b"\xff\xd8\xff\xe0<html>",
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"BM and more",
            b"\0\0\x01\0icon",
        ] {
            assert!(accept(bad, Language::Es).unwrap_err().words.contains("PNG, JPEG"), "{bad:?}");
            assert!(Images.metadata(&content(Some(bad), &Value::Null), Language::Es).is_err(), "{bad:?}");
        }
        // Small files that say they are huge.
        for (width, height) in [(12_001, 1), (1, 12_001), (8_001, 8_001), (u32::MAX, u32::MAX), (50_000_000, 1), (0, 5)]
        {
            let begun = std::time::Instant::now();
            let problem = accept(&claims(width, height), Language::En).unwrap_err();
            assert!(problem.words.contains("12,000") || width == 0, "{width} by {height}: {}", problem.words);
            assert!(begun.elapsed().as_millis() < 500);
        }
        // Within bounds, and nothing of it is there: an error, and no picture.
        assert!(accept(&claims(4_000, 4_000), Language::En).is_err());
        assert!(accept(&vec![0; MAX_BYTES + 1], Language::En).unwrap_err().words.contains("16 MB"));
    }

    #[test]
    fn metadata_is_what_the_file_says_and_words_are_asked_for() {
        let file = written(photo(30, 20), ImageFormat::Png);
        let told = json!({"alt": "  Una <casa>  ", "width": 9_999, "onerror": "alert(1)", "media_type": "text/html"});
        let kept = Images.metadata(&content(Some(&file), &told), Language::Es).unwrap();
        assert_eq!(kept, json!({"alt": "Una <casa>", "width": 30, "height": 20, "media_type": "image/png"}));
        assert_eq!(Images.metadata(&content(None, &kept), Language::Es).unwrap(), kept, "the file may be elsewhere");
        let lies = json!({"alt": 5, "width": "9", "height": -1, "media_type": "text/html"});
        assert_eq!(Images.metadata(&content(None, &lies), Language::Es).unwrap(), json!({"alt": ""}));
        assert!(Images.metadata(&content(None, &json!({"alt": "x".repeat(1_001)})), Language::Es).is_err());
        let words: Vec<_> =
            Images.problems(&content(None, &json!({})), Language::Es).into_iter().map(|p| p.words).collect();
        assert!(words[0].contains("Todavía no hay imagen") && words[1].contains("texto alternativo"), "{words:?}");
        assert_eq!(Images.problems(&content(Some(&file), &kept), Language::Es), []);
        assert_eq!(Images.problems(&content(Some(b"GIF89a"), &kept), Language::Es).len(), 1);
    }

    #[test]
    fn the_view_is_a_picture_with_its_words() {
        let metadata = json!({"alt": "\"><script>alert(1)</script>", "width": 30, "height": 20});
        let html = Images.view(&content(None, &metadata), PLACE);
        assert_eq!(
            html,
            "<cj-zoom><img src=\"/artifacts/x/content?version=2\" alt=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\" width=\"30\" height=\"20\"></cj-zoom><p class=\"caption\">Al pie &lt;b&gt;</p>"
        );
        let hostile = json!({"alt": "x", "width": "1\" onload=\"x"});
        assert!(!Images.view(&content(None, &hostile), PLACE).contains("onload"));
    }

    #[test]
    fn pictures_leave_as_they_are_as_png_and_in_other_sizes() {
        let file = written(photo(40, 20), ImageFormat::Jpeg);
        let metadata = json!({"alt": "x"});
        let content = content(Some(&file), &metadata);
        let export = |format: &str, query: &[(&str, &str)]| Images.export(&content, format, query, Language::Es);
        let original = export("original", &[]).unwrap();
        assert_eq!((original.bytes.as_slice(), original.extension.as_str()), (file.as_slice(), "jpg"));
        let png = export("png", &[]).unwrap();
        assert_eq!(
            (png.media_type.as_str(), image::guess_format(&png.bytes).unwrap()),
            ("image/png", ImageFormat::Png)
        );
        let resized = export("resized", &[("width", "10")]).unwrap();
        let again = image::load_from_memory(&resized.bytes).unwrap();
        assert_eq!((again.width(), again.height(), resized.media_type.as_str()), (10, 5, "image/jpeg"));
        for bad in ["0", "8193", "-1", "x", "", "99999999999"] {
            assert_eq!(export("resized", &[("width", bad)]), Err(ExportError::BadOptions), "{bad}");
        }
        assert!(export("resized", &[]).is_ok(), "who says no width gets the usual one");
        assert_eq!(export("svg", &[]), Err(ExportError::NoSuchFormat));
        // A thin picture made wide would be as high as a tower.
        let thin = written(photo(1, 5_000), ImageFormat::Png);
        let thin = Content { file: Some(&thin), ..content.clone() };
        assert_eq!(Images.export(&thin, "resized", &[("width", "8192")], Language::Es), Err(ExportError::BadOptions));
        let none = Content { file: None, ..content.clone() };
        assert!(matches!(Images.export(&none, "png", &[], Language::Es), Err(ExportError::Content(_))));
    }

    #[test]
    fn pictures_are_known_by_their_bytes() {
        let found = |name, head: &[u8]| Images.recognise(&Found { file_name: Some(name), language: None, head });
        assert_eq!(found("x.txt", &written(photo(2, 2), ImageFormat::Jpeg)), 98);
        assert_eq!(found("x.png", b"<html>"), 0);
        assert_eq!(found("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 98);
        assert_eq!(found("x.bmp", b"BM0000"), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_picture_is_an_error_and_no_panic(at in 0..400_usize, byte in any::<u8>(), cut in 0..400_usize, kind in 0..4_usize) {
            let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif][kind];
            let mut bytes = if format == ImageFormat::Gif {
                written(DynamicImage::from(photo(12, 12)).to_rgba8(), format)
            } else {
                written(photo(12, 12), format)
            };
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length.min(50));
            let _ = (accept(&bytes, Language::Es), Images.metadata(&content(Some(&bytes), &Value::Null), Language::Es));
        }
    }

    #[test]
    fn a_drawing_is_a_picture_whose_content_is_svg() {
        let svg = "<svg viewBox=\"0 0 400 300\"><script>alert(1)</script><circle r=\"5\"/></svg>";
        let found = |head: &'static str| Found { file_name: None, language: None, head: head.as_bytes() };
        assert_eq!(Images.recognise(&found("<?xml version=\"1.0\"?>\n<svg xmlns=\"x\">")), 98);
        assert_eq!((Images.editor(svg), Images.editor("Un pie")), (Editor::Text, Editor::File));
        let content = |metadata| Content { text: svg, language: None, metadata, file: None, title: "Sol" };
        let metadata = Images.metadata(&content(&Value::Null), Language::Es).unwrap();
        assert_eq!(metadata, json!({"alt": "Sol", "width": 400, "height": 300}));
        assert_eq!(Images.problems(&content(&metadata), Language::Es), []);
        let html = Images.view(&content(&metadata), PLACE);
        assert!(
            html.contains("src=\"data:image/svg+xml;base64,") && html.contains("alt=\"Sol\" width=\"400\""),
            "{html}"
        );
        let file = Images.export(&content(&metadata), "original", &[], Language::Es).unwrap();
        assert_eq!(file.extension, "svg");
        assert!(!String::from_utf8(file.bytes).unwrap().contains("alert"));
        let broken = Content { text: "<svg>\n<g>\n</svg>", ..content(&metadata) };
        assert_eq!(Images.problems(&broken, Language::Es)[0].line, Some(3));
        let photo = Content { text: svg, file: Some(&[1]), ..content(&metadata) };
        assert!(Images.metadata(&photo, Language::Es).is_err(), "a caption is no drawing");
    }
}
