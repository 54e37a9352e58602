//! Listens at the operator's door, on a thread of its own: nothing an operator does makes a recommendation wait.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    runtime,
    sync::watch,
    task::JoinSet,
};

use super::{App, AppError, Door};
use crate::{http::operator_router, store::Lane};

/// How long an operator's client may take to send a call's head.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// How long calls under way may go on after a stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// A door that is open, with nobody behind it yet.
#[derive(Debug)]
pub(super) struct Listening {
    place: Door,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    /// A Unix socket, and the user who owns it: we.
    Unix(std::os::unix::net::UnixListener, u32),
    Tcp(std::net::TcpListener),
}

/// The doors of one router: for the owner of the data folder, and for bearers of tokens.
#[derive(Clone)]
struct Doors {
    owner: Router,
    bearer: Router,
}

impl Listening {
    /// Opens the door at `door`. A socket that a dead process left is replaced. Port 0 takes a free one.
    ///
    /// # Errors
    /// When another process listens there, a file is in the way, or the place cannot be had.
    pub(super) fn at(door: &Door) -> Result<Self, AppError> {
        let failed = |source| AppError::Door { place: door.to_string(), source };
        match door {
            Door::Unix(path) => {
                let (listener, owner) = listen(path).map_err(failed)?;
                Ok(Self { place: door.clone(), socket: Socket::Unix(listener, owner) })
            }
            Door::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                let place = Door::Tcp(listener.local_addr().map_err(failed)?);
                Ok(Self { place, socket: Socket::Tcp(listener) })
            }
        }
    }

    /// Where it is.
    pub(super) fn place(&self) -> &Door {
        &self.place
    }

    /// Answers operators until `stopped`, then takes the socket away.
    pub(super) fn answer(self, app: &App, stopped: watch::Receiver<bool>) {
        let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
            tracing::error!("the operator's door got no runtime and answers nothing");
            return;
        };
        runtime.block_on(async {
            let (lane, driver) = Lane::new();
            tokio::spawn(driver);
            let edge = app.operator_edge(app.controls(lane));
            let doors =
                Doors { owner: operator_router(edge.for_owner()), bearer: operator_router(edge) };
            if let Err(error) = accept(self.socket, doors, stopped).await {
                tracing::error!(error.message = %error, "the operator's door cannot listen");
            }
        });
        if let Door::Unix(path) = &self.place {
            // Whoever starts next replaces what is left.
            let _ = fs::remove_file(path);
        }
    }
}

async fn accept(
    socket: Socket,
    doors: Doors,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let socket = socket.on_this_runtime()?;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let http = Arc::new(http);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept(&doors) => match accepted {
                Ok((stream, router)) => {
                    connections.spawn(serve(stream, http.clone(), router, stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(error.message = %error, "an operator's connection was not accepted");
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(socket);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN_WITHIN, drained).await;
    Ok(())
}

/// Answers the calls of one connection until it ends or the gateway stops.
async fn serve(
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

/// A socket on the runtime of the operator's thread.
enum Accepting {
    Unix(UnixListener, u32),
    Tcp(TcpListener),
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Socket {
    fn on_this_runtime(self) -> io::Result<Accepting> {
        Ok(match self {
            Self::Unix(listener, owner) => {
                Accepting::Unix(UnixListener::from_std(listener)?, owner)
            }
            Self::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener)?),
        })
    }
}

impl Accepting {
    /// The next connection, and the router that knows who is behind it.
    async fn accept(&self, doors: &Doors) -> io::Result<(Box<dyn Stream>, Router)> {
        match self {
            Self::Unix(listener, owner) => {
                let (stream, _) = listener.accept().await?;
                // The mode of the socket keeps others out; this holds also before the mode is set, and where a system
                // does not heed it.
                let peer = stream.peer_cred().map(|peer| peer.uid());
                let known = peer.is_ok_and(|uid| uid == *owner || uid == 0);
                let router = if known { &doors.owner } else { &doors.bearer };
                Ok((Box::new(stream), router.clone()))
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), doors.bearer.clone()))
            }
        }
    }
}

/// A socket at `path` that its owner alone may connect to, and who that is.
fn listen(path: &Path) -> io::Result<(std::os::unix::net::UnixListener, u32)> {
    if let Ok(there) = fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            let text = "a file that is no socket is in the way";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        if UnixStream::connect(path).is_ok() {
            let text = "another process listens there";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        fs::remove_file(path)?;
    }
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    let owner = fs::symlink_metadata(path)?.uid();
    Ok((listener, owner))
}
