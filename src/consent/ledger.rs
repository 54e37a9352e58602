//! Reads standings and records acts.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwapOption;

use super::{
    Act, ConsentError, Deletion, Gates, Standing,
    export::Closed,
    history::{Kept, acts_prefix, deletions_prefix},
    owed::Owed,
    standing::standing_key,
    succeed::Endings,
    terms::{Terms, Wording},
};
use crate::{
    ambient::{Clock, Entropy},
    audit::{Audit, RowKeys},
    domain::{Controller, Country, Epoch, Pseudodomain, PurposeId, RecipientId, Sid},
    jose::Signer,
    policy::{Bundle, Policies, Succession},
    retry::Retries,
    store::{Key, Record, Store, StoreError},
    vault::{Handle, SubjectKey, Vault},
};

/// A recipient that sees people under pseudonyms for some purposes.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Who.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// Whether it is a model inside this process.
    pub in_process: bool,
    /// For which purposes.
    pub purposes: Vec<PurposeId>,
    /// Whether it is run by someone else.
    pub third_party: bool,
    /// The country it is in.
    pub country: Option<Country>,
    /// Whether a withdrawal has it delete what it holds, and the person's next pseudonym is another.
    pub delete_on_withdrawal: bool,
}

/// A known person: their key and where they stand.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their key.
    pub key: SubjectKey,
    /// Where they stand.
    pub standing: Arc<Standing>,
    version: u64,
}

impl Person {
    /// Someone whose standing is empty.
    pub(super) fn new(key: SubjectKey) -> Self {
        Self { key, standing: Arc::default(), version: 0 }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The same person with the standing that a change just made, for reading: a change that begins from it conflicts.
    pub(super) fn standing_as(self, standing: Arc<Standing>) -> Self {
        Self { standing, version: 0, ..self }
    }

    /// The keys of their rows in the log.
    #[must_use]
    pub fn row_keys(&self) -> RowKeys {
        RowKeys::of(&self.key, self.standing.audit_epoch)
    }
}

/// The ledger.
#[derive(Clone)]
pub struct Ledger {
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) audit: Audit,
    pub(super) policies: Arc<Policies>,
    pub(super) audiences: Arc<[Audience]>,
    pub(super) signer: Signer,
    pub(super) entropy: Entropy,
    pub(super) clock: Clock,
    pub(super) gates: Gates,
    pub(super) endings: Endings,
    pub(super) migrating: Arc<ArcSwapOption<Succession>>,
    pub(super) owed: Arc<Owed>,
    pub(super) closed: Arc<Closed>,
    /// Whether the state came from a backup and may lack withdrawals that came after it.
    in_doubt: Arc<AtomicBool>,
    pub(super) retries: Retries,
    wording: Arc<Wording>,
    standings: Arc<quick_cache::sync::Cache<Sid, (u64, Arc<Standing>)>>,
}

/// What a ledger stands on.
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
    /// The recipients.
    pub audiences: Vec<Audience>,
    /// Whom receipts name.
    pub controller: Controller,
    /// The gateway's signing key.
    pub signer: Signer,
    /// Randomness.
    pub entropy: Entropy,
    /// Time.
    pub clock: Clock,
    /// How many standings are kept in memory (about 500 bytes each).
    pub people: usize,
}

impl Ledger {
    /// A ledger on `ground`.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self {
            gates: Gates::new(ground.store.clone()),
            retries: Retries::new(ground.store.clone(), ground.vault.clone(), ground.clock.clone()),
            store: ground.store,
            vault: ground.vault,
            audit: ground.audit,
            policies: ground.policies,
            audiences: ground.audiences.into(),
            signer: ground.signer,
            entropy: ground.entropy,
            clock: ground.clock,
            endings: Endings::default(),
            migrating: Arc::default(),
            owed: Arc::default(),
            wording: Arc::new(Wording::new(ground.controller)),
            closed: Arc::default(),
            in_doubt: Arc::default(),
            standings: Arc::new(quick_cache::sync::Cache::new(ground.people)),
        }
    }

    /// Whether the state on record may lack withdrawals that were acknowledged, because it came from a backup: then
    /// nobody is treated above tier `none`, until the operator has confirmed it.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Acquire)
    }

    /// Sets whether the state on record is in doubt.
    pub fn set_in_doubt(&self, doubt: bool) {
        self.in_doubt.store(doubt, Ordering::Release);
    }

    /// The gates that disclosures pass.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// What retries are told.
    #[must_use]
    pub fn retries(&self) -> &Retries {
        &self.retries
    }

    /// The key that notices and receipts are signed with.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The person under `handle`, `None` when nobody is known by it. Reads the disk, on a thread made for that, when
    /// the person was not seen lately.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn person(&self, handle: Handle) -> Result<Option<Person>, ConsentError> {
        let person = self.person_as(handle).await?;
        match person.as_ref().and_then(|person| person.standing.alias.as_ref()) {
            Some(alias) => self.person_as(alias.of).await,
            None => Ok(person),
        }
    }

    /// The person under this very handle, be it an alias.
    async fn person_as(&self, handle: Handle) -> Result<Option<Person>, ConsentError> {
        if let Some(key) = self.vault.recent(handle)?
            && let Some(person) = self.remembered(&key)
        {
            return Ok(Some(person));
        }
        let ledger = self.clone();
        off_the_worker(move || ledger.find_as(handle)).await
    }

    /// Like [`Ledger::person`], for code that may wait for the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn find(&self, handle: Handle) -> Result<Option<Person>, ConsentError> {
        let person = self.find_as(handle)?;
        match person.as_ref().and_then(|person| person.standing.alias.as_ref()) {
            Some(alias) => self.find_as(alias.of),
            None => Ok(person),
        }
    }

    /// The id by which the person is kept whom `handle` names, be it an alias.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn first_id(&self, handle: Handle) -> Result<Handle, ConsentError> {
        let person = self.find_as(handle)?;
        let alias = person.as_ref().and_then(|person| person.standing.alias.as_ref());
        Ok(alias.map_or(handle, |alias| alias.of))
    }

    /// Like [`Ledger::find`], without going from an alias to whose it is.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn find_as(&self, handle: Handle) -> Result<Option<Person>, ConsentError> {
        match self.vault.subject(handle)? {
            Some(key) => self.standing(key),
            None => Ok(None),
        }
    }

    /// The person with this `sid`, for work that starts from records.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn by_sid(&self, sid: Sid) -> Result<Option<Person>, ConsentError> {
        match self.vault.by_sid(sid)? {
            Some(key) => self.standing(key),
            None => Ok(None),
        }
    }

    /// Whether `epoch` is still the one in force for this person.
    #[must_use]
    pub fn stands(&self, sid: Sid, epoch: Epoch) -> bool {
        self.store.epoch(sid) == Some(epoch)
    }

    /// What a person did, oldest first. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn history(&self, person: &Person) -> Result<Vec<Act>, ConsentError> {
        let found = self.store.scan(acts_prefix(person.key.sid()).as_bytes());
        let open = |found: Result<(Key, Record), StoreError>| {
            let (key, record) = found?;
            Ok(person.key.open::<Kept>(&key, &record)?.act)
        };
        found.map(open).collect()
    }

    /// The hash of what the receipt of `act` says of the processing.
    pub(super) fn terms(
        &self,
        bundle: &Bundle,
        act: &Act,
        standing: &Standing,
    ) -> Result<Option<[u8; 32]>, ConsentError> {
        self.wording.of(&self.store, bundle, &self.audiences, (act, standing))
    }

    /// What the receipt of an act on one purpose says of the processing.
    pub(super) fn words(&self, bundle: &Bundle, act: &Act) -> Option<Terms> {
        let nobody = Standing::default();
        self.wording.terms(bundle.catalogue(), &self.audiences, act, &nobody)
    }

    /// What `person` did, oldest first, and the deletions that recipients owe them.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub async fn told_of(
        &self,
        person: &Person,
    ) -> Result<(Vec<Act>, Vec<Deletion>), ConsentError> {
        let (ledger, person) = (self.clone(), person.clone());
        off_the_worker(move || Ok((ledger.history(&person)?, ledger.deletions_owed_to(&person)?)))
            .await
    }

    /// The deletions that recipients owe to `person`. Reads the disk.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn deletions_owed_to(&self, person: &Person) -> Result<Vec<Deletion>, ConsentError> {
        let prefix = deletions_prefix(person.key.sid());
        let open = |found: Result<(Key, Record), StoreError>| {
            let (key, record) = found?;
            Ok(person.key.open(&key, &record)?)
        };
        self.store.scan(prefix.as_bytes()).map(open).collect()
    }

    /// The recipients that see people under pseudonyms.
    #[must_use]
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// The deletions that are owed, with the key of the person each is about.
    ///
    /// # Errors
    /// When the store fails or a record does not open.
    pub fn deletions_owed(&self) -> Result<Vec<(SubjectKey, Key, u64, Deletion)>, ConsentError> {
        let mut owed = Vec::new();
        for found in self.store.scan(super::DELETIONS) {
            let (key, record) = found?;
            let Some(sid) = super::deletion_sid(&key) else { continue };
            let Some(subject) = self.vault.by_sid(sid)? else { continue };
            let version = record.version;
            let deletion = subject.open(&key, &record)?;
            owed.push((subject, key, version, deletion));
        }
        Ok(owed)
    }

    fn remembered(&self, key: &SubjectKey) -> Option<Person> {
        let (version, standing) = self.standings.get(&key.sid())?;
        // The epoch changes with every act, after the act is durable: an equal epoch is an equal standing.
        (self.store.epoch(key.sid()) == Some(standing.epoch)).then(|| Person {
            key: key.clone(),
            standing,
            version,
        })
    }

    /// `None` for a key that is no person's, or of one who is erased at this moment: who is known has a standing.
    fn standing(&self, key: SubjectKey) -> Result<Option<Person>, ConsentError> {
        if let Some(person) = self.remembered(&key) {
            return Ok(Some(person));
        }
        let at = standing_key(key.sid());
        let Some(record) = self.store.read(&at)? else { return Ok(None) };
        let version = record.version;
        let standing: Arc<Standing> = Arc::new(key.open(&at, &record)?);
        self.standings.insert(key.sid(), (version, standing.clone()));
        // As in the vault: an erasure takes the epoch out before what is remembered here.
        if self.store.epoch(key.sid()).is_none() {
            self.standings.remove(&key.sid());
        }
        Ok(Some(Person { key, standing, version }))
    }

    /// Forgets what memory holds of a person who was erased.
    pub(super) fn forget_standing(&self, sid: Sid) {
        self.standings.remove(&sid);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger(…)")
    }
}

/// Runs work that may wait for the disk on a thread made for that.
pub(super) async fn off_the_worker<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConsentError> + Send + 'static,
) -> Result<T, ConsentError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ConsentError::Stopping))
}
