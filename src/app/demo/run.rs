//! Starts the demo: a gateway over its shop, with tokens for everyone who plays a part in it.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    plan::{self, Person, Shop},
    play,
};
use crate::{
    ambient::{create_secret, private_dir, read_secret},
    app::{App, AppError, Machine, Server, Settings},
    auth::{Grant, Mint, Scopes, Source, Vouches},
    domain::{AppId, TenantId, hex},
};

/// How long the demo's tokens are good.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const ISSUER: &str = "https://demo.consentry.invalid";
const AUDIENCE: &str = "consentry";
const SEED: u64 = 1;

/// What the demo is asked for.
#[derive(Clone, Debug, Default)]
pub struct DemoOptions {
    /// Where it keeps its state; a folder that goes when the demo ends, if absent.
    pub data: Option<PathBuf>,
    /// The port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// MovieLens files to play in place of the generated shop.
    pub movielens: Option<PathBuf>,
}

/// A running demo.
#[derive(Debug)]
pub struct Demo {
    server: Server,
    shop: Shop,
    mint: Mint,
    data: PathBuf,
    goes: bool,
}

impl Demo {
    /// Opens the demo's folder, plays the shop if that has not been done, and starts answering calls.
    ///
    /// # Errors
    /// When the folder cannot be used, the data cannot be read, or the port is taken.
    pub fn start(options: &DemoOptions, machine: Machine) -> Result<Self, AppError> {
        let goes = options.data.is_none();
        let name = || format!("consentry-demo-{}", std::process::id());
        let data = options.data.clone().unwrap_or_else(|| std::env::temp_dir().join(name()));
        private_dir(&data).map_err(|source| AppError::Read { path: data.clone(), source })?;
        let now = machine.clock.now();
        let shop = match &options.movielens {
            Some(folder) => {
                Shop::from_movielens(folder, SEED, now).map_err(|e| AppError::Demo(Box::new(e)))?
            }
            None => Shop::generate(SEED, now),
        };
        let secret = secret(&data, &machine)?;
        let mint = Mint::hs256("demo", &secret, Vouches::everything(ISSUER), AUDIENCE)?;
        let settings = Settings::parse(&settings(&data, options.port))?;
        let app = App::open(settings, machine, |source| match source {
            Source::File(path) => fs::read(path),
            Source::Env(_) => Err(io::ErrorKind::Unsupported.into()),
        })?;
        if app.catalog.view().is_empty() {
            let doing = |source| AppError::Machine { doing: "starting a runtime", source };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(doing)?.block_on(play::play(&app, &shop))?;
        }
        // Whoever reads the printed line may verify the log at once.
        app.log.publish()?;
        Ok(Self { server: Server::start(app)?, shop, mint, data, goes })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Everything a script needs, on one line.
    ///
    /// # Errors
    /// When a token cannot be signed.
    pub fn facts(&self) -> Result<Value, AppError> {
        let people: Result<Vec<Value>, AppError> =
            self.shop.people.iter().map(|person| self.person(person)).collect();
        let tenant = TenantId::standard();
        let log = &self.server.app().log;
        let shards = log.shards();
        let live = shards.last().ok_or_else(|| AppError::Settings("no log".to_owned()))?;
        Ok(json!({
            "url": format!("http://{}", self.address()),
            "app_token": self.app_token()?,
            "auditor_token": self.token(Grant::Auditor { name: "auditor", tenant: &tenant })?,
            "operator_token": self.token(Grant::Operator { name: "operator" })?,
            "purpose": plan::RECOMMEND,
            "people": people?,
            "data_dir": self.data,
            "log_dir": log.folder(live).dir(),
            "log_vkey": log.verifier(live)?.to_string(),
        }))
    }

    /// The token of the demo's app.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn app_token(&self) -> Result<String, AppError> {
        let id = AppId::parse("shop").map_err(|error| AppError::Demo(Box::new(error)))?;
        self.token(Grant::App { id: &id, scopes: Scopes::APP })
    }

    /// The people who are named in the documents, with a token each: id, token.
    ///
    /// # Errors
    /// When a token cannot be signed.
    pub fn named(&self) -> Result<Vec<(String, String)>, AppError> {
        let consenting = |person: &&Person| {
            person.consents.iter().any(|c| c.purpose == plan::RECOMMEND && !c.categories.is_empty())
        };
        let found = self.shop.people.iter().filter(consenting).take(2);
        found.map(|person| Ok((person.id.clone(), self.self_token(person)?))).collect()
    }

    /// Stops answering. A folder of its own is removed.
    pub fn stop(self) {
        self.server.stop();
        if self.goes {
            // A folder for temporary files may be cleaned by others first.
            let _ = fs::remove_dir_all(&self.data);
        }
    }

    fn person(&self, person: &Person) -> Result<Value, AppError> {
        let handle =
            self.server.app().gateway.handle(&TenantId::standard(), play::subject(person)?)?;
        let app = self.server.app();
        let known = app.ledger.find(handle)?;
        let consents: Vec<Value> = known.map_or_else(Vec::new, |known| {
            let now = app.machine.clock.now();
            let standing = |p: &crate::consent::PurposeStanding| {
                let given = p.consent.in_force(now).map(|given| given.categories.clone());
                let categories = given.unwrap_or_default();
                let categories: Vec<_> =
                    categories.iter().map(|(id, detail)| json!({ "id": id, "detail": detail })).collect();
                json!({ "purpose": p.purpose, "state": p.consent.state_at(now), "categories": categories })
            };
            known.standing.purposes.iter().map(standing).collect()
        });
        Ok(json!({ "id": person.id, "self_token": self.self_token(person)?, "consents": consents }))
    }

    fn self_token(&self, person: &Person) -> Result<String, AppError> {
        let subject = play::subject(person)?;
        self.token(Grant::Myself {
            tenant: &TenantId::standard(),
            subject: &subject,
            guardian: None,
        })
    }

    fn token(&self, grant: Grant<'_>) -> Result<String, AppError> {
        let machine = &self.server.app().machine;
        let token = self.mint.token(grant, machine.clock.now(), TOKEN_LIFE, &machine.entropy)?;
        Ok(token.expose().to_owned())
    }
}

fn secret(data: &Path, machine: &Machine) -> Result<Vec<u8>, AppError> {
    let path = data.join("token.key");
    let failed = |source| AppError::Read { path: path.clone(), source };
    if let Some(secret) = read_secret(&path).map_err(failed)? {
        return Ok(secret.to_vec());
    }
    let drawn: [u8; 32] = machine.entropy.draw()?;
    let secret = hex(&drawn);
    create_secret(&path, secret.as_bytes()).map_err(failed)?;
    Ok(secret.into_bytes())
}

/// The demo's configuration: what an operator would write, with the model inside the process.
fn settings(data: &Path, port: u16) -> String {
    let folder = |name: &str| Value::from(data.join(name).to_string_lossy().into_owned());
    let (keys, store, token) = (folder("keys"), folder("store"), folder("token.key"));
    let (recommend, popularity) = (plan::RECOMMEND, plan::POPULARITY);
    format!(
        r#"[server]
listen = "127.0.0.1:{port}"

[keys]
dir = {keys}

[store]
dir = {store}

[audit]
gateway = "gw-1"
origin = "demo.consentry.invalid/gw-1"

[auth]
issuer = "{ISSUER}"
audience = "{AUDIENCE}"

[[auth.key]]
kid = "demo"
algorithm = "HS256"
from = {{ file = {token} }}

[[app]]
id = "shop"
purposes = ["{recommend}", "{popularity}"]

[[upstream]]
recipient = "builtin"
domain = "recommend"
kind = "builtin"
purposes = ["{recommend}"]

[events]
popularity_purpose = "{popularity}"
"#
    )
}
