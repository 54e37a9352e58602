//! What people are owed: the parts of the gateway that see to it.

use std::time::Duration;

use super::{App, AppError};
use crate::{
    operate::{KeyRotation, OperateError, RotationGround},
    rights::{self, Deletions, Exports, Rights},
};

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
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
    }

    /// The rotations of the key-encryption key.
    #[must_use]
    pub fn key_rotation(&self) -> KeyRotation {
        let days = u64::from(self.settings.keys.rotate_days.get());
        KeyRotation::new(RotationGround {
            store: self.store.clone(),
            vault: self.vault.clone(),
            audit: self.audit.clone(),
            policies: self.policies.clone(),
            ledger: self.ledger.clone(),
            backups: self.backups.clone(),
            every: Duration::from_secs(days * 24 * 3600),
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
    }

    /// Lets the observer show how old the key-encryption key is.
    pub(super) fn show_kek(&self) -> Result<(), AppError> {
        let status = self.key_rotation().status().map_err(OperateError::from)?;
        self.observer.show_kek(status.since, status.rotating);
        Ok(())
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
