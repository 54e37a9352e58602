//! Where an order stands, made of where its requests stand.

use serde::{Deserialize, Serialize};

use super::super::{
    Right,
    requests::{Docket, RefusalReason},
};
use crate::domain::Timestamp;

/// Where an order stands (OpenDSR 2.0 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Nothing was done yet.
    Pending,
    /// It is worked on.
    InProgress,
    /// It is answered. The protocol has no word for a refusal: [`Outcome`] tells it.
    Completed,
    /// It was taken back.
    Cancelled,
}

impl OrderStatus {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

/// Where one of its requests stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not confirmed whom it speaks for.
    Waits,
    /// It is worked on.
    Worked,
    /// It is done.
    Done,
    /// It is refused.
    Refused,
    /// It was taken back.
    Cancelled,
}

/// In what an answered order falls short of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done for some of the people.
    Partial,
    /// It was done for none.
    Refused,
}

impl Outcome {
    /// The word in our extension.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Refused => "refused",
        }
    }
}

/// What is told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands: where the slowest of its requests does.
    pub status: OrderStatus,
    /// In what it falls short, once it is answered.
    pub outcome: Option<Outcome>,
    /// Why it was refused.
    pub reason: Option<RefusalReason>,
    /// By when it is answered at the latest.
    pub expected_by: Timestamp,
    /// Whether what was asked for is to be fetched.
    pub has_results: bool,
    /// When the last of its requests was closed, if all are.
    pub closed_at: Option<Timestamp>,
}

impl Progress {
    /// What is told of an order with these requests.
    pub(super) fn of(dockets: &[Docket], received_at: Timestamp) -> Self {
        let all: Vec<Standing> = dockets.iter().map(|docket| docket.state.into()).collect();
        let status = status(&all);
        let done = all.contains(&Standing::Done);
        let outcome = match status {
            OrderStatus::Completed if all.iter().all(|one| *one == Standing::Done) => None,
            OrderStatus::Completed if done => Some(Outcome::Partial),
            OrderStatus::Completed => Some(Outcome::Refused),
            _ => None,
        };
        let fetched = |docket: &Docket| {
            docket.held && matches!(docket.right, Right::Access | Right::Portability)
        };
        let due = dockets.iter().map(|docket| docket.due_at).max();
        let closed = dockets.iter().filter_map(|docket| docket.closed_at).max();
        Self {
            status,
            outcome,
            reason: dockets.iter().find_map(|docket| docket.reason),
            expected_by: due.unwrap_or(received_at),
            has_results: status == OrderStatus::Completed && done && dockets.iter().any(fetched),
            closed_at: closed.filter(|_| status.is_final()),
        }
    }
}

fn status(all: &[Standing]) -> OrderStatus {
    let each = |wanted: Standing| !all.is_empty() && all.iter().all(|one| *one == wanted);
    if each(Standing::Waits) {
        OrderStatus::Pending
    } else if all.iter().any(|one| matches!(one, Standing::Waits | Standing::Worked)) {
        OrderStatus::InProgress
    } else if each(Standing::Cancelled) {
        OrderStatus::Cancelled
    } else {
        OrderStatus::Completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_stands_where_its_slowest_request_does() {
        use Standing::{Cancelled, Done, Refused, Waits, Worked};
        for (all, told) in [
            (&[Waits, Waits][..], OrderStatus::Pending),
            (&[Waits, Done], OrderStatus::InProgress),
            (&[Done, Worked], OrderStatus::InProgress),
            (&[Done, Done], OrderStatus::Completed),
            (&[Done, Refused], OrderStatus::Completed),
            (&[Refused], OrderStatus::Completed),
            (&[Cancelled, Done], OrderStatus::Completed),
            (&[Cancelled, Cancelled], OrderStatus::Cancelled),
        ] {
            assert_eq!(status(all), told, "{all:?}");
        }
    }
}
