//! Qdrant's own description of its calls, as a judge of requests and answers.

use std::collections::HashMap;

use axum::http::StatusCode;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::Refusal;

/// The calls by method and path.
pub(super) struct Spec {
    calls: HashMap<String, Call>,
}

/// One call.
pub(super) struct Call {
    query: HashMap<String, Validator>,
    /// `None`: it takes no body.
    request: Option<Validator>,
    answer: Validator,
}

impl Default for Spec {
    fn default() -> Self {
        let file: Value = serde_json::from_str(include_str!("../../spec/qdrant.json")).unwrap_or_default();
        let schemas = &file["schemas"];
        let validator = |schema: &Value| {
            let schema = json!({"allOf": [schema], "schemas": schemas});
            #[expect(clippy::panic, reason = "a test double: the file lies beside it")]
            jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("spec/qdrant.json: {error}"))
        };
        let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let calls = members(&file["calls"]).into_iter().map(|(name, call)| {
            let query =
                members(&call["query"]).iter().map(|(name, schema)| (name.clone(), validator(schema))).collect();
            let request = Some(&call["request"]).filter(|request| !request.is_null()).map(&validator);
            (name, Call { query, request, answer: validator(&call["answer"]) })
        });
        Self { calls: calls.collect() }
    }
}

impl Spec {
    pub(super) fn call(&self, method: &str, path: &str) -> Option<&Call> {
        self.calls.get(&format!("{method} {path}"))
    }
}

impl Call {
    /// Parameters after the `?`, each known and of its type.
    pub(super) fn check_query(&self, query: &str) -> Result<(), Refusal> {
        for (name, text) in query.split('&').filter_map(|part| part.split_once('=')) {
            let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            if !self.query.get(name).is_some_and(|known| known.is_valid(&value)) {
                return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("Format error in query: {name}={text}")));
            }
        }
        Ok(())
    }

    pub(super) fn check_request(&self, body: &[u8]) -> Result<Value, Refusal> {
        let format = |what: String| Refusal::new(StatusCode::BAD_REQUEST, format!("Format error in JSON body: {what}"));
        let Some(validator) = &self.request else {
            return if body.is_empty() { Ok(Value::Null) } else { Err(format("none is taken".to_owned())) };
        };
        let body = serde_json::from_slice(body).map_err(|error| format(error.to_string()))?;
        validator.validate(&body).map_err(|error| format(format!("{error} at {}", error.instance_path())))?;
        Ok(body)
    }

    /// What Qdrant would not answer is a defect of the test double.
    pub(super) fn check_answer(&self, answer: &Value) {
        let checked = self.answer.validate(answer);
        assert!(checked.is_ok(), "Qdrant does not answer {answer}: {checked:?}");
    }
}
