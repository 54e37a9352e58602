//! Puts a gateway together: the one place of the tests that knows how.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use consentry::{
    ambient::{Clock, Entropy, FaultFs, Fs, RealFs},
    app::{App, AppError, Machine, Server, Settings},
    audit::Proving,
    auth::Source,
    store::{Limits, OnSyncFailure, Store},
};

/// A disk of a test's own making.
pub(crate) type OwnDisk = dyn Fs + std::panic::RefUnwindSafe;

/// Makes what proves the rows of a store.
pub(crate) type Prover = fn(&Store) -> Arc<dyn Proving>;

/// What a stage is set with.
pub(crate) struct Set {
    pub(crate) clock: Clock,
    /// The URL of a model over HTTP; the model inside the process if absent.
    pub(crate) model: Option<String>,
    /// Where state is kept; a folder of its own that no other stage uses if absent.
    pub(crate) folder: Option<PathBuf>,
    /// The disk; the machine's own if absent.
    pub(crate) disk: Option<FaultFs>,
    /// The free room on the disk, in bytes, below which it counts as low.
    pub(crate) least_free: u64,
    /// What the model over HTTP speaks.
    pub(crate) kind: &'static str,
    /// More lines of the model's part of the configuration.
    pub(crate) model_settings: String,
    /// A disk of the test's own making, in place of `disk`.
    pub(crate) own_disk: Option<Arc<OwnDisk>>,
    /// More sections of the configuration.
    pub(crate) sections: String,
    /// Where the operator's door is; in the store's folder if absent.
    pub(crate) door: Option<String>,
    /// How many threads answer calls.
    pub(crate) workers: usize,
    /// The start of the log's name.
    pub(crate) origin: String,
    /// More lines of the parts of the configuration about the log, the server and the shop.
    pub(crate) audit_settings: String,
    pub(crate) server_settings: String,
    pub(crate) shop_settings: String,
    /// What proves rows, made over the store; nothing does if absent.
    pub(crate) proving: Option<Prover>,
}

impl Set {
    pub(crate) fn new(clock: Clock) -> Self {
        let disk = Some(FaultFs::new());
        Self {
            clock,
            model: None,
            folder: None,
            disk,
            least_free: 0,
            kind: "json",
            model_settings: String::new(),
            own_disk: None,
            sections: String::new(),
            door: None,
            workers: 2,
            origin: "gw.test/log".to_owned(),
            audit_settings: String::new(),
            server_settings: String::new(),
            shop_settings: String::new(),
            proving: None,
        }
    }
}

/// The secret that the gateway trusts tokens by.
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// The key that a model asks for.
pub(crate) const MODEL_KEY: &str = "the model's own key";

/// The secrets by their names in the configuration.
#[expect(clippy::unnecessary_wraps, reason = "whoever reads real files can fail")]
fn read(source: &Source) -> std::io::Result<Vec<u8>> {
    // One that a test makes on the way is its own name.
    if let Source::File(name) = source
        && let Some(secret) = name.strip_prefix("secret:")
    {
        return Ok(secret.as_bytes().to_vec());
    }
    let is_models = *source == Source::File("model.key".to_owned());
    Ok(if is_models { MODEL_KEY.as_bytes().to_vec() } else { SECRET.to_vec() })
}

/// A folder that no other stage uses. Numbers of processes come again, so what one before it left is taken away.
pub(crate) fn fresh_folder() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("stage-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if let Err(fault) = std::fs::remove_dir_all(&folder) {
        assert_eq!(fault.kind(), std::io::ErrorKind::NotFound, "{fault}");
    }
    folder
}

/// A gateway on the shipped policies, on a port of its own. It trusts tokens signed with [`SECRET`], takes bodies of
/// 64 KiB, and has two apps: `shop`, registered for every purpose, and `kiosk`, registered for none.
pub(crate) fn start(set: Set) -> Server {
    try_start(set).unwrap()
}

/// Like [`start`], for a gateway that may not start.
pub(crate) fn try_start(set: Set) -> Result<Server, AppError> {
    Server::start(open(set)?)
}

/// What a gateway stands on, open and not answering anybody.
pub(crate) fn open(set: Set) -> Result<App, AppError> {
    let folder = set.folder.clone().unwrap_or_else(fresh_folder);
    let settings = Settings::parse(&configuration(&folder, &set));
    let (fs, engine): (Arc<dyn Fs>, _) = match (set.own_disk, set.disk) {
        (Some(disk), _) => (disk, "memory"),
        (None, Some(disk)) => (Arc::new(disk), "memory"),
        (None, None) => (Arc::new(RealFs), "sled"),
    };
    let mut settings = settings.unwrap();
    settings.operator.listen = set.door.map(|door| door.try_into().unwrap());
    if engine == "memory" {
        settings.store.engine = consentry::app::EngineSetting::Memory;
    }
    let machine = Machine {
        clock: set.clock,
        entropy: Entropy::system(),
        fs,
        limits: Limits { least_free: Some(set.least_free), ..Limits::small() },
        on_sync_failure: OnSyncFailure::Poison,
    };
    let mut app = App::open(settings, machine, read)?;
    if let Some(proving) = set.proving {
        app.proving = proving(&app.store);
    }
    Ok(app)
}

/// Why a gateway before a model of `kind` with `settings` does not start.
pub(crate) fn refusal(kind: &'static str, settings: &str) -> String {
    let mut set = Set::new(Clock::System);
    set.kind = kind;
    set.model = Some("http://127.0.0.1:1".to_owned());
    settings.clone_into(&mut set.model_settings);
    match try_start(set) {
        Ok(_) => String::from("it starts"),
        Err(error) => error.to_string(),
    }
}

fn configuration(folder: &std::path::Path, set: &Set) -> String {
    let Set {
        workers,
        origin,
        audit_settings,
        server_settings,
        shop_settings,
        model_settings,
        sections,
        ..
    } = set;
    let model = match &set.model {
        Some(url) => format!("kind = \"{}\"\nurl = \"{url}\"", set.kind),
        None => "kind = \"builtin\"".to_owned(),
    };
    // So long that no test's model is late on a machine that has much else to do.
    let patience = if model_settings.contains("timeout_ms") { "" } else { "timeout_ms = 10000" };
    let folder = folder.display();
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
workers = {workers}
body_bytes = 65536
{server_settings}

[keys]
dir = "{folder}/keys"

[store]
dir = "{folder}/store"

[audit]
gateway = "gw-test"
origin = "{origin}"
{audit_settings}

[auth]
issuer = "tests"
audience = "consentry"

[[auth.key]]
kid = "test"
algorithm = "HS256"
from = {{ file = "unused" }}

[[app]]
id = "shop"
purposes = ["recommend_products", "measure_popularity", "order_service", "marketing_messages",
  "marketing_messages_at_night"]
{shop_settings}

[[app]]
id = "kiosk"
purposes = []

[[upstream]]
recipient = "model"
domain = "shop"
purposes = ["recommend_products"]
{model}
{patience}
{model_settings}

[diversity]
strength = 0.0

[events]
popularity_purpose = "measure_popularity"
{sections}
"#
    )
}
