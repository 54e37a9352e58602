//! What a person sees of decisions and disclosures about them, read from their rows of the log.
//!
//! Promises: it finds every row of theirs, under all their ids, and nobody else's; it writes nothing, closes no audit epoch and
//! makes nobody known; one look passes over a bounded number of rows and says where the next goes on.
//!
//! It is no export: it hands out no keys and no proofs ([`OwnExport`](super::OwnExport) does). It words nothing for people.
//!
//! Start with [`Rights::decisions`].

mod decision;
mod find;
mod page;
mod tally;
mod walk;

use std::{fmt, sync::Arc};

use tokio::sync::Semaphore;

pub use decision::{Came, Decision, Outcome};
pub use find::Name;
pub use page::{Bounds, DecisionPage, Spot, Wanted};
pub use tally::{RecipientTally, Tally};
pub(super) use {decision::is_of_a_decision, walk::Theirs};

use super::{Rights, RightsError};
use crate::{
    consent::{ConsentError, Person},
    domain::Timestamp,
    vault::Handle,
};

/// How many people of one worker are looked up in the log at once: more would only take the disk from each other, and from
/// calls.
const AT_ONCE: usize = 1;

/// How many rows of the log are passed over for one page, and for one count.
const PAGE_ROWS: u64 = 1 << 18;

/// How many rows are passed over to find one decision by its name. No key is tried on most of them.
const FIND_ROWS: u64 = 1 << 22;

/// Who may look now. A clone is one more reference.
#[derive(Clone)]
pub struct Looks(Arc<Semaphore>);

impl Default for Looks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl fmt::Debug for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Looks({} free)", self.0.available_permits())
    }
}

impl Rights {
    /// Decisions about the person under `handle`, newest first, from `spot` on, within `bounds`. Of somebody unknown there
    /// is none.
    ///
    /// # Errors
    /// When the log does not read, or a row of theirs does not open.
    pub async fn decisions(
        &self,
        handle: Handle,
        wanted: Wanted,
        spot: Option<Spot>,
        bounds: Bounds,
    ) -> Result<DecisionPage, RightsError> {
        let Some(person) = self.ledger.person(handle).await? else {
            return Ok(DecisionPage::default());
        };
        self.look(person, move |rights, ids| rights.page(ids, &wanted, spot, bounds)).await
    }

    /// The decision of that name about `person`, if there is one among the rows that are looked at.
    ///
    /// # Errors
    /// When the log does not read, or the row does not open.
    pub async fn decision(
        &self,
        person: &Person,
        name: Name,
    ) -> Result<Option<Decision>, RightsError> {
        self.look(person.clone(), move |rights, ids| rights.find(ids, &name, FIND_ROWS)).await
    }

    /// What the log tells of `person` since `since`, counted.
    ///
    /// # Errors
    /// When the log does not read, or a row of theirs does not open.
    pub async fn tally(&self, person: &Person, since: Timestamp) -> Result<Tally, RightsError> {
        self.look(person.clone(), move |rights, ids| rights.count(ids, since, PAGE_ROWS)).await
    }

    /// Looks for `person` under all their ids, the one that stands for them first, on a thread that may wait for the disk, when it
    /// is its turn.
    async fn look<T: Send + 'static>(
        &self,
        person: Person,
        look: impl FnOnce(&Self, &[Person]) -> Result<T, RightsError> + Send + 'static,
    ) -> Result<T, RightsError> {
        let turn = self.looks.0.clone().acquire_owned().await;
        let turn = turn.map_err(|_| ConsentError::Stopping)?;
        self.off_the_worker(move |rights| {
            let _turn = turn;
            look(&rights, &rights.ledger.with_other_ids(person)?)
        })
        .await
    }
}
