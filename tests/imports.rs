//! What an organisation brings over: what then counts, what does not, and what an import can never do.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read an answer must fail"
)]

mod support;

use serde_json::{Value, json};

use support::{Stage, actors::RECOMMEND, log, model::Model, needles::Needles};

/// An import as its operator hands it in.
struct Import<'a> {
    stage: &'a Stage,
    kind: &'static str,
    id: String,
}

impl<'a> Import<'a> {
    fn of(stage: &'a Stage, kind: &'static str, number: u8) -> Self {
        Self { stage, kind, id: format!("{number:02x}").repeat(32) }
    }

    async fn hands_in(&self, from: usize, rows: &[Value], last: bool) -> support::client::Answer {
        let (kind, id) = (self.kind, &self.id);
        let path = format!("/v1/operate/imports/{kind}?import={id}&from={from}&last={last}");
        let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
        self.stage.operate("POST", &path).body("application/x-ndjson", rows.join("\n")).send().await
    }

    async fn brings(&self, rows: &[Value]) -> Value {
        let answer = self.hands_in(0, rows, true).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["progress"]["done"], true);
        answer.json()
    }
}

fn row(id: &str, action: &str, at: &str) -> Value {
    json!({"subject": id, "purpose": RECOMMEND, "action": action, "at": at,
        "notice": {"version": "1", "language": "en"}})
}

fn refusals(taken: &Value) -> Vec<(u64, String)> {
    let rejected = taken["rejected"].as_array().unwrap().iter();
    rejected
        .map(|r| (r["row"].as_u64().unwrap(), r["reason"].as_str().unwrap().to_owned()))
        .collect()
}

const LAST_YEAR: &str = "2025-05-01T10:00:00+09:00";
const LATER: &str = "2025-06-01T10:00:00+09:00";

#[tokio::test]
async fn a_consent_under_the_notice_in_force_counts_from_the_next_call_on() {
    let stage = Stage::set(|set| set.disk = None).await;
    stage.shelves(20, 4).await;
    let ada = stage.known_as("ada@example.com");
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "none");
    let taken = Import::of(&stage, "consents", 1).brings(&[row(&ada.id, "give", LAST_YEAR)]).await;
    assert_eq!(taken["progress"]["recorded"], 1);
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
    let stands = ada.stands(RECOMMEND).await;
    assert_eq!(stands["since"], "2025-05-01T01:00:00.000Z", "it is dated when it was given");
    let folder = stage.behind().store.dir();
    stage.stop().await;
    assert_eq!(Needles::of("ada@example.com").files(&folder), [] as [std::path::PathBuf; 0]);
}

#[tokio::test]
async fn a_consent_under_another_notice_is_kept_and_does_not_count() {
    let model = Model::start();
    let stage = Stage::with_model(&model).await;
    stage.shelves(20, 4).await;
    let mut given = row("ada", "give", LAST_YEAR);
    given["notice"] = json!({"version": "0", "language": "en"});
    let mut unproved = row("bob", "give", LAST_YEAR);
    unproved["notice"] = Value::Null;
    let taken = Import::of(&stage, "consents", 1).brings(&[given, unproved]).await;
    assert_eq!(
        (&taken["progress"]["ask_anew"], &taken["progress"]["recorded"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(refusals(&taken), [(1, "notice_missing".to_owned())]);
    let answer = stage.shopkeeper().asks_for(&stage.known_as("ada")).await;
    assert_eq!(answer["tier"], "none");
    assert!(model.seen().iter().all(|call| !call.body.contains("\"user\"")), "a pseudonym left");
}

#[tokio::test]
async fn a_guardians_consent_that_is_brought_over_ends_with_childhood() {
    let stage = Stage::set(|set| set.disk = None).await;
    stage.shelves(20, 4).await;
    let mut rows: Vec<Value> =
        ["kid", "teen", "grown"].map(|id| row(id, "give", LAST_YEAR)).into_iter().collect();
    for (row, until) in rows.iter_mut().zip([json!("2027-05-01"), json!("2026-05-01"), json!(null)])
    {
        (row["guardian"], row["under_14_until"]) = (json!(true), until);
    }
    let taken = Import::of(&stage, "consents", 1).brings(&rows).await;
    assert_eq!(refusals(&taken), [(2, "no_child".to_owned())]);
    let (kid, teen, shop) = (stage.known_as("kid"), stage.known_as("teen"), stage.shopkeeper());
    assert_eq!(kid.stands(RECOMMEND).await["expires_at"], "2027-05-01T12:00:00.000Z");
    assert_eq!(shop.asks_for(&kid).await["tier"], "individual");
    assert_eq!(teen.stands(RECOMMEND).await["state"], "expired");
    assert_eq!(shop.asks_for(&teen).await["tier"], "none");
}

#[tokio::test]
async fn rows_of_two_ids_of_one_person_are_taken_together() {
    let stage = Stage::set(|set| set.disk = None).await;
    let link = json!({"subject": {"id": "acc"}, "alias": {"id": "dev"}, "method": "login"});
    let linked = stage.post("/v1/links").token(&stage.shop()).json(&link).send().await;
    assert_eq!(linked.status, 200, "{}", linked.body);
    let rows =
        [row("acc", "give", LAST_YEAR), row("dev", "withdraw", LATER), row("zoe", "give", LATER)];
    let taken = Import::of(&stage, "consents", 1).brings(&rows).await;
    assert_eq!(taken["progress"]["recorded"], 3, "{taken}");
    assert_eq!(stage.known_as("acc").stands(RECOMMEND).await["state"], "withdrawn");
}

#[tokio::test]
async fn a_history_is_let_go_whenever_the_consent_to_it_is_dated() {
    let model = Model::start();
    let url = model.url();
    let stage = Stage::set(move |set| (set.disk, set.model) = (None, Some(url))).await;
    stage.shelves(20, 4).await;
    let (old, shop) = (stage.known_as("old"), stage.shopkeeper());
    let rows = [row("old", "give", "1970-01-01T00:00:00Z")];
    Import::of(&stage, "consents", 1).brings(&rows).await;
    let user = || {
        let seen = model.seen_on("/recommend");
        serde_json::from_str::<Value>(&seen.last().unwrap().body).unwrap()["user"].clone()
    };
    shop.asks_for(&old).await;
    let before = user();
    old.withdraws().await;
    model.has_seen("/forget", 1).await;
    old.gives().await;
    shop.asks_for(&old).await;
    assert!(before.is_string() && user() != before, "a history is taken up again");
}

#[tokio::test]
async fn a_consent_to_be_sent_messages_ends_with_the_days_that_its_notice_says() {
    let stage = Stage::set(|set| set.disk = None).await;
    let mut old = row("old", "give", "2022-01-01T00:00:00Z");
    old["purpose"] = json!("marketing_messages");
    Import::of(&stage, "consents", 1).brings(&[old]).await;
    let (old, ada) = (stage.known_as("old"), stage.known_as("ada"));
    assert_eq!(old.stands("marketing_messages").await["state"], "expired");
    ada.gives_to("marketing_messages", &json!({})).await;
    let stands = ada.stands("marketing_messages").await;
    assert_eq!(stands["expires_at"], "2028-11-21T03:00:00.000Z", "730 days on");
    let sooner = json!({"expires_at": "2027-01-01T00:00:00Z"});
    ada.gives_to("marketing_messages", &sooner).await;
    assert_eq!(ada.stands("marketing_messages").await["expires_at"], "2027-01-01T00:00:00.000Z");
    ada.gives().await;
    assert_eq!(ada.stands(RECOMMEND).await["expires_at"], Value::Null);
}

#[tokio::test]
async fn an_older_consent_never_comes_after_a_newer_no() {
    let model = Model::start();
    let stage = Stage::with_model(&model).await;
    stage.shelves(20, 4).await;
    let (ada, bob, cem) = (stage.known_as("ada"), stage.known_as("bob"), stage.known_as("cem"));
    ada.gives().await;
    ada.withdraws().await;
    // Bob took back there what was never given here; Cem's rows stand in the wrong order.
    let rows = [
        row("ada", "give", LAST_YEAR),
        row("bob", "withdraw", LATER),
        row("bob", "give", LAST_YEAR),
        row("cem", "refuse", LATER),
        row("cem", "give", LATER),
    ];
    let taken = Import::of(&stage, "consents", 1).brings(&rows).await;
    let older = |row| (row, "older_than_state".to_owned());
    assert_eq!(refusals(&taken), [older(0), older(2), older(4)]);
    assert_eq!(bob.stands(RECOMMEND).await["state"], "refused");
    let before = model.seen().len();
    for person in [&ada, &bob, &cem] {
        assert_eq!(stage.shopkeeper().asks_for(person).await["tier"], "none");
    }
    let seen = model.seen();
    assert!(seen[before..].iter().all(|call| !call.body.contains("\"user\"")), "a pseudonym left");
}

#[tokio::test]
async fn a_withdrawal_that_is_brought_over_ends_what_was_given_here() {
    let model = Model::start();
    let stage = Stage::with_model(&model).await;
    stage.shelves(20, 4).await;
    let ada = stage.known_as("ada");
    Import::of(&stage, "consents", 1).brings(&[row("ada", "give", LAST_YEAR)]).await;
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
    Import::of(&stage, "consents", 2).brings(&[row("ada", "withdraw", LATER)]).await;
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "none");
    assert_eq!(ada.stands(RECOMMEND).await["state"], "withdrawn");
    let forgets = || model.seen().iter().any(|call| call.path == "/forget");
    assert!(forgets() || !stage.behind().ledger.deletions_owed().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_brought_over_twice_changes_nothing() {
    let stage = Stage::start().await;
    let mut rows = vec![row("ada", "give", LAST_YEAR), row("ada", "withdraw", LATER)];
    rows.extend((0..30).map(|n| row(&format!("person-{n}"), "give", LAST_YEAR)));
    let import = Import::of(&stage, "consents", 1);
    let first = import.brings(&rows).await;
    assert_eq!(first["progress"]["recorded"], 32);
    let size = stage.behind().store.log_size();
    let again = import.brings(&rows).await;
    assert_eq!(again["progress"]["unchanged"], 32, "{again}");
    assert_eq!(stage.behind().store.log_size(), size + 2, "only that it was run stands in the log");
    assert_eq!(stage.known_as("ada").stands(RECOMMEND).await["state"], "withdrawn");
}

#[tokio::test]
async fn however_the_rows_are_cut_the_same_comes_of_them() {
    let people = ["ada", "bob", "cem", "dana", "eve"];
    let actions = ["give", "withdraw", "give", "refuse", "give", "withdraw"];
    let rows: Vec<Value> = (0..60)
        .map(|n| {
            row(people[n * 7 % 5], actions[n % 6], &format!("2025-05-{:02}T00:00:00Z", n % 28 + 1))
        })
        .collect();
    let mut outcomes = Vec::new();
    for size in [1, 7, 60] {
        let stage = Stage::start().await;
        let import = Import::of(&stage, "consents", 1);
        let mut told = Value::Null;
        for (n, chunk) in rows.chunks(size).enumerate() {
            let last = (n + 1) * size >= rows.len();
            let answer = import.hands_in(n * size, chunk, last).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            told = answer.json()["progress"].clone();
        }
        let mut stands = Vec::new();
        for id in people {
            let standing = stage.known_as(id).stands(RECOMMEND).await;
            stands.push((standing["state"].clone(), standing["since"].clone()));
        }
        outcomes.push((told, stands));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
}

#[tokio::test]
async fn a_chunk_that_does_not_follow_is_told_where_to_go_on() {
    let stage = Stage::start().await;
    let import = Import::of(&stage, "consents", 1);
    let rows = [row("ada", "give", LAST_YEAR), row("bob", "give", LAST_YEAR)];
    let early = import.hands_in(2, &rows, false).await;
    assert_eq!((early.status.as_u16(), early.problem().as_str()), (409, "out-of-step"));
    import.hands_in(0, &rows, false).await;
    let gap = import.hands_in(5, &rows, false).await;
    assert_eq!((gap.problem().as_str(), &gap.json()["rows"]), ("out-of-step", &json!(2)));
    // A chunk whose answer was lost is handed in again: what was taken of it is passed over.
    let path = format!("/v1/operate/imports/{}", import.id);
    let told = stage.operate("GET", &path).send().await.json();
    assert_eq!((&told["rows"], &told["done"]), (&json!(2), &json!(false)));
}

#[tokio::test]
async fn a_refused_row_is_told_by_place_and_reason_and_nothing_else() {
    let stage = Stage::set(|set| set.disk = None).await;
    let id = "grace.hopper@example.com";
    let mut rows: Vec<Value> = (0..8).map(|_| row(id, "give", LAST_YEAR)).collect();
    rows[0]["purpose"] = json!("unknown");
    rows[1]["purpose"] = json!("order_service");
    rows[2]["at"] = json!("2030-01-01T00:00:00Z");
    rows[3]["expires_at"] = json!("2020-01-01T00:00:00Z");
    rows[4]["categories"] = json!(["nonsense"]);
    rows[5][id] = json!(id);
    rows[6]["categories"] = json!([]);
    rows[7]["categories"] = json!(["activity", {"id": "activity"}]);
    let answer = Import::of(&stage, "consents", 1).hands_in(0, &rows, true).await;
    let told = refusals(&answer.json());
    let reasons: Vec<&str> = told.iter().map(|(_, reason)| reason.as_str()).collect();
    let expected = [
        "purpose_unknown",
        "purpose_required",
        "in_the_future",
        "ends_before_it_begins",
        "category_unknown",
        "unknown_field",
        "no_categories",
        "category_twice",
    ];
    assert_eq!(reasons, expected);
    let needles = Needles::of(id);
    assert!(!needles.are_in(&answer.body) && !needles.are_in(log::logged()));
    assert_eq!(stage.behind().vault.handles().count(), 0, "nobody came to be known by it");
    let folder = stage.behind().store.dir();
    stage.stop().await;
    assert_eq!(needles.files(&folder), [] as [std::path::PathBuf; 0]);
}

#[tokio::test]
async fn items_are_kept_once_and_told_to_the_model() {
    let model = Model::start();
    let stage = Stage::with_model(&model).await;
    let items = [json!({"id": "tv-1", "tags": ["tv"]}), json!({"id": ""}), json!({"id": "tv-2"})];
    let import = Import::of(&stage, "items", 1);
    let taken = import.brings(&items).await;
    assert_eq!(refusals(&taken), [(1, "bad_value".to_owned())]);
    assert_eq!(
        (&taken["progress"]["recorded"], &taken["progress"]["untold"]),
        (&json!(2), &json!(0))
    );
    let again = import.brings(&items).await;
    assert_eq!(
        (&again["progress"]["recorded"], &again["progress"]["unchanged"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(stage.behind().catalog.all().len(), 2);
    let told: Vec<_> = model.seen().into_iter().filter(|call| call.path == "/items").collect();
    assert!(
        told.len() == 2 && told[0].body.contains("tv-1"),
        "a model that was down is told again"
    );
}
