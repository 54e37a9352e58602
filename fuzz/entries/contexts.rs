//! The context of a call against the shipped catalogue.

use std::sync::LazyLock;

use consentry::policy::Bundle;
use serde_json::{Value, value::RawValue};

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| Bundle::shipped().unwrap());

/// Reads `data` as a context, from its text and from a parsed value: both must agree.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(raw) = serde_json::from_str::<&RawValue>(text) else { return };
    let catalogue = BUNDLE.catalogue();
    let read = catalogue.parse_context(raw);
    if let Ok(context) = &read {
        assert!(text.trim_start().starts_with('{'), "a context is an object");
        assert!(context.categories().all(|id| catalogue.category(id).is_some()));
        // A parsed value has forgotten keys that stand twice, so only what passed is compared.
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(catalogue.read_context(&value).as_ref(), Ok(context));
    }
}
