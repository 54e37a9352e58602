//! Reads a context straight from its text: nothing is copied but the values that are kept.

use std::{fmt, sync::Arc};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Context, ContextError, ContextFlaw, Entry};
use crate::policy::{
    Catalogue,
    catalogue::{Attribute, AttributeKind, Category, Scalar, Value},
};

/// The longest text of a caller that an error repeats, in characters.
const SHOWN: usize = 64;

impl Catalogue {
    /// Reads the `context` of a call.
    ///
    /// # Errors
    /// At the first place that is not as the catalogue says.
    pub fn parse_context(&self, json: &RawValue) -> Result<Context, ContextError> {
        self.read_context(&mut serde_json::Deserializer::from_str(json.get()))
    }

    /// Reads the `context` of a call from any deserializer, such as a `&serde_json::Value`.
    ///
    /// # Errors
    /// At the first place that is not as the catalogue says.
    pub fn read_context<'de>(&self, json: impl Deserializer<'de>) -> Result<Context, ContextError> {
        let mut flaw = None;
        let read = json.deserialize_map(ContextVisitor { catalogue: self, flaw: &mut flaw });
        read.map_err(|_| {
            flaw.unwrap_or(ContextError { pointer: String::new(), flaw: ContextFlaw::NotAnObject })
        })
    }
}

struct ContextVisitor<'a> {
    catalogue: &'a Catalogue,
    flaw: &'a mut Option<ContextError>,
}

impl<'de> Visitor<'de> for ContextVisitor<'_> {
    type Value = Context;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of data categories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Context, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(category) = map.next_key_seed(Key(|key: &str| {
            let found = self.catalogue.category_named(key);
            found.filter(|category| !category.attributes.is_empty()).ok_or_else(|| pointer(&[key]))
        }))? {
            let category = category.map_err(|pointer| {
                let categories = self.catalogue.categories().iter();
                let known = categories.filter(|category| !category.attributes.is_empty());
                let known = known.map(|category| category.id.to_string()).collect();
                refuse(self.flaw, pointer, ContextFlaw::UnknownCategory { known })
            })?;
            if entries.iter().any(|entry| entry.category == category.id) {
                let pointer = pointer(&[category.id.as_str()]);
                return Err(refuse(self.flaw, pointer, ContextFlaw::Twice));
            }
            let attributes = map
                .next_value_seed(CategorySeed { category, flaw: &mut *self.flaw })
                .inspect_err(|_| {
                    let pointer = pointer(&[category.id.as_str()]);
                    self.flaw
                        .get_or_insert(ContextError { pointer, flaw: ContextFlaw::NotAnObject });
                })?;
            entries.push(Entry { category: category.id.clone(), attributes });
        }
        Ok(Context { entries })
    }
}

struct CategorySeed<'a> {
    category: &'a Category,
    flaw: &'a mut Option<ContextError>,
}

impl<'de> DeserializeSeed<'de> for CategorySeed<'_> {
    type Value = Vec<(Arc<str>, Value)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CategorySeed<'_> {
    type Value = Vec<(Arc<str>, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let category = self.category;
        let mut read: Self::Value = Vec::with_capacity(category.attributes.len());
        while let Some(attribute) = map.next_key_seed(Key(|key: &str| {
            category.attribute(key).ok_or_else(|| pointer(&[category.id.as_str(), key]))
        }))? {
            let attribute: &Attribute = attribute.map_err(|pointer| {
                let known = category.attributes.iter().map(|a| a.name.to_string()).collect();
                refuse(self.flaw, pointer, ContextFlaw::UnknownAttribute { known })
            })?;
            let place = || pointer(&[category.id.as_str(), &attribute.name]);
            if read.iter().any(|(name, _)| *name == attribute.name) {
                return Err(refuse(self.flaw, place(), ContextFlaw::Twice));
            }
            // A number that no double holds, or nesting that no parser follows, is no value either.
            let value = map.next_value_seed(ScalarSeed(&attribute.kind)).unwrap_or_default();
            let Some(value) = value else {
                let allowed = attribute.kind.to_string();
                return Err(refuse(self.flaw, place(), ContextFlaw::NotAllowed { allowed }));
            };
            read.push((attribute.name.clone(), value));
        }
        Ok(read)
    }
}

/// Keeps the first flaw, and makes the error that stops the parser.
fn refuse<E: de::Error>(slot: &mut Option<ContextError>, pointer: String, flaw: ContextFlaw) -> E {
    slot.get_or_insert(ContextError { pointer, flaw });
    E::custom("the context is refused")
}

/// A JSON pointer of these keys, each cut to a length that can be shown.
fn pointer(keys: &[&str]) -> String {
    keys.iter().fold(String::new(), |mut pointer, key| {
        pointer.push('/');
        for c in key.chars().take(SHOWN) {
            match c {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                c => pointer.push(c),
            }
        }
        pointer
    })
}

/// Looks a key up without copying it.
struct Key<F>(F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Key<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<T, D::Error> {
        json.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Key<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<T, E> {
        Ok((self.0)(key))
    }
}

/// Reads one value; nothing where the attribute may not have it.
struct ScalarSeed<'a>(&'a AttributeKind);

impl<'de> DeserializeSeed<'de> for ScalarSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(self.0.read(Scalar::Boolean(truth)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.0.read(Scalar::Integer(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).ok().and_then(|number| self.0.read(Scalar::Integer(number))))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(self.0.read(Scalar::Number(number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.read(Scalar::Text(text)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
