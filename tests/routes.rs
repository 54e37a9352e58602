//! Every route of the OpenAPI document, asked without a token, with tokens that do not allow it, and about people who
//! consented to nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read the document must fail"
)]

mod support;

use std::collections::BTreeSet;

use consentry::{domain::Timestamp, http::openapi};
use serde_json::{Value, json};

use support::{
    Stage,
    client::{Answer, Call},
};

/// The routes that anybody may ask. A new one needs a reason: this list may only shrink. What verifies receipts and what was
/// signed by OpenDSR, and what browsers look for, is for those who have no token.
const PUBLIC: [&str; 8] = [
    "get /healthz",
    "get /openapi.json",
    "get /docs",
    "get /problems/{slug}",
    "get /.well-known/jwks.json",
    "get /.well-known/gpc.json",
    "get /opendsr/v2/discovery",
    "get /opendsr/v2/certificate.pem",
];

/// A route and the scopes that open it, each by itself; none for any valid token.
struct Route {
    method: String,
    path: String,
    scopes: Vec<String>,
    /// Whether there may be nothing at the path, as the document says.
    may_lack: bool,
}

/// The routes that need a token.
fn routes() -> Vec<Route> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if PUBLIC.contains(&format!("{method} {path}").as_str()) {
                continue;
            }
            let scopes = operation["security"].as_array().unwrap().iter();
            // The log's routes take a token where the log is not public, as on these stages.
            let scopes = scopes.filter_map(|way| way["bearer"].as_array()).flatten();
            let scopes = scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect();
            let may_lack = operation["responses"]["404"].is_object();
            routes.push(Route { method: method.clone(), path: path.clone(), scopes, may_lack });
        }
    }
    assert!(routes.len() >= 17, "found only {} routes", routes.len());
    routes
}

impl Route {
    fn call(&self, stage: &Stage) -> Call {
        stage.call(&self.method, &self.path.replace("{id}", "tv-178"))
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A gateway each of whose routes but [`PUBLIC`] takes a token.
async fn closed() -> Stage {
    Stage::set(|set| set.audit_settings.push_str("public = false")).await
}

fn refused(name: &str, answer: &Answer, status: u16, problem: &str) {
    assert_eq!(answer.status, status, "{name}: {}", answer.body);
    assert_eq!(answer.problem(), problem, "{name}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
    assert_eq!(answer.header("cache-control"), "no-store", "{name}");
}

#[test]
fn the_public_routes_are_in_the_document() {
    let document = serde_json::to_value(openapi()).unwrap();
    for public in PUBLIC {
        let (method, path) = public.split_once(' ').unwrap();
        assert!(document["paths"][path][method].is_object(), "{public} is gone: shorten the list");
    }
}

#[tokio::test]
async fn no_route_opens_without_a_good_token() {
    let stage = closed().await;
    for route in routes() {
        let name = route.name();
        let none = route.call(&stage).send().await;
        refused(&name, &none, 401, "missing-token");
        assert_eq!(none.header("www-authenticate"), r#"Bearer realm="consentry""#, "{name}");
        let basic = route.call(&stage).header("authorization", "Basic YTpi").send().await;
        refused(&name, &basic, 401, "missing-token");
        for (token, reason) in [
            (stage.expired(), "expired"),
            (stage.forged(), "bad_signature"),
            ("no.token.ofours".to_owned(), "malformed"),
        ] {
            let answer = route.call(&stage).token(&token).send().await;
            refused(&name, &answer, 401, "invalid-token");
            assert_eq!(answer.json()["reason"], reason, "{name}");
            assert!(answer.header("www-authenticate").contains("invalid_token"), "{name}");
        }
    }
}

#[tokio::test]
async fn no_route_opens_with_another_scope() {
    let stage = closed().await;
    let mut tokens = vec![("self".to_owned(), stage.person("ada"))];
    tokens.push(("audit:read".to_owned(), stage.auditor()));
    tokens.push(("operate".to_owned(), stage.operator()));
    for scope in ["recommend", "events", "catalog", "consent", "rights"] {
        tokens.push((scope.to_owned(), stage.app("shop", scope)));
    }
    for route in routes() {
        for (scope, token) in &tokens {
            // A route of any scope, or of this one, is not closed to it.
            if route.scopes.is_empty() || route.scopes.contains(scope) {
                continue;
            }
            let name = format!("{} with {scope}", route.name());
            let answer = route.call(&stage).token(token).send().await;
            refused(&name, &answer, 403, "wrong-scope");
            let needed = answer.json()["needed"].as_str().unwrap().to_owned();
            assert!(route.scopes.contains(&needed), "{name} asks for {needed}");
        }
    }
}

#[tokio::test]
async fn every_route_opens_with_each_of_its_scopes() {
    let stage = closed().await;
    for route in routes() {
        for scope in &route.scopes {
            let token = match scope.as_str() {
                "self" => stage.person("ada"),
                "audit:read" => stage.auditor(),
                scope => stage.app("shop", scope),
            };
            let answer = route.call(&stage).token(&token).send().await;
            let name = format!("{} with {scope}: {}", route.name(), answer.body);
            let status = answer.status.as_u16();
            assert!(!matches!(status, 401 | 403 | 405 | 500..), "{name}");
            assert!(status != 404 || route.may_lack, "{name}");
        }
    }
}

#[tokio::test]
async fn without_consent_nothing_personal_is_used() {
    let stage = Stage::start().await;
    let ask = json!({"subject": {"id": "ada"}, "purpose": "recommend_products",
                     "context": {"location": {"lat": 37.5, "lon": 127}}});
    let answer = stage.post("/v1/recommendations").token(&stage.shop()).json(&ask).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["tier"], "none");
    assert_eq!(told["decision"]["used"], json!([]));
    assert_eq!(told["decision"]["withheld"][0]["category"], "location");
    assert!(told["log"]["index"].is_u64(), "{told}");

    let preview =
        stage.post("/v1/recommendations/preview").token(&stage.shop()).json(&ask).send().await;
    let told = preview.json();
    assert_eq!((&told["tier"], preview.status.as_u16()), (&json!("none"), 200));
    let sent: Vec<&Value> =
        told["tiers"].as_array().unwrap().iter().map(|t| &t["request"]).collect();
    assert!(sent.iter().skip(1).all(|request| request.is_null()), "{told}");
    assert!(!told.to_string().contains("37.5"), "{told}");

    let lines = format!("{ask}\n");
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let batch = batch.body("application/x-ndjson", lines).send().await;
    assert_eq!(batch.lines()[0]["tier"], "none", "{}", batch.body);

    let event = json!({"events": [{"subject": {"id": "ada"}, "type": "view", "item": "tv-178"}]});
    let events = stage.post("/v1/events").token(&stage.shop()).json(&event).send().await;
    assert_eq!(events.status, 202, "{}", events.body);
    let dropped = json!([{"index": 0, "reason": "not_consented"}]);
    assert_eq!(events.json(), json!({"accepted": 0, "forwarded": 0, "dropped": dropped}));

    let query = json!({"subject": {"id": "ada"}});
    let stands = stage.post("/v1/consents/query").token(&stage.shop()).json(&query).send().await;
    assert_eq!(stands.json()["epoch"], 0, "asking has created somebody: {}", stands.body);
}

#[tokio::test]
async fn an_app_that_is_not_registered_gets_an_answer_for_everybody() {
    let stage = Stage::start().await;
    let ask = json!({"subject": {"id": "ada"}, "purpose": "recommend_products"});
    let token = stage.app("kiosk", "recommend consent");
    let answer = stage.post("/v1/recommendations").token(&token).json(&ask).send().await;
    let told = answer.json();
    assert_eq!((answer.status.as_u16(), &told["tier"]), (200, &json!("none")));
    let reasons = told["decision"]["reasons"].as_array().unwrap();
    let reasons: BTreeSet<&str> = reasons.iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains("purpose_not_registered"), "{told}");

    let give = json!({"subject": {"id": "ada"}, "purpose": "recommend_products", "action": "give", "method": "app"});
    let given = stage.post("/v1/consents").token(&token).json(&give).send().await;
    refused("giving", &given, 403, "purpose-not-registered");
}

#[tokio::test]
async fn a_person_gives_sees_and_takes_back() {
    let stage = Stage::start().await;
    let ada = stage.person("ada");
    let purposes = stage.get("/v1/purposes?language=ko-KR").token(&ada).send().await.json();
    let purposes = purposes["purposes"].as_array().unwrap();
    let purpose = purposes.iter().find(|p| p["id"] == "recommend_products").unwrap();
    assert_eq!(purpose["notice"]["language"], "ko");
    let mut act = json!({"purpose": "recommend_products", "action": "give", "method": "app"});
    let bare = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    refused("without a notice", &bare, 422, "notice-required");
    act["notice"] = json!({"snapshot": "e30.e30.e30"});
    let wrong = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    refused("with a notice of nobody's", &wrong, 422, "notice-invalid");
    act["notice"] = json!({"snapshot": purpose["notice"]["snapshot"]});
    let given = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    assert_eq!(given.status, 201, "{}", given.body);
    assert_eq!((&given.json()["epoch"], &given.json()["durable"]), (&json!(1), &json!(true)));
    let mine = stage.get("/v1/me/consents").token(&ada).send().await.json();
    let of = |mine: &Value| {
        let all = mine["purposes"].as_array().unwrap();
        all.iter().find(|p| p["id"] == "recommend_products").unwrap().clone()
    };
    assert_eq!(of(&mine)["state"], "given");
    let preview = json!({"purpose": "recommend_products"});
    let preview = stage.post("/v1/recommendations/preview").token(&ada).json(&preview).send().await;
    assert_eq!(preview.json()["tier"], "individual", "{}", preview.body);
    act = json!({"purpose": "recommend_products", "action": "withdraw", "method": "app"});
    let taken = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    assert_eq!((taken.status.as_u16(), &taken.json()["epoch"]), (201, &json!(2)));
    let again = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    refused("withdrawing twice", &again, 409, "consent-conflict");
    assert_eq!(again.json()["reason"], "nothing_given");
    let mine = stage.get("/v1/me/consents").token(&ada).send().await.json();
    assert_eq!(of(&mine)["state"], "withdrawn");
}

/// Gives consent to recommendations, for a person who was shown the notice in force.
async fn give(stage: &Stage, id: &str) {
    let token = stage.person(id);
    let purposes = stage.get("/v1/purposes").token(&token).send().await.json();
    let purposes = purposes["purposes"].as_array().unwrap();
    let purpose = purposes.iter().find(|p| p["id"] == "recommend_products").unwrap();
    let act = json!({"purpose": "recommend_products", "action": "give", "method": "app",
                     "notice": {"snapshot": purpose["notice"]["snapshot"]}});
    let given = stage.post("/v1/consents").token(&token).json(&act).send().await;
    assert_eq!(given.status, 201, "{}", given.body);
}

/// Since when an objection of the person's stands.
async fn objected(stage: &Stage, id: &str) -> Value {
    let query = json!({"subject": {"id": id}});
    let stands = stage.post("/v1/consents/query").token(&stage.shop()).json(&query).send().await;
    let stands = stands.json();
    let purposes = stands["purposes"].as_array().unwrap();
    purposes.iter().find(|p| p["id"] == "recommend_products").unwrap()["objected_at"].clone()
}

#[tokio::test]
async fn a_signal_objects_until_consent_is_given_anew() {
    let stage = Stage::start().await;
    for id in ["ada", "ben", "eve"] {
        give(&stage, id).await;
    }
    let ask = |id: &str, gpc: bool| json!({"subject": {"id": id}, "purpose": "recommend_products", "signals": {"gpc": gpc}});
    let with_header = stage.post("/v1/recommendations").token(&stage.shop());
    let with_header = with_header.header("sec-gpc", "1").json(&ask("ada", false)).send().await;
    assert_eq!(with_header.status, 200);
    let lines = format!("{}\n{}\n", ask("ben", true), ask("eve", false));
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let batch = batch.header("sec-gpc", "0").body("application/x-ndjson", lines).send().await;
    assert_eq!(batch.lines().len(), 2);
    assert_eq!(objected(&stage, "ada").await, "2026-11-22T03:00:00.000Z");
    assert_eq!(objected(&stage, "ben").await, "2026-11-22T03:00:00.000Z");
    assert_eq!(objected(&stage, "eve").await, Value::Null, "another line's signal is not hers");

    let silent = stage.post("/v1/recommendations").token(&stage.shop());
    assert_eq!(silent.json(&ask("ada", false)).send().await.status, 200);
    assert!(objected(&stage, "ada").await.is_string(), "absence takes nothing back");
    stage.clock.set(Timestamp::parse("2026-11-22T03:00:01Z").unwrap());
    give(&stage, "ada").await;
    assert_eq!(objected(&stage, "ada").await, Value::Null);
}

#[tokio::test]
async fn a_person_speaks_for_nobody_else() {
    let stage = Stage::start().await;
    let ada = stage.person("ada");
    let about = |id: &str| json!({"subject": {"id": id}, "purpose": "recommend_products"});
    let preview =
        |id: &str| stage.post("/v1/recommendations/preview").token(&ada).json(&about(id)).send();
    refused("preview", &preview("bob").await, 403, "not-yours");
    assert_eq!(preview("ada").await.status, 200);
    let mut act = about("bob");
    act["action"] = json!("refuse");
    act["method"] = json!("app");
    let refusal = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    refused("consent", &refusal, 403, "not-yours");
    act["subject"] = json!({"id": "ada"});
    act["guardian"] = json!(true);
    let guardian = stage.post("/v1/consents").token(&ada).json(&act).send().await;
    refused("guardian", &guardian, 422, "invalid-body");
}

#[tokio::test]
async fn a_person_sets_rules_and_clears_them() {
    let stage = Stage::start().await;
    let ada = stage.person("ada");
    let nothing = stage.get("/v1/me/rules").token(&ada).send().await;
    assert_eq!(nothing.json()["cap"], "individual");
    assert_eq!(nothing.header("cache-control"), "no-store");
    let patch = r#"{"cap":"none","mutes":{"tags":["alcohol"]},"dial":0.5}"#;
    let patched = stage.call("PATCH", "/v1/me/rules").token(&ada);
    let patched = patched.body("application/merge-patch+json", patch).send().await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    let read = stage.get("/v1/me/rules").token(&ada).send().await.json();
    assert_eq!(read, patched.json());
    assert_eq!(read["mutes"]["tags"], json!(["alcohol"]));
    assert_eq!((&read["mutes"]["items"], &read["mutes"]["met"]["shown"]), (&json!([]), &json!(0)));
    let cleared = stage.call("PATCH", "/v1/me/rules").token(&ada);
    let cleared = cleared.json(&json!({"cap": null, "mutes": null, "dial": null})).send().await;
    assert_eq!(cleared.json(), nothing.json());
}

#[tokio::test]
async fn items_come_one_by_one_or_a_line_each() {
    let stage = Stage::start().await;
    let token = stage.app("shop", "catalog");
    let one = stage.call("PUT", "/v1/items/tv%2F1").token(&token).json(&json!({"tags": ["tv"]}));
    let one = one.send().await;
    assert_eq!((one.status.as_u16(), one.json()), (200, json!({"items": 1})), "{}", one.body);
    let lines =
        "{\"id\":\"a\"}\n\n{\"id\":\"b\",\"tags\":[\"x\"],\"attributes\":{\"brand\":\"Aurora\"}}\n";
    let many = stage.call("PUT", "/v1/items").token(&token).body("application/x-ndjson", lines);
    assert_eq!(many.send().await.json(), json!({"items": 2}));
    let bad = stage.call("PUT", "/v1/items").token(&token);
    let bad = bad.body("application/x-ndjson", "{\"id\":\"c\"}\n{\"tags\":[]}\n").send().await;
    refused("a line without an id", &bad, 422, "invalid-body");
    assert_eq!(bad.json()["line"], 2);
    let ask = json!({"purpose": "recommend_products", "count": 10});
    let answer = stage.post("/v1/recommendations").token(&stage.shop()).json(&ask).send().await;
    let items = answer.json()["items"].as_array().unwrap().clone();
    let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["tv/1", "a", "b"], "a bad body is taken in no part");
    assert_eq!(items[0]["rank"], 1);
}

#[tokio::test]
async fn a_batch_answers_each_line_in_order() {
    let stage = Stage::start().await;
    let lines: Vec<String> = (0..100)
        .map(|n| match n {
            3 => "{\"purpose\":".to_owned(),
            5 => json!({"purpose": "recommend_products", "count": 0}).to_string(),
            n => json!({"subject": {"id": format!("person-{n}")}, "purpose": "recommend_products",
                        "candidates": [{"id": format!("item-{n}")}]})
            .to_string(),
        })
        .collect();
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let batch = batch.body("application/x-ndjson", lines.join("\n")).send().await;
    assert_eq!(
        (batch.status.as_u16(), batch.header("content-type")),
        (200, "application/x-ndjson")
    );
    let answers = batch.lines();
    assert_eq!(answers.len(), 100);
    for (n, answer) in answers.iter().enumerate() {
        match n {
            3 => assert_eq!((&answer["status"], &answer["line"]), (&json!(400), &json!(4))),
            5 => assert_eq!((&answer["status"], &answer["line"]), (&json!(422), &json!(6))),
            n => assert_eq!(answer["items"][0]["id"], format!("item-{n}"), "{answer}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let stage = Stage::start().await;
    let nothing = stage.get("/v1/people/ada").send().await;
    refused("a path", &nothing, 404, "not-found");
    assert!(!nothing.body.contains("ada"));
    let method = stage.call("DELETE", "/v1/events").send().await;
    refused("a method", &method, 405, "method-not-allowed");
    assert!(method.header("allow").contains("POST"), "{:?}", method.headers);
    assert_eq!(stage.get("/healthz").send().await.json(), json!({"status": "ok"}));
    let page = stage.get("/problems/not-found").send().await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    refused("a page", &stage.get("/problems/ada").send().await, 404, "not-found");
    let reference = stage.get("/docs").send().await;
    assert!(reference.status == 200 && reference.body.contains("/v1/recommendations/preview"));
    let document = stage.get("/openapi.json").send().await;
    assert_eq!(document.json(), serde_json::to_value(openapi()).unwrap());
}
