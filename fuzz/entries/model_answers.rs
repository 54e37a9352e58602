//! What a model answers: our scanner against a strict parser.

use consentry::upstream::{Answer, scan};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// How deep the scanner reads; a strict parser reads deeper.
const DEEPEST: usize = 32;

type Entry = (String, Option<f64>, Vec<String>);

/// Reads `data` both ways and compares.
pub fn run(data: &[u8]) {
    let ours = scanned(data);
    if let Some((items, _)) = &ours {
        assert!(items.len() <= Answer::MOST_ITEMS);
        assert!(items.iter().all(|(id, _, _)| usable(id, 256)), "an id breaks the rule of ids");
        assert!(items.iter().all(|(_, score, _)| score.is_none_or(f64::is_finite)));
    }
    if !is_lax(data) && !is_deep(data) {
        assert_eq!(strict(data), ours);
    }
}

fn scanned(data: &[u8]) -> Option<(Vec<Entry>, usize)> {
    let answer = scan(data).ok()?;
    let tags = |item| answer.tags(item).iter().map(ToString::to_string).collect();
    let items = answer.items.iter().map(|item| (item.id.to_string(), item.score, tags(item)));
    Some((items.collect(), answer.dropped))
}

/// What the scanner takes and a strict parser does not: Python's words for what is no number, and half a surrogate pair.
fn is_lax(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    ["NaN", "Infinity", "\\ud", "\\uD"].iter().any(|word| text.contains(word))
}

/// Whether brackets may nest deeper than the scanner reads. Those in strings count too, which lets a few cases go.
fn is_deep(data: &[u8]) -> bool {
    data.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEEPEST
}

fn strict(data: &[u8]) -> Option<(Vec<Entry>, usize)> {
    let members: Members = serde_json::from_slice(data).ok()?;
    let entries: Vec<Box<RawValue>> = serde_json::from_str(members.first("items")?).ok()?;
    let (mut items, mut dropped) = (Vec::<Entry>::new(), 0);
    for entry in entries {
        let entry: Members = serde_json::from_str(entry.get()).unwrap_or_default();
        let id: Option<String> = entry.first("id").and_then(|id| serde_json::from_str(id).ok());
        let fresh = |id: &String| items.iter().all(|(known, _, _)| known != id);
        match id.filter(|id| usable(id, 256) && items.len() < Answer::MOST_ITEMS && fresh(id)) {
            None => dropped += 1,
            Some(id) => items.push((id, entry.score(), entry.tags())),
        }
    }
    Some((items, dropped))
}

fn usable(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
}

/// An object's members in order, those that stand twice included.
#[derive(Default)]
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.get())
    }

    fn score(&self) -> Option<f64> {
        let number = |raw: &&str| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let score: Option<f64> =
            self.first("score").filter(number).and_then(|raw| raw.parse().ok());
        score.filter(|score| score.is_finite())
    }

    fn tags(&self) -> Vec<String> {
        let raw: Vec<Box<RawValue>> = self
            .first("categories")
            .and_then(|raw| serde_json::from_str(raw).ok())
            .unwrap_or_default();
        let tags = raw.iter().filter_map(|tag| serde_json::from_str(tag.get()).ok());
        tags.filter(|tag: &String| usable(tag, 64)).take(Answer::MOST_TAGS).collect()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
