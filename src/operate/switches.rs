//! Kill switches: an app whose calls are refused, a recipient to which nothing is written.
//!
//! Promises: from the acknowledgement on, an app that is off gets no answer but that, and no byte goes to a recipient
//! that is off, whatever is under way; calls that would have asked it are answered without anything personal, and
//! deletions that it owes wait. What is off stays off over a crash, until an operator switches it on.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::{
    Controls, OperateError, Operator,
    record::{self, Said},
};
use crate::{
    audit::Event,
    auth::Authority,
    domain::{AppId, RecipientId, Timestamp},
    store::{Batch, Key, Store},
    upstream::Switch,
};

const PREFIX: &[u8] = b"o/switch/";

/// The switches of the recipients, by name. A recipient that serves through two models has two.
pub type Switches = BTreeMap<RecipientId, Vec<Arc<Switch>>>;

/// What has a switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An app of the configuration.
    App(AppId),
    /// A recipient of the configuration.
    Recipient(RecipientId),
}

/// How a switch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchState {
    /// Whose it is.
    pub target: Target,
    /// Since when it is off; `None` if it is on.
    pub off_since: Option<Timestamp>,
}

impl Target {
    /// The kind of what it is, as a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::Recipient(_) => "recipient",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::App(id) => id.as_str(),
            Self::Recipient(id) => id.as_str(),
        }
    }

    fn key(&self) -> Key {
        Key::new(&[PREFIX, self.path().as_bytes()].concat())
    }

    fn path(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }
}

impl Controls {
    /// How every switch stands, apps first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn switches(&self) -> Result<Vec<SwitchState>, OperateError> {
        let off = record::moments(&self.0.store, PREFIX)?;
        let state = |target: Target| {
            let known = off.iter().find(|known| known.name == target.path().as_bytes());
            SwitchState { off_since: known.map(|known| known.at), target }
        };
        Ok(self.targets().into_iter().map(state).collect())
    }

    /// Switches `target` off or on. What is so already stays as it is, with no new row in the log.
    ///
    /// # Errors
    /// When there is no such app or recipient, or the journal does not take it; then nothing was changed.
    pub async fn switch(
        &self,
        by: Operator,
        target: Target,
        off: bool,
    ) -> Result<SwitchState, OperateError> {
        let known = self.targets();
        if !known.contains(&target) {
            let of_its_kind = known.iter().filter(|known| known.kind() == target.kind());
            let known = of_its_kind.map(|known| known.name().to_owned()).collect();
            return Err(OperateError::Unknown { kind: target.kind(), known });
        }
        let controls = self.clone();
        // An operator who goes away leaves no switch half thrown.
        let thrown = tokio::spawn(async move { controls.throw(by, target, off).await });
        thrown.await.unwrap_or(Err(OperateError::Stopping))
    }

    async fn throw(
        &self,
        by: Operator,
        target: Target,
        off: bool,
    ) -> Result<SwitchState, OperateError> {
        let _one_at_a_time = self.0.acts.lock().await;
        let (store, key) = (&self.0.store, target.key());
        let since = record::at(store, &key)?;
        if since.is_some() == off {
            return Ok(SwitchState { target, off_since: since });
        }
        let off_since = off.then(|| self.now());
        let records = match off_since {
            Some(now) => Batch { put: vec![record::put(store, key, now)?], ..Batch::default() },
            None => Batch { delete: vec![key], ..Batch::default() },
        };
        let recipient = match &target {
            Target::Recipient(id) => Some(id.clone()),
            Target::App(_) => None,
        };
        let said = Said {
            event: Event::OperatorSwitched,
            outcome: if off { "off" } else { "on" },
            reason: "operator",
            recipient,
            body: json!({ "kind": target.kind(), "name": target.name() }),
        };
        self.write(by, said, records).await?;
        apply(&self.0.authority, &self.0.switches, &target, off).await;
        Ok(SwitchState { target, off_since })
    }

    fn targets(&self) -> Vec<Target> {
        let apps = self.0.authority.apps().into_iter().map(Target::App);
        apps.chain(self.0.switches.keys().cloned().map(Target::Recipient)).collect()
    }
}

async fn apply(authority: &Authority, switches: &Switches, target: &Target, off: bool) {
    match target {
        Target::App(id) => authority.switch_app(id, off),
        Target::Recipient(id) => {
            for switch in switches.get(id).into_iter().flatten() {
                if off {
                    switch.turn_off().await;
                } else {
                    switch.turn_on();
                }
            }
        }
    }
}

/// Switches off what was off when the process ended. What is no longer configured stays on record.
pub(super) async fn restore(
    store: &Store,
    authority: &Authority,
    switches: &Switches,
) -> Result<(), OperateError> {
    for known in record::moments(store, PREFIX)? {
        let name = std::str::from_utf8(&known.name).map_err(|_| OperateError::Newer)?;
        let target = match name.split_once('/') {
            Some(("app", name)) => AppId::parse(name).map(Target::App),
            Some(("recipient", name)) => RecipientId::parse(name).map(Target::Recipient),
            _ => return Err(OperateError::Newer),
        };
        let target = target.map_err(|_| OperateError::Newer)?;
        tracing::warn!(switch.kind = target.kind(), switch.name = target.name(), "switched off");
        apply(authority, switches, &target, true).await;
    }
    Ok(())
}
