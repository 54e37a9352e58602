//! Where one person stands: their consents, their own rules, and which pseudonyms they use.

mod lives;
mod older;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Alias, Guardian, Link};
use crate::{
    domain::{
        CategoryId, Consent, Epoch, ItemId, Pseudodomain, PurposeId, RecipientId, Sid, Tag, Tier,
        Timestamp,
    },
    store::Key,
    vault::{Sealable, prefixed},
};
pub use lives::{LeftLife, LeftPseudonym, Life, Reset};

/// A person's standing, as it is kept sealed. Acts replace it whole and raise the epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Which act made it.
    pub epoch: Epoch,
    /// How often the person's rows were exported; rows after an export have other keys.
    pub audit_epoch: u32,
    /// The consents, by purpose.
    pub purposes: Vec<PurposeStanding>,
    /// Until when the person is under 14 and needs a guardian's consent (PIPA 22-2), if the app said so.
    pub under_14_until: Option<Timestamp>,
    /// The rules the person set.
    pub rules: Rules,
    /// How many pseudonyms the person has left behind, by recipient and domain.
    pub generations: Vec<Generation>,
    /// The other ids that the person is known by.
    pub links: Vec<Link>,
    /// Where the person stands whose id this is, once it is linked.
    pub alias: Option<Alias>,
    /// Who acts for the person while they are a child.
    pub guardian: Option<Guardian>,
    /// Which life of what is held is in use, by purpose, where it is not the first.
    pub lives: Vec<Life>,
    /// The resets that can still be undone, oldest first.
    pub resets: Vec<Reset>,
    /// When the last window of a reset closed, if one did.
    pub reset_closed_at: Option<Timestamp>,
    /// Since when the mutes are those of now, if there are any.
    pub muted_since: Option<Timestamp>,
}

/// A person's consent for one purpose, and the objection by signal that may stand against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PurposeStanding {
    /// Which purpose.
    pub purpose: PurposeId,
    /// The consent.
    pub consent: Consent,
    /// When a signal such as Global Privacy Control first objected. Only giving anew overrides it; a call without
    /// the signal does not.
    pub objected_at: Option<Timestamp>,
}

/// The rules a person set for themselves. They only ever narrow what policy and consent allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The highest tier.
    pub cap: Tier,
    /// Categories that are never used, whatever was consented to.
    pub categories_off: Vec<CategoryId>,
    /// No item with one of these tags is shown.
    pub muted_tags: Vec<Tag>,
    /// None of these items is shown.
    pub muted_items: Vec<ItemId>,
    /// How diverse answers are, 0 to 1, instead of the operator's setting.
    pub dial: Option<f64>,
    /// Nothing personal until then: what is held is kept and not used (restriction, GDPR article 18).
    pub pause_until: Option<Timestamp>,
    /// Items with one of these tags are brought up.
    pub boosted_tags: Vec<Tag>,
    /// After how many days what is held of a meeting with an item is forgotten, where that is sooner than the purpose's
    /// own retention.
    pub forget_after_days: Option<u16>,
    /// Nothing is learned until then: events are not kept and not told to anyone.
    pub private_until: Option<Timestamp>,
}

/// How many pseudonyms a person has left behind at one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Who saw them.
    pub recipient: RecipientId,
    /// In which pseudonymisation domain.
    pub domain: Pseudodomain,
    /// The number of the pseudonym in use.
    pub number: u32,
    /// The highest number that was ever in use: above the one in use where a reset was undone. None is used twice.
    pub highest: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            cap: Tier::Individual,
            categories_off: Vec::new(),
            muted_tags: Vec::new(),
            muted_items: Vec::new(),
            dial: None,
            pause_until: None,
            boosted_tags: Vec::new(),
            forget_after_days: None,
            private_until: None,
        }
    }
}

impl Default for Standing {
    /// The empty standing: that of a person nobody has asked, and of a person we do not know.
    fn default() -> Self {
        Self {
            epoch: Epoch(0),
            audit_epoch: 0,
            purposes: Vec::new(),
            under_14_until: None,
            rules: Rules::default(),
            generations: Vec::new(),
            links: Vec::new(),
            alias: None,
            guardian: None,
            lives: Vec::new(),
            resets: Vec::new(),
            reset_closed_at: None,
            muted_since: None,
        }
    }
}

impl Sealable for Standing {
    const SCHEMA: u8 = 2;

    fn older(schema: u8, bytes: &[u8]) -> Option<Result<Self, postcard::Error>> {
        (schema == 1).then(|| postcard::from_bytes::<older::Standing1>(bytes).map(Self::from))
    }
}

impl Standing {
    /// The consent for `purpose`, if anything is known of it.
    #[must_use]
    pub fn purpose(&self, purpose: &PurposeId) -> Option<&PurposeStanding> {
        self.purposes.iter().find(|known| known.purpose == *purpose)
    }

    /// The place for `purpose`, made if it is not there.
    pub(super) fn purpose_mut(&mut self, purpose: &PurposeId) -> &mut PurposeStanding {
        let at =
            self.purposes.iter().position(|known| known.purpose == *purpose).unwrap_or_else(|| {
                self.purposes.push(PurposeStanding {
                    purpose: purpose.clone(),
                    consent: Consent::default(),
                    objected_at: None,
                });
                self.purposes.len() - 1
            });
        #[expect(clippy::indexing_slicing, reason = "the position was just found or made")]
        &mut self.purposes[at]
    }

    /// Joins places of the same purpose: the first consent that says something, and every objection.
    pub(super) fn join(&mut self) {
        let mut joined: Vec<PurposeStanding> = Vec::with_capacity(self.purposes.len());
        for place in self.purposes.drain(..) {
            match joined.iter_mut().find(|known| known.purpose == place.purpose) {
                Some(known) => {
                    if known.consent == Consent::default() {
                        known.consent = place.consent;
                    }
                    known.objected_at = known.objected_at.max(place.objected_at);
                }
                None => joined.push(place),
            }
        }
        self.purposes = joined;
    }

    /// Which pseudonym the person uses at `recipient` in `domain`.
    #[must_use]
    pub fn generation(&self, recipient: &RecipientId, domain: &Pseudodomain) -> u32 {
        self.generations
            .iter()
            .find(|known| known.recipient == *recipient && known.domain == *domain)
            .map_or(0, |known| known.number)
    }

    /// The highest number of a pseudonym that was ever in use at `recipient` in `domain`.
    #[must_use]
    pub fn highest_generation(&self, recipient: &RecipientId, domain: &Pseudodomain) -> u32 {
        self.generations
            .iter()
            .find(|known| known.recipient == *recipient && known.domain == *domain)
            .map_or(0, |known| known.highest)
    }

    /// Leaves the pseudonym in use at `recipient` behind and returns its generation.
    pub(super) fn next_generation(
        &mut self,
        recipient: &RecipientId,
        domain: &Pseudodomain,
    ) -> u32 {
        let known = self
            .generations
            .iter_mut()
            .find(|known| known.recipient == *recipient && known.domain == *domain);
        if let Some(known) = known {
            let left = known.number;
            known.highest = known.highest.saturating_add(1);
            known.number = known.highest;
            return left;
        }
        self.generations.push(Generation {
            recipient: recipient.clone(),
            domain: domain.clone(),
            number: 1,
            highest: 1,
        });
        0
    }
}

impl Rules {
    /// The moment before which what is held counts no more, if the person set a rule about that.
    #[must_use]
    pub fn forgets_before(&self, now: Timestamp) -> Option<Timestamp> {
        let days = u64::from(self.forget_after_days?);
        Some(now.before(Duration::from_secs(days * 24 * 60 * 60)))
    }

    /// Whether nothing is learnt of the person now.
    #[must_use]
    pub fn is_private(&self, now: Timestamp) -> bool {
        self.private_until.is_some_and(|until| now < until)
    }

    /// Whether there is anything that is never shown.
    #[must_use]
    pub fn mutes(&self) -> bool {
        !self.muted_tags.is_empty() || !self.muted_items.is_empty()
    }
}

impl PurposeStanding {
    /// Lets an objection that came by one id of a person stand against what was given by another, later or not.
    pub(super) fn keep_objecting(&mut self) {
        self.objected_at = self.objected_at.max(Some(self.consent.since()));
    }

    /// Whether an objection by signal stands: it came, and the person has not given since.
    #[must_use]
    pub fn objects(&self, now: Timestamp) -> bool {
        match (self.objected_at, self.consent.in_force(now)) {
            (Some(objected), Some(_)) => self.consent.since() <= objected,
            (objected, _) => objected.is_some(),
        }
    }
}

/// Where a standing is kept.
pub(super) fn standing_key(sid: Sid) -> Key {
    prefixed(STANDINGS, &sid.0)
}

/// Whose standing is kept under `key`.
pub(super) fn standing_sid(key: &Key) -> Option<Sid> {
    let rest = key.as_bytes().strip_prefix(STANDINGS)?;
    rest.try_into().ok().map(Sid)
}

/// The prefix of all standings.
pub(super) const STANDINGS: &[u8] = b"s/";
