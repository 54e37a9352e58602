//! The story of one change of policy.

use std::{future::poll_fn, sync::Arc};

use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use super::{ChangeError, Comparison, Entry, Migrated, PolicyChanges, Report, versions::Pending};
use crate::{
    consent::{BOUND, ConsentError, Survey},
    policy::{Bundle, CheckReport, Ended, Files, Succession},
};

/// How many people's standings are changed at the same time: their acts share the journal's syncs.
const AT_ONCE: usize = 32;

/// What is to be put in force.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The bundle.
    pub what: Proposed,
    /// Say what it would come to, and change nothing.
    pub dry_run: bool,
    /// Who proposes it, as the log's body names them.
    pub by: String,
}

/// A bundle by its files, or by the name of a version that was in force before.
#[derive(Clone, Debug)]
pub enum Proposed {
    /// The files.
    Files(Files),
    /// The version, or the beginning of its hash.
    Version(String),
}

impl PolicyChanges {
    /// Puts a bundle in force, or says what that would come to. When it returns with [`Report::in_force`], nothing
    /// leaves under the bundle before.
    ///
    /// It goes on to its end even if nobody waits for it any more.
    ///
    /// # Errors
    /// With everything that stands against it; then nothing was changed.
    pub async fn apply(&self, proposal: Proposal) -> Result<Report, ChangeError> {
        let changes = self.clone();
        let applying = tokio::spawn(async move { changes.apply_now(proposal).await });
        applying.await.unwrap_or(Err(ChangeError::Stopping))
    }

    async fn apply_now(&self, proposal: Proposal) -> Result<Report, ChangeError> {
        let _one = self.one.lock().await;
        self.finish().await?;
        let Proposal { what, dry_run, by } = proposal;
        let changes = self.clone();
        let (before, after, check, difference) = blocking(move || changes.examine(what)).await?;
        let succession = Arc::new(Succession::between(&before, &after)?);
        let mut report = Report {
            version: after.version().to_owned(),
            before: before.version().to_owned(),
            in_force: before.version() == after.version(),
            warnings: self.warnings(&after, &check),
            difference,
            check,
            people: Survey::default(),
            migration: None,
            log_index: None,
        };
        if report.in_force {
            return Ok(report);
        }
        // From here on nobody gives what is about to go, so what is counted cannot grow.
        let ending = if succession.is_quiet() {
            None
        } else {
            let ending = self.ledger.end(succession.clone()).await;
            let (ledger, counted) = (self.ledger.clone(), succession.clone());
            report.people = blocking(move || Ok(ledger.survey(&counted, say)?)).await?;
            Some(ending)
        };
        if !report.people.lost.is_empty() {
            return Err(ChangeError::Lost(Box::new(report.people)));
        }
        if dry_run {
            return Ok(report);
        }
        let ended = self.put_in_force(&succession, &mut report, &by).await?;
        drop(ending);
        self.left(&ended).await;
        self.ledger.acts_ended().await;
        report.in_force = true;
        tracing::info!(
            policy.version = report.version,
            policy.before = report.before,
            policy.changed_cases = report.difference.changed,
            "another policy is in force"
        );
        if report.people.moves() || succession.migrates() {
            report.migration = Some(self.sweep_and_tell(&succession).await);
        }
        Ok(report)
    }

    /// Reads and checks what is proposed. Asks the rules for every case of it, which takes a moment.
    fn examine(
        &self,
        what: Proposed,
    ) -> Result<(Bundle, Bundle, CheckReport, Comparison), ChangeError> {
        let files = match what {
            Proposed::Files(files) => files,
            Proposed::Version(name) => self.files(&name)?,
        };
        let after = Bundle::parse(files)?;
        let check = after.check()?;
        if !check.holds() {
            return Err(ChangeError::Fails(Box::new(check)));
        }
        let before = Bundle::clone(&self.policies.snapshot());
        let difference = Comparison::of(&before, &after);
        Ok((before, after, check, difference))
    }

    /// Makes the change durable, then switches. Calls that were ruled on before and have not begun to write are told
    /// anew.
    async fn put_in_force(
        &self,
        succession: &Arc<Succession>,
        report: &mut Report,
        by: &str,
    ) -> Result<Ended, ChangeError> {
        let pending = Pending { from: report.before.clone(), to: report.version.clone() };
        let moves = report.people.moves() || succession.migrates();
        let told = json!({
            "cases": report.difference.changed,
            "asked_again": report.people.asked_again,
            "withdrawn": report.people.withdrawn,
            "carried": report.people.carried,
        });
        let (changes, succeeding, by) = (self.clone(), succession.clone(), by.to_owned());
        let batch = blocking(move || {
            changes.versions.entry(&Entry {
                bundle: succeeding.after(),
                how: "apply",
                by: &by,
                before: Some(succeeding.before().version()),
                told,
                pending: moves.then_some(&pending),
            })
        });
        let (batch, announced) = batch.await?;
        let logged = self.versions.audit.record(batch).await?;
        report.log_index = Some(self.versions.audit.place(logged.index()).index);
        self.versions.audit.speak(announced);
        if moves {
            self.ledger.migrate(Some(succession.clone()));
        }
        Ok(self.policies.switch(succession.after().clone()))
    }

    /// Waits until nothing is being written under the bundle that ended. What is about a person and takes longer than a
    /// withdrawal would wait is cut off; what is about no one ends with its model's deadline.
    async fn left(&self, ended: &Ended) {
        let mut left = std::pin::pin!(poll_fn(|cx| ended.poll_left(cx)));
        if tokio::time::timeout(BOUND, &mut left).await.is_err() {
            self.ledger.gates().cut_all();
            left.await;
        }
    }

    /// Does what is left to be done of the last change. How many acts that took.
    ///
    /// # Errors
    /// When the store or the journal fails; the rest is left for the next time.
    pub async fn resume(&self) -> Result<u64, ChangeError> {
        let _one = self.one.lock().await;
        self.finish().await
    }

    async fn finish(&self) -> Result<u64, ChangeError> {
        let changes = self.clone();
        match blocking(move || changes.unfinished()).await? {
            Some(succession) => self.sweep(&succession).await,
            None => Ok(0),
        }
    }

    async fn sweep_and_tell(&self, succession: &Arc<Succession>) -> Migrated {
        match self.sweep(succession).await {
            Ok(acts) => Migrated { acts, done: true },
            Err(error) => {
                tracing::warn!(error.message = %error, "consents are yet to be changed to the policy in force");
                Migrated { acts: 0, done: false }
            }
        }
    }

    /// Changes everyone's standing as the policy in force says.
    async fn sweep(&self, succession: &Arc<Succession>) -> Result<u64, ChangeError> {
        let (told, mut concerned) = mpsc::channel(AT_ONCE);
        let (ledger, looking) = (self.ledger.clone(), succession.clone());
        let looking =
            blocking(
                move || Ok(ledger.concerned(&looking, |sid| told.blocking_send(sid).is_ok())?),
            );
        let looking = tokio::spawn(looking);
        let (mut acts, mut under_way) = (0, JoinSet::new());
        while let Some(sid) = concerned.recv().await {
            if under_way.len() >= AT_ONCE {
                acts += joined(under_way.join_next().await)?;
            }
            let (ledger, succession) = (self.ledger.clone(), succession.clone());
            under_way.spawn(async move { ledger.succeed(sid, &succession).await });
        }
        while !under_way.is_empty() {
            acts += joined(under_way.join_next().await)?;
        }
        looking.await.unwrap_or(Err(ChangeError::Stopping))?;
        self.versions.done().await?;
        self.ledger.migrate(None);
        Ok(acts)
    }

    fn warnings(&self, after: &Bundle, check: &CheckReport) -> Vec<String> {
        let gone = self.named.iter().filter(|(_, id)| after.catalogue().purpose(id).is_none());
        let gone =
            gone.map(|(place, id)| format!("the configuration names the purpose {id} in {place}"));
        let untried = check.untried.iter().map(|id| format!("no case tries the policy {id}"));
        gone.chain(untried).collect()
    }
}

type Joined = Option<Result<Result<u64, ConsentError>, tokio::task::JoinError>>;

fn joined(done: Joined) -> Result<u64, ChangeError> {
    match done {
        Some(Ok(acts)) => Ok(acts?),
        Some(Err(_)) => Err(ChangeError::Stopping),
        None => Ok(0),
    }
}

/// Runs work that waits for the disk or asks the rules for every case on a thread made for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChangeError> + Send + 'static,
) -> Result<T, ChangeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(ChangeError::Stopping))
}

/// Says how many people were looked at, for whoever watches a long change.
fn say(people: u64) {
    if people > 0 && people.is_multiple_of(100 * 1024) {
        tracing::info!(people.count = people, "looking at people's consents");
    }
}
