//! What people are owed: the parts of the gateway that see to it.

use super::App;
use crate::rights::{self, Deletions, Exports, Rights};

impl App {
    /// What people may see of themselves and ask for.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::new(rights::Ground {
            store: self.store.clone(),
            vault: self.vault.clone(),
            audit: self.audit.clone(),
            ledger: self.ledger.clone(),
            policies: self.policies.clone(),
            proving: self.proving.clone(),
            controller: self.settings.controller.clone(),
            undo_within: self.settings.rights.undo_within(),
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
    }

    /// People's exports.
    #[must_use]
    pub fn exports(&self) -> Exports {
        Exports::new(self.store.clone(), self.ledger.clone(), self.proving.clone())
    }

    /// The worker of the deletions that recipients owe.
    #[must_use]
    pub fn deletions(&self) -> Deletions {
        Deletions::new(
            self.ledger.clone(),
            self.audit.clone(),
            self.policies.clone(),
            self.gateway.models_on_this_worker(),
            self.machine.entropy.clone(),
            self.machine.clock.clone(),
        )
        .telling(self.inspector.tries().clone())
    }
}
