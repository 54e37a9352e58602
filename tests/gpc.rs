//! Global Privacy Control: heard wherever it comes, kept, honoured, shown as honoured, and never taken off a call.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that misses what it looks for must fail"
)]

mod support;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{Stage, actors::RECOMMEND, model::Model};

const GPC: &str = "sec-gpc";

/// Whether the last call that the model saw on `path` carried the signal.
fn carried(model: &Model, path: &str) -> bool {
    let seen = model.seen_on(path);
    seen.last().unwrap().head.to_lowercase().contains("sec-gpc: 1")
}

async fn objected(stage: &Stage, id: &str) -> bool {
    stage.known_as(id).stands(RECOMMEND).await["objected_at"].is_string()
}

fn body(id: &str) -> Value {
    json!({"subject": {"id": id}, "purpose": RECOMMEND})
}

#[tokio::test]
async fn the_gateway_says_that_it_honours_the_signal() {
    let stage = Stage::start().await;
    let told = stage.get("/.well-known/gpc.json").send().await;
    assert_eq!(told.status, 200);
    assert_eq!(told.json(), json!({"gpc": true, "lastUpdate": "2026-11-22"}));
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.header("cache-control"), "public, max-age=3600");
    let set =
        Stage::set(|set| set.sections = "[policy]\ngpc_last_update = \"2026-01-01\"".to_owned());
    let told = set.await.get("/.well-known/gpc.json").send().await;
    assert_eq!(told.json()["lastUpdate"], "2026-01-01");
}

#[tokio::test]
async fn a_policy_that_ignores_the_signal_everywhere_does_not_claim_to_honour_it() {
    let folder = support::wiring::fresh_folder().join("policies");
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    std::fs::create_dir_all(&folder).unwrap();
    for file in std::fs::read_dir(shipped).unwrap().map(Result::unwrap) {
        if file.path().is_file() {
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    let catalogue = std::fs::read_to_string(folder.join("purposes.toml")).unwrap();
    let deaf = catalogue
        .replace("gpc = \"off\"", "gpc = \"ignored\"")
        .replace("gpc = \"third_party\"", "gpc = \"ignored\"");
    std::fs::write(folder.join("purposes.toml"), deaf).unwrap();
    let sections = format!("[policy]\ndir = {:?}", folder.to_str().unwrap());
    let stage = Stage::set(move |set| set.sections = sections).await;
    assert_eq!(stage.get("/.well-known/gpc.json").send().await.json()["gpc"], false);
    stage.known_as("ada").gives().await;
    let told = stage.shopkeeper().call_for("ada", &json!({})).header(GPC, "1").send().await.json();
    assert_eq!(told["decision"]["gpc"], false, "what is not honoured is not shown as honoured");
    assert!(!objected(&stage, "ada").await);
}

#[tokio::test]
async fn a_signal_is_heard_on_every_call_that_is_about_a_person() {
    let stage = Stage::start().await;
    let (shop, ada) = (stage.shop(), stage.person("ada"));
    let event = json!({"events": [{"subject": {"id": "ada"}, "type": "view", "item": "tv-1"}]});
    let refusal = json!({"subject": {"id": "ada"}, "purpose": "marketing_messages", "action": "refuse", "method": "app"});
    let calls = [
        ("recommendations", stage.post("/v1/recommendations").token(&shop).json(&body("ada"))),
        (
            "a batch",
            stage
                .post("/v1/recommendations/batch")
                .token(&shop)
                .body("application/x-ndjson", body("ada").to_string()),
        ),
        ("events", stage.post("/v1/events").token(&shop).json(&event)),
        ("an act", stage.post("/v1/consents").token(&shop).json(&refusal)),
        (
            "a question",
            stage.post("/v1/consents/query").token(&shop).json(&json!({"subject": {"id": "ada"}})),
        ),
        ("one's own standing", stage.get("/v1/me/consents").token(&ada)),
        ("one's own receipts", stage.get("/v1/me/receipts").token(&ada)),
        ("the purposes", stage.get("/v1/purposes").token(&ada)),
    ];
    let mut minute = 0;
    for (name, call) in calls {
        minute += 1;
        stage.clock.set(Timestamp::parse(&format!("2026-11-22T03:{minute:02}:00Z")).unwrap());
        stage.known_as("ada").gives().await;
        assert!(!objected(&stage, "ada").await, "{name}: giving answers what came before");
        let told = call.header(GPC, "0").header(GPC, "1").send().await;
        assert!(told.status.is_success(), "{name}: {}", told.body);
        assert!(objected(&stage, "ada").await, "{name}");
    }
}

#[tokio::test]
async fn only_the_exact_signal_objects() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    for value in ["0", "true", "11", "1, 1", "?1", ""] {
        let told = stage.shopkeeper().call_for("ada", &json!({})).header(GPC, value).send().await;
        assert_eq!(told.json()["decision"]["gpc"], false, "{value:?}");
    }
    assert!(!objected(&stage, "ada").await);
}

#[tokio::test]
async fn an_objection_is_shown_as_honoured_from_the_call_and_from_before() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    let shop = stage.shopkeeper();
    let standing = || async {
        let told = stage.get("/v1/me/consents").token(&stage.person("ada")).send().await.json();
        told["gpc"].clone()
    };
    assert_eq!(shop.asks_for(&stage.known_as("ada")).await["decision"]["gpc"], false);
    assert_eq!(standing().await, false);
    let with = shop.call_for("ada", &json!({})).header(GPC, "1").send().await.json();
    assert_eq!(with["decision"]["gpc"], true);
    let without = shop.asks_for(&stage.known_as("ada")).await;
    assert_eq!(without["decision"]["gpc"], true, "it was kept");
    assert_eq!(standing().await, true);
    let stranger = shop.call_for("eve", &json!({})).header(GPC, "1").send().await.json();
    assert_eq!(stranger["decision"]["gpc"], true, "of somebody unknown it counts for the call");
}

#[tokio::test]
async fn a_signal_goes_on_to_the_model_and_one_that_was_kept_too() {
    let model = Model::start();
    let stage = Stage::with_model(&model).await;
    stage.shelves(20, 4).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    shop.asks_for(&ada).await;
    assert!(!carried(&model, "/recommend"), "nobody objected");
    shop.reports(&[&ada], "item-1").await;
    assert!(!carried(&model, "/events"));
    shop.call_for("ada", &json!({})).header(GPC, "1").send().await;
    assert!(carried(&model, "/recommend"), "it came with the call");
    shop.asks_for(&ada).await;
    assert!(carried(&model, "/recommend"), "it was kept");
    model.forget_what_was_seen();
    shop.reports(&[&ada], "item-2").await;
    assert!(carried(&model, "/events"), "with what is told of them too");
    let preview = stage.post("/v1/recommendations/preview").token(&stage.shop()).json(&body("ada"));
    let preview = preview.send().await.json();
    let headers = preview["tiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tier| tier["request"]["headers"].to_string());
    let granted: Vec<String> = headers.filter(|headers| headers != "null").collect();
    assert!(
        !granted.is_empty() && granted.iter().all(|headers| headers.contains("sec-gpc")),
        "{preview}"
    );
}

#[tokio::test]
async fn giving_on_a_call_with_the_signal_says_yes_to_that_purpose_alone() {
    let stage = Stage::start().await;
    let ada = stage.known_as("ada");
    ada.gives_to("marketing_messages", &json!({})).await;
    stage.clock.set(Timestamp::parse("2026-11-22T03:01:00Z").unwrap());
    let act = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "give", "method": "app",
                     "notice": {"snapshot": stage.notice(RECOMMEND).await}});
    let call = || {
        let call = stage.post("/v1/consents").token(&stage.shop()).header("idempotency-key", "k-1");
        call.header(GPC, "1").json(&act).send()
    };
    let first = call().await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(ada.stands(RECOMMEND).await["objected_at"], Value::Null);
    assert!(ada.stands("marketing_messages").await["objected_at"].is_string());
    assert_eq!(call().await.body, first.body);
    assert_eq!(
        ada.stands(RECOMMEND).await["objected_at"],
        Value::Null,
        "a retry does nothing again"
    );
}
