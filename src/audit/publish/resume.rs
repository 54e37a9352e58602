//! Where publishing goes on after a start: from what is on the disk and was signed, or under a new name.

use super::{
    super::{
        Row, Shard,
        shards::{next_name, order},
        tree::Tree,
    },
    FORKED, Live, Log, LogError, SYNCED, own,
};
use crate::tlog::{Checkpoint, Files as _};

impl Log {
    /// Opens a shard if the rows are fewer than were signed.
    pub(super) fn go_on(&self) -> Result<(), LogError> {
        let Some(signed) = self.signed().clone() else { return Ok(()) };
        let shards = self.ground.audit.shards().all();
        let known = shards.iter().find(|shard| *shard.origin == *signed.origin);
        let rows = self.ground.store.log_size();
        let last = self.last();
        if known.is_some() && !last.is_under(&self.ground.origin) {
            // The operator gave the log another name.
            return self.turn("renamed");
        }
        if known.is_some_and(|shard| rows.saturating_sub(shard.first) >= signed.size) {
            return Ok(());
        }
        tracing::error!(
            log.origin = signed.origin,
            log.signed = signed.size,
            log.rows = rows,
            "the state is older than what was signed; the log goes on under a new name"
        );
        self.turn("restored")
    }

    /// Takes up the oldest log that is not published to its end.
    pub(super) fn resume(&self) -> Result<Live, LogError> {
        let shards = self.shards();
        let ends = shards.iter().skip(1).map(|next| next.first);
        for (shard, end) in shards.iter().zip(ends) {
            if !self.is_left(shard, end)? && !self.is_ended(shard, end)? {
                return self.live_of(shard.clone());
            }
        }
        self.live_of(self.last())
    }

    /// Whether the last row of a shard, before the journal's row `end`, is published. One that another key signed is.
    fn is_ended(&self, shard: &Shard, end: u64) -> Result<bool, LogError> {
        let signed = self.note_of(shard)?.map(|note| own(&note, &self.ground.seed));
        Ok(signed.is_some_and(|signed| signed.map_or(true, |it| it.size >= end - shard.first)))
    }

    /// Whether nothing more can be signed in a shard's name, since it lacks rows that were signed, or holds others. The row
    /// that opens the next says so.
    fn is_left(&self, shard: &Shard, end: u64) -> Result<bool, LogError> {
        let entry = self.ground.store.leaf(end)?.unwrap_or_default();
        let Ok(row) = Row::parse(&entry) else { return Ok(false) };
        let of_this = row.previous.filter(|previous| *previous.origin == *shard.origin);
        let lacks = of_this.is_some_and(|previous| previous.size > end - shard.first);
        Ok(lacks || of_this.is_some() && row.reason == FORKED)
    }

    /// The tree of a shard as far as its files are known to be whole, grown up to what was signed.
    fn live_of(&self, shard: Shard) -> Result<Live, LogError> {
        let folder = self.folder(&shard);
        let synced = folder.read(SYNCED).ok().flatten().and_then(|bytes| Checkpoint::plain(&bytes));
        let synced = synced.filter(|synced| *synced.origin == *shard.origin);
        let tree = synced.and_then(|synced| {
            Tree::of(folder, synced.size).ok().filter(|tree| tree.root() == synced.root)
        });
        let mut live = self.live_at(shard)?;
        if let Some(tree) = tree {
            live.tree = tree;
        }
        let signed = self.signed().clone();
        let signed = signed.filter(|signed| *signed.origin == *live.shard.origin);
        if let Some(signed) = signed {
            self.grow(&mut live, signed.size)?;
            if live.tree.size() < signed.size || live.tree.root() != signed.root {
                return Err(LogError::Forked(signed.size));
            }
            live.is_out = self
                .note_of(&live.shard)?
                .is_some_and(|note| own(&note, &self.ground.seed).is_ok_and(|out| out == signed));
        }
        Ok(live)
    }

    /// The shard that the row `first` opens.
    pub(super) fn opened_at(&self, first: u64) -> Result<Shard, LogError> {
        let known = self.shards().iter().find(|shard| shard.first == first).cloned();
        if let Some(shard) = known {
            return Ok(shard);
        }
        // It was acknowledged to nobody: the process ended, or the disk stalled, before the table was written.
        let entry = self.ground.store.leaf(first)?.unwrap_or_default();
        let at = Row::parse(&entry).map_or(self.ground.audit.now(), |row| row.at());
        let name = next_name(&self.last_signed_name(), at);
        let shard = Shard::new(&self.ground.origin, name, first);
        self.ground.audit.shards().add(shard.clone());
        self.ground.audit.shards().keep(&self.ground.store)?;
        Ok(shard)
    }

    /// The name of the shard that was signed last, or is the last one known: whichever is later.
    pub(super) fn last_signed_name(&self) -> String {
        let last = self.last();
        let signed = self.signed();
        let signed = signed.as_ref().and_then(|signed| signed.origin.rsplit('/').next());
        match signed {
            // A name of the same half year with a higher number is later too; `next_name` counts from it.
            Some(signed) if order(signed) > order(&last.name) => signed.to_owned(),
            _ => last.name,
        }
    }
}
