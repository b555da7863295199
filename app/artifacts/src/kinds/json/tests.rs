use proptest::prelude::*;

use super::*;
use crate::MAX_BYTES;

const NONE: Value = Value::Null;

fn content(text: &str) -> Content<'_> {
    Content { text, language: None, metadata: &NONE, file: None, title: "t" }
}

const PLACE: Place<'static> = Place { id: "a", language: Language::En, base: "/artifacts/x", version: 4 };

fn part(text: &str, query: &[(&str, &str)]) -> Option<String> {
    Json.part(&content(text), PLACE, query).map(|part| match part {
        Part::Html(text) | Part::Json(text) => text,
    })
}

#[test]
fn a_tree_has_keys_types_counts_and_paths() {
    let html = Json
        .view(&content(r#"{"a":[1,{"odd key":"x"}],"b":null,"c":true,"d":{},"n":12345678901234567890.120}"#), PLACE);
    for expected in [
        "<cj-json><ul class=\"tree\"><li data-path=\"$\"><details open><summary><span class=\"count\">{} 5 keys</span>",
        "<li data-path=\"$.a\"><details open><summary><span class=\"key\">a</span> <span class=\"count\">[] 2 items</span>",
        "<li data-path=\"$.a[0]\"><span class=\"key\">0</span> <span class=\"number\">1</span></li>",
        "<li data-path=\"$.a[1][&quot;odd key&quot;]\"><span class=\"key\">odd key</span> <span class=\"string\">&quot;x&quot;</span></li>",
        "<span class=\"null\">null</span>",
        "<span class=\"boolean\">true</span>",
        "<li data-path=\"$.d\"><span class=\"key\">d</span> <span class=\"count\">{} 0 keys</span></li>",
        "<span class=\"number\">12345678901234567890.120</span>",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert!(!html.contains("data-more"));
    assert_eq!(html.matches("<ul").count(), html.matches("</ul>").count());
}

#[test]
fn long_lists_are_loaded_in_pieces_and_every_value_is_reached() {
    let text =
        format!("{{\"list\":[{}],\"after\":1}}", (0..5_000).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let html = Json.view(&content(&text), PLACE);
    assert!(html.contains("data-path=\"$.after\""), "what follows a long list is seen");
    // The places of what is missing: from which one on, and until which.
    let missing = |html: &str| -> Vec<(usize, usize)> {
        let number = |text: &str| text.split(['&', '"']).next().unwrap().parse().unwrap();
        let place = |text: &str| (number(text), number(text.split("&amp;until=").nth(1).unwrap()));
        html.split("path=$.list&amp;from=").skip(1).map(place).collect()
    };
    let [(mut from, until)] = missing(&html)[..] else { panic!("{html}") };
    assert_eq!(until, 5_000);
    // One that is looked for comes with those around it, and what is before it is still to be loaded.
    let asked = [("path", "$.list"), ("from", &from.to_string()), ("until", "5000"), ("at", "3000")];
    let html = part(&text, &asked).unwrap();
    assert!(html.contains("data-path=\"$.list[3000]\"") && !html.contains(&format!("data-path=\"$.list[{from}]\"")));
    assert_eq!(missing(&html), [(from, 2_980), (3_480, 5_000)]);
    let gap = part(&text, &[("path", "$.list"), ("from", "2700"), ("until", "2980")]).unwrap();
    assert_eq!((gap.matches("data-path=").count(), missing(&gap)), (280, Vec::new()));
    while from < 5_000 {
        let html = part(&text, &[("path", "$.list"), ("from", &from.to_string())]).unwrap();
        assert!(html.contains(&format!("data-path=\"$.list[{from}]\"")));
        from += html.matches("data-path=").count();
    }
    assert_eq!(part(&text, &[("path", "$.nothing")]), None);
    assert_eq!(part(&text, &[("path", "$.list"), ("from", "x")]), None);
    for (from, until, at) in
        [("9", "3", "5"), ("0", "18446744073709551615", "18446744073709551615"), ("18446744073709551615", "1", "0")]
    {
        part(&text, &[("path", "$.list"), ("from", from), ("until", until), ("at", at)]).unwrap();
    }
}

#[test]
fn a_search_tells_paths_of_keys_and_values() {
    let text = r#"{"Name":"Ana","people":[{"name":"Luis \u00d1"},{"x":["ANA"]}],"__proto__":{"ana":1}}"#;
    let found: Value = serde_json::from_str(&part(text, &[("q", "ana")]).unwrap()).unwrap();
    let paths: Vec<&str> =
        found["matches"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["$.Name", "$.people[1].x[0]", "$.__proto__.ana"]);
    assert_eq!(found["more"], false);
    let found: Value = serde_json::from_str(&part(text, &[("q", "ñ")]).unwrap()).unwrap();
    assert_eq!(found["matches"][0]["path"], "$.people[0].name");
    let many = format!("[{}]", vec!["\"x\""; 1_000].join(","));
    let found: Value = serde_json::from_str(&part(&many, &[("q", "x")]).unwrap()).unwrap();
    assert_eq!((found["matches"].as_array().unwrap().len(), &found["more"]), (200, &json!(true)));
    assert_eq!(part(text, &[("q", "")]).unwrap(), r#"{"matches":[],"more":false}"#);
}

#[test]
fn what_is_no_json_is_shown_as_lines_with_the_wrong_one_marked() {
    let text = "{\n  \"a\": 1,\n  \"b\": <script>\n}\n";
    let html = Json.view(&content(text), PLACE);
    assert!(html.contains("<li class=\"wrong\">") && html.contains("Line 3:") && !html.contains("<script"), "{html}");
    let problems = Json.problems(&content(text), Language::Es);
    assert_eq!((problems.len(), problems[0].line, problems[0].column), (1, Some(3), Some(8)));
    assert_eq!(part(text, &[("q", "a")]), None);
    assert!(matches!(Json.export(&content(text), "json", &[], Language::Es), Err(ExportError::Content(_))));
}

#[test]
fn keys_that_come_twice_are_told_with_their_line() {
    let problems = Json.problems(&content("{\"a\":1,\n\"__proto__\":2,\n\"a\":3}"), Language::Es);
    assert_eq!((problems.len(), problems[0].line, problems[0].column), (1, Some(3), Some(1)));
}

#[test]
fn attacks_stay_text() {
    let text = r#"{"\"><script>alert(1)</script>":"</script><img src=x onerror=alert(1)>","a' onclick='x":"javascript:alert(1)","b":"@]]>","__proto__":{"polluted":true}}"#.replace('@', "\u{202e}");
    let html = Json.view(&content(&text), PLACE);
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("' onclick"), "{html}");
    assert!(html.contains("data-path=\"$.__proto__.polluted\"") && html.contains("U+202E"), "{html}");
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    assert!(Json.view(&content(&deep), PLACE).starts_with("<cj-json>"));
    let deeper = format!("{}{}", "[".repeat(8_000_000), "]".repeat(8_000_000));
    assert_eq!(Json.problems(&content(&deeper), Language::Es).len(), 1);
    assert!(Json.view(&content(&deeper), PLACE).len() < 200 * 1024);
    let wide = format!("[{}1]", "1,".repeat((MAX_BYTES - 3) / 2));
    let html = Json.view(&content(&wide), PLACE);
    assert!(html.matches("<li").count() <= 2_001 && html.len() < 1024 * 1024, "{}", html.len());
    let nested = format!("{}{}{}", "[".repeat(120), "1,".repeat(4_000_000) + "1", "]".repeat(120));
    assert!(Json.view(&content(&nested), PLACE).matches("<li").count() <= 2_200);
    assert!(matches!(Json.export(&content(&nested), "json", &[], Language::Es), Err(ExportError::Content(_))));
    assert!(Json.export(&content(&nested), "compact", &[], Language::Es).is_ok());
    let keys = format!("{{{}\"z\":1}}", "\"k\":1,".repeat(2_000_000));
    assert_eq!(Json.problems(&content(&keys), Language::Es).len(), text::MAX_PROBLEMS);
    let long = format!("{{\"{}\":{{\"x\":[1]}},\"s\":\"{}\"}}", "k".repeat(100_000), "v".repeat(1_000_000));
    assert!(Json.view(&content(&long), PLACE).len() < 16 * 1024);
}

#[test]
fn json_is_known_by_name_and_by_what_it_is() {
    let of = |file_name, language, head: &[u8]| Json.recognise(&Found { file_name, language, head });
    assert!(of(Some("a.json"), None, b"{}") > 80);
    assert!(of(None, Some("json"), b"{}") > 80);
    assert!(of(None, None, b"{\"a\": [1, 2]}") > 80);
    assert!(of(None, None, format!("[{}", "\"abc\", ".repeat(1_000)).as_bytes()) > 50);
    assert_eq!(of(None, None, b"[link](x)"), 0);
    assert_eq!(of(None, None, b"hola"), 0);
}

fn wrong(text: &str, schema: Value) -> Vec<(Option<u32>, String)> {
    let metadata = Json
        .metadata(&Content { metadata: &json!({ "schema": schema, "other": 1 }), ..content(text) }, Language::En)
        .unwrap();
    assert!(metadata.get("other").is_none());
    let content = Content { metadata: &metadata, ..content(text) };
    Json.problems(&content, Language::En).into_iter().map(|problem| (problem.line, problem.words)).collect()
}

#[test]
fn a_schema_tells_what_is_wrong_by_line() {
    let schema = json!({
        "type": "object",
        "required": ["name", "age"],
        "properties": {
            "name": { "type": "string", "minLength": 2 },
            "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" }, "uniqueItems": true },
        },
        "additionalProperties": false,
        "$defs": { "tag": { "enum": ["a", "b"] } },
    });
    let found = wrong("{\n\"name\": \"x\",\n\"tags\": [\n\"a\",\n\"c\",\n\"a\"],\n\"more\": 1}", schema);
    let lines: Vec<u32> = found.iter().filter_map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 5, 6, 7], "{found:?}");
    assert!(found[0].1.contains("“age”") && found[4].1.contains("“more”"), "{found:?}");
}

#[test]
fn hostile_schemas_end() {
    // Doubles at every level.
    let mut defs = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
        defs.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
    }
    defs.insert("d40".to_owned(), json!(true));
    let found = wrong("1", json!({ "$ref": "#/$defs/d0", "$defs": defs }));
    assert!(found.iter().any(|(_, said)| said.contains("too much work")), "{found:?}");
    let found = wrong("1", json!({ "$ref": "#" }));
    assert!(found.iter().any(|(_, said)| said.contains("itself")), "{found:?}");
    let found = wrong("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"", json!({ "pattern": "^(a+)+$" }));
    assert_eq!(found.len(), 1, "{found:?}");
    let found = wrong("1", json!({ "$ref": "https://example.org/schema.json" }));
    assert!(found[0].1.contains("not checked") && found.len() == 1, "{found:?}");
    let found = wrong("\"x\"", json!({ "pattern": "(?=x)" }));
    assert!(found[0].1.contains("not checked"), "{found:?}");
    let big = json!({ "schema": { "description": "x".repeat(100_000) } });
    assert!(Json.metadata(&Content { metadata: &big, ..content("1") }, Language::Es).is_err());
    assert!(Json.metadata(&Content { metadata: &json!({ "schema": 1 }), ..content("1") }, Language::Es).is_err());
}

fn small_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..6).prop_map(Value::from),
        prop_oneof![Just(0.5), Just(2.0), Just(-1.5)].prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just("null"),
        Just("boolean"),
        Just("number"),
        Just("integer"),
        Just("string"),
        Just("array"),
        Just("object")
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        kind.prop_map(|kind| json!({ "type": kind })),
        (-2i64..4, -2i64..4).prop_map(|(least, most)| json!({ "minimum": least, "exclusiveMaximum": most })),
        (0u64..3, 0u64..4)
            .prop_map(|(least, most)| json!({ "minLength": least, "maxItems": most, "minProperties": least })),
        small_json().prop_map(|value| json!({ "const": value })),
        prop::collection::vec(small_json(), 1..3).prop_map(|values| json!({ "enum": values })),
        Just(json!({ "pattern": "^a" })),
        Just(json!({ "multipleOf": 2 })),
        Just(json!({ "uniqueItems": true })),
        Just(json!({ "$ref": "#/$defs/x" })),
        Just(json!({ "required": ["a"], "dependentRequired": { "b": ["c"] } })),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some.clone().prop_map(|some| json!({ "allOf": some })),
            some.clone().prop_map(|some| json!({ "anyOf": some })),
            some.clone().prop_map(|some| json!({ "oneOf": some })),
            inner.clone().prop_map(|one| json!({ "not": one })),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| json!({ "if": a, "then": b, "else": c })),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({ "properties": { "a": a }, "additionalProperties": b })),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({ "prefixItems": [a], "items": b })),
            (inner.clone(), 0u64..3)
                .prop_map(|(a, least)| json!({ "contains": a, "minContains": least, "maxContains": 2 })),
            inner
                .clone()
                .prop_map(|a| json!({ "patternProperties": { "^[ab]$": a }, "propertyNames": { "maxLength": 1 } })),
            inner.prop_map(|a| json!({ "dependentSchemas": { "a": a } })),
        ]
    })
}

proptest! {
    #[test]
    fn our_checks_agree_with_the_library_of_the_field(value in small_json(), schema in any_schema(), inner in small_json()) {
        let mut schema = if schema.is_object() { schema } else { json!({ "allOf": [schema] }) };
        schema["$defs"] = json!({ "x": { "enum": [inner, 1, "a"] } });
        let theirs = jsonschema::draft202012::new(&schema).unwrap().is_valid(&value);
        let found = schema::problems(&value.to_string(), &schema, Language::En);
        prop_assert_eq!(found.is_empty(), theirs, "{} {} {:?}", value, schema, found);
    }
}
