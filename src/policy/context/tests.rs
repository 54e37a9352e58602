//! Contexts as apps send them, right and wrong.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{json, value::RawValue};

use super::*;
use crate::policy::Bundle;

fn read(json: &str) -> Result<Context, ContextError> {
    let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
    Bundle::shipped().unwrap().catalogue().parse_context(&raw)
}

fn refused(json: &str) -> (String, String) {
    let error = read(json).unwrap_err();
    (error.pointer().to_owned(), error.to_string())
}

#[test]
fn a_usual_context_is_read() {
    let context = read(
        r#"{"location":{"lat":37.56,"lon":126},"demographics":{"birth_year":1990},
            "device":{"type":"mobile"},"weather":{"sky":"rain"},"health":{"medicated":true}}"#,
    )
    .unwrap();
    assert_eq!(context.categories().count(), 5);
    assert_eq!(context.birth_year(), Some(1990));
    assert!(!format!("{context:?}").contains("1990"));
}

#[test]
fn text_and_tree_are_read_alike() {
    let tree = json!({"location": {"lat": 1, "lon": 2.5}, "time": {"weekday": "mon"}});
    let bundle = Bundle::shipped().unwrap();
    assert_eq!(bundle.catalogue().read_context(&tree), read(&tree.to_string()));
}

#[test]
fn an_unknown_category_is_refused_with_the_known_ones() {
    let (pointer, message) = refused(r#"{"weather":{},"moo~d/s":{"a":1}}"#);
    assert_eq!(pointer, "/moo~0d~1s");
    assert_eq!(
        message,
        "is no data category; known are location, demographics, device, time, weather, \
         voice_profile, health"
    );
}

#[test]
fn what_an_attribute_cannot_be_is_refused_with_what_it_can() {
    for (json, pointer, said) in [
        (r#"{"demographics":{"age":30}}"#, "/demographics/age", "known are birth_year,"),
        (r#"{"demographics":{"birth_year":1899}}"#, "/demographics/birth_year", "1900 to 2100"),
        (r#"{"demographics":{"birth_year":"1990"}}"#, "/demographics/birth_year", "an integer"),
        (r#"{"demographics":{"birth_year":null}}"#, "/demographics/birth_year", "an integer"),
        (r#"{"demographics":{"birth_year":1990.5}}"#, "/demographics/birth_year", "an integer"),
        (r#"{"demographics":{"birth_year":[[1]]}}"#, "/demographics/birth_year", "an integer"),
        (r#"{"location":{"lat":90.1}}"#, "/location/lat", "a number from -90 to 90"),
        (r#"{"location":{"lat":{"x":{}}}}"#, "/location/lat", "a number from -90 to 90"),
        (r#"{"location":{"lat":1e400}}"#, "/location/lat", "a number from -90 to 90"),
        (r#"{"device":{"type":"toaster"}}"#, "/device/type", "one of mobile,"),
        (r#"{"device":{"os":"a\u0000b"}}"#, "/device/os", "without control characters"),
        (r#"{"health":{"medicated":1}}"#, "/health/medicated", "true or false"),
        (r#"{"weather":3}"#, "/weather", "must be an object"),
        (r#"{"weather":null}"#, "/weather", "must be an object"),
        ("[1]", "", "must be an object"),
        (r#"{"location":{"lat":1,"lat":2}}"#, "/location/lat", "twice"),
        (r#"{"time":{},"time":{}}"#, "/time", "twice"),
        (r#"{"activity":{}}"#, "/activity", "is no data category"),
    ] {
        let (place, message) = refused(json);
        assert_eq!(place, pointer, "{json}");
        assert!(message.contains(said), "{json}: {message}");
    }
}

#[test]
fn any_json_is_read_or_refused_and_never_more_than_it_says() {
    let bundle = Bundle::shipped().unwrap();
    let runner = &mut TestRunner::deterministic();
    runner
        .run(&json_of_the_catalogue(), |sent| {
            let read = bundle.catalogue().read_context(&sent);
            let said = |context: &Context| {
                context.entries.iter().all(|entry| {
                    entry.attributes.iter().all(|(name, value)| {
                        let sent = &sent[entry.category.as_str()][&**name];
                        let value = serde_json::to_value(value).unwrap();
                        *sent == value || sent.as_f64() == value.as_f64()
                    })
                })
            };
            prop_assert!(read.is_err() || read.as_ref().is_ok_and(said));
            Ok(())
        })
        .unwrap();
}

/// Objects of true and false categories, attributes and values.
fn json_of_the_catalogue() -> impl Strategy<Value = serde_json::Value> {
    let value = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|truth| json!(truth)),
        any::<i64>().prop_map(|number| json!(number)),
        (1890i64..2110).prop_map(|number| json!(number)),
        (-200f64..200f64).prop_map(|number| json!(number)),
        prop::sample::select(vec!["mobile", "rain", "mon", "", "\u{7}", "가"])
            .prop_map(|text| json!(text)),
        Just(json!([{}])),
    ];
    let name = prop::sample::select(vec![
        "lat",
        "lon",
        "birth_year",
        "type",
        "os",
        "sky",
        "weekday",
        "medicated",
        "other",
    ]);
    let category = prop::sample::select(vec![
        "location",
        "demographics",
        "device",
        "time",
        "weather",
        "health",
        "other",
    ]);
    let attributes = prop::collection::btree_map(name, value, 0..3);
    prop::collection::btree_map(category, attributes, 0..3).prop_map(|map| json!(map))
}

#[test]
fn deep_nesting_is_refused_where_it_begins() {
    let deep = format!(r#"{{"device":{{"os":{}1{}}}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let raw = RawValue::from_string(deep).unwrap();
    let error = Bundle::shipped().unwrap().catalogue().parse_context(&raw).unwrap_err();
    assert_eq!(error.pointer(), "/device/os");
}

#[test]
fn a_message_never_repeats_what_was_sent() {
    let (_, message) = refused(r#"{"demographics":{"occupation":"ada@example.com\u0007"}}"#);
    assert!(!message.contains("ada"));
    let (pointer, message) = refused(&format!(r#"{{"{}":1}}"#, "x".repeat(1000)));
    assert!(!message.contains("xx"));
    assert_eq!(pointer.len(), 65);
}
