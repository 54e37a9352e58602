//! One connection to a model.
//!
//! It has no task of its own: the call that uses it drives it, and between calls it rests. So dropping a call closes
//! its connection in the same instant, nothing is woken twice, and each step of writing is looked at before the next.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, SendRequest},
};
use tokio::net::TcpStream;

use super::{
    Endpoint, is_revoked,
    watch::{Content, Progress, Slot, Watched},
};
use crate::upstream::{
    fault::{Unsent, UpstreamFault},
    model::Clearance,
    wire::Expects,
};

#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<Content>,
    driver: Driver,
    slot: Slot,
}

/// hyper's half that reads and writes; gone once the connection is over.
#[derive(Debug)]
struct Driver(Option<Connection<Watched, Content>>);

impl Link {
    pub(super) async fn connect(endpoint: &Endpoint) -> Result<Self, UpstreamFault> {
        let stream =
            TcpStream::connect(endpoint.address()).await.map_err(|_| UpstreamFault::Connect)?;
        // A call is one write, so waiting to fill a packet only delays it.
        stream.set_nodelay(true).map_err(|_| UpstreamFault::Connect)?;
        let slot = Slot::default();
        let watched = Watched::new(stream, Arc::clone(&slot));
        let (sender, connection) =
            http1::handshake(watched).await.map_err(|_| UpstreamFault::Connect)?;
        Ok(Self { sender, driver: Driver(Some(connection)), slot })
    }

    /// Whether the connection lives, holds no byte that nobody asked for, and has written all of the last call: a
    /// model may answer before it has heard everything.
    pub(super) fn is_idle(&mut self, cx: &mut Context<'_>) -> bool {
        self.driver.drive(cx);
        self.driver.0.is_some() && self.sender.is_ready()
    }

    /// Writes one call and reads its answer, at most `most` bytes of it. The clearance is taken away, and so
    /// dropped, in the same step that writes the last byte. After a fault the connection must not be used again.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Content>,
        clearance: &mut Option<Box<dyn Clearance>>,
        progress: &Arc<Progress>,
        (most, expects): (usize, Expects),
    ) -> Result<Bytes, UpstreamFault> {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(progress));
        let mut head = pin!(self.sender.send_request(request));
        let mut answer: Option<Reading> = None;
        let driver = &mut self.driver;
        poll_fn(|cx| {
            loop {
                if is_revoked(clearance, cx) {
                    let cut = progress.touched();
                    let fault = if cut { UpstreamFault::Cut } else { UpstreamFault::Revoked };
                    return Poll::Ready(Err(fault));
                }
                driver.drive(cx);
                if progress.written() {
                    drop(clearance.take());
                }
                if let Some(answer) = &mut answer {
                    if answer.poll(cx)? {
                        return Poll::Ready(Ok(()));
                    }
                    // The first look asks hyper for the body, and what is taken makes room for more; so once more
                    // around, until only the socket can bring anything.
                    if !std::mem::take(&mut answer.moved) {
                        return Poll::Pending;
                    }
                } else {
                    let response = ready!(head.as_mut().poll(cx)).map_err(|_| {
                        if progress.touched() {
                            UpstreamFault::Closed
                        } else {
                            UpstreamFault::NotSent(Unsent::Closed)
                        }
                    })?;
                    answer = Some(Reading::of(response, most, expects)?);
                }
            }
        })
        .await?;
        Ok(answer.map(Reading::finish).unwrap_or_default())
    }
}

impl Driver {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if self.0.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            self.0 = None;
        }
    }
}

/// An answer being read.
struct Reading {
    body: Incoming,
    most: usize,
    first: Bytes,
    rest: BytesMut,
    moved: bool,
}

impl Reading {
    fn of(
        response: Response<Incoming>,
        most: usize,
        expects: Expects,
    ) -> Result<Self, UpstreamFault> {
        let status = response.status();
        if !expects.is_met_by(status.as_u16()) {
            return Err(UpstreamFault::Status(status.as_u16()));
        }
        let body = response.into_body();
        if body.size_hint().lower() > most as u64 {
            return Err(UpstreamFault::TooLarge);
        }
        Ok(Self { body, most, first: Bytes::new(), rest: BytesMut::new(), moved: true })
    }

    /// Takes what has arrived; whether that was all.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<bool, UpstreamFault> {
        loop {
            if self.body.is_end_stream() {
                return Ok(true);
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(false),
                // A body cut short of its announced length can end without an error of its own.
                Poll::Ready(None) if self.body.size_hint().lower() > 0 => {
                    return Err(UpstreamFault::Closed);
                }
                Poll::Ready(None) => return Ok(true),
                Poll::Ready(Some(Err(_))) => return Err(UpstreamFault::Closed),
                Poll::Ready(Some(Ok(frame))) => {
                    self.moved = true;
                    self.add(frame.into_data().unwrap_or_default())?;
                }
            }
        }
    }

    /// An answer of one piece is handed on as it is; only a second piece makes a copy.
    fn add(&mut self, piece: Bytes) -> Result<(), UpstreamFault> {
        let sum = self.first.len() + self.rest.len() + piece.len();
        if sum > self.most {
            return Err(UpstreamFault::TooLarge);
        }
        if sum == piece.len() {
            self.first = piece;
            return Ok(());
        }
        if self.rest.is_empty() {
            let expected = usize::try_from(self.body.size_hint().lower()).unwrap_or(0);
            self.rest.reserve(sum + expected);
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&piece);
        Ok(())
    }

    fn finish(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}
