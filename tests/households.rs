//! Who shares a living room, and who acts for a child.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use consentry::domain::Timestamp;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    book::events,
    client::Answer,
    model::{Model, Seen},
};

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_patient_model(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

fn user(seen: &Seen) -> Value {
    serde_json::from_str::<Value>(&seen.body).unwrap()["user"].clone()
}

async fn asks(stage: &Stage, subject: &Value) -> Value {
    let body = json!({"subject": subject, "purpose": RECOMMEND});
    let call = stage.post("/v1/recommendations").token(&stage.shop()).json(&body);
    call.send().await.json()
}

async fn acts(stage: &Stage, token: &str, act: Value) -> Answer {
    let mut body = json!({"purpose": RECOMMEND, "method": "app"});
    body.as_object_mut().unwrap().extend(act.as_object().unwrap().clone());
    if body["action"] == "give" {
        body["notice"] = json!({"snapshot": stage.notice(RECOMMEND).await});
    }
    stage.post("/v1/consents").token(token).json(&body).send().await
}

/// Records mum as haru's guardian; haru turns 14 on the first of December.
async fn records_mum(stage: &Stage) -> Answer {
    let body = json!({
        "subject": {"id": "haru"}, "under_14_until": "2026-12-01", "guardian": {"id": "mum"},
        "verification": {"method": "text_message", "verified_at": "2026-11-22T00:00:00Z"}
    });
    stage.post("/v1/guardians").token(&stage.shop()).json(&body).send().await
}

#[tokio::test]
async fn those_who_share_an_account_share_no_consents_and_no_pseudonym() {
    let model = Model::start();
    let stage = stage(&model).await;
    let of = |profile: &str| json!({"id": "living-room-7", "profile": profile});
    for name in ["mina", "juno"] {
        let given =
            acts(&stage, &stage.shop(), json!({"subject": of(name), "action": "give"})).await;
        assert_eq!(given.status, 201, "{}", given.body);
    }
    for name in ["mina", "juno"] {
        assert_eq!(asks(&stage, &of(name)).await["tier"], "individual");
    }
    for unasked in [of("guest"), json!({"id": "living-room-7"})] {
        is_for_everybody(&asks(&stage, &unasked).await, 10);
    }
    let seen = model.seen_on("/recommend");
    assert_ne!(user(&seen[0]), user(&seen[1]));
    assert!(seen.iter().all(|seen| !seen.body.contains("mina") && !seen.body.contains("living")));
    acts(&stage, &stage.shop(), json!({"subject": of("mina"), "action": "withdraw"})).await;
    is_for_everybody(&asks(&stage, &of("mina")).await, 10);
    assert_eq!(asks(&stage, &of("juno")).await["tier"], "individual", "one's no is one's own");
}

#[tokio::test]
async fn a_guardians_word_counts_once_they_are_verified_and_until_the_child_is_14() {
    let model = Model::start();
    let stage = stage(&model).await;
    let child = json!({"id": "haru"});
    let give = json!({
        "subject": {"id": "haru", "under_14_until": "2026-12-01"}, "action": "give", "guardian": true
    });
    let early = acts(&stage, &stage.shop(), give.clone()).await;
    assert_eq!(early.status, 409, "{}", early.body);
    assert!(early.body.contains("guardian-conflict"), "{}", early.body);
    assert_eq!(records_mum(&stage).await.status, 200);
    assert_eq!(acts(&stage, &stage.shop(), give.clone()).await.status, 201);
    assert_eq!(asks(&stage, &child).await["tier"], "individual");
    let stands = stage.known_as("haru").stands(RECOMMEND).await;
    assert_eq!(stands["expires_at"], "2026-12-01T12:00:00.000Z", "then haru is asked anew");
    stage.clock.set(Timestamp::parse("2026-12-01T12:00:00Z").unwrap());
    is_for_everybody(&asks(&stage, &child).await, 10);
    assert_eq!(stage.known_as("haru").stands(RECOMMEND).await["state"], "expired");
    assert_eq!(
        model.seen_on("/recommend").iter().filter(|seen| user(seen) != Value::Null).count(),
        1
    );
    // Nobody speaks for haru any more, who speaks for themselves.
    let late = acts(&stage, &stage.shop(), give).await;
    assert_eq!(late.status, 409, "{}", late.body);
    let own = acts(&stage, &stage.shop(), json!({"subject": child, "action": "give"})).await;
    assert_eq!(own.status, 201, "{}", own.body);
    assert_eq!(asks(&stage, &child).await["tier"], "individual");
    let log = stage.log().await;
    assert_eq!(events(&log, &["subject.guarded", "consent.expired"]).len(), 2);
}

#[tokio::test]
async fn a_guardian_acts_with_a_token_of_the_child_and_nobody_else_does() {
    let model = Model::start();
    let stage = stage(&model).await;
    records_mum(&stage).await;
    let mum = stage.acting("haru", "mum");
    let given = acts(&stage, &mum, json!({"action": "give"})).await;
    assert_eq!(given.status, 201, "{}", given.body);
    let log = stage.log().await;
    let row = log.iter().find(|row| row.event() == "consent.given").unwrap();
    assert_eq!(stage.opens("haru", row.index).unwrap()["by_guardian"], true);
    let reads = |token: String| stage.get("/v1/me/consents").token(&token).send();
    assert_eq!(reads(mum.clone()).await.status, 200);
    for stranger in [stage.acting("haru", "bob"), stage.acting("nobody", "mum")] {
        let refused = reads(stranger).await;
        assert_eq!(refused.status, 403, "{}", refused.body);
        assert!(refused.body.contains("not-yours"), "{}", refused.body);
    }
    assert_eq!(reads(stage.person("haru")).await.status, 200, "the child sees it too");
    // A child's own word does not open the gate.
    let own = acts(&stage, &stage.person("haru"), json!({"action": "give"})).await;
    assert_eq!(own.status, 201);
    is_for_everybody(&asks(&stage, &json!({"id": "haru"})).await, 10);
    let ends = stage.post("/v1/guardians/remove").token(&stage.shop());
    assert_eq!(ends.json(&json!({"subject": {"id": "haru"}})).send().await.status, 204);
    assert_eq!(reads(mum).await.status, 403);
    assert_eq!(events(&stage.log().await, &["subject.unguarded"]).len(), 1);
}

#[tokio::test]
async fn a_guardian_is_another_who_is_grown_and_was_verified() {
    let model = Model::start();
    let stage = stage(&model).await;
    assert_eq!(records_mum(&stage).await.status, 200);
    let records = stage.records();
    for (child, guardian, until, verified, status, told) in [
        ("ada", "ada", "2030-05-01", "2026-11-22", 409, "Nobody is their own guardian"),
        ("ada", "haru", "2030-05-01", "2026-11-22", 409, "known to be under 14"),
        ("ada", "mum", "2030-05-01", "2026-11-23", 422, "/verification/verified_at"),
        ("ada", "mum", "2040-11-25", "2026-11-22", 422, "within the next 14 years"),
        ("ada", "mum", "9999-12-31", "2026-11-22", 422, "within the next 14 years"),
    ] {
        let body = json!({
            "subject": {"id": child}, "under_14_until": until, "guardian": {"id": guardian},
            "verification": {"method": "card", "verified_at": format!("{verified}T00:00:00Z")}
        });
        let refused = stage.post("/v1/guardians").token(&stage.shop()).json(&body).send().await;
        assert_eq!(refused.status, status, "{}", refused.body);
        assert!(refused.body.contains(told), "{}", refused.body);
    }
    assert_eq!(stage.records(), records, "a refusal makes nobody known");
    let own = acts(&stage, &stage.acting("haru", "haru"), json!({"action": "give"})).await;
    assert_eq!(own.status, 403, "{}", own.body);
}

#[tokio::test]
async fn a_guardian_of_somebody_who_is_14_is_refused() {
    let model = Model::start();
    let stage = stage(&model).await;
    for until in [json!(null), json!("2026-11-01")] {
        let body = json!({
            "subject": {"id": "ada"}, "under_14_until": until, "guardian": {"id": "mum"},
            "verification": {"method": "card", "verified_at": "2026-11-22T00:00:00Z"}
        });
        let refused = stage.post("/v1/guardians").token(&stage.shop()).json(&body).send().await;
        assert_eq!(refused.status, 409, "{}", refused.body);
    }
    assert!(stage.find("ada").is_none(), "a refusal makes nobody known");
}
