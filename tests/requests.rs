//! What people ask for by right: what is done at once, what waits for an operator, by when, and what nobody else sees of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]

mod support;

use std::time::Duration;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    book::events,
    client::Answer,
    model::Model,
    needles::Needles,
};

const OWN: &str = "/v1/me/requests";
const BY_APP: &str = "/v1/rights/requests";
const QUEUE: &str = "/v1/operate/requests";
const DAY: u64 = 24 * 60 * 60;

/// A gateway that recommends, before a model that remembers what it saw.
async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 7).await;
    stage
}

impl Stage {
    /// `id` asks with a token of their own.
    async fn asks(&self, id: &str, body: &Value) -> Answer {
        self.post(OWN).token(&self.person(id)).json(body).send().await
    }

    async fn taken(&self, id: &str, body: &Value) -> Value {
        let answer = self.asks(id, body).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.json()
    }

    /// The shop asks for `id`.
    async fn asked_for(&self, id: &str, more: &Value) -> Answer {
        let mut body = json!({"subject": {"id": id}, "type": "restriction"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post(BY_APP).token(&self.shop()).json(&body).send().await
    }

    async fn reads(&self, id: &str, request: &Value) -> Answer {
        let path = format!("{OWN}/{}", request["id"].as_str().unwrap());
        self.get(&path).token(&self.person(id)).send().await
    }

    async fn answers(&self, request: &Value, what: &str, body: &Value) -> Answer {
        let path = format!("{QUEUE}/{}/{what}", request["id"].as_str().unwrap());
        self.operate("POST", &path).json(body).send().await
    }

    fn later(&self, seconds: u64) {
        let noon = Timestamp::parse("2026-11-22T03:00:00Z").unwrap();
        self.clock.set(noon.after(Duration::from_secs(seconds)));
    }

    fn confirmed(&self) -> Value {
        json!({"method": "session", "verified_at": self.behind().gateway.now().rfc3339()})
    }
}

#[tokio::test]
async fn a_restriction_holds_when_it_is_answered() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    let before = stage.log().await.len();
    let told = stage.taken("ada", &json!({"type": "restriction"})).await;
    assert_eq!(
        (&told["status"], &told["notes"][0]["done"]),
        (&json!("completed"), &json!("paused"))
    );
    assert_eq!((&told["due_on"], &told["held"]), (&json!("2026-12-02"), &json!(true)));
    let wanted = ["rights.rules", "rights.requested", "rights.answered"];
    let rows = stage.log_since(before).await;
    assert_eq!(events(&rows, &wanted), wanted, "what is done stands with the request");
    let body = stage.opens("ada", rows[1].index).unwrap();
    assert_eq!((&body["right"], &body["law"]), (&json!("restriction"), &json!("kr-pipa")));
    model.forget_what_was_seen();
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    let seen = model.seen_on("/recommend");
    assert!(seen.iter().all(|seen| !seen.body.contains("\"user\"")), "{seen:?}");
    // Consent still stands, and is used again once the person lifts the restriction.
    ada.sets(&json!({"pause_until": null})).await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
}

#[tokio::test]
async fn nothing_acts_before_it_is_confirmed_whom_a_request_speaks_for() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let told = stage.asked_for("ada", &json!({})).await.json();
    assert_eq!(told["status"], "received");
    assert!(told.get("notes").is_none(), "an app is told no more than how it stands: {told}");
    let again = stage.asked_for("ada", &json!({})).await.json();
    assert_eq!(again, told, "asking twice confirms nothing");
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    let completed = stage.answers(&told, "answer", &json!({"outcome": "completed"})).await;
    assert_eq!((completed.status.as_u16(), completed.problem()), (409, "request-conflict".into()));

    let path = format!("{BY_APP}/{}/identity", told["id"].as_str().unwrap());
    let confirm = |token: String, id: &str, identity: Value| {
        let body = json!({"subject": {"id": id}, "identity": identity});
        stage.post(&path).token(&token).json(&body).send()
    };
    let other = confirm(stage.shop(), "eve", stage.confirmed()).await;
    assert_eq!((other.status.as_u16(), other.problem()), (403, "not-yours".into()));
    let kiosk = confirm(stage.app("kiosk", "rights"), "ada", stage.confirmed()).await;
    assert_eq!(kiosk.status, 404, "another app's request: {}", kiosk.body);
    for verified_at in ["2026-10-01T00:00:00Z", "2026-11-23T03:00:00Z"] {
        let identity = json!({"method": "session", "verified_at": verified_at});
        let old = confirm(stage.shop(), "ada", identity).await;
        assert_eq!((old.status.as_u16(), old.problem()), (422, "invalid-body".into()));
        assert!(old.body.contains("within the last 30 days"), "{}", old.body);
    }
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual", "none of these acted");

    let done = confirm(stage.shop(), "ada", stage.confirmed()).await;
    assert_eq!(done.json()["status"], "completed", "{}", done.body);
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    let rows = stage.log().await.len();
    assert_eq!(confirm(stage.shop(), "ada", stage.confirmed()).await.json(), done.json());
    assert!(events(&stage.log_since(rows).await, &["rights.identified"]).is_empty());
}

#[tokio::test]
async fn a_request_about_somebody_unknown_is_answered_and_makes_nobody_known() {
    let stage = Stage::start().await;
    for kind in ["access", "erasure", "restriction", "automated_decision_refusal"] {
        let told = stage.taken("nobody", &json!({"type": kind, "statement": "who am I?"})).await;
        assert_eq!((&told["status"], &told["held"]), (&json!("completed"), &json!(false)));
        assert_eq!(told["wanted"], Value::Null, "what they said is not kept");
        assert_eq!(stage.reads("nobody", &told).await.json(), told);
        assert_eq!(stage.reads("eve", &told).await.status, 404);
    }
    let waits = stage.asked_for("nobody", &json!({})).await.json();
    assert_eq!((&waits["status"], &waits["held"]), (&json!("received"), &json!(false)));
    assert!(stage.find("nobody").is_none());
    let rows = stage.log().await;
    assert_eq!(events(&rows, &["subject.created", "rights.rules"]), [""; 0]);
    let body = rows.iter().filter(|row| row.event() == "rights.requested");
    assert!(body.clone().all(|row| stage.opens_nobodys(row.index).unwrap()["statement"].is_null()));
    assert_eq!(body.count(), 5);
}

#[tokio::test]
async fn nobody_else_reads_a_request_and_nothing_said_stands_in_the_clear() {
    const ID: &str = "ada-the-canary-7731";
    let stage = Stage::start().await;
    stage.known_as(ID).gives().await;
    stage.known_as("eve").gives().await;
    let words = "my-very-own-canary-words";
    let told = stage.taken(ID, &json!({"type": "explanation", "statement": words})).await;
    assert_eq!(told["wanted"]["statement"], words);
    assert_eq!(stage.reads("eve", &told).await.status, 404);
    let id = told["id"].as_str().unwrap();
    let by_app = stage.get(&format!("{BY_APP}/{id}")).token(&stage.shop()).send().await;
    assert_eq!(by_app.status, 404, "the shop did not send it");
    let eves = stage.get(OWN).token(&stage.person("eve")).send().await.json();
    assert_eq!(eves["requests"], json!([]));
    let cancel = format!("{OWN}/{id}/cancel");
    assert_eq!(stage.post(&cancel).token(&stage.person("eve")).send().await.status, 404);
    assert_eq!(stage.reads(ID, &told).await.json(), told, "eve changed nothing");

    let needles = [Needles::of(words), Needles::of(ID)];
    let hidden = |bytes: &[u8]| needles.iter().all(|needle| !needle.are_in(bytes));
    let register = stage.get("/v1/audit/requests").token(&stage.auditor()).send().await;
    let queue = stage.operate("GET", QUEUE).send().await;
    assert!(hidden(register.body.as_bytes()) && register.body.contains(id), "{}", register.body);
    assert!(hidden(queue.body.as_bytes()) && queue.body.contains(id), "{}", queue.body);
    assert!(stage.log().await.iter().all(|row| hidden(&row.bytes)));
    for record in stage.behind().store.scan(b"") {
        let (key, record) = record.unwrap();
        assert!(!needles[0].are_in(&record.value) && !needles[0].are_in(key.as_bytes()));
    }
}

#[tokio::test]
async fn an_operator_opens_a_request_on_record_and_the_person_reads_the_answer() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    let told = stage.taken("ada", &json!({"type": "explanation", "statement": "why tents?"})).await;
    assert_eq!((&told["status"], &told["due_on"]), (&json!("in_progress"), &json!("2026-12-22")));
    assert_eq!(told["notes"][0]["see"], json!(["/v1/me/decisions"]));
    let before = stage.log().await.len();
    let path = format!("{QUEUE}/{}", told["id"].as_str().unwrap());
    let opened = stage.operate("GET", &path).send().await;
    assert_eq!(opened.json()["wanted"]["statement"], "why tents?");
    let rows = stage.log_since(before).await;
    let row = rows.iter().find(|row| row.event() == "operator.opened").unwrap();
    assert_eq!(stage.opens_nobodys(row.index).unwrap()["request"], told["id"]);

    let bare = stage.answers(&told, "answer", &json!({"outcome": "refused"})).await;
    assert_eq!((bare.status.as_u16(), bare.problem()), (422, "invalid-body".into()));
    let no =
        json!({"outcome": "refused", "reason": "claim_not_covered", "text": "You never saw one."});
    let refused = stage.answers(&told, "answer", &no).await.json();
    assert_eq!(
        (&refused["status"], &refused["reason"]),
        (&json!("refused"), &json!("claim_not_covered"))
    );
    let read = stage.reads("ada", &told).await.json();
    assert_eq!((&read["status"], &read["days_left"]), (&json!("refused"), &Value::Null));
    assert_eq!(read["notes"][1]["text"], "You never saw one.");
    let again = stage.answers(&told, "answer", &no).await;
    assert_eq!((again.status.as_u16(), again.json()["state"].clone()), (409, json!("refused")));
    let unknown = json!({"id": "6f0c2f9e-3f5b-4d5e-9c55-7d9a1f0b8a11"});
    assert_eq!(stage.answers(&unknown, "answer", &no).await.status, 404);
}

#[tokio::test]
async fn time_is_extended_as_the_law_gives_it_and_what_is_late_shows() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    let told = stage.taken("ada", &json!({"type": "explanation"})).await;
    let wrong = json!({"type": "rectification", "regulation": "gdpr", "statement": "not mine"});
    let correct = stage.taken("ada", &wrong).await;
    assert_eq!(
        (&correct["status"], &correct["due_on"]),
        (&json!("in_progress"), &json!("2026-12-22"))
    );
    let why = json!({"reason": "just_cause", "text": "Two systems have to be asked."});
    for due in ["2027-01-21", "2027-02-22"] {
        let put_off = stage.answers(&told, "extend", &why).await;
        assert_eq!(put_off.json()["due_on"], due, "{}", put_off.body);
    }
    let third = stage.answers(&told, "extend", &why).await;
    assert_eq!((third.status.as_u16(), third.problem()), (409, "request-conflict".into()));
    let wrong = stage.answers(&correct, "extend", &why).await;
    assert_eq!(wrong.status, 409, "the GDPR knows no such reason: {}", wrong.body);
    let read = stage.reads("ada", &told).await.json();
    assert_eq!((&read["extended"], &read["notes"][2]["reason"]), (&json!(2), &json!("just_cause")));

    let numbers = || stage.behind().observer.metrics();
    assert!(
        numbers().contains("consentry_requests_open{type=\"rectification\"} 1"),
        "{}",
        numbers()
    );
    assert!(numbers().contains("consentry_requests_overdue 0"));
    // December 22 ends in Korea, the controller's zone, at 15:00Z: 30 days and 12 hours on.
    assert!(numbers().contains("consentry_request_next_deadline_seconds 2635200"), "{}", numbers());
    stage.later(30 * DAY + DAY / 2);
    assert!(numbers().contains("consentry_requests_overdue 1"), "{}", numbers());
    let status = stage.operate("GET", "/v1/operate/status").send().await.json();
    assert_eq!(status["overdue_requests"], 1);
    let late = stage.answers(&correct, "extend", &json!({"reason": "complexity"})).await;
    assert_eq!(late.status, 409, "a time that has run out is not made longer: {}", late.body);
    let queue = stage.operate("GET", QUEUE).send().await.json();
    assert_eq!(
        (&queue["requests"][0]["id"], &queue["requests"][0]["overdue"]),
        (&correct["id"], &json!(true))
    );
    assert_eq!(queue["requests"][1]["overdue"], false);
    stage.answers(&correct, "answer", &json!({"outcome": "completed"})).await;
    assert!(numbers().contains("consentry_requests_overdue 0"), "{}", numbers());
}

#[tokio::test]
async fn a_retry_and_the_same_once_more_are_one_request() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    let body = json!({"type": "explanation", "statement": "why?"});
    let keyed = |body: &Value| {
        let call = stage.post(OWN).token(&stage.person("ada"));
        call.header("idempotency-key", "\"one\"").json(body).send()
    };
    let first = keyed(&body).await.json();
    let rows = stage.log().await.len();
    assert_eq!(keyed(&body).await.json(), first);
    assert_eq!(stage.taken("ada", &body).await["id"], first["id"], "the same is open");
    assert_eq!(stage.log().await.len(), rows, "nothing was done again");
    let other = keyed(&json!({"type": "access"})).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-mismatch".into()));
    let more =
        stage.taken("ada", &json!({"type": "explanation", "statement": "really, why?"})).await;
    assert_ne!(more["id"], first["id"]);

    let cancel = format!("{OWN}/{}/cancel", first["id"].as_str().unwrap());
    let cancelled = stage.post(&cancel).token(&stage.person("ada")).send().await.json();
    assert_eq!(cancelled["status"], "cancelled");
    let twice = stage.post(&cancel).token(&stage.person("ada")).send().await;
    assert_eq!((twice.status.as_u16(), twice.problem()), (409, "request-conflict".into()));
    assert_eq!(keyed(&body).await.json()["status"], "cancelled", "a retry tells how it stands");
    assert_ne!(stage.taken("ada", &body).await["id"], first["id"], "what is closed is asked anew");
    let list = stage.get(OWN).token(&stage.person("ada")).send().await.json();
    assert_eq!(list["requests"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_objection_ends_the_purposes_it_names_and_no_other() {
    let stage = Stage::start().await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    ada.gives_to("marketing_messages", &json!({})).await;
    let ask = json!({"type": "objection", "purposes": ["marketing_messages"]});
    let told = stage.taken("ada", &ask).await;
    assert_eq!(
        (&told["status"], &told["notes"][0]["done"]),
        (&json!("completed"), &json!("objected"))
    );
    assert_eq!(ada.stands("marketing_messages").await["state"], "refused");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "given");
    let all = stage.taken("ada", &json!({"type": "objection"})).await;
    assert_eq!(all["status"], "completed");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "refused");
    let unknown = stage.asks("ada", &json!({"type": "objection", "purposes": ["none"]})).await;
    assert_eq!((unknown.status.as_u16(), unknown.problem()), (422, "unknown-purpose".into()));
}

#[tokio::test]
async fn a_refusal_of_automated_decisions_keeps_answers_impersonal() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let told = stage.taken("ada", &json!({"type": "automated_decision_refusal"})).await;
    assert_eq!((&told["status"], &told["due_on"]), (&json!("completed"), &json!("2026-12-22")));
    is_for_everybody(&shop.asks_for(&ada).await, 10);
    let rules = stage.get("/v1/me/rules").token(&stage.person("ada")).send().await.json();
    assert_eq!(rules["cap"], "none");
}

#[tokio::test]
async fn the_mark_of_a_child_is_set_at_once_and_lifted_by_the_operator_alone() {
    let stage = Stage::start().await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let until = || stage.find("ada").unwrap().standing.under_14_until;
    let child = json!({"type": "rectification", "under_14_until": "2030-05-01"});
    assert_eq!(stage.taken("ada", &child).await["status"], "completed");
    assert_eq!(until(), Timestamp::parse("2030-05-01T12:00:00Z").ok());
    let grown = stage.taken("ada", &json!({"type": "rectification", "under_14_until": null})).await;
    assert_eq!(grown["status"], "in_progress");
    assert!(until().is_some(), "a child may say that they are none");
    let before = stage.log().await.len();
    let done = stage.answers(&grown, "answer", &json!({"outcome": "completed"})).await;
    assert_eq!(done.json()["status"], "completed", "{}", done.body);
    assert_eq!(until(), None);
    let rows = stage.log_since(before).await;
    let wanted = ["rights.corrected", "rights.answered"];
    assert_eq!(events(&rows, &wanted), wanted);
}

#[tokio::test]
async fn a_child_does_not_grow_up_by_their_own_word() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (kid, shop) = (stage.known_as("kid"), stage.shopkeeper());
    let marks = json!({"purpose": "marketing_messages", "action": "refuse",
        "subject": {"id": "kid", "under_14_until": "2030-05-01"}});
    assert_eq!(kid.acts(&marks).await.status, 201);
    kid.gives().await;
    let until = || stage.find("kid").unwrap().standing.under_14_until;
    let marked = until();
    model.forget_what_was_seen();
    for earlier in ["2001-01-01", "2026-11-23"] {
        let wants = json!({"type": "rectification", "under_14_until": earlier});
        let told = stage.taken("kid", &wants).await;
        assert_eq!(told["status"], "in_progress", "{told}");
        let own = stage.reads("kid", &told).await.json();
        assert_eq!(own["wanted"]["under_14_until"], format!("{earlier}T12:00:00.000Z"), "{own}");
        let shown = stage.operate("GET", &format!("{QUEUE}/{}", told["id"].as_str().unwrap()));
        assert_eq!(shown.send().await.json()["wanted"], own["wanted"], "the operator sees it too");
        stage.answers(&told, "answer", &json!({"outcome": "refused", "reason": "unfounded"})).await;
    }
    let marks = json!({"purpose": "marketing_messages", "action": "refuse",
        "subject": {"id": "kid", "under_14_until": "2026-11-01"}});
    kid.acts(&marks).await;
    is_for_everybody(&shop.asks_for(&kid).await, 10);
    assert_eq!(until(), marked);
    let said = |seen: &support::model::Seen| seen.body.contains("\"user\"");
    assert!(!model.seen().iter().any(said), "{:?}", model.seen());
    let later = json!({"type": "rectification", "under_14_until": "2031-05-01"});
    assert_eq!(stage.taken("kid", &later).await["status"], "completed", "a mark is set at once");
    let earlier = json!({"type": "rectification", "under_14_until": "2029-05-01"});
    let asked = stage.taken("kid", &earlier).await;
    let done = stage.answers(&asked, "answer", &json!({"outcome": "completed"})).await;
    assert_eq!(done.json()["status"], "completed", "{}", done.body);
    assert_eq!(until(), Timestamp::parse("2029-05-01T12:00:00Z").ok(), "the operator checked it");
}

#[tokio::test]
async fn what_a_guardian_gave_ends_when_the_child_turns_out_to_be_none() {
    let stage = Stage::start().await;
    stage.shelves(20, 4).await;
    let records = json!({
        "subject": {"id": "haru"}, "under_14_until": "2030-05-01", "guardian": {"id": "mum"},
        "verification": {"method": "text_message", "verified_at": "2026-11-22T00:00:00Z"}
    });
    let recorded = stage.post("/v1/guardians").token(&stage.shop()).json(&records).send().await;
    assert_eq!(recorded.status, 200, "{}", recorded.body);
    let (haru, shop) = (stage.known_as("haru"), stage.shopkeeper());
    let give = json!({"purpose": RECOMMEND, "action": "give", "guardian": true,
        "notice": {"snapshot": stage.notice(RECOMMEND).await}});
    assert_eq!(haru.acts(&give).await.status, 201);
    assert_eq!(shop.asks_for(&haru).await["tier"], "individual");
    for (until, state) in [(json!("2029-05-01"), "given"), (Value::Null, "expired")] {
        let wants = json!({"type": "rectification", "under_14_until": until});
        let asked = stage.taken("haru", &wants).await;
        let done = stage.answers(&asked, "answer", &json!({"outcome": "completed"})).await;
        assert_eq!(done.json()["status"], "completed", "{}", done.body);
        let stands = haru.stands(RECOMMEND).await;
        assert_eq!(stands["state"], state, "{stands}");
        if state == "given" {
            assert_eq!(stands["expires_at"], "2029-05-01T12:00:00.000Z");
        }
    }
    is_for_everybody(&shop.asks_for(&haru).await, 10);
    let log = stage.log().await;
    assert_eq!(events(&log, &["consent.expired"]).len(), 1, "and it is written once");
    haru.gives().await;
    assert_eq!(shop.asks_for(&haru).await["tier"], "individual", "who speaks for themselves");
}

#[tokio::test]
async fn the_register_tells_each_kind_and_is_itself_read_on_record() {
    let stage = Stage::start().await;
    stage.known_as("ada").gives().await;
    stage.taken("ada", &json!({"type": "restriction"})).await;
    let open = stage.taken("ada", &json!({"type": "explanation", "regulation": "gdpr"})).await;
    let read = async |query: &str| {
        let path = format!("/v1/audit/requests{query}");
        stage.get(&path).token(&stage.auditor()).send().await
    };
    let both = read("").await.json();
    assert_eq!(both["people"].as_array().unwrap().len(), 2);
    assert_eq!(both["requests"].as_array().unwrap().len(), 1, "the model stands for deletions");
    let person = &both["people"][1];
    let told =
        ["kind", "type", "regulation", "status"].map(|member| person[member].as_str().unwrap());
    assert!(told == ["person", "explanation", "gdpr", "in_progress"] || told[1] == "restriction");
    let deletions = read("?kind=deletion").await.json();
    assert_eq!(deletions["people"], json!([]));
    let since = read("?kind=person&from=2026-11-23T00:00:00Z").await.json();
    let ids: Vec<&Value> = since["people"].as_array().unwrap().iter().map(|p| &p["id"]).collect();
    assert_eq!(
        (ids, &since["requests"]),
        (vec![&open["id"]], &json!([])),
        "what is open is told always"
    );
    let wrong = read("?kind=people").await;
    assert_eq!((wrong.status.as_u16(), wrong.problem()), (400, "invalid-parameter".into()));
}

#[tokio::test]
async fn what_cannot_be_asked_is_told() {
    let stage = Stage::start().await;
    let long = "x".repeat(4097);
    for (body, told) in [
        (json!({"type": "oblivion"}), "must be one of access, portability"),
        (json!({}), "`type` is missing"),
        (json!({"type": "access", "regulation": "none"}), "must be one of ccpa, gdpr"),
        (
            json!({"type": "access", "regulation": "kr-network-act"}),
            "gives no time for such a request",
        ),
        (json!({"type": "access", "identity": stage.confirmed()}), "can be stated by an app only"),
        (json!({"type": "access", "statement": long}), "1 to 4096 bytes"),
        (json!({"type": "access", "statement": ""}), "1 to 4096 bytes"),
        (json!({"type": "access", "suppress": true}), "goes with an erasure only"),
        (json!({"type": "access", "why": 1}), "why"),
    ] {
        let answer = stage.asks("ada", &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem()),
            (422, "invalid-body".into()),
            "{}",
            answer.body
        );
        assert!(answer.body.contains(told), "{}", answer.body);
    }
    let others = stage.asks("ada", &json!({"type": "access", "subject": {"id": "eve"}})).await;
    assert_eq!((others.status.as_u16(), others.problem()), (403, "not-yours".into()));
    let nobody =
        stage.post(BY_APP).token(&stage.shop()).json(&json!({"type": "access"})).send().await;
    assert!(nobody.status == 422 && nobody.body.contains("`subject` is missing"));
    assert_eq!(
        stage.get(&format!("{OWN}/none")).token(&stage.person("ada")).send().await.status,
        404
    );
    let listed = stage.operate("GET", &format!("{QUEUE}?state=late")).send().await;
    assert_eq!((listed.status.as_u16(), listed.problem()), (400, "invalid-parameter".into()));
    assert!(stage.find("ada").is_none());
}

#[tokio::test]
async fn a_request_outlives_a_restart_and_its_deadline_does_not_move() {
    let folder = support::wiring::fresh_folder();
    let at = folder.clone();
    let stage = Stage::set(move |set| (set.folder, set.disk) = (Some(at), None)).await;
    stage.known_as("ada").gives().await;
    let told = stage.taken("ada", &json!({"type": "explanation", "statement": "why?"})).await;
    stage.stop().await;
    let stage = Stage::set(move |set| (set.folder, set.disk) = (Some(folder), None)).await;
    assert_eq!(stage.reads("ada", &told).await.json(), told);
}
