//! JSON schemas as tables, and examples made from them where the document gives none.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::{prose, text};

/// How deep inline objects are unfolded, and references followed for an example.
const DEEPEST: usize = 8;

/// The value itself, or what its `$ref` points at within `document`.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    text(value, &["$ref"])
        .and_then(|reference| document.pointer(reference.strip_prefix('#')?))
        .unwrap_or(value)
}

/// A schema's description and the table of its properties.
pub(super) fn described(schema: &Value) -> Markup {
    html! {
        @if text(schema, &["$ref"]).is_some() || schema.get("properties").is_none() {
            p { (kind(schema)) }
        }
        (prose::blocks(text(schema, &["description"]).unwrap_or_default()))
        (table(schema, 0))
    }
}

fn table(schema: &Value, depth: usize) -> Markup {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return html! {};
    };
    let required = |name: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|required| required == name))
    };
    html! {
        div.tablet {
            table {
                tr { th scope="col" { "Member" } th scope="col" { "Type" } th scope="col" { "Meaning" } }
                @for (name, property) in properties {
                    tr {
                        td.name { code { (name) } @if !required(name) { span.soft { " optional" } } }
                        td { (kind(property)) }
                        td {
                            (prose::blocks(text(property, &["description"]).unwrap_or_default()))
                            (limits(property))
                            @if depth < DEEPEST {
                                (table(property, depth + 1))
                                @if let Some(items) = property.get("items") { (table(items, depth + 1)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The type of a schema in a few words, with a link where it is a named one.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(reference) = text(schema, &["$ref"]) {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    for (member, glue) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema.get(member).and_then(Value::as_array) {
            return html! {
                @for (nth, part) in parts.iter().enumerate() {
                    @if nth > 0 { (glue) }
                    (kind(part))
                }
            };
        }
    }
    let format = text(schema, &["format"]);
    html! {
        @match schema.get("type") {
            Some(Value::String(name)) if name == "array" => {
                "array of " (kind(schema.get("items").unwrap_or(&Value::Null)))
            }
            Some(Value::String(name)) => { (name) }
            Some(Value::Array(names)) => {
                @for (nth, name) in names.iter().filter_map(Value::as_str).enumerate() {
                    @if nth > 0 { " or " }
                    (name)
                }
            }
            _ => { "any" }
        }
        @if let Some(format) = format { span.soft { " (" (format) ")" } }
    }
}

/// What a value must keep to.
fn limits(schema: &Value) -> Markup {
    const LIMITS: [(&str, &str); 9] = [
        ("const", "always "),
        ("default", "default "),
        ("minimum", "at least "),
        ("maximum", "at most "),
        ("minLength", "at least this many characters: "),
        ("maxLength", "at most this many characters: "),
        ("minItems", "at least this many entries: "),
        ("maxItems", "at most this many entries: "),
        ("pattern", "pattern "),
    ];
    let given: Vec<_> = LIMITS
        .iter()
        .filter_map(|(name, words)| schema.get(name).map(|value| (*words, plain(value))))
        .collect();
    let words = schema.get("enum").and_then(Value::as_array);
    html! {
        @if let Some(words) = words {
            p.soft {
                "One of "
                @for (nth, word) in words.iter().enumerate() {
                    @if nth > 0 { ", " }
                    code { (plain(word)) }
                }
            }
        }
        @if !given.is_empty() {
            p.soft {
                @for (nth, (words, value)) in given.iter().enumerate() {
                    @if nth > 0 { ", " }
                    (words) code { (value) }
                }
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The example of a media type, as it would be sent: its own, else one made from its schema.
pub(super) fn example(document: &Value, content: &Value) -> String {
    let named = content.get("examples").and_then(Value::as_object);
    let own = content
        .get("example")
        .or_else(|| named.and_then(|named| named.values().next()?.get("value")))
        .cloned();
    let value = own
        .unwrap_or_else(|| made(document, content.get("schema").unwrap_or(&Value::Null), DEEPEST));
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        // A `Value` has only string keys, so writing it cannot fail.
        other => serde_json::to_string_pretty(&other).unwrap_or_default(),
    }
}

/// A value that the schema allows.
fn made(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolve(document, schema);
    let own = ["example", "const", "default"].iter().find_map(|name| schema.get(name));
    let listed = schema.pointer("/examples/0").or_else(|| schema.pointer("/enum/0"));
    if let Some(value) = own.or(listed) {
        return value.clone();
    }
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    for member in ["oneOf", "anyOf"] {
        let parts = schema.get(member).and_then(Value::as_array);
        let part = parts.and_then(|parts| {
            parts.iter().find(|part| part.get("type").is_none_or(|kind| kind != "null"))
        });
        if let Some(part) = part {
            return made(document, part, depth);
        }
    }
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let mut members: Map<String, Value> = parts
        .filter_map(|part| match made(document, part, depth) {
            Value::Object(members) => Some(members),
            _ => None,
        })
        .flatten()
        .collect();
    for (name, property) in
        schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        members.insert(name.clone(), made(document, property, depth));
    }
    if !members.is_empty() {
        return Value::Object(members);
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|k| *k != "null"),
        other => other.and_then(Value::as_str),
    };
    match (kind, text(schema, &["format"])) {
        (Some("object"), _) => json!({}),
        (Some("array"), _) => {
            json!([made(document, schema.get("items").unwrap_or(&Value::Null), depth)])
        }
        (Some("string"), Some("date-time")) => json!("2026-01-02T03:04:05Z"),
        (Some("string"), Some("uuid")) => json!("0190c8a4-7d5e-7c3a-9b1f-2f6d8e4a1c05"),
        (Some("string"), _) => json!("text"),
        (Some("integer"), _) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        (Some("number"), _) => schema.get("minimum").cloned().unwrap_or(json!(0.5)),
        (Some("boolean"), _) => json!(true),
        _ => Value::Null,
    }
}
