//! Standings as older programs wrote them. They are frozen.

use serde::Deserialize;

use super::{Generation, PurposeStanding, Rules, Standing};
use crate::domain::{CategoryId, Epoch, ItemId, Pseudodomain, RecipientId, Tag, Tier, Timestamp};

/// Schema 1.
#[derive(Deserialize)]
pub(super) struct Standing1 {
    epoch: Epoch,
    audit_epoch: u32,
    purposes: Vec<PurposeStanding>,
    under_14_until: Option<Timestamp>,
    rules: Rules1,
    generations: Vec<Generation1>,
}

#[derive(Deserialize)]
struct Generation1 {
    recipient: RecipientId,
    domain: Pseudodomain,
    number: u32,
}

#[derive(Deserialize)]
struct Rules1 {
    cap: Tier,
    categories_off: Vec<CategoryId>,
    muted_tags: Vec<Tag>,
    muted_items: Vec<ItemId>,
    dial: Option<f64>,
    pause_until: Option<Timestamp>,
}

impl From<Standing1> for Standing {
    fn from(older: Standing1) -> Self {
        Self {
            epoch: older.epoch,
            audit_epoch: older.audit_epoch,
            purposes: older.purposes,
            under_14_until: older.under_14_until,
            rules: older.rules.into(),
            generations: older.generations.into_iter().map(Generation::from).collect(),
            ..Self::default()
        }
    }
}

impl From<Generation1> for Generation {
    fn from(older: Generation1) -> Self {
        let Generation1 { recipient, domain, number } = older;
        Self { recipient, domain, number, highest: number }
    }
}

impl From<Rules1> for Rules {
    fn from(older: Rules1) -> Self {
        let Rules1 { cap, categories_off, muted_tags, muted_items, dial, pause_until } = older;
        Self { cap, categories_off, muted_tags, muted_items, dial, pause_until, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Sealable as _;

    #[test]
    fn a_standing_of_schema_1_is_read_as_it_was() {
        // Epoch 7, no purpose, cap `none`, the tag `tv` muted, a dial of 0.5, one pseudonym left behind.
        let rules = (Tier::None, (), [0_u8; 0], ["tv"], [""; 0], Some(0.5), None::<Timestamp>);
        let (cap, (), _, muted, items, dial, pause) = rules;
        let none: Vec<String> = Vec::new();
        let rules = (cap, &none, muted.to_vec(), items.to_vec(), dial, pause);
        let generations = vec![("model-a", "shop", 1_u32)];
        let written = (Epoch(7), 2_u32, &none, None::<Timestamp>, rules, generations);
        let bytes = postcard::to_allocvec(&written).unwrap();
        let standing = Standing::older(1, &bytes).unwrap().unwrap();
        assert_eq!((standing.epoch, standing.audit_epoch), (Epoch(7), 2));
        assert_eq!((standing.rules.cap, standing.rules.dial), (Tier::None, Some(0.5)));
        assert_eq!(standing.rules.muted_tags[0].as_str(), "tv");
        assert_eq!((standing.generations[0].number, standing.generations[0].highest), (1, 1));
        assert_eq!((standing.lives.len(), standing.resets.len()), (0, 0));
        assert_eq!(standing.rules.private_until, None);
        assert!(Standing::older(0, &bytes).is_none());
    }
}
