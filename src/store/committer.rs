//! The one thread that writes: it takes what waits, checks it in order, writes one group, syncs, shows it in the views
//! and only then answers.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, mpsc::SyncSender},
};

use crate::domain::{Epoch, Sid};

use super::{
    batch::{Change, Committed, Expect, Key},
    codec,
    error::{CommitError, Unavailable},
    inbox::{Inbox, Request},
    journal::{AppendError, Journal},
    reply::{Outcome, Wakes},
    state::State,
};

/// The committer.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) state: Arc<State>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) journal: Journal,
    /// Asks for a snapshot; a full channel means that one is asked for already.
    pub(super) checkpoints: SyncSender<()>,
    /// Bytes of the journal since the last snapshot was asked for.
    pub(super) since_snapshot: u64,
}

/// A batch that passed, with the index of its first row.
type Accepted = (Request, u64);

/// How many awaited batches a group waits for, within the gather window.
///
/// As many as came last time are expected again, so a lone writer never waits and 64 that write in turn share one sync.
/// Now and then, and for as long as it works, half as many more are waited for: under a steady stream groups would else
/// stay as small as they began, and each sync costs about 50 µs of CPU.
#[derive(Debug)]
struct Gather {
    wanted: usize,
    growing: bool,
    groups: u32,
}

/// Every how many groups more batches are waited for than came before.
const PROBE_EVERY: u32 = 8;

impl Default for Gather {
    fn default() -> Self {
        Self { wanted: 1, growing: false, groups: 0 }
    }
}

impl Gather {
    fn wanted(&self) -> usize {
        self.wanted
    }

    fn came(&mut self, awaited: usize) {
        self.groups = self.groups.wrapping_add(1);
        let filled = awaited >= self.wanted;
        let due = self.growing || self.groups.is_multiple_of(PROBE_EVERY);
        self.growing = filled && due && awaited > 1;
        let more = if self.growing { awaited / 2 + 1 } else { 0 };
        self.wanted = awaited.max(1) + more;
    }
}

/// However the committer ends, nobody waits for it for ever.
struct AbandonInbox(Arc<Inbox>);

impl Drop for AbandonInbox {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Committer {
    /// Runs until the inbox is closed and empty.
    pub(super) fn run(mut self) {
        let _abandon = AbandonInbox(Arc::clone(&self.inbox));
        let mut waiting = VecDeque::new();
        let mut gather = Gather::default();
        let limits = self.state.env.limits.clone();
        while let Some((requests, awaited)) =
            self.inbox.take(gather.wanted(), limits.gather, limits.follow)
        {
            gather.came(awaited);
            waiting.extend(requests);
            while !waiting.is_empty() {
                self.commit(&mut waiting);
            }
        }
        self.journal.close();
    }

    /// Commits as many of `waiting` as one group may hold.
    fn commit(&mut self, waiting: &mut VecDeque<Request>) {
        let mut wakes = Wakes::default();
        let refusal = self.refusal();
        if let Some((reason, _)) = refusal {
            self.state.set_trouble(Some(reason));
        }
        let most = group_most(self.state.env.limits.segment);
        let mut group = Group::new(&self.state);
        let mut accepted: Vec<Accepted> = Vec::new();
        let mut size = 0;
        while let Some(request) = waiting.pop_front() {
            if size > 0 && size + request.encoded.len() > most {
                waiting.push_front(request);
                break;
            }
            let first_index = group.log_size;
            let admitted = match refusal {
                Some((reason, urgent_too)) if urgent_too || !request.urgent => {
                    Err(CommitError::Unavailable(reason))
                }
                _ => group.admit(&request),
            };
            match admitted {
                Ok(()) => {
                    size += request.encoded.len();
                    accepted.push((request, first_index));
                }
                Err(error) => {
                    self.state.counts.not_admitted(error);
                    request.reply.send(Err(error), &mut wakes);
                }
            }
        }
        if !accepted.is_empty() {
            self.write(accepted, refusal.map(|(reason, _)| reason), &mut wakes);
        }
    }

    /// Why batches are refused at present, and whether urgent ones are too.
    fn refusal(&self) -> Option<(Unavailable, bool)> {
        if let Some(reason @ (Unavailable::Sync | Unavailable::View)) = self.state.trouble() {
            return Some((reason, true));
        }
        let env = &self.state.env;
        let space = env.fs.space(&env.dir).ok();
        if space.is_none_or(|space| space.free < env.limits.low_water(space.total)) {
            return Some((Unavailable::DiskLow, false));
        }
        let spacious = self.journal.leaves_reserve(group_most(env.limits.segment));
        (!spacious).then_some((Unavailable::JournalFull, false))
    }

    fn write(&mut self, accepted: Vec<Accepted>, refusal: Option<Unavailable>, wakes: &mut Wakes) {
        let log_size = self.state.log_size();
        let mut written = 0;
        self.state.counts.begin();
        let (replies, requests): (Vec<_>, Vec<_>) = accepted
            .into_iter()
            .map(|(request, index)| ((request.reply, index), (request.change, request.encoded)))
            .unzip();
        self.state.stall.begin(replies);
        if requests.iter().any(|(change, _)| change.new_segment) {
            self.journal.leave_segment();
        }
        let appended = self.journal.append(|out| {
            codec::write_group_head(out, log_size, requests.len());
            for (_, encoded) in &requests {
                out.extend_from_slice(encoded);
            }
            written = out.len() as u64;
        });
        match appended {
            Ok(seq) => {
                self.state.set_trouble(refusal);
                self.state.counts.synced(requests.len(), written);
                self.show(seq, &requests, wakes);
                self.count(written);
            }
            Err(error) => {
                self.state.counts.failed();
                let reason = match error {
                    AppendError::Write => Unavailable::Write,
                    AppendError::Full => Unavailable::JournalFull,
                    AppendError::Sync => Unavailable::Sync,
                };
                if reason == Unavailable::Sync {
                    self.state.sync_failed();
                }
                self.state.set_trouble(Some(reason));
                self.answer(|_| Err(CommitError::Unavailable(reason)), wakes);
            }
        }
    }

    fn show(&self, seq: u64, requests: &[(Change, Vec<u8>)], wakes: &mut Wakes) {
        let changes: Vec<_> = requests.iter().map(|(change, _)| change).collect();
        match self.state.show(seq, &changes) {
            Ok(()) => self.answer(|first_index| Ok(Committed { first_index, seq }), wakes),
            Err(reason) => {
                self.state.view_failed();
                self.answer(|_| Err(CommitError::Unavailable(reason)), wakes);
            }
        }
    }

    /// Answers who still waits for the group.
    fn answer(&self, outcome: impl Fn(u64) -> Outcome, wakes: &mut Wakes) {
        for (reply, first_index) in self.state.stall.end() {
            reply.send(outcome(first_index), wakes);
        }
    }

    /// Asks for a snapshot once enough was written.
    fn count(&mut self, written: u64) {
        self.since_snapshot += written;
        if self.since_snapshot >= self.state.env.limits.snapshot_every
            && self.checkpoints.try_send(()).is_ok()
        {
            self.since_snapshot = 0;
        }
    }
}

/// The most bytes of batches in one group; it always fits into an empty segment.
pub(super) fn group_most(segment: u64) -> usize {
    usize::try_from(segment / 4).unwrap_or(usize::MAX)
}

/// What a group under way will have changed, over what the views show.
struct Group<'a> {
    state: &'a State,
    versions: HashMap<Key, u64>,
    /// Beginnings of keys under which nothing is left but what `versions` names.
    cleared: Vec<Key>,
    epochs: HashMap<Sid, Option<Epoch>>,
    log_size: u64,
}

impl<'a> Group<'a> {
    fn new(state: &'a State) -> Self {
        let log_size = state.log_size();
        Self {
            state,
            versions: HashMap::new(),
            cleared: Vec::new(),
            epochs: HashMap::new(),
            log_size,
        }
    }

    fn version(&self, key: &Key) -> Result<u64, CommitError> {
        if let Some(version) = self.versions.get(key) {
            return Ok(*version);
        }
        if self.cleared.iter().any(|prefix| key.as_bytes().starts_with(prefix.as_bytes())) {
            return Ok(0);
        }
        let Ok(record) = self.state.view().read(key.as_bytes()) else {
            self.state.view_failed();
            return Err(CommitError::Unavailable(Unavailable::View));
        };
        Ok(record.map_or(0, |record| record.version))
    }

    fn epoch(&self, sid: Sid) -> Option<Epoch> {
        self.epochs.get(&sid).copied().unwrap_or_else(|| self.state.epochs.of(sid))
    }

    /// Takes a batch into the group if all that it expects holds; otherwise nothing changes.
    fn admit(&mut self, request: &Request) -> Result<(), CommitError> {
        for expect in &request.expect {
            let holds = match expect {
                Expect::Version { key, version } => self.version(key)? == *version,
                Expect::Epoch { sid, epoch } => self.epoch(*sid) == Some(*epoch),
                Expect::Known { sid } => self.epoch(*sid).is_some(),
            };
            if !holds {
                return Err(CommitError::Conflict);
            }
        }
        let mut staged: Vec<(&Key, u64)> = Vec::with_capacity(request.change.put.len());
        for put in &request.change.put {
            let earlier = staged.iter().rev().find(|(key, _)| *key == &put.key);
            let present = match earlier {
                Some((_, version)) => *version,
                None => self.version(&put.key)?,
            };
            if present.checked_add(1) != Some(put.version) {
                return Err(CommitError::Conflict);
            }
            staged.push((&put.key, put.version));
        }
        let deleted = request.change.delete.iter().map(|key| (key, 0));
        for (key, version) in staged.into_iter().chain(deleted) {
            self.versions.insert(key.clone(), version);
        }
        for prefix in &request.change.delete_prefix {
            let begins = |key: &Key| key.as_bytes().starts_with(prefix.as_bytes());
            self.versions.iter_mut().filter(|(key, _)| begins(key)).for_each(|(_, v)| *v = 0);
            self.cleared.push(prefix.clone());
        }
        self.epochs.extend(request.change.raise.iter().copied());
        self.log_size += request.change.leaves.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Gather;

    #[test]
    fn a_lone_writer_is_never_kept_waiting() {
        let mut gather = Gather::default();
        for _ in 0..100 {
            assert_eq!(gather.wanted(), 1);
            gather.came(1);
        }
    }

    #[test]
    fn groups_grow_to_what_arrives_within_the_window() {
        let mut gather = Gather::default();
        gather.came(2);
        for _ in 0..100 {
            // Twenty arrive within a window, if that many are waited for.
            gather.came(gather.wanted().min(20));
        }
        assert!((14..=31).contains(&gather.wanted()), "{}", gather.wanted());
    }

    #[test]
    fn writers_that_have_gone_are_waited_for_once() {
        let mut gather = Gather::default();
        gather.came(64);
        gather.came(3);
        assert_eq!(gather.wanted(), 3);
    }
}
