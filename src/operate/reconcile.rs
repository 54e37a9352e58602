//! Holds the rows of the log against the keys that live: every row is somebody's whose key lives, or nobody's, or of
//! somebody whose erasure the log tells of.
//!
//! Promises: each row is counted once, by its tag; whether its body was dropped makes no difference. What was only sampled is
//! said to be, with how far it can be off.
//!
//! A row names nobody, not even to the gateway, so whose it is can only be tried: each key on each row. That is exact as
//! long as rows × keys are few enough; else some rows, drawn at random, are tried on every key.

mod share;

use std::time::Instant;

use serde::Serialize;
use serde_json::json;

pub use self::share::Bound;
use self::share::bound;
use super::{Controls, OperateError, Operator, record::Said};
use crate::{
    ambient::Entropy,
    audit::{Event, Marks, Row, RowKeys, event, marks},
    consent::Ledger,
    store::{Batch, Store},
    vault::{SubjectKey, Vault},
};

/// Up to how many trials are made when nobody says how many: some ten minutes of one core.
const MOST_TRIALS: u64 = 1_000_000_000;

/// How many rows are drawn when nobody says how many.
const SAMPLE: u64 = 2000;

/// The most rows that may be drawn.
const LARGEST_SAMPLE: u64 = 1_000_000;

/// How many keys go over the rows together.
const KEYS_AT_ONCE: usize = 4096;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Every row where that takes minutes at most, else a sample.
    Fitting,
    /// Every row, however long it takes.
    All,
    /// So many rows, drawn at random.
    Sample(u64),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Keys that were tried.
    pub done: u64,
    /// Keys that there are.
    pub of: u64,
    /// How much longer it takes at this pace, in seconds.
    pub seconds_left: u64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Rows of the log.
    pub rows: u64,
    /// Rows that say that a person came to be known.
    pub created: u64,
    /// Rows that say that a person was erased.
    pub erased: u64,
    /// Keys of people that live.
    pub living: u64,
    /// Keys that rows about nobody use.
    pub nobodys: u64,
    /// Rows of people who were erased, as their certificates say.
    pub certified: u64,
    /// Rows whose bodies were dropped, as the rows about that say. They carry their tags, and are among the others.
    pub dropped: u64,
    /// Rows that were tried: all, or those drawn.
    pub tried: u64,
    /// Of these, rows of people whose keys live.
    pub of_people: u64,
    /// Of these, rows about nobody.
    pub of_nobody: u64,
    /// Of these, rows that no living key finds.
    pub of_none: u64,
}

/// What a reconciliation came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reconciled {
    /// What was counted.
    #[serde(flatten)]
    pub counted: Counted,
    /// Whether created − erased = living keys.
    pub keys_fit: bool,
    /// Whether the rows that no living key finds are as many as certificates say; of a sample, whether that can be so.
    pub rows_fit: bool,
    /// Of a sample: between which numbers of rows that no living key finds lies the true one.
    pub bound: Option<Bound>,
}

impl Reconciled {
    /// Whether all of it fits.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.keys_fit && self.rows_fit
    }
}

impl Controls {
    /// Holds the rows against the keys. `told` hears how far it is.
    ///
    /// # Errors
    /// When the store does not read, or the journal does not take the row that says what came of it.
    pub async fn reconcile(
        &self,
        by: Operator,
        effort: Effort,
        told: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Reconciled, OperateError> {
        // What nothing waits for is counted too.
        self.0.store.commit(Batch::default()).await?;
        let counting = Counting {
            store: self.0.store.clone(),
            vault: self.0.vault.clone(),
            ledger: self.0.ledger.clone(),
            entropy: self.0.entropy.clone(),
        };
        let counted = tokio::task::spawn_blocking(move || counting.reconcile(effort, told));
        let reconciled = counted.await.unwrap_or(Err(OperateError::Stopping))?;
        let said = Said {
            event: Event::OperatorReconciled,
            outcome: if reconciled.fits() { "fits" } else { "differs" },
            reason: "operator",
            recipient: None,
            body: json!({ "counted": reconciled }),
        };
        self.write(by, said, Batch::default()).await?;
        Ok(reconciled)
    }
}

struct Counting {
    store: Store,
    vault: Vault,
    ledger: Ledger,
    entropy: Entropy,
}

/// Comings and goings of people, by the rows that tell of them.
#[derive(Clone, Copy, Debug, Default)]
struct People {
    created: u64,
    erased: u64,
}

impl Counting {
    fn reconcile(
        &self,
        effort: Effort,
        told: impl FnMut(Progress),
    ) -> Result<Reconciled, OperateError> {
        let mut counted = Counted { rows: self.store.log_size(), ..Counted::default() };
        let people = self.read(0..counted.rows, &mut counted)?;
        (counted.created, counted.erased) = (people.created, people.erased);
        (counted.living, counted.nobodys) = self.vault.count_living()?;
        // Keys come and go while they are counted; the rows written meanwhile say how many.
        let meanwhile = self.read(counted.rows..self.store.log_size(), &mut Counted::default())?;
        let living = counted.living + counted.erased;
        let keys_fit = living + meanwhile.erased >= counted.created
            && living <= counted.created + meanwhile.created;
        let keys = counted.living + counted.nobodys;
        let sample = match effort {
            Effort::All => None,
            Effort::Sample(rows) => Some(rows.min(LARGEST_SAMPLE)),
            Effort::Fitting => (counted.rows.saturating_mul(keys) > MOST_TRIALS).then_some(SAMPLE),
        };
        let sample = sample.filter(|sample| *sample < counted.rows);
        let mut trial = match sample {
            Some(rows) => Trial::Drawn(self.draw(rows, counted.rows)?),
            None => Trial::All(vec![false; usize::try_from(counted.rows).unwrap_or(0)]),
        };
        self.try_keys(&mut trial, keys, &mut counted, told)?;
        counted.tried = sample.unwrap_or(counted.rows);
        counted.of_none = counted.tried - counted.of_people - counted.of_nobody;
        let bound = sample.map(|sample| bound(counted.of_none, sample, counted.rows));
        let rows_fit = match bound {
            Some(bound) => (bound.least..=bound.most).contains(&counted.certified),
            None => counted.of_none == counted.certified,
        };
        Ok(Reconciled { counted, keys_fit, rows_fit, bound })
    }

    /// Counts what rows say openly.
    fn read(
        &self,
        range: std::ops::Range<u64>,
        counted: &mut Counted,
    ) -> Result<People, OperateError> {
        let mut people = People::default();
        self.store.each_leaf(range, |_, entry| {
            let rows = || Row::parse(entry).ok().and_then(|row| row.rows).unwrap_or(0);
            match event(entry) {
                Some(SUBJECT_CREATED) => people.created += 1,
                Some(SUBJECT_ERASED) => {
                    people.erased += 1;
                    counted.certified += rows();
                }
                Some(RETENTION_DROPPED) => counted.dropped += rows(),
                _ => {}
            }
        })?;
        Ok(people)
    }

    /// Draws `count` of the first `rows` rows, each with the same chance.
    fn draw(&self, count: u64, rows: u64) -> Result<Vec<Option<Marks>>, OperateError> {
        let mut drawn = std::collections::BTreeSet::new();
        while (drawn.len() as u64) < count {
            // Of 2^64, some thousand more fall on the first rows than on the others: no sample can tell.
            drawn.insert(u64::from_be_bytes(self.entropy.draw()?) % rows);
        }
        let its = |row| Ok(self.store.leaf(row)?.and_then(|entry| marks(&entry)));
        drawn.into_iter().map(its).collect()
    }

    /// Tries every living key.
    fn try_keys(
        &self,
        trial: &mut Trial,
        of: u64,
        counted: &mut Counted,
        mut told: impl FnMut(Progress),
    ) -> Result<(), OperateError> {
        let begun = Instant::now();
        let (mut done, mut some) = (0, Vec::with_capacity(KEYS_AT_ONCE));
        let mut living = self.vault.living()?;
        loop {
            let next = living.next().transpose()?;
            let ended = next.is_none();
            if let Some((key, is_nobodys)) = next {
                done += 1;
                self.keys_of(&key, is_nobodys, &mut some)?;
            }
            if some.len() >= KEYS_AT_ONCE || ended {
                self.try_some(trial, &some, counted)?;
                some.clear();
                let left = begun.elapsed().as_secs().saturating_mul(of.saturating_sub(done));
                told(Progress { done, of, seconds_left: left / done.max(1) });
            }
            if ended {
                return Ok(());
            }
        }
    }

    fn keys_of(
        &self,
        key: &SubjectKey,
        is_nobodys: bool,
        some: &mut Vec<(RowKeys, bool)>,
    ) -> Result<(), OperateError> {
        let last = if is_nobodys { 0 } else { self.ledger.audit_epoch(key)? };
        some.extend((0..=last).map(|epoch| (RowKeys::of(key, epoch), is_nobodys)));
        Ok(())
    }

    fn try_some(
        &self,
        trial: &mut Trial,
        some: &[(RowKeys, bool)],
        counted: &mut Counted,
    ) -> Result<(), OperateError> {
        let mut count = |its: &Marks| {
            let found = some.iter().find(|(keys, _)| keys.finds(its));
            match found {
                Some((_, true)) => counted.of_nobody += 1,
                Some((_, false)) => counted.of_people += 1,
                None => {}
            }
            found.is_some()
        };
        match trial {
            Trial::Drawn(rows) => {
                for row in rows {
                    row.take_if(|its| count(its));
                }
            }
            Trial::All(found) => {
                self.store.each_leaf(0..found.len() as u64, |row, entry| {
                    let Some(found) = usize::try_from(row).ok().and_then(|row| found.get_mut(row))
                    else {
                        return;
                    };
                    *found = *found || marks(entry).is_some_and(|its| count(&its));
                })?;
            }
        }
        Ok(())
    }
}

/// The rows that are tried.
enum Trial {
    /// All of them, and which were found.
    All(Vec<bool>),
    /// Those that were drawn and not found yet.
    Drawn(Vec<Option<Marks>>),
}

const SUBJECT_CREATED: &str = "subject.created";
/// Certificates of erasure.
const SUBJECT_ERASED: &str = "subject.erased";
const RETENTION_DROPPED: &str = "retention.dropped";
