//! The kinds, one file each.

mod code;
mod diagram;
mod html;
pub(crate) mod image;
mod json;
mod languages;
mod latex;
mod markdown;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod words;

use crate::Kind;

/// Every kind there is.
pub const KINDS: &[&dyn Kind] = &[
    &code::Code,
    &diagram::Diagrams,
    &html::Pages,
    &image::Images,
    &json::Json,
    &latex::Formulas,
    &markdown::Texts,
    &table::Tables,
];
