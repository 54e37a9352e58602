//! One row of an import, read from JSON. What is wrong with it is told by a closed word and the name of the field.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::{
    catalog::{Item, MOST_TAGS},
    consent::{Action, Import, Shown, Unfit},
    domain::{
        CategoryId, Detail, IdType, ItemId, Profile, PurposeId, SubjectRef, Tag, Timestamp, UserId,
    },
};

/// The longest row, in bytes.
pub const LONGEST_ROW: usize = 64 << 10;

/// The most categories of a consent.
const MOST_CATEGORIES: usize = 32;

/// The longest name of a notice's version, language or digest, in bytes.
const LONGEST_NAME: usize = 128;

/// Why a row is refused: closed words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not one JSON object.
    NotJson,
    /// It is not UTF-8.
    NotText,
    /// It has other columns than the head of its file.
    WrongColumns,
    /// It is longer than [`LONGEST_ROW`].
    TooLong,
    /// It has a field that rows of its kind do not have.
    UnknownField,
    /// A field that must be there is not.
    MissingField,
    /// A field holds something else than it must.
    BadValue,
    /// What it says does not fit what is here.
    Unfit(Unfit),
}

impl Reason {
    const READING: [Self; 7] = [
        Self::NotJson,
        Self::NotText,
        Self::WrongColumns,
        Self::TooLong,
        Self::UnknownField,
        Self::MissingField,
        Self::BadValue,
    ];

    /// The reason's word in a report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotText => "not_text",
            Self::WrongColumns => "wrong_columns",
            Self::TooLong => "too_long",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::BadValue => "bad_value",
            Self::Unfit(unfit) => unfit.as_str(),
        }
    }

    /// The reason with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let unfit = Unfit::ALL.into_iter().map(Self::Unfit);
        Self::READING.into_iter().chain(unfit).find(|reason| reason.as_str() == word)
    }
}

/// A refusal of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// Which field it is about.
    pub field: Option<&'static str>,
}

impl Refused {
    fn at(field: &'static str, reason: Reason) -> Self {
        Self { reason, field: Some(field) }
    }

    /// The refusal of a row that does not fit what is here.
    #[must_use]
    pub fn unfit(unfit: Unfit) -> Self {
        Self { reason: Reason::Unfit(unfit), field: None }
    }
}

/// A row of consents.
pub(super) fn consent(row: &[u8]) -> Result<(SubjectRef, Import), Refused> {
    let mut fields = Fields::read(row)?;
    let subject = fields.must("subject", subject)?;
    let import = Import {
        purpose: fields.must("purpose", |value| PurposeId::parse(value.as_str()?).ok())?,
        action: fields.must("action", |value| match value.as_str()? {
            "give" => Some(Action::Give),
            "refuse" => Some(Action::Refuse),
            "withdraw" => Some(Action::Withdraw),
            _ => None,
        })?,
        categories: fields.may("categories", categories)?,
        at: fields.must("at", moment)?,
        expires_at: fields.may("expires_at", moment)?,
        shown: fields.may("notice", shown)?,
        by_guardian: fields.may("guardian", Value::as_bool)?.unwrap_or_default(),
        under_14_until: fields.may("under_14_until", birthday)?,
    };
    fields.end()?;
    Ok((subject, import))
}

/// A row of items.
pub(super) fn item(row: &[u8]) -> Result<Item, Refused> {
    let mut fields = Fields::read(row)?;
    let item = Item {
        id: fields.must("id", |value| ItemId::parse(value.as_str()?).ok())?,
        tags: fields.may("tags", tags)?.unwrap_or_default(),
        attributes: fields.may("attributes", attributes)?.unwrap_or_default(),
    };
    fields.end()?;
    if !item.is_describable() {
        return Err(Refused::at("attributes", Reason::BadValue));
    }
    Ok(item)
}

/// The fields of a row that were not read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(row: &[u8]) -> Result<Self, Refused> {
        let refused = |reason| Refused { reason, field: None };
        if row.len() > LONGEST_ROW {
            return Err(refused(Reason::TooLong));
        }
        let fields: Map<String, Value> =
            serde_json::from_slice(row).map_err(|_| refused(Reason::NotJson))?;
        // What a reader of another format could not read comes as this, in its place among the rows.
        match fields.get("unreadable").and_then(Value::as_str).and_then(Reason::of_word) {
            Some(reason) if fields.len() == 1 => Err(refused(reason)),
            _ => Ok(Self(fields)),
        }
    }

    /// A field that may be left out, or be null.
    fn may<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Refused> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(&value) {
                Some(read) => Ok(Some(read)),
                None => Err(Refused::at(name, Reason::BadValue)),
            },
        }
    }

    fn must<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, Refused> {
        self.may(name, read)?.ok_or(Refused::at(name, Reason::MissingField))
    }

    /// Nothing may be left. The field is not named: what stands where a name should may be anything.
    fn end(self) -> Result<(), Refused> {
        let refused = Refused { reason: Reason::UnknownField, field: None };
        if self.0.is_empty() { Ok(()) } else { Err(refused) }
    }
}

fn subject(value: &Value) -> Option<SubjectRef> {
    let (id, id_type, profile) = match value {
        Value::String(id) => (id.as_str(), None, None),
        Value::Object(fields) => {
            only(fields, &["id", "type", "profile"])?;
            (fields.get("id")?.as_str()?, fields.get("type"), fields.get("profile"))
        }
        _ => return None,
    };
    let id_type = match id_type {
        None | Some(Value::Null) => IdType::user_id(),
        Some(named) => IdType::parse(named.as_str()?).ok()?,
    };
    let profile = match profile {
        None | Some(Value::Null) => None,
        Some(named) => Some(Profile::parse(named.as_str()?).ok()?),
    };
    Some(SubjectRef { profile, ..SubjectRef::new(id_type, UserId::parse(id).ok()?) })
}

fn categories(value: &Value) -> Option<Vec<(CategoryId, Detail)>> {
    let named = value.as_array().filter(|named| named.len() <= MOST_CATEGORIES)?;
    named.iter().map(category).collect()
}

fn category(value: &Value) -> Option<(CategoryId, Detail)> {
    let (id, detail) = match value {
        Value::String(id) => (id.as_str(), "fine"),
        Value::Object(fields) => {
            only(fields, &["id", "detail"])?;
            let detail = fields.get("detail").map_or(Some("fine"), Value::as_str)?;
            (fields.get("id")?.as_str()?, detail)
        }
        _ => return None,
    };
    let detail = match detail {
        "fine" => Detail::Fine,
        "coarse" => Detail::Coarse,
        _ => return None,
    };
    Some((CategoryId::parse(id).ok()?, detail))
}

fn shown(value: &Value) -> Option<Shown> {
    let fields = value.as_object()?;
    only(fields, &["version", "language", "digest"])?;
    let name = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => {
            let text = value.as_str().filter(|text| (1..=LONGEST_NAME).contains(&text.len()))?;
            (!text.chars().any(char::is_control)).then(|| Some(text.to_owned()))
        }
    };
    let shown =
        Shown { version: name("version")?, language: name("language")?, digest: name("digest")? };
    (shown.version.is_some() || shown.digest.is_some()).then_some(shown)
}

fn tags(value: &Value) -> Option<Vec<Tag>> {
    let named = value.as_array().filter(|named| named.len() <= MOST_TAGS)?;
    named.iter().map(|tag| Tag::parse(tag.as_str()?).ok()).collect()
}

fn attributes(value: &Value) -> Option<Vec<(String, String)>> {
    let named = value.as_object()?.iter();
    named.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn moment(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?).ok()
}

/// The end of childhood: the day has begun everywhere on Earth at noon in UTC.
fn birthday(value: &Value) -> Option<Timestamp> {
    let day: Date = value.as_str()?.parse().ok()?;
    Timestamp::parse(&format!("{day}T12:00:00Z")).ok()
}

fn only(fields: &Map<String, Value>, known: &[&str]) -> Option<()> {
    fields.keys().all(|name| known.contains(&name.as_str())).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"subject":{"id":"ada","type":"user_id"},"purpose":"p","action":"give",
        "categories":["a",{"id":"b","detail":"coarse"}],"at":"2024-05-01T10:00:00+09:00",
        "expires_at":null,"notice":{"version":"1","language":"en"},"guardian":true,
        "under_14_until":"2027-05-01"}"#;

    fn without(field: &str, instead: Option<Value>) -> Vec<u8> {
        let mut row: Map<String, Value> = serde_json::from_str(WHOLE).unwrap();
        row.remove(field);
        if let Some(value) = instead {
            row.insert(field.to_owned(), value);
        }
        serde_json::to_vec(&row).unwrap()
    }

    #[test]
    fn a_whole_row_is_read() {
        let (subject, import) = consent(WHOLE.as_bytes()).unwrap();
        assert_eq!(subject.id.expose(), "ada");
        let told: Vec<_> =
            import.categories.iter().flatten().map(|(id, how)| (id.as_str(), *how)).collect();
        assert_eq!(told, [("a", Detail::Fine), ("b", Detail::Coarse)]);
        assert_eq!(import.at, Timestamp::parse("2024-05-01T01:00:00Z").unwrap());
        assert_eq!(import.under_14_until, Timestamp::parse("2027-05-01T12:00:00Z").ok());
        assert!(import.by_guardian && import.expires_at.is_none());
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_by_field() {
        for field in ["subject", "purpose", "action", "at"] {
            let refused = consent(&without(field, None)).unwrap_err();
            assert_eq!(refused, Refused::at(field, Reason::MissingField));
            let refused = consent(&without(field, Some(7.into()))).unwrap_err();
            assert_eq!(refused, Refused::at(field, Reason::BadValue));
        }
        for (field, value) in [
            ("notice", r#"{"language":"en"}"#),
            ("notice", r#"{"version":""}"#),
            ("categories", r#"["Ä"]"#),
            ("categories", r#"[{"id":"a","detail":"none"}]"#),
            ("at", r#""2024-05-01""#),
            ("subject", r#"{"id":"ada","name":"Ada"}"#),
            ("guardian", r#""yes""#),
        ] {
            let value = serde_json::from_str(value).unwrap();
            let refused = consent(&without(field, Some(value))).unwrap_err();
            assert_eq!(refused, Refused::at(field, Reason::BadValue), "{field}");
        }
    }

    #[test]
    fn a_field_too_many_is_not_named() {
        let refused = consent(&without("ada@example.com", Some(1.into()))).unwrap_err();
        assert_eq!(refused, Refused { reason: Reason::UnknownField, field: None });
        assert!(matches!(consent(b"ada").unwrap_err().reason, Reason::NotJson));
        let row = vec![b' '; LONGEST_ROW + 1];
        assert!(matches!(item(&row).unwrap_err().reason, Reason::TooLong));
    }

    #[test]
    fn what_a_reader_could_not_read_keeps_its_place() {
        let refused = item(br#"{"unreadable":"wrong_columns"}"#).unwrap_err();
        assert_eq!(refused.reason, Reason::WrongColumns);
        let refused = item(br#"{"unreadable":"anything"}"#).unwrap_err();
        assert_eq!(refused, Refused::at("id", Reason::MissingField));
    }

    #[test]
    fn an_item_needs_no_more_than_an_id() {
        assert_eq!(item(br#"{"id":"tv-1"}"#).unwrap().tags, []);
        let refused = item(br#"{"id":"tv-1","attributes":{"a\u0007":"b"}}"#).unwrap_err();
        assert_eq!(refused, Refused::at("attributes", Reason::BadValue));
    }
}
