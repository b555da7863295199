//! The description of Pinecone's API, and whether requests and answers keep to it.

use std::{collections::BTreeMap, sync::LazyLock};

use anyhow::{Context as _, anyhow, bail, ensure};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use super::Plane;

/// The version that is spoken; requests of any other are refused.
pub(super) const VERSION: &str = "2026-07";

static CONTROL: LazyLock<anyhow::Result<Contract>> =
    LazyLock::new(|| Contract::read(include_str!("../../spec/pinecone/db_control_2026-07.subset.closed.json")));
static DATA: LazyLock<anyhow::Result<Contract>> =
    LazyLock::new(|| Contract::read(include_str!("../../spec/pinecone/db_data_2026-07.subset.closed.json")));

/// The contract of one plane.
pub(super) fn of(plane: Plane) -> anyhow::Result<&'static Contract> {
    let contract = match plane {
        Plane::Control => &*CONTROL,
        Plane::Data => &*DATA,
    };
    contract.as_ref().map_err(|error| anyhow!("{error:#}"))
}

/// The operations of one description.
pub(super) struct Contract {
    operations: Vec<Operation>,
}

/// One operation.
pub(super) struct Operation {
    /// `operationId`, such as `upsertVectors`.
    pub(super) id: String,
    method: String,
    path: Vec<String>,
    query: BTreeMap<String, Parameter>,
    body: Option<Validator>,
    answers: BTreeMap<String, Option<Validator>>,
}

struct Parameter {
    required: bool,
    schema: Value,
    validator: Validator,
}

impl Contract {
    fn read(text: &str) -> anyhow::Result<Self> {
        let mut document: Value = serde_json::from_str(text)?;
        to_json_schema(&mut document);
        let validator = |schema: &Value| -> anyhow::Result<Validator> {
            // References point into the document, so it stands beside.
            let whole = json!({"allOf": [schema], "components": document["components"]});
            jsonschema::options().with_draft(Draft::Draft7).build(&whole).map_err(|error| anyhow!("{error}"))
        };
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().context("paths")? {
            for (method, operation) in methods.as_object().context("methods")? {
                let mut query = BTreeMap::new();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if parameter["in"] != "query" {
                        continue;
                    }
                    let name = parameter["name"].as_str().context("a parameter's name")?.to_owned();
                    let schema = parameter["schema"].clone();
                    let required = parameter["required"] == true;
                    query.insert(name, Parameter { required, validator: validator(&schema)?, schema });
                }
                let body = operation.pointer("/requestBody/content/application~1json/schema");
                let answers =
                    operation["responses"].as_object().context("responses")?.iter().map(|(status, answer)| {
                        let schema = answer.pointer("/content/application~1json/schema");
                        Ok((status.clone(), schema.map(&validator).transpose()?))
                    });
                operations.push(Operation {
                    id: operation["operationId"].as_str().context("operationId")?.to_owned(),
                    method: method.to_ascii_uppercase(),
                    path: path.split('/').map(str::to_owned).collect(),
                    query,
                    body: body.map(&validator).transpose()?,
                    answers: answers.collect::<anyhow::Result<_>>()?,
                });
            }
        }
        Ok(Self { operations })
    }

    /// The operation of a method and a path, with what the path names.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<(&Operation, Option<String>)> {
        let parts: Vec<&str> = path.split('/').collect();
        self.operations.iter().filter(|operation| operation.method == method).find_map(|operation| {
            if operation.path.len() != parts.len() {
                return None;
            }
            let mut named = None;
            for (wanted, part) in operation.path.iter().zip(&parts) {
                if wanted.starts_with('{') && !part.is_empty() {
                    named = Some((*part).to_owned());
                } else if wanted != part {
                    return None;
                }
            }
            Some((operation, named))
        })
    }
}

impl Operation {
    /// Checks what was sent, and gives the body.
    pub(super) fn check_request(&self, query: &[(String, String)], json: bool, body: &[u8]) -> anyhow::Result<Value> {
        for (name, _) in query {
            ensure!(self.query.contains_key(name), "unknown parameter {name:?}");
        }
        for (name, parameter) in &self.query {
            let given: Vec<&str> = query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
            if given.is_empty() {
                ensure!(!parameter.required, "parameter {name:?} is missing");
                continue;
            }
            let value = parameter.value(&given).with_context(|| format!("parameter {name:?}"))?;
            check(&parameter.validator, &value).with_context(|| format!("parameter {name:?}"))?;
        }
        match &self.body {
            None => {
                ensure!(body.is_empty(), "{} takes no body", self.id);
                Ok(Value::Null)
            }
            Some(validator) => {
                ensure!(json, "the content type is not application/json");
                let value: Value = serde_json::from_slice(body).context("the body is not JSON")?;
                check(validator, &value)?;
                Ok(value)
            }
        }
    }

    /// Checks an answer of ours: a double that strays from the description proves nothing.
    pub(super) fn check_answer(&self, status: u16, body: &Value) -> anyhow::Result<()> {
        let range = format!("{}XX", status / 100);
        let Some(answer) = self.answers.get(&status.to_string()).or_else(|| self.answers.get(&range)) else {
            bail!("{} never answers {status}", self.id);
        };
        answer.as_ref().map_or(Ok(()), |validator| check(validator, body))
    }
}

impl Parameter {
    /// A parameter's texts as its schema's type.
    fn value(&self, given: &[&str]) -> anyhow::Result<Value> {
        if self.schema["type"] == "array" {
            return Ok(json!(given));
        }
        ensure!(given.len() == 1, "is there {} times", given.len());
        Ok(if self.schema["type"] == "integer" { json!(given[0].parse::<i64>()?) } else { json!(given[0]) })
    }
}

fn check(validator: &Validator, value: &Value) -> anyhow::Result<()> {
    match validator.iter_errors(value).next() {
        None => Ok(()),
        Some(error) => {
            let words: String = error.to_string().chars().take(300).collect();
            bail!("{words} at {:?}", error.instance_path().to_string())
        }
    }
}

/// OpenAPI 3.0 says `nullable` where JSON Schema lists a type `null`.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.remove("nullable") == Some(Value::Bool(true)) {
                make_nullable(object);
            }
            object.values_mut().for_each(to_json_schema);
        }
        Value::Array(items) => items.iter_mut().for_each(to_json_schema),
        _ => {}
    }
}

fn make_nullable(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get("type").cloned() {
        schema.insert("type".to_owned(), json!([kind, "null"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(method: &str, path: &str, query: &[(&str, &str)], body: &Value) -> anyhow::Result<Value> {
        let plane = if path.starts_with("/indexes") { Plane::Control } else { Plane::Data };
        let (operation, _) = of(plane)?.find(method, path).context("no such operation")?;
        let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        operation.check_request(&query, true, &body)
    }

    fn words(result: anyhow::Result<Value>) -> String {
        format!("{:#}", result.unwrap_err())
    }

    #[test]
    fn a_request_with_a_member_that_nobody_knows_is_refused() {
        let upsert = |vector: Value| checked("POST", "/vectors/upsert", &[], &json!({"vectors": [vector]}));
        assert!(upsert(json!({"id": "a", "values": [1.0], "metadata": {"k": ["x"]}})).is_ok());
        assert!(words(upsert(json!({"id": "a", "values": [1.0], "vector": [1.0]}))).contains("vector"));
        for metadata in [json!({"k": null}), json!({"k": {"nested": 1}}), json!({"k": [1, 2]})] {
            assert!(upsert(json!({"id": "a", "values": [1.0], "metadata": metadata})).is_err());
        }
        assert!(upsert(json!({"id": "ñ", "values": [1.0]})).is_err());
        assert!(checked("POST", "/vectors/upsert", &[], &json!({"vectors": []})).is_err());
    }

    #[test]
    fn parameters_are_checked_too() {
        assert!(checked("GET", "/vectors/list", &[("prefix", "a#"), ("limit", "100")], &Value::Null).is_ok());
        for wrong in [("limit", "101"), ("limit", "many"), ("after", "a")] {
            assert!(checked("GET", "/vectors/list", &[wrong], &Value::Null).is_err(), "{wrong:?}");
        }
        assert!(checked("GET", "/vectors/fetch", &[("ids", "a"), ("ids", "b")], &Value::Null).is_ok());
        assert!(checked("GET", "/vectors/fetch", &[], &Value::Null).is_err());
        assert!(checked("GET", "/indexes/x", &[], &json!({})).is_err());
    }

    #[test]
    fn the_former_way_to_create_an_index_is_refused() {
        let former = json!({"name": "x", "dimension": 4, "metric": "cosine",
            "spec": {"serverless": {"cloud": "aws", "region": "us-east-1"}}});
        assert!(checked("POST", "/indexes", &[], &former).is_err());
        let schema = json!({"fields": {"_values": {"type": "dense_vector", "dimension": 4, "metric": "cosine"}}});
        assert!(checked("POST", "/indexes", &[], &json!({"name": "x", "schema": schema, "tags": null})).is_ok());
    }

    #[test]
    fn an_answer_must_keep_to_the_description() {
        let (query, _) = of(Plane::Data).unwrap().find("POST", "/query").unwrap();
        assert!(query.check_answer(200, &json!({"matches": [{"id": "a", "score": 0.5}]})).is_ok());
        assert!(query.check_answer(200, &json!({"matches": [{"score": 0.5}]})).is_err());
        assert!(query.check_answer(503, &json!({"code": 14, "message": "no", "details": []})).is_ok());
        assert!(query.check_answer(302, &json!({})).is_err());
    }
}
