//! The wire format of Gorse, versions 0.4 and 0.5.
//!
//! | to do | call |
//! |---|---|
//! | recommend | `GET /api/recommend/{user}?n=` with `X-API-Version: 2`: `[{"Id","Score"}]`, or `["id"]` from a server that does not know the header |
//! | a list for everybody | `GET /api/latest?n=`, `/api/popular?n=` (0.4) or `/api/non-personalized/{name}?n=` (0.5), without a user |
//! | learn | `PUT /api/feedback` `[{"FeedbackType","UserId","ItemId","Value"?,"Timestamp"}]` |
//! | learn of items | `POST /api/items` `[{"ItemId","Categories"}]` |
//! | forget | `DELETE /api/user/{user}` |
//!
//! Promises: no call asks Gorse to write anything back while it reads (`write-back-type` is never sent); a user is a
//! pseudonym, in the path too. A user that Gorse does not know gets its list for everybody with status 200, so an
//! unknown pseudonym is no fault.
//!
//! It has no place for context or seed items. Labels of users would outlive the call that they were consented for.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use http::Method;
use serde::Deserialize;

use super::{
    answer::{Answer, Nonsense},
    http::{InvalidEndpoint, StaticHeader},
    json::{list, number, string},
    map::{Form, Places, percent},
    wire::{Expects, Outbound, OutboundEvent, OutboundItem, Query, TakenContext, Takes, Wire},
};

/// `[upstream.gorse]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GorseSettings {
    /// Which list people without a consent get: `latest`, `popular` (0.4 only), `non-personalized/NAME` (0.5 only), or
    /// `none` for the gateway's own.
    pub anonymous: String,
    /// The feedback types of Gorse for what people do, such as `view = "read"`. What is not named keeps its word.
    pub types: BTreeMap<String, String>,
    /// For how many hours Gorse may still answer from its caches after a deletion: its `cache_expire`.
    pub cache_hours: u64,
}

impl Default for GorseSettings {
    fn default() -> Self {
        // The latest items are a list in all versions. 120 hours are what the sample configuration of Gorse says.
        Self { anonymous: "latest".to_owned(), types: BTreeMap::new(), cache_hours: 120 }
    }
}

/// Why `[upstream.gorse]` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGorse {
    /// No such list.
    #[error(
        "[upstream.gorse] anonymous must be latest, popular, non-personalized/NAME (letters, digits, - and _) or none"
    )]
    Anonymous,
}

/// Writes and reads Gorse's format.
#[derive(Debug)]
pub struct Gorse {
    /// The path of the list for everybody.
    anonymous: Option<String>,
    types: BTreeMap<String, String>,
    cached: Duration,
    answer: Places,
    takes: Takes,
}

impl Gorse {
    /// Reads the settings.
    ///
    /// # Errors
    /// When there is no such list for everybody.
    pub fn new(settings: &GorseSettings) -> Result<Self, InvalidGorse> {
        let list = settings.anonymous.as_str();
        let name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !name.is_empty() && name.bytes().all(plain)
        };
        let anonymous = match (list, list.strip_prefix("non-personalized/")) {
            ("none", _) => None,
            ("latest" | "popular", _) => Some(format!("/api/{list}")),
            (_, Some(rest)) if name(rest) => Some(format!("/api/{list}")),
            _ => return Err(InvalidGorse::Anonymous),
        };
        let pointer = |key: &str| vec![key.into()];
        Ok(Self {
            anonymous,
            types: settings.types.clone(),
            cached: Duration::from_secs(settings.cache_hours.saturating_mul(60 * 60)),
            answer: Places {
                form: Form::List,
                list: Vec::new(),
                id: pointer("Id"),
                score: pointer("Score"),
                categories: pointer("Categories"),
                scores: None,
            },
            takes: Takes { context: TakenContext::Parts(Vec::new()), seed_items: false },
        })
    }

    /// The headers that go with every call, of which `key` is the API key of the server, if it has one.
    ///
    /// # Errors
    /// When the key cannot be a header's value.
    pub fn headers(key: Option<&str>) -> Result<Vec<StaticHeader>, InvalidEndpoint> {
        let mut headers = vec![StaticHeader::parse("x-api-version", "2")?];
        if let Some(key) = key {
            headers.push(StaticHeader::parse("x-api-key", key)?);
        }
        Ok(headers)
    }
}

impl Wire for Gorse {
    fn takes(&self, _somebody: bool) -> &Takes {
        &self.takes
    }

    /// Gorse reads feedback without a time as as old as can be.
    fn dates_events(&self) -> bool {
        true
    }

    fn forgets_within(&self) -> Option<Duration> {
        Some(self.cached)
    }

    fn recommend(&self, query: &Query<'_>) -> Option<Outbound> {
        let mut path = match query.user {
            Some(user) => below("/api/recommend/", user),
            None => self.anonymous.clone()?,
        };
        // Writing to memory does not fail.
        let _ = write!(path, "?n={}", query.count);
        Some(Outbound::call(Method::GET, path, Vec::new(), Expects::Answer))
    }

    fn events(&self, events: &[OutboundEvent<'_>]) -> Option<Outbound> {
        let mut body = Vec::with_capacity(160 * events.len());
        list(&mut body, events, |body, event| self.feedback(body, event));
        // POST would keep an older feedback of the same type: a rating that was changed would not arrive.
        Some(Outbound::call(Method::PUT, "/api/feedback", body, Expects::Receipt))
    }

    fn items(&self, items: &[OutboundItem<'_>]) -> Option<Outbound> {
        let mut body = Vec::with_capacity(80 * items.len());
        list(&mut body, items, |body, item| {
            body.extend_from_slice(b"{\"ItemId\":");
            string(body, item.id.as_str());
            body.extend_from_slice(b",\"Categories\":");
            list(body, item.tags, |body, tag| string(body, tag.as_str()));
            body.push(b'}');
        });
        Some(Outbound::post("/api/items", body, Expects::Receipt))
    }

    fn forget(&self, user: &str) -> Option<Outbound> {
        let path = below("/api/user/", user);
        Some(Outbound::call(Method::DELETE, path, Vec::new(), Expects::Receipt))
    }

    fn answer<'a>(&self, bytes: &'a [u8]) -> Result<Answer<'a>, Nonsense> {
        self.answer.read(bytes)
    }
}

impl Gorse {
    fn feedback(&self, body: &mut Vec<u8>, event: &OutboundEvent<'_>) {
        body.extend_from_slice(b"{\"FeedbackType\":");
        string(body, self.types.get(event.kind).map_or(event.kind, String::as_str));
        body.extend_from_slice(b",\"UserId\":");
        string(body, event.user);
        body.extend_from_slice(b",\"ItemId\":");
        string(body, event.item.as_str());
        if let Some(value) = event.value.filter(|value| value.is_finite()) {
            body.extend_from_slice(b",\"Value\":");
            number(body, value);
        }
        if let Some(at) = event.at {
            body.extend_from_slice(b",\"Timestamp\":");
            string(body, &at.rfc3339());
        }
        body.push(b'}');
    }
}

fn below(path: &str, user: &str) -> String {
    let mut path = path.to_owned();
    percent(user, &mut path);
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ItemId, Tag, Timestamp};

    fn gorse(settings: &str) -> Gorse {
        Gorse::new(&toml::from_str(settings).unwrap()).unwrap()
    }

    fn ids(answer: &Answer<'_>) -> Vec<(String, Option<f64>)> {
        answer.items.iter().map(|item| (item.id.to_string(), item.score)).collect()
    }

    #[test]
    fn somebody_is_a_pseudonym_in_the_path_and_nobody_is_nowhere() {
        let ask = |settings: &str, user| {
            let call = gorse(settings).recommend(&Query { user, count: 7, ..Query::default() })?;
            assert!(call.body.is_empty());
            Some(format!("{} {}", call.method, call.path))
        };
        assert_eq!(ask("", Some("p7")).unwrap(), "GET /api/recommend/p7?n=7");
        assert_eq!(ask("", Some("a/b c")).unwrap(), "GET /api/recommend/a%2Fb%20c?n=7");
        assert_eq!(ask("", None).unwrap(), "GET /api/latest?n=7");
        let named = r#"anonymous = "non-personalized/most_starred""#;
        assert_eq!(ask(named, None).unwrap(), "GET /api/non-personalized/most_starred?n=7");
        assert_eq!(ask(r#"anonymous = "none""#, None), None);
        for odd in ["", "newest", "non-personalized/", "non-personalized/a/b", "latest?user-id=1"] {
            let settings = GorseSettings { anonymous: odd.to_owned(), ..GorseSettings::default() };
            assert_eq!(Gorse::new(&settings).unwrap_err(), InvalidGorse::Anonymous, "{odd}");
        }
    }

    #[test]
    fn feedback_items_and_deletions_are_the_bytes_that_gorse_reads() {
        let item = ItemId::parse("tv-178").unwrap();
        let at = Timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        let rated = OutboundEvent {
            user: "p7",
            item: &item,
            kind: "rating",
            value: Some(4.5),
            at: Some(at),
        };
        let viewed = OutboundEvent { kind: "view", value: Some(f64::NAN), ..rated };
        let told = gorse(r#"types = { view = "read" }"#).events(&[rated, viewed]).unwrap();
        assert_eq!((told.method, &*told.path), (Method::PUT, "/api/feedback"));
        assert_eq!(
            told.body,
            r#"[{"FeedbackType":"rating","UserId":"p7","ItemId":"tv-178","Value":4.5,"Timestamp":"2026-01-02T03:04:05.000Z"},{"FeedbackType":"read","UserId":"p7","ItemId":"tv-178","Timestamp":"2026-01-02T03:04:05.000Z"}]"#
        );
        let tags = [Tag::parse("tv").unwrap()];
        let put = gorse("").items(&[OutboundItem { id: &item, tags: &tags }]).unwrap();
        assert_eq!((put.method, &*put.path), (Method::POST, "/api/items"));
        assert_eq!(put.body, r#"[{"ItemId":"tv-178","Categories":["tv"]}]"#);
        let gone = gorse("").forget("p7").unwrap();
        assert_eq!(
            (gone.method, &*gone.path, &*gone.body),
            (Method::DELETE, "/api/user/p7", &b""[..])
        );
    }

    #[test]
    fn both_forms_of_a_list_are_read_and_null_is_an_empty_one() {
        let gorse = gorse("");
        let scored =
            gorse.answer(br#"[{"Id":"tv-178","Score":0.9},{"Id":"mixer-42","Score":0.4}]"#);
        assert_eq!(
            ids(&scored.unwrap()),
            [("tv-178".to_owned(), Some(0.9)), ("mixer-42".to_owned(), Some(0.4))]
        );
        let bare = gorse.answer(br#"["tv-178", "mixer-42"]"#).unwrap();
        assert_eq!(ids(&bare), [("tv-178".to_owned(), None), ("mixer-42".to_owned(), None)]);
        assert_eq!(gorse.answer(b"null").unwrap().items.len(), 0);
    }

    #[test]
    fn what_gorse_would_never_say_is_left_out_or_nonsense() {
        let gorse = gorse("");
        let odd =
            gorse.answer(br#"[{"Id":"a","Score":NaN},{"Id":"a"},{"Id":""},{"Score":1},7.5,true]"#);
        let odd = odd.unwrap();
        assert_eq!((ids(&odd), odd.dropped), (vec![("a".to_owned(), None)], 5));
        for nonsense in ["<html>", r#"[{"Id":"a""#, r#"{"items":[]}"#, "", "\"a\"", "[] []"] {
            assert_eq!(gorse.answer(nonsense.as_bytes()).unwrap_err(), Nonsense, "{nonsense}");
        }
        let deep = [b"[".repeat(100), b"]".repeat(100)].concat();
        assert_eq!(gorse.answer(&deep).unwrap_err(), Nonsense);
    }

    #[test]
    fn the_key_goes_in_a_header_that_hides_it() {
        let headers = Gorse::headers(Some("wonderful")).unwrap();
        assert_eq!(headers.len(), 2);
        assert!(!format!("{headers:?}").contains("wonderful"));
        assert!(Gorse::headers(Some("a\r\nb")).is_err());
    }
}
