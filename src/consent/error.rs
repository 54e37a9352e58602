//! Why an act was not recorded.

use crate::{
    ambient::EntropyError,
    audit::AuditError,
    domain::{CategoryId, PurposeId, Refusal, Timestamp},
    jose::JoseError,
    retry::RetryError,
    store::{CommitError, StoreError},
    vault::VaultError,
};

/// Why an act was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The catalogue has no such purpose.
    #[error("there is no purpose {0}")]
    UnknownPurpose(PurposeId),
    /// The purpose does not use this category.
    #[error("the purpose does not use the category at place {place}")]
    UnknownCategory {
        /// Which of those that were named, from 0 on.
        place: usize,
        /// Those it uses.
        known: Vec<CategoryId>,
    },
    /// A coarse consent for a category that has no coarse form; with its place among those that were named.
    #[error("the category at place {0} has no coarse form")]
    NoCoarseForm(usize),
    /// A category was named before; with its place among those that were named.
    #[error("the category at place {0} was named before")]
    CategoryTwice(usize),
    /// Giving needs the snapshot of the notice that was shown.
    #[error("giving consent needs the snapshot of the notice that was shown")]
    NoticeMissing,
    /// The snapshot is not ours, was changed, or is of another purpose.
    #[error("the notice snapshot is not one of this gateway's for this purpose")]
    NoticeInvalid,
    /// What the consent depends on has changed since the notice was shown.
    #[error("the notice has changed since it was shown")]
    NoticeOutdated,
    /// The domain refuses the act.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A required purpose rests on a contract or a law: there is no consent to act on.
    #[error("the purpose {0} is required and does not rest on consent")]
    Required(PurposeId),
    /// The policy is being changed and will no longer have what is to be given.
    #[error("the policy is being changed, and the purpose {0} with it")]
    PolicyChanging(PurposeId),
    /// Two ids cannot be linked, or are not.
    #[error("{0}")]
    Unlinkable(&'static str),
    /// Nobody acts for a person who is not known to be under 14.
    #[error("the person is not known to be under 14")]
    NoChild,
    /// Who is named cannot be the child's guardian.
    #[error("{0}")]
    UnfitGuardian(&'static str),
    /// A guardian's word counts only once their relation to the child was verified.
    #[error("no guardian was verified for the person")]
    NoGuardian,
    /// Nothing is known of the person, so there is nothing to do it to.
    #[error("nothing is held of the person")]
    NothingHeld,
    /// There is no reset that could be undone; with the moment at which the last one's window closed, if there was one.
    #[error("there is no reset to undo")]
    NothingToUndo(Option<Timestamp>),
    /// The person was erased and asked not to come back by themselves: only giving consent anew brings them back.
    #[error("the person was erased and asked not to come back by themselves")]
    Suppressed,
    /// Others changed the same person's standing again and again.
    #[error("the standing kept changing")]
    Contended,
    /// The journal did not take the act.
    #[error("recording the act")]
    Commit(#[from] CommitError),
    /// The log did not take the act.
    #[error("recording the act in the log")]
    Audit(#[from] AuditError),
    /// The store failed.
    #[error("reading a standing")]
    Store(#[from] StoreError),
    /// A key is missing or a record does not open.
    #[error("opening a standing")]
    Vault(#[from] VaultError),
    /// The receipt or the notice could not be signed.
    #[error("signing")]
    Jose(#[from] JoseError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// What a retry is told could not be read or kept.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// Work on the disk was cut off by the process ending.
    #[error("the gateway is stopping")]
    Stopping,
}
