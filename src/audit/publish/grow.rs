//! The tree grows by the journal's rows.

use super::{
    super::{Event, Row, Vocabulary, vocabulary},
    BLOCK, Live, Log, LogError,
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
            let block = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            for (row, entry) in (at..).zip(self.ground.store.leaves(at, block)?) {
                if row > live.shard.first && opens_shard(&entry) {
                    return Ok(true);
                }
                self.bring_vocabulary(live, &entry)?;
                let pushed = live.tree.push(&entry);
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
        if !has_vocabulary(entry) {
            return Ok(());
        }
        let Ok(row) = Row::parse(entry) else { return Ok(()) };
        let record = self.ground.store.read(&vocabulary::key(row.ruleset))?;
        let Some(known) = record.and_then(|record| Vocabulary::parse(&record.value)) else {
            return Ok(());
        };
        let folder = live.tree.folder();
        let mut paths = vec![Vocabulary::path(row.ruleset)];
        paths.extend(
            row.vocabulary
                .filter(|hash| *hash == known.hash())
                .map(|hash| Vocabulary::path_of(row.ruleset, &hash)),
        );
        for path in paths {
            let written = folder.replace(&path, &known.json());
            written.map_err(|source| LogError::Io { path: folder.dir().join(path), source })?;
        }
        Ok(())
    }
}

/// Behind a row's commitment, which has one length.
const EVENT_AT: usize = r#"{"c":"","#.len() + 43;

fn opens_shard(entry: &[u8]) -> bool {
    let opens = format!(r#""e":"{}""#, Event::LogOpened.as_str());
    entry.get(EVENT_AT..).is_some_and(|rest| rest.starts_with(opens.as_bytes()))
}

fn has_vocabulary(entry: &[u8]) -> bool {
    // Near the end, before the tag.
    const VOC: &[u8] = br#","voc":""#;
    let at = entry.len().checked_sub(r#","y":""}"#.len() + 22 + 1 + 43 + VOC.len());
    at.and_then(|at| entry.get(at..)).is_some_and(|rest| rest.starts_with(VOC))
}
