//! What becomes of consents when one bundle follows another: which stay, which are carried over under another name,
//! which are withdrawn, and which nobody has thought of.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Bundle, Fate, PolicyError, Purpose, catalogue, error::Found, migration};
use crate::domain::{CategoryId, Detail, PurposeId, consent::Given};

/// A bundle and the one that follows it.
#[derive(Clone, Debug)]
pub struct Succession {
    before: Bundle,
    after: Bundle,
}

/// What becomes of one consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lot {
    /// It stays as it is.
    Stays {
        /// It counts today and will no longer: the person must be asked again.
        outdated: bool,
    },
    /// It is withdrawn.
    Withdrawn,
    /// It is kept under another name.
    Carried {
        /// For which purpose.
        purpose: PurposeId,
        /// What is given, under the new names; nothing where nothing was.
        given: Option<Given>,
        /// It counts today and will no longer.
        outdated: bool,
    },
    /// It names what is gone, and nothing says what becomes of it.
    Lost(Vec<Vanished>),
}

/// Something that consents name and a bundle no longer has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vanished {
    /// A purpose.
    Purpose(PurposeId),
    /// A category of a purpose.
    Category(PurposeId, CategoryId),
}

impl fmt::Display for Vanished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Purpose(purpose) => write!(f, "the purpose {purpose}"),
            Self::Category(purpose, category) => {
                write!(f, "the category {category} of the purpose {purpose}")
            }
        }
    }
}

impl Serialize for Vanished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Succession {
    /// What `after` makes of consents under `before`.
    ///
    /// # Errors
    /// When it renames to what is in force already, or to what is not the same but for its name: a person would then
    /// have agreed to something else.
    pub fn between(before: &Bundle, after: &Bundle) -> Result<Self, PolicyError> {
        let succession = Self { before: before.clone(), after: after.clone() };
        let mut found = Found::default();
        let inline = !after.files().contains_key(migration::FILE);
        let file = if inline { catalogue::FILE } else { migration::FILE };
        for reason in succession.untrue_names() {
            found.keep::<()>(Err(PolicyError::of_file(file, reason)));
        }
        found.finish().map(|()| succession)
    }

    /// The bundle that was in force.
    #[must_use]
    pub fn before(&self) -> &Bundle {
        &self.before
    }

    /// The bundle that follows.
    #[must_use]
    pub fn after(&self) -> &Bundle {
        &self.after
    }

    /// Whether no consent is touched: everything that can be agreed to remains, and remains the same.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let mut optional = self.before.catalogue().purposes().iter().filter(|p| !p.required());
        optional.all(|purpose| {
            let heir = self.after.catalogue().purpose(purpose.id());
            heir.is_some_and(|heir| heir.material() == purpose.material())
        })
    }

    /// Whether consents may have to be changed: something is withdrawn or renamed that the bundle in force has.
    #[must_use]
    pub fn migrates(&self) -> bool {
        let (known, migration) = (self.before.catalogue(), self.after.migration());
        let purposes = migration.purposes().any(|(id, _)| known.purpose(id).is_some());
        purposes || migration.categories().any(|(id, _)| known.category(id).is_some())
    }

    /// The name of a category from now on.
    #[must_use]
    pub fn category<'a>(&'a self, id: &'a CategoryId) -> &'a CategoryId {
        match self.after.migration().category(id) {
            Some(Fate::Rename(to)) => to,
            _ => id,
        }
    }

    /// Whether a consent for `purpose` that names these categories would be carried over, withdrawn or lost: none may be
    /// given any more while the change is under way.
    #[must_use]
    pub fn ends(&self, purpose: &PurposeId, categories: &[(CategoryId, Detail)]) -> bool {
        let given = |categories: &[(CategoryId, Detail)]| Given {
            categories: categories.to_vec(),
            expires_at: None,
            material: String::new(),
            by_guardian: false,
        };
        let all = self.before.catalogue().purpose(purpose).map(|known| {
            let all = known.categories().iter().map(|id| (id.clone(), Detail::Fine));
            all.collect::<Vec<_>>()
        });
        // Naming none means all that the purpose uses.
        let named =
            if categories.is_empty() { all.unwrap_or_default() } else { categories.to_vec() };
        !matches!(self.lot(purpose, Some(&given(&named))), Lot::Stays { .. })
    }

    /// What becomes of what a person said of `purpose`; `given` is what they agreed to, if that is in force.
    #[must_use]
    pub fn lot(&self, purpose: &PurposeId, given: Option<&Given>) -> Lot {
        let migration = self.after.migration();
        let heir = match (self.after.catalogue().purpose(purpose), migration.purpose(purpose)) {
            (Some(heir), _) => heir,
            (None, Some(Fate::Rename(to))) => match self.after.catalogue().purpose(to) {
                Some(heir) => heir,
                None => return Lot::Lost(vec![Vanished::Purpose(purpose.clone())]),
            },
            (None, _) if given.is_none() => return Lot::Stays { outdated: false },
            (None, Some(Fate::Withdraw)) => return Lot::Withdrawn,
            (None, None) => return Lot::Lost(vec![Vanished::Purpose(purpose.clone())]),
        };
        match given {
            Some(given) => self.lot_of_given(purpose, heir, given),
            None if heir.id() == purpose => Lot::Stays { outdated: false },
            None => Lot::Carried { purpose: heir.id().clone(), given: None, outdated: false },
        }
    }

    fn lot_of_given(&self, purpose: &PurposeId, heir: &Purpose, given: &Given) -> Lot {
        let (mut lost, mut withdrawn) = (Vec::new(), false);
        for (category, _) in given.categories.iter().filter(|(_, detail)| *detail > Detail::None) {
            let known = self.after.catalogue().category(self.category(category));
            if known.is_some_and(|known| heir.uses(known)) {
                continue;
            }
            match self.after.migration().category(category) {
                Some(Fate::Withdraw) => withdrawn = true,
                _ => lost.push(Vanished::Category(purpose.clone(), category.clone())),
            }
        }
        if !lost.is_empty() {
            return Lot::Lost(lost);
        }
        if withdrawn {
            return Lot::Withdrawn;
        }
        let known = self.before.catalogue().purpose(purpose);
        let counts = known.filter(|known| known.material() == given.material);
        let mut kept = given.clone();
        for (category, _) in &mut kept.categories {
            *category = self.category(category).clone();
        }
        if counts.is_some_and(|known| self.is_same(known, heir)) {
            heir.material().clone_into(&mut kept.material);
        }
        let outdated = counts.is_some() && kept.material != heir.material();
        if heir.id() == purpose && kept == *given {
            return Lot::Stays { outdated };
        }
        Lot::Carried { purpose: heir.id().clone(), given: Some(kept), outdated }
    }

    /// Whether what is agreed to is the same but for names.
    fn is_same(&self, before: &Purpose, heir: &Purpose) -> bool {
        let renamed = |id: &str| {
            let known = self.before.catalogue().categories().iter().find(|c| c.id().as_str() == id);
            known.map_or(id, |known| self.category(known.id()).as_str()).to_owned()
        };
        before.material_as(self.before.catalogue(), heir.id(), renamed) == heir.material()
    }

    fn untrue_names(&self) -> Vec<String> {
        let (before, after) = (self.before.catalogue(), self.after.catalogue());
        let mut reasons = Vec::new();
        for (id, fate) in self.after.migration().purposes() {
            let (Fate::Rename(to), Some(known)) = (fate, before.purpose(id)) else { continue };
            if before.purpose(to).is_some() {
                reasons.push(format!(
                    "the purpose {to} is in force already, so {id} cannot take its name"
                ));
            } else if after.purpose(to).is_none_or(|heir| !self.is_same(known, heir)) {
                reasons.push(format!(
                    "the purpose {to} is not {id} under another name: its basis, necessity, retention, recipients or \
                     categories differ, so people must be asked again; say \"withdraw\""
                ));
            }
        }
        for (id, fate) in self.after.migration().categories() {
            let (Fate::Rename(to), Some(known)) = (fate, before.category(id)) else { continue };
            if before.category(to).is_some() {
                reasons.push(format!(
                    "the category {to} is in force already, so {id} cannot take its name"
                ));
            } else if after.category(to).is_none_or(|heir| !known.is_alike(heir)) {
                reasons.push(format!(
                    "the category {to} is not {id} under another name: its marks, attributes or coarse form differ, so \
                     people must be asked again; say \"withdraw\""
                ));
            }
        }
        reasons
    }
}
