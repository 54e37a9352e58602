//! Orders are taken, told of and taken back.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::{
    CallbackUrl, OrderError, OrderStatus, Progress,
    order::{Call, Order, Queue},
};
use crate::{
    domain::Timestamp,
    retry::Attempt,
    rights::{
        Right, Rights, RightsError,
        requests::{Asked, Docket, IdentityMethod, Proof, RequestId, Wanted},
    },
    store::{Batch, CommitError},
    vault::Handle,
};

/// A controller's name for an order: a UUID of version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderId(pub Uuid);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

impl FromStr for OrderId {
    type Err = OrderError;

    /// # Errors
    /// When it is no UUID of version 4 in the form with hyphens: such names none.
    fn from_str(text: &str) -> Result<Self, OrderError> {
        let uuid = Uuid::try_parse(text).ok().filter(|uuid| uuid.get_version_num() == 4);
        uuid.filter(|_| text.len() == 36).map(Self).ok_or(OrderError::Unknown)
    }
}

/// An order and who sent it: two controllers may choose the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFrom {
    /// The controller's name for it.
    pub id: OrderId,
    /// The controller's tenant.
    pub tenant: String,
    /// The app as which the controller calls.
    pub app: String,
}

/// An order as it comes in.
#[derive(Debug)]
pub struct Ordered {
    /// Which, and from whom.
    pub from: OrderFrom,
    /// What is asked for.
    pub right: Right,
    /// Under which law; the configured one if none is named.
    pub law: Option<String>,
    /// About whom, each with what its retries are known by.
    pub people: Vec<(Handle, Attempt)>,
    /// Whether the controller has confirmed that it speaks for them.
    pub confirmed: bool,
    /// Who is told how it stands.
    pub callbacks: Vec<CallbackUrl>,
    /// A keyed hash of what was sent.
    pub fingerprint: [u8; 32],
}

/// An order that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// When it came.
    pub received_at: Timestamp,
    /// Where it stands.
    pub progress: Progress,
    /// What it became, one for each identity.
    pub dockets: Vec<Docket>,
    /// How many of its callbacks were given up.
    pub given_up: u32,
}

impl Rights {
    /// Takes an order, and does at once what the gateway can do by itself. The same one again is the first one.
    ///
    /// # Errors
    /// When another one was sent under its id, the law gives no time for it, or the journal does not take it.
    pub async fn take_order(&self, ordered: Ordered) -> Result<Taken, RightsError> {
        if let Some(known) = self.order(&ordered.from).await? {
            return self.same(&ordered.from, ordered.fingerprint, known).await;
        }
        let now = self.clock.now();
        let proof = Proof { method: IdentityMethod::Controller, verified_at: now };
        let mut requests: Vec<RequestId> = Vec::with_capacity(ordered.people.len());
        for (handle, attempt) in ordered.people {
            let asked = Asked {
                handle,
                right: ordered.right,
                law: ordered.law.clone(),
                wanted: Wanted::default(),
                proof: ordered.confirmed.then_some(proof),
                by: ordered.from.by(),
            };
            // What a crash cuts off here was not acknowledged, and its repetition finds what was done.
            let received = self.request(asked, Some(attempt)).await?;
            requests.push(received.told.docket.id);
        }
        let (fingerprint, from) = (ordered.fingerprint, &ordered.from);
        let order = Order { fingerprint, received_at: now, requests, given_up: 0 };
        let mut put = vec![self.seal(from.order(), None, &order)?];
        if !ordered.callbacks.is_empty() {
            let call = |url: &CallbackUrl| Call {
                url: url.expose().to_owned(),
                told: OrderStatus::Pending,
            };
            let queue = Queue { calls: ordered.callbacks.iter().map(call).collect() };
            put.push(self.seal(from.queue(), None, &queue)?);
        }
        match self.store.commit(Batch { put, ..Batch::default() }).await {
            Ok(_) => self.taken(from, order).await,
            // The same came twice at once.
            Err(CommitError::Conflict) => {
                let known = self.order(from).await?.ok_or(OrderError::Unknown)?;
                self.same(from, fingerprint, known).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How an order stands.
    ///
    /// # Errors
    /// When whoever asks sent no such order, or the store fails.
    pub async fn order_status(&self, from: &OrderFrom) -> Result<Taken, RightsError> {
        let order = self.order(from).await?.ok_or(OrderError::Unknown)?;
        self.taken(from, order).await
    }

    /// Takes an order back on which nothing was done yet.
    ///
    /// # Errors
    /// When whoever asks sent no such order, something was done on it, or the journal does not take it.
    pub async fn cancel_order(&self, from: &OrderFrom) -> Result<Taken, RightsError> {
        let taken = self.order_status(from).await?;
        if taken.progress.status != OrderStatus::Pending {
            return Err(OrderError::Status(taken.progress.status).into());
        }
        for docket in &taken.dockets {
            self.cancel_app_request(&from.by(), docket.id).await?;
        }
        self.order_status(from).await
    }

    async fn same(
        &self,
        from: &OrderFrom,
        fingerprint: [u8; 32],
        known: Order,
    ) -> Result<Taken, RightsError> {
        if known.fingerprint != fingerprint {
            return Err(OrderError::Other.into());
        }
        self.taken(from, known).await
    }

    async fn order(&self, from: &OrderFrom) -> Result<Option<Order>, RightsError> {
        let at = from.order();
        let found = self.off_the_worker(move |rights| rights.sealed::<Order>(&at)).await?;
        Ok(found.map(|found| found.value))
    }

    pub(super) async fn taken(&self, from: &OrderFrom, order: Order) -> Result<Taken, RightsError> {
        let mut dockets = Vec::with_capacity(order.requests.len());
        for id in order.requests {
            dockets.push(self.app_request(&from.by(), id).await?);
        }
        let progress = Progress::of(&dockets, order.received_at);
        let (received_at, given_up) = (order.received_at, order.given_up);
        Ok(Taken { received_at, progress, dockets, given_up })
    }
}
