//! A person's own pseudonyms: what recipients know them by, for whoever asks a recipient for what it holds.

use std::collections::BTreeSet;

use super::OwnExport;
use crate::{
    domain::{Pseudodomain, RecipientId},
    pseudonym::{Which, for_oneself},
};

/// A pseudonym of a person at one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnName {
    /// Which of the person's ids it was made for.
    pub id: u32,
    /// Who may know the person by it.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// Its number; each reset and each withdrawal takes the next.
    pub generation: u32,
    /// Whether it is the one that calls are made under.
    pub in_use: bool,
    /// The pseudonym itself.
    pub name: String,
}

impl OwnExport {
    /// Every pseudonym that the person may have been known by: at each recipient that is configured, or that has known one
    /// before. Whether anything was sent under it, decisions tell.
    #[must_use]
    pub fn names(&self) -> Vec<OwnName> {
        let mut names = Vec::new();
        for (id, person) in (0..).zip(&self.ids) {
            let known = person.standing.generations.iter();
            let known = known.map(|known| (known.recipient.clone(), known.domain.clone()));
            let audiences = self.rights.ledger.audiences().iter();
            let configured = audiences.map(|known| (known.recipient.clone(), known.domain.clone()));
            let places: BTreeSet<(RecipientId, Pseudodomain)> = known.chain(configured).collect();
            for (recipient, domain) in places {
                let now = person.standing.generation(&recipient, &domain);
                let of_place = person.standing.generations.iter();
                let mut of_place =
                    of_place.filter(|g| g.recipient == recipient && g.domain == domain);
                let highest = of_place.next().map_or(0, |known| known.highest);
                for generation in 0..=highest {
                    let which = Which { domain: &domain, generation };
                    let name = for_oneself(&person.key, &recipient, which).expose().to_owned();
                    let in_use = generation == now && person.standing.alias.is_none();
                    let (recipient, domain) = (recipient.clone(), domain.clone());
                    names.push(OwnName { id, recipient, domain, generation, in_use, name });
                }
            }
        }
        names
    }
}
