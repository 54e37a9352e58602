//! What data may be used for, which data there are, and what people are told: `purposes.toml`, read and checked.
//!
//! A catalogue is immutable and belongs to one version of the bundle.

mod attribute;
mod category;
mod file;
mod generalize;
mod material;
mod night;
mod notice;
mod purpose;

use crate::domain::{CategoryId, PurposeId};

pub use attribute::{Attribute, AttributeKind, Value};
pub use category::{Category, Coarse};
pub use generalize::Generalization;
pub use night::Night;
pub use notice::{Notice, Texts};
pub use purpose::{Basis, Channel, GpcEffect, Purpose};

pub(super) use attribute::Scalar;
pub(super) use file::FILE;
pub(super) use notice::sha256;

/// The most categories a catalogue may have: a purpose holds one bit for each, a ruling its facts.
pub const MAX_CATEGORIES: usize = 32;

/// The purposes and data categories in force.
#[derive(Debug)]
pub struct Catalogue {
    languages: Vec<String>,
    night: Night,
    categories: Vec<Category>,
    purposes: Vec<Purpose>,
}

impl Catalogue {
    /// The languages of titles and notices, the fallback first.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// All purposes, in the order of the file.
    #[must_use]
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// The purpose of this name, if there is one.
    #[must_use]
    pub fn purpose(&self, id: &PurposeId) -> Option<&Purpose> {
        self.purposes.iter().find(|purpose| purpose.id == *id)
    }

    /// All data categories, in the order of the file.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The data category of this name, if there is one.
    #[must_use]
    pub fn category(&self, id: &CategoryId) -> Option<&Category> {
        self.category_named(id.as_str())
    }

    pub(super) fn category_named(&self, name: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id.as_str() == name)
    }

    /// The categories a purpose may use, in the order of the file.
    pub fn categories_of<'a>(
        &'a self,
        purpose: &'a Purpose,
    ) -> impl Iterator<Item = &'a Category> + 'a {
        self.categories.iter().filter(|category| purpose.uses(category))
    }

    /// When advertising messages need a consent of their own.
    #[must_use]
    pub fn night(&self) -> Night {
        self.night
    }
}

#[cfg(test)]
mod tests;
