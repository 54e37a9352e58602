//! Changes of policy on one gateway: try, apply, go back, and what becomes of people's consents.
//!
//! Promises: one version is in force at a time, and after a crash it is one of the two, whole; when a change is
//! acknowledged, nothing leaves under the policy before; a call under way is told under one policy from its beginning to
//! its end, or anew under the next; a purpose or category that people's consents name does not vanish unless the new
//! bundle says what becomes of them, and what it says is done to everyone, across crashes.
//!
//! It does not decide what a policy may say (`policy` does) nor change a standing (`consent` does).
//!
//! Start with [`PolicyChanges::apply`].

mod apply;
mod report;
mod versions;

use std::{fmt, sync::Arc};

pub use apply::{Proposal, Proposed};
pub use report::{Comparison, Migrated, Report};
pub use versions::Applied;
use versions::{Entry, Versions};

use crate::{
    ambient::Clock,
    audit::{Audit, AuditError},
    consent::{ConsentError, Ledger, Survey},
    domain::PurposeId,
    policy::{Bundle, CheckReport, Files, Policies, PolicyError, Succession, version_of},
    store::{CommitError, Store, StoreError},
};

/// Why a policy was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The bundle has flaws.
    #[error("the policies have flaws: {0}")]
    Flawed(#[from] PolicyError),
    /// Cases fail or promises are broken.
    #[error("{} cases fail and {} promises are broken", .0.failed.len(), .0.breaches.len())]
    Fails(Box<CheckReport>),
    /// People's consents name what the bundle no longer has, and it does not say what becomes of them.
    #[error("{}", lost(.0))]
    Lost(Box<Survey>),
    /// No version of this name was ever in force.
    #[error("no version {name} was in force here")]
    UnknownVersion {
        /// What was asked for.
        name: String,
    },
    /// The kept files of a version are not those that were kept.
    #[error("the kept files of {version} are damaged")]
    Damaged {
        /// Which.
        version: String,
    },
    /// A kept record cannot be read.
    #[error("reading a record of the policy versions")]
    Record(#[source] serde_json::Error),
    /// The store failed.
    #[error("reading the policy versions")]
    Store(#[from] StoreError),
    /// The journal did not take the change; the policy before is in force.
    #[error("recording a change of policy")]
    Commit(#[from] CommitError),
    /// A row could not be sealed.
    #[error("writing to the log")]
    Audit(#[from] AuditError),
    /// A standing could not be read or changed.
    #[error("looking at people's consents")]
    Consent(#[from] ConsentError),
    /// The process ends.
    #[error("the gateway is stopping")]
    Stopping,
}

fn lost(survey: &Survey) -> String {
    let named = |(what, people): (&crate::policy::Vanished, &u64)| {
        let verb = if *people == 1 { "person's consent names" } else { "people's consents name" };
        format!("{people} {verb} {what}")
    };
    let all: Vec<String> = survey.lost.iter().map(named).collect();
    format!(
        "{}, which the new policies no longer have; say in [migration] what becomes of them: \"withdraw\" or \
         {{ rename = \"…\" }}",
        all.join(", ")
    )
}

/// Changes of policy on one gateway. A clone is one more reference.
#[derive(Clone)]
pub struct PolicyChanges {
    versions: Versions,
    policies: Arc<Policies>,
    ledger: Ledger,
    /// The purposes that the configuration names, and where.
    named: Arc<[(String, PurposeId)]>,
    one: Arc<tokio::sync::Mutex<()>>,
}

impl fmt::Debug for PolicyChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyChanges(…)")
    }
}

/// The policy that a gateway starts with.
#[derive(Debug)]
pub struct AtStart {
    /// The bundle in force.
    pub bundle: Bundle,
    /// The version of the configured folder, if that is another one: it is not in force until it is applied.
    pub folder_differs: Option<String>,
}

/// The bundle in force in `store`. In a store that never had one, `folder` comes into force as version 1, and without
/// a folder there is none; in any other store, what stands in the folder is looked at and changes nothing. Waits for
/// the disk.
///
/// # Errors
/// When the bundle cannot be read, or the journal does not take the first one.
pub fn at_start(
    store: &Store,
    audit: &Audit,
    clock: &Clock,
    folder: Option<Files>,
) -> Result<Option<AtStart>, ChangeError> {
    let versions = Versions { store: store.clone(), audit: audit.clone(), clock: clock.clone() };
    if let Some(current) = versions.current()? {
        let bundle = versions.bundle(&current.version)?;
        let found = folder.map(|folder| version_of(&folder));
        let folder_differs = found.filter(|found| *found != current.version);
        return Ok(Some(AtStart { bundle, folder_differs }));
    }
    let Some(folder) = folder else { return Ok(None) };
    let bundle = Bundle::parse(folder)?;
    let entry = Entry {
        bundle: &bundle,
        how: "start",
        by: "configuration",
        before: None,
        told: serde_json::Value::Null,
        pending: None,
    };
    let (batch, announced) = versions.entry(&entry)?;
    store.commit_blocking(batch)?;
    audit.speak(announced);
    Ok(Some(AtStart { bundle, folder_differs: None }))
}

impl PolicyChanges {
    /// Changes of the policies in `store`. `named` are the purposes that the configuration names, and where.
    ///
    /// # Errors
    /// When what is left of the last change cannot be read.
    pub fn new(
        store: Store,
        audit: Audit,
        clock: Clock,
        policies: Arc<Policies>,
        ledger: Ledger,
        named: Vec<(String, PurposeId)>,
    ) -> Result<Self, ChangeError> {
        let versions = Versions { store, audit, clock };
        let one = Arc::default();
        let changes = Self { versions, policies, ledger, named: named.into(), one };
        // Before the first call: whoever acts has their part of an unfinished change done first.
        changes.ledger.migrate(changes.unfinished()?);
        Ok(changes)
    }

    /// The version in force, and every time that one came into force, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn history(&self) -> Result<Vec<Applied>, ChangeError> {
        self.versions.history()
    }

    /// The version in force.
    #[must_use]
    pub fn in_force(&self) -> String {
        self.policies.current().version().to_owned()
    }

    /// The bundle in force.
    #[must_use]
    pub fn bundle_in_force(&self) -> Arc<Bundle> {
        self.policies.snapshot()
    }

    /// The files of the one version whose name begins with `name`; `current` is the one in force.
    ///
    /// # Errors
    /// When there is no such version, or its files cannot be read.
    pub fn files(&self, name: &str) -> Result<Files, ChangeError> {
        self.versions.files(&self.versions.named(name)?)
    }

    /// Whether standings are yet to be changed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_unfinished(&self) -> Result<bool, ChangeError> {
        Ok(self.versions.pending()?.is_some())
    }

    fn unfinished(&self) -> Result<Option<Arc<Succession>>, ChangeError> {
        let Some(pending) = self.versions.pending()? else { return Ok(None) };
        let (from, to) = (self.versions.bundle(&pending.from)?, self.versions.bundle(&pending.to)?);
        Ok(Some(Arc::new(Succession::between(&from, &to)?)))
    }
}
