//! What goes to a model and how it is written: the content of a call, its exact bytes, and the formats.
//!
//! Promises: an [`Outbound`] holds every byte of content that leaves, so that what is logged before a disclosure is
//! the disclosure; its headers are a closed list. A [`Wire`] only writes down what it is given: what may be given
//! is decided before.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use super::answer::{Answer, Nonsense};
use crate::domain::{ItemId, Tag, Timestamp, hex};

/// The content of one recommendation call, already cut to what may leave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// The pseudonym for this recipient; absent at tier `none`.
    pub user: Option<&'a str>,
    /// How many candidates are asked for.
    pub count: usize,
    /// Where the list is shown, such as `home`.
    pub scenario: Option<&'a str>,
    /// The shaped context as an encoded JSON object; empty when there is none.
    pub context: &'a [u8],
    /// The items the person is looking at.
    pub seed_items: &'a [ItemId],
}

/// Something a person did, under the pseudonym.
#[derive(Clone, Copy, Debug)]
pub struct OutboundEvent<'a> {
    /// The pseudonym for this recipient.
    pub user: &'a str,
    /// What it was done to.
    pub item: &'a ItemId,
    /// What was done: `view`, `click`, `cart`, `purchase`, `rating`, `like`, `dislike` or `skip`.
    pub kind: &'a str,
    /// The rating, where there is one. A number that is not finite is left out.
    pub value: Option<f64>,
    /// When, if the app said so.
    pub at: Option<Timestamp>,
}

/// An item's description, which is about no one.
#[derive(Clone, Copy, Debug)]
pub struct OutboundItem<'a> {
    /// The item.
    pub id: &'a ItemId,
    /// The words that describe it.
    pub tags: &'a [Tag],
}

/// Which statuses say that a call succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// An answer with content: 200 alone.
    Answer,
    /// A receipt: 200, 201, 202 or 204.
    Receipt,
    /// A receipt, or this status where the model says that it holds nothing of the kind.
    ReceiptOr(u16),
}

impl Expects {
    /// Whether `status` says that the call succeeded.
    #[must_use]
    pub fn is_met_by(self, status: u16) -> bool {
        match self {
            Self::Answer => status == 200,
            Self::Receipt => matches!(status, 200 | 201 | 202 | 204),
            Self::ReceiptOr(other) => status == other || Self::Receipt.is_met_by(status),
        }
    }
}

/// One call as it leaves: the exact bytes.
#[derive(Clone)]
pub struct Outbound {
    /// The method.
    pub method: Method,
    /// The path below the model's URL, from `/` on, with a query where the format has one.
    pub path: Cow<'static, str>,
    /// The body; what is logged before it leaves.
    pub body: Bytes,
    /// Which statuses say that the call succeeded.
    pub expects: Expects,
    request_id: Option<[u8; 16]>,
    gpc: bool,
}

impl Outbound {
    /// A POST of JSON.
    #[must_use]
    pub fn post(path: impl Into<Cow<'static, str>>, body: Vec<u8>, expects: Expects) -> Self {
        Self::call(Method::POST, path, body, expects)
    }

    /// Any call; its body is JSON, or empty for a call without one.
    #[must_use]
    pub fn call(
        method: Method,
        path: impl Into<Cow<'static, str>>,
        body: Vec<u8>,
        expects: Expects,
    ) -> Self {
        Self { method, path: path.into(), body: body.into(), expects, request_id: None, gpc: false }
    }

    /// Names the call by 16 random bytes, drawn anew for each recipient and call so that no two can be linked.
    #[must_use]
    pub fn with_request_id(mut self, id: [u8; 16]) -> Self {
        self.request_id = Some(id);
        self
    }

    /// Passes the person's Global Privacy Control signal on.
    #[must_use]
    pub fn with_gpc(mut self, gpc: bool) -> Self {
        self.gpc = gpc;
        self
    }

    /// Every header that goes with the call, apart from the transport's own: `host`, `content-length` and the
    /// recipient's configured key.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
        const GPC: HeaderName = HeaderName::from_static("sec-gpc");
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let id = self.request_id.map(|id| (REQUEST_ID, hexadecimal(id)));
        let gpc = self.gpc.then_some((GPC, HeaderValue::from_static("1")));
        let json = (!self.body.is_empty()).then_some(json);
        json.into_iter().chain(id).chain(gpc)
    }
}

fn hexadecimal(id: [u8; 16]) -> HeaderValue {
    HeaderValue::try_from(hex(&id)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path and the body may hold a pseudonym.
        f.debug_struct("Outbound")
            .field("method", &self.method)
            .field("body.bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Which parts of a recommendation call have a place in a format. What has none does not leave, and the answer says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takes {
    /// What of the context.
    pub context: TakenContext,
    /// Whether the items that the person is looking at.
    pub seed_items: bool,
}

/// What of a context has a place in a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenContext {
    /// All that leaves.
    Whole,
    /// Some categories, each with the one attribute that is taken if it is not all of them.
    Parts(Vec<(Box<str>, Option<Box<str>>)>),
}

impl Takes {
    /// All parts.
    pub const EVERYTHING: Self = Self { context: TakenContext::Whole, seed_items: true };
}

/// A format that models speak. What it has no word for is `None`: it is not said.
pub trait Wire: Send + Sync + fmt::Debug {
    /// Which parts of a recommendation call have a place in it, where it is about somebody and where about nobody.
    fn takes(&self, _somebody: bool) -> &Takes {
        &Takes::EVERYTHING
    }

    /// How many events fit into one call.
    fn events_at_once(&self) -> usize {
        usize::MAX
    }

    /// How many items fit into one call.
    fn items_at_once(&self) -> usize {
        usize::MAX
    }

    /// Whether an event without a time must be given one.
    fn dates_events(&self) -> bool {
        false
    }

    /// How long the model may go on to answer from what it was asked to forget.
    fn forgets_within(&self) -> Option<Duration> {
        None
    }

    /// Asks for recommendations; `None` where nobody is named and the format cannot do without.
    fn recommend(&self, query: &Query<'_>) -> Option<Outbound>;

    /// Tells what people did.
    fn events(&self, events: &[OutboundEvent<'_>]) -> Option<Outbound>;

    /// Describes items.
    fn items(&self, items: &[OutboundItem<'_>]) -> Option<Outbound>;

    /// Asks the model to forget everything under a pseudonym.
    fn forget(&self, user: &str) -> Option<Outbound>;

    /// Whether the answer to [`Wire::forget`] says that it was done; its status says so already.
    fn confirms(&self, _answer: &[u8]) -> bool {
        true
    }

    /// Reads the answer to [`Wire::recommend`].
    ///
    /// # Errors
    /// [`Nonsense`] when the bytes hold no list of items.
    fn answer<'a>(&self, bytes: &'a [u8]) -> Result<Answer<'a>, Nonsense>;
}
