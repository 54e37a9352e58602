//! What an operator's commands and the operator's door take hold of.

use std::io;

use serde_json::json;

use super::{App, AppError, Settings};
use crate::{
    audit::Event,
    auth::Source,
    http::{self, OperatorEdge, body::BodyLimit},
    operate::{self, Controls, Switches},
    store::Lane,
};

impl App {
    /// What an operator does to this gateway, for the thread that asks. Its runtime must run the driver of `lane`.
    #[must_use]
    pub fn controls(&self, lane: Lane) -> Controls {
        Controls::new(operate::Ground {
            store: self.store.clone(),
            vault: self.vault.clone(),
            audit: self.audit.with_lane(lane.clone()),
            policies: self.policies.clone(),
            policy_changes: self.policy_changes.clone(),
            ledger: self.ledger.clone(),
            rights: self.rights(),
            catalog: self.catalog.clone(),
            proving: self.proving.clone(),
            gateway: self.gateway.on_this_worker(lane),
            switches: self.switches(),
            authority: self.authority.clone(),
            log: self.log.clone(),
            backups: self.backups.clone(),
            rotation: self.key_rotation(),
            continuity: self.continuity.clone(),
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
    }

    /// Reads the keys that tokens are verified with anew, from other settings than those it was opened with.
    ///
    /// # Errors
    /// When a key cannot be read or used; then the keys stay as they were.
    pub fn reload_keys(
        &self,
        settings: &Settings,
        read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
    ) -> Result<(), AppError> {
        self.authority.replace_keys(settings.auth.keys(read)?)?;
        let body =
            json!({ "t_ms": self.machine.clock.now().millis(), "kids": self.authority.kids() });
        self.row(Event::OperatorKeysReloaded, "reloaded", "operator", &body)
    }

    /// The recipients' switches.
    fn switches(&self) -> Switches {
        let mut switches = Switches::new();
        for model in self.gateway.models_on_this_worker() {
            let id = model.recipient().id.clone();
            switches.entry(id).or_default().push(model.switch().clone());
        }
        switches
    }

    /// Puts in force what an operator had in force.
    pub(super) fn restore(&self) -> Result<(), AppError> {
        let doing = |source| AppError::Machine { doing: "starting a runtime", source };
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(doing)?;
        runtime.block_on(operate::restore(&self.store, &self.authority, &self.switches()))?;
        Ok(())
    }

    /// The operator's edge on `controls`.
    #[must_use]
    pub fn operator_edge(&self, controls: Controls) -> OperatorEdge {
        OperatorEdge::new(http::OperatorGround {
            controls,
            authority: self.authority.clone(),
            observer: self.observer.clone(),
            body_limit: BodyLimit(self.settings.server.body_bytes),
            body_within: self.settings.server.body_within(),
        })
    }
}
