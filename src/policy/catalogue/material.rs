//! The fingerprint of what a person agrees to, and what it would be under other names: it tells whether a consent still
//! counts when a catalogue changes, and whether a new name is only a name.

use super::{Basis, Catalogue, Category, Purpose, notice::sha256};
use crate::domain::PurposeId;

/// The facts of a purpose that a consent depends on, beside its categories.
pub(super) struct Facts<'a> {
    pub(super) id: &'a str,
    pub(super) basis: Basis,
    pub(super) required: bool,
    pub(super) retention_days: u32,
    pub(super) recipients: &'a [String],
}

/// The fingerprint of what a person agrees to; see [`Purpose::material`]. `named` gives the name of a category by its
/// own name.
pub(super) fn material(
    facts: &Facts<'_>,
    used: &[&Category],
    named: impl Fn(&str) -> String,
) -> String {
    let mut recipients: Vec<&str> = facts.recipients.iter().map(String::as_str).collect();
    recipients.sort_unstable();
    let mut categories: Vec<String> =
        used.iter().map(|category| agreed(category, &named(category.id.as_str()))).collect();
    categories.sort_unstable();
    let days = facts.retention_days.to_string();
    let required = if facts.required { "required" } else { "optional" };
    let own = sha256([facts.id, facts.basis.as_str(), required, days.as_str()]);
    let parts = [own, sha256(recipients), sha256(categories.iter().map(String::as_str))];
    sha256(parts.iter().map(String::as_str))
}

/// The fingerprint of what a person agrees to in one category, under the name `id`.
fn agreed(category: &Category, id: &str) -> String {
    let marks = [category.personal, category.sensitive];
    let marks = marks.map(|mark| if mark { "yes" } else { "no" });
    let attributes = category.attributes.iter().map(|attribute| &*attribute.name);
    let outputs = category.coarse.iter().flat_map(|coarse| &coarse.outputs);
    let coarse = outputs.flat_map(|output| [&*output.name, &*output.from, output.by.as_str()]);
    let parts = [sha256(marks), sha256(attributes), sha256(coarse)];
    sha256([id].into_iter().chain(parts.iter().map(String::as_str)))
}

impl Purpose {
    /// What [`Purpose::material`] would be if the purpose were called `id` and its categories what `named` says.
    pub(in crate::policy) fn material_as(
        &self,
        catalogue: &Catalogue,
        id: &PurposeId,
        named: impl Fn(&str) -> String,
    ) -> String {
        let facts = Facts {
            id: id.as_str(),
            basis: self.basis,
            required: self.required,
            retention_days: self.retention_days,
            recipients: &self.recipients,
        };
        let used: Vec<&Category> = catalogue.categories_of(self).collect();
        material(&facts, &used, named)
    }
}

impl Category {
    /// Whether `other` is the same under another name: whom it is about, its attributes and its coarse form.
    pub(in crate::policy) fn is_alike(&self, other: &Self) -> bool {
        agreed(self, "") == agreed(other, "")
    }
}
