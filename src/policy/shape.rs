//! What leaves: the permitted categories of a context, each as fine as agreed to, ready to be written as JSON.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    Context, Permit, ReasonCode,
    catalogue::{Category, Value},
    context::Entry,
};
use crate::domain::{CategoryId, Detail};

/// What leaves of a call, and what does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shaped {
    /// The fields that leave.
    pub fields: Fields,
    /// The categories that leave, finely or coarsely.
    pub used: Vec<CategoryId>,
    /// The categories that do not leave as they were sent.
    pub withheld: Vec<Withheld>,
}

impl Shaped {
    /// Notes a category of the call that is not in its context, such as the items it starts from, as used or as
    /// withheld. Returns whether it may leave; it has no coarse form to leave in.
    #[must_use]
    pub fn present(&mut self, permit: &Permit, category: &CategoryId) -> bool {
        let ruled = permit.ruling().category(category);
        let leaves = ruled.detail() == Detail::Fine;
        if leaves {
            self.used.push(category.clone());
        } else {
            self.withhold(category, ruled.reasons().main(), None);
        }
        leaves
    }

    /// Leaves out what its recipient has no place for: every category of the context with no attribute for which
    /// `taken` holds.
    pub fn keep(&mut self, taken: impl Fn(&CategoryId, &str) -> bool) {
        let Self { fields: Fields(fields), used, withheld } = self;
        fields.retain(|Entry { category, attributes }| {
            let kept = attributes.iter().any(|(name, _)| taken(category, name));
            if !kept {
                used.retain(|other| other != category);
                withheld.retain(|other| other.category != *category);
                let reason = ReasonCode::NotTaken;
                withheld.push(Withheld { category: category.clone(), reason, sent_as: None });
            }
            kept
        });
    }

    /// Notes a category of the call that is not in its context as one that its recipient has no place for.
    pub fn omit(&mut self, category: &CategoryId) {
        self.withhold(category, ReasonCode::NotTaken, None);
    }

    fn withhold(&mut self, category: &CategoryId, reason: ReasonCode, sent_as: Option<Arc<str>>) {
        self.withheld.push(Withheld { category: category.clone(), reason, sent_as });
    }
}

/// A category that does not leave as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The category.
    pub category: CategoryId,
    /// Why.
    pub reason: ReasonCode,
    /// The coarse form that leaves instead, such as `age_band`.
    pub sent_as: Option<Arc<str>>,
}

/// Categories with their attributes, as they leave; a JSON object of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<Entry>);

impl Fields {
    /// Whether nothing leaves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The categories with their attributes, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&CategoryId, &[(Arc<str>, Value)])> {
        self.0.iter().map(|entry| (&entry.category, entry.attributes.as_slice()))
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Entry { category, attributes } in &self.0 {
            map.serialize_entry(category.as_str(), &Attributes(attributes))?;
        }
        map.end()
    }
}

struct Attributes<'a>(&'a [(Arc<str>, Value)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value)))
    }
}

impl Permit {
    /// Shapes a context for the recipient: each category as fine as this permit allows. `this_year` is the year of
    /// this call, which ages are counted from.
    #[must_use]
    pub fn shape(&self, context: &Context, this_year: i32) -> Shaped {
        let mut shaped = Shaped::for_categories(context.entries.len());
        for entry in &context.entries {
            let Some(category) = self.ruling().book().catalogue.category(&entry.category) else {
                // The catalogue was switched after the context was read.
                shaped.withhold(&entry.category, ReasonCode::NotInPurpose, None);
                continue;
            };
            let ruled = self.ruling().ruled(category);
            match ruled.detail() {
                Detail::Fine => {
                    let known = entry.attributes.iter();
                    let known = known.filter(|(name, _)| category.attribute(name).is_some());
                    let (category, attributes) = (entry.category.clone(), known.cloned().collect());
                    shaped.fields.0.push(Entry { category, attributes });
                    shaped.used.push(entry.category.clone());
                }
                Detail::Coarse => {
                    shaped.coarsen(category, entry, ruled.reasons().main(), this_year);
                }
                Detail::None => {
                    shaped.withhold(&entry.category, ruled.reasons().main(), None);
                }
            }
        }
        shaped
    }
}

impl Shaped {
    fn for_categories(most: usize) -> Self {
        Self {
            fields: Fields(Vec::with_capacity(most)),
            used: Vec::with_capacity(most),
            withheld: Vec::with_capacity(most),
        }
    }

    fn coarsen(&mut self, category: &Category, entry: &Entry, reason: ReasonCode, this_year: i32) {
        let Some(coarse) = category.coarse() else {
            return self.withhold(&entry.category, reason, None);
        };
        let mut attributes = Vec::with_capacity(coarse.outputs.len());
        for output in &coarse.outputs {
            let sent = entry.attributes.iter().find(|(name, _)| *name == output.from);
            let limit = category.attribute(&output.from).map(|attribute| attribute.kind.limit());
            let (Some((_, value)), Some(limit)) = (sent, limit) else { continue };
            if let Some(value) = output.by.apply(value, limit, this_year) {
                attributes.push((output.name.clone(), value));
            }
        }
        if attributes.is_empty() {
            return self.withhold(&entry.category, reason, None);
        }
        self.fields.0.push(Entry { category: entry.category.clone(), attributes });
        self.used.push(entry.category.clone());
        self.withhold(&entry.category, reason, Some(coarse.name.clone()));
    }
}
