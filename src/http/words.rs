//! What texts of a call look like, for the OpenAPI document: the rules that `domain` and `read` hold callers to.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type},
};

use crate::{
    catalog::{LONGEST_ATTRIBUTE, MOST_ATTRIBUTES},
    domain::{Method, Tier},
};

/// Texts without control characters.
const PLAIN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";

/// Names that operators give.
const SLUG: &str = r"^[a-z0-9][a-z0-9._\-]*$";

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $word:ident $name:literal $most:literal $pattern:expr;)*) => {
        $(
            $(#[doc = $doc])+
            pub(in crate::http) struct $word;

            impl PartialSchema for $word {
                fn schema() -> RefOr<Schema> {
                    text(concat!($($doc),+).trim(), $most, $pattern).into()
                }
            }

            impl ToSchema for $word {
                fn name() -> Cow<'static, str> {
                    $name.into()
                }
            }
        )*
    };
}

texts! {
    /// The app's id for a person: 1 to 256 bytes of UTF-8 without control characters. Upper and lower case differ.
    SubjectId "SubjectId" 256 PLAIN;
    /// The app's id for an item: 1 to 256 bytes of UTF-8 without control characters.
    ItemName "ItemId" 256 PLAIN;
    /// One of those who share an account, as the app tells them apart: 1 to 64 bytes of UTF-8 without control characters.
    ProfileName "Profile" 64 PLAIN;
    /// A word that describes an item: 1 to 64 bytes of UTF-8 without control characters.
    TagWord "Tag" 64 PLAIN;
    /// The kind of id that an app knows a person by.
    IdTypeName "IdType" 64 SLUG;
    /// The name of a purpose; `GET /v1/purposes` lists those in force.
    PurposeName "PurposeId" 64 SLUG;
    /// The name of a data category; `GET /v1/purposes` lists those in force.
    CategoryName "CategoryId" 64 SLUG;
    /// Where a list is shown. It goes on to the model as it is.
    ScenarioName "Scenario" 64 r"^[A-Za-z0-9._\-]*$";
}

fn text(description: &str, most: usize, pattern: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .min_length(Some(1))
        .max_length(Some(most))
        .pattern(Some(pattern))
        .build()
}

/// How an act on a consent reached the caller.
pub(in crate::http) struct MethodWord;

impl PartialSchema for MethodWord {
    fn schema() -> RefOr<Schema> {
        one_of("How the act reached the caller.", Method::NAMES).into()
    }
}

impl ToSchema for MethodWord {
    fn name() -> Cow<'static, str> {
        "ConsentMethod".into()
    }
}

/// How personal an answer may be.
pub(in crate::http) struct TierWord;

impl PartialSchema for TierWord {
    fn schema() -> RefOr<Schema> {
        one_of("How personal an answer may be.", Tier::ALL.map(Tier::as_str)).into()
    }
}

impl ToSchema for TierWord {
    fn name() -> Cow<'static, str> {
        "Tier".into()
    }
}

/// The answer on one line of a batch.
pub(in crate::http) struct BatchLine;

impl PartialSchema for BatchLine {
    fn schema() -> RefOr<Schema> {
        let line = OneOfBuilder::new()
            .description(Some("The answer to the call on the same line, or what is wrong with it."))
            .item(Ref::from_schema_name("Recommendations"))
            .item(Ref::from_schema_name("ProblemDocument"));
        Schema::from(line.build()).into()
    }
}

impl ToSchema for BatchLine {
    fn name() -> Cow<'static, str> {
        "BatchLine".into()
    }
}

fn one_of<const N: usize>(description: &str, words: [&'static str; N]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .build()
}

/// The attributes of an item.
pub(in crate::http) struct Attributes;

impl PartialSchema for Attributes {
    fn schema() -> RefOr<Schema> {
        let (name, value) = LONGEST_ATTRIBUTE;
        let values = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(value))
            .pattern(Some(PLAIN));
        ObjectBuilder::new()
            .description(Some(
                "Names of 1 to 64 bytes and values of at most 1,024, without control characters.",
            ))
            .max_properties(Some(MOST_ATTRIBUTES))
            .property_names(Some(text("", name, PLAIN)))
            .additional_properties(Some(Schema::from(values.build())))
            .build()
            .into()
    }
}

impl ToSchema for Attributes {
    fn name() -> Cow<'static, str> {
        "ItemAttributes".into()
    }
}
