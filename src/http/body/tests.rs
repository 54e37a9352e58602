//! Bodies that are wrong in each way, and what their senders are told.

use std::{borrow::Cow, collections::BTreeMap};

use axum::response::IntoResponse as _;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::domain::{ItemId, PurposeId, Tier};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the reading is under test")]
struct Asked<'a> {
    #[serde(borrow)]
    subject: Option<Who<'a>>,
    purpose: PurposeId,
    count: Option<u16>,
    #[serde(default)]
    seed_items: Vec<ItemId>,
    tier: Option<Tier>,
    #[serde(default)]
    context: BTreeMap<String, f64>,
    pair: Option<(u8, bool)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the reading is under test")]
struct Who<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default)]
    kind: &'a str,
}

fn told(body: &str) -> Value {
    let problem = parse::<Asked<'_>>(body.as_bytes()).unwrap_err();
    serde_json::from_slice(&problem.document()).unwrap()
}

#[test]
fn a_good_body_is_borrowed_from() {
    let body = br#"{"subject":{"id":"ada"},"purpose":"p","count":3}"#;
    let asked: Asked<'_> = parse(body).unwrap();
    assert!(matches!(asked.subject.unwrap().kind, ""));
    assert_eq!(asked.count, Some(3));
}

#[test]
fn each_wrong_shape_is_told_with_its_place_and_what_is_right() {
    for (body, pointer, detail) in [
        (r"{}", "", "`purpose` is missing"),
        (r"[1]", "/0", "must be an object, not a whole number"),
        (r#"{"purpose":7}"#, "/purpose", "must be a string, not a whole number"),
        (
            r#"{"purpose":"p","count":"x"}"#,
            "/count",
            "must be a whole number from 0 to 65535, not a string",
        ),
        (r#"{"purpose":"p","count":70000}"#, "/count", "must be a whole number from 0 to 65535"),
        (r#"{"purpose":"p","count":-1}"#, "/count", "must be a whole number from 0 to 65535"),
        (
            r#"{"purpose":"p","count":1.5}"#,
            "/count",
            "must be a whole number from 0 to 65535, not a number with a fraction",
        ),
        (
            r#"{"purpose":"p","subject":{"id":{}}}"#,
            "/subject/id",
            "must be a string, not an object",
        ),
        (r#"{"purpose":"p","subject":{}}"#, "/subject", "`id` is missing"),
        (r#"{"purpose":"p","subject":{"id":"a","nme":1}}"#, "/subject", "has no field `nme`"),
        (
            r#"{"purpose":"p","seed_items":["a",""]}"#,
            "/seed_items/1",
            "an item id must be 1 to 256 bytes of UTF-8 without control characters",
        ),
        (r#"{"purpose":"p","seed_items":"a"}"#, "/seed_items", "must be an array, not a string"),
        (r#"{"purpose":"p","tier":"all"}"#, "/tier", "must be one of none, cohort, individual"),
        (r#"{"purpose":"p","purpose":"q"}"#, "", "`purpose` stands there twice"),
        (r#"{"purpose":"p","colour":1}"#, "", "has no field `colour`"),
        (
            r#"{"purpose":"p","context":{"age":"x"}}"#,
            "/context/age",
            "must be a number, not a string",
        ),
        (
            r#"{"purpose":"p","context":{"user-7":"x"}}"#,
            "/context",
            "must be a number, not a string",
        ),
        (r#"{"purpose":"p","pair":[1]}"#, "/pair", "must be an array of 2 values"),
    ] {
        let told = told(body);
        assert_eq!(told["status"], 422, "{body}");
        assert_eq!(told["errors"][0]["pointer"], pointer, "{body}");
        assert_eq!(told["errors"][0]["detail"], detail, "{body}");
        assert_eq!(told["errors"][0]["line"], 1, "{body}");
    }
}

#[test]
fn unknown_fields_and_words_come_with_those_that_are_allowed() {
    let field = told(r#"{"purpose":"p","colour":1}"#);
    assert_eq!(field["errors"][0]["allowed"][0], "subject");
    let word = told(r#"{"purpose":"p","tier":"all"}"#);
    assert_eq!(word["errors"][0]["allowed"].as_array().unwrap().len(), 3);
}

#[test]
fn no_value_of_a_body_is_repeated() {
    for canary in [
        "ada@example.com",
        "user-4395",
        "x, expected ada-1984",
        "`, expected `ada-1984",
        r#"\", expected ada-1984"#,
        "invalid type: map, expected ada-1984",
        "a subject id must be ada-1984",
        "1984",
    ] {
        for body in [
            format!(r#"{{"purpose":"{canary} "}}"#),
            format!(r#"{{"purpose":"p","count":"{canary}"}}"#),
            format!(r#"{{"purpose":"p","tier":"{canary}"}}"#),
            format!(r#"{{"purpose":"p","{canary}":1}}"#),
            format!(r#"{{"purpose":"p","subject":"{canary}"}}"#),
            format!(r#"{{"purpose":"p","subject":{{"{canary}":1}}}}"#),
            format!(r#"{{"purpose":"p","context":{{"{canary}":"{canary}"}}}}"#),
            format!(r#"{{"purpose":"p","seed_items":["{canary}\u0000"]}}"#),
            format!(r#"{{"purpose":"p","pair":["{canary}"]}}"#),
            format!(r#"{{"purpose":"p","count":"{canary}"#),
            r#"{"purpose":"p","count":19841984}"#.to_owned(),
            r#"{"purpose":"p","count":1984.1984}"#.to_owned(),
        ] {
            let problem = parse::<Asked<'_>>(body.as_bytes()).unwrap_err();
            let document = String::from_utf8(problem.document()).unwrap();
            assert!(!document.contains("1984"), "{body} gave {document}");
            assert!(!document.contains("ada"), "{body} gave {document}");
            assert!(!document.contains("4395"), "{body} gave {document}");
        }
    }
}

#[test]
fn what_is_not_json_is_told_where_it_stops() {
    for (body, column) in
        [("", 1), ("  \n", 1), ("{", 1), ("{]", 2), ("nul", 3), (r#"{"a":1}x"#, 0)]
    {
        let problem = parse::<BTreeMap<String, u8>>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::NotJson, "{body}");
        let told: Value = serde_json::from_slice(&problem.document()).unwrap();
        assert!(column == 0 || told["column"] == column, "{body}: {told}");
    }
    let problem = parse::<Value>(b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!(problem.kind(), ProblemKind::NotUtf8);
}

#[test]
fn depth_is_counted_outside_of_strings() {
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse::<Value>(nested(DEEPEST).as_bytes()).is_ok());
    let problem = parse::<Value>(nested(DEEPEST + 1).as_bytes()).unwrap_err();
    assert_eq!(problem.kind(), ProblemKind::TooDeep);
    assert_eq!(
        parse::<Value>(nested(100_000).as_bytes()).unwrap_err().kind(),
        ProblemKind::TooDeep
    );
    let wide = format!("[{}[\"{}\\\"{}\"]]", "[],".repeat(99), "[".repeat(99), "{".repeat(99));
    assert!(parse::<Value>(wide.as_bytes()).is_ok());
}

#[test]
fn only_the_expected_type_in_utf_8_is_taken() {
    let given = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
        require_type(&headers, JSON)
    };
    for good in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert!(given(good).is_ok(), "{good}");
    }
    for bad in ["text/plain", "application/jsonp", "application/json; charset=latin1", ""] {
        assert_eq!(given(bad).unwrap_err().kind(), ProblemKind::UnsupportedMediaType, "{bad}");
    }
    assert!(require_type(&HeaderMap::new(), JSON).is_err());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let kind = |body: &str, announced: Option<&str>| {
        let mut headers = HeaderMap::new();
        if let Some(length) = announced {
            headers.insert(header::CONTENT_LENGTH, length.parse().unwrap());
        }
        let body = Body::from(body.to_owned());
        async move { collect(&headers, body, BodyLimit(4)).await.map_err(|problem| problem.kind()) }
    };
    assert_eq!(kind("1234", Some("4")).await.unwrap(), "1234");
    assert_eq!(kind("", Some("5")).await.unwrap_err(), ProblemKind::BodyTooLarge);
    assert_eq!(kind("12345", None).await.unwrap_err(), ProblemKind::BodyTooLarge);
}

#[tokio::test]
async fn the_extractor_reads_and_refuses() {
    let ask = |body: &'static str| async move {
        let request =
            Request::post("/").header("content-type", JSON).body(Body::from(body)).unwrap();
        Json::<u8>::from_request(request, &()).await.map(|Json(number)| number)
    };
    assert_eq!(ask("7").await.unwrap(), 7);
    assert_eq!(ask("777").await.unwrap_err().into_response().status(), 422);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}:,\"\\\\a-c0-9 \n]{0,80}") {
        let _ = parse::<Asked<'_>>(&bytes);
        let _ = parse::<Asked<'_>>(text.as_bytes());
    }

    #[test]
    fn the_depth_count_agrees_with_a_parser(depth in 1_usize..70, text in "[a-c\\[{]{0,40}") {
        let body = format!("{}\"{text}\"{}", "[".repeat(depth), "]".repeat(depth));
        prop_assert_eq!(parse::<Value>(body.as_bytes()).is_err(), depth > DEEPEST);
    }
}
