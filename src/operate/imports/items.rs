//! Rows of items: kept in batches, each counted by the record that is written with it, and told to the models.

use std::sync::Arc;

use super::super::{Controls, Operator};
use super::{Chunk, ImportError, Rejected, Taken, row};
use crate::{
    catalog::{AT_ONCE, Item},
    consent::Fate,
    store::Batch,
};

impl Controls {
    pub(super) async fn take_items(
        &self,
        operator: Operator,
        chunk: &Chunk,
    ) -> Result<Taken, ImportError> {
        let mut counted = self.begin(operator, chunk).await?;
        let mut rejected = Vec::new();
        for rows in chunk.rows.chunks(AT_ONCE) {
            let mut ahead = counted.clone();
            let (mut named, mut changed) = (Vec::new(), Vec::new());
            for (row, bytes) in (ahead.progress.rows..).zip(rows) {
                match row::item(bytes) {
                    Ok(item) => named.push(Arc::new(item)),
                    Err(refused) => {
                        ahead.progress.refuse(refused);
                        rejected.push(Rejected { row, refused });
                    }
                }
            }
            for item in &named {
                let known = self.0.gateway.knows_item(item);
                ahead.progress.count(if known { Fate::Unchanged } else { Fate::Recorded });
                if !known {
                    changed.push(Item::clone(item));
                }
            }
            ahead.progress.rows += rows.len() as u64;
            let beside = Batch { put: vec![ahead.put(chunk.id)], ..Batch::default() };
            let told = self.0.gateway.take_items(&changed, &named, beside).await?;
            // Whether a model took them is told of this run alone: it is asked again by running the import anew.
            ahead.progress.untold += if told { 0 } else { named.len() as u64 };
            counted = ahead;
        }
        self.end(operator, chunk, counted, rejected).await
    }
}
