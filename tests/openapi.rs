//! The OpenAPI documents are under review: they change only together with `tests/openapi.json` and
//! `tests/openapi-operator.json`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read its files, or finds them changed, must fail"
)]

use std::{collections::BTreeSet, fs, path::Path};

use consentry::http::{ProblemKind, openapi, operator_openapi};
use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn operator_document() -> Value {
    serde_json::to_value(operator_openapi()).unwrap()
}

fn is_reviewed(document: &Value, name: &str) {
    let reviewed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let now = format!("{document:#}\n");
    if fs::read_to_string(&reviewed).is_ok_and(|reviewed| reviewed == now) {
        return;
    }
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&fresh, now).unwrap();
    panic!(
        "the OpenAPI document differs from the reviewed one. If the change is meant, run\n  \
         cp {} tests/{name}\nand review the difference before you commit it",
        fresh.display()
    );
}

#[test]
fn the_document_is_the_reviewed_one() {
    is_reviewed(&document(), "openapi.json");
}

#[test]
fn the_operators_document_is_the_reviewed_one() {
    is_reviewed(&operator_document(), "openapi-operator.json");
}

#[test]
fn every_operation_says_who_may_call_it_and_what_it_answers() {
    let found = operations(&document());
    assert!(found >= 19, "found only {found} operations");
    let found = operations(&operator_document());
    assert!(found >= 4, "found only {found} operations");
}

fn operations(document: &Value) -> usize {
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(operation["security"].is_array(), "{name} says not who may call it");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            assert!(
                ids.insert(operation["operationId"].to_string()),
                "{name} has no id of its own"
            );
            let answers = operation["responses"].as_object().unwrap();
            let secured = operation["security"].to_string().contains("bearer");
            assert_eq!(answers.contains_key("401"), secured, "{name}: 401 goes with a token");
            assert_eq!(answers.contains_key("403"), secured, "{name}: 403 goes with a token");
        }
    }
    ids.len()
}

#[test]
fn every_reference_leads_somewhere() {
    let found = references(&document());
    assert!(found > 20, "found only {found} references");
    let found = references(&operator_document());
    assert!(found >= 4, "found only {found} references");
}

fn references(document: &Value) -> usize {
    let text = document.to_string();
    let mut found = 0;
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        found += 1;
    }
    found
}

#[test]
fn statuses_of_problems_are_statuses_of_answers() {
    let document = document().to_string();
    for kind in ProblemKind::ALL {
        let status = kind.status().as_u16();
        // Paths and methods that are not there have no operation.
        if matches!(status, 404 | 405) {
            continue;
        }
        assert!(document.contains(&format!("\"{status}\":{{")), "no operation answers {status}");
    }
}
