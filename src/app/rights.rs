//! What people are owed: the parts of the gateway that see to it.

use std::sync::Arc;

use super::{App, Machine, OnWithdraw, Settings, UpstreamSettings};
use crate::{
    audit::Audit,
    consent::{self, Audience, Ledger},
    jose::Signer,
    policy::Policies,
    rights::{self, Deletions, Exports, Rights},
    store::Store,
    vault::{Keeper, Vault},
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
            gpc_last_update: self.settings.policy.gpc_last_update,
            looks: rights::Looks::default(),
            undo_within: self.settings.rights.undo_within(),
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
    }

    /// People's exports.
    #[must_use]
    pub fn exports(&self) -> Exports {
        Exports::new(self.rights())
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

/// The ledger of what people give and take back, with whom its receipts name.
pub(super) fn ledger(
    settings: &Settings,
    machine: &Machine,
    keeper: &Keeper,
    (vault, audit, policies, store): (&Vault, &Audit, &Arc<Policies>, &Store),
) -> Ledger {
    Ledger::new(consent::Ground {
        store: store.clone(),
        vault: vault.clone(),
        audit: audit.clone(),
        policies: policies.clone(),
        audiences: settings.upstream.iter().map(audience).collect(),
        controller: settings.controller.clone(),
        signer: Signer::new(&keeper.signing_key_pkcs8(), &keeper.public_key()),
        entropy: machine.entropy.clone(),
        clock: machine.clock.clone(),
        people: settings.store.people_in_memory,
    })
}

fn audience(upstream: &UpstreamSettings) -> Audience {
    Audience {
        recipient: upstream.recipient.clone(),
        domain: upstream.domain.clone(),
        purposes: upstream.purposes.clone(),
        third_party: upstream.third_party,
        country: upstream.country,
        delete_on_withdrawal: upstream.on_withdraw == OnWithdraw::Delete,
    }
}
