//! Makes what operators and auditors see a gateway through.

use std::sync::Arc;

use super::{AppError, Machine, OnWithdraw, Settings, UpstreamKind, UpstreamSettings};
use crate::{
    audit::{Audit, Cursors, LogReader},
    auth::{AppSettings, Authority},
    consent::Ledger,
    gateway::Gateway,
    inspect::{self, AppFacts, Inspector, Organisation, RecipientFacts},
    observe::{self, Observer},
    operate::PolicyChanges,
    policy::Policies,
    store::Store,
    vault::Vault,
};

/// What an operator sees.
pub(super) fn observer(
    settings: &Settings,
    machine: &Machine,
    store: &Store,
    ledger: &Ledger,
    gateway: &Gateway,
    authority: &Arc<Authority>,
    policies: &Arc<Policies>,
) -> Result<Observer, AppError> {
    Ok(Observer::new(observe::Ground {
        store: store.clone(),
        ledger: ledger.clone(),
        gateway: gateway.clone(),
        authority: authority.clone(),
        policies: policies.clone(),
        clock: machine.clock.clone(),
        traces: settings.telemetry.traces()?,
        access_log: settings.telemetry.access_log,
    }))
}

/// What an auditor sees.
pub(super) fn inspector(
    settings: &Settings,
    machine: &Machine,
    store: &Store,
    vault: &Vault,
    audit: &Audit,
    policies: &PolicyChanges,
    ledger: &Ledger,
) -> Result<Inspector, AppError> {
    let ground = inspect::Ground {
        store: store.clone(),
        reader: LogReader::new(store.clone()),
        cursors: Cursors::new(vault)?,
        policies: policies.clone(),
        ledger: ledger.clone(),
        organisation: organisation(settings),
        clock: machine.clock.clone(),
    };
    Ok(Inspector::new(ground, audit.clone()))
}

/// What an auditor is told of the configuration.
fn organisation(settings: &Settings) -> Organisation {
    let recipient = |upstream: &UpstreamSettings| RecipientFacts {
        id: upstream.recipient.clone(),
        country: upstream.country,
        third_party: upstream.third_party,
        in_process: upstream.kind == UpstreamKind::Builtin,
        deletes_on_withdrawal: upstream.on_withdraw == OnWithdraw::Delete,
        domain: upstream.domain.to_string(),
        purposes: upstream.purposes.clone(),
    };
    let app = |app: &AppSettings| AppFacts {
        id: app.id.clone(),
        purposes: app.purposes.iter().cloned().collect(),
    };
    Organisation {
        recipients: settings.upstream.iter().map(recipient).collect(),
        apps: settings.app.iter().map(app).collect(),
        bodies_kept_days: settings.audit.retention_days,
    }
}
