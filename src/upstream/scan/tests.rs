//! The scanner beside a full parser: the same answers from the same bytes, good or damaged.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;

fn ids(text: &str) -> Vec<String> {
    scan(text.as_bytes()).unwrap().items.iter().map(|item| item.id.to_string()).collect()
}

#[test]
fn the_usual_answer_is_read_without_copying() {
    let text = br#"{"took":3,"items":[{"id":"tv-1","score":0.93,"categories":["tv","wall"],"title":"A"},{"categories":[],"score":-2e-1,"id":"b"}]}"#;
    let answer = scan(text).unwrap();
    let [first, second] = &answer.items[..] else { panic!("two items") };
    assert!(matches!(&first.id, Cow::Borrowed("tv-1")));
    assert_eq!((first.score, answer.tags(first)), (Some(0.93), &["tv".into(), "wall".into()][..]));
    assert_eq!((second.id.as_ref(), second.score, answer.tags(second)), ("b", Some(-0.2), &[][..]));
    assert_eq!(answer.dropped, 0);
}

#[test]
fn escapes_are_read_like_any_other_text() {
    let text = r#"{"items":[{"\u0069d":"a\u00e9\n\"","score":1},{"id":"caf\u00e9","categories":["\ud83d\ude00","\ud800"]}]}"#;
    let answer = scan(text.as_bytes()).unwrap();
    // A line feed is no part of an id, however it is written.
    assert_eq!(answer.items.len(), 1);
    assert_eq!(answer.items[0].id, "café");
    assert_eq!(answer.tags(&answer.items[0]), ["😀"]);
    assert_eq!(answer.dropped, 1);
}

#[test]
fn what_is_no_answer_is_nonsense() {
    let deep = format!("{{\"x\":{}{},\"items\":[]}}", "[".repeat(40), "]".repeat(40));
    let bottomless = "{\"items\":[".to_owned() + &"[".repeat(1_000_000);
    for text in [
        "",
        "<html><body>502 Bad Gateway</body></html>",
        "[]",
        "null",
        "{}",
        r#"{"items":null}"#,
        r#"{"items":{"id":"a"}}"#,
        r#"{"items":[{"id":"a"}"#,
        r#"{"items":[{"id":"a"},]}"#,
        r#"{"items":[{"id":"a"}]}{"#,
        r#"{"items":[{"id":"a","score":01}]}"#,
        "{\"items\":[{\"id\":\"a\nb\"}]}",
        &deep,
        &bottomless,
    ] {
        assert_eq!(scan(text.as_bytes()).unwrap_err(), Nonsense, "{text:.60}");
    }
    assert_eq!(scan(b"{\"items\":[{\"id\":\"\xff\"}]}").unwrap_err(), Nonsense);
}

#[test]
fn a_score_that_is_no_finite_number_is_no_score() {
    for score in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "null", "\"1\"", "[1]", "true"]
    {
        let text =
            format!("{{\"items\":[{{\"id\":\"a\",\"score\":{score},\"categories\":[\"t\"]}}]}}");
        let answer = scan(text.as_bytes()).unwrap();
        assert_eq!(answer.items[0].score, None, "{score}");
        assert_eq!(answer.tags(&answer.items[0]), ["t"]);
    }
}

#[test]
fn entries_without_a_usable_id_are_left_out_and_counted() {
    let long = "x".repeat(257);
    let text = format!(
        r#"{{"items":[{{"id":"","categories":["lost"]}},{{"id":"{long}"}},{{"id":"a\u0007"}},{{"id":"del{}"}},{{"id":7}},{{}},"a",null,{{"id":"a","categories":["kept"]}},{{"id":"a","score":9}}]}}"#,
        '\u{7f}'
    );
    let answer = scan(text.as_bytes()).unwrap();
    assert_eq!((answer.items.len(), answer.dropped), (1, 9));
    assert_eq!(answer.items[0].score, None, "the first of two wins");
    assert_eq!(answer.tags(&answer.items[0]), ["kept"]);
}

#[test]
fn tags_that_break_the_rules_are_left_out() {
    let many = (0..100).map(|n| format!("\"t{n}\"")).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"items":[{{"id":"a","categories":["",7,"{}","ok"]}},{{"id":"b","categories":[{many}]}},{{"id":"c","categories":"tv"}}]}}"#,
        "x".repeat(65)
    );
    let answer = scan(text.as_bytes()).unwrap();
    let tags: Vec<usize> = answer.items.iter().map(|item| answer.tags(item).len()).collect();
    assert_eq!(tags, [1, Answer::MOST_TAGS, 0]);
    assert_eq!(answer.tags(&answer.items[0]), ["ok"]);
}

#[test]
fn only_the_first_thousand_are_read() {
    let items: Vec<String> = (0..60_000)
        .map(|n| format!("{{\"id\":\"item-{n}\",\"title\":\"{}\"}}", "x".repeat(60)))
        .collect();
    let text = format!("{{\"items\":[{}]}}", items.join(","));
    assert!(text.len() > 5_000_000);
    let answer = scan(text.as_bytes()).unwrap();
    assert_eq!((answer.items.len(), answer.dropped), (1000, 59_000));
    assert_eq!(answer.items[999].id, "item-999");
}

#[test]
fn the_first_of_two_keys_wins() {
    assert_eq!(ids(r#"{"items":[{"id":"a","id":"b"}],"items":[{"id":"c"}]}"#), ["a"]);
}

/// The same reading, by `serde_json` alone.
#[derive(Debug, PartialEq)]
struct Plain {
    items: Vec<(String, Option<f64>, Vec<String>)>,
    dropped: usize,
}

/// An object's members in order, twice-named ones included.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> serde::de::Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl Members {
    fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.get())
    }
}

fn plain(bytes: &[u8]) -> Option<Plain> {
    let members: Members = serde_json::from_slice(bytes).ok()?;
    let entries: Vec<Box<RawValue>> = serde_json::from_str(members.first("items")?).ok()?;
    let (mut items, mut dropped) = (Vec::new(), 0);
    for entry in entries {
        let usable = |text: &String, most| {
            !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
        };
        let entry: Members = serde_json::from_str(entry.get()).unwrap_or(Members(Vec::new()));
        let id: Option<String> = entry.first("id").and_then(|id| serde_json::from_str(id).ok());
        match id.filter(|id| {
            usable(id, 256) && items.len() < 1000 && items.iter().all(|(known, _, _)| known != id)
        }) {
            None => dropped += 1,
            Some(id) => {
                let number = |raw: &&str| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                let score = entry.first("score").filter(number).and_then(|raw| raw.parse().ok());
                let tags: Vec<Box<RawValue>> = entry
                    .first("categories")
                    .and_then(|tags| serde_json::from_str(tags).ok())
                    .unwrap_or_default();
                let tags = tags.iter().filter_map(|tag| serde_json::from_str(tag.get()).ok());
                let tags = tags.filter(|tag| usable(tag, 64)).take(Answer::MOST_TAGS).collect();
                items.push((id, score.filter(|score: &f64| score.is_finite()), tags));
            }
        }
    }
    Some(Plain { items, dropped })
}

fn scanned(bytes: &[u8]) -> Option<Plain> {
    let answer = scan(bytes).ok()?;
    let tags = |item| answer.tags(item).iter().map(ToString::to_string).collect();
    let items = answer.items.iter().map(|item| (item.id.to_string(), item.score, tags(item)));
    Some(Plain { items: items.collect(), dropped: answer.dropped })
}

/// What the scanner takes and a strict parser does not.
fn is_lax(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    ["NaN", "Infinity", "\\ud", "\\uD"].iter().any(|word| text.contains(word))
}

fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
    match (plain(bytes), scanned(bytes)) {
        (None, Some(_)) => prop_assert!(is_lax(bytes), "{}", String::from_utf8_lossy(bytes)),
        (strict, ours) => prop_assert_eq!(strict, ours, "{}", String::from_utf8_lossy(bytes)),
    }
    Ok(())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9-]{0,20}".prop_map(|text| format!("\"{text}\"")),
        1 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => r#"(\\u00[0-9a-f]{2}|\\n|\\"|\\\\|é|😀|x){0,6}"#.prop_map(|text| format!("\"{text}\"")),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,6}",
        1 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        1 => any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| n.to_string())),
        1 => Just("NaN".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![text(), number(), "true|false|null"];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|list| format!("[{}]", list.join(" , "))),
            prop::collection::vec((text(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(k, v)| format!("{k}\n:{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    let tags = prop::collection::vec(text(), 0..4).prop_map(|tags| format!("[{}]", tags.join(",")));
    prop_oneof![
        4 => text().prop_map(|id| format!("\"id\":{id}")),
        3 => number().prop_map(|score| format!("\"score\": {score}")),
        3 => tags.prop_map(|tags| format!("\"categories\":{tags}")),
        1 => ("\"(id|score|categories)\"", value()).prop_map(|(key, value)| format!("{key}:{value}")),
        1 => (text(), value()).prop_map(|(key, value)| format!("{key} : {value}")),
    ]
}

fn answer() -> impl Strategy<Value = String> {
    let entry = prop::collection::vec(member(), 0..6)
        .prop_map(|members| format!("{{{}}}", members.join(",")));
    let entry = prop_oneof![9 => entry, 1 => value()];
    let items = prop::collection::vec(entry, 0..6)
        .prop_map(|items| format!("\"items\":[{}]", items.join(", ")));
    let other = (text(), value()).prop_map(|(key, value)| format!("{key}:{value}"));
    prop::collection::vec(prop_oneof![3 => items, 1 => other], 1..3)
        .prop_map(|members| format!(" {{{}}} ", members.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scanner_and_strict_parser_agree(text in answer()) {
        agrees(text.as_bytes())?;
    }

    #[test]
    fn they_agree_on_damaged_answers(
        text in answer(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (place, byte, kind) in hits {
            let place = place.index(bytes.len().max(1));
            let token = b"\"{}[],:\\0-.eu \x1f"[usize::from(byte) % 15];
            match kind {
                0 if place < bytes.len() => bytes[place] = token,
                1 if place < bytes.len() => bytes[place] = byte,
                2 => bytes.truncate(place),
                _ => bytes.insert(place, token),
            }
        }
        agrees(&bytes)?;
    }
}
