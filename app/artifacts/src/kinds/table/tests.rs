//! Tables as people and attackers write them.

use std::io::{Cursor, Read as _};

use calamine::{Data, Reader as _, Xlsx};
use proptest::prelude::*;

use super::{
    reading::{Separator, Table, unquoted},
    types::{Order, Point, Type, boolean, date, number, of_columns},
    window::fold,
    *,
};

const NONE: &Value = &Value::Null;

fn content<'a>(text: &'a str, metadata: &'a Value) -> Content<'a> {
    Content { text, language: None, metadata, file: None, title: "Ventas/2026" }
}

const PLACE: Place<'_> = Place { id: "a1", language: Language::Es, base: "/artifacts/x", version: 3 };

fn window(text: &str, metadata: &Value, query: &[(&str, &str)]) -> Value {
    let Some(Part::Json(json)) = Tables.part(&content(text, metadata), PLACE, query) else { panic!("{query:?}") };
    serde_json::from_str(&json).unwrap()
}

/// The rows' numbers in a window.
fn order(text: &str, query: &[(&str, &str)]) -> Vec<u64> {
    let window = window(text, NONE, query);
    window["rows"].as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()).collect()
}

fn edited(text: &str, edits: Value) -> Result<String, Problem> {
    Tables.apply(&content(text, NONE), &edits, Language::Es)
}

fn exported(text: &str, format: &str) -> Vec<u8> {
    Tables.export(&content(text, NONE), format, &[], Language::Es).unwrap().bytes
}

fn words_of(text: &str) -> Vec<(Option<u32>, String)> {
    let problems = Tables.problems(&content(text, NONE), Language::Es);
    problems.into_iter().map(|problem| (problem.line, problem.words)).collect()
}

/// Header and rows by the `csv` crate.
fn by_the_crate(text: &str, separator: u8) -> Vec<Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn by_us(text: &str, separator: u8) -> Vec<Vec<String>> {
    let table = Table::read(text, Separator::Told(separator));
    let header = (0..table.header_width).map(|column| table.name(column).into_owned()).collect();
    let rows = (0..table.rows()).map(|row| table.cells(row).map(|cell| cell.into_owned()).collect());
    if table.header_width == 0 { Vec::new() } else { std::iter::once(header).chain(rows).collect() }
}

#[test]
fn quotes_line_ends_and_separators_are_read_as_by_the_csv_crate() {
    for text in [
        "",
        "\n\n",
        "a,b\n1,2",
        "a,b\r\n1,2\r\n",
        "a,b\r1,2\r",
        "\u{feff}a,b\n1,2\n",
        "a,\"b\"\"c\"\n\"1\n2\",\"x,y\"\n",
        "a,b\n\"open,2\n3,4",
        "a,b\n\"x\"y,z\"w\"\n",
        "a\n\"\"\n\n\"\"\"\"\n\"\"\"",
        ",\n,,\n",
        "a,b,\n1,,3,4\n",
        "\"a\"\"",
        "\"",
        "a,\"",
    ] {
        assert_eq!(by_us(text, b','), by_the_crate(text, b','), "{text:?}");
    }
}

#[test]
fn the_separator_is_found_and_kept() {
    for (text, separator) in [
        ("a,b\n1,2\n", b','),
        ("a;b;c\n1,5;2,5;x\n3,1;4,0;y\n", b';'),
        ("a\tb\n1,5\t2;5\n", b'\t'),
        ("nombre,nota\nAna,\"a;b;c\"\nLuis,\"d;e;f\"\n", b','),
        ("una\ndos\n", b','),
        ("a,b;c,d\n1,2;3,4\n", b','),
    ] {
        let table = Table::read(text, Separator::Found);
        assert_eq!(char::from(table.separator), char::from(separator), "{text:?}");
    }
    assert_eq!(edited("a;b\r\n1,5;2\r\n", json!([{"set": [0, 1, "x;y"]}])).unwrap(), "a;b\r\n1,5;\"x;y\"\r\n");
    let told = Content { language: Some("tsv"), ..content("a,b\n1,2\n", NONE) };
    assert_eq!(Tables.metadata(&told, Language::En).unwrap()["columns"][0]["name"], "a,b");
}

#[test]
fn columns_are_what_their_cells_are() {
    let text = "texto,número,fecha,sí o no,código,vacía,teléfono,mezcla\n\
        uno,\"1.234,50 €\",31/12/2025,sí,08001,,+34 600 100 200,5\n\
        dos,\"-3,25\",01/02/2026 14:30,No,28013,,+34 600 100 201,x\n";
    let table = Table::read(text, Separator::Found);
    assert_eq!(
        of_columns(&table, &[], Language::En),
        [
            Type::Text,
            Type::Number(Point::Comma),
            Type::Date(Order::DayFirst),
            Type::Boolean,
            Type::Text,
            Type::Text,
            Type::Number(Point::Dot),
            Type::Text
        ]
    );
    let told = json!({"columns": [{"name": "número", "type": "text"}, {"name": "texto", "type": "nonsense"}, {"name": "fecha", "type": "number", "recognised": true}]});
    let kept = Tables.metadata(&content(text, &told), Language::Es).unwrap();
    assert_eq!(kept["columns"][1], json!({"name": "número", "type": "text"}), "what was told stays");
    assert_eq!(
        kept["columns"][2],
        json!({"name": "fecha", "type": "date", "recognised": true}),
        "what was seen is seen again"
    );
    assert_eq!(Tables.metadata(&content(text, &kept), Language::Es).unwrap(), kept);
}

#[test]
fn numbers_are_read_in_spanish_and_in_english() {
    let value = |text: &str, point| number(text, point).map(|number| number.value);
    for (text, dot, comma) in [
        ("1,234.5", Some(1234.5), Some(1234.5)),
        ("1.234,5", Some(1234.5), Some(1234.5)),
        ("1.234", Some(1.234), Some(1234.0)),
        ("1,234", Some(1234.0), Some(1.234)),
        ("1.234.567", Some(1_234_567.0), Some(1_234_567.0)),
        ("0.5", Some(0.5), Some(0.5)),
        ("0,5", Some(0.5), Some(0.5)),
        ("-12", Some(-12.0), Some(-12.0)),
        ("−12 %", Some(-12.0), Some(-12.0)),
        ("€ 1 234", Some(1234.0), Some(1234.0)),
        ("1e3", Some(1000.0), Some(1000.0)),
        (".5", Some(0.5), Some(0.5)),
        ("", None, None),
        ("-", None, None),
        ("1-2", None, None),
        ("12a", None, None),
        ("1e999999999999", None, None),
        ("NaN", None, None),
        ("inf", None, None),
        ("=1+1", None, None),
    ] {
        assert_eq!((value(text, Point::Dot), value(text, Point::Comma)), (dot, comma), "{text:?}");
    }
    let point = |cells: &str, language| {
        let text = format!("n;m\n{}", cells.split(' ').map(|cell| format!("{cell};x\n")).collect::<String>());
        match of_columns(&Table::read(&text, Separator::Told(b';')), &[], language)[0] {
            Type::Number(point) => point,
            other => panic!("{cells}: {other:?}"),
        }
    };
    // Where the cells tell, the language says nothing.
    for language in [Language::Es, Language::En] {
        assert_eq!(point("1,5 2.345 10", language), Point::Comma);
        assert_eq!(point("1.5 2,345 10", language), Point::Dot);
        assert_eq!(point("1.234 56789", language), Point::Dot);
        assert_eq!(point("1.234.567 1.000", language), Point::Comma);
    }
    assert_eq!(point("1.234 5.678", Language::Es), Point::Comma);
    assert_eq!(point("1.234 5.678", Language::En), Point::Dot);
}

#[test]
fn dates_are_days_that_there_are() {
    assert_eq!(date("29/02/2024", Order::DayFirst).map(|date| date.day), Some(29));
    assert_eq!(date("2026-03-31T10:20:30Z", Order::DayFirst).and_then(|date| date.seconds), Some(37_230));
    assert_eq!(date("12/31/2026", Order::MonthFirst).map(|date| (date.month, date.day)), Some((12, 31)));
    for bad in [
        "29/02/2025",
        "31/04/2026",
        "2026-13-01",
        "1/2/26",
        "2026-01-01 25:00",
        "1.2.3.4",
        "2026/1",
        "１/2/2026",
        "----------",
    ] {
        assert_eq!(date(bad, Order::DayFirst), None, "{bad}");
    }
    assert_eq!((boolean("SÍ"), boolean("No"), boolean("quizá")), (Some(true), Some(false), None));
}

#[test]
fn rows_are_sorted_by_what_they_are_and_empty_ones_come_last() {
    let text = "n,t,d\n10,Zorro,02/01/2026\n9,ñu,01/02/2025\n,Águila,\n-1,nube,31/12/2025\n9,oso,01/01/2026\nx,,\n";
    assert_eq!(order(text, &[("sort", "0")]), [3, 1, 4, 0, 5, 2], "one x among numbers makes no text of them");
    let words = "n\n10\n9\nx\ny\n";
    assert_eq!(order(words, &[("sort", "0")]), [0, 1, 2, 3], "text: as many words as numbers");
    let told = json!({"columns": [{"name": "n", "type": "number"}]});
    let by_number = |sort| {
        let rows = window(text, &told, &[("sort", sort)]);
        rows["rows"].as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(by_number("0"), [3, 1, 4, 0, 5, 2]);
    assert_eq!(by_number("-0"), [0, 1, 4, 3, 5, 2]);
    assert_eq!(order(text, &[("sort", "1")]), [2, 3, 1, 4, 0, 5], "ñ is a letter after n, and accents are none");
    assert_eq!(order(text, &[("sort", "-1")]), [0, 4, 1, 3, 2, 5]);
    assert_eq!(order(text, &[("sort", "2")]), [1, 3, 4, 0, 2, 5]);
}

#[test]
fn rows_are_filtered_without_accents_and_capitals() {
    let text = "ciudad,país\nMálaga,España\nMalmö,Suecia\nLima,Perú\nÑemby,Paraguay\n";
    assert_eq!(order(text, &[("filter", "MAL")]), [0, 1]);
    assert_eq!(order(text, &[("filter", "peru")]), [2]);
    assert_eq!(order(text, &[("f0", "mal"), ("f1", "españa")]), [0]);
    assert_eq!(order(text, &[("filter", "nemby")]), [3]);
    assert_eq!(order(text, &[("filter", "ma\u{301}laga")]), [0]);
    assert_eq!(order(text, &[("filter", "a"), ("sort", "-0"), ("from", "1"), ("count", "2")]), [1, 0]);
    let none = window(text, NONE, &[("filter", "zzz")]);
    assert_eq!(none, json!({"total": 0, "rows": []}));
    assert_eq!(fold("STRAßE ÇÁ", false), "straße ca");
}

#[test]
fn a_window_is_bounded_and_nonsense_is_no_part() {
    let text = format!("a\n{}", "x\n".repeat(2_000));
    assert_eq!(window(&text, NONE, &[("count", "100000")])["rows"].as_array().unwrap().len(), 500);
    assert_eq!(window(&text, NONE, &[("from", "1999")])["rows"], json!([[1999, "x"]]));
    assert_eq!(window(&text, NONE, &[("from", "18446744073709551615"), ("count", "5")])["rows"], json!([]));
    for bad in [("from", "-1"), ("count", "x"), ("sort", "1"), ("sort", "x"), ("f7", "x"), ("sort", "--0")] {
        assert_eq!(Tables.part(&content(&text, NONE), PLACE, &[bad]), None, "{bad:?}");
    }
    let wide = format!("{}\n{}", "a,".repeat(99), format!("{},", "y".repeat(30_000)).repeat(99));
    let text = format!("{wide}\n{wide}\n{wide}");
    let Some(Part::Json(json)) = Tables.part(&content(&text, NONE), PLACE, &[]) else { panic!() };
    assert!(json.len() < 6_000_000, "{}", json.len());
    assert!(Tables.view(&content(&text, NONE), PLACE).len() < 1_500_000);
}

#[test]
fn the_view_has_the_first_rows_and_tells_the_script_the_rest() {
    let text = format!("nombre,\"x\"\"<y>\"\n{}", "<script>alert(1)</script>,\"' onload='x\"\n".repeat(150));
    let html = Tables.view(&content(&text, NONE), PLACE);
    assert!(
        html.starts_with("<cj-table data-rows=\"150\" data-columns=\"[{&quot;name&quot;:&quot;nombre&quot;,"),
        "{html}"
    );
    assert!(html.contains("data-part=\"/artifacts/x/part?version=3\""));
    assert_eq!(html.matches("<tr data-row=").count(), 100);
    assert!(html.contains("<th scope=\"col\" data-type=\"text\">x&quot;&lt;y&gt;</th>"));
    assert!(!html.contains("<script") && !html.contains("' onload") && !html.contains("<y>"));
    assert!(html.contains("Se ven las primeras 100 filas de 150."));
    let long = format!("a\n{}", "ñ".repeat(5_000));
    assert!(Tables.view(&content(&long, NONE), PLACE).contains("<td data-cut>ñ"));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    assert!(words_of("")[0].1.contains("vacía"));
    assert_eq!(words_of("a,b\n1,2\n"), []);
    let uneven = words_of("a,b\n\"1\n1\",2\n3\n\n4,5,6\n");
    assert_eq!(uneven.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [Some(4), Some(6)], "{uneven:?}");
    assert!(uneven[1].1.contains("3 celdas") && uneven[1].1.contains('2'));
    assert!(words_of("1,2\n3,4\n")[0].1.contains("datos"));
    let open = words_of("a,b\n1,2\n3,\"x\n5,6\n");
    assert!(open[0].0 == Some(3) && open[0].1.contains("comillas"), "{open:?}");
    assert!(words_of(&format!("a,b\n1,{}\n", "x".repeat(200_000)))[0].1.contains("32767"));
    let names = words_of("a,A,,b\n1,2,3,4\n");
    assert!(names[0].1.contains("«A»") && names[1].1.contains("columna 3"), "{names:?}");
    assert_eq!(words_of(&format!("a,b\n{}", "1\n".repeat(500))).len(), 20);
    assert!(words_of(&format!("{}x\n", "a,".repeat(600)))[0].1.contains("500"));
    assert!(words_of(&format!("a\n{}", "1\n".repeat(200_001)))[0].1.contains("200000"));
}

#[test]
fn edits_are_applied_in_order_and_touch_nothing_else() {
    let text = "a,b\n\"1\",2\n3,4\n";
    assert_eq!(edited(text, json!([])).unwrap(), text);
    assert_eq!(edited(text, json!([{"set": [1, 0, "x"]}])).unwrap(), "a,b\n\"1\",2\nx,4\n");
    assert_eq!(
        edited(text, json!([{"insert": [1, ["n"]]}, {"set": [1, 1, "m"]}, {"remove": 0}])).unwrap(),
        "a,b\nn,m\n3,4\n"
    );
    assert_eq!(
        edited(text, json!([{"add_column": [1, "c"]}, {"set": [0, 1, "é,\"è\""]}, {"rename_column": [0, "á"]}, {"remove_column": 2}])).unwrap(),
        "á,c\n1,\"é,\"\"è\"\"\"\n3,\n"
    );
    assert_eq!(
        edited("a,b,c\n1\n2,3,4,5\n", json!([{"set": [0, 1, "x"]}])).unwrap(),
        "a,b,c,\n1,x,,\n2,3,4,5\n",
        "no cell is lost"
    );
    assert_eq!(edited("", json!([{"add_column": [0, "a"]}, {"insert": [0, [""]]}])).unwrap(), "a\n\"\"\n");
    assert_eq!(edited("a\n1\n", json!([{"remove_column": 0}])).unwrap(), "");
}

#[test]
fn edits_that_do_not_fit_apply_nothing_and_say_why() {
    for (bad, word) in [
        (json!({}), "no se edita así"),
        (json!(null), "no se edita así"),
        (json!([{"set": [0, 0, "x"]}, {"set": [9, 0, "x"]}]), "cambio 2"),
        (json!([{"set": [0, 9, "x"]}]), "cambio 1"),
        (json!([{"set": [0, 0, 5]}]), "no se entiende"),
        (json!([{"set": [-1, 0, "x"]}]), "no se entiende"),
        (json!([{"set": [0, 0]}]), "no se entiende"),
        (json!([{"drop": 0}]), "no se entiende"),
        (json!(["set"]), "no se entiende"),
        (json!([{"set": [0, 0, "x"], "remove": 0}]), "no se entiende"),
        (json!([{"__proto__": [0, 0, "x"]}]), "no se entiende"),
        (json!([{"insert": [0, ["1", "2", "3"]]}]), "no existe"),
        (json!([{"insert": [3, []]}]), "no existe"),
        (json!([{"remove": 2}]), "no existe"),
        (json!([{"add_column": [3, "x"]}]), "no existe"),
        (json!([{"set": [0, 0, "x".repeat(32_768)]}]), "32767"),
        (Value::from(vec![json!({"remove": 0}); 10_001]), "10000"),
    ] {
        let problem = edited("a,b\n1,2\n3,4\n", bad.clone()).unwrap_err();
        assert!(problem.words.contains(word), "{bad}: {}", problem.words);
    }
    assert!(edited("a\n1\n", json!([{"set": [0, 0, "ñ".repeat(32_767)]}])).is_ok());
    let full = format!("a\n{}", "1\n".repeat(200_000));
    assert!(edited(&full, json!([{"insert": [0, ["x"]]}])).unwrap_err().words.contains("200000"));
    let wide = format!("{}z\n", "a,".repeat(499));
    assert!(edited(&wide, json!([{"add_column": [0, "x"]}])).unwrap_err().words.contains("500"));
    let more = format!("a\n{}", "1\n".repeat(200_001));
    assert!(edited(&more, json!([{"set": [0, 0, "x"]}])).is_err(), "half of it would be lost");
}

/// What spreadsheet programs run.
const FORMULAS: &[&str] = &[
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =HYPERLINK(\"https://evil.example\",\"x\")",
    "\u{a0}=1+1",
    "\"=1+1",
    "＝1+1",
    "DDE(\"cmd\";\"/C calc\";\"x\")",
    "=DDE(\"cmd\";\"/C calc\";\"x\")",
    "-A1",
    "+A1",
    "a,=cmd|' /C calc'!A0",
    "a;=HYPERLINK(\"https://evil.example\")",
    "a\n=HYPERLINK(\"https://evil.example\")",
    "a\t\"@SUM(1)",
    "a,b,c; -2+cmd|' /C calc'!A0",
];

#[test]
fn no_cell_of_an_exported_csv_begins_a_formula_however_the_file_is_cut() {
    for formula in FORMULAS {
        let quoted = format!("\"{}\"", formula.replace('"', "\"\""));
        for separator in [",", ";", "\t"] {
            let text = format!("{quoted}{separator}b\n{quoted}{separator}2\n3{separator}{quoted}\n");
            let out = String::from_utf8(exported(&text, "csv")).unwrap();
            // As a program of another country reads it, too.
            for read_by in *b",;\t" {
                for cell in by_the_crate(&out, read_by).iter().flatten() {
                    let begins = cell
                        .trim_start_matches([' ', '\u{a0}', '"'])
                        .starts_with(['=', '@', '+', '-', '＝', '\t', '\r', '\n']);
                    let harmful = begins && (read_by == separator.as_bytes()[0] || cell.contains(['(', '|', '!']));
                    assert!(!harmful, "{cell:?} of {out:?} read by {:?}", char::from(read_by));
                }
            }
        }
    }
    // Numbers stay numbers, and words stay as they were.
    for plain in [
        "-5",
        "+34 600 100 200",
        "-1.234,56",
        "-1,234.56 €",
        "-12 %",
        "-1e-5",
        "a - b",
        "3 = 3",
        "x@y.es",
        "uno, -dos y tres",
        "",
    ] {
        assert_eq!(export::harmless(plain.into()), plain);
    }
    assert_eq!(export::harmless("-".into()), "'-");
    assert_eq!(export::harmless("--5".into()), "'--5");
    assert_eq!(export::harmless("-5e5!A0".into()), "'-5e5!A0");
}

#[test]
fn an_exported_workbook_opens_with_numbers_dates_and_no_formula() {
    let mut text = String::from("texto;número;fecha;parte;activo;código\n");
    for formula in FORMULAS {
        text.push_str(&format!("\"{}\";\"1.234,5\";31/12/2025;\"12,5 %\";sí;0012\n", formula.replace('"', "\"\"")));
    }
    text.push_str("\"\u{1}_x0041_ <script>&\";x;y;z;quizá;https://evil.example\n");
    let told = json!({"columns": [{"name": "número", "type": "number"}, {"name": "fecha", "type": "date"}, {"name": "parte", "type": "number"}, {"name": "activo", "type": "boolean"}]});
    let file = Tables.export(&content(&text, &told), "xlsx", &[], Language::Es).unwrap();
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(file.bytes.clone())).unwrap();
    assert_eq!(book.sheet_names(), ["Ventas 2026"]);
    assert!(book.worksheet_formula("Ventas 2026").unwrap().used_cells().next().is_none());
    let sheet = book.worksheet_range("Ventas 2026").unwrap();
    assert_eq!(sheet.get_value((0, 1)), Some(&Data::String("número".to_owned())));
    for (row, formula) in (1..).zip(FORMULAS) {
        let Some(Data::String(cell)) = sheet.get_value((row, 0)) else { panic!("{formula:?}") };
        assert_eq!(cell.replace("\r", ""), formula.replace("\r", ""));
        assert_eq!(sheet.get_value((row, 1)), Some(&Data::Float(1234.5)));
        assert!(
            matches!(sheet.get_value((row, 2)), Some(Data::DateTime(day)) if day.as_f64() == 46_022.0),
            "{:?}",
            sheet.get_value((row, 2))
        );
        assert_eq!(sheet.get_value((row, 3)), Some(&Data::Float(0.125)));
        assert_eq!(sheet.get_value((row, 4)), Some(&Data::Bool(true)));
        assert_eq!(sheet.get_value((row, 5)), Some(&Data::String("0012".to_owned())));
    }
    let last = u32::try_from(FORMULAS.len() + 1).unwrap();
    assert_eq!(sheet.get_value((last, 1)), Some(&Data::String("x".to_owned())));
    // No formula, no link, no connection, no macro, by the file itself.
    let mut archive = zip::ZipArchive::new(Cursor::new(file.bytes)).unwrap();
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut xml = String::new();
        part.read_to_string(&mut xml).unwrap();
        assert!(
            !xml.contains("<f>") && !xml.contains("<f ") && !xml.contains("ddeLink") && !xml.contains("<hyperlink"),
            "{name}"
        );
        assert!(!xml.contains("TargetMode=\"External\""), "{name}");
        assert!(!["vba", "externalLinks", "connections", "embeddings"].iter().any(|bad| name.contains(bad)), "{name}");
        let mut reader = quick_xml::Reader::from_str(&xml);
        while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
    }
}

#[test]
fn a_workbook_that_would_be_too_large_is_refused_in_words() {
    let text = format!("{}z\n{}", "a,".repeat(49), format!("{}9\n", "1,".repeat(49)).repeat(50_000));
    let refused = Tables.export(&content(&text, NONE), "xlsx", &[], Language::En).unwrap_err();
    assert!(matches!(&refused, ExportError::Content(problem) if problem.words.contains("CSV")), "{refused}");
    for (title, name) in
        [("", "Tabla"), ("'a'", "a"), ("[a]:*?/\\", "a"), ("History", "Tabla"), (&"ñ".repeat(99), &"ñ".repeat(31))]
    {
        let file = Tables.export(&Content { title, ..content("a,b\n1,2\n", NONE) }, "xlsx", &[], Language::En).unwrap();
        let book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(file.bytes)).unwrap();
        assert_eq!(book.sheet_names(), [name]);
    }
}

#[test]
fn markdown_goes_out_and_comes_back() {
    let text = "nombre,total\na|b \\ *c* `d` [e](javascript:x) <b>,5\n\"dos\nlíneas & $x$\",-3\n";
    let out = String::from_utf8(exported(text, "md")).unwrap();
    assert!(out.starts_with("| nombre | total |\n| --- | ---: |\n"), "{out}");
    assert!(!cjhirashi_markdown::render(&out, &[], cjhirashi_markdown::Place::new("t", Language::En)).contains("<a "));
    assert_eq!(from_markdown(&out).unwrap(), text);
    assert_eq!(
        from_markdown("Antes\n\n| a | b |\n|---|---|\n| **x** | `y,z` |\n\nDespués").unwrap(),
        "a,b\nx,\"y,z\"\n"
    );
    assert_eq!(from_markdown("no | table"), None);
    assert_eq!(from_markdown(""), None);
}

#[test]
fn tables_are_known_by_name_language_and_look() {
    let found =
        |file_name, language, head: &str| Tables.recognise(&Found { file_name, language, head: head.as_bytes() });
    assert_eq!(found(Some("Ventas.CSV"), None, "a,b\n"), 95);
    assert_eq!(found(Some("x.tsv"), None, ""), 95);
    assert_eq!(found(None, Some("csv"), "a"), 95);
    assert_eq!(found(Some("x.csv"), None, "\0\0"), 0);
    assert_eq!(found(Some("x.md"), None, "| a | b |\n|---|---|\n"), 0);
    assert_eq!(found(Some("csv"), None, "a"), 0);
    assert_eq!(found(None, Some("rust"), "| a |\n|---|\n"), 0);
    assert!(found(None, None, "| a | b |\n|---|---|\n| 1 | 2 |") > 50);
    assert!(found(None, None, "a;b;c\n1;2;3\n4;5;6\n") > 0);
    assert_eq!(found(None, None, "Hola, qué tal.\nBien, gracias, y tú.\nBien.\n"), 0);
    assert_eq!(found(None, None, "let a = f(1, 2, 3);\nlet b = f(1, 2, 3);\nlet c = f(1, 2, 3);\n"), 0);
    assert_eq!(Tables.recognise(&Found { head: &[0xff, 0xfe, 0x41], ..Found::default() }), 0);
    assert_eq!(Tables.recognise(&Found { head: &"a;b;c\n1;2;3\n4;5;6\nñ".as_bytes()[..19], ..Found::default() }), 25);
}

#[test]
fn hostile_tables_cost_little() {
    let quotes = "\"".repeat(8 * 1024 * 1024);
    let commas = ",".repeat(8 * 1024 * 1024);
    let lines = "a\n".repeat(4 * 1024 * 1024);
    let wide = format!("{}\n", ",".repeat(499)).repeat(20_000);
    for text in [&quotes, &commas, &lines, &wide] {
        let begun = std::time::Instant::now();
        let table = Table::read(text, Separator::Found);
        assert!(table.rows() <= reading::MAX_ROWS && table.width <= MAX_COLUMNS);
        let _ = Tables.problems(&content(text, NONE), Language::Es);
        assert!(Tables.view(&content(text, NONE), PLACE).len() < 2_000_000);
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}

/// A table as large as the plan has it; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "it measures"]
fn a_window_of_a_hundred_thousand_rows() {
    let text: String = std::iter::once("id,nombre,ciudad,importe,fecha,activo\n".to_owned())
        .chain((0..100_000_u64).map(|n| {
            let mixed = n.wrapping_mul(2_654_435_761) % 100_000;
            format!(
                "{n},Cliente {mixed},Málaga {},\"{},{:02}\",{:02}/{:02}/2025,{}\n",
                mixed % 97,
                mixed,
                n % 100,
                n % 28 + 1,
                n % 12 + 1,
                if n % 3 == 0 { "sí" } else { "no" }
            )
        }))
        .collect();
    println!("{} bytes", text.len());
    let measure = |name: &str, f: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        f();
        let first = begun.elapsed();
        let mut times: Vec<_> = (0..20)
            .map(|_| {
                let begun = std::time::Instant::now();
                f();
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{name}: first {first:?}, then median {:?}, slowest {:?}", times[10], times[19]);
    };
    measure("read", &mut || drop(Table::read(&text, Separator::Found)));
    measure("view", &mut || drop(Tables.view(&content(&text, NONE), PLACE)));
    let mut from = 0;
    for (name, query) in [
        ("window", vec![]),
        ("sorted by text", vec![("sort", "1")]),
        ("sorted by number", vec![("sort", "-3")]),
        ("sorted by date", vec![("sort", "4")]),
        ("filtered", vec![("filter", "malaga 7")]),
        ("filtered and sorted", vec![("f1", "cliente 9"), ("sort", "-1")]),
    ] {
        measure(name, &mut || {
            from = (from + 1_000) % 90_000;
            let from = from.to_string();
            let query: Vec<_> = query.iter().copied().chain([("from", from.as_str()), ("count", "500")]).collect();
            drop(Tables.part(&content(&text, NONE), PLACE, &query));
        });
    }
    measure("one edit", &mut || drop(edited(&text, json!([{"set": [50_000, 1, "x"]}])).unwrap()));
    let edits: Value = (0..10_000).map(|n| json!({"insert": [n, ["x"]]})).collect();
    measure("10,000 inserts", &mut || drop(edited(&text, edits.clone()).unwrap()));
    measure("a new column", &mut || drop(edited(&text, json!([{"add_column": [1, "x"]}])).unwrap()));
    measure("metadata", &mut || drop(Tables.metadata(&content(&text, NONE), Language::Es).unwrap()));
    measure("problems", &mut || drop(Tables.problems(&content(&text, NONE), Language::Es)));
    for format in ["csv", "md", "xlsx"] {
        let begun = std::time::Instant::now();
        let bytes = exported(&text, format);
        println!("{format}: {:?}, {} bytes", begun.elapsed(), bytes.len());
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zñ0-9 ]{0,8}",
        prop::collection::vec(
            prop::sample::select(vec!["\"", ",", ";", "\n", "\r", "\t", "a", "ñ", "=", "'", " ", "日", "\u{0}"]),
            0..8
        )
        .prop_map(|pieces| pieces.concat()),
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_as_by_the_csv_crate(
        pieces in prop::collection::vec(prop::sample::select(vec!["\"", "\"\"", ",", ";", "\n", "\r\n", "\r", "a", "ñ", " ", "1", "\t"]), 0..40),
        separator in prop::sample::select(vec![b',', b';', b'\t']),
    ) {
        let text = pieces.concat();
        prop_assert_eq!(by_us(&text, separator), by_the_crate(&text, separator));
    }

    #[test]
    fn what_is_written_is_read_back(rows in prop::collection::vec(prop::collection::vec(cell(), 3), 1..10)) {
        let mut out = Vec::new();
        for row in &rows {
            edits::write_line(row.iter().map(|cell| cell.as_str().into()), b';', "\n", &mut out).unwrap();
        }
        prop_assert_eq!(by_us(std::str::from_utf8(&out).unwrap(), b';'), rows);
    }

    #[test]
    fn edits_do_what_they_say(
        rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..6),
        edits in prop::collection::vec((0..6_u8, 0..7_usize, 0..4_usize, cell()), 0..12),
    ) {
        let mut plain: Vec<Vec<String>> = std::iter::once(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]).chain(rows).collect();
        let mut out = Vec::new();
        for row in &plain {
            edits::write_line(row.iter().map(|cell| cell.as_str().into()), b',', "\n", &mut out).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        let mut asked = Vec::new();
        for (what, row, column, value) in edits {
            let (height, width) = (plain.len() - 1, plain[0].len());
            match what {
                0 if row < height && column < width => {
                    plain[row + 1][column].clone_from(&value);
                    asked.push(json!({"set": [row, column, value]}));
                }
                1 if row <= height && width > 0 => {
                    let mut cells = vec![String::new(); width];
                    cells[0].clone_from(&value);
                    plain.insert(row + 1, cells);
                    asked.push(json!({"insert": [row, [value]]}));
                }
                2 if row < height => {
                    plain.remove(row + 1);
                    asked.push(json!({"remove": row}));
                }
                3 if column <= width => {
                    plain.iter_mut().for_each(|row| row.insert(column, String::new()));
                    plain[0][column].clone_from(&value);
                    asked.push(json!({"add_column": [column, value]}));
                }
                4 if column < width && width > 1 => {
                    plain.iter_mut().for_each(|row| drop(row.remove(column)));
                    asked.push(json!({"remove_column": column}));
                }
                5 if column < width => {
                    plain[0][column].clone_from(&value);
                    asked.push(json!({"rename_column": [column, value]}));
                }
                _ => {}
            }
        }
        // A header that says nothing of its separator could be read otherwise.
        let told = Table::read(&text, Separator::Told(b','));
        let out = edits::apply(&told, &Value::from(asked), Language::En).unwrap();
        prop_assert_eq!(by_the_crate(&out, b','), plain);
    }

    #[test]
    fn no_cell_can_become_a_formula_or_an_element(cell in cell()) {
        let out = export::harmless(cell.as_str().into());
        prop_assert!(!out.starts_with(['=', '@', '\t', '\r', '\n']), "{:?}", out);
        let text = format!("a,b\n\"{}\",<img src=x onerror=alert(1)>\n", cell.replace('"', "\"\""));
        let html = Tables.view(&content(&text, NONE), PLACE);
        prop_assert!(!html.contains("<img"));
    }

    #[test]
    fn a_cell_is_what_its_quotes_say(cell in cell()) {
        let written = format!("\"{}\"", cell.replace('"', "\"\""));
        prop_assert_eq!(unquoted(&written), cell);
    }

    #[test]
    fn numbers_and_dates_never_panic(text in ".{0,40}", digits in "[-+0-9.,eE €%'/: T]{0,24}") {
        for text in [&text, &digits] {
            let _ = (number(text, Point::Dot), number(text, Point::Comma), date(text, Order::DayFirst), boolean(text));
        }
    }
}
