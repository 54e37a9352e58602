//! The public front: what stands between a socket and the router.
//!
//! Promises: no client takes more room or time than `[server]` allows, whatever it sends or leaves out: connections,
//! calls under way, heads and waits are all bounded; who is turned away is told so in words of HTTP where that can be
//! done; a stop lets calls under way end.
//!
//! It knows nothing of what is asked: sizes of bodies, tokens and rates are the edge's (`http`).
//!
//! Start with [`Front::open`] and `accept`; `pace` is how waits are bounded without a timer a call.

mod accept;
mod call;
mod io;
mod load;
mod pace;
mod refuse;
mod rest;
mod tls;

use std::{sync::Arc, time::Duration};

use hyper::server::conn::http1;

use self::{load::Seats, pace::Patience, refuse::Refusals, tls::Tls};
use super::{AppError, ServerSettings};

/// How many headers a call may have when the HTTP library is not asked: asking costs an allocation a call.
const STANDARD_HEADERS: usize = 100;

/// One front for all threads. A clone is one more reference.
#[derive(Clone, Debug)]
pub(super) struct Front {
    seats: Arc<Seats>,
    seats_per_worker: usize,
    calls_per_worker: usize,
    patience: Patience,
    tls: Option<Arc<Tls>>,
    refusals: Arc<Refusals>,
    /// How connections are spoken to, and how those that come while the gateway is leaving are: with one answer.
    http: Arc<http1::Builder>,
    last: Arc<http1::Builder>,
    notice: Duration,
    drain: Duration,
}

impl Front {
    /// The front that `settings` describe, for `workers` threads.
    ///
    /// # Errors
    /// When a limit cannot be kept to, or certificate or key cannot be used.
    pub(super) fn open(settings: &ServerSettings, workers: usize) -> Result<Self, AppError> {
        settings.check()?;
        let mut http = http1::Builder::new();
        // `pace` bounds waits: it tells a rest between calls from a slow head, which one timer cannot.
        // No `pipeline_flush`: with it, the answer to a head that cannot be read is never sent.
        http.header_read_timeout(None).max_buf_size(settings.head_bytes);
        if settings.headers != STANDARD_HEADERS {
            http.max_headers(settings.headers);
        }
        let mut last = http.clone();
        last.keep_alive(false);
        Ok(Self {
            seats: Arc::new(Seats::new(settings.connections)),
            seats_per_worker: settings.connections_of(workers),
            calls_per_worker: settings.calls_per_worker,
            patience: Patience {
                head: Duration::from_millis(settings.head_ms),
                idle: Duration::from_millis(settings.idle_ms),
                deadline: Duration::from_millis(settings.deadline_ms),
            },
            tls: settings.tls.as_ref().map(Tls::open).transpose()?.map(Arc::new),
            refusals: Arc::new(Refusals::new()),
            http: Arc::new(http),
            last: Arc::new(last),
            notice: Duration::from_millis(settings.notice_ms),
            drain: Duration::from_millis(settings.drain_ms),
        })
    }

    /// Takes up certificate and key anew if their files have changed. A pair that cannot be used is logged, and the one
    /// in use goes on. Reads the disk.
    pub(super) fn renew_certificate(&self) {
        if let Some(tls) = &self.tls {
            tls.renew();
        }
    }
}
