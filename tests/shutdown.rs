//! A stop in order: who was under way gets a whole answer, nothing acknowledged is lost, and a second signal ends it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot start the program must fail"
)]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use consentry::{
    ambient::{Clock, Entropy},
    auth::{Grant, Mint, Scopes, Vouches},
    domain::AppId,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use support::{
    Stage,
    actors::{RECOMMEND, ids},
    client::Call,
    model::Model,
    wiring::{SECRET, fresh_folder},
};

const UNDER_WAY: usize = 8;

/// `consentry serve` as a process of its own, in front of a model of the test's.
struct Gateway {
    process: Child,
    address: SocketAddr,
    token: String,
}

impl Gateway {
    fn start(folder: &Path, model: &Model) -> Self {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("secret"), SECRET).unwrap();
        let config = folder.join("consentry.toml");
        fs::write(&config, configuration(&model.url())).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_consentry"))
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let ready = log.by_ref().map(Result::unwrap).find(|line| line.contains("\"ready\""));
        let ready: Value = serde_json::from_str(&ready.unwrap()).unwrap();
        // Whoever logs into a pipe that nobody reads comes to a stop.
        std::thread::spawn(move || log.for_each(drop));
        let address = ready["server.address"].as_str().unwrap().parse().unwrap();
        Self { process, address, token: token() }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path).token(&self.token)
    }

    fn asks(&self) -> Call {
        let body = json!({"purpose": RECOMMEND, "subject": {"id": "ada"}});
        self.call("POST", "/v1/recommendations").json(&body)
    }

    /// Waits until nobody listens any more.
    async fn listens_no_more(&self) {
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn ends(mut self) -> ExitStatus {
        let waited = tokio::task::spawn_blocking(move || self.process.wait().unwrap());
        tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may be gone already, which is all that is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn token() -> String {
    let mint = Mint::hs256("test", &SECRET, Vouches::everything("tests"), "consentry").unwrap();
    let id = AppId::parse("shop").unwrap();
    let grant = Grant::App { id: &id, scopes: Scopes::APP };
    let (now, hour) = (Clock::System.now(), Duration::from_secs(3600));
    mint.token(grant, now, hour, &Entropy::system()).unwrap().expose().to_owned()
}

fn configuration(model: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
workers = 2
drain_ms = 60000

[keys]
dir = "keys"

[store]
dir = "store"

[auth]
issuer = "tests"

[[auth.key]]
kid = "test"
algorithm = "HS256"
from = {{ file = "secret" }}

[[app]]
id = "shop"
purposes = ["recommend_products"]

[[upstream]]
recipient = "model"
domain = "shop"
purposes = ["recommend_products"]
kind = "json"
url = "{model}"
timeout_ms = 60000
"#
    )
}

async fn snapshot(gateway: &Gateway) -> Value {
    let shown = gateway.call("GET", "/v1/purposes").send().await.json();
    let purposes = shown["purposes"].as_array().unwrap();
    let known = purposes.iter().find(|known| known["id"] == RECOMMEND).unwrap();
    known["notice"]["snapshot"].clone()
}

async fn stands(gateway: &Gateway, id: &str) -> Value {
    let query = gateway.call("POST", "/v1/consents/query").json(&json!({"subject": {"id": id}}));
    let told = query.send().await.json();
    let purposes = told["purposes"].as_array().unwrap();
    purposes.iter().find(|known| known["id"] == RECOMMEND).unwrap()["state"].clone()
}

#[tokio::test]
async fn calls_under_way_at_a_stop_get_whole_answers_and_nothing_is_lost() {
    let (folder, model): (PathBuf, _) = (fresh_folder(), Model::start());
    let gateway = Gateway::start(&folder, &model);
    let act = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "give", "method": "app",
        "notice": {"snapshot": snapshot(&gateway).await}});
    let given = gateway.call("POST", "/v1/consents").json(&act).send().await;
    assert_eq!(given.status, 201, "{}", given.body);

    model.hold();
    let under_way: Vec<_> = (0..UNDER_WAY).map(|_| tokio::spawn(gateway.asks().send())).collect();
    model.has_seen("/recommend", UNDER_WAY).await;
    gateway.signal("TERM");
    gateway.listens_no_more().await;
    model.release();
    for call in under_way {
        let answer = call.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("connection"), "close");
        assert_eq!(ids(&answer.json()).len(), 10, "{}", answer.body);
    }
    assert_eq!(gateway.ends().await.code(), Some(0));

    let again = Gateway::start(&folder, &model);
    assert_eq!(stands(&again, "ada").await, "given");
    again.signal("TERM");
    assert_eq!(again.ends().await.code(), Some(0));
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_what_was_acknowledged_stands() {
    let (folder, model): (PathBuf, _) = (fresh_folder(), Model::start());
    let gateway = Gateway::start(&folder, &model);
    let act = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "refuse", "method": "app"});
    assert_eq!(gateway.call("POST", "/v1/consents").json(&act).send().await.status, 201);
    model.hold();
    let anonymous = json!({"purpose": RECOMMEND});
    let held = gateway.call("POST", "/v1/recommendations").json(&anonymous);
    let held = tokio::spawn(held.try_send());
    model.has_seen("/recommend", 1).await;
    gateway.signal("TERM");
    gateway.listens_no_more().await;
    gateway.signal("TERM");
    assert_eq!(gateway.ends().await.code(), Some(1));
    assert!(held.await.unwrap().is_err(), "nobody answers it");
    model.release();

    let again = Gateway::start(&folder, &model);
    assert_eq!(stands(&again, "ada").await, "refused");
    drop(again);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn whoever_asks_is_told_first_and_calls_are_taken_until_the_notice_ends() {
    let model = Model::start();
    let url = model.url();
    let stage = Stage::set(move |set| {
        set.model = Some(url);
        set.model_settings = "timeout_ms = 60000".to_owned();
        set.server_settings = "notice_ms = 4000".to_owned();
    });
    let stage = stage.await;
    let (observer, address) = (stage.behind().observer.clone(), stage.address);
    assert!(!observer.is_draining());
    let stopping = tokio::spawn(stage.stop());
    while !observer.is_draining() {
        tokio::task::yield_now().await;
    }
    // The flag is up, and for a moment a balancer that has not looked yet is still served: once a connection.
    let answer = Call::new(address, "GET", "/healthz").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), "close", "and sent elsewhere with its next call");
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
