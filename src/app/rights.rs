//! What people are owed: the parts of the gateway that see to it.

use std::time::Duration;

use super::{App, Settings};
use crate::rights::{self, Deletions, Exports, Forgetting, Rights, Terms};

const HOUR: u64 = 60 * 60;

/// A copy of an erased person's key opens until the key-encryption key goes: at the next rotation, or, where a copy of the
/// keys of before lies in something that is kept as long as backups are, as much later.
fn terms(settings: &Settings) -> Terms {
    let days = u64::from(settings.keys.rotate_days.get());
    let kept = settings
        .backup
        .as_ref()
        .map_or(0, |backup| u64::from(backup.every_hours).saturating_mul(backup.keep as u64));
    let hours = (days * 24).saturating_add(kept);
    Terms { final_after: Duration::from_secs(hours.saturating_mul(HOUR)) }
}

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
            mark: self.continuity.mark().clone(),
            erasures: self.erasures.clone(),
            forgetting: {
                let gateway = self.gateway.clone();
                Forgetting::by(move |sid| gateway.forget_tastes(sid))
            },
            terms: terms(&self.settings),
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
        Deletions::new(rights::DeletionsGround {
            store: self.store.clone(),
            vault: self.vault.clone(),
            ledger: self.ledger.clone(),
            audit: self.audit.clone(),
            policies: self.policies.clone(),
            models: self.gateway.models_on_this_worker(),
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
        .telling(self.inspector.tries().clone())
    }
}
