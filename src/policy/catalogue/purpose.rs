//! Purposes: what data are used for, on which basis, and how people can be reached for it.

use super::{Category, Notice, Texts};
use crate::domain::{CategoryId, PurposeId};

/// What data are used for.
#[derive(Debug)]
pub struct Purpose {
    pub(in crate::policy) place: usize,
    pub(in crate::policy) id: PurposeId,
    pub(super) dpv: String,
    pub(super) title: Texts<String>,
    pub(in crate::policy) required: bool,
    pub(super) basis: Basis,
    pub(super) retention_days: u32,
    pub(in crate::policy) gpc: GpcEffect,
    pub(in crate::policy) quiet: bool,
    pub(super) categories: Vec<CategoryId>,
    /// The places of the categories in the catalogue, as bits.
    pub(super) uses: u32,
    pub(super) recipients: Vec<String>,
    pub(super) channels: Vec<Channel>,
    pub(super) notices: Texts<Notice>,
    pub(super) material: String,
}

impl Purpose {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &PurposeId {
        &self.id
    }

    /// Its place in the catalogue of this version, from 0: a key for tables that live as long as the version.
    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    /// Its IRI in the Data Privacy Vocabulary.
    #[must_use]
    pub fn dpv(&self) -> &str {
        &self.dpv
    }

    /// Its title in `language`, or in the catalogue's first language.
    #[must_use]
    pub fn title(&self, language: &str) -> &str {
        self.title.in_language(language).1
    }

    /// Whether the service cannot be given without it; then no consent is asked.
    #[must_use]
    pub fn required(&self) -> bool {
        self.required
    }

    /// The legal basis.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// How long data for it are kept, in days.
    #[must_use]
    pub fn retention_days(&self) -> u32 {
        self.retention_days
    }

    /// What an objection by Global Privacy Control switches off.
    #[must_use]
    pub fn gpc(&self) -> GpcEffect {
        self.gpc
    }

    /// The categories it may use.
    #[must_use]
    pub fn categories(&self) -> &[CategoryId] {
        &self.categories
    }

    /// Whether it may use `category`, which is of the same catalogue.
    #[must_use]
    pub fn uses(&self, category: &Category) -> bool {
        self.uses >> category.place & 1 == 1
    }

    /// Whom the notice names as recipients, as text for people.
    #[must_use]
    pub fn recipients(&self) -> &[String] {
        &self.recipients
    }

    /// The channels over which the person may be reached for it.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The language chosen for `language` and the notice in it; the catalogue's first language where there is none.
    #[must_use]
    pub fn notice(&self, language: &str) -> (&str, &Notice) {
        self.notices.in_language(language)
    }

    /// The notices in force, with their languages.
    pub fn notices(&self) -> impl Iterator<Item = (&str, &Notice)> {
        self.notices.iter()
    }

    /// The fingerprint of what a person agrees to: the purpose, its categories with their marks, attributes and
    /// coarse forms, its recipients, basis, necessity and retention. Wording and layout are not in it, so a
    /// corrected typing error asks nobody anew, while one more attribute does (PIPA 15(2), 17(2)).
    #[must_use]
    pub fn material(&self) -> &str {
        &self.material
    }
}

/// The legal basis of a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The person agreed (PIPA 15(1)1, GDPR 6(1)(a)).
    Consent,
    /// A contract with the person needs it (PIPA 15(1)4, GDPR 6(1)(b)).
    Contract,
    /// A law demands it (PIPA 15(1)2, GDPR 6(1)(c)).
    LegalObligation,
}

impl Basis {
    /// The word in JSON and in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Contract => "contract",
            Self::LegalObligation => "legal_obligation",
        }
    }
}

/// What an objection by Global Privacy Control switches off for a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpcEffect {
    /// The whole purpose.
    Off,
    /// Recipients other than the controller's own.
    ThirdParty,
    /// Nothing: the signal does not speak of this purpose.
    Ignored,
}

impl GpcEffect {
    /// The word in JSON, in the catalogue and in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::ThirdParty => "third_party",
            Self::Ignored => "ignored",
        }
    }
}

/// A way to reach a person.
#[derive(Debug)]
pub struct Channel {
    pub(super) id: String,
    pub(super) title: Texts<String>,
    pub(super) night_rule: bool,
}

impl Channel {
    /// Its name, such as `sms`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its title in `language`, or in the catalogue's first language.
    #[must_use]
    pub fn title(&self, language: &str) -> &str {
        self.title.in_language(language).1
    }

    /// Whether the night rule covers it.
    #[must_use]
    pub fn night_rule(&self) -> bool {
        self.night_rule
    }
}
