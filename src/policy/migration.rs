//! What is to become of consents that name a purpose or a category which a bundle no longer has: `[migration]` in
//! `purposes.toml`, or a `migration.toml` of the same form beside it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Catalogue, PolicyError, bundle::Files, catalogue, error::Found};
use crate::domain::{CategoryId, PurposeId};

/// The name of the file in a bundle.
pub(super) const FILE: &str = "migration.toml";

/// `[migration]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MigrationForm {
    #[serde(default)]
    purposes: BTreeMap<String, Spanned<FateForm>>,
    #[serde(default)]
    categories: BTreeMap<String, Spanned<FateForm>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "must be \"withdraw\" or { rename = \"NAME\" }")]
enum FateForm {
    Word(Word),
    To(To),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Withdraw,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    rename: String,
}

/// The part of `purposes.toml` that is read here.
#[derive(Deserialize)]
struct Inline {
    migration: Option<MigrationForm>,
}

/// What is to become of consents that name what is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    purposes: BTreeMap<PurposeId, Fate<PurposeId>>,
    categories: BTreeMap<CategoryId, Fate<CategoryId>>,
}

/// What is to become of the consents that name one purpose or category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<Id> {
    /// They are withdrawn, with all that follows from a withdrawal.
    Withdraw,
    /// It is called this from now on and is otherwise the same.
    Rename(Id),
}

impl Migration {
    /// What becomes of consents for a purpose, if anything is said.
    #[must_use]
    pub fn purpose(&self, id: &PurposeId) -> Option<&Fate<PurposeId>> {
        self.purposes.get(id)
    }

    /// What becomes of consents that name a category, if anything is said.
    #[must_use]
    pub fn category(&self, id: &CategoryId) -> Option<&Fate<CategoryId>> {
        self.categories.get(id)
    }

    /// All purposes of which something is said.
    pub fn purposes(&self) -> impl Iterator<Item = (&PurposeId, &Fate<PurposeId>)> {
        self.purposes.iter()
    }

    /// All categories of which something is said.
    pub fn categories(&self) -> impl Iterator<Item = (&CategoryId, &Fate<CategoryId>)> {
        self.categories.iter()
    }

    /// What the files of a bundle with this catalogue say. What is wrong in the form of `purposes.toml` is told by who
    /// reads the catalogue.
    pub(super) fn read(files: &Files, catalogue: Option<&Catalogue>) -> Result<Self, PolicyError> {
        let inline = files.get(catalogue::FILE).map(|text| (catalogue::FILE, text));
        let inline = inline.and_then(|(file, text)| {
            let form = toml::from_str::<Inline>(text).ok()?.migration?;
            Some((file, text, form))
        });
        let beside = match files.get(FILE) {
            Some(text) => {
                let form =
                    toml::from_str(text).map_err(|error| PolicyError::toml(FILE, text, &error))?;
                Some((FILE, text, form))
            }
            None => None,
        };
        let (file, text, form) = match (inline, beside) {
            (Some(_), Some(_)) => {
                let reason = "purposes.toml has a [migration], too: keep one of them";
                return Err(PolicyError::of_file(FILE, reason));
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Ok(Self::default()),
        };
        let mut found = Found::default();
        let reader = Reader { file, text };
        let purposes = reader.fates(&mut found, form.purposes, PurposeId::parse, |id, fate| {
            let has = |id: &PurposeId| catalogue.is_some_and(|known| known.purpose(id).is_some());
            match fate {
                _ if has(id) => Some(format!("the catalogue still has the purpose {id}")),
                Fate::Rename(to) if catalogue.is_some() && !has(to) => {
                    Some(format!("the catalogue has no purpose {to}"))
                }
                _ => None,
            }
        });
        let categories =
            reader.fates(&mut found, form.categories, CategoryId::parse, |id, fate| {
                let has =
                    |id: &CategoryId| catalogue.is_some_and(|known| known.category(id).is_some());
                match fate {
                    // A category that a purpose no longer names can be withdrawn from it and remain for others.
                    Fate::Rename(_) if has(id) => {
                        Some(format!("the catalogue still has the category {id}"))
                    }
                    Fate::Rename(to) if catalogue.is_some() && !has(to) => {
                        Some(format!("the catalogue has no category {to}"))
                    }
                    _ => None,
                }
            });
        found.finish()?;
        Ok(Self { purposes, categories })
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn fates<Id: Ord, E: ToString>(
        &self,
        found: &mut Found,
        forms: BTreeMap<String, Spanned<FateForm>>,
        parse: impl Fn(&str) -> Result<Id, E>,
        flaw: impl Fn(&Id, &Fate<Id>) -> Option<String>,
    ) -> BTreeMap<Id, Fate<Id>> {
        let mut fates: BTreeMap<Id, Fate<Id>> = BTreeMap::new();
        for (name, form) in forms {
            let at = form.span().start;
            let wrong = |reason: String| PolicyError::at(self.file, self.text, at, reason);
            let read = |name: &str| parse(name).map_err(|error| wrong(error.to_string()));
            let Some(id) = found.keep(read(&name)) else { continue };
            let fate = match form.into_inner() {
                FateForm::Word(Word::Withdraw) => Fate::Withdraw,
                FateForm::To(To { rename }) => match found.keep(read(&rename)) {
                    Some(to) => Fate::Rename(to),
                    None => continue,
                },
            };
            let twice = matches!(fate, Fate::Rename(_)) && fates.values().any(|f| *f == fate);
            let twice = twice.then(|| "two names cannot become one".to_owned());
            found.keep(match flaw(&id, &fate).or(twice) {
                Some(reason) => Err(wrong(reason)),
                None => Ok(()),
            });
            fates.insert(id, fate);
        }
        fates
    }
}
