//! What an app is told.

use uuid::Uuid;

use super::Spent;
use crate::{
    audit::Place,
    domain::{CategoryId, Epoch, ItemId, Tag, Tier},
    policy::{ReasonCode, Withheld},
};

/// The answer to a recommendation call.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer's id, to name it by in events.
    pub recommendation_id: Uuid,
    /// How personal the answer is.
    pub tier: Tier,
    /// The items, best first.
    pub items: Vec<Ranked>,
    /// How many candidates the person had muted. No app is told.
    pub muted: usize,
    /// What re-ranking did; `None` when there was nothing to rank.
    pub effect: Option<Effect>,
    /// What was decided, and why.
    pub decision: Decision,
    /// Where the decision stands in the log; `None` when the log could not take it.
    pub log: Option<Place>,
    /// Where the time went; `None` when nothing could be recorded.
    pub spent: Option<Spent>,
}

/// One item of an answer.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// The item.
    pub id: ItemId,
    /// The model's score, if it gave one.
    pub score: Option<f64>,
    /// Why it is here.
    pub source: Source,
    /// What describes it.
    pub tags: Vec<Tag>,
}

/// Why an item is in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The model's own list would hold it.
    Model,
    /// Re-ranking brought it up.
    Diversity,
    /// Re-ranking brought it up, and it lies mostly outside what the person usually meets.
    Bridge,
    /// A tag that the person wants more of brought it up.
    Boosted,
    /// Many people met it lately.
    Popular,
    /// It stands early in the operator's catalogue.
    Catalogue,
}

impl Source {
    /// The word in answers and in the log's bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Diversity => "diversity",
            Self::Bridge => "bridge",
            Self::Boosted => "boosted",
            Self::Popular => "popular",
            Self::Catalogue => "catalogue",
        }
    }
}

/// What re-ranking did to a list.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    /// How strongly, 0 to 1.
    pub strength: f64,
    /// The mean distance of the items' tags, before and after.
    pub ild: (f64, f64),
    /// How far the tags are from the person's own mixture, before and after; `None` when that is not known or not
    /// allowed to be used.
    pub calibration: Option<(f64, f64)>,
    /// How many items the model's own list would not hold.
    pub moved: usize,
}

/// What was decided on a call, and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The policies that decided the tier.
    pub policies: Vec<String>,
    /// The reasons for the tier.
    pub reasons: Vec<ReasonCode>,
    /// The categories that were used.
    pub used: Vec<CategoryId>,
    /// The categories that the call brought and that did not leave as they were.
    pub withheld: Vec<Withheld>,
    /// The version of the policy, `sha256:` and hex.
    pub policy: String,
    /// The person's epoch; `None` when nobody known was named.
    pub consent_epoch: Option<Epoch>,
    /// Whether an objection by signal stood and was honoured.
    pub gpc: bool,
    /// What went wrong, if something did.
    pub fault: Option<Fault>,
}

/// Why an answer is not what it could have been. Never tells what a model said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub &'static str);

impl Fault {
    /// The journal cannot take a record, so nothing may leave.
    pub const JOURNAL: Self = Self("journal_unavailable");
    /// The person's records cannot be read, so nothing is known that would allow anything.
    pub const STATE: Self = Self("state_unavailable");
    /// The state came from a backup, and the operator has not confirmed it.
    pub const RESTORED: Self = Self("state_restored");
    /// No model serves the purpose.
    pub const NO_MODEL: Self = Self("no_model");
    /// The operator has switched the recipient off.
    pub const RECIPIENT_OFF: Self = Self("recipient_off");
    /// The model has not answered lately and is left alone for a while.
    pub const OPEN: Self = Self("model_open");
    /// The consent changed while the call was under way.
    pub const CHANGED: Self = Self("consent_changed");
}
