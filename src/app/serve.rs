//! Answers calls: one thread a processor, each with its own listener, runtime and connections, so that a call is
//! answered on the thread that read it.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    thread::JoinHandle,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{App, AppError, Chores, Door, door::Listening, front::Front, policy::purposes_named};
use crate::{gateway::Gateway, http::Routes, store::Lane};

/// How often the certificate's files are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(60);

/// How many connections may wait to be taken up by a thread.
const BACKLOG: i32 = 1024;

/// A running gateway.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    front: Front,
    door: Door,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    app: App,
}

impl Server {
    /// Starts answering calls and doing chores. Port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken, or a thread or runtime cannot be had.
    pub fn start(app: App) -> Result<Self, AppError> {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = app.settings.server.workers.unwrap_or(processors).max(1);
        let front = Front::open(&app.settings.server, workers)?;
        say_what_is_unknown(&app);
        let first = listen_first(app.settings.server.listen)?;
        let address = first.local_addr().map_err(failed("listening"))?;
        let door = Listening::at(&app.settings.operator.door(&app.settings.store.dir))?;
        let place = door.place().clone();
        let (stop, stopped) = watch::channel(false);
        let mut listeners = vec![first];
        for _ in 1..workers {
            listeners.push(listen(address)?);
        }
        let mut threads = Vec::new();
        for listener in listeners {
            let (app, front, stopped) = (app.clone(), front.clone(), stopped.clone());
            threads.push(spawn("worker", move || answer(&app, front, listener, stopped))?);
        }
        let (operated, going) = (app.clone(), stopped.clone());
        threads.push(spawn("operator", move || door.answer(&operated, going))?);
        let (chores, renewed) = (app.clone(), front.clone());
        let going = stopped.clone();
        threads.push(spawn("chores", move || do_chores(chores, &renewed, stopped))?);
        let (gateway, most) = (app.gateway.clone(), app.settings.store.people_in_memory);
        threads.push(spawn("warm-up", move || warm_up(&gateway, most, &going))?);
        Ok(Self { address, front, door: place, stop, threads, app })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator's door is.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What it answers with.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Takes up certificate and key anew if their files have changed, as a SIGHUP does.
    pub fn renew_certificate(&self) {
        self.front.renew_certificate();
    }

    /// Says that it is not ready any more, takes no more calls, ends those under way, and leaves everything
    /// acknowledged on the disk.
    pub fn stop(self) {
        self.app.observer.drain();
        let _ = self.stop.send(true);
        for thread in self.threads {
            // A thread that panicked has nothing left to end.
            let _ = thread.join();
        }
        self.app.observer.flush();
        self.app.close();
    }
}

/// Purposes that the configuration names and the policy in force does not have: mistyped, or of a policy that is still to be
/// applied.
fn say_what_is_unknown(app: &App) {
    let bundle = app.policies.snapshot();
    for (place, purpose) in purposes_named(&app.settings) {
        if bundle.catalogue().purpose(bundle.renamed(&purpose)).is_none() {
            tracing::warn!(
                config.place = %place, purpose.id = %purpose,
                "the configuration names a purpose that the policy in force does not have"
            );
        }
    }
}

pub(super) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, AppError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(failed("starting a thread"))
}

fn answer(app: &App, front: Front, listener: TcpListener, stopped: watch::Receiver<bool>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        tracing::error!("a worker got no runtime and answers nothing");
        return;
    };
    runtime.block_on(async {
        let (lane, driver) = Lane::new();
        tokio::spawn(driver);
        let routes = Routes::new(app.edge(lane));
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => front.accept(listener, routes, stopped).await,
            Err(error) => tracing::error!(error.message = %error, "a worker cannot listen"),
        }
    });
}

fn do_chores(app: App, front: &Front, mut stopped: watch::Receiver<bool>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        tracing::error!("there is no runtime for chores");
        return;
    };
    runtime.block_on(async {
        tokio::select! {
            () = Chores::new(app).run() => {}
            () = renew_certificates(front) => {}
            _ = stopped.changed() => {}
        }
    });
}

/// Looks at the certificate's files every minute, and at once on a SIGHUP.
pub(super) async fn renew_certificates(front: &Front) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut ticks = tokio::time::interval(RENEW_EVERY);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hangup(hangups.as_mut()) => {}
        }
        front.renew_certificate();
    }
}

async fn hangup(hangups: Option<&mut Signal>) {
    let heard = match hangups {
        Some(hangups) => hangups.recv().await,
        None => None,
    };
    if heard.is_none() {
        // No more will come: the minutes go on.
        std::future::pending::<()>().await;
    }
}

/// Reads people into memory before they are asked for, so that the first calls after a start are as quick as later ones.
/// Nothing depends on it.
fn warm_up(gateway: &Gateway, most: usize, stopped: &watch::Receiver<bool>) {
    match gateway.warm_up(most, || !*stopped.borrow()) {
        Ok(people) => tracing::info!(people.count = people, "people are in memory"),
        Err(error) => {
            tracing::warn!(error.message = %error, "people could not be read into memory");
        }
    }
}

/// The listener of the first thread. Fails when another process listens there: it would else share its calls with this
/// one, each with people of its own.
pub(super) fn listen_first(address: SocketAddr) -> Result<TcpListener, AppError> {
    drop(bound(address, false)?);
    listen(address)
}

/// A listener that shares its port with the other threads': the kernel spreads connections over them.
fn listen(address: SocketAddr) -> Result<TcpListener, AppError> {
    let socket = bound(address, true)?;
    let listens = socket.set_nonblocking(true).and_then(|()| socket.listen(BACKLOG));
    listens.map_err(|source| AppError::Listening { address, source })?;
    Ok(socket.into())
}

fn bound(address: SocketAddr, shared: bool) -> Result<Socket, AppError> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    bound().map_err(|source| AppError::Listening { address, source })
}

pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> AppError {
    move |source| AppError::Machine { doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_another_listens_on_is_not_shared_with_it() {
        let first = listen_first(([127, 0, 0, 1], 0).into()).unwrap();
        let address = first.local_addr().unwrap();
        let second = listen(address).unwrap();
        let taken = listen_first(address).unwrap_err();
        assert!(
            matches!(&taken, AppError::Listening { source, .. } if source.kind() == io::ErrorKind::AddrInUse),
            "{taken:?}"
        );
        drop((first, second));
        assert!(listen_first(address).is_ok());
    }
}
