//! The tree grows by the journal's rows.

use super::{
    super::{Event, Row, Vocabulary, event, vocabulary},
    BLOCK, Live, Log, LogError, replace,
};

impl Log {
    /// Adds the rows that are there, up to `most` of them in all or the end of the shard. Returns whether the shard
    /// ends.
    pub(super) fn grow(&self, live: &mut Live, most: u64) -> Result<bool, LogError> {
        let rows = self.ground.store.log_size();
        loop {
            let at = live.shard.first + live.tree.size();
            let left = most.saturating_sub(live.tree.size()).min(rows.saturating_sub(at));
            if left == 0 {
                return Ok(false);
            }
            for (row, entry) in self.ground.store.leaf_run(at, left.min(BLOCK))?.rows() {
                if row > live.shard.first && opens_shard(entry) {
                    return Ok(true);
                }
                self.bring_vocabulary(live, entry)?;
                let pushed = live.tree.push(entry);
                pushed.map_err(|source| self.io(&live.shard, source))?;
                live.is_out = false;
            }
        }
    }

    pub(super) fn catch_up(&self, live: &mut Live) -> Result<bool, LogError> {
        let mut news = false;
        loop {
            let ends = self.grow(live, u64::MAX)?;
            if !live.is_out {
                self.sign(live)?;
                news = true;
            }
            if !ends {
                return Ok(news);
            }
            self.sync(live)?;
            let first = live.shard.first + live.tree.size();
            *live = self.live_at(self.opened_at(first)?)?;
        }
    }

    /// Writes a vocabulary that a row brings into force.
    fn bring_vocabulary(&self, live: &Live, entry: &[u8]) -> Result<(), LogError> {
        if !may_announce(entry) {
            return Ok(());
        }
        let Ok(row) = Row::parse(entry) else { return Ok(()) };
        let Some(hash) = row.vocabulary else { return Ok(()) };
        let record = self.ground.store.read(&vocabulary::key(row.ruleset))?;
        let Some(known) = record.and_then(|record| Vocabulary::parse(&record.value)) else {
            return Ok(());
        };
        let folder = live.tree.folder();
        replace(folder, &Vocabulary::path(row.ruleset), &known.json())?;
        if hash == known.hash() {
            replace(folder, &Vocabulary::path_of(row.ruleset, &hash), &known.json())?;
        }
        Ok(())
    }
}

fn opens_shard(entry: &[u8]) -> bool {
    event(entry) == Some(Event::LogOpened.as_str())
}

/// Whether a row may bring a vocabulary into force.
fn may_announce(entry: &[u8]) -> bool {
    let announcing = [Event::PolicyChanged, Event::LogVocabulary, Event::LogOpened];
    event(entry).is_some_and(|event| announcing.iter().any(|known| known.as_str() == event))
}
