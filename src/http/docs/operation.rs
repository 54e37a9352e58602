//! One operation of the API: what it is for, who may call it, what goes in and what comes out.

use maud::{Markup, html};
use serde_json::Value;

use super::{anchor, prose, schema, text};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One method of one path.
pub(super) struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    value: &'a Value,
}

/// The operations by their first tag, in the document's order of tags, then of paths.
pub(super) fn grouped(document: &Value) -> Vec<(&str, Vec<Operation<'_>>)> {
    let declared = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    let mut groups: Vec<(&str, Vec<Operation<'_>>)> =
        declared.filter_map(|tag| text(tag, &["name"])).map(|name| (name, Vec::new())).collect();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for method in METHODS {
            let Some(value) = item.get(method) else { continue };
            let operation = Operation { method, path, value };
            let tag = value.pointer("/tags/0").and_then(Value::as_str).unwrap_or("Other");
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, operations)) => operations.push(operation),
                None => groups.push((tag, vec![operation])),
            }
        }
    }
    groups.retain(|(_, operations)| !operations.is_empty());
    groups
}

impl Operation<'_> {
    /// Stable across documents: the operation's own id, else its method and path.
    fn id(&self) -> String {
        let own = text(self.value, &["operationId"]);
        let name = own.map_or_else(|| format!("{}{}", self.method, self.path), str::to_owned);
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    }

    fn label(&self) -> Markup {
        html! { span.method.(self.method) { (self.method.to_uppercase()) } code { (self.path) } }
    }

    pub(super) fn link(&self) -> Markup {
        html! { a href={ "#" (self.id()) } { (self.label()) } }
    }

    pub(super) fn section(&self, document: &Value) -> Markup {
        let body = self.value.get("requestBody").map(|body| schema::resolve(document, body));
        html! {
            article {
                h3 id=(self.id()) { (self.label()) (anchor(&self.id())) }
                @if let Some(summary) = text(self.value, &["summary"]) { p { strong { (prose::inline(summary)) } } }
                (prose::blocks(text(self.value, &["description"]).unwrap_or_default()))
                p.soft { "Scope: " (self.scopes(document)) }
                (self.parameters(document))
                @if let Some(body) = body {
                    h4 { "Request" }
                    @for (media, content) in members(body, "content") {
                        p.soft { code { (media) } }
                        (schema::described(content.get("schema").unwrap_or(&Value::Null)))
                        pre tabindex="0" { code { (self.curl(document, media, &schema::example(document, content))) } }
                    }
                } @else {
                    h4 { "Request" }
                    pre tabindex="0" { code { (self.curl(document, "", "")) } }
                }
                h4 { "Answers" }
                @for (status, value) in members(self.value, "responses") {
                    (answer(document, status, schema::resolve(document, value)))
                }
            }
        }
    }

    /// What a token must allow, each way to call a list of scopes. The operation's own list stands before the document's;
    /// an empty one means anyone.
    fn ways<'a>(&'a self, document: &'a Value) -> Vec<Vec<&'a str>> {
        let security = self.value.get("security").or_else(|| document.get("security"));
        let ways = security.and_then(Value::as_array).into_iter().flatten();
        ways.filter_map(Value::as_object)
            .map(|way| {
                let scopes = way.values().filter_map(Value::as_array).flatten();
                scopes.filter_map(Value::as_str).collect()
            })
            .collect()
    }

    fn scopes(&self, document: &Value) -> Markup {
        let ways = self.ways(document);
        html! {
            @if ways.is_empty() { "none, anyone may call this" }
            @for (nth, way) in ways.iter().enumerate() {
                @if nth > 0 { " or " }
                @if way.is_empty() { "any valid token" }
                @for (nth, scope) in way.iter().enumerate() {
                    @if nth > 0 { " and " }
                    code { (scope) }
                }
            }
        }
    }

    fn parameters(&self, document: &Value) -> Markup {
        let own = self.value.get("parameters").and_then(Value::as_array);
        let parameters: Vec<&Value> =
            own.into_iter().flatten().map(|value| schema::resolve(document, value)).collect();
        html! {
            @if !parameters.is_empty() {
                h4 { "Parameters" }
                div.tablet {
                    table {
                        tr { th scope="col" { "Name" } th scope="col" { "In" } th scope="col" { "Type" } th scope="col" { "Meaning" } }
                        @for parameter in parameters {
                            tr {
                                td.name { code { (text(parameter, &["name"]).unwrap_or_default()) } }
                                td { (text(parameter, &["in"]).unwrap_or_default()) }
                                td { (schema::kind(parameter.get("schema").unwrap_or(&Value::Null))) }
                                td { (prose::blocks(text(parameter, &["description"]).unwrap_or_default())) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The call as it can be pasted into a shell, with the token in `$TOKEN`.
    fn curl(&self, document: &Value, media: &str, body: &str) -> String {
        use std::fmt::Write as _;

        let mut call = String::from("curl");
        if self.method != "get" {
            // Writing to a string cannot fail.
            let _ = write!(call, " -X {}", self.method.to_uppercase());
        }
        let _ = write!(call, " \"$URL{}\"", self.path);
        if !self.ways(document).is_empty() {
            call.push_str(" -H \"Authorization: Bearer $TOKEN\"");
        }
        if !body.is_empty() {
            let quoted = body.replace('\'', r"'\''");
            let _ = write!(call, " \\\n  -H 'Content-Type: {media}' -d '{quoted}'");
        }
        call
    }
}

/// One status and what comes with it; only good answers are unfolded and exemplified.
fn answer(document: &Value, status: &str, answer: &Value) -> Markup {
    let good = status.starts_with('2');
    html! {
        details open[good] {
            summary { strong { (status) } " " (prose::inline(text(answer, &["description"]).unwrap_or_default())) }
            @for (media, content) in members(answer, "content") {
                p.soft { code { (media) } }
                (schema::described(content.get("schema").unwrap_or(&Value::Null)))
                @let example = schema::example(document, content);
                @if good && !example.is_empty() { pre tabindex="0" { code { (example) } } }
            }
        }
    }
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = value.get(name).and_then(Value::as_object);
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
