//! What people do, as events say it, and what came of telling it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{ItemId, Timestamp},
    upstream::Done,
    vault::Handle,
};

/// What a person can do with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Looked at it.
    View,
    /// Clicked on it.
    Click,
    /// Put it into the cart.
    Cart,
    /// Bought it.
    Purchase,
    /// Rated it.
    Rating,
    /// Liked it.
    Like,
    /// Disliked it.
    Dislike,
    /// Passed over it.
    Skip,
}

impl Kind {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Click => "click",
            Self::Cart => "cart",
            Self::Purchase => "purchase",
            Self::Rating => "rating",
            Self::Like => "like",
            Self::Dislike => "dislike",
            Self::Skip => "skip",
        }
    }

    /// How much it says of a taste; nothing where it says of a distaste.
    pub(super) fn weight(self, value: Option<f64>) -> f64 {
        match self {
            Self::View | Self::Click => 1.0,
            Self::Cart | Self::Like => 3.0,
            Self::Purchase => 5.0,
            Self::Rating => {
                value.filter(|value| value.is_finite()).map_or(0.0, |value| value.clamp(0.0, 5.0))
            }
            Self::Dislike | Self::Skip => 0.0,
        }
    }
}

/// One event, read and checked.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Whose.
    pub subject: Handle,
    /// What was done.
    pub kind: Kind,
    /// To which item.
    pub item: ItemId,
    /// The rating, where there is one.
    pub value: Option<f64>,
    /// When; `None` for now.
    pub at: Option<Timestamp>,
}

/// An event that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its place in the call.
    pub index: usize,
    /// Why: a reason code of the policy, or a fault.
    pub reason: Cow<'static, str>,
}

/// What came of a call's events.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    /// How many were used for at least one purpose.
    pub accepted: usize,
    /// How many went on to a model.
    pub forwarded: usize,
    /// The others.
    pub dropped: Vec<Dropped>,
}

/// What came of a few events of one person.
pub(super) enum Use {
    Used { forwarded: bool },
    Dropped(&'static str),
}

impl Happening {
    pub(super) fn done(&self) -> Done {
        Done { item: self.item.clone(), kind: self.kind.as_str(), value: self.value, at: self.at }
    }
}
