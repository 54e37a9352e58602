//! Data categories: which data there are, whom they are about, and their coarse forms.

use std::sync::Arc;

use super::{Attribute, Generalization, Texts};
use crate::domain::{CategoryId, Detail};

/// A kind of data.
#[derive(Debug)]
pub struct Category {
    pub(in crate::policy) place: usize,
    pub(in crate::policy) id: CategoryId,
    pub(super) title: Texts<String>,
    pub(in crate::policy) personal: bool,
    pub(in crate::policy) sensitive: bool,
    pub(in crate::policy) attributes: Vec<Attribute>,
    pub(in crate::policy) coarse: Option<Coarse>,
}

impl Category {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &CategoryId {
        &self.id
    }

    /// Its place in the catalogue of this version, from 0 and below [`MAX_CATEGORIES`](super::MAX_CATEGORIES): a key
    /// for tables that live as long as the version.
    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    /// Its title in `language`, or in the catalogue's first language.
    #[must_use]
    pub fn title(&self, language: &str) -> &str {
        self.title.in_language(language).1
    }

    /// Whether it is about the person; only what is not may leave at tier `none`.
    #[must_use]
    pub fn personal(&self) -> bool {
        self.personal
    }

    /// Whether it needs a consent of its own (PIPA 23).
    #[must_use]
    pub fn sensitive(&self) -> bool {
        self.sensitive
    }

    /// Its attributes in the context of a call; none where the category is not given in the context.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Its coarse form, if it has one.
    #[must_use]
    pub fn coarse(&self) -> Option<&Coarse> {
        self.coarse.as_ref()
    }

    /// Whether a person can agree to it so finely: coarsely only where it has a coarse form, and never coarsely
    /// where it is sensitive.
    #[must_use]
    pub fn offers(&self, detail: Detail) -> bool {
        match detail {
            Detail::None | Detail::Fine => true,
            Detail::Coarse => self.coarse.is_some() && !self.sensitive,
        }
    }

    pub(in crate::policy) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }
}

/// The coarse form of a category: attributes without a generalization are withheld in it.
#[derive(Debug)]
pub struct Coarse {
    pub(in crate::policy) name: Arc<str>,
    pub(in crate::policy) outputs: Vec<Output>,
}

impl Coarse {
    /// What the coarse form is called, such as `age_band`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One attribute of a coarse form.
#[derive(Debug)]
pub(in crate::policy) struct Output {
    pub(in crate::policy) name: Arc<str>,
    pub(in crate::policy) from: Arc<str>,
    pub(in crate::policy) by: Generalization,
}
