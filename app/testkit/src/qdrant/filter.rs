//! Filters, as Qdrant evaluates them over a point's id and payload.

use serde_json::Value;

use super::Refusal;

/// Whether a point fits. No filter fits every point.
pub(super) fn fits(filter: &Value, id: &str, payload: &Value) -> Result<bool, Refusal> {
    let conditions = |name: &str| -> Vec<Value> {
        match &filter[name] {
            Value::Null => Vec::new(),
            Value::Array(conditions) => conditions.clone(),
            one => vec![one.clone()],
        }
    };
    if !filter["min_should"].is_null() {
        return Err(unknown("min_should"));
    }
    for condition in conditions("must") {
        if !holds(&condition, id, payload)? {
            return Ok(false);
        }
    }
    for condition in conditions("must_not") {
        if holds(&condition, id, payload)? {
            return Ok(false);
        }
    }
    let should = conditions("should");
    let mut one = should.is_empty();
    for condition in should {
        one |= holds(&condition, id, payload)?;
    }
    Ok(one)
}

fn holds(condition: &Value, id: &str, payload: &Value) -> Result<bool, Refusal> {
    if let Some(ids) = condition["has_id"].as_array() {
        return Ok(ids.iter().any(|known| known.as_str() == Some(id)));
    }
    let Some(key) = condition["key"].as_str() else {
        let nested = ["must", "must_not", "should"].iter().any(|name| !condition[name].is_null());
        return if nested { fits(condition, id, payload) } else { Err(unknown(&condition.to_string())) };
    };
    // A list in a payload fits when one of its values does.
    let values = match &payload[key] {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    };
    let matches = &condition["match"];
    if !matches.is_null() {
        return if let Some(wanted) = matches["any"].as_array() {
            Ok(values.iter().any(|value| wanted.contains(value)))
        } else if matches["value"].is_null() {
            Err(unknown(&matches.to_string()))
        } else {
            Ok(values.contains(&&matches["value"]))
        };
    }
    let range = &condition["range"];
    if range.is_null() {
        return Err(unknown(&condition.to_string()));
    }
    // As floats, as Qdrant does.
    let within = |value: f64| {
        let holds =
            |name: &str, holds: fn(f64, f64) -> bool| range[name].as_f64().is_none_or(|bound| holds(value, bound));
        holds("gt", |a, b| a > b)
            && holds("gte", |a, b| a >= b)
            && holds("lt", |a, b| a < b)
            && holds("lte", |a, b| a <= b)
    };
    Ok(values.iter().filter_map(|value| value.as_f64()).any(within))
}

fn unknown(what: &str) -> Refusal {
    Refusal::wrong_input(format!("the tests' server does not know {what}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_joins_its_three_lists() {
        let payload = json!({"user_id": "ana", "version": 2, "tags": ["a", "b"]});
        for (filter, expected) in [
            (json!({}), true),
            (json!({"must": [{"key": "user_id", "match": {"value": "ana"}}]}), true),
            (json!({"must": {"key": "user_id", "match": {"value": "eva"}}}), false),
            (json!({"must_not": [{"key": "version", "match": {"value": 2}}]}), false),
            (json!({"should": [{"key": "nothing", "match": {"value": "x"}}]}), false),
            (json!({"should": [{"key": "nothing", "match": {"value": "x"}}, {"has_id": ["p"]}]}), true),
            (json!({"must": [{"should": [{"key": "tags", "match": {"any": ["b", "c"]}}]}]}), true),
            (json!({"must": [{"key": "version", "range": {"gte": 2, "lt": 3}}]}), true),
            (json!({"must": [{"key": "version", "range": {"gt": 2}}]}), false),
        ] {
            assert_eq!(fits(&filter, "p", &payload).unwrap(), expected, "{filter}");
        }
        assert!(fits(&json!({"must": [{"key": "a", "match": {"text": "b"}}]}), "p", &payload).is_err());
    }
}
