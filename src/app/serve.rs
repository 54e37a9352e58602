//! Answers calls: one thread a processor, each with its own listener, runtime and connections, so that a call is
//! answered on the thread that read it.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime,
    sync::watch,
    task::JoinSet,
};

use super::{App, AppError, Chores, Door, door::Listening};
use crate::{gateway::Gateway, http::router, store::Lane};

/// How long a client may take to send a call's head, and how long a connection may rest between two calls: as long as
/// nginx's by default, so that a client's pool that suits nginx suits us.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// How long calls under way may go on after a stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// How many connections may wait to be taken up by a thread.
const BACKLOG: i32 = 1024;

/// A running gateway.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
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
        let first = listen(app.settings.server.listen).map_err(failed("listening"))?;
        let address = first.local_addr().map_err(failed("listening"))?;
        let door = Listening::at(&app.settings.operator.door(&app.settings.store.dir))?;
        let place = door.place().clone();
        let (stop, stopped) = watch::channel(false);
        let mut listeners = vec![first];
        for _ in 1..workers {
            listeners.push(listen(address).map_err(failed("listening"))?);
        }
        let mut threads = Vec::new();
        for listener in listeners {
            let (app, stopped) = (app.clone(), stopped.clone());
            threads.push(spawn("worker", move || answer(&app, listener, stopped))?);
        }
        let (operated, going) = (app.clone(), stopped.clone());
        threads.push(spawn("operator", move || door.answer(&operated, going))?);
        let chores = app.clone();
        let going = stopped.clone();
        threads.push(spawn("chores", move || do_chores(chores, stopped))?);
        let (gateway, most) = (app.gateway.clone(), app.settings.store.people_in_memory);
        threads.push(spawn("warm-up", move || warm_up(&gateway, most, &going))?);
        Ok(Self { address, door: place, stop, threads, app })
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

    /// Takes no more calls, ends those under way, and leaves everything acknowledged on the disk.
    pub fn stop(self) {
        self.app.observer.drain();
        let _ = self.stop.send(true);
        for thread in self.threads {
            // A thread that panicked has nothing left to end.
            let _ = thread.join();
        }
        self.app.observer.flush();
        self.app.store.close();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AppError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(failed("starting a thread"))
}

fn answer(app: &App, listener: TcpListener, stopped: watch::Receiver<bool>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        tracing::error!("a worker got no runtime and answers nothing");
        return;
    };
    runtime.block_on(async {
        let (lane, driver) = Lane::new();
        tokio::spawn(driver);
        let router = router(app.edge(lane));
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => accept(listener, router, stopped).await,
            Err(error) => tracing::error!(error.message = %error, "a worker cannot listen"),
        }
    });
}

async fn accept(
    listener: tokio::net::TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let http = protocol();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(serve(stream, http.clone(), router.clone(), stopped.clone()));
                }
                // Out of files or a client that is gone: the next one may fare better.
                Err(error) => tracing::warn!(error.message = %error, "a connection was not accepted"),
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    drain(connections).await;
}

/// What every connection speaks.
pub(super) fn protocol() -> Arc<http1::Builder> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).pipeline_flush(true);
    Arc::new(http)
}

/// Waits for calls under way, for a while.
pub(super) async fn drain(mut connections: JoinSet<()>) {
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN_WITHIN, drained).await;
}

/// Answers the calls of one connection until it ends or the gateway stops.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    http: Arc<http1::Builder>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A client that breaks off harms nobody but itself.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn do_chores(app: App, mut stopped: watch::Receiver<bool>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        tracing::error!("there is no runtime for chores");
        return;
    };
    runtime.block_on(async {
        tokio::select! {
            () = Chores::new(app).run() => {}
            _ = stopped.changed() => {}
        }
    });
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

/// A listener that shares its port with the other threads': the kernel spreads connections over them.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> AppError {
    move |source| AppError::Machine { doing, source }
}
