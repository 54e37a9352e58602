//! One version of catalogue, schema, rules and cases; and the version in force, which can be switched under load.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::{ArcSwap, Guard};
use serde::Serialize;

use super::{
    Catalogue, Category, CategoryFacts, GateFacts, MAX_CATEGORIES, PolicyError, ReasonCode, Rule,
    Ruling, catalogue, catalogue::sha256, rules, rules::Rules, table::Book,
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
    files: Arc<BTreeMap<String, String>>,
}

impl Bundle {
    /// Reads a bundle from its files, by their path within the bundle's folder.
    ///
    /// # Errors
    /// With file, line and reason, when a file is missing or of no known kind, or when its content does not hold
    /// together. The cases are read by [`Bundle::check`], not here.
    pub fn parse(files: BTreeMap<String, String>) -> Result<Self, PolicyError> {
        let known = |file: &str| {
            file == catalogue::FILE
                || file == rules::SCHEMA
                || rules::is_cedar(file)
                || file.ends_with(".cases.toml")
        };
        if let Some(file) = files.keys().find(|file| !known(file)) {
            return Err(PolicyError::UnknownFile { file: file.clone() });
        }
        let text =
            files.get(catalogue::FILE).ok_or(PolicyError::MissingFile { file: catalogue::FILE })?;
        let catalogue = Catalogue::parse(text)?;
        let rules = Rules::parse(&files, &catalogue)?;
        let parts = files.iter().flat_map(|(file, text)| [file.as_str(), text.as_str()]);
        let version = format!("sha256:{}", sha256(parts));
        let book = Arc::new(Book::new(catalogue, rules, version));
        Ok(Self { book, files: Arc::new(files) })
    }

    /// The bundle that comes with the gateway.
    ///
    /// # Errors
    /// None in a build that passed its tests.
    pub fn shipped() -> Result<Self, PolicyError> {
        let own = |(file, text): (&str, &str)| (file.to_owned(), text.to_owned());
        Self::parse(SHIPPED.into_iter().map(own).collect())
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
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
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

    /// Puts `bundle` in force and returns the one before. Calls under way end under the one they began with.
    pub fn switch(&self, bundle: Bundle) -> Arc<Bundle> {
        self.0.swap(Arc::new(bundle))
    }
}
