//! The log: what was decided, disclosed, given, withdrawn and erased, in the order in which it became durable.
//!
//! Promises: a row is durable before anyone acts on it ([`Logged`] is the proof, and a disclosure cannot be made
//! without one); a leaf holds closed words and keyed bytes, never an id, an address, a pseudonym or free text; a body
//! opens with that person's key alone, and with nothing once it is destroyed.
//!
//! The log's order is the journal's: state and log are written in one batch and cannot disagree.
//!
//! Start with [`Draft`]; [`Audit::record`] writes one. [`Meaning`] verifies what the rows of a log say, for whoever has its
//! files.

mod bodies;
mod event;
mod finding;
mod leaf;
mod publish;
mod row;
mod shards;
mod tally;
mod tree;
mod verify;
mod vocabulary;
mod words;

mod read;

mod certificate;
mod opened;
mod own;
mod proving;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

pub use bodies::{
    AnswerBody, CallKind, DecisionBody, EffectBody, ItemBody, SentBody, VoidBody, WithheldBody,
};
pub use certificate::{Amiss as CertificateAmiss, Answered, Certificate, Certified, Owed};
pub use event::Event;
pub use finding::{Finder, Marks, event, marks};
pub use leaf::{Also, Draft, RowKeys};
pub(crate) use opened::text;
pub use opened::{NotOpened, OpenedRow, Shown};
pub use own::{Amiss, NotOwn, Of, OwnLog, OwnRows, TagKey, Until};
pub use proving::Proving;
pub use publish::{CHECKPOINT, COSIGNED, Log, LogError, LogGround, Published, log_dir};
pub use read::{Cursors, Filter, LogReader, Order, RowWords, Span};
pub use row::{NOTHING, NotARow, Previous, Row};
pub use shards::{Place, Shard, ShardsError};
pub use tally::{Opening, Ruleset, Tally};
pub use tree::Folder;
pub use verify::{CLOCK_STEP, Meaning};
pub use vocabulary::{UnknownWord, Vocabulary};

use self::shards::Shards;
use crate::{
    ambient::{Clock, Entropy, EntropyError},
    domain::{GatewayName, PurposeId, RecipientId, Timestamp},
    store::{Batch, CommitError, Lane, Leaf, Put, Store, StoreError},
    vault::{KeyEvent, SubjectKey, Vault, VaultError},
};

/// What can go wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A key is missing or a row does not open.
    #[error("sealing or opening a row of the log")]
    Vault(#[from] VaultError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The journal did not take the row.
    #[error("writing to the log")]
    Commit(#[from] CommitError),
    /// A record of the log's own cannot be read.
    #[error("reading what the log keeps of itself")]
    Store(#[from] StoreError),
    /// The table of shards cannot be used.
    #[error(transparent)]
    Shards(#[from] ShardsError),
    /// A row of the log is none.
    #[error("row {index} of the log cannot be read")]
    Row {
        /// Its place in the log.
        index: u64,
        /// What is wrong with it.
        source: NotARow,
    },
}

/// Shows that a row is durable. Only [`Audit::record`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    index: u64,
}

impl Logged {
    /// The journal's number of the row; [`Audit::place`] tells where in which log it stands.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }
}

/// Writes the log.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    vault: Vault,
    names: Arc<Names>,
    entropy: Entropy,
    clock: Clock,
    nobody: Arc<ArcSwap<(String, SubjectKey)>>,
    shards: Arc<Shards>,
    vocabulary: Arc<ArcSwap<Vocabulary>>,
}

/// The names in a log that come from the configuration.
#[derive(Clone, Debug)]
pub struct Names {
    /// This gateway's.
    pub gateway: GatewayName,
    /// The start of each shard's origin.
    pub origin: String,
    /// Those who receive data.
    pub recipients: Vec<RecipientId>,
}

impl Audit {
    /// Opens the log of the gateway that `names` name.
    ///
    /// # Errors
    /// When the key for rows about nobody can be neither read nor made, or the table of shards cannot be used.
    pub fn open(
        store: Store,
        vault: Vault,
        names: Names,
        entropy: Entropy,
        clock: Clock,
    ) -> Result<Self, AuditError> {
        let now = clock.now();
        let period = period(now);
        let key = vault.nobody(&period)?;
        let nobody = Arc::new(ArcSwap::from_pointee((period, key)));
        let shards = Arc::new(Shards::open(&store, &names.origin, now)?);
        let vocabulary = Arc::new(ArcSwap::from_pointee(Vocabulary::new("")));
        Ok(Self {
            store,
            vault,
            names: Arc::new(names),
            entropy,
            clock,
            nobody,
            shards,
            vocabulary,
        })
    }

    /// The same log, whose rows are acknowledged through `lane`.
    #[must_use]
    pub fn with_lane(&self, lane: Lane) -> Self {
        let (store, entropy) = (self.store.with_lane(lane), self.entropy.on_this_worker());
        Self { store, entropy, ..self.clone() }
    }

    /// Takes up the key for rows about nobody of the present period. To be called now and then, off the path of
    /// calls: until it is, the last period's key goes on.
    ///
    /// # Errors
    /// When the key can be neither read nor made.
    pub fn turn_period(&self) -> Result<(), AuditError> {
        let period = period(self.clock.now());
        if self.nobody.load().0 != period {
            let key = self.vault.nobody(&period)?;
            self.nobody.store(Arc::new((period, key)));
        }
        Ok(())
    }

    /// The key for rows about nobody.
    #[must_use]
    pub fn nobody(&self) -> SubjectKey {
        self.nobody.load().1.clone()
    }

    /// Seals `draft` for a person with `keys`; `created` names their key in the row that says they came to be.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn seal(
        &self,
        draft: Draft,
        keys: &RowKeys,
        created: Option<&SubjectKey>,
    ) -> Result<Leaf, AuditError> {
        let key = created.map(|key| (key, KeyEvent::Created));
        draft.seal(keys, &self.names.gateway, &Also { key, ..Also::default() }, &self.entropy)
    }

    /// Seals the last row of the person with `key`: the one that says that the key is destroyed.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn seal_erased(
        &self,
        draft: Draft,
        keys: &RowKeys,
        key: &SubjectKey,
    ) -> Result<Leaf, AuditError> {
        let also = Also { key: Some((key, KeyEvent::Erased)), ..Also::default() };
        draft.seal(keys, &self.names.gateway, &also, &self.entropy)
    }

    /// Seals a row about nobody.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn seal_nobody(&self, draft: Draft) -> Result<Leaf, AuditError> {
        self.seal_also(draft, &Also::default())
    }

    /// Seals a row about nobody that says more than most.
    fn seal_also(&self, draft: Draft, also: &Also<'_>) -> Result<Leaf, AuditError> {
        let keys = RowKeys::of(&self.nobody(), 0);
        draft.seal(&keys, &self.names.gateway, also, &self.entropy)
    }

    /// Seals the row that brings `announced` into force; it goes into one batch with [`Announced::put`].
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn seal_announcing(&self, draft: Draft, announced: &Announced) -> Result<Leaf, AuditError> {
        let vocabulary = Some(announced.vocabulary.hash());
        self.seal_also(draft, &Also { vocabulary, ..Also::default() })
    }

    /// The words that rows may say under `ruleset`, whose catalogue has these purposes. Those of the ruleset in force
    /// before stay among them, since what was begun under it is told under this one. Reads the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn announce<'a>(
        &self,
        ruleset: &str,
        purposes: impl Iterator<Item = &'a PurposeId>,
    ) -> Result<Announced, AuditError> {
        let mut words = words::closed(ruleset);
        words.gateways.insert(self.names.gateway.to_string());
        words.purposes.extend(purposes.map(ToString::to_string));
        words.recipients.extend(self.names.recipients.iter().map(ToString::to_string));
        let key = vocabulary::key(ruleset);
        let known = self.store.read(&key)?;
        let (version, known) = known.map_or((0, None), |known| (known.version, Some(known.value)));
        let mut vocabulary = words.with(Vocabulary::clone(&self.vocabulary.load()));
        vocabulary = match known.as_deref().and_then(Vocabulary::parse) {
            Some(known) => vocabulary.with(known),
            None => vocabulary,
        };
        let value = vocabulary.json();
        let is_known = known.as_ref() == Some(&value);
        Ok(Announced { vocabulary, put: Put { key, version: version + 1, value }, is_known })
    }

    /// Takes up the words of a row that was recorded.
    pub fn speak(&self, announced: Announced) {
        self.vocabulary.store(Arc::new(announced.vocabulary));
    }

    /// Announces the words of the ruleset that a gateway starts under, unless they are announced. Waits on this thread.
    ///
    /// # Errors
    /// When the journal does not take the row.
    pub fn start_speaking<'a>(
        &self,
        ruleset: &str,
        purposes: impl Iterator<Item = &'a PurposeId>,
    ) -> Result<(), AuditError> {
        let announced = self.announce(ruleset, purposes)?;
        if !announced.is_known {
            let at = self.clock.now();
            let draft = Draft {
                event: Event::LogVocabulary,
                outcome: "in_force",
                reason: "start",
                purpose: None,
                recipient: None,
                ruleset: ruleset.to_owned(),
                at,
                rows: None,
                body: serde_json::json!({ "t_ms": at.millis() }).to_string().into_bytes(),
            };
            let leaves = vec![self.seal_announcing(draft, &announced)?];
            let put = vec![announced.put.clone()];
            self.store.commit_blocking(Batch { put, leaves, ..Batch::default() })?;
        }
        self.speak(announced);
        Ok(())
    }

    /// The words that rows say at present.
    #[must_use]
    pub fn vocabulary(&self) -> Arc<Vocabulary> {
        self.vocabulary.load_full()
    }

    /// Where the row stands that the journal numbers `row`.
    #[must_use]
    pub fn place(&self, row: u64) -> Place {
        self.shards.place(row)
    }

    fn shards(&self) -> &Shards {
        &self.shards
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes the row that opens a shard, with the words in force; returns the journal's number of it. Waits on this
    /// thread.
    fn record_opening(
        &self,
        draft: Draft,
        previous: Option<Previous<'_>>,
    ) -> Result<u64, AuditError> {
        let vocabulary = Some(self.vocabulary.load().hash());
        let leaf = self.seal_also(draft, &Also { previous, vocabulary, key: None })?;
        let batch = Batch { leaves: vec![leaf], ..Batch::default() };
        Ok(self.store.commit_blocking(batch)?.first_index)
    }

    /// Commits `batch`, whose first leaf is the row asked about, and waits until it is durable.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when something the batch expects has changed meanwhile; else when the journal did
    /// not take it.
    pub async fn record(&self, batch: Batch) -> Result<Logged, CommitError> {
        debug_assert!(!batch.leaves.is_empty());
        let committed = self.store.commit(batch).await?;
        self.shards.known().await;
        Ok(Logged { index: committed.first_index })
    }

    /// Writes a row about nobody, waiting on this thread: for starting up.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub fn record_nobody_blocking(&self, draft: Draft) -> Result<Logged, AuditError> {
        self.record_nobody_with(draft, Batch::default())
    }

    /// Writes a row about nobody together with `also`, or neither, waiting on this thread.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub fn record_nobody_with(&self, draft: Draft, also: Batch) -> Result<Logged, AuditError> {
        let mut batch = also;
        batch.leaves.push(self.seal_nobody(draft)?);
        Ok(Logged { index: self.store.commit_blocking(batch)?.first_index })
    }

    /// Writes a row about nobody.
    ///
    /// # Errors
    /// When the journal does not take it.
    pub async fn record_nobody(&self, draft: Draft) -> Result<Logged, AuditError> {
        let leaf = self.seal_nobody(draft)?;
        Ok(self.record(Batch { leaves: vec![leaf], ..Batch::default() }).await?)
    }
}

/// Words that a row is to bring into force.
#[derive(Clone, Debug)]
pub struct Announced {
    vocabulary: Vocabulary,
    /// The record of them, for the batch of the row.
    pub put: Put,
    is_known: bool,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audit({})", self.names.gateway)
    }
}

/// The month of a moment, in UTC: how long one key for rows about nobody, and one folder of bodies, lasts.
fn period(at: Timestamp) -> String {
    at.rfc3339().chars().take(7).collect()
}
