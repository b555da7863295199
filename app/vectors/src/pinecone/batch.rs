//! Upserts cut into requests: Pinecone takes at most 1,000 vectors and 2 MB in one. At 1,536 numbers a vector is 12 to 20
//! KB of JSON, so bytes decide, not the count.

use bytes::Bytes;

use super::{Namespace, PineconeError};

/// How much goes into one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    /// Vectors.
    pub(super) count: usize,
    /// Bytes of the whole body.
    pub(super) bytes: usize,
}

impl BatchLimits {
    /// Pinecone's, with a tenth of the bytes left for what counts them differently.
    pub(super) const PINECONE: Self = Self { count: 1000, bytes: 1_800_000 };
}

/// A vector ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outgoing {
    /// Its name: ASCII.
    pub(super) id: String,
    /// Its numbers, all finite.
    pub(super) values: Vec<f32>,
    /// Its metadata, as JSON.
    pub(super) metadata: Vec<u8>,
}

impl Outgoing {
    /// `{"id":…,"values":[…],"metadata":{…}}`. The metadata has been JSON since its length was looked at.
    fn json(&self) -> Result<Vec<u8>, PineconeError> {
        let failed =
            |error: serde_json::Error| PineconeError::Setting(format!("{} cannot be written: {error}", self.id));
        let mut json = Vec::with_capacity(64 + self.values.len() * 13 + self.metadata.len());
        json.extend_from_slice(br#"{"id":"#);
        serde_json::to_writer(&mut json, &self.id).map_err(failed)?;
        json.extend_from_slice(br#","values":"#);
        serde_json::to_writer(&mut json, &self.values).map_err(failed)?;
        json.extend_from_slice(br#","metadata":"#);
        json.extend_from_slice(&self.metadata);
        json.push(b'}');
        Ok(json)
    }
}

/// Bodies of upserts, made one after the other as they are asked for, so that only those under way take memory.
pub(super) struct Batches<I> {
    vectors: I,
    limits: BatchLimits,
    end: Vec<u8>,
    /// Did not fit into the last body.
    next: Option<Vec<u8>>,
}

const BEGIN: &[u8] = br#"{"vectors":["#;

impl<I: Iterator<Item = Outgoing>> Batches<I> {
    pub(super) fn new(namespace: &Namespace, vectors: I, limits: BatchLimits) -> Self {
        let name = serde_json::Value::from(namespace.as_str());
        Self { vectors, limits, end: format!(r#"],"namespace":{name}}}"#).into_bytes(), next: None }
    }

    /// The next vector's JSON.
    ///
    /// # Errors
    /// [`PineconeError::TooLarge`] when it fits into no body.
    fn vector(&mut self) -> Option<Result<Vec<u8>, PineconeError>> {
        if let Some(json) = self.next.take() {
            return Some(Ok(json));
        }
        let vector = self.vectors.next()?;
        let most = self.limits.bytes.saturating_sub(BEGIN.len() + self.end.len());
        Some(vector.json().and_then(|json| {
            if json.len() > most {
                return Err(PineconeError::TooLarge { id: vector.id, bytes: json.len(), limit: most });
            }
            Ok(json)
        }))
    }
}

impl<I: Iterator<Item = Outgoing>> Iterator for Batches<I> {
    type Item = Result<Bytes, PineconeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut body = BEGIN.to_vec();
        let mut count = 0;
        while count < self.limits.count {
            let json = match self.vector() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(json)) => json,
            };
            let comma = usize::from(count > 0);
            if body.len() + comma + json.len() + self.end.len() > self.limits.bytes {
                self.next = Some(json);
                break;
            }
            if count > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&json);
            count += 1;
        }
        if count == 0 {
            return None;
        }
        body.extend_from_slice(&self.end);
        Some(Ok(body.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn namespace() -> Namespace {
        Namespace::parse("a \"quoted\" one").unwrap()
    }

    fn vector(id: &str, numbers: usize, text: &str) -> Outgoing {
        Outgoing {
            id: id.to_owned(),
            values: vec![0.1; numbers],
            metadata: json!({"text": text}).to_string().into_bytes(),
        }
    }

    fn bodies(vectors: Vec<Outgoing>, limits: BatchLimits) -> Result<Vec<Value>, PineconeError> {
        Batches::new(&namespace(), vectors.into_iter(), limits)
            .map(|body| body.map(|body| serde_json::from_slice(&body).unwrap()))
            .collect()
    }

    #[test]
    fn a_body_is_what_pinecone_expects() {
        let bodies = bodies(vec![vector("a#1#0", 2, "Sí, \"hoy\"")], BatchLimits::PINECONE).unwrap();
        let expected = json!({
            "vectors": [{"id": "a#1#0", "values": [0.1, 0.1], "metadata": {"text": "Sí, \"hoy\""}}],
            "namespace": "a \"quoted\" one"
        });
        assert_eq!(bodies, [expected]);
    }

    #[test]
    fn nothing_makes_no_request_and_a_thousand_and_one_make_two() {
        assert_eq!(bodies(Vec::new(), BatchLimits::PINECONE), Ok(Vec::new()));
        let many = (0..1001).map(|n| vector(&n.to_string(), 1, "")).collect();
        let lengths: Vec<usize> = bodies(many, BatchLimits::PINECONE)
            .unwrap()
            .iter()
            .map(|body| body["vectors"].as_array().unwrap().len())
            .collect();
        assert_eq!(lengths, [1000, 1]);
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        let values = vec![0.1_f32, -1.0 / 3.0, f32::MIN_POSITIVE, 3.4e38, 1e-45, 0.0, 16_777_217.0];
        let outgoing = Outgoing { id: "x".to_owned(), values: values.clone(), metadata: b"{}".to_vec() };
        let json: Value = serde_json::from_slice(&outgoing.json().unwrap()).unwrap();
        assert_eq!(serde_json::from_value::<Vec<f32>>(json["values"].clone()).unwrap(), values);
    }

    #[test]
    fn a_vector_that_fits_into_no_request_is_named() {
        let limits = BatchLimits { count: 10, bytes: 300 };
        let result = bodies(vec![vector("small", 1, ""), vector("large", 1, &"x".repeat(300))], limits);
        assert!(matches!(result, Err(PineconeError::TooLarge { id, limit, .. }) if id == "large" && limit < 300));
    }

    proptest! {
        #[test]
        fn batches_hold_everything_in_order_within_both_limits(
            lengths in prop::collection::vec((0_usize..40, 0_usize..120), 0..60),
            count in 1_usize..8,
            bytes in 700_usize..1500,
        ) {
            let vectors: Vec<Outgoing> = lengths
                .iter()
                .enumerate()
                .map(|(n, (numbers, text))| vector(&format!("d#{n}"), *numbers, &"é".repeat(*text)))
                .collect();
            let limits = BatchLimits { count, bytes };
            let bodies: Vec<Bytes> =
                Batches::new(&namespace(), vectors.clone().into_iter(), limits).collect::<Result<_, _>>().unwrap();
            let mut ids = Vec::new();
            let mut before: Option<(usize, usize)> = None;
            for body in &bodies {
                prop_assert!(body.len() <= bytes);
                let json: Value = serde_json::from_slice(body).unwrap();
                let held = json["vectors"].as_array().unwrap();
                prop_assert!((1..=count).contains(&held.len()));
                ids.extend(held.iter().map(|vector| vector["id"].as_str().unwrap().to_owned()));
                // The one before was full: in count, or the first vector of this one did not fit into it.
                if let Some((held_before, bytes_before)) = before {
                    let first = vectors[ids.len() - held.len()].json().unwrap().len();
                    prop_assert!(held_before == count || bytes_before + 1 + first > bytes);
                }
                before = Some((held.len(), body.len()));
            }
            let expected: Vec<String> = vectors.iter().map(|vector| vector.id.clone()).collect();
            prop_assert_eq!(ids, expected);
        }
    }
}
