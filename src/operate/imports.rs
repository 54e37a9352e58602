//! Imports: consents and items brought over from what the organisation has, row by row.
//!
//! An import is named by what it brings ([`ImportId`]), not by where that lies. How far it has come is a record that is
//! written in the same batch as the rows it counts, so a process that is killed goes on at the very next row, and a
//! second run of the same import takes nothing twice. What is refused is told by row and reason, never with what
//! stands in the row.
//!
//! Batches are under way together and each expects the one before it, so the log holds them in the order of the rows.
//! What a row of consents does to a person is decided by [`Ledger::weigh`](crate::consent::Ledger::weigh).

mod consents;
mod items;

mod progress;
mod row;

use bytes::Bytes;
use serde_json::json;

pub use self::{
    progress::{ImportId, InvalidImportId, Kind, Progress},
    row::{LONGEST_ROW, Reason, Refused},
};
use super::{Controls, Operator};
use crate::{
    audit::{AuditError, Draft, Event},
    catalog::CatalogError,
    consent::ConsentError,
    domain::TenantId,
    gateway::GatewayError,
    store::{Batch, CommitError, Leaf, Put, StoreError},
};

/// Why an import does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The chunk does not begin where the import stands.
    #[error("the import stands at row {rows}; go on from there")]
    OutOfStep {
        /// How many rows were taken.
        rows: u64,
    },
    /// The import's record cannot be read.
    #[error("the import's record is damaged or of a newer version")]
    Damaged,
    /// Others kept changing the same people, or run the same import.
    #[error("the same people, or the same import, kept changing")]
    Contended,
    /// The gateway cannot be asked, or the tenant is unknown.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Consents could not be recorded.
    #[error("recording consents")]
    Consent(#[from] ConsentError),
    /// Items could not be kept.
    #[error("keeping items")]
    Catalog(#[from] CatalogError),
    /// The log did not take a row.
    #[error("writing to the log")]
    Audit(#[from] AuditError),
    /// The journal did not take the import's record.
    #[error("keeping how far the import has come")]
    Commit(#[from] CommitError),
    /// The store failed.
    #[error("reading how far the import has come")]
    Store(#[from] StoreError),
    /// The process is ending.
    #[error("the gateway is stopping")]
    Stopping,
}

/// Some rows of an import.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// What the rows are.
    pub kind: Kind,
    /// Which import they belong to.
    pub id: ImportId,
    /// Whose people they are about.
    pub tenant: TenantId,
    /// How many rows of the import come before them. 0 begins the import, anew if it was begun before.
    pub from: u64,
    /// The rows, each a JSON object.
    pub rows: Vec<Bytes>,
    /// Whether they are the last.
    pub last: bool,
}

/// What became of a chunk.
#[derive(Clone, Debug)]
pub struct Taken {
    /// How far the import has come.
    pub progress: Progress,
    /// The rows that were refused.
    pub rejected: Vec<Rejected>,
}

/// A row that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the import, from 0.
    pub row: u64,
    /// Why.
    pub refused: Refused,
}

/// How far an import has come, and the version of the record that says so.
#[derive(Clone, Debug)]
struct Counted {
    progress: Progress,
    version: u64,
}

impl Controls {
    /// How far an import has come; `None` if it was never begun. May read the disk.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn import_progress(&self, id: ImportId) -> Result<Option<Progress>, ImportError> {
        Ok(self.counted(id)?.map(|counted| counted.progress))
    }

    /// Takes a chunk. When it returns, every row of it that was not refused stands.
    ///
    /// # Errors
    /// When the chunk does not follow on what was taken, or the journal takes no more. What was taken before is
    /// counted: ask for the progress and go on from there.
    pub async fn import(&self, operator: Operator, chunk: Chunk) -> Result<Taken, ImportError> {
        match chunk.kind {
            Kind::Items => self.take_items(operator, &chunk).await,
            Kind::Consents => {
                // Whom the rows are about must be read from the disk, so this is no work for a thread with calls.
                let (imports, runtime) = (self.clone(), tokio::runtime::Handle::current());
                let taking = move || runtime.block_on(imports.take_consents(operator, &chunk));
                tokio::task::spawn_blocking(taking).await.unwrap_or(Err(ImportError::Stopping))
            }
        }
    }

    /// Finds how far the import has come, or begins it.
    async fn begin(&self, operator: Operator, chunk: &Chunk) -> Result<Counted, ImportError> {
        let known = self.counted(chunk.id)?;
        if chunk.from > 0 {
            let counted = known.ok_or(ImportError::OutOfStep { rows: 0 })?;
            let rows = counted.progress.rows;
            let within = rows >= chunk.from && rows < chunk.from + chunk.rows.len().max(1) as u64;
            return if within { Ok(counted) } else { Err(ImportError::OutOfStep { rows }) };
        }
        let version = known.map_or(0, |known| known.version);
        let mut counted = Counted { progress: Progress::begin(chunk.kind), version };
        let put = counted.put(chunk.id);
        let leaf = self.leaf(operator, chunk, &counted.progress, "begun")?;
        self.0
            .audit
            .record(Batch { put: vec![put], leaves: vec![leaf], ..Batch::default() })
            .await?;
        Ok(counted)
    }

    async fn end(
        &self,
        operator: Operator,
        chunk: &Chunk,
        mut counted: Counted,
        rejected: Vec<Rejected>,
    ) -> Result<Taken, ImportError> {
        if chunk.last {
            counted.progress.done = true;
            let leaf = self.leaf(operator, chunk, &counted.progress, "ended")?;
            let put = counted.put(chunk.id);
            self.0
                .audit
                .record(Batch { put: vec![put], leaves: vec![leaf], ..Batch::default() })
                .await?;
        }
        Ok(Taken { progress: counted.progress, rejected })
    }

    fn counted(&self, id: ImportId) -> Result<Option<Counted>, ImportError> {
        let Some(record) = self.0.store.read(&id.key())? else { return Ok(None) };
        let progress = Progress::decode(&record.value).ok_or(ImportError::Damaged)?;
        Ok(Some(Counted { progress, version: record.version }))
    }

    /// The row of the log that tells of an import: how many rows, and nothing of what they say.
    fn leaf(
        &self,
        operator: Operator,
        chunk: &Chunk,
        progress: &Progress,
        outcome: &'static str,
    ) -> Result<Leaf, ImportError> {
        let at = self.0.clock.now();
        let body = json!({
            "t_ms": at.millis(),
            "operator": operator.named(),
            "import": chunk.id.to_string(),
            "progress": progress,
        });
        let draft = Draft {
            event: Event::OperatorImport,
            outcome,
            reason: chunk.kind.as_str(),
            purpose: None,
            recipient: None,
            ruleset: self.0.policies.current().ruleset().to_owned(),
            at,
            rows: None,
            body: body.to_string().into_bytes(),
        };
        Ok(self.0.audit.seal_nobody(draft)?)
    }
}

impl Counted {
    /// The record that says so, as the next version.
    fn put(&mut self, id: ImportId) -> Put {
        self.version += 1;
        Put { key: id.key(), version: self.version, value: self.progress.encode() }
    }
}
