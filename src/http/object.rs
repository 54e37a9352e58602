//! Reads an object into a struct, and nothing else.
//!
//! What serde derives for a struct takes an array too, field by field in the order of the declaration. No call
//! describes that form, and it would change its meaning with each new field, so it is refused like any other.

use serde::{Deserializer, de::Visitor, forward_to_deserialize_any};

/// Lets each struct be read from an object alone. The struct derives `Deserialize` with `#[serde(remote = "Self")]`.
macro_rules! objects {
    ($($name:ident $(<$life:lifetime>)?),* $(,)?) => {
        $(impl<'de $(: $life, $life)?> serde::Deserialize<'de> for $name $(<$life>)? {
            fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
                // The derived function, which stands beside the trait's.
                Self::deserialize($crate::http::object::Object(json))
            }
        })*
    };
}
pub(in crate::http) use objects;

/// A deserializer that gives a struct its fields from an object.
pub(in crate::http) struct Object<D>(pub(in crate::http) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(remote = "Self", deny_unknown_fields)]
    struct Pair<'a> {
        left: &'a str,
        #[serde(default)]
        right: Option<u8>,
    }

    objects!(Pair<'a>);

    #[test]
    fn a_struct_is_read_from_an_object_alone() {
        let read = serde_json::from_str::<Pair<'_>>;
        assert_eq!(read(r#"{"left":"a"}"#).unwrap(), Pair { left: "a", right: None });
        for other in [r#"["a"]"#, r#"["a",1]"#, "[]", "null", r#""a""#, "7"] {
            let told = read(other).unwrap_err().to_string();
            assert!(told.contains("expected struct Pair"), "{told}");
        }
    }
}
