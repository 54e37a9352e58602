//! What people gave, refused and took back: which acts count, what they cost, and what is kept of them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use consentry::{
    ambient::{Clock, FaultFs},
    consent::Action,
    domain::{PurposeId, Timestamp},
    policy::Bundle,
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{Person, RECOMMEND, ids, is_for_everybody},
    book::events,
    model::Model,
    wiring::fresh_folder,
};

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

/// Puts the shipped policies in force with `from` in their catalogue made into `to`.
fn rewrite(stage: &Stage, from: &str, to: &str) {
    let mut files = Bundle::shipped().unwrap().files().clone();
    let catalogue = files.get_mut("purposes.toml").unwrap();
    assert!(catalogue.contains(from));
    *catalogue = catalogue.replace(from, to);
    stage.behind().policies.switch(Bundle::parse(files).unwrap());
}

/// Another wording of the notice, under another version.
fn reword(stage: &Stage) {
    rewrite(stage, "never by your name or account", "and never by a name or an account");
}

/// More data than anybody agreed to: a location comes to hold an altitude.
fn widen(stage: &Stage) {
    let lon = "lon = { type = \"number\", min = -180, max = 180 }\n";
    let more = "altitude = { type = \"number\", min = 0, max = 9000 }\n";
    rewrite(stage, lon, &format!("{lon}{more}"));
}

fn noon_plus(stage: &Stage, seconds: u64) {
    let noon = Timestamp::parse("2026-11-22T03:00:00Z").unwrap();
    stage.clock.set(noon.after(std::time::Duration::from_secs(seconds)));
}

fn reason(answer: &Value) -> &str {
    answer["decision"]["reasons"][0]["reason"].as_str().unwrap()
}

async fn gives_with(person: &Person<'_>, notice: &Value) -> (u16, String) {
    let act = json!({"purpose": RECOMMEND, "action": "give", "notice": notice});
    let answer = person.acts(&act).await;
    (answer.status.as_u16(), answer.problem())
}

#[tokio::test]
async fn giving_needs_the_notice_that_is_in_force() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, records) = (stage.known_as("ada"), stage.records());
    let shown = stage.notice(RECOMMEND).await;
    let (head, signature) = shown.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let other = stage.notice("marketing_messages").await;
    let missing = json!({"purpose": RECOMMEND, "action": "give"});
    assert_eq!(ada.acts(&missing).await.problem(), "notice-required");
    for snapshot in [forged, other, head.to_owned(), "none".to_owned()] {
        let refused = gives_with(&ada, &json!({"snapshot": snapshot})).await;
        assert_eq!(refused.1, "notice-invalid");
    }
    assert!(stage.find("ada").is_none(), "a refused act makes someone known");
    assert_eq!(stage.records(), records);
    assert_eq!(gives_with(&ada, &json!({"snapshot": shown})).await.0, 201);
}

#[tokio::test]
async fn a_notice_counts_until_what_it_says_changes_not_how_it_says_it() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, bob, shop) = (stage.known_as("ada"), stage.known_as("bob"), stage.shopkeeper());
    let shown = json!({"snapshot": stage.notice(RECOMMEND).await});
    ada.gives().await;
    reword(&stage);
    assert_ne!(json!(stage.notice(RECOMMEND).await), shown["snapshot"]);
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    assert_eq!(gives_with(&bob, &shown).await.0, 201, "the wording alone has changed");
    widen(&stage);
    model.forget_what_was_seen();
    let answer = shop.asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(reason(&answer), "notice_outdated");
    assert!(!model.seen_on("/recommend")[0].body.contains("user"));
    assert_eq!(ada.stands(RECOMMEND).await["reconsent"], true);
    assert_eq!(gives_with(&ada, &shown).await, (409, "notice-outdated".to_owned()));
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    assert_eq!(ada.stands(RECOMMEND).await["reconsent"], false);
}

#[tokio::test]
async fn a_consent_ends_at_the_instant_it_names_and_does_not_come_back() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives_to(RECOMMEND, &json!({"expires_at": "2026-11-22T03:30:00Z"})).await;
    noon_plus(&stage, 1799);
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    noon_plus(&stage, 1800);
    let before = stage.log().await.len();
    let answer = shop.asks_for(&ada).await;
    is_for_everybody(&answer, 10);
    assert_eq!(reason(&answer), "expired");
    let rows = stage.log_since(before).await;
    assert_eq!(events(&rows, &["consent.expired", "decision"]), ["consent.expired", "decision"]);
    noon_plus(&stage, 0);
    assert_eq!(reason(&shop.asks_for(&ada).await), "expired", "the clock went back");
    let rows = stage.log_since(before).await;
    assert_eq!(events(&rows, &["consent.expired"]).len(), 1, "written once");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "expired");
}

#[tokio::test]
async fn a_consent_that_ends_while_the_model_thinks_is_over() {
    let model = Model::start();
    let stage = Stage::with_patient_model(&model).await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives_to(RECOMMEND, &json!({"expires_at": "2026-11-22T03:30:00Z"})).await;
    model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    model.has_seen("/recommend", 1).await;
    noon_plus(&stage, 1800);
    model.release();
    let answer = asking.await.unwrap().json();
    is_for_everybody(&answer, 10);
    assert_eq!(reason(&answer), "expired");
}

/// The pseudonym that the model inside the process would know the person by.
async fn pseudonym(stage: &Stage, id: &str) -> String {
    let preview = stage.post("/v1/recommendations/preview").token(&stage.person(id));
    let told = preview.json(&json!({"purpose": RECOMMEND})).send().await.json();
    let tiers = told["tiers"].as_array().unwrap();
    let personal = tiers.iter().find(|tier| tier["tier"] == "individual").unwrap();
    let body: Value = serde_json::from_str(personal["request"]["body"].as_str().unwrap()).unwrap();
    body["user"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_start_tells_a_model_again_what_rests_on_a_consent_in_force_and_no_more() {
    let (disk, folder) = (FaultFs::new(), fresh_folder());
    let at = |clock: Clock| {
        let (disk, folder) = (disk.clone(), folder.clone());
        Stage::set(move |set| (set.clock, set.disk, set.folder) = (clock, Some(disk), Some(folder)))
    };
    let noon = Timestamp::parse("2026-11-22T03:00:00Z").unwrap();
    let stage = at(Clock::manual(noon).0).await;
    stage.shelves(20, 5).await;
    let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
    ada.gives_to(RECOMMEND, &json!({"expires_at": "2026-11-22T03:30:00Z"})).await;
    bob.gives().await;
    stage.shopkeeper().reports(&[&ada, &bob], "item-1").await;
    let knows = |stage: &Stage, name: &str| {
        let known = stage.behind().builtins[0].snapshot();
        known.windows(name.len()).any(|window| window == name.as_bytes())
    };
    let (adas, bobs) = (pseudonym(&stage, "ada").await, pseudonym(&stage, "bob").await);
    assert!(knows(&stage, &adas) && knows(&stage, &bobs));
    stage.stop().await;
    let later = noon.after(std::time::Duration::from_secs(1800));
    let stage = at(Clock::manual(later).0).await;
    assert!(knows(&stage, &bobs), "what bob agreed to is lost");
    assert!(!knows(&stage, &adas), "it is told of somebody whose consent has ended");
}

#[tokio::test]
async fn a_pause_ends_by_itself() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    ada.sets(&json!({"pause_until": "2026-11-22T03:30:00Z"})).await;
    noon_plus(&stage, 1799);
    assert_eq!(reason(&shop.asks_for(&ada).await), "paused");
    noon_plus(&stage, 1800);
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
}

#[tokio::test]
async fn refusing_and_withdrawing_end_what_was_given_and_cost_nothing() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, bob, shop) = (stage.known_as("ada"), stage.known_as("bob"), stage.shopkeeper());
    let stranger = shop.asks_for(&stage.known_as("stranger")).await;
    ada.refuses().await;
    let refused = ada.acts(&json!({"purpose": RECOMMEND, "action": "withdraw"})).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (409, "consent-conflict"));
    assert_eq!(refused.json()["reason"], "nothing_given");
    bob.gives().await;
    bob.refuses().await;
    for (person, why) in [(&ada, "refused"), (&bob, "refused")] {
        let answer = shop.asks_for(person).await;
        is_for_everybody(&answer, 10);
        assert_eq!(reason(&answer), why);
        assert_eq!(ids(&answer), ids(&stranger), "who refuses is shown a lesser list");
    }
    model.has_seen("/forget", 1).await;
    assert!(model.seen_on("/recommend").iter().all(|seen| !seen.body.contains("user")));
}

#[tokio::test]
async fn a_required_purpose_takes_no_consent() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, records) = (stage.known_as("ada"), stage.records());
    let notice = json!({"snapshot": stage.notice("order_service").await});
    for action in ["give", "refuse", "withdraw"] {
        let act = json!({"purpose": "order_service", "action": action, "notice": notice});
        let refused = ada.acts(&act).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().as_str()),
            (409, "consent-conflict")
        );
        assert_eq!(refused.json()["reason"], "required_purpose");
    }
    assert_eq!(stage.records(), records);
}

#[tokio::test]
async fn a_signal_is_kept_as_an_objection_until_the_person_gives_anew() {
    let model = Model::start();
    let stage = Stage::with_third_party(&model).await;
    stage.shelves(120, 7).await;
    let (ada, shop) = (stage.known_as("ada"), stage.shopkeeper());
    ada.gives().await;
    let with_signal = || shop.call_for("ada", &json!({})).header("sec-gpc", "1").send();
    assert_eq!(reason(&with_signal().await.json()), "gpc");
    assert_eq!(reason(&shop.asks_for(&ada).await), "gpc", "its absence takes nothing back");
    assert_eq!(ada.stands(RECOMMEND).await["objected_at"], "2026-11-22T03:00:00.000Z");
    let epoch = stage.find("ada").unwrap().standing.epoch;
    with_signal().await;
    assert_eq!(stage.find("ada").unwrap().standing.epoch, epoch, "said twice is said once");
    noon_plus(&stage, 1);
    ada.gives().await;
    assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
    assert_eq!(ada.stands(RECOMMEND).await["objected_at"], Value::Null);
}

#[tokio::test]
async fn a_signal_of_a_stranger_makes_nobody_known() {
    let model = Model::start();
    let stage = stage(&model).await;
    let records = stage.records();
    stage.shopkeeper().call_for("stranger", &json!({})).header("sec-gpc", "1").send().await;
    assert!(stage.find("stranger").is_none());
    assert_eq!(stage.records(), records);
}

#[tokio::test]
async fn every_act_is_kept_and_none_is_changed() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    let ledger = &stage.behind().ledger;
    let history = || ledger.history(&stage.find("ada").unwrap()).unwrap();
    ada.gives().await;
    let first = history();
    noon_plus(&stage, 1);
    ada.sets(&json!({"cap": "none"})).await;
    ada.withdraws().await;
    noon_plus(&stage, 2);
    ada.gives_to(RECOMMEND, &json!({"categories": ["activity"], "method": "phone"})).await;
    ada.refuses().await;
    let all = history();
    assert_eq!(all[0], first[0], "an act was changed");
    let actions: Vec<Action> = all.iter().map(|act| act.action).collect();
    let done = [Action::Give, Action::SetRules, Action::Withdraw, Action::Give, Action::Refuse];
    assert_eq!(actions, done);
    assert!(all.windows(2).all(|two| two[0].at <= two[1].at));
    assert_eq!(all[3].notice.as_ref().unwrap().purpose, PurposeId::parse(RECOMMEND).unwrap());
    assert_eq!(all[3].words(), [("activity".to_owned(), "fine".to_owned())]);
}

#[tokio::test]
async fn reads_make_nobody_known_and_change_nothing() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (stranger, records) = (stage.known_as("stranger"), stage.records());
    let asked = json!({"subject": {"id": "stranger"}, "purpose": RECOMMEND});
    for _ in 0..2 {
        assert_eq!(stranger.stands(RECOMMEND).await["state"], "unknown");
        let own = stage.person("stranger");
        assert_eq!(stage.get("/v1/me/consents").token(&own).send().await.status, 200);
        assert_eq!(stage.get("/v1/me/rules").token(&own).send().await.status, 200);
        let preview = stage.post("/v1/recommendations/preview").token(&stage.shop());
        assert_eq!(preview.json(&asked).send().await.status, 200);
        is_for_everybody(&stage.shopkeeper().asks_for(&stranger).await, 10);
        let dropped = stage.shopkeeper().reports(&[&stranger], "item-1").await.json();
        assert_eq!(dropped["dropped"][0]["reason"], "not_consented");
    }
    assert!(stage.find("stranger").is_none());
    assert_eq!(stage.records(), records);
    assert!(!model.seen().iter().any(|seen| seen.body.contains("user")));
}

#[tokio::test]
async fn each_line_of_a_batch_has_a_consent_of_its_own() {
    let model = Model::start();
    let stage = stage(&model).await;
    for (id, signal) in [("ada", false), ("bob", false), ("cleo", true)] {
        stage.known_as(id).gives().await;
        if signal {
            stage.known_as(id).sets(&json!({"cap": "none"})).await;
        }
    }
    stage.known_as("bob").withdraws().await;
    let line = |id| json!({"subject": {"id": id}, "purpose": RECOMMEND}).to_string();
    let lines = ["ada", "bob", "cleo", "stranger", "ada"].map(line).join("\n");
    let batch = stage.post("/v1/recommendations/batch").token(&stage.shop());
    let answers = batch.body("application/x-ndjson", lines).send().await.lines();
    let tiers: Vec<_> = answers.iter().map(|answer| answer["tier"].as_str().unwrap()).collect();
    assert_eq!(tiers, ["individual", "none", "none", "none", "individual"]);
    let why: Vec<_> = answers.iter().map(reason).collect();
    assert_eq!(why, ["consented", "withdrawn", "capped", "not_consented", "consented"]);
    assert!(answers.iter().all(|answer| ids(answer).len() == 10));
    let personal = model.seen_on("/recommend").iter().filter(|s| s.body.contains("user")).count();
    assert_eq!((model.seen_on("/recommend").len(), personal), (5, 2));
}

#[tokio::test]
async fn a_sensitive_category_is_given_by_name_or_not_at_all() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
    ada.gives().await;
    let given = ada.stands(RECOMMEND).await["categories"].to_string();
    assert!(given.contains("location") && !given.contains("health"), "{given}");
    let coarse = json!({"categories": [{"id": "health", "detail": "coarse"}],
        "purpose": RECOMMEND, "action": "give", "notice": {"snapshot": stage.notice(RECOMMEND).await}});
    assert_eq!(bob.acts(&coarse).await.status, 422, "it has no coarse form");
    assert!(stage.find("bob").is_none());
}

#[tokio::test]
async fn what_is_given_is_named_once_and_is_never_nothing() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    let coarse = json!({"id": "location", "detail": "coarse"});
    ada.gives_to(RECOMMEND, &json!({"categories": [coarse]})).await;
    let before = ada.stands(RECOMMEND).await;
    let notice = json!({"snapshot": stage.notice(RECOMMEND).await});
    let context = json!({"context": {"location": {"lat": 37.56651, "lon": 126.97801}}});
    for (categories, pointer) in [
        (json!([]), "/categories"),
        (json!(null), "/categories"),
        (json!([coarse, "location"]), "/categories/1"),
        (json!(["location", coarse]), "/categories/1"),
        (json!(["activity", "mood"]), "/categories/1"),
    ] {
        let give = json!({"purpose": RECOMMEND, "action": "give", "notice": notice, "categories": categories});
        let refused = ada.acts(&give).await;
        assert_eq!(refused.status, 422, "{categories}: {}", refused.body);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{}", refused.body);
        assert_eq!(ada.stands(RECOMMEND).await, before, "{categories}");
    }
    stage.shopkeeper().asks(&ada, &context).await;
    let seen = model.seen_on("/recommend");
    assert!(!seen[0].body.contains("37.566"), "more left than she gave: {}", seen[0].body);
    assert!(seen[0].body.contains("37.5"), "{}", seen[0].body);
}

#[tokio::test]
async fn no_caller_acts_as_a_change_of_policy() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let act = json!({"purpose": RECOMMEND, "action": "withdraw", "method": "policy"});
    let refused = ada.acts(&act).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let allowed = refused.json()["errors"][0]["allowed"].as_array().unwrap().len();
    assert_eq!((allowed, refused.body.contains("policy")), (7, false), "{}", refused.body);
    assert_eq!(ada.stands(RECOMMEND).await["state"], "given");
}

#[tokio::test]
async fn an_app_records_consents_for_its_own_purposes_alone() {
    let model = Model::start();
    let stage = stage(&model).await;
    stage.known_as("ada").gives().await;
    let notice = json!({"snapshot": stage.notice(RECOMMEND).await});
    let kiosk = stage.app("kiosk", "consent");
    let act = |id, action| json!({"subject": {"id": id}, "purpose": RECOMMEND, "action": action, "notice": notice, "method": "app"});
    let give = stage.post("/v1/consents").token(&kiosk).json(&act("bob", "give")).send().await;
    assert_eq!(give.problem(), "purpose-not-registered", "{}", give.body);
    assert!(stage.find("bob").is_none());
    let take_back = stage.post("/v1/consents").token(&kiosk).json(&act("ada", "withdraw"));
    assert_eq!(take_back.send().await.status, 201, "anybody may take back");
}
