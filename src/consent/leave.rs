//! What of the ledger goes when a person is erased. `rights` carries the erasure out.

use super::{Ledger, Person, standing::standing_key};
use crate::{
    domain::{Pseudodomain, RecipientId, Sid},
    store::Expect,
    vault::Handle,
};

/// A pseudonym under which a recipient may hold something of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAs {
    /// Who may hold something.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// Which of the person's pseudonyms there.
    pub generation: u32,
    /// Whether it is a model inside this process.
    pub in_process: bool,
}

impl Ledger {
    /// Every pseudonym that may ever have been sent: of each recipient that is configured or that the person has left a
    /// pseudonym behind at, from the first to the last that was ever in use. One that was never sent tells its recipient nothing.
    #[must_use]
    pub fn seen_as(&self, person: &Person) -> Vec<SeenAs> {
        let configured = self.audiences.iter().map(|a| (&a.recipient, &a.domain, a.in_process));
        let left = person.standing.generations.iter().map(|g| (&g.recipient, &g.domain, false));
        let mut places: Vec<(&RecipientId, &Pseudodomain, bool)> = Vec::new();
        for place in configured.chain(left) {
            if !places.iter().any(|known| (known.0, known.1) == (place.0, place.1)) {
                places.push(place);
            }
        }
        let of = |(recipient, domain, in_process): (&RecipientId, &Pseudodomain, bool)| {
            let (recipient, domain) = (recipient.clone(), domain.clone());
            let last = person.standing.highest_generation(&recipient, &domain);
            (0..=last).map(move |generation| SeenAs {
                recipient: recipient.clone(),
                domain: domain.clone(),
                generation,
                in_process,
            })
        };
        places.into_iter().flat_map(of).collect()
    }

    /// Forgets what memory holds of the person under `handle`, whose key is destroyed.
    pub fn forget_person(&self, handle: Handle, sid: Sid) {
        self.vault.forget(handle);
        self.forget_standing(sid);
        self.closed.forget(sid);
    }
}

impl Person {
    /// That nobody has changed the standing since it was read.
    #[must_use]
    pub fn unchanged(&self) -> Expect {
        Expect::Version { key: standing_key(self.key.sid()), version: self.version() }
    }
}
