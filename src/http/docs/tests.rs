//! What a reader finds on the pages, and what no page may hold.

use axum::response::IntoResponse as _;
use serde_json::json;

use super::*;

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Consentry", "version": "1", "description": "First.\n\n- one\n- `two`"},
        "tags": [{"name": "Consent"}, {"name": "Empty"}],
        "security": [{"bearer": []}],
        "paths": {
            "/healthz": {"get": {"operationId": "health", "security": [], "responses": {"200": {"description": "Alive"}}}},
            "/v1/consents": {"post": {
                "tags": ["Consent"], "operationId": "record_consent", "summary": "Record <b>one</b> act",
                "security": [{"bearer": ["consent"]}, {"bearer": ["self"]}],
                "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Act"}}}},
                "responses": {
                    "201": {"description": "Recorded", "content": {"application/json": {"example": {"epoch": 12}}}},
                    "422": {"$ref": "#/components/responses/Problem"}
                }
            }}
        },
        "components": {
            "responses": {"Problem": {"description": "Of the wrong form"}},
            "schemas": {"Act": {
                "type": "object", "required": ["purpose"],
                "properties": {
                    "purpose": {"type": "string", "example": "it's"},
                    "action": {"type": "string", "enum": ["give", "refuse"]},
                    "count": {"type": ["integer", "null"], "minimum": 3, "maximum": 9},
                    "again": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Act"}]},
                    "entries": {"type": "array", "items": {"type": "object", "properties": {"deep": {"type": "boolean"}}}}
                }
            }}
        }
    })
}

fn html() -> String {
    String::from_utf8(reference(&document()).html().to_vec()).unwrap()
}

#[test]
fn each_operation_has_an_anchor_a_scope_and_a_call_to_paste() {
    let html = html();
    for part in [
        r##"<a href="#record-consent">"##,
        r#"<h3 id="record-consent">"#,
        "<code>consent</code> or <code>self</code>",
        "none, anyone may call this",
        "curl -X POST &quot;$URL/v1/consents&quot; -H &quot;Authorization: Bearer $TOKEN&quot;",
        "<code>curl &quot;$URL/healthz&quot;</code>",
        r"&quot;purpose&quot;: &quot;it'\''s&quot;",
        "&quot;epoch&quot;: 12",
        "Of the wrong form",
        "<code>Idempotency-Key</code>",
    ] {
        assert!(html.contains(part), "{part} is not on the page");
    }
    assert!(!html.contains(">Empty<"), "a tag without operations has no heading");
}

#[test]
fn schemas_show_types_limits_and_what_is_optional() {
    let html = html();
    for part in [
        r##"<a href="#schema-Act">Act</a>"##,
        "One of <code>give</code>, <code>refuse</code>",
        "at least <code>3</code>, at most <code>9</code>",
        "integer or null",
        "<code>deep</code>",
        "<code>purpose</code></td>",
        r#"<code>action</code><span class="soft"> optional</span>"#,
        "<li>one</li><li><code>two</code></li>",
    ] {
        assert!(html.contains(part), "{part} is not on the page");
    }
}

#[test]
fn all_problems_are_listed_and_have_pages() {
    let html = html();
    for kind in ProblemKind::ALL {
        let slug = kind.page().slug;
        assert!(html.contains(&format!("/problems/{slug}")), "{slug}");
        assert!(problem(slug).is_some(), "{slug}");
    }
    assert!(problem("unheard-of").is_none());
}

#[test]
fn a_page_is_whole_in_itself_and_text_is_never_markup() {
    let html = html();
    assert!(html.contains("Record &lt;b&gt;one&lt;/b&gt; act"));
    for foreign in
        ["<b>", "<script", "<img", "<link", "http://", "https://", "style=\"", "url(", "@import"]
    {
        assert!(!html.contains(foreign), "{foreign}");
    }
}

#[test]
fn the_policy_allows_the_style_sheet_and_nothing_else() {
    let response = reference(&document()).response().into_response();
    let headers = response.headers();
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    // The hash is that of the element's text: nothing may stand between the tags and the style.
    let html = html();
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    assert!(policy.contains(&STANDARD.encode(hash)));
}

#[test]
fn documents_of_any_shape_make_a_page() {
    for odd in [
        json!(null),
        json!([]),
        json!({"paths": []}),
        json!({"paths": {"/a": {"get": 7, "put": {}}}}),
        json!({"components": {"schemas": {"A": {"$ref": "#/components/schemas/A"}}}}),
    ] {
        assert!(reference(&odd).html().starts_with(b"<!DOCTYPE html>"));
    }
}
