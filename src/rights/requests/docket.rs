//! A request as clocks and the register see it: nothing in it is about anybody.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{RefusalReason, RequestError};
use crate::{
    domain::Timestamp,
    rights::{
        Right,
        clock::{Deadline, Law},
    },
    store::{Key, Put, Record},
    vault::{Handle, prefixed},
};

/// The prefix of open dockets, which clocks look at.
pub(super) const OPEN: &[u8] = b"ro/";

/// The prefix of closed ones.
pub(super) const CLOSED: &[u8] = b"rc/";

/// The form of a docket: `u8 schema ‖ postcard`.
const SCHEMA: u8 = 1;

/// The name of a request: 16 random bytes, in the form of a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    pub(super) fn drawn(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid().into_bytes())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Uuid::from_bytes(self.0).hyphenated())
    }
}

impl FromStr for RequestId {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let uuid = Uuid::try_parse(text).map_err(|_| RequestError::Unknown)?;
        Ok(Self(uuid.into_bytes()))
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// It has come, and it is not confirmed that it speaks for the person.
    Received,
    /// It is worked on.
    InProgress,
    /// What was asked for is done.
    Completed,
    /// It is refused, with a reason.
    Refused,
    /// It was taken back.
    Cancelled,
}

impl RequestState {
    /// The word in JSON and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether an answer is owed.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Received | Self::InProgress)
    }
}

/// A request as clocks and the register see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docket {
    /// Its name.
    pub id: RequestId,
    /// What is asked for.
    pub right: Right,
    /// Under which law.
    pub law: String,
    /// Which version of the law's file its days are counted by.
    pub law_version: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: RequestState,
    /// When its last day has ended.
    pub due_at: Timestamp,
    /// Its last day, in the law's zone, as `YYYY-MM-DD`.
    pub due_on: String,
    /// The law's zone.
    pub time_zone: String,
    /// Until which day the law's holidays are known.
    pub holidays_known_until: Option<String>,
    /// By when its receipt is to be confirmed, where the law says so.
    pub acknowledge_by: Option<Timestamp>,
    /// How often it was put off.
    pub extensions: u8,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Why it was refused.
    pub reason: Option<RefusalReason>,
    /// Whether somebody was known when it was answered or is now; `false` says that nothing is held.
    pub held: bool,
    /// The tenant and the app that sent it; `None` if the person did.
    pub app: Option<(String, String)>,
    /// Shows whose it is to whoever computes the same with that person's handle.
    pub(super) owner: [u8; 16],
    /// What an erasure came to.
    pub certified: Option<Certified>,
}

/// What an erasure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certified {
    /// The certificate's name. A certificate says of whom it is to nobody.
    pub certificate: Uuid,
    /// From when on no copy of a key opens anything.
    pub final_by: Timestamp,
}

impl Docket {
    pub(super) fn open(
        id: RequestId,
        right: Right,
        (law, received_at): (&Law, Timestamp),
        handle: &Handle,
    ) -> Result<Self, RequestError> {
        let matter = crate::rights::clock::Matter::Right(right);
        let due = law.due(matter, received_at, 0)?;
        let acknowledge = law.acknowledge_by(matter, received_at)?;
        let mut docket = Self {
            id,
            right,
            law: law.id().to_owned(),
            law_version: law.version().to_owned(),
            received_at,
            state: RequestState::Received,
            due_at: due.ends_at,
            due_on: String::new(),
            time_zone: law.time_zone().to_owned(),
            holidays_known_until: None,
            acknowledge_by: acknowledge.map(|deadline| deadline.ends_at),
            extensions: 0,
            closed_at: None,
            reason: None,
            held: true,
            app: None,
            owner: owner(handle, id),
            certified: None,
        };
        docket.set_due(&due);
        Ok(docket)
    }

    /// Whether it is the request of whoever has this handle.
    pub(super) fn is_of(&self, handle: &Handle) -> bool {
        self.owner == owner(handle, self.id)
    }

    /// Whether it is late at `now`.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state.is_open() && now >= self.due_at
    }

    /// Whole days from `now` to the end of the last day, rounded up; negative when that many have passed.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let left = self.due_at.millis().saturating_sub(now.millis());
        left.saturating_add(DAY - 1).div_euclid(DAY)
    }

    /// It was confirmed that it speaks for the person.
    pub(super) fn begun(self) -> Result<Self, RequestError> {
        match self.state {
            RequestState::Received => Ok(Self { state: RequestState::InProgress, ..self }),
            other => Err(RequestError::State(other)),
        }
    }

    /// What was asked for is done.
    pub(super) fn completed(self, at: Timestamp) -> Result<Self, RequestError> {
        match self.state {
            RequestState::InProgress => {
                Ok(Self { state: RequestState::Completed, closed_at: Some(at), ..self })
            }
            other => Err(RequestError::State(other)),
        }
    }

    /// It is refused. That may be because it was never confirmed.
    pub(super) fn refused(self, at: Timestamp, why: RefusalReason) -> Result<Self, RequestError> {
        let (state, reason) = (RequestState::Refused, Some(why));
        self.closed(at, |docket| Self { state, reason, ..docket })
    }

    /// It was taken back.
    pub(super) fn cancelled(self, at: Timestamp) -> Result<Self, RequestError> {
        self.closed(at, |docket| Self { state: RequestState::Cancelled, ..docket })
    }

    /// It is put off.
    pub(super) fn extended(mut self, due: &Deadline) -> Result<Self, RequestError> {
        if !self.state.is_open() {
            return Err(RequestError::State(self.state));
        }
        if due.ends_at <= self.due_at {
            return Err(RequestError::NotLater);
        }
        self.set_due(due);
        self.extensions = self.extensions.saturating_add(1);
        Ok(self)
    }

    fn closed(self, at: Timestamp, how: impl Fn(Self) -> Self) -> Result<Self, RequestError> {
        if !self.state.is_open() {
            return Err(RequestError::State(self.state));
        }
        Ok(Self { closed_at: Some(at), ..how(self) })
    }

    fn set_due(&mut self, due: &Deadline) {
        self.due_at = due.ends_at;
        self.due_on = due.last_day.to_string();
        self.holidays_known_until = due.holidays_known_until.map(|day| day.to_string());
    }

    /// Where it is kept.
    pub(super) fn key(&self) -> Key {
        prefixed(if self.state.is_open() { OPEN } else { CLOSED }, &self.id.0)
    }

    /// The record of it as the version after `over`.
    pub(super) fn put(&self, over: u64) -> Result<Put, RequestError> {
        let bytes = postcard::to_stdvec(self).map_err(|_| RequestError::Damaged)?;
        let value = [&[SCHEMA][..], &bytes].concat();
        Ok(Put { key: self.key(), version: over + 1, value })
    }

    pub(super) fn read(record: &Record) -> Result<Self, RequestError> {
        let Some((&SCHEMA, bytes)) = record.value.split_first() else {
            return Err(RequestError::Damaged);
        };
        postcard::from_bytes(bytes).map_err(|_| RequestError::Damaged)
    }
}

/// `HMAC(handle, "consentry/request/v1" ‖ id)[:16]`: two requests of one person share nothing that can be seen.
fn owner(handle: &Handle, id: RequestId) -> [u8; 16] {
    let mac = crate::vault::mac(handle.as_bytes(), &[b"consentry/request/v1", &id.0]);
    mac.first_chunk().copied().unwrap_or_default()
}
