//! What parameters of an auditor's reads look like, for the OpenAPI document.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::audit::Event;

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $word:ident $name:literal $most:literal $pattern:literal;)*) => {
        $(
            $(#[doc = $doc])+
            pub(in crate::http) struct $word;

            impl PartialSchema for $word {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .description(Some(concat!($($doc),+).trim()))
                        .min_length(Some(1))
                        .max_length(Some($most))
                        .pattern(Some($pattern))
                        .build()
                        .into()
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
    /// A word of a vocabulary of the log.
    LogWord "LogWord" 128 r"^[A-Za-z0-9._\-]+$";
    /// A version of the policies: `current`, or the beginning of its hash with or without `sha256:`, at least 4 digits.
    PolicyVersionName "PolicyVersionName" 71 r"^(current|(sha256:)?[0-9a-f]{4,64})$";
    /// Where the next page begins: the `next` of the page before.
    Cursor "Cursor" 32 r"^[A-Za-z0-9_\-]{32}$";
}

/// What happened, as rows of the log say it.
pub(in crate::http) struct EventWord;

impl PartialSchema for EventWord {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What happened."))
            .enum_values(Some(Event::ALL.iter().map(|event| event.as_str())))
            .build()
            .into()
    }
}

impl ToSchema for EventWord {
    fn name() -> Cow<'static, str> {
        "LogEvent".into()
    }
}
