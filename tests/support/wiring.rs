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
    app::{App, Machine, Server, Settings},
    auth::Source,
    store::{Limits, OnSyncFailure},
};

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
    let is_models = *source == Source::File("model.key".to_owned());
    Ok(if is_models { MODEL_KEY.as_bytes().to_vec() } else { SECRET.to_vec() })
}

/// A folder that no other stage uses.
pub(crate) fn fresh_folder() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("stage-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A gateway on the shipped policies, on a port of its own. It trusts tokens signed with [`SECRET`], takes bodies of
/// 64 KiB, and has two apps: `shop`, registered for every purpose, and `kiosk`, registered for none.
pub(crate) fn start(set: Set) -> Server {
    let folder = set.folder.unwrap_or_else(fresh_folder);
    let model = match set.model {
        Some(url) => format!("kind = \"{}\"\nurl = \"{url}\"", set.kind),
        None => "kind = \"builtin\"".to_owned(),
    };
    let settings = Settings::parse(&configuration(&folder, &model, &set.model_settings));
    let (fs, engine): (Arc<dyn Fs>, _) = match set.disk {
        Some(disk) => (Arc::new(disk), "memory"),
        None => (Arc::new(RealFs), "sled"),
    };
    let mut settings = settings.unwrap();
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
    Server::start(App::open(settings, machine, read).unwrap()).unwrap()
}

/// Why a gateway before a model of `kind` with `settings` does not start.
pub(crate) fn refusal(kind: &str, settings: &str) -> String {
    let model = format!("kind = \"{kind}\"\nurl = \"http://127.0.0.1:1\"");
    let settings = Settings::parse(&configuration(&fresh_folder(), &model, settings));
    match settings.and_then(|settings| App::open(settings, Machine::real(), read)) {
        Ok(_) => String::from("it starts"),
        Err(error) => error.to_string(),
    }
}

fn configuration(folder: &std::path::Path, model: &str, model_settings: &str) -> String {
    let folder = folder.display();
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
workers = 2
body_bytes = 65536

[keys]
dir = "{folder}/keys"

[store]
dir = "{folder}/store"

[audit]
gateway = "gw-test"
origin = "gw.test/log"

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

[[app]]
id = "kiosk"
purposes = []

[[upstream]]
recipient = "model"
domain = "shop"
purposes = ["recommend_products"]
{model}
{model_settings}

[diversity]
strength = 0.0

[events]
popularity_purpose = "measure_popularity"
"#
    )
}
