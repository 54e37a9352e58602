//! The JSON Schema of an export, made from the types that write it.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::document::Export;

/// Where references in the OpenAPI document lead, and where they lead here.
const COMPONENTS: &str = "#/components/schemas/";
const DEFS: &str = "#/$defs/";

/// The schema, as JSON Schema 2020-12.
pub(super) fn document() -> Value {
    let mut parts = Vec::new();
    Export::schemas(&mut parts);
    // A schema of strings, numbers and lists is JSON.
    let defs: Map<String, Value> = parts
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": super::SCHEMA,
        "title": "An export of all that a Consentry gateway holds of a person",
    });
    if let (Some(document), Ok(Value::Object(root))) =
        (document.as_object_mut(), serde_json::to_value(Export::schema()))
    {
        document.extend(root);
        document.insert("$defs".to_owned(), Value::Object(defs));
    }
    point_here(&mut document);
    document
}

fn point_here(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(COMPONENTS)
            {
                *reference = format!("{DEFS}{name}");
            }
            members.values_mut().for_each(point_here);
        }
        Value::Array(list) => list.iter_mut().for_each(point_here),
        _ => {}
    }
}
