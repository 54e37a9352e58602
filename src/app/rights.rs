//! What people are owed: the parts of the gateway that see to it.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use super::{App, AppError, Machine, OnWithdraw, Settings, UpstreamKind, UpstreamSettings};
use crate::{
    audit::Audit,
    consent::{self, Audience, Ledger},
    jose::Signer,
    operate::{KeyRotation, OperateError, RotationGround},
    policy::Policies,
    rights::{
        self, Deletions, Exports, Forgetting, Rights, Terms, clock::Laws, opendsr::Callbacks,
    },
    store::Store,
    vault::{Keeper, Vault},
};

const HOUR: u64 = 60 * 60;

/// A copy of an erased person's key opens until the key-encryption key goes: at the next rotation, or, where a copy of the
/// keys of before lies in something that is kept as long as backups are, as much later.
fn terms(settings: &Settings) -> Terms {
    let days = u64::from(settings.keys.rotate_days.get());
    let kept = settings.backup.as_ref().map_or(0, |backup| {
        u64::from(backup.every_hours.get()).saturating_mul(backup.keep.get() as u64)
    });
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
            laws: self.laws.clone(),
            controller: self.settings.controller.clone(),
            gpc_last_update: self.settings.policy.gpc_last_update,
            looks: rights::Looks::default(),
            undo_within: self.settings.rights.undo_within(),
            processor: self.opendsr.processor.clone(),
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
        Exports::new(self.rights())
    }

    /// The worker of the callbacks that controllers are owed, if the gateway speaks with any.
    #[must_use]
    pub fn callbacks(&self) -> Option<Callbacks> {
        let processor = self.opendsr.processor.clone()?;
        Some(Callbacks::new(self.rights(), processor, self.opendsr.post.clone()))
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
            opendsr: self.opendsr.recipients.clone(),
            entropy: self.machine.entropy.clone(),
            clock: self.machine.clock.clone(),
        })
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
        in_process: upstream.kind == UpstreamKind::Builtin,
        purposes: upstream.purposes.clone(),
        third_party: upstream.third_party,
        country: upstream.country,
        delete_on_withdrawal: upstream.on_withdraw == OnWithdraw::Delete,
    }
}

/// The laws whose clocks run: those that come with the program, and an operator's in `laws` below their policies, which are read
/// at the start alone.
pub(super) fn laws(settings: &Settings) -> Result<Arc<Laws>, AppError> {
    let own = match &settings.policy.dir {
        Some(dir) => law_files(&dir.join("laws"))?,
        None => BTreeMap::new(),
    };
    let laws = Laws::with(&own, &settings.rights.law, &settings.controller.time_zone);
    laws.map(Arc::new).map_err(|error| AppError::Settings(error.to_string()))
}

fn law_files(dir: &Path) -> Result<BTreeMap<String, String>, AppError> {
    let read = |source| AppError::Read { path: dir.to_owned(), source };
    let mut files = BTreeMap::new();
    if !dir.try_exists().map_err(read)? {
        return Ok(files);
    }
    for entry in fs::read_dir(dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let is_law = path.extension().is_some_and(|kind| kind == "toml");
        if let Some(name) = path.file_name().filter(|_| is_law) {
            let text = fs::read_to_string(&path)
                .map_err(|source| AppError::Read { path: path.clone(), source })?;
            files.insert(name.to_string_lossy().into_owned(), text);
        }
    }
    Ok(files)
}
