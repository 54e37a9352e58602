//! The way to a model over plain HTTP/1.1: a deadline, a pool, and the guard over the bytes as they are written.
//!
//! Promises: no header leaves but those of [`Outbound::headers`](super::Outbound::headers), `host`,
//! `content-length` and the recipient's configured key; the [`Clearance`] is polled before every write and dropped
//! as soon as the last byte is with the kernel; a call is written a second time only if no byte of it was written
//! the first time.
//!
//! It is not a retry policy: a call that may have left is a fault, and whether to try again is the gateway's to say.
//!
//! Start with [`Client::send`]; [`link`] is one connection, [`watch`] sees what it writes.

mod endpoint;
mod link;
mod watch;

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
pub use endpoint::{Endpoint, InvalidEndpoint, StaticHeader};
use link::Link;
use watch::Progress;

use super::{
    fault::{Unsent, UpstreamFault},
    model::{Clearance, Limits},
    wire::Outbound,
};

/// Calls one model from one worker thread.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Arc<Endpoint>,
    limits: Limits,
    idle: Mutex<Vec<Link>>,
}

impl Client {
    pub(super) fn new(endpoint: Arc<Endpoint>, limits: Limits) -> Self {
        Self { endpoint, limits, idle: Mutex::new(Vec::new()) }
    }

    /// A client for the same model with no connection yet.
    pub(super) fn fresh(&self) -> Self {
        Self::new(Arc::clone(&self.endpoint), self.limits)
    }

    /// Sends one call and waits for its answer until `deadline`. Dropping the future closes its connection and drops the clearance.
    pub(super) async fn send(
        &self,
        deadline: Duration,
        outbound: Outbound,
        clearance: Box<dyn Clearance>,
    ) -> Result<Bytes, UpstreamFault> {
        let progress = Arc::new(Progress::default());
        let exchange = self.exchange(&outbound, clearance, &progress);
        match tokio::time::timeout(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_) if progress.touched() => Err(UpstreamFault::Timeout),
            Err(_) => Err(UpstreamFault::NotSent(Unsent::Timeout)),
        }
    }

    async fn exchange(
        &self,
        outbound: &Outbound,
        clearance: Box<dyn Clearance>,
        progress: &Arc<Progress>,
    ) -> Result<Bytes, UpstreamFault> {
        let mut clearance = Some(clearance);
        if let Some(link) = self.pooled() {
            let outcome = self.over(link, outbound, &mut clearance, progress).await;
            // The other side may have closed the pooled connection a moment ago; a new one shows.
            if outcome != Err(UpstreamFault::NotSent(Unsent::Closed)) {
                return outcome;
            }
        }
        let link = self.connect(&mut clearance).await?;
        self.over(link, outbound, &mut clearance, progress).await
    }

    async fn over(
        &self,
        mut link: Link,
        outbound: &Outbound,
        clearance: &mut Option<Box<dyn Clearance>>,
        progress: &Arc<Progress>,
    ) -> Result<Bytes, UpstreamFault> {
        let request = self.endpoint.request(outbound, progress)?;
        let limits = (self.limits.answer_bytes, outbound.expects);
        let answer = link.exchange(request, clearance, progress, limits).await?;
        self.keep(link);
        Ok(answer)
    }

    /// Opens a connection, unless the clearance goes first.
    async fn connect(
        &self,
        clearance: &mut Option<Box<dyn Clearance>>,
    ) -> Result<Link, UpstreamFault> {
        let mut connecting = pin!(Link::connect(&self.endpoint));
        poll_fn(|cx| {
            if is_revoked(clearance, cx) {
                return Poll::Ready(Err(UpstreamFault::Revoked));
            }
            connecting.as_mut().poll(cx)
        })
        .await
    }

    /// The connection used last that still lives. Those found dead are closed.
    fn pooled(&self) -> Option<Link> {
        let mut idle = self.idle();
        while let Some(mut link) = idle.pop() {
            if link.is_idle(&mut Context::from_waker(Waker::noop())) {
                return Some(link);
            }
        }
        None
    }

    /// Takes a connection back, if it is fit for another call and the pool has room. Nobody polls idle connections,
    /// so each return also looks at the one that has waited longest, and closes it if the model has.
    fn keep(&self, mut link: Link) {
        let mut cx = Context::from_waker(Waker::noop());
        if !link.is_idle(&mut cx) {
            return;
        }
        let mut idle = self.idle();
        if idle.first_mut().is_some_and(|oldest| !oldest.is_idle(&mut cx)) {
            idle.remove(0);
        }
        if idle.len() < self.limits.idle_connections {
            idle.push(link);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn idle_connections(&self) -> usize {
        self.idle().len()
    }
}

/// Whether the bytes must stop. Without a clearance they are all written, and nothing is left to stop. Taken mutably
/// because a clearance may move to another thread with its call, but not be looked at from two.
fn is_revoked(clearance: &mut Option<Box<dyn Clearance>>, cx: &mut Context<'_>) -> bool {
    clearance.as_mut().is_some_and(|clearance| clearance.poll_revoked(cx).is_ready())
}
