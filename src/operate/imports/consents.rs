//! Rows of consents: several batches under way, each counted by the record that is written with it.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::super::{Controls, Operator};
use super::{Chunk, Counted, ImportError, Refused, Rejected, Taken, row};
use crate::{
    consent::{Acting, Bringing, ConsentError, Fate, Import},
    domain::TenantId,
    store::{Batch, CommitError},
    vault::Handle,
};

/// How many batches may be under way.
const UNDER_WAY: usize = 8;

/// How often a chunk is tried anew while others change the same people and nothing gets through.
const TRIES: usize = 8;

/// Room in a batch that one row of consents may take, in bytes; its records, its act and its row in the log.
const ROW_ROOM: usize = 4096;

/// The most rows of consents in one batch.
const MOST_ROWS: usize = 32;

/// A row of consents as it was read.
type Read = Result<(Handle, Import), Refused>;

/// A batch on its way, and how the import stands once it is durable.
struct Flight {
    bringing: Bringing,
    after: Counted,
    rejected: Vec<Rejected>,
}

impl Controls {
    pub(super) async fn take_consents(
        &self,
        operator: Operator,
        chunk: &Chunk,
    ) -> Result<Taken, ImportError> {
        let mut counted = self.begin(operator, chunk).await?;
        // Held to the end, so that a change of policy sees what is given, or keeps it from being given.
        let acting = self.0.ledger.acting().await;
        // A yes from elsewhere must find what was said here, or it would stand against a later no.
        self.0.ledger.all_durable().await?;
        let read: Vec<Read> = chunk
            .rows
            .iter()
            .map(|row| self.read_consent(&chunk.tenant, row))
            .collect::<Result<_, _>>()?;
        let (mut rejected, mut tries) = (Vec::new(), 0);
        while let Err(error) =
            self.pass((chunk, &acting), &read, &mut counted, &mut rejected, &mut tries).await
        {
            match error {
                ImportError::Consent(ConsentError::Commit(CommitError::Conflict))
                    if tries < TRIES =>
                {
                    tries += 1;
                }
                ImportError::Consent(ConsentError::Commit(CommitError::Conflict)) => {
                    return Err(ImportError::Contended);
                }
                error => return Err(error),
            }
        }
        self.end(operator, chunk, counted, rejected).await
    }

    /// Takes the rows from where the import stands to the chunk's end, batch after batch.
    async fn pass(
        &self,
        (chunk, acting): (&Chunk, &Acting),
        read: &[Read],
        counted: &mut Counted,
        rejected: &mut Vec<Rejected>,
        tries: &mut usize,
    ) -> Result<(), ImportError> {
        let most = (self.0.store.largest_batch() / ROW_ROOM).clamp(1, MOST_ROWS);
        let mut ahead = counted.clone();
        let mut flying: VecDeque<Flight> = VecDeque::new();
        let mut aloft: FxHashSet<Handle> = FxHashSet::default();
        let mut rest = read.get(place(ahead.progress.rows - chunk.from)..).unwrap_or_default();
        while !rest.is_empty() {
            let (rows, after) = rest.split_at(cut(rest, most));
            rest = after;
            // Whoever is in a batch under way is read only when it is durable: their rows stay in order.
            if rows.iter().flatten().any(|(handle, _)| aloft.contains(handle)) {
                while let Some(flight) = flying.pop_front() {
                    self.land(flight, counted, rejected, tries).await?;
                }
                aloft.clear();
            }
            if flying.len() >= UNDER_WAY
                && let Some(flight) = flying.pop_front()
            {
                self.land(flight, counted, rejected, tries).await?;
            }
            aloft.extend(rows.iter().flatten().map(|(handle, _)| *handle));
            flying.push_back(self.send((chunk, acting), rows, &mut ahead)?);
        }
        while let Some(flight) = flying.pop_front() {
            self.land(flight, counted, rejected, tries).await?;
        }
        Ok(())
    }

    fn send(
        &self,
        (chunk, acting): (&Chunk, &Acting),
        rows: &[Read],
        ahead: &mut Counted,
    ) -> Result<Flight, ImportError> {
        let weighed = self.0.ledger.weigh(acting, rows.iter().flatten())?;
        let (mut fates, mut rejected) = (weighed.fates.iter(), Vec::new());
        for (row, read) in (ahead.progress.rows..).zip(rows) {
            let refused = match read {
                Err(refused) => Some(*refused),
                Ok(_) => match fates.next() {
                    Some(Fate::Refused(unfit)) => Some(Refused::unfit(*unfit)),
                    Some(fate) => {
                        ahead.progress.count(*fate);
                        None
                    }
                    None => None,
                },
            };
            if let Some(refused) = refused {
                ahead.progress.refuse(refused);
                rejected.push(Rejected { row, refused });
            }
        }
        ahead.progress.rows += rows.len() as u64;
        let beside = Batch { put: vec![ahead.put(chunk.id)], ..Batch::default() };
        let bringing = self.0.ledger.bring(weighed, beside);
        Ok(Flight { bringing, after: ahead.clone(), rejected })
    }

    async fn land(
        &self,
        flight: Flight,
        counted: &mut Counted,
        rejected: &mut Vec<Rejected>,
        tries: &mut usize,
    ) -> Result<(), ImportError> {
        self.0.ledger.brought(flight.bringing).await?;
        *counted = flight.after;
        rejected.extend(flight.rejected);
        *tries = 0;
        Ok(())
    }

    fn read_consent(&self, tenant: &TenantId, row: &[u8]) -> Result<Read, ImportError> {
        Ok(match row::consent(row) {
            Ok((subject, import)) => Ok((self.0.gateway.handle(tenant, subject)?, import)),
            Err(refused) => Err(refused),
        })
    }
}

/// How many of `rows` go into one batch: `most`, or more if the last one's person goes on behind, twice as many at most.
fn cut(rows: &[Read], most: usize) -> usize {
    let whose =
        |at: usize| rows.get(at).and_then(|row| row.as_ref().ok()).map(|(handle, _)| *handle);
    let mut end = most.min(rows.len());
    while end < rows.len() && end < 2 * most && whose(end).is_some() && whose(end) == whose(end - 1)
    {
        end += 1;
    }
    end
}

fn place(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
