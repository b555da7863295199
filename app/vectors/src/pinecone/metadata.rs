//! What is kept beside a vector: the ADR's `PineconeMetadata`, so that whoever looks into the index understands it, and
//! so that queries see only what their reader may.
//!
//! Pinecone refuses null, so what is missing is left out, and a public document is said to be so with `visibility`. It
//! takes 40 KB a vector: of a longer text the beginning is kept, which nobody misses, since texts are read from
//! PostgreSQL.

use std::borrow::Cow;

use cjhirashi_domain::access::Visibility;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{CustomMetadata, IndexError, IndexFilter, VectorRecord};

/// The most bytes of metadata, as JSON. Pinecone says 40 KB and not how it counts, so the smaller kilobyte.
pub(super) const LIMIT: usize = 40_000;
/// The most documents that a filter can name.
const SELECTED: usize = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    document_id: &'a str,
    chunk_index: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    title: &'a str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'static str>,
    /// Seconds since 1970.
    created_at: i64,
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(flatten)]
    custom: &'a CustomMetadata,
}

/// The metadata of a chunk as JSON of at most [`LIMIT`] bytes.
///
/// # Errors
/// [`IndexError::TooLarge`] when it does not fit even without its text: nothing else is ever cut.
pub(super) fn of(record: &VectorRecord) -> Result<Vec<u8>, IndexError> {
    let document = &record.document;
    let (user_id, visibility) = match &document.visibility {
        Visibility::Private(owner) => (Some(owner.as_str()), None),
        Visibility::Public => (None, Some("public")),
    };
    let mut metadata = Metadata {
        document_id: record.key.document_id.as_str(),
        chunk_index: record.key.seq,
        text: record.text.is_some().then_some(Cow::Borrowed("")),
        title: &document.title,
        source: document.source.as_str(),
        source_url: document.source_url.as_deref(),
        user_id,
        visibility,
        created_at: document.created_at.seconds(),
        tags: &document.tags,
        language: record.language.as_deref(),
        custom: &document.custom,
    };
    let others = encode(&metadata)?;
    let Some(left) = LIMIT.checked_sub(others.len()) else {
        return Err(IndexError::TooLarge { key: record.key.to_string(), bytes: others.len(), limit: LIMIT });
    };
    let Some(text) = &record.text else { return Ok(others) };
    metadata.text = Some(Cow::Borrowed(beginning(text, left)));
    encode(&metadata)
}

fn encode(metadata: &Metadata<'_>) -> Result<Vec<u8>, IndexError> {
    serde_json::to_vec(metadata).map_err(|error| IndexError::Refused {
        index: "pinecone",
        detail: format!("metadata cannot be written: {error}"),
    })
}

/// The longest beginning of a text that takes at most so many bytes inside a JSON string.
fn beginning(text: &str, bytes: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += json_bytes(character);
        if used > bytes {
            return &text[..at];
        }
    }
    text
}

/// The bytes of a character inside a JSON string, as `serde_json` writes it.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

/// The access rule as a filter: public documents and the reader's own, of those selected.
///
/// # Errors
/// [`IndexError::Refused`] for more than 10,000 selected documents.
pub(super) fn filter(filter: &IndexFilter) -> Result<Value, IndexError> {
    let access = json!({"$or": [{"visibility": "public"}, {"userId": filter.reader.as_str()}]});
    match &filter.documents {
        None => Ok(access),
        Some(documents) if documents.len() > SELECTED => Err(IndexError::Refused {
            index: "pinecone",
            detail: format!("{} documents are selected, of {SELECTED} that a filter can name", documents.len()),
        }),
        Some(documents) => Ok(json!({"$and": [access, {"documentId": {"$in": documents}}]})),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cjhirashi_domain::{
        Timestamp,
        document::Source,
        id::{DocumentId, UserId},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{ChunkKey, DocumentMetadata};

    fn record(visibility: Visibility, text: Option<&str>) -> VectorRecord {
        VectorRecord {
            key: ChunkKey { document_id: DocumentId::parse("doc").unwrap(), version: 2, seq: 7 },
            ordinal: 1,
            values: vec![1.0],
            language: None,
            text: text.map(str::to_owned),
            document: Arc::new(DocumentMetadata {
                visibility,
                title: "Vacaciones".to_owned(),
                source: Source::Upload,
                source_url: None,
                created_at: Timestamp(1_790_000_000_999),
                tags: vec!["rrhh".to_owned()],
                custom: CustomMetadata::default(),
            }),
        }
    }

    fn private() -> Visibility {
        Visibility::Private(UserId::parse("ana").unwrap())
    }

    fn json_of(record: &VectorRecord) -> Value {
        serde_json::from_slice(&of(record).unwrap()).unwrap()
    }

    #[test]
    fn a_public_chunk_says_so_and_a_private_one_names_its_owner() {
        let public = json_of(&record(Visibility::Public, Some("Veintidós días.")));
        assert_eq!(
            public,
            json!({
                "documentId": "doc", "chunkIndex": 7, "text": "Veintidós días.", "title": "Vacaciones",
                "source": "upload", "visibility": "public", "createdAt": 1_790_000_000, "tags": ["rrhh"]
            })
        );
        let owned = json_of(&record(private(), None));
        assert_eq!((owned["userId"].as_str(), owned.get("visibility"), owned.get("text")), (Some("ana"), None, None));
    }

    #[test]
    fn everything_else_is_there_when_it_is_known() {
        let mut record = record(private(), None);
        record.language = Some("es".to_owned());
        let document = Arc::make_mut(&mut record.document);
        document.source_url = Some("https://example.org/a".to_owned());
        document.custom = CustomMetadata::parse(&json!({"author": "Ana", "areas": ["hr"]})).unwrap();
        let json = json_of(&record);
        assert_eq!(json["sourceUrl"], "https://example.org/a");
        assert_eq!(json["language"], "es");
        assert_eq!((&json["author"], &json["areas"]), (&json!("Ana"), &json!(["hr"])));
    }

    #[test]
    fn a_text_is_cut_and_nothing_else() {
        let whole = json_of(&record(private(), Some(&"ñ\"\u{1}".repeat(20_000))));
        let text = whole["text"].as_str().unwrap();
        assert!(text.starts_with("ñ\"\u{1}ñ") && text.len() > 15_000);
        let mut huge = record(private(), Some("short"));
        Arc::make_mut(&mut huge.document).title = "x".repeat(LIMIT);
        assert!(matches!(of(&huge), Err(IndexError::TooLarge { key, .. }) if key == "doc#2#7"));
    }

    #[test]
    fn the_filter_lets_nobody_see_more_than_is_theirs() {
        let reader = UserId::parse("ana").unwrap();
        let access = json!({"$or": [{"visibility": "public"}, {"userId": "ana"}]});
        let all = IndexFilter { reader: reader.clone(), documents: None };
        assert_eq!(filter(&all).unwrap(), access);
        let some = |n| IndexFilter {
            reader: reader.clone(),
            documents: Some((0..n).map(|n| DocumentId::parse(format!("d{n}")).unwrap()).collect()),
        };
        assert_eq!(filter(&some(2)).unwrap(), json!({"$and": [access, {"documentId": {"$in": ["d0", "d1"]}}]}));
        assert!(filter(&some(10_000)).is_ok());
        assert!(matches!(filter(&some(10_001)), Err(IndexError::Refused { .. })));
    }

    proptest! {
        #[test]
        fn the_longest_beginning_that_fits_is_kept(
            text in r#"[a-zñé€𝄞"\\\n\t\x01\x1f\x7f]{0,60}"#, limit in 0_usize..120
        ) {
            let kept = beginning(&text, limit);
            let bytes = |text: &str| serde_json::to_string(text).unwrap().len() - 2;
            prop_assert!(text.starts_with(kept) && bytes(kept) <= limit);
            if let Some(next) = text[kept.len()..].chars().next() {
                let longer = format!("{kept}{next}");
                prop_assert!(bytes(&longer) > limit);
            }
        }

        #[test]
        fn metadata_always_fits(character in any::<char>(), times in 0_usize..45_000) {
            let text = character.to_string().repeat(times);
            let json = of(&record(private(), Some(&text))).unwrap();
            prop_assert!(json.len() <= LIMIT);
            // Not a byte more than needed is cut away.
            let kept = serde_json::from_slice::<Value>(&json).unwrap()["text"].as_str().unwrap().len();
            prop_assert!(kept == text.len() || json.len() + json_bytes(character) > LIMIT);
        }
    }
}
