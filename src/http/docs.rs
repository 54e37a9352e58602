//! The readable API reference: one HTML page made from the OpenAPI document, and one small page for each problem.
//!
//! Promises: a page is whole in itself, with no script, no font and no picture from anywhere; its content security policy
//! allows nothing but its own style sheet, named by hash, so even text that slipped past the escaping could load and
//! run nothing. All text is escaped by the templates.
//!
//! It adds no facts: what the document does not say is not on the page.

use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::ProblemKind;

mod operation;
mod prose;
mod schema;

const STYLE: &str = include_str!("docs/docs.css");

/// An HTML page, made once and served often.
#[derive(Clone, Debug)]
pub struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    fn new(title: &str, content: &Markup) -> Self {
        let html = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body { (content) }
            }
        };
        let hash = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            STANDARD.encode(hash)
        );
        // A policy of ASCII is a header; were it not, the strictest one would stand in.
        let strictest = HeaderValue::from_static("default-src 'none'");
        Self {
            html: html.into_string().into(),
            policy: HeaderValue::from_str(&policy).unwrap_or(strictest),
        }
    }

    /// The page's HTML.
    #[must_use]
    pub fn html(&self) -> &[u8] {
        &self.html
    }

    /// The page as an answer.
    #[must_use]
    pub fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.html.clone()));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// The reference for `document`, an OpenAPI 3.1 document.
#[must_use]
pub fn reference(document: &Value) -> Page {
    let info = |member: &str| text(document, &["info", member]).unwrap_or_default();
    let groups = operation::grouped(document);
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let content = html! {
        a.skip href="#content" { "Skip to content" }
        div.page {
            nav aria-label="Contents" {
                a href="#content" { strong { (info("title")) } }
                @for (group, operations) in &groups {
                    h2 { (group) }
                    ul { @for operation in operations { li { (operation.link()) } } }
                }
                h2 { "Reference" }
                ul {
                    @if schemas.is_some() { li { a href="#schemas" { "Schemas" } } }
                    li { a href="#problems" { "Problems" } }
                    li { a href="/openapi.json" { "openapi.json" } }
                }
            }
            main id="content" {
                h1 { (info("title")) }
                p.soft { "Version " (info("version")) }
                (prose::blocks(info("description")))
                @for (group, operations) in &groups {
                    section aria-label=(group) {
                        h2 { (group) }
                        @for operation in operations { (operation.section(document)) }
                    }
                }
                @if let Some(schemas) = schemas {
                    h2 id="schemas" { "Schemas" }
                    @for (name, schema) in schemas {
                        h3 id={ "schema-" (name) } { code { (name) } (anchor(&format!("schema-{name}"))) }
                        (schema::described(schema))
                    }
                }
                (problems())
            }
        }
    };
    Page::new(info("title"), &content)
}

/// The page at the `type` of a problem; `None` if no problem has this slug.
#[must_use]
pub fn problem(slug: &str) -> Option<Page> {
    let kind = ProblemKind::ALL.iter().find(|kind| kind.page().slug == slug)?;
    let content = html! {
        div.page {
            nav aria-label="Contents" { a href="/docs" { "API reference" } }
            main id="content" {
                h1 { (kind.page().title) }
                (about(*kind))
                p { a href="/docs#problems" { "All problems" } }
            }
        }
    };
    Some(Page::new(kind.page().title, &content))
}

fn problems() -> Markup {
    html! {
        h2 id="problems" { "Problems" }
        p {
            "Every refusal is a document of RFC 9457, " code { "application/problem+json" }
            ", with " code { "type" } ", " code { "title" } ", " code { "status" } " and " code { "detail" }
            ". The type is the path of a page here. Values that were sent are never repeated."
        }
        @for kind in ProblemKind::ALL {
            @let id = format!("problem-{}", kind.page().slug);
            h3 id=(id) { (kind.page().title) (anchor(&id)) }
            (about(*kind))
        }
    }
}

fn about(kind: ProblemKind) -> Markup {
    let page = kind.page();
    html! {
        p.soft { (kind.status().as_u16()) " · " code { "/problems/" (page.slug) } }
        (prose::blocks(page.advice))
        @if !page.members.is_empty() {
            ul.prose {
                @for (member, meaning) in page.members { li { code { (member) } ": " (meaning) } }
            }
        }
    }
}

/// A link by which a heading can be pointed at.
fn anchor(id: &str) -> Markup {
    html! { a.anchor href={ "#" (id) } aria-label="Link to this part" { "#" } }
}

/// The text at a path of members.
fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, member| value.get(member))?.as_str()
}

#[cfg(test)]
mod tests;
