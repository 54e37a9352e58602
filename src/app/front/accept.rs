//! Takes up connections on one thread, and lets them end.

use std::{future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Front,
    call::{Calls, Routes},
    io::Paced,
    load::{Load, Seat},
    pace::{Pace, Verdict},
    refuse::Refusal,
    tls::Shaken,
};

/// How long nothing is taken up after the machine had no room for one more connection: trying at once would only burn
/// the processor that others need to end theirs.
const BREATH: Duration = Duration::from_millis(50);

/// What each connection of one thread is served with.
#[derive(Clone)]
struct Worker<R> {
    front: Front,
    routes: R,
    load: Arc<Load>,
    stopped: watch::Receiver<bool>,
}

impl Front {
    /// Takes up connections until `stopped` says so, and then lets calls under way end.
    pub(in crate::app) async fn accept<R: Routes>(
        self,
        listener: TcpListener,
        routes: R,
        stopped: watch::Receiver<bool>,
    ) {
        let load = Arc::new(Load::new(self.calls_per_worker));
        let worker = Worker { front: self, routes, load, stopped: stopped.clone() };
        let mut connections = JoinSet::new();
        worker.take_up(&listener, &mut connections, has_stopped(stopped)).await;
        if !worker.front.notice.is_zero() {
            let notice = sleep(worker.front.notice);
            worker.take_up(&listener, &mut connections, notice).await;
        }
        worker.take_up_waiting(&listener, &mut connections).await;
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        // What is left after that is dropped with the set.
        if tokio::time::timeout(worker.front.drain, drained).await.is_err() {
            tracing::warn!("calls under way were cut off: they took longer than drain_ms");
        }
    }
}

/// Ends once the gateway stops. A channel wakes those who wait one after the other, so whoever is polled for a reason of
/// its own before its turn looks for itself: its answer may be the last.
async fn has_stopped(stopped: watch::Receiver<bool>) {
    let mut waiting = stopped.clone();
    let mut woken = pin!(waiting.wait_for(|stopped| *stopped));
    poll_fn(|cx| match stopped.has_changed() {
        Ok(false) => woken.as_mut().poll(cx).map(drop),
        // Who would say so is gone: that is a stop too.
        Ok(true) | Err(_) => Poll::Ready(()),
    })
    .await;
}

impl<R: Routes> Worker<R> {
    /// Takes up connections until `end`.
    async fn take_up(
        &self,
        listener: &TcpListener,
        connections: &mut JoinSet<()>,
        end: impl Future<Output = ()>,
    ) {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.admit(stream, connections),
                    Err(error) => {
                        tracing::warn!(error.message = %error, "a connection was not accepted");
                        if !is_the_clients(&error) {
                            sleep(BREATH).await;
                        }
                    }
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                () = &mut end => return,
            }
        }
    }

    /// Takes up the connections that wait already: closing the listener would reset them.
    async fn take_up_waiting(&self, listener: &TcpListener, connections: &mut JoinSet<()>) {
        loop {
            let waiting = poll_fn(|cx| match listener.poll_accept(cx) {
                Poll::Ready(Ok((stream, _))) => Poll::Ready(Some(stream)),
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
            });
            match waiting.await {
                Some(stream) => self.admit(stream, connections),
                None => return,
            }
        }
    }

    /// Serves a connection, or turns it away when there are too many.
    fn admit(&self, stream: TcpStream, connections: &mut JoinSet<()>) {
        // Those that are being turned away stand in the set too, and are few.
        let room = connections.len() < self.front.seats_per_worker;
        let worker = self.clone();
        if let Some(seat) = room.then(|| self.front.seats.take()).flatten() {
            connections.spawn(worker.serve(stream, seat));
        } else if self.front.tls.is_none()
            && let Some(leave) = self.front.refusals.farewell()
        {
            connections.spawn(async move {
                worker.front.refusals.say(stream, Refusal::Overloaded).await;
                drop(leave);
            });
        }
        // Before a handshake there are no words to turn somebody away in.
    }

    async fn serve(self, stream: TcpStream, _seat: Seat) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.front.tls.clone() else { return self.converse(stream).await };
        match tls.shake(stream).await {
            Shaken::Tls(stream) => self.converse(stream).await,
            Shaken::Plain(stream) => self.front.refusals.say(stream, Refusal::PlainHttp).await,
            Shaken::Gone => {}
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self { front, routes, load, stopped } = self;
        let pace = Arc::new(Pace::new());
        let calls = Calls { routes, load, pace: pace.clone() };
        let service = service_fn(move |request| calls.clone().answer(request));
        let mut leaving = *stopped.borrow();
        let http: &http1::Builder = if leaving { &front.last } else { &front.http };
        let stream = TokioIo::new(Paced::new(stream, pace.clone()));
        let mut connection = pin!(http.serve_connection(stream, service));
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut stop = pin!(has_stopped(stopped));
        loop {
            tokio::select! {
                biased;
                // Before the connection, so that an answer that is ready by then says that it is the last.
                () = stop.as_mut(), if !leaving => {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
                // A client that breaks off harms nobody but itself.
                _ = connection.as_mut() => return,
                () = timer.as_mut() => match pace.verdict(&front.patience) {
                    Verdict::Later(then) => timer.as_mut().reset(then),
                    // The connection's next turn finds the call late and answers it.
                    Verdict::Late => timer.as_mut().reset(Instant::now() + BREATH),
                    Verdict::Over => return,
                },
            }
        }
    }
}

/// Whether a connection failed alone, and the next one may fare better at once.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering},
        },
        task::{Context, Wake, Waker},
    };

    use super::*;

    type Waiting = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Looks, when it is woken itself, whether another who waits has its turn or finds out without.
    struct Looks {
        other: Mutex<Waiting>,
        knew: AtomicBool,
    }

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let known =
                self.other.lock().unwrap().as_mut().poll(&mut Context::from_waker(Waker::noop()));
            self.knew.store(known.is_ready(), Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_is_polled_before_its_turn_knows_of_the_stop() {
        // Who is woken first is up to the channel: of so many, some are woken before those they look at.
        for _ in 0..256 {
            let (stop, stopped) = watch::channel(false);
            let mut other: Waiting = Box::pin(has_stopped(stopped.clone()));
            assert!(other.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let looks = Arc::new(Looks { other: Mutex::new(other), knew: AtomicBool::new(false) });
            let mut first: Waiting = Box::pin(has_stopped(stopped));
            let waker = Waker::from(looks.clone());
            assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            stop.send_replace(true);
            assert!(looks.knew.load(Ordering::Relaxed));
        }
    }
}
