//! A bundle of policies: one file of the shipped one is replaced by foreign bytes. The first byte says which.

use std::sync::LazyLock;

use consentry::policy::Bundle;

static SHIPPED: LazyLock<Bundle> = LazyLock::new(|| Bundle::shipped().unwrap());

/// Reads the bundle, and runs its cases if they are what was replaced: they take a third of a second.
pub fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut files = SHIPPED.files().clone();
    let place = usize::from(*which) % files.len();
    let file = files.keys().nth(place).unwrap().clone();
    let cases = file.ends_with(".cases.toml");
    let same = files.insert(file, text.to_owned()).as_deref() == Some(text);
    let Ok(bundle) = Bundle::parse(files) else { return };
    assert_eq!(bundle.version() == SHIPPED.version(), same, "a version names one content");
    assert!(!bundle.catalogue().purposes().is_empty());
    if cases && let Ok(report) = bundle.check() {
        assert!(!same || report.holds());
    }
}
