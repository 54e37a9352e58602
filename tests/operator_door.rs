//! The operator's door: who comes in, by which way, and what of it is not on the public port.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read the document must fail"
)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt as _, os::unix::net::UnixListener};

use consentry::{app::Door, http::operator_openapi};

use support::{Stage, wiring::fresh_folder};

const STATUS: &str = "/v1/operate/status";

/// The routes that anybody who reaches the door may ask. A new one needs a reason: a probe has no token.
const OPEN: [&str; 5] =
    ["get /openapi.json", "get /docs", "get /problems/{slug}", "get /healthz", "get /readyz"];

/// Method and path of each operator's route.
fn routes() -> Vec<(String, String)> {
    let document = serde_json::to_value(operator_openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            if !OPEN.contains(&format!("{method} {path}").as_str()) {
                routes.push((method.clone(), path.clone()));
            }
        }
    }
    assert!(!routes.is_empty());
    routes
}

async fn with_address() -> Stage {
    Stage::set(|set| set.door = Some("127.0.0.1:0".to_owned())).await
}

#[tokio::test]
async fn the_owner_of_the_folder_needs_no_token_at_the_socket() {
    let stage = Stage::start().await;
    let status = stage.operate("get", STATUS).send().await;
    assert_eq!(status.status, 200, "{}", status.body);
    assert_eq!(status.json()["operator"], "owner");
    assert_eq!(status.json()["writable"], true);
    let socket = stage.behind().store.dir().join("operator.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    stage.stop().await;
    assert!(!socket.exists(), "a gateway that stopped in order leaves no socket");
}

#[tokio::test]
async fn over_tcp_only_a_token_of_an_operator_opens_any_route() {
    let stage = with_address().await;
    for (method, path) in routes() {
        let call = || stage.operate(&method, &path.replace("{id}", "x"));
        let none = call().send().await;
        assert_eq!((none.status.as_u16(), none.problem().as_str()), (401, "missing-token"));
        let expired = call().token(&stage.expired()).send().await;
        assert_eq!(expired.status, 401, "{method} {path}");
        for token in [stage.shop(), stage.person("ada"), stage.auditor()] {
            let other = call().token(&token).send().await;
            assert_eq!((other.status.as_u16(), other.problem().as_str()), (403, "wrong-scope"));
            assert_eq!(other.json()["needed"], "operate", "{method} {path}");
        }
    }
    let status = stage.operate("get", STATUS).token(&stage.operator()).send().await;
    assert_eq!(status.status, 200, "{}", status.body);
    assert!(status.json()["operator"].as_str().unwrap().starts_with("token:"));
}

#[tokio::test]
async fn nothing_of_the_operators_is_on_the_public_port() {
    let stage = Stage::start().await;
    for (method, path) in routes() {
        let there = stage.call(&method, &path).token(&stage.operator()).send().await;
        assert_eq!((there.status.as_u16(), there.problem().as_str()), (404, "not-found"), "{path}");
    }
    let document = stage.get("/openapi.json").send().await;
    assert!(!document.body.contains("/v1/operate"), "the public document tells of the door");
}

#[tokio::test]
async fn nothing_of_the_apps_is_at_the_operators_door() {
    let stage = Stage::start().await;
    let answer = stage.operate("post", "/v1/recommendations").token(&stage.shop()).send().await;
    assert_eq!(answer.status, 404);
    assert!(answer.json()["detail"].as_str().unwrap().contains("operator's door"));
}

#[tokio::test]
async fn a_dead_process_socket_is_replaced_and_a_living_ones_is_not() {
    let folder = fresh_folder();
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("op.sock");
    let door = format!("unix:{}", path.display());
    // Whoever bound it is gone, as after a kill.
    drop(UnixListener::bind(&path).unwrap());
    let at = door.clone();
    let stage = Stage::set(move |set| set.door = Some(at)).await;
    assert_eq!(stage.operate("get", STATUS).send().await.status, 200);

    let second = tokio::task::spawn_blocking(move || {
        let (clock, _hand) =
            consentry::ambient::Clock::manual(consentry::domain::Timestamp::from_millis(0));
        let mut set = support::wiring::Set::new(clock);
        set.door = Some(door);
        std::panic::catch_unwind(|| support::wiring::start(set)).is_err()
    });
    assert!(second.await.unwrap(), "two gateways share a door");
    assert_eq!(stage.operate("get", STATUS).send().await.status, 200, "the first one has lost it");
}

#[tokio::test]
async fn a_file_in_the_way_of_the_socket_is_left_alone() {
    let folder = fresh_folder();
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("notes.txt");
    fs::write(&path, "dear diary").unwrap();
    let door = Door::Unix(path.clone()).to_string();
    let started = tokio::task::spawn_blocking(move || {
        let (clock, _hand) =
            consentry::ambient::Clock::manual(consentry::domain::Timestamp::from_millis(0));
        let mut set = support::wiring::Set::new(clock);
        set.door = Some(door);
        std::panic::catch_unwind(|| support::wiring::start(set)).is_ok()
    });
    assert!(!started.await.unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary");
}
