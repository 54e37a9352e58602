//! One version of catalogue, schema, rules and cases; and the version in force, which can be switched under load.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::{ArcSwap, Guard};
use serde::Serialize;

use super::{
    Catalogue, Category, CategoryFacts, Fate, GateFacts, MAX_CATEGORIES, PolicyError, ReasonCode,
    Rule, Ruling, catalogue, catalogue::sha256, error::Found, migration, migration::Migration,
    rules, rules::Rules, table::Book,
};
use crate::domain::{PurposeId, Tier};

const SHIPPED: [(&str, &str); 6] = [
    ("category.cases.toml", include_str!("../../policies/category.cases.toml")),
    ("category.cedar", include_str!("../../policies/category.cedar")),
    ("gate.cases.toml", include_str!("../../policies/gate.cases.toml")),
    ("gate.cedar", include_str!("../../policies/gate.cedar")),
    (catalogue::FILE, include_str!("../../policies/purposes.toml")),
    (rules::SCHEMA, include_str!("../../policies/schema.cedarschema")),
];

/// One version of the policies. It is immutable; a change is another bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub(super) book: Arc<Book>,
    files: Arc<Files>,
    migration: Arc<Migration>,
}

/// The files of a bundle, by their path within the bundle's folder.
pub type Files = BTreeMap<String, String>;

/// The version of a bundle of these files: `sha256:` and the SHA-256 in hex over all file names and contents.
#[must_use]
pub fn version_of(files: &Files) -> String {
    let parts = files.iter().flat_map(|(file, text)| [file.as_str(), text.as_str()]);
    format!("sha256:{}", sha256(parts))
}

impl Bundle {
    /// Reads a bundle from its files.
    ///
    /// # Errors
    /// With file, line, column and reason for all that is wrong: a file is missing or of no known kind, or its content
    /// does not hold together. The cases are read by [`Bundle::check`], not here.
    pub fn parse(files: Files) -> Result<Self, PolicyError> {
        let mut found = Found::default();
        for file in files.keys().filter(|file| !is_known(file)) {
            let reason = "a bundle holds purposes.toml, schema.cedarschema, NAME.cedar, NAME.cases.toml and \
                          migration.toml only";
            found.keep::<()>(Err(PolicyError::of_file(file, reason)));
        }
        let required = |file: &str| {
            files.get(file).ok_or_else(|| PolicyError::of_file(file, "the bundle has no such file"))
        };
        let text = found.keep(required(catalogue::FILE));
        let schema = found.keep(required(rules::SCHEMA));
        let catalogue = text.and_then(|text| found.keep(Catalogue::parse(text)));
        let migration = found.keep(Migration::read(&files, catalogue.as_ref())).unwrap_or_default();
        let rules = schema.and_then(|_| found.keep(Rules::parse(&files, catalogue.as_ref())));
        found.finish()?;
        let (Some(catalogue), Some(Some(rules))) = (catalogue, rules) else {
            return Err(PolicyError::of_file(catalogue::FILE, "the bundle cannot be read"));
        };
        let version = version_of(&files);
        let book = Arc::new(Book::new(catalogue, rules, version));
        Ok(Self { book, files: Arc::new(files), migration: Arc::new(migration) })
    }

    /// The bundle that comes with the gateway.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn shipped() -> Result<Self, PolicyError> {
        Self::parse(Self::shipped_files())
    }

    /// The files of the bundle that comes with the gateway.
    #[must_use]
    pub fn shipped_files() -> Files {
        SHIPPED.into_iter().map(|(file, text)| (file.to_owned(), text.to_owned())).collect()
    }

    /// `sha256:` and the SHA-256 in hex over all file names and contents.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.book.version
    }

    /// The first 8 bytes of the version, in hex: how leaves of the log name it.
    #[must_use]
    pub fn ruleset(&self) -> &str {
        ruleset(&self.book.version)
    }

    /// The files it was read from.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What is to become of consents that name what this bundle no longer has.
    #[must_use]
    pub fn migration(&self) -> &Migration {
        &self.migration
    }

    /// The name that this bundle has for a purpose: another one if it says that the purpose was renamed.
    #[must_use]
    pub fn renamed<'a>(&'a self, id: &'a PurposeId) -> &'a PurposeId {
        match self.migration.purpose(id) {
            Some(Fate::Rename(to)) => to,
            _ => id,
        }
    }

    /// Its purposes and data categories.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.book.catalogue
    }

    /// Its rules, in the order of the files.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.book.rules()
    }

    /// The closed lists of words that a log leaf under this bundle may hold.
    #[must_use]
    pub fn vocabulary(&self) -> Vocabulary<'_> {
        Vocabulary {
            ruleset: self.ruleset(),
            purposes: self.catalogue().purposes().iter().map(|p| p.id().as_str()).collect(),
            outcomes: Tier::ALL.map(Tier::as_str),
            reasons: ReasonCode::ALL.iter().map(|code| code.as_str()).collect(),
        }
    }

    /// Rules one case: the facts of the gate, and for each category the purpose may use what `person` says of it.
    /// Nothing where the catalogue does not know the purpose.
    #[must_use]
    pub fn rule(
        &self,
        purpose: &PurposeId,
        gate: GateFacts,
        mut person: impl FnMut(&Category) -> CategoryFacts,
    ) -> Option<Ruling> {
        let purpose = self.catalogue().purpose(purpose)?;
        let mut facts = [CategoryFacts::NOTHING; MAX_CATEGORIES];
        for category in self.catalogue().categories_of(purpose) {
            if let Some(slot) = facts.get_mut(category.place) {
                *slot = person(category);
            }
        }
        Ruling::new(&self.book, purpose, gate, facts)
    }
}

fn is_known(file: &str) -> bool {
    // Names stand in keys of the store and in messages, and each is a file of one folder.
    let plain = file.len() <= 100
        && file.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    plain && is_of_a_bundle(file)
}

fn is_of_a_bundle(file: &str) -> bool {
    [catalogue::FILE, rules::SCHEMA, migration::FILE].contains(&file)
        || rules::is_cedar(file)
        || file.ends_with(".cases.toml")
}

/// The first 8 bytes of a version, in hex.
pub(super) fn ruleset(version: &str) -> &str {
    version.strip_prefix("sha256:").and_then(|hex| hex.get(..16)).unwrap_or_default()
}

/// The closed lists of words that a log leaf may hold under one bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vocabulary<'a> {
    /// The ruleset they belong to.
    pub ruleset: &'a str,
    /// Names of purposes.
    pub purposes: Vec<&'a str>,
    /// What a decision can come to.
    pub outcomes: [&'static str; 3],
    /// Why.
    pub reasons: Vec<&'static str>,
}

/// The bundle in force. Readers take it without a lock; a call takes it once and keeps it to its end.
#[derive(Debug)]
pub struct Policies(ArcSwap<Bundle>);

impl Policies {
    /// Puts `bundle` in force.
    #[must_use]
    pub fn new(bundle: Bundle) -> Self {
        Self(ArcSwap::from_pointee(bundle))
    }

    /// The bundle in force, for the length of a function.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<Bundle>> {
        self.0.load()
    }

    /// The bundle in force, to keep across an await.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Bundle> {
        self.0.load_full()
    }

    /// Puts `bundle` in force, which must be freshly read and never have been in force, and ends the one before: from
    /// the return on, no disclosure begins under it. Those that have begun are waited for with [`Ended::poll_left`].
    pub fn switch(&self, bundle: Bundle) -> Ended {
        let before = self.0.swap(Arc::new(bundle));
        before.book.term.end();
        Ended(before)
    }
}

/// A bundle that is no longer in force.
#[derive(Debug)]
pub struct Ended(Arc<Bundle>);

impl Ended {
    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.0
    }

    /// Ready when every disclosure that began under it has written its bytes or was cut off. One task may wait.
    pub fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.book.term.poll_left(cx)
    }
}
