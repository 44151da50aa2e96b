//! The published schema, held against what is written. Only the keywords that the schema uses are understood, and `pattern` is
//! left to real validators.

use serde_json::Value;

use crate::model::code::{Code, Verdict};

use super::{examples, json, wording};

const SCHEMA: &str = include_str!("../../docs/report.schema.json");
const PAGE: &str = include_str!("../../docs/report-file.md");

/// What is wrong with `value` at `path`.
fn faults(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, said) in schema.as_object().unwrap() {
        let good = match keyword.as_str() {
            "$ref" => {
                let name = said.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                faults(root, &root["$defs"][name], value, path, found);
                true
            }
            "type" => has_type(value, said.as_str().unwrap()),
            "const" => value == said,
            "enum" => said.as_array().unwrap().contains(value),
            "minimum" => value.as_f64() >= said.as_f64(),
            "maximum" => value.as_f64() <= said.as_f64(),
            "required" => said.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, member) in value.as_object().unwrap() {
                    match said.get(name) {
                        Some(schema) => faults(root, schema, member, &format!("{path}.{name}"), found),
                        None => found.push(format!("{path}.{name} is not described")),
                    }
                }
                true
            }
            "items" => {
                value.as_array().unwrap().iter().for_each(|item| faults(root, said, item, &format!("{path}[]"), found));
                true
            }
            "$schema" | "$defs" | "title" | "description" | "pattern" => true,
            unknown => panic!("this check does not understand `{unknown}`"),
        };
        if !good {
            found.push(format!("{path}: {keyword} {said} against {value}"));
        }
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("this check does not understand the type `{other}`"),
    }
}

fn check(value: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut found = Vec::new();
    faults(&schema, &schema, value, "report", &mut found);
    found
}

#[test]
fn every_report_is_what_the_schema_says() {
    let reports = Code::ALL.iter().map(|code| examples::of(*code));
    let reports =
        reports.chain([examples::clean(), examples::truncated(), examples::without_lines(), examples::everything()]);
    for report in reports {
        let value = serde_json::from_str(&json::to_string(&report).unwrap()).unwrap();
        assert_eq!(
            check(&value),
            Vec::<String>::new(),
            "{}",
            report.findings.first().map_or("clean", |f| f.code.as_str())
        );
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let good: Value = serde_json::from_str(&json::to_string(&examples::of(Code::Leak)).unwrap()).unwrap();
    let spoilt = |spoil: fn(&mut Value)| {
        let mut value = good.clone();
        spoil(&mut value);
        check(&value).len()
    };
    assert_eq!(spoilt(|_| {}), 0);
    assert_eq!(spoilt(|v| v["schema"] = 2.into()), 1);
    assert_eq!(spoilt(|v| v["findings"][0]["count"] = 0.into()), 1);
    assert_eq!(spoilt(|v| v["findings"][0]["blocks"][0]["born"][0]["own"] = "yes".into()), 1);
    assert_eq!(spoilt(|v| v["points"]["total"] = Value::Null), 2);
    assert_eq!(spoilt(|v| drop(v.as_object_mut().unwrap().remove("trials"))), 1);
    assert_eq!(spoilt(|v| v["other"] = 1.into()), 1);
}

#[test]
fn absurd_sizes_stay_exact_for_every_reader() {
    let mut report = examples::of(Code::Abort);
    report.findings[2].culprit.as_mut().unwrap().size = u64::MAX / 2;
    let value = serde_json::from_str(&json::to_string(&report).unwrap()).unwrap();
    assert_eq!(check(&value), Vec::<String>::new());
    let mut report = examples::of(Code::WrongLayout);
    report.findings[0].blocks.clear();
    let error = report.findings[0].memory.as_mut().unwrap();
    (error.given.as_mut().unwrap().size, error.new_size) = (u64::MAX / 2, Some(u64::MAX / 2));
    let text = json::to_string(&report).unwrap();
    assert_eq!(check(&serde_json::from_str(&text).unwrap()), Vec::<String>::new());
    let headline = |report: &crate::model::report::Report| wording::headline(&report.findings[0], report);
    assert_eq!(headline(&report), headline(&json::from_str(&text).unwrap()));
    assert!(headline(&report).ends_with("`alloc` was asked for more bytes than any block can have"));
}

#[test]
fn the_page_names_every_word_and_member() {
    for word in Code::ALL.iter().map(|code| code.as_str()).chain(Verdict::ALL.iter().map(|verdict| verdict.as_str())) {
        assert!(PAGE.contains(&format!("`{word}`")), "docs/report-file.md does not explain `{word}`");
    }
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let defs = schema["$defs"].as_object().unwrap().values();
    for object in defs.chain([&schema]) {
        let object = if object["type"] == "array" { &object["items"] } else { object };
        for name in object["properties"].as_object().into_iter().flat_map(|members| members.keys()) {
            assert!(PAGE.contains(&format!("`{name}`")), "docs/report-file.md does not explain `{name}`");
        }
    }
}

/// Writes the example reports for a validator of another house: `OOMSWEEP_EXAMPLES=dir cargo test --lib schema -- --ignored`.
#[test]
#[ignore = "writes files"]
fn write_the_examples() {
    let folder =
        std::path::PathBuf::from(std::env::var_os("OOMSWEEP_EXAMPLES").expect("OOMSWEEP_EXAMPLES names a folder"));
    for code in Code::ALL {
        std::fs::write(folder.join(format!("{code}.json")), json::to_string(&examples::of(*code)).unwrap()).unwrap();
    }
    std::fs::write(folder.join("everything.json"), json::to_string(&examples::everything()).unwrap()).unwrap();
    std::fs::write(folder.join("clean.json"), json::to_string(&examples::clean()).unwrap()).unwrap();
}
