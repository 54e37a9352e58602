//! One configured recipient: who it is, how it is spoken to, and how far it is waited for.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;

use super::{
    breaker::{BreakerLimits, BreakerState},
    builtin::Builtin,
    fault::UpstreamFault,
    health::{Health, Vitals},
    http::{Client, Endpoint},
    json::Json,
    switch::{Outlet, Pass, Switch},
    wire::{Outbound, Wire},
};
use crate::{
    ambient::Clock,
    domain::{Pseudodomain, RecipientId},
};

/// Shows that a call's record is durable and the person's gate is open. It is held until the last byte of the call
/// is written, then dropped.
pub trait Clearance: Send + 'static {
    /// Ready when the bytes must stop: the connection is then closed at once. It wakes the task when that comes.
    fn poll_revoked(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// How far a model is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the start of a call to the last byte of its answer, connecting included.
    pub deadline: Duration,
    /// The largest answer that is read, in bytes.
    pub answer_bytes: usize,
    /// How many connections rest in one worker's pool; those beyond are closed.
    pub idle_connections: usize,
    /// How many calls may be under way at once, from all workers; those beyond are not sent.
    pub concurrency: u32,
    /// When a model that does not answer is left alone.
    pub breaker: BreakerLimits,
    /// How often a recommendation call is sent again after a fault that may pass, within the same deadline.
    pub retries: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Slower than this, a page is better served without the model.
            deadline: Duration::from_millis(300),
            answer_bytes: 1 << 20,
            idle_connections: 64,
            // At 5 ms an answer this is 50,000 calls a second; a model that stalls holds no more memory than this.
            concurrency: 256,
            breaker: BreakerLimits::default(),
            // A model that restarts, or closes a resting connection at the wrong moment, costs nobody their list.
            retries: 1,
        }
    }
}

/// Who receives the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Its name in consents, policies and the log.
    pub id: RecipientId,
    /// Within this domain, a person has one pseudonym.
    pub domain: Pseudodomain,
    /// Whether it is run by someone else than the gateway's operator.
    pub third_party: bool,
}

/// One configured recipient and the way to it.
#[derive(Debug)]
pub struct Model {
    recipient: Arc<Recipient>,
    wire: Arc<dyn Wire>,
    transport: Transport,
    outlet: Arc<Outlet>,
}

#[derive(Debug)]
enum Transport {
    Http { client: Box<Client>, limits: Limits, vitals: Arc<Vitals> },
    Builtin(Arc<Builtin>),
}

impl Model {
    /// A model that speaks the `json` protocol over HTTP.
    #[must_use]
    pub fn json(recipient: Recipient, endpoint: Endpoint, limits: Limits, clock: Clock) -> Self {
        Self::http(recipient, Arc::new(Json), endpoint, limits, clock)
    }

    /// A model that speaks `wire` over HTTP.
    #[must_use]
    pub fn http(
        recipient: Recipient,
        wire: Arc<dyn Wire>,
        endpoint: Endpoint,
        limits: Limits,
        clock: Clock,
    ) -> Self {
        let client = Box::new(Client::new(Arc::new(endpoint), limits));
        let vitals = Arc::new(Vitals::new(&limits, clock));
        let transport = Transport::Http { client, limits, vitals };
        Self { recipient: Arc::new(recipient), wire, transport, outlet: Outlet::first() }
    }

    /// The model inside this process. It reads and writes the bytes of the `json` protocol too.
    #[must_use]
    pub fn builtin(recipient: Recipient, builtin: Arc<Builtin>) -> Self {
        Self {
            recipient: Arc::new(recipient),
            wire: Arc::new(Json),
            transport: Transport::Builtin(builtin),
            outlet: Outlet::first(),
        }
    }

    /// The same model for another worker thread: a pool of its own, so that no connection wakes two threads.
    #[must_use]
    pub fn on_this_worker(&self) -> Self {
        let transport = match &self.transport {
            Transport::Http { client, limits, vitals } => Transport::Http {
                client: Box::new(client.fresh()),
                limits: *limits,
                vitals: Arc::clone(vitals),
            },
            Transport::Builtin(builtin) => Transport::Builtin(Arc::clone(builtin)),
        };
        let outlet = self.outlet.another();
        Self { recipient: self.recipient.clone(), wire: self.wire.clone(), transport, outlet }
    }

    /// Who receives the calls.
    #[must_use]
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The format it speaks.
    #[must_use]
    pub fn wire(&self) -> &dyn Wire {
        self.wire.as_ref()
    }

    /// The operator's switch of this recipient, one for all workers.
    #[must_use]
    pub fn switch(&self) -> &Arc<Switch> {
        self.outlet.switch()
    }

    /// How it fares; `None` for the model inside this process, which is always there.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        match &self.transport {
            Transport::Http { vitals, .. } => Some(vitals.health()),
            Transport::Builtin(_) => None,
        }
    }

    /// Whether it is left alone for now, so that no call need be prepared for it; such a call is counted. It costs one
    /// relaxed load while the model answers.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        match &self.transport {
            Transport::Http { vitals, .. } if vitals.breaker() == BreakerState::Open => {
                vitals.refuse_open();
                true
            }
            Transport::Http { .. } | Transport::Builtin(_) => false,
        }
    }

    /// How often a recommendation call is sent again, and how long it may take with all of that.
    #[must_use]
    pub fn patience(&self) -> (u8, Duration) {
        match &self.transport {
            Transport::Http { limits, .. } => (limits.retries, limits.deadline),
            Transport::Builtin(_) => (0, Duration::MAX),
        }
    }

    /// Sends one call and waits for its answer's bytes, as long as its limits say. Dropping the future stops the call:
    /// nothing more is written, and the clearance is dropped.
    ///
    /// # Errors
    /// [`UpstreamFault`], which says whether anything may have left.
    pub async fn send(
        &self,
        outbound: Outbound,
        clearance: impl Clearance,
    ) -> Result<Bytes, UpstreamFault> {
        self.send_within(self.patience().1, outbound, clearance).await
    }

    /// Like [`Model::send`], and waits no longer than `deadline`.
    ///
    /// # Errors
    /// [`UpstreamFault`], which says whether anything may have left.
    pub async fn send_within(
        &self,
        deadline: Duration,
        outbound: Outbound,
        clearance: impl Clearance,
    ) -> Result<Bytes, UpstreamFault> {
        let pass = self.outlet.pass().ok_or(UpstreamFault::Off)?;
        let clearance = Box::new(Passing { clearance, pass });
        let outcome = self.exchange(deadline, outbound, clearance).await;
        if !self.switch().is_off() {
            return outcome;
        }
        // Whatever it answers now is not heard.
        let sent = outcome.as_ref().map_or_else(UpstreamFault::sent, |_| true);
        Err(if sent { UpstreamFault::OffMeanwhile } else { UpstreamFault::Off })
    }

    async fn exchange(
        &self,
        deadline: Duration,
        outbound: Outbound,
        clearance: Box<dyn Clearance>,
    ) -> Result<Bytes, UpstreamFault> {
        match &self.transport {
            Transport::Http { client, vitals, .. } => {
                let place = vitals.enter()?;
                place.end(client.send(deadline, outbound, clearance).await)
            }
            Transport::Builtin(builtin) => {
                // The model has the bytes when it has acted on them; the clearance is held until then.
                poll_fn(move |cx| {
                    Poll::Ready(match clearance.poll_revoked(cx) {
                        Poll::Ready(()) => Err(UpstreamFault::Revoked),
                        Poll::Pending => builtin.handle(&outbound).map(Bytes::from),
                    })
                })
                .await
            }
        }
    }

    #[cfg(test)]
    pub(super) fn idle_connections(&self) -> usize {
        match &self.transport {
            Transport::Http { client, .. } => client.idle_connections(),
            Transport::Builtin(_) => 0,
        }
    }
}

/// A clearance, and the recipient switched on.
struct Passing<C> {
    clearance: C,
    pass: Pass,
}

impl<C: Clearance> Clearance for Passing<C> {
    fn poll_revoked(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pass.is_cut() { Poll::Ready(()) } else { self.clearance.poll_revoked(cx) }
    }
}

impl Clearance for Box<dyn Clearance> {
    fn poll_revoked(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.as_ref().poll_revoked(cx)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.recipient.id, f)
    }
}
