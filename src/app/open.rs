//! Opens everything a gateway stands on, in the order in which one thing needs another.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use serde_json::json;
use zeroize::Zeroizing;

use super::{
    AppError, EngineSetting, OnWithdraw, Settings, UpstreamKind, UpstreamSettings, memory,
};
use crate::{
    ambient::{Clock, Entropy, Fs, RealFs, create_secret, private_dir, read_secret},
    audit::{Audit, Draft, Event},
    auth::{Authority, Source},
    catalog::Catalog,
    consent::{self, Audience, Ledger},
    domain::{Sid, TenantId},
    gateway::{self, Gateway, Serving},
    http::{self, Edge, body::BodyLimit},
    jose::Signer,
    policy::{Bundle, Policies},
    rights::Deletions,
    store::{Engine, FileKey, Lane, Limits, OnSyncFailure, Options, Recovered, Store, ViewOrigin},
    upstream::{self, Builtin, Endpoint, Model, Recipient, StaticHeader},
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
    /// The log.
    pub audit: Audit,
    /// The policy in force.
    pub policies: Arc<Policies>,
    /// The ledger.
    pub ledger: Ledger,
    /// The items.
    pub catalog: Catalog,
    /// The story of a call.
    pub gateway: Gateway,
    /// Who may ask.
    pub authority: Arc<Authority>,
    /// The models inside this process.
    pub builtins: Vec<Arc<Builtin>>,
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
        let (clock, entropy) = (machine.clock.clone(), machine.entropy.clone());
        let people = settings.store.people_in_memory;
        let vault = Vault::new(store.clone(), keeper.clone(), entropy.clone(), people);
        let audit = Audit::open(
            store.clone(),
            vault.clone(),
            settings.audit.gateway.clone(),
            entropy.clone(),
            clock.clone(),
        )?;
        let policies = Arc::new(Policies::new(bundle(settings.policy.dir.as_deref())?));
        let ledger = Ledger::new(consent::Ground {
            store: store.clone(),
            vault: vault.clone(),
            audit: audit.clone(),
            policies: policies.clone(),
            audiences: settings.upstream.iter().map(audience).collect(),
            signer: Signer::new(&keeper.signing_key_pkcs8(), &keeper.public_key()),
            log_origin: settings.audit.origin.clone(),
            entropy: entropy.clone(),
            clock: clock.clone(),
            people,
        });
        let catalog = Catalog::open(store.clone())?;
        let mut builtins = Vec::new();
        let mut models = Vec::new();
        for upstream in &settings.upstream {
            let model = model(upstream, &mut builtins, &mut read)?;
            let kept_here = upstream.kind == UpstreamKind::Builtin;
            models.push(Serving { model, purposes: upstream.purposes.clone(), kept_here });
        }
        let mut tenants: Vec<TenantId> =
            settings.app.iter().map(|app| app.tenant.clone()).collect();
        tenants.push(TenantId::standard());
        let gateway = Gateway::new(gateway::Ground {
            store: store.clone(),
            vault: vault.clone(),
            audit: audit.clone(),
            policies: policies.clone(),
            ledger: ledger.clone(),
            catalog: catalog.clone(),
            models,
            tenants,
            settings: gateway::Settings {
                dial: settings.dial()?,
                popularity: settings.events.popularity_purpose.clone(),
                log_origin: settings.audit.origin.as_str().into(),
                people,
                fetch_at_least: 100,
            },
            entropy,
            clock,
        })?;
        let authority = Arc::new(settings.auth.authority(settings.app.clone(), &mut read)?);
        let settings = Arc::new(settings);
        let app = Self {
            settings,
            machine,
            store,
            vault,
            audit,
            policies,
            ledger,
            catalog,
            gateway,
            authority,
            builtins,
        };
        app.say_what_changed(&recovered)?;
        memory::refill(&app)?;
        Ok(app)
    }

    /// The edge for one worker thread, with connections of its own to the models. Its runtime must run the driver of
    /// `lane`.
    #[must_use]
    pub fn edge(&self, lane: Lane) -> Edge {
        Edge::new(http::Ground {
            gateway: self.gateway.on_this_worker(lane),
            ledger: self.ledger.clone(),
            catalog: self.catalog.clone(),
            policies: self.policies.clone(),
            authority: self.authority.clone(),
            log_origin: self.settings.audit.origin.as_str().into(),
            body_limit: BodyLimit(self.settings.server.body_bytes),
        })
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
    }

    /// Writes rows for what is different from the last run: another policy, a rebuilt view.
    fn say_what_changed(&self, recovered: &Recovered) -> Result<(), AppError> {
        if matches!(recovered.view, ViewOrigin::Rebuilt { .. }) {
            let body = json!({ "what": "view" });
            self.row(Event::StateRebuilt, "rebuilt", &body)?;
        }
        let bundle = self.policies.snapshot();
        if self.audit.note_ruleset(bundle.version())? {
            let body = json!({ "version": bundle.version(), "vocabulary": bundle.vocabulary() });
            self.row(Event::PolicyChanged, "in_force", &body)?;
        }
        Ok(())
    }

    fn row(
        &self,
        event: Event,
        outcome: &'static str,
        body: &serde_json::Value,
    ) -> Result<(), AppError> {
        let draft = Draft {
            event,
            outcome,
            reason: "start",
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

/// Sizes and windows of the store, as the machine has them and the operator sets them.
fn limits(settings: &Settings, machine: &Machine) -> Limits {
    let mut limits = machine.limits.clone();
    if let Some(mib) = settings.store.snapshot_mib {
        limits.snapshot_every = u64::from(mib.get()) << 20;
    }
    limits
}

fn open_store(
    settings: &Settings,
    machine: &Machine,
) -> Result<(Store, Arc<Keeper>, Recovered), AppError> {
    let dir = &settings.store.dir;
    private_dir(dir).map_err(|source| AppError::Read { path: dir.clone(), source })?;
    let path = dir.join("file.key");
    let wrap =
        read_secret(&path).map_err(|source| AppError::Read { path: path.clone(), source })?;
    // Data without their file key would be lost to fresh keys: the keeper must then have the old ones.
    let keeper = Keeper::open(&settings.keys.dir, wrap.is_some(), &machine.entropy)?;
    let nobody = Sid(*b"consentry/journl");
    let file_key = match wrap {
        Some(wrap) => {
            let damaged = |_| AppError::Settings(format!("{} is damaged", path.display()));
            keeper.unwrap(nobody, wrap.as_slice().try_into().map_err(damaged)?)?
        }
        None => {
            let key = Zeroizing::new(machine.entropy.draw()?);
            let wrap = keeper.wrap(&machine.entropy, nobody, &key)?;
            create_secret(&path, &wrap)
                .map_err(|source| AppError::Read { path: path.clone(), source })?;
            key
        }
    };
    let (store, recovered) = Store::open(Options {
        dir: dir.clone(),
        fs: machine.fs.clone(),
        engine: match settings.store.engine {
            EngineSetting::Sled => Engine::Sled,
            EngineSetting::Memory => Engine::Memory,
        },
        file_key: FileKey::new(file_key),
        entropy: machine.entropy.clone(),
        clock: machine.clock.clone(),
        limits: limits(settings, machine),
        on_sync_failure: machine.on_sync_failure,
    })?;
    Ok((store, Arc::new(keeper), recovered))
}

fn bundle(dir: Option<&Path>) -> Result<Bundle, AppError> {
    match dir {
        Some(dir) => Ok(Bundle::parse(policy_files(dir)?)?),
        None => Ok(Bundle::shipped()?),
    }
}

/// The files of a policy folder, by name.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn policy_files(dir: &Path) -> Result<BTreeMap<String, String>, AppError> {
    let read = |source| AppError::Read { path: dir.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let known = path.extension().is_some_and(|kind| {
            ["toml", "cedar", "cedarschema"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        });
        if let Some(name) = path.file_name().filter(|_| known) {
            let text = fs::read_to_string(&path)
                .map_err(|source| AppError::Read { path: path.clone(), source })?;
            files.insert(name.to_string_lossy().into_owned(), text);
        }
    }
    Ok(files)
}

fn audience(upstream: &UpstreamSettings) -> Audience {
    Audience {
        recipient: upstream.recipient.clone(),
        domain: upstream.domain.clone(),
        purposes: upstream.purposes.clone(),
        delete_on_withdrawal: upstream.on_withdraw == OnWithdraw::Delete,
    }
}

fn model(
    upstream: &UpstreamSettings,
    builtins: &mut Vec<Arc<Builtin>>,
    read: &mut impl FnMut(&Source) -> io::Result<Vec<u8>>,
) -> Result<Model, AppError> {
    let recipient = Recipient {
        id: upstream.recipient.clone(),
        domain: upstream.domain.clone(),
        third_party: upstream.third_party,
    };
    let wrong = |source| AppError::Endpoint { recipient: upstream.recipient.to_string(), source };
    if upstream.kind == UpstreamKind::Builtin {
        let builtin = Arc::new(Builtin::new());
        builtins.push(builtin.clone());
        return Ok(Model::builtin(recipient, builtin));
    }
    let missing = || AppError::Settings(format!("[[upstream]] {} needs a url", upstream.recipient));
    let url = upstream.url.as_deref().ok_or_else(missing)?;
    let header = match &upstream.header {
        Some(header) => {
            let value = read(&header.value).map_err(|source| AppError::Machine {
                doing: "reading a model's header",
                source,
            })?;
            let value = String::from_utf8_lossy(&value);
            Some(StaticHeader::parse(&header.name, value.trim_end()).map_err(wrong)?)
        }
        None => None,
    };
    let limits = upstream::Limits {
        deadline: upstream.timeout(),
        answer_bytes: upstream.answer_bytes,
        ..upstream::Limits::default()
    };
    Ok(Model::json(recipient, Endpoint::parse(url, header).map_err(wrong)?, limits))
}
