//! Opens everything a gateway stands on, in the order in which one thing needs another.

use std::{io, sync::Arc, time::Duration};

use serde_json::json;

use super::{
    AppError, Settings, UpstreamKind, Witnesses, memory,
    models::{Models, wrong},
    opendsr::OpenDsr,
    policy::{in_force, purposes_named},
    rights::{laws, ledger},
    sight::{inspector, observer},
    stored::open_store,
};
use crate::{
    ambient::{Clock, Entropy, Fs, RealFs},
    audit::{Audit, Draft, Event, Log, LogGround, Names, Proving, log_dir},
    auth::{Authority, Source},
    catalog::Catalog,
    consent::Ledger,
    domain::TenantId,
    gateway::{self, Gateway, Serving},
    http::{self, Edge, body::BodyLimit},
    inspect::Inspector,
    observe::Observer,
    operate::{self, Backups, Continuity, PolicyChanges, Schedule},
    policy::{Policies, Purpose},
    rights::{Erasures, clock::Laws},
    store::{Lane, Limits, OnSyncFailure, Recovered, Store, Unavailable, ViewOrigin},
    upstream::Builtin,
    vault::{Keeper, Vault},
};

/// The machine as the gateway uses it. Tests set it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The clock.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// The file system of the journal.
    pub fs: Arc<dyn Fs>,
    /// Sizes and windows of the store.
    pub limits: Limits,
    /// What follows a failed sync.
    pub on_sync_failure: OnSyncFailure,
}

impl Machine {
    /// The machine as it is.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Clock::System,
            entropy: Entropy::system(),
            fs: Arc::new(RealFs),
            limits: Limits::default(),
            on_sync_failure: OnSyncFailure::Abort,
        }
    }
}

/// Everything a gateway stands on, open.
#[derive(Clone, Debug)]
pub struct App {
    /// The configuration it was opened with.
    pub settings: Arc<Settings>,
    /// The machine it runs on.
    pub machine: Machine,
    /// The store, which has no door of its own: for tests and for the operator's commands.
    pub store: Store,
    /// The keys.
    pub vault: Vault,
    /// Writes the log.
    pub audit: Audit,
    /// The log as it is published.
    pub log: Arc<Log>,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// Changes of the policy in force.
    pub policy_changes: PolicyChanges,
    /// The ledger.
    pub ledger: Ledger,
    /// The items.
    pub catalog: Catalog,
    /// Where rows stand in the published log, and what proves it.
    pub proving: Arc<dyn Proving>,
    /// The laws whose clocks run.
    pub laws: Arc<Laws>,
    /// What is spoken with controllers and recipients by OpenDSR.
    pub opendsr: OpenDsr,
    /// The story of a call.
    pub gateway: Gateway,
    /// Who may ask.
    pub authority: Arc<Authority>,
    /// Whether the state goes on from where it was.
    pub continuity: Arc<Continuity>,
    /// Erasures that are not durable yet.
    pub erasures: Erasures,
    /// The backups.
    pub backups: Arc<Backups>,
    /// The witnesses of the log.
    pub witnesses: Witnesses,
    /// The models inside this process.
    pub builtins: Vec<Arc<Builtin>>,
    /// What is seen of it all.
    pub observer: Observer,
    /// What an auditor reads.
    pub inspector: Inspector,
}

impl App {
    /// Opens everything that `settings` name; `read` fetches the bytes of keys and secrets.
    ///
    /// # Errors
    /// When a part does not open; what it says names the part.
    pub fn open(
        settings: Settings,
        machine: Machine,
        mut read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
    ) -> Result<Self, AppError> {
        let (store, keeper, recovered) = open_store(&settings, &machine)?;
        let opened_at = store.position();
        let (clock, entropy) = (machine.clock.clone(), machine.entropy.clone());
        let people = settings.store.people_in_memory;
        let vault = Vault::new(store.clone(), keeper.clone(), entropy.clone(), people);
        let audit = audit(&settings, &machine, &store, &vault)?;
        let policies = Arc::new(policies(&settings, &store, &audit, &clock)?);
        let ledger = ledger(&settings, &machine, &keeper, (&vault, &audit, &policies, &store));
        let policy_changes = PolicyChanges::new(
            store.clone(),
            audit.clone(),
            clock.clone(),
            policies.clone(),
            ledger.clone(),
            purposes_named(&settings),
        )?;
        let catalog = Catalog::open(store.clone())?;
        let (models, builtins) = models(&settings, &clock, &policies, &mut read)?;
        let gateway = Gateway::new(gateway::Ground {
            store: store.clone(),
            vault: vault.clone(),
            audit: audit.clone(),
            policies: policies.clone(),
            ledger: ledger.clone(),
            catalog: catalog.clone(),
            models,
            tenants: tenants(&settings),
            settings: gateway::Settings {
                dial: settings.dial()?,
                popularity: settings.events.popularity_purpose.clone(),
                people,
                fetch_at_least: 100,
            },
            entropy,
            clock,
        })?;
        let authority = settings.auth.authority(settings.app.clone(), &mut read)?;
        let authority = Arc::new(authority.timed_by(&machine.clock));
        let observer =
            observer(&settings, &machine, &store, &ledger, &gateway, &authority, &policies)?;
        // Before anything is written here: a state that is older than what was signed goes on under a new name, and the rows
        // that say so stand there.
        let log = Arc::new(Log::open(published(&settings, &machine, &store, &audit, &keeper))?);
        observer.show_log(log.clone());
        let continuity = Continuity::begin(
            operate::ContinuityGround {
                store: store.clone(),
                vault: vault.clone(),
                audit: audit.clone(),
                ledger: ledger.clone(),
                policies: policies.clone(),
                keys: settings.keys.dir.clone(),
                origin: settings.audit.origin.clone(),
                entropy: machine.entropy.clone(),
                clock: machine.clock.clone(),
            },
            opened_at,
            &recovered,
        )?;
        let backups = backups(&settings, &machine, &store, &audit, &policies);
        let inspector =
            inspector(&settings, &machine, &store, &vault, &audit, &policy_changes, &ledger)?;
        let settings = Arc::new(settings);
        let app = Self {
            witnesses: witnesses(&settings, &observer)?,
            laws: laws(&settings)?,
            opendsr: OpenDsr::open(&settings, read)?,
            continuity: Arc::new(continuity),
            backups: Arc::new(backups),
            erasures: Erasures::default(),
            proving: log.clone(),
            log,
            machine,
            store,
            vault,
            audit,
            policies,
            policy_changes,
            ledger,
            catalog,
            gateway,
            authority,
            settings,
            builtins,
            observer,
            inspector,
        };
        app.say_what_changed(&recovered)?;
        memory::refill(&app)?;
        app.restore()?;
        Ok(app)
    }

    /// The edge for one worker thread, with connections of its own to the models. Its runtime must run the driver of
    /// `lane`.
    #[must_use]
    pub fn edge(&self, lane: Lane) -> Edge {
        Edge::new(http::Ground {
            inspector: self.inspector.on_this_worker(lane.clone()),
            gateway: self.gateway.on_this_worker(lane),
            ledger: self.ledger.clone(),
            catalog: self.catalog.clone(),
            exports: self.exports(),
            rights: self.rights(),
            policies: self.policies.clone(),
            authority: self.authority.clone(),
            log: self.log.clone(),
            log_is_public: self.settings.audit.public,
            body_limit: BodyLimit(self.settings.server.body_bytes),
            watch: self.observer.on_this_worker(),
            body_within: self.settings.server.body_within(),
        })
    }

    /// Commits what waits, ends the store's threads and notes how far the state came.
    pub fn close(&self) {
        let whole = self.store.health().trouble.is_none_or(|why| why == Unavailable::DiskLow);
        self.store.clone().close();
        let noted = if whole { self.continuity.close() } else { self.continuity.keep_pace() };
        if let Err(error) = noted {
            tracing::warn!(error.message = %error, "the highwater mark is older than the state");
        }
    }

    /// Writes rows for what is different from the last run: a rebuilt view.
    fn say_what_changed(&self, recovered: &Recovered) -> Result<(), AppError> {
        if matches!(recovered.view, ViewOrigin::Rebuilt { .. }) {
            let body = json!({ "what": "view" });
            self.row(Event::StateRebuilt, "rebuilt", "start", &body)?;
        }
        Ok(())
    }

    pub(super) fn row(
        &self,
        event: Event,
        outcome: &'static str,
        reason: &'static str,
        body: &serde_json::Value,
    ) -> Result<(), AppError> {
        let draft = Draft {
            event,
            outcome,
            reason,
            purpose: None,
            recipient: None,
            ruleset: self.policies.current().ruleset().to_owned(),
            at: self.machine.clock.now(),
            rows: None,
            body: body.to_string().into_bytes(),
        };
        Ok(self.audit.record_nobody_blocking(draft).map(|_| ())?)
    }
}

/// The policy in force, whose words the log may say.
fn policies(
    settings: &Settings,
    store: &Store,
    audit: &Audit,
    clock: &Clock,
) -> Result<Policies, AppError> {
    let bundle = in_force(settings, store, audit, clock)?;
    let purposes = bundle.catalogue().purposes().iter().map(Purpose::id);
    audit.start_speaking(bundle.ruleset(), purposes)?;
    Ok(Policies::new(bundle))
}

fn published(
    settings: &Settings,
    machine: &Machine,
    store: &Store,
    audit: &Audit,
    keeper: &Keeper,
) -> LogGround {
    LogGround {
        store: store.clone(),
        audit: audit.clone(),
        fs: machine.fs.clone(),
        dir: log_dir(&settings.store.dir),
        keys: settings.keys.dir.clone(),
        seed: keeper.log_seed(),
        origin: settings.audit.origin.clone(),
    }
}

fn audit(
    settings: &Settings,
    machine: &Machine,
    store: &Store,
    vault: &Vault,
) -> Result<Audit, AppError> {
    let (entropy, clock) = (machine.entropy.clone(), machine.clock.clone());
    Ok(Audit::open(store.clone(), vault.clone(), names(settings), entropy, clock)?)
}

fn names(settings: &Settings) -> Names {
    Names {
        gateway: settings.audit.gateway.clone(),
        origin: settings.audit.origin.clone(),
        recipients: settings.upstream.iter().map(|upstream| upstream.recipient.clone()).collect(),
    }
}

/// The models in the order in which they are asked, and those of them that are inside this process.
fn models(
    settings: &Settings,
    clock: &Clock,
    policies: &Policies,
    read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
) -> Result<(Vec<Serving>, Vec<Arc<Builtin>>), AppError> {
    let known = policies.snapshot();
    let mut made = Models { clock, catalogue: known.catalogue(), builtins: Vec::new(), read };
    let mut models: Vec<Serving> = Vec::new();
    for upstream in &settings.upstream {
        // What is owed to a recipient goes to the one model of its id.
        if models.iter().any(|before| before.model.recipient().id == upstream.recipient) {
            return Err(wrong(upstream, "configured twice"));
        }
        let model = made.make(upstream)?;
        let kept_here = upstream.kind == UpstreamKind::Builtin;
        models.push(Serving { model, purposes: upstream.purposes.clone(), kept_here });
    }
    Ok((models, made.builtins))
}

/// The witnesses of the log, seen by `observer`.
fn witnesses(settings: &Settings, observer: &Observer) -> Result<Witnesses, AppError> {
    let witnesses = Witnesses::open(&settings.audit.witness)?;
    observer.show_witnesses(witnesses.seen());
    Ok(witnesses)
}

fn tenants(settings: &Settings) -> Vec<TenantId> {
    let of_apps = settings.app.iter().map(|app| app.tenant.clone());
    of_apps.chain([TenantId::standard()]).collect()
}

fn backups(
    settings: &Settings,
    machine: &Machine,
    store: &Store,
    audit: &Audit,
    policies: &Arc<Policies>,
) -> Backups {
    Backups::new(operate::BackupGround {
        store: store.clone(),
        audit: audit.clone(),
        policies: policies.clone(),
        fs: machine.fs.clone(),
        origin: settings.audit.origin.clone(),
        keys: settings.keys.dir.clone(),
        schedule: settings.backup.as_ref().map(|backup| Schedule {
            dir: backup.dir.clone(),
            every: Duration::from_secs(u64::from(backup.every_hours.get()) * 3600),
            keep: backup.keep.get(),
        }),
        clock: machine.clock.clone(),
    })
}
