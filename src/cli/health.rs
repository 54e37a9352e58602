//! `consentry health`: asks a running gateway whether it answers, for a container's health check.
//!
//! It reads the configuration and asks at the operator's door. Unlike other commands it never opens the state itself:
//! where no gateway runs, that is the answer.

use std::{io, path::PathBuf, time::Duration};

use axum::body::Body;
use clap::Args;
use http::{Request, header};
use http_body_util::BodyExt as _;
use tokio::net::{TcpStream, UnixStream};

use super::{operator::send, print};
use crate::app::{AppError, Door, Settings};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Clone, Debug, Args)]
pub(super) struct HealthArgs {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Ask whether it can do its work, not only whether it answers.
    #[arg(long)]
    ready: bool,
}

pub(super) fn run(args: &HealthArgs) -> Result<bool, AppError> {
    let settings = Settings::read(&args.config)?;
    let door = settings.operator.door(&settings.store.dir);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| AppError::Machine { doing: "starting a runtime", source })?;
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&door, path)).await });
    let late = |_| Err(io::ErrorKind::TimedOut.into());
    let gone = |source| AppError::Door { place: door.to_string(), source };
    let (well, said) = asked.unwrap_or_else(late).map_err(gone)?;
    print::line(&said);
    Ok(well)
}

async fn ask(door: &Door, path: &str) -> io::Result<(bool, String)> {
    let request = Request::get(path).header(header::HOST, "operator").body(Body::empty());
    let request = request.map_err(io::Error::other)?;
    let answer = match door {
        Door::Unix(path) => send(UnixStream::connect(path).await?, request).await,
        Door::Tcp(address) => send(TcpStream::connect(address).await?, request).await,
    };
    let (head, body) = answer.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok((head.status.is_success(), String::from_utf8_lossy(&body).into_owned()))
}
