//! The witness that an auditor's office runs: `POST /add-checkpoint` and `GET /healthz`, on a port of its own.

use std::{net::SocketAddr, path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::{runtime, sync::watch};
use zeroize::Zeroizing;

use crate::{
    ambient::{Entropy, create_secret, private_dir, read_secret},
    app::{
        AppError, Machine, WitnessConfig,
        front::Front,
        serve::{failed, listen_first, renew_certificates, spawn},
    },
    tlog::{NoteSigner, VerifierKey, is_key_name},
    witness::{Answer, Witness, WitnessError, read_key, write_key},
};

/// The key's file and the state's folder, in the witness's folder.
const KEY: &str = "witness.key";
const STATE: &str = "state";

/// How many requests may wait for the disk, and for one another, at the same time.
const AT_ONCE: usize = 16;

/// Makes the folder of a new witness, with a fresh key; the key that verifies its cosignatures.
///
/// # Errors
/// When there is a key already, the name holds a space or a plus, or the disk fails.
pub fn init_witness(dir: &Path, name: &str, entropy: &Entropy) -> Result<VerifierKey, AppError> {
    let path = dir.join(KEY);
    if !is_key_name(name) {
        let rule = "--name: a witness's name must not be empty, and holds no space and no '+'";
        return Err(AppError::Settings(rule.to_owned()));
    }
    let seed = Zeroizing::new(entropy.draw::<32>()?);
    let made = write_key(name, &seed);
    let (signer, text) = made.map_err(|source| WitnessError::Key { path: path.clone(), source })?;
    let io = |source| WitnessError::Io { path: path.clone(), source };
    private_dir(dir).map_err(io)?;
    match create_secret(&path, text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(AppError::Exists(path))
        }
        written => {
            written.map_err(io)?;
            Ok(signer.verifier().clone())
        }
    }
}

/// A running witness.
#[derive(Debug)]
pub struct WitnessServer {
    address: SocketAddr,
    key: VerifierKey,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// What answers requests.
#[derive(Clone)]
struct Desk {
    witness: Arc<Witness>,
    most: usize,
    within: Duration,
}

impl WitnessServer {
    /// Starts the witness that `config` describes. Port 0 takes a free one.
    ///
    /// # Errors
    /// When there is no key, the state cannot be used or is in use, or the address is taken.
    pub fn start(config: &WitnessConfig, machine: &Machine) -> Result<Self, AppError> {
        if config.server.workers.is_some_and(|workers| workers != 1) {
            return Err(AppError::Settings(
                "[server] a witness has one thread: workers".to_owned(),
            ));
        }
        let signer = signer(&config.data.join(KEY))?;
        let (key, state) = (signer.verifier().clone(), config.data.join(STATE));
        let (fs, clock) = (machine.fs.clone(), machine.clock.clone());
        let witness = Witness::open(fs, &state, clock, signer, config.log.clone())?;
        let front = Front::open(&config.server, 1)?;
        let listener = listen_first(config.server.listen)?;
        let address = listener.local_addr().map_err(failed("listening"))?;
        let (stop, stopped) = watch::channel(false);
        let desk = Desk {
            witness: Arc::new(witness),
            most: config.server.body_bytes,
            within: config.server.body_within(),
        };
        let thread = spawn("witness", move || answer(desk, &front, listener, stopped))?;
        Ok(Self { address, key, stop, thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What verifies its cosignatures.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Takes no more requests and ends those under way.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        // A thread that panicked has nothing left to end.
        let _ = self.thread.join();
    }
}

fn signer(path: &Path) -> Result<NoteSigner, WitnessError> {
    let read = read_secret(path).and_then(|key| key.ok_or(std::io::ErrorKind::NotFound.into()));
    let key = read.map_err(|source| WitnessError::Io { path: path.to_owned(), source })?;
    let text = std::str::from_utf8(&key).unwrap_or_default();
    read_key(text).map_err(|source| WitnessError::Key { path: path.to_owned(), source })
}

fn answer(
    desk: Desk,
    front: &Front,
    listener: std::net::TcpListener,
    stopped: watch::Receiver<bool>,
) {
    let mut runtime = runtime::Builder::new_current_thread();
    let Ok(runtime) = runtime.enable_all().max_blocking_threads(AT_ONCE).build() else {
        tracing::error!("the witness got no runtime and answers nothing");
        return;
    };
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(error.message = %error, "the witness cannot listen");
                return;
            }
        };
        tokio::select! {
            () = front.clone().accept(listener, router(desk), stopped) => {}
            () = renew_certificates(front) => {}
        }
    });
}

fn router(desk: Desk) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/healthz", get(async || "ok\n"))
        .with_state(desk)
}

async fn add_checkpoint(State(desk): State<Desk>, body: Body) -> Response {
    let read = tokio::time::timeout(desk.within, Limited::new(body, desk.most).collect()).await;
    let body = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return said(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n");
        }
        Ok(Err(_)) => return said(StatusCode::BAD_REQUEST, "the body was cut off\n"),
        Err(_) => return said(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
    };
    // Even if the client goes away, what was begun comes to its end.
    let decided = tokio::task::spawn_blocking(move || desk.witness.add_checkpoint(&body)).await;
    match decided {
        Ok(Ok(answer)) => written(&answer),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(
                error.message = %error,
                error.cause = cause.unwrap_or_default(),
                "a checkpoint was not cosigned: its record could not be made durable"
            );
            said(StatusCode::INTERNAL_SERVER_ERROR, "nothing was cosigned\n")
        }
        Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "nothing was cosigned\n"),
    }
}

fn written(answer: &Answer) -> Response {
    tracing::debug!(witness.answer = answer.word(), "a checkpoint was looked at");
    let status = StatusCode::from_u16(answer.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, answer.media_type())], answer.body()).into_response()
}

fn said(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}
