//! The form of `purposes.toml`, and the checks that make a [`Catalogue`] of it.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use toml::Spanned;

use super::{
    Attribute, AttributeKind, Basis, Catalogue, Category, Channel, Coarse, Generalization,
    GpcEffect, MAX_CATEGORIES, Night, Notice, Purpose, Texts,
    category::Output,
    material::{Facts, material},
};
use crate::{
    domain::{CategoryId, PurposeId},
    policy::{PolicyError, error::Found, migration::MigrationForm},
};

/// The name of the file in a bundle.
pub(in crate::policy) const FILE: &str = "purposes.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    languages: Spanned<Vec<String>>,
    night: Spanned<NightForm>,
    #[serde(default)]
    category: Vec<CategoryForm>,
    #[serde(default)]
    purpose: Vec<PurposeForm>,
    /// Read again as a whole where a bundle is read; here it is known and held to its form.
    #[serde(default)]
    #[expect(dead_code, reason = "a migration is about two catalogues, and this is one of them")]
    migration: Option<MigrationForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NightForm {
    from_hour: u8,
    until_hour: u8,
    utc_offset_minutes: i16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryForm {
    id: Spanned<String>,
    title: BTreeMap<String, String>,
    personal: bool,
    sensitive: bool,
    #[serde(default)]
    attributes: BTreeMap<Arc<str>, AttributeKind>,
    coarse: Option<CoarseForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CoarseForm {
    name: Arc<str>,
    outputs: BTreeMap<Arc<str>, OutputForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputForm {
    from: Spanned<Arc<str>>,
    by: Generalization,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurposeForm {
    id: Spanned<String>,
    dpv: Spanned<String>,
    title: BTreeMap<String, String>,
    required: Spanned<bool>,
    basis: Basis,
    retention_days: u32,
    gpc: GpcEffect,
    #[serde(default)]
    night: NightEffect,
    categories: Vec<Spanned<String>>,
    #[serde(default)]
    recipients: Vec<String>,
    #[serde(default)]
    channels: Vec<ChannelForm>,
    notices: BTreeMap<String, NoticeForm>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NightEffect {
    #[default]
    Open,
    Closed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelForm {
    id: Spanned<String>,
    title: BTreeMap<String, String>,
    night_rule: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeForm {
    version: String,
    title: String,
    text: String,
}

impl Catalogue {
    /// Reads `purposes.toml`.
    ///
    /// # Errors
    /// With file, line, column and reason for each purpose and category that has a flaw: an unknown key, a name twice,
    /// a language left out, a category that no one declared, a basis that does not fit, a coarse form of an attribute
    /// that is not there.
    pub(in crate::policy) fn parse(text: &str) -> Result<Self, PolicyError> {
        let form: Form =
            toml::from_str(text).map_err(|error| PolicyError::toml(FILE, text, &error))?;
        let declared = form.category.iter().map(|category| category.id.get_ref().clone()).collect();
        let reader = Reader { text, languages: form.languages.get_ref(), declared };
        if reader.languages.is_empty() {
            return Err(reader.error(form.languages.span().start, "name at least one language"));
        }
        let mut found = Found::default();
        let night = found.keep(reader.night(&form.night));
        if let Some(extra) = form.category.get(MAX_CATEGORIES) {
            let reason = format!("a catalogue has at most {MAX_CATEGORIES} categories");
            return Err(reader.error(extra.id.span().start, reason));
        }
        let mut categories = Vec::with_capacity(form.category.len());
        for category in form.category {
            categories.extend(found.keep(reader.category(category, &categories)));
        }
        let mut purposes = Vec::with_capacity(form.purpose.len());
        for purpose in form.purpose {
            purposes.extend(found.keep(reader.purpose(purpose, &categories, &purposes)));
        }
        found.finish()?;
        let Some(night) = night else { return Err(reader.error(0, "there is no night")) };
        Ok(Self { languages: form.languages.into_inner(), night, categories, purposes })
    }
}

struct Reader<'a> {
    text: &'a str,
    languages: &'a [String],
    /// The names of all categories, of those with flaws too, so that one flaw is not told again where it is used.
    declared: Vec<String>,
}

impl Reader<'_> {
    fn error(&self, offset: usize, reason: impl Into<String>) -> PolicyError {
        PolicyError::at(FILE, self.text, offset, reason)
    }

    fn night(&self, form: &Spanned<NightForm>) -> Result<Night, PolicyError> {
        let NightForm { from_hour, until_hour, utc_offset_minutes } = *form.get_ref();
        if from_hour > 23 || until_hour > 23 || utc_offset_minutes.unsigned_abs() > 14 * 60 {
            let reason = "hours go from 0 to 23, the offset from -840 to 840 minutes";
            return Err(self.error(form.span().start, reason));
        }
        Ok(Night {
            from_hour: from_hour.into(),
            until_hour: until_hour.into(),
            offset_minutes: utc_offset_minutes.into(),
        })
    }

    /// One text for each language of the catalogue, no more and no fewer.
    fn texts<T>(
        &self,
        near: &Spanned<String>,
        mut texts: BTreeMap<String, T>,
    ) -> Result<Texts<T>, PolicyError> {
        let mut found = Vec::with_capacity(self.languages.len());
        for language in self.languages {
            let Some(text) = texts.remove(language) else {
                let reason = format!("{} lacks a text in {language}", near.get_ref());
                return Err(self.error(near.span().start, reason));
            };
            found.push((language.clone(), text));
        }
        if let Some(language) = texts.keys().next() {
            let reason =
                format!("{} has a text in {language}, which is not in languages", near.get_ref());
            return Err(self.error(near.span().start, reason));
        }
        Ok(Texts(found))
    }

    fn category(&self, form: CategoryForm, earlier: &[Category]) -> Result<Category, PolicyError> {
        let at = form.id.span().start;
        let id = CategoryId::parse(form.id.get_ref()).map_err(|e| self.error(at, e.to_string()))?;
        if earlier.iter().any(|other| other.id == id) {
            return Err(self.error(at, format!("the category {id} is there twice")));
        }
        if form.sensitive && !form.personal {
            return Err(self.error(at, "what is sensitive is personal, too"));
        }
        let title = self.texts(&form.id, form.title)?;
        let attributes: Vec<_> =
            form.attributes.into_iter().map(|(name, kind)| Attribute { name, kind }).collect();
        if let Some(flaw) = attributes.iter().find_map(|attribute| attribute.kind.flaw()) {
            return Err(self.error(at, flaw));
        }
        let coarse = form.coarse.map(|coarse| self.coarse(coarse, &attributes)).transpose()?;
        Ok(Category {
            place: earlier.len(),
            id,
            title,
            personal: form.personal,
            sensitive: form.sensitive,
            attributes,
            coarse,
        })
    }

    fn coarse(&self, form: CoarseForm, attributes: &[Attribute]) -> Result<Coarse, PolicyError> {
        let mut outputs = Vec::with_capacity(form.outputs.len());
        for (name, output) in form.outputs {
            let at = output.from.span().start;
            let from = output.from.into_inner();
            let Some(attribute) = attributes.iter().find(|attribute| attribute.name == from) else {
                return Err(self.error(at, format!("the category has no attribute {from}")));
            };
            if !generalizes(output.by, &attribute.kind) {
                return Err(
                    self.error(at, format!("{from} has another type than this function takes"))
                );
            }
            outputs.push(Output { name, from, by: output.by });
        }
        Ok(Coarse { name: form.name, outputs })
    }

    fn purpose(
        &self,
        form: PurposeForm,
        categories: &[Category],
        earlier: &[Purpose],
    ) -> Result<Purpose, PolicyError> {
        let at = form.id.span().start;
        let id = PurposeId::parse(form.id.get_ref()).map_err(|e| self.error(at, e.to_string()))?;
        if earlier.iter().any(|other| other.id == id) {
            return Err(self.error(at, format!("the purpose {id} is there twice")));
        }
        if !form.dpv.get_ref().starts_with("https://w3id.org/dpv") {
            let reason = "dpv must be an IRI of the Data Privacy Vocabulary, https://w3id.org/dpv…";
            return Err(self.error(form.dpv.span().start, reason));
        }
        // PIPA 16(2)-(3), 22(5): what is necessary rests on another basis than consent, and what rests on consent is
        // never a condition of the service.
        let required = *form.required.get_ref();
        if required == (form.basis == Basis::Consent) {
            let reason =
                "a required purpose has another basis than consent, an optional one has consent";
            return Err(self.error(form.required.span().start, reason));
        }
        let used = self.categories(&form.categories, categories)?;
        let title = self.texts(&form.id, form.title)?;
        let notices = self.notices(&form.id, form.notices)?;
        let channels = form
            .channels
            .into_iter()
            .map(|channel| self.channel(channel))
            .collect::<Result<Vec<_>, _>>()?;
        let facts = Facts {
            id: id.as_str(),
            basis: form.basis,
            required,
            retention_days: form.retention_days,
            recipients: &form.recipients,
        };
        let material = material(&facts, &used, str::to_owned);
        Ok(Purpose {
            place: earlier.len(),
            id,
            dpv: form.dpv.into_inner(),
            title,
            required,
            basis: form.basis,
            retention_days: form.retention_days,
            gpc: form.gpc,
            quiet: form.night == NightEffect::Closed,
            uses: used.iter().fold(0, |bits, category| bits | 1 << category.place),
            categories: used.iter().map(|category| category.id.clone()).collect(),
            recipients: form.recipients,
            channels,
            notices,
            material,
        })
    }

    fn categories<'c>(
        &self,
        names: &[Spanned<String>],
        known: &'c [Category],
    ) -> Result<Vec<&'c Category>, PolicyError> {
        let mut used: Vec<&Category> = Vec::with_capacity(names.len());
        for name in names {
            let at = name.span().start;
            let Some(category) = known.iter().find(|c| c.id.as_str() == name.get_ref()) else {
                if self.declared.contains(name.get_ref()) {
                    continue;
                }
                return Err(self.error(at, format!("there is no category {}", name.get_ref())));
            };
            if used.iter().any(|other| other.id == category.id) {
                return Err(self.error(at, format!("the category {} is there twice", category.id)));
            }
            used.push(category);
        }
        Ok(used)
    }

    fn notices(
        &self,
        id: &Spanned<String>,
        forms: BTreeMap<String, NoticeForm>,
    ) -> Result<Texts<Notice>, PolicyError> {
        let forms = self.texts(id, forms)?;
        let notice = |(language, form): (String, NoticeForm)| {
            let NoticeForm { version, title, text } = form;
            let parts = [id.get_ref().as_str(), language.as_str(), &version, &title, &text];
            let digest = Notice::digest_of(parts);
            (language, Notice { version, title, text, digest })
        };
        Ok(Texts(forms.0.into_iter().map(notice).collect()))
    }

    fn channel(&self, form: ChannelForm) -> Result<Channel, PolicyError> {
        let title = self.texts(&form.id, form.title)?;
        Ok(Channel { id: form.id.into_inner(), title, night_rule: form.night_rule })
    }
}

/// Whether the function takes values of this kind.
fn generalizes(by: Generalization, kind: &AttributeKind) -> bool {
    matches!(
        (by, kind),
        (Generalization::AgeBand | Generalization::PartOfDay, AttributeKind::Integer { .. })
            | (Generalization::Cell, AttributeKind::Number { .. })
            | (Generalization::PartOfWeek | Generalization::Screen, AttributeKind::Enum { .. })
    )
}
