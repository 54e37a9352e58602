//! The way of a command to the gateway that it operates: over the operator's door where a server runs, else in this
//! process, with the data folder's lock held. Either way the command is one call of the operator's routes.

use std::{
    fs, io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    runtime::Runtime,
};
use tower::ServiceExt as _;

use crate::{
    app::{App, AppError, Door, Machine, Settings},
    http::operator_router,
    store::Lane,
};

/// Which gateway a command operates, and as whom.
#[derive(Clone, Debug, Args)]
pub(super) struct OperatorArgs {
    /// The configuration file.
    #[arg(long)]
    pub(super) config: PathBuf,
    /// A file with a token of the scope `operate`, for a door that is an address.
    #[arg(long)]
    pub(super) token_file: Option<PathBuf>,
}

/// A gateway, running elsewhere or at rest and opened here.
pub(super) struct Gateway {
    runtime: Runtime,
    way: Way,
}

enum Way {
    Running { door: Door, token: Option<String> },
    Here { app: Box<App>, router: Router },
}

impl Gateway {
    /// Reaches the gateway that the configuration describes.
    ///
    /// # Errors
    /// When a server may run and cannot be reached, or when none runs and the state does not open.
    pub(super) fn reach(args: &OperatorArgs) -> Result<Self, AppError> {
        let settings = Settings::read(&args.config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| AppError::Machine { doing: "starting a runtime", source })?;
        let door = settings.operator.door(&settings.store.dir);
        let token = match &args.token_file {
            Some(path) => Some(token(path)?),
            None => None,
        };
        let way = if runtime.block_on(is_open(&door))? {
            Way::Running { door, token }
        } else {
            // The lock of the data folder decides: if a server runs that cannot be reached, this fails and says so.
            let app = App::open(settings, Machine::real(), super::read)?;
            let (lane, driver) = Lane::new();
            runtime.spawn(driver);
            let edge = app.operator_edge(app.controls(lane)).for_owner();
            Way::Here { app: Box::new(app), router: operator_router(edge) }
        };
        Ok(Self { runtime, way })
    }

    /// Whether a server runs; else what is done is done in this process.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.way, Way::Running { .. })
    }

    /// Makes one call and returns the JSON it is answered with.
    ///
    /// # Errors
    /// [`AppError::Refused`] with what the answer's problem says; [`AppError::Door`] when the server is gone.
    pub(super) fn call(
        &self,
        method: http::Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, AppError> {
        match body {
            Some(body) => self.call_with(method, path, "application/json", body.to_string().into()),
            None => self.answer(Request::builder().method(method).uri(path).body(Body::empty())),
        }
    }

    /// Makes one call whose body is `bytes` of the type `media`, and returns the JSON it is answered with.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub(super) fn call_with(
        &self,
        method: http::Method,
        path: &str,
        media: &str,
        bytes: Bytes,
    ) -> Result<Value, AppError> {
        let request = Request::builder().method(method).uri(path);
        self.answer(request.header(header::CONTENT_TYPE, media).body(Body::from(bytes)))
    }

    /// Makes one call that is answered in lines of JSON, and shows `each` of them as it comes.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub(super) fn lines(
        &self,
        path: &str,
        body: &Value,
        mut each: impl FnMut(Value),
    ) -> Result<(), AppError> {
        let request = Request::builder().method(http::Method::POST).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string()));
        let request = request.map_err(|error| AppError::Refused(error.to_string()))?;
        self.runtime.block_on(async {
            let (head, mut body) = self.exchange(request).await?.into_parts();
            if !head.status.is_success() {
                return told(head.status, &self.whole(body).await?).map(drop);
            }
            let mut kept = Vec::new();
            while let Some(frame) = body.frame().await {
                kept.extend_from_slice(&frame.map_err(broken)?.into_data().unwrap_or_default());
                while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = kept.drain(..=end).collect();
                    each(serde_json::from_slice(&line).unwrap_or_default());
                }
            }
            Ok(())
        })
    }

    fn answer(&self, request: http::Result<Request<Body>>) -> Result<Value, AppError> {
        let request = request.map_err(|error| AppError::Refused(error.to_string()))?;
        let (status, bytes) = self.runtime.block_on(async {
            let (head, body) = self.exchange(request).await?.into_parts();
            Ok::<_, AppError>((head.status, self.whole(body).await?))
        })?;
        told(status, &bytes)
    }

    /// Makes one call whose body, and whose answer's, may be streams.
    ///
    /// # Errors
    /// [`AppError::Door`] when the server is gone.
    async fn exchange(&self, mut request: Request<Body>) -> Result<Response<Body>, AppError> {
        match &self.way {
            Way::Here { router, .. } => {
                router.clone().oneshot(request).await.map_err(|never| match never {})
            }
            Way::Running { door, token } => {
                let headers = request.headers_mut();
                headers.insert(header::HOST, header::HeaderValue::from_static("operator"));
                if let Some(token) = token {
                    let value = header::HeaderValue::try_from(format!("Bearer {token}"));
                    let unreadable = |_| AppError::Refused("the token is not one line".to_owned());
                    headers.insert(header::AUTHORIZATION, value.map_err(unreadable)?);
                }
                let gone = |source| AppError::Door { place: door.to_string(), source };
                match door {
                    Door::Unix(path) => {
                        send(UnixStream::connect(path).await.map_err(gone)?, request).await
                    }
                    Door::Tcp(address) => {
                        send(TcpStream::connect(address).await.map_err(gone)?, request).await
                    }
                }
                .map_err(|error| gone(io::Error::other(error)))
            }
        }
    }

    async fn whole(&self, body: Body) -> Result<Bytes, AppError> {
        Ok(body.collect().await.map_err(broken)?.to_bytes())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Way::Here { app, .. } = &self.way {
            app.close();
        }
    }
}

fn broken(error: axum::Error) -> AppError {
    AppError::Machine { doing: "reading the gateway's answer", source: io::Error::other(error) }
}

/// Makes one call over a connection of its own.
pub(super) async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Response<Body>, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(Body::new))
}

/// Whether somebody listens at `door`. A socket that nobody listens at, and an address that refuses, are a gateway at
/// rest; anything else is a failure, so that nobody takes a gateway for one that is only out of reach.
async fn is_open(door: &Door) -> Result<bool, AppError> {
    let tried = match door {
        Door::Unix(path) => match fs::symlink_metadata(path) {
            Ok(there) if !there.file_type().is_socket() => Err(io::ErrorKind::NotFound.into()),
            _ => UnixStream::connect(path).await.map(drop),
        },
        Door::Tcp(address) => TcpStream::connect(address).await.map(drop),
    };
    match tried {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(false)
        }
        Err(source) => Err(AppError::Door { place: door.to_string(), source }),
    }
}

fn token(path: &Path) -> Result<String, AppError> {
    let text = fs::read_to_string(path)
        .map_err(|source| AppError::Read { path: path.to_owned(), source })?;
    Ok(text.trim().to_owned())
}

/// The answer's JSON, or what its problem says.
fn told(status: StatusCode, bytes: &[u8]) -> Result<Value, AppError> {
    let json: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if status.is_success() {
        return Ok(json);
    }
    let text = |member: &str| json.get(member).and_then(Value::as_str).unwrap_or_default();
    Err(AppError::Refused(match text("title") {
        "" => format!("the gateway answered {status}"),
        title => format!("{title}: {}", text("detail")),
    }))
}
