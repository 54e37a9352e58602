//! The published log, for whoever verifies it: the paths of C2SP tlog-tiles, and one folder of them for each shard.

use axum::{
    body::Body,
    extract::{FromRequestParts as _, Path, Request, State, rejection::PathRejection},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Edge, Problem, ProblemKind,
    body::JSON,
    caller::By,
    openapi::{Refusals, Unlisted},
    reply,
};
use crate::{
    audit::{CHECKPOINT, COSIGNED, Folder, Shard},
    auth::Scope,
    tlog::{Files as _, Retention, Tile},
};

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
/// What never changes under its name.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// What changes every second.
const FRESH: &str = "no-cache";

/// The logs of a gateway.
#[derive(Serialize, ToSchema)]
pub(super) struct Shards {
    /// Oldest first; the last one grows.
    shards: Vec<ShardOf>,
}

/// One log of a gateway.
#[derive(Serialize, ToSchema)]
pub(super) struct ShardOf {
    /// Its name in paths: the half year it began in.
    #[schema(example = "2026h2")]
    name: String,
    /// The name that its checkpoints are signed under.
    #[schema(example = "gw-1.example/2026h2")]
    origin: String,
    /// What verifies its checkpoints (C2SP signed-note).
    #[schema(example = "gw-1.example/2026h2+2b4f3b1d+AXb0nd2m…")]
    vkey: String,
    /// The path that its files stand under.
    #[schema(example = "/log/shards/2026h2/")]
    path: String,
}

/// List the logs
///
/// A gateway begins a log each half year, and when its state was restored from a backup. Each verifies by itself; the first
/// row of a later one names where the one before was signed last.
#[utoipa::path(
    get,
    path = "/log/shards",
    operation_id = "list_logs",
    tag = "Log",
    responses((status = 200, description = "The logs", body = Shards), Refusals),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn shards(
    State(edge): State<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    let told = edge.log.shards().iter().map(|shard| told(&edge, shard)).collect::<Result<_, _>>();
    let mut response = reply::json(StatusCode::OK, &Shards { shards: told? });
    keep(&mut response, &edge, FRESH);
    Ok(response)
}

/// Read the checkpoint
///
/// What the live log says of itself, signed (C2SP tlog-checkpoint), with the signatures of witnesses as they come.
#[utoipa::path(
    get,
    path = "/log/checkpoint",
    operation_id = "read_checkpoint",
    tag = "Log",
    responses((status = 200, description = "The signed note", content_type = "text/plain; charset=utf-8"), Unlisted, Refusals),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn checkpoint(
    State(edge): State<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    of_live(&edge, File::Checkpoint(CHECKPOINT)).await
}

/// Read the last witnessed checkpoint
///
/// The newest checkpoint that a witness signed too; there is none where no witness is configured.
#[utoipa::path(
    get,
    path = "/log/checkpoint.cosigned",
    operation_id = "read_cosigned_checkpoint",
    tag = "Log",
    responses((status = 200, description = "The signed note", content_type = "text/plain; charset=utf-8"), Unlisted, Refusals),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn cosigned(
    State(edge): State<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    of_live(&edge, File::Checkpoint(COSIGNED)).await
}

/// Read how far rows may be gone
///
/// `minimum_index`: bundles of rows and tiles of level 0 that end at or before it are not published any more; the tiles above
/// stand for them. There is none while every row is published.
#[utoipa::path(
    get,
    path = "/log/retention",
    operation_id = "read_log_retention",
    tag = "Log",
    responses((status = 200, description = "The index", content_type = "application/json"), Unlisted, Refusals),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn retention(
    State(edge): State<Edge>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    of_live(&edge, File::Retention).await
}

/// Read a tile or a bundle of rows
///
/// `<level>/<number>` is a tile of hashes, `entries/<number>` a bundle of rows, both as C2SP tlog-tiles numbers them; `.p/<width>`
/// behind it is a partial one.
#[utoipa::path(
    get,
    path = "/log/tile/{path}",
    operation_id = "read_tile",
    tag = "Log",
    params(("path" = String, Path, description = "Which one", example = "0/000")),
    responses((status = 200, description = "The hashes or rows", content_type = "application/octet-stream"), Unlisted, Refusals),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn tile(
    State(edge): State<Edge>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    let path = path.map(|Path(path)| format!("tile/{path}")).map_err(|_| not_there())?;
    of_live(&edge, File::parse(&path)?).await
}

/// Read a vocabulary
///
/// The closed words of rows under one ruleset; the row that brings it into force commits to its SHA-256.
#[utoipa::path(
    get,
    path = "/log/vocabulary/{file}",
    operation_id = "read_vocabulary",
    tag = "Log",
    params(("file" = String, Path, description = "The ruleset, and `.json`", example = "9f86d081884c7d65.json")),
    responses((status = 200, description = "The words", content_type = "application/json"), Unlisted, Refusals),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn vocabulary(
    State(edge): State<Edge>,
    file: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    let path = file.map(|Path(file)| format!("vocabulary/{file}")).map_err(|_| not_there())?;
    of_live(&edge, File::parse(&path)?).await
}

/// Read a file of a log
///
/// The same files as of the live log, for each log there is: `checkpoint`, `tile/…`, `vocabulary/…`.
#[utoipa::path(
    get,
    path = "/log/shards/{name}/{path}",
    operation_id = "read_log_file",
    tag = "Log",
    params(
        ("name" = String, Path, description = "The log's name in the list", example = "2026h2"),
        ("path" = String, Path, description = "The file", example = "checkpoint")
    ),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/plain; charset=utf-8"), (String = "application/octet-stream"), (Object = "application/json")
        )),
        Unlisted, Refusals
    ),
    security((), ("bearer" = ["audit:read"]))
)]
pub(super) async fn of_shard(
    State(edge): State<Edge>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    allow(&edge, request).await?;
    let Path((name, path)) = path.map_err(|_| not_there())?;
    let shards = edge.log.shards();
    let shard = shards.iter().find(|shard| shard.name == name).ok_or_else(not_there)?;
    send(&edge, edge.log.folder(shard), File::parse(&path)?).await
}

/// Passes whoever may read the log.
async fn allow(edge: &Edge, request: Request) -> Result<(), Problem> {
    if !edge.log_is_public {
        let (mut parts, _) = request.into_parts();
        By::from_request_parts(&mut parts, edge).await?.0.require(Scope::AuditRead)?;
    }
    Ok(())
}

fn told(edge: &Edge, shard: &Shard) -> Result<ShardOf, Problem> {
    Ok(ShardOf {
        name: shard.name.clone(),
        origin: shard.origin.to_string(),
        vkey: edge.log.verifier(shard).map_err(|_| unreadable())?.to_string(),
        path: format!("/log/shards/{}/", shard.name),
    })
}

async fn of_live(edge: &Edge, file: File) -> Result<Response, Problem> {
    let shards = edge.log.shards();
    let live = shards.last().ok_or_else(not_there)?;
    send(edge, edge.log.folder(live), file).await
}

/// A file of a log, by a path that was read whole: nothing else can be asked of the disk.
enum File {
    Checkpoint(&'static str),
    Retention,
    Tile(Tile),
    Vocabulary(String),
}

impl File {
    fn parse(path: &str) -> Result<Self, Problem> {
        if let Some(checkpoint) = [CHECKPOINT, COSIGNED].into_iter().find(|known| *known == path) {
            return Ok(Self::Checkpoint(checkpoint));
        }
        if path == Retention::PATH {
            return Ok(Self::Retention);
        }
        if let Some(tile) = Tile::parse(path) {
            return Ok(Self::Tile(tile));
        }
        let stem = path.strip_prefix("vocabulary/").and_then(|path| path.strip_suffix(".json"));
        let is_hex = |text: &str| {
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let stem = stem.filter(|stem| stem.split('-').count() <= 2 && stem.split('-').all(is_hex));
        Ok(Self::Vocabulary(stem.ok_or_else(not_there)?.to_owned()))
    }

    fn path(&self) -> String {
        match self {
            Self::Checkpoint(path) => (*path).to_owned(),
            Self::Retention => Retention::PATH.to_owned(),
            Self::Tile(tile) => tile.to_string(),
            Self::Vocabulary(stem) => format!("vocabulary/{stem}.json"),
        }
    }

    fn media(&self) -> &'static str {
        match self {
            Self::Checkpoint(_) => TEXT,
            Self::Tile(_) => BYTES,
            Self::Vocabulary(_) | Self::Retention => JSON,
        }
    }

    fn kept(&self) -> &'static str {
        match self {
            Self::Tile(_) => FOR_GOOD,
            // The name with the hash is of one content.
            Self::Vocabulary(stem) if stem.contains('-') => FOR_GOOD,
            Self::Checkpoint(_) | Self::Retention | Self::Vocabulary(_) => FRESH,
        }
    }
}

async fn send(edge: &Edge, folder: Folder, file: File) -> Result<Response, Problem> {
    let path = file.path();
    let read = tokio::task::spawn_blocking(move || folder.read(&path)).await;
    let bytes = read.map_err(|_| unreadable())?.map_err(|_| unreadable())?;
    let bytes = bytes.ok_or_else(not_there)?;
    let mut response = reply::typed(StatusCode::OK, file.media(), Body::from(bytes));
    keep(&mut response, edge, file.kept());
    Ok(response)
}

/// Says how long an answer may be kept; by nobody on the way, where the log is not for everybody.
fn keep(response: &mut Response, edge: &Edge, how: &'static str) {
    let how = if edge.log_is_public { how } else { "private, no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(how));
}

fn not_there() -> Problem {
    let detail = "The log has no such file: tiles and bundles stand under the paths of C2SP tlog-tiles, as far as the \
                  checkpoint counts rows.";
    Problem::new(ProblemKind::NotFound, detail)
}

fn unreadable() -> Problem {
    Problem::new(ProblemKind::Internal, "A file of the log cannot be read.")
}
