//! Metadata filters, as Pinecone documents them.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

/// Whether metadata passes a filter.
pub(super) fn admits(filter: &Value, metadata: &Map<String, Value>) -> anyhow::Result<bool> {
    let fields = filter.as_object().context("a filter is an object")?;
    let mut admitted = true;
    // Every part is looked at, so that a wrong one is refused whatever the metadata.
    for (name, condition) in fields {
        admitted &= match name.as_str() {
            "$and" => every(condition, metadata)?.into_iter().all(|one| one),
            "$or" => every(condition, metadata)?.into_iter().any(|one| one),
            operator if operator.starts_with('$') => bail!("{operator} is no operator at this place"),
            field => holds(condition, metadata.get(field))?,
        };
    }
    Ok(admitted)
}

fn every(filters: &Value, metadata: &Map<String, Value>) -> anyhow::Result<Vec<bool>> {
    let filters = filters.as_array().filter(|filters| !filters.is_empty()).context("a list of filters is needed")?;
    filters.iter().map(|filter| admits(filter, metadata)).collect()
}

fn holds(condition: &Value, value: Option<&Value>) -> anyhow::Result<bool> {
    let Some(operators) = condition.as_object() else { return equals(condition, value) };
    ensure!(!operators.is_empty(), "a condition is empty");
    let mut all = true;
    for (operator, operand) in operators {
        all &= match operator.as_str() {
            "$eq" => equals(operand, value)?,
            "$ne" => !equals(operand, value)?,
            "$in" => among(operand, value)?,
            "$nin" => !among(operand, value)?,
            "$exists" => operand.as_bool().context("$exists takes true or false")? == value.is_some(),
            "$gt" | "$gte" | "$lt" | "$lte" => {
                let bound = operand.as_f64().with_context(|| format!("{operator} takes a number"))?;
                value.and_then(Value::as_f64).is_some_and(|value| match operator.as_str() {
                    "$gt" => value > bound,
                    "$gte" => value >= bound,
                    "$lt" => value < bound,
                    _ => value <= bound,
                })
            }
            other => bail!("{other} is no operator"),
        };
    }
    Ok(all)
}

fn among(operand: &Value, value: Option<&Value>) -> anyhow::Result<bool> {
    let operands = operand.as_array().context("a list is needed")?;
    ensure!(operands.len() <= 10_000, "at most 10000 values");
    let found: Vec<bool> = operands.iter().map(|operand| equals(operand, value)).collect::<anyhow::Result<_>>()?;
    Ok(found.contains(&true))
}

/// A list holds what any of its items equals.
fn equals(operand: &Value, value: Option<&Value>) -> anyhow::Result<bool> {
    ensure!(operand.is_string() || operand.is_number() || operand.is_boolean(), "{operand} cannot be compared");
    Ok(match value {
        Some(Value::Array(items)) => items.contains(operand),
        Some(Value::Number(number)) => number.as_f64() == operand.as_f64(),
        other => other == Some(operand),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_admit_what_they_say() {
        let metadata = json!({"n": 3, "lang": "de", "tags": ["x", "y"], "ok": true});
        let metadata = metadata.as_object().unwrap();
        for (filter, expected) in [
            (json!({}), true),
            (json!({"lang": "de", "n": {"$gte": 3, "$lt": 4}}), true),
            (json!({"lang": "de", "n": {"$gt": 3}}), false),
            (json!({"tags": "y"}), true),
            (json!({"tags": {"$nin": ["y"]}}), false),
            (json!({"$or": [{"lang": "en"}, {"ok": true}]}), true),
            (json!({"$and": [{"lang": "en"}, {"ok": true}]}), false),
            (json!({"missing": {"$ne": "a"}}), true),
            (json!({"missing": {"$exists": false}}), true),
            (json!({"n": {"$in": [3.0]}}), true),
        ] {
            assert_eq!(admits(&filter, metadata).unwrap(), expected, "{filter}");
        }
        for wrong in [
            json!({"$not": {"n": 1}}),
            json!({"n": {"$near": 1}}),
            json!({"n": null}),
            json!({"n": {"$gt": "a"}}),
            json!({"$or": []}),
        ] {
            assert!(admits(&wrong, metadata).is_err(), "{wrong}");
        }
    }
}
