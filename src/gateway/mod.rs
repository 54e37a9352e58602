//! The story of one call: who is it about, what is allowed now, what leaves, what comes back.
//!
//! Promises: nothing leaves without a permit and a durable record of its bytes; nothing leaves after an acknowledged
//! withdrawal, and no answer made from it is given; every call gets an answer, and one that could not be personal says
//! why; what an answer says was used is what was sent.
//!
//! It decides nothing itself: `consent` knows where a person stands, `policy` rules, `diversity` ranks.
//!
//! Start with [`Gateway::recommend`], which tells the story step by step.

mod answer;
mod ask;
mod counts;
mod course;
mod disclose;
mod forget;
mod happening;
mod held;
mod mutes;
mod note;
mod popularity;
mod preview;
mod rank;
mod recommend;
mod retell;
mod retry;
mod taste;
mod track;

use std::{fmt, sync::Arc};

use rustc_hash::FxHashMap;

pub use answer::{Answered, Decision, Effect, Fault, Ranked, Source};
pub use ask::{Asked, Proposed};
pub use counts::{Counts, PurposeCounts, RecipientCounts, Spent, Stage};
pub use forget::{AtRecipients, Became, Forgotten, Span, Went};
pub use happening::{Dropped, Happening, Kind, Tracked};
pub use held::{Held, Kept, Piece, What};
pub use mutes::Met as MutesMet;
pub use preview::{Previewed, TierPreview, Viewer};
pub use taste::TasteTold;

/// How strongly an answer is re-ranked, for who words a call.
pub use crate::{diversity::Dial, vault::Handle};

use crate::{
    ambient::{Clock, Entropy},
    audit::Audit,
    catalog::{Catalog, Item},
    consent::{ConsentError, Ledger},
    domain::{CategoryId, InvalidId, PurposeId, RecipientId, TenantId},
    policy::Policies,
    retry::{Attempt, Call},
    store::{Batch, Lane, Store},
    telemetry::Shards,
    upstream::{Health, Model},
    vault::{Tenant, Vault},
};

/// What can go wrong outside the path of a recommendation, which always answers.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The caller's tenant is not configured.
    #[error("the tenant is not configured")]
    UnknownTenant,
    /// The catalogue has no such purpose.
    #[error("there is no purpose {0}")]
    UnknownPurpose(PurposeId),
    /// No model serves the purpose.
    #[error("no model serves the purpose {0}")]
    NoModel(PurposeId),
    /// A person's standing could not be read or changed.
    #[error("reading a standing")]
    Consent(#[from] ConsentError),
    /// The catalogue could not be read or changed.
    #[error("changing the catalogue")]
    Catalog(#[from] crate::catalog::CatalogError),
    /// The log could not be written.
    #[error("writing to the log")]
    Audit(#[from] crate::audit::AuditError),
    /// A key is missing or a record does not open.
    #[error("opening or sealing a record")]
    Vault(#[from] crate::vault::VaultError),
    /// What a retry is told could not be read or kept.
    #[error(transparent)]
    Retry(#[from] crate::retry::RetryError),
    /// The journal takes no records now.
    #[error("the journal takes no records now")]
    Unavailable,
    /// A name that the gateway rests on is none.
    #[error("reading a category's name")]
    Name(#[source] InvalidId),
    /// A record is of no kind that is known here.
    #[error("a record is of no kind that is known")]
    Unknown,
    /// The store failed.
    #[error("reading records")]
    Store(#[from] crate::store::StoreError),
}

/// How the gateway treats calls.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How diverse answers are when neither the call nor the person says.
    pub dial: Dial,
    /// The purpose under which events are counted for the popular list.
    pub popularity: Option<PurposeId>,
    /// How many people's tastes stay in memory (about 100 bytes each, more for those who have some).
    pub people: usize,
    /// How many candidates a model is asked for at least, so that there is something to choose from.
    pub fetch_at_least: usize,
}

/// The gateway. Each worker thread has its own, with connections of its own to the models.
#[derive(Clone)]
pub struct Gateway {
    store: Store,
    vault: Vault,
    audit: Audit,
    policies: Arc<Policies>,
    ledger: Ledger,
    catalog: Catalog,
    models: Arc<[Serving]>,
    tenants: Arc<FxHashMap<TenantId, Tenant>>,
    tastes: Arc<taste::Tastes>,
    gap: Arc<disclose::Gap>,
    meter: Arc<mutes::Meter>,
    names: Arc<Names>,
    counts: Arc<Counts>,
    shards: Shards<Counts>,
    settings: Settings,
    entropy: Entropy,
    clock: Clock,
}

/// The two categories that are no part of a call's context, by their names in the catalogue.
#[derive(Debug)]
struct Names {
    activity: CategoryId,
    seeds: CategoryId,
}

impl Names {
    fn new() -> Result<Self, GatewayError> {
        let name = |text| CategoryId::parse(text).map_err(GatewayError::Name);
        Ok(Self { activity: name("activity")?, seeds: name("seed_items")? })
    }
}

/// A model and the purposes it serves.
#[derive(Debug)]
pub struct Serving {
    /// The model.
    pub model: Model,
    /// For which purposes it is asked.
    pub purposes: Vec<PurposeId>,
    /// Whether it lives in this process, so that what it is told is kept here and told again after a start.
    pub kept_here: bool,
}

/// What a gateway stands on.
#[derive(Debug)]
pub struct Ground {
    /// The store.
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
    /// The models, in the order in which they are asked.
    pub models: Vec<Serving>,
    /// The tenants.
    pub tenants: Vec<TenantId>,
    /// How calls are treated.
    pub settings: Settings,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
}

impl Gateway {
    /// A gateway on `ground`.
    ///
    /// # Errors
    /// When a tenant's lookup key can be neither read nor made.
    pub fn new(ground: Ground) -> Result<Self, GatewayError> {
        let mut tenants = FxHashMap::default();
        for name in ground.tenants {
            let tenant = ground.vault.tenant(&name)?;
            tenants.insert(name, tenant);
        }
        let shards = Shards::default();
        Ok(Self {
            store: ground.store,
            vault: ground.vault,
            audit: ground.audit,
            policies: ground.policies,
            ledger: ground.ledger,
            catalog: ground.catalog,
            models: ground.models.into(),
            tenants: Arc::new(tenants),
            tastes: Arc::new(taste::Tastes::new(ground.settings.people)),
            gap: Arc::default(),
            meter: Arc::default(),
            names: Arc::new(Names::new()?),
            counts: shards.fresh(),
            shards,
            settings: ground.settings,
            entropy: ground.entropy,
            clock: ground.clock,
        })
    }

    /// The same gateway for one worker thread: connections of its own, and `lane`, through which its runtime hears of
    /// commits.
    #[must_use]
    pub fn on_this_worker(&self, lane: Lane) -> Self {
        let models = self.models.iter().map(|serving| Serving {
            model: serving.model.on_this_worker(),
            purposes: serving.purposes.clone(),
            kept_here: serving.kept_here,
        });
        Self {
            models: models.collect(),
            audit: self.audit.with_lane(lane.clone()),
            store: self.store.with_lane(lane),
            entropy: self.entropy.on_this_worker(),
            counts: self.shards.fresh(),
            ..self.clone()
        }
    }

    /// The person's handle, which ends the app's id.
    ///
    /// # Errors
    /// When the tenant is not configured.
    pub fn handle(
        &self,
        tenant: &TenantId,
        subject: crate::domain::SubjectRef,
    ) -> Result<Handle, GatewayError> {
        let tenant = self.tenants.get(tenant).ok_or(GatewayError::UnknownTenant)?;
        Ok(self.vault.handle(tenant, subject))
    }

    /// A call with a key, as the store knows it.
    ///
    /// # Errors
    /// When the tenant is not configured.
    pub fn attempt(&self, tenant: &TenantId, call: &Call<'_>) -> Result<Attempt, GatewayError> {
        let tenant = self.tenants.get(tenant).ok_or(GatewayError::UnknownTenant)?;
        Ok(Attempt::new(tenant, call))
    }

    /// Takes in items and tells every model of them; items are about no one. Returns how many models took them.
    ///
    /// # Errors
    /// When the journal does not take them.
    pub async fn put_items(&self, items: Vec<Item>) -> Result<usize, GatewayError> {
        self.catalog.put(items.clone()).await?;
        let items: Vec<Arc<Item>> = items.into_iter().map(Arc::new).collect();
        let mut told = 0;
        for serving in self.models.iter() {
            told += usize::from(self.tell_items(serving, &items).await);
        }
        Ok(told)
    }

    /// Takes in `changed` items and `beside` with them, then tells every model of all that are `named`. Whether every
    /// model took them.
    ///
    /// # Errors
    /// When the journal does not take them; then no model is told.
    pub async fn take_items(
        &self,
        changed: &[Item],
        named: &[Arc<Item>],
        beside: Batch,
    ) -> Result<bool, GatewayError> {
        self.catalog.put_with(changed, beside).await?;
        let mut told = true;
        for serving in self.models.iter() {
            told &= self.tell_items(serving, named).await;
        }
        Ok(told)
    }

    /// Whether this very item is known.
    #[must_use]
    pub fn knows_item(&self, item: &Item) -> bool {
        self.catalog.view().item(item.id.as_str()).is_some_and(|known| **known == *item)
    }

    /// The models, with connections for the thread that asks.
    #[must_use]
    pub fn models_on_this_worker(&self) -> Vec<Model> {
        self.models.iter().map(|serving| serving.model.on_this_worker()).collect()
    }

    /// What calls came to, a worker each.
    #[must_use]
    pub fn counts(&self) -> &Shards<Counts> {
        &self.shards
    }

    /// How many answers stand without a row since the journal last took one.
    #[must_use]
    pub fn gap(&self) -> u64 {
        self.gap.now()
    }

    /// The models, in the order in which they are asked.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().map(|serving| &serving.model)
    }

    /// How each model over HTTP fares, for whoever watches: one word a model, and no call's.
    pub fn model_health(&self) -> impl Iterator<Item = (&RecipientId, Health)> {
        self.models.iter().filter_map(|serving| {
            let model = &serving.model;
            Some((&model.recipient().id, model.health()?))
        })
    }

    /// The present moment, as every decision here sees it.
    #[must_use]
    pub fn now(&self) -> crate::domain::Timestamp {
        self.clock.now()
    }

    /// Reads up to `most` people into memory while `go_on` says so. How many there were. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn warm_up(&self, most: usize, go_on: impl Fn() -> bool) -> Result<usize, GatewayError> {
        let mut people = 0;
        for handle in self.vault.handles().take(most).take_while(|_| go_on()) {
            let Some(person) = self.ledger.find(handle?)? else { continue };
            for purpose in self.models.iter().flat_map(|serving| &serving.purposes) {
                self.read_taste(&person, purpose);
            }
            people += 1;
        }
        Ok(people)
    }

    /// The category of what a person did before, which stands behind a pseudonym's history.
    #[must_use]
    pub fn activity(&self) -> &CategoryId {
        &self.names.activity
    }

    /// The category of the items a person is looking at.
    fn seeds(&self) -> &CategoryId {
        &self.names.seeds
    }

    fn serving(&self, purpose: &PurposeId) -> Option<&Model> {
        let serves = |serving: &&Serving| serving.purposes.contains(purpose);
        self.models.iter().find(serves).map(|serving| &serving.model)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("models", &self.models).finish_non_exhaustive()
    }
}
