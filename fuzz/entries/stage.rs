//! A gateway in memory, for entries that send whole calls.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::body::Body;
use consentry::{
    ambient::{Clock, Entropy, FaultFs},
    app::{App, EngineSetting, Machine, Settings},
    auth::{Grant, Mint, Scopes, Vouches},
    domain::{AppId, IdType, SubjectRef, TenantId, Timestamp, UserId},
    http::Routes,
    store::{Lane, Limits, OnSyncFailure},
};
use http::{Method, Request, header};
use serde_json::Value;
use tokio::runtime::{self, Runtime};
use tower::ServiceExt as _;

/// A text that seeds put where people's data stand; no refusal may repeat it.
pub const NEEDLE: &str = "ada@example.com";

/// What seeds write for the signed snapshot of the notice in force.
const SNAPSHOT: &str = "@snapshot@";

const SECRET: [u8; 32] = [7; 32];
const LIFE: Duration = Duration::from_secs(3600);

/// How many calls one gateway answers: all it records stays in memory.
const CALLS: usize = 4000;

/// A gateway without a network, and tokens for it.
pub struct Stage {
    runtime: Runtime,
    routes: Routes,
    app: App,
    app_token: String,
    self_token: String,
    snapshot: String,
    calls: usize,
}

/// An answer.
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// An app that is registered for every purpose.
    App,
    /// The person [`NEEDLE`].
    Person,
}

impl Stage {
    /// A fresh one.
    #[must_use]
    pub fn set() -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let machine = Machine {
            clock: Clock::manual(noon()).0,
            entropy: Entropy::seeded(1),
            fs: Arc::new(FaultFs::new()),
            limits: Limits { segment: 1 << 20, batch: 256 << 10, ..Limits::small() },
            on_sync_failure: OnSyncFailure::Poison,
        };
        let mut settings = Settings::parse(&configuration()).unwrap();
        settings.store.engine = EngineSetting::Memory;
        let app = App::open(settings, machine, |_| Ok(SECRET.to_vec())).unwrap();
        let routes = runtime.block_on(async {
            let (lane, driver) = Lane::new();
            tokio::spawn(driver);
            Routes::new(app.edge(lane))
        });
        let (app_token, self_token) = tokens();
        let mut stage =
            Self { runtime, routes, app, app_token, self_token, snapshot: String::new(), calls: 0 };
        let shown = stage.send(As::App, Method::GET, "/v1/purposes", "application/json", &[]);
        let shown: Value = serde_json::from_str(&shown.body).unwrap();
        shown["purposes"][0]["notice"]["snapshot"]
            .as_str()
            .unwrap()
            .clone_into(&mut stage.snapshot);
        stage
    }

    /// Sends one call, and begins anew once this gateway holds much. Panics at an answer that no bytes of a caller
    /// may lead to: a fault of the gateway's own, a refusal that is no problem document, or one that repeats [`NEEDLE`].
    pub fn call(
        &mut self,
        who: As,
        method: Method,
        path: &str,
        media: &str,
        body: &[u8],
    ) -> Answered {
        if self.calls > CALLS {
            let old = std::mem::replace(self, Self::set());
            old.app.store.close();
        }
        let body = self.with_snapshot(body);
        let answered = self.send(who, method, path, media, &body);
        assert!(answered.status < 500, "{path}: {} {}", answered.status, answered.body);
        if answered.status >= 400 {
            let problem: Value = serde_json::from_str(&answered.body).unwrap();
            assert_eq!(problem["status"], answered.status);
            assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("/problems/")));
            assert!(!answered.body.contains(NEEDLE), "{path}: {}", answered.body);
        }
        answered
    }

    fn with_snapshot(&self, body: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(body) {
            Ok(text) if text.contains(SNAPSHOT) => {
                text.replace(SNAPSHOT, &self.snapshot).into_bytes()
            }
            _ => body.to_vec(),
        }
    }

    fn send(&mut self, who: As, method: Method, path: &str, media: &str, body: &[u8]) -> Answered {
        self.calls += 1;
        let token = if who == As::App { &self.app_token } else { &self.self_token };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, media)
            .body(Body::from(body.to_vec()))
            .unwrap();
        let routes = self.routes.clone();
        self.runtime.block_on(async {
            let answer = routes.oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            Answered { status, body: String::from_utf8(bytes.to_vec()).unwrap() }
        })
    }
}

/// Noon in Korea, so that no night rule is in the way.
fn noon() -> Timestamp {
    Timestamp::parse("2026-11-22T03:00:00Z").unwrap()
}

fn tokens() -> (String, String) {
    let mint = Mint::hs256("test", &SECRET, Vouches::everything("fuzz"), "consentry").unwrap();
    let entropy = Entropy::seeded(2);
    let told =
        |grant: Grant<'_>| mint.token(grant, noon(), LIFE, &entropy).unwrap().expose().to_owned();
    let id = AppId::parse("shop").unwrap();
    let subject = SubjectRef::new(IdType::user_id(), UserId::parse(NEEDLE).unwrap());
    (
        told(Grant::App { id: &id, scopes: Scopes::APP }),
        told(Grant::Myself { tenant: &TenantId::standard(), subject: &subject, guardian: None }),
    )
}

/// A folder for the keys, which always lie on the machine's own disk.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("consentry-fuzz-{}", std::process::id()))
}

fn configuration() -> String {
    let folder = folder();
    let folder = folder.display();
    format!(
        r#"
[server]
body_bytes = 65536
[keys]
dir = "{folder}/keys"
[store]
dir = "{folder}/store"
[auth]
issuer = "fuzz"
[[auth.key]]
kid = "test"
algorithm = "HS256"
from = {{ file = "unused" }}
[[app]]
id = "shop"
purposes = ["recommend_products", "measure_popularity", "order_service"]
[[upstream]]
recipient = "model"
domain = "shop"
kind = "builtin"
purposes = ["recommend_products"]
[events]
popularity_purpose = "measure_popularity"
"#
    )
}
