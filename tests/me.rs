//! A person sees what is held of them, what left and what did not, and why they were shown what they were shown.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use consentry::{
    app::Chores,
    domain::Timestamp,
    rights::{Bounds, DecisionPage, Spot, Wanted},
    store::{Batch, Period},
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_full},
    book::events,
    client::Answer,
    model::{Behaviour, Model, down},
};

const DECISIONS: &str = "/v1/me/decisions";
const EXPLAIN: &str = "/v1/me/decisions/explain";

async fn stage(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(120, 6).await;
    model.forget_what_was_seen();
    stage
}

impl Stage {
    /// What `id` reads at `path` with a token of their own, once all rows are written.
    async fn own(&self, id: &str, path: &str) -> Value {
        let answer = self.try_own(id, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    async fn try_own(&self, id: &str, path: &str) -> Answer {
        let _ = self.behind().store.commit(Batch::default()).await;
        self.get(path).token(&self.person(id)).send().await
    }

    /// All decisions about `id`, newest first.
    async fn decisions(&self, id: &str) -> Vec<Value> {
        let page = self.own(id, DECISIONS).await;
        assert_eq!(page["next"], Value::Null, "{page}");
        page["decisions"].as_array().unwrap().clone()
    }

    async fn explains(&self, id: &str, language: &str, call: &Value) -> Answer {
        let _ = self.behind().store.commit(Batch::default()).await;
        let path = format!("{EXPLAIN}?language={language}");
        self.post(&path).token(&self.person(id)).json(call).send().await
    }

    async fn explained(&self, id: &str, language: &str, call: &Value) -> Value {
        let answer = self.explains(id, language, call).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Every decision about `id` that pages of `bounds` hold, and how many pages there were.
    async fn paged(&self, id: &str, bounds: Bounds) -> (Vec<(u64, String)>, usize) {
        let (rights, mut spot, mut found) = (self.behind().rights(), None::<Spot>, Vec::new());
        for pages in 1..10_000 {
            let wanted = Wanted::default();
            let page: DecisionPage =
                rights.decisions(self.handle(id), wanted, spot, bounds).await.unwrap();
            assert!(page.looked <= bounds.rows && page.decisions.len() <= bounds.decisions);
            let one = |d: &consentry::rights::Decision| (d.row, d.outcome().as_str().to_owned());
            found.extend(page.decisions.iter().map(one));
            spot = page.next;
            if spot.is_none() {
                return (found, pages);
            }
        }
        panic!("the pages do not end")
    }
}

fn pluck<'a>(decisions: &'a [Value], member: &str) -> Vec<&'a str> {
    decisions.iter().map(|decision| decision[member].as_str().unwrap_or("-")).collect()
}

fn context() -> Value {
    json!({"context": {"location": {"lat": 37.56, "lon": 126.97}, "weather": {"sky": "rain"},
                       "health": {"condition": "asthma"}, "demographics": {"birth_year": 1990}}})
}

#[tokio::test]
async fn the_bytes_shown_are_those_that_the_model_saw() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada@example.com");
    let some = json!({"categories": ["activity", {"id": "demographics", "detail": "coarse"}]});
    ada.gives_to(RECOMMEND, &some).await;
    let answer = stage.shopkeeper().asks(&ada, &context()).await;
    stage.shopkeeper().reports(&[&ada], "item-7").await;
    let told = stage.decisions(&ada.id).await;
    let seen = model.seen();
    assert_eq!((told.len(), seen.len()), (2, 2), "{told:?}");
    for (decision, seen) in told.iter().rev().zip(&seen) {
        let sent = &decision["sent"];
        assert_eq!(sent["body"].as_str().unwrap(), seen.body, "byte for byte");
        assert_eq!((&sent["method"], &sent["path"]), (&json!(seen.method), &json!(seen.path)));
        assert_eq!(sent["length"], seen.body.len());
        assert_eq!(
            (&decision["recipient"], &decision["tier"]),
            (&json!("model"), &json!("individual"))
        );
    }
    assert_eq!(pluck(&told, "call"), ["events", "recommendation"]);
    assert_eq!(pluck(&told, "outcome"), ["told", "answered"]);
    let decision = &told[1];
    assert_eq!(decision["recommendation_id"], answer["recommendation_id"]);
    assert_eq!(decision["log"], answer["log"]);
    let withheld = decision["withheld"].as_array().unwrap();
    let told: Vec<(&Value, &Value, &Value)> =
        withheld.iter().map(|one| (&one["category"], &one["reason"], &one["sent_as"])).collect();
    let (null, band) = (Value::Null, json!("age_band"));
    assert!(told.contains(&(&json!("location"), &json!("not_consented"), &null)), "{told:?}");
    assert!(told.contains(&(&json!("health"), &json!("sensitive_not_consented"), &null)));
    assert!(told.contains(&(&json!("demographics"), &json!("coarse_only"), &band)));
    assert!(!seen[0].body.contains("asthma") && !seen[0].body.contains("37.56"));
    assert_eq!(decision["used"], json!(["weather", "demographics"]), "{decision}");
    let shown = &decision["answer"]["items"];
    assert_eq!(shown.as_array().unwrap().len(), 10);
    for (mine, theirs) in shown.as_array().unwrap().iter().zip(answer["items"].as_array().unwrap())
    {
        assert_eq!((&mine["id"], &mine["rank"]), (&theirs["id"], &theirs["rank"]));
        assert_eq!(
            (&mine["score"], &mine["source"]),
            (&theirs["score"], &theirs["reason"]["source"])
        );
    }
}

#[tokio::test]
async fn a_body_too_large_to_be_kept_is_told_by_its_hash() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let seeds: Vec<String> = (0..50).map(|n| format!("item-{n}-{}", "x".repeat(150))).collect();
    stage.shopkeeper().asks(&ada, &json!({"seed_items": seeds})).await;
    let told = stage.decisions("ada").await;
    let (sent, body) = (&told[0]["sent"], &model.seen_on("/recommend")[0].body);
    let digest = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    assert_eq!((&sent["body"], &sent["length"]), (&Value::Null, &json!(body.len())));
    assert_eq!(sent["sha256"], consentry::domain::hex(digest.as_ref()));
}

#[tokio::test]
async fn what_was_decided_stays_visible_after_a_withdrawal() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    let before = stage.decisions("ada").await;
    ada.withdraws().await;
    stage.shopkeeper().asks_for(&ada).await;
    let after = stage.decisions("ada").await;
    assert_eq!(after[1..], before, "the earlier decision is told as it was");
    assert_eq!(pluck(&after, "reason"), ["withdrawn", "consented"]);
    assert_eq!(pluck(&after, "tier"), ["none", "individual"]);
    let only = stage.own("ada", &format!("{DECISIONS}?until=2026-11-22T03:00:00Z")).await;
    assert_eq!(only["decisions"], json!([]), "nothing was decided before");
}

#[tokio::test]
async fn nobody_sees_anything_of_somebody_else() {
    let model = Model::start();
    let stage = stage(&model).await;
    let (ada, ben) = (stage.known_as("ada"), stage.known_as("ben"));
    ada.gives().await;
    ben.gives().await;
    let answer = stage.shopkeeper().asks_for(&ada).await;
    assert_eq!(stage.decisions("ben").await, Vec::<Value>::new());
    let view = stage.own("ben", "/v1/me").await;
    assert_eq!((&view["decisions"]["count"], &view["acts"]["count"]), (&json!(0), &json!(1)));
    let (id, log) = (&answer["recommendation_id"], &answer["log"]);
    for call in [json!({"recommendation_id": id}), json!({"log": log})] {
        stage.explained("ada", "en", &call).await;
        for other in ["ben", "nobody"] {
            let refused = stage.explains(other, "en", &call).await;
            assert_eq!(
                (refused.status.as_u16(), refused.problem().as_str()),
                (404, "unknown-decision")
            );
            assert!(!refused.body.contains("item-"), "{}", refused.body);
        }
    }
    // A row of Ada's that is no decision is none to her either.
    let given = stage.log().await.iter().position(|row| row.event() == "consent.given").unwrap();
    let refused = stage.explains("ada", "en", &json!({"log": {"index": given}})).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn looking_makes_nobody_known_and_writes_nothing() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    stage.own("ada", "/v1/me").await;
    let (records, rows) = (stage.records(), stage.log().await.len());
    let view = stage.own("nobody@example.com", "/v1/me").await;
    assert_eq!((&view["known"], &view["epoch"]), (&json!(false), &json!(0)));
    assert_eq!(view["acts"], json!({"count": 0, "first_at": null, "last_at": null}));
    for purpose in view["purposes"].as_array().unwrap() {
        assert_eq!((&purpose["state"], &purpose["since"]), (&json!("unknown"), &Value::Null));
        assert_eq!(purpose["held"]["meetings"]["records"], 0);
    }
    assert_eq!(stage.decisions("nobody@example.com").await, Vec::<Value>::new());
    let call = json!({"recommendation_id": "6f2c1f0e-8a4b-4e0e-9b51-0d4f2f6f3a11"});
    assert_eq!(stage.explains("nobody@example.com", "ko", &call).await.status, 404);
    assert!(stage.find("nobody@example.com").is_none());
    // A read is a right, and no export: it does not close Ada's audit epoch.
    stage.own("ada", "/v1/me").await;
    stage.decisions("ada").await;
    assert_eq!((stage.records(), stage.log().await.len()), (records, rows));
    assert_eq!(stage.find("ada").unwrap().standing.audit_epoch, 0);
}

#[tokio::test]
async fn what_did_not_leave_is_told_so() {
    let (_port, url) = down();
    let stage = Stage::set(move |set| set.model = Some(url)).await;
    stage.shelves(30, 3).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    is_full(&stage.shopkeeper().asks_for(&ada).await, 10);
    let told = stage.decisions("ada").await;
    assert!(!told.is_empty());
    for decision in &told {
        assert_eq!(decision["outcome"], "not_sent", "{decision}");
        assert_eq!(decision["taken_back"]["why"], "model_unreachable");
        assert_eq!(decision["taken_back"]["may_have_left"], false);
        assert_eq!(decision["answer"], Value::Null);
    }
    let left = stage.own("ada", &format!("{DECISIONS}?disclosed=true")).await;
    assert_eq!(left["decisions"], json!([]), "nothing was disclosed");
    let view = stage.own("ada", "/v1/me").await;
    assert_eq!(view["recipients"][0]["disclosures"]["count"], 0);
    assert_eq!(view["decisions"]["not_sent"], told.len());
    let explained = stage.explained("ada", "ko", &json!({"log": told[0]["log"]})).await;
    assert_eq!((&explained["items"], &explained["used"]), (&json!([]), &json!([])));
    assert!(explained["text"].as_str().unwrap().contains("아무것도 나가기 전에 취소했습니다."));
}

#[tokio::test]
async fn an_answer_that_was_thrown_away_is_told_as_one_that_may_have_left() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    model.hold();
    let asking = tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    model.has_seen("/recommend", 1).await;
    ada.withdraws().await;
    model.release();
    asking.await.unwrap();
    let told = stage.decisions("ada").await;
    assert_eq!(pluck(&told, "outcome"), ["answered", "thrown_away"]);
    let taken_back = &told[1]["taken_back"];
    assert_eq!(
        (&taken_back["why"], &taken_back["may_have_left"]),
        (&json!("consent_changed"), &json!(true))
    );
    assert_eq!(told[1]["sent"]["body"], model.seen_on("/recommend")[0].body);
    let left = stage.own("ada", &format!("{DECISIONS}?disclosed=true&recipient=model")).await;
    assert_eq!(left["decisions"].as_array().unwrap().len(), 2, "one of them about no one: {left}");
}

#[tokio::test]
async fn what_is_past_its_retention_is_told_as_dropped() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let answer = stage.shopkeeper().asks_for(&ada).await;
    stage.log().await;
    stage.clock.set(Timestamp::parse("2027-03-22T03:00:00Z").unwrap());
    Chores::new(stage.behind().clone()).once().await.unwrap();
    assert!(
        stage
            .behind()
            .store
            .body_periods()
            .iter()
            .all(|(p, _)| *p > Period::new(2026, 11).unwrap())
    );
    stage.shopkeeper().asks_for(&ada).await;
    let told = stage.decisions("ada").await;
    assert_eq!(pluck(&told, "outcome"), ["answered", "dropped"]);
    let old = &told[1];
    for member in ["policies", "used", "withheld", "sent", "answer", "call"] {
        assert_eq!(old[member], Value::Null, "{member}");
    }
    assert_eq!(
        (&old["at"], &old["tier"]),
        (&json!("2026-11-22T03:00:00.000Z"), &json!("individual"))
    );
    assert_eq!((&old["log"], &old["recipient"]), (&answer["log"], &json!("model")));
    let explained = stage.explained("ada", "ko", &json!({"log": old["log"]})).await;
    assert_eq!((&explained["outcome"], &explained["items"]), (&json!("dropped"), &json!([])));
    assert!(
        explained["text"]
            .as_str()
            .unwrap()
            .contains("보관 기간이 지나 자세한 내용을 삭제했습니다.")
    );
    let view = stage.own("ada", "/v1/me").await;
    assert_eq!(view["decisions"]["count"], 1, "older ones are past the time that is counted");
}

#[tokio::test]
async fn rows_of_before_an_export_are_still_shown() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    let mut names = Vec::new();
    for export in [true, false, true, false] {
        let answer = stage.shopkeeper().asks_for(&ada).await;
        names.push(answer["recommendation_id"].as_str().unwrap().to_owned());
        if export {
            stage.own("ada", "/v1/me/export").await;
        }
    }
    assert_eq!(stage.find("ada").unwrap().standing.audit_epoch, 2);
    names.reverse();
    assert_eq!(pluck(&stage.decisions("ada").await, "recommendation_id"), names);
    for name in &names {
        let explained = stage.explained("ada", "en", &json!({"recommendation_id": name})).await;
        assert_eq!(explained["items"].as_array().unwrap().len(), 10);
    }
    let (found, pages) = stage.paged("ada", Bounds { decisions: 1, rows: 3 }).await;
    assert_eq!((found.len(), pages > 4), (4, true), "across epochs, a few rows at a time");
}

/// Ada and Ben are recommended things by turns; three of Ada's calls are under way at the same time.
async fn a_crowd(model: &Model) -> Stage {
    let stage = stage(model).await;
    let (ada, ben) = (stage.known_as("ada"), stage.known_as("ben"));
    ada.gives().await;
    ben.gives().await;
    for person in [&ada, &ben, &ada, &ben, &ben, &ada] {
        stage.shopkeeper().asks_for(person).await;
    }
    model.hold();
    let call = || tokio::spawn(stage.shopkeeper().call_for("ada", &json!({})).send());
    let calls = [call(), call(), call()];
    model.has_seen("/recommend", 7).await;
    tokio::task::yield_now().await;
    model.release();
    for call in calls {
        assert_eq!(call.await.unwrap().status, 200);
    }
    stage.shopkeeper().asks_for(&ben).await;
    stage.log().await;
    stage
}

#[tokio::test]
async fn pages_hold_each_decision_once_and_end() {
    let model = Model::start();
    let stage = a_crowd(&model).await;
    let all = stage.decisions("ada").await;
    assert_eq!(all.len(), 6);
    for limit in [1, 2, 5] {
        let (mut path, mut paged) = (format!("{DECISIONS}?limit={limit}"), Vec::new());
        loop {
            let page = stage.own("ada", &path).await;
            paged.extend(page["decisions"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            path = format!("{DECISIONS}?limit={limit}&cursor={next}");
            assert!(paged.len() <= all.len(), "a decision comes twice");
        }
        assert_eq!(paged, all, "{limit} a page, with what came of each");
    }
}

#[tokio::test]
async fn a_page_looks_at_no_more_rows_than_it_may() {
    let model = Model::start();
    let stage = a_crowd(&model).await;
    let (all, pages) = stage.paged("ada", Bounds::of(100)).await;
    assert_eq!((all.len(), pages), (6, 1));
    assert!(all.iter().all(|(_, outcome)| outcome == "answered"), "{all:?}");
    let rows = stage.log().await.len();
    for bound in [1, 2, 7, 16] {
        let (found, pages) = stage.paged("ada", Bounds { decisions: 100, rows: bound }).await;
        let indices = |list: &[(u64, String)]| list.iter().map(|(row, _)| *row).collect::<Vec<_>>();
        assert_eq!(indices(&found), indices(&all), "{bound} rows a page");
        assert!(pages >= rows / usize::try_from(bound).unwrap(), "{pages} pages");
    }
    let (found, _) = stage.paged("ada", Bounds { decisions: 1, rows: 16 }).await;
    assert_eq!(found, all, "where the end of a call is not far behind it, it is told");
}

#[tokio::test]
async fn parameters_that_are_wrong_are_told() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    for _ in 0..3 {
        stage.shopkeeper().asks_for(&ada).await;
    }
    let next = stage.own("ada", &format!("{DECISIONS}?limit=1")).await["next"].clone();
    let next = next.as_str().unwrap();
    let other = format!("{DECISIONS}?purpose={RECOMMEND}&cursor={next}");
    let changed = format!("{DECISIONS}?cursor=B{}", next.get(1..).unwrap());
    for (path, told) in [
        (other.as_str(), "`cursor`"),
        (&changed, "`cursor`"),
        ("/v1/me/decisions?cursor=x", "`cursor`"),
        ("/v1/me/decisions?limit=0", "from 1 to 200"),
        ("/v1/me/decisions?limit=201", "from 1 to 200"),
        ("/v1/me/decisions?purpose=sauna", "`known`"),
        ("/v1/me/decisions?recipient=-", "`known`"),
        ("/v1/me/decisions?disclosed=yes", "`true` or `false`"),
        ("/v1/me/decisions?from=yesterday", "RFC 3339"),
        ("/v1/me/decisions?subject=ada", "is none of this call"),
        ("/v1/me?lang=ko", "`language`"),
    ] {
        let refused = stage.try_own("ada", path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().as_str()),
            (400, "invalid-parameter"),
            "{path}"
        );
        assert!(refused.body.contains(told), "{path}: {}", refused.body);
    }
    let id = stage.decisions("ada").await[0]["recommendation_id"].clone();
    for (call, told) in [
        (json!({}), "one of the two"),
        (json!({"recommendation_id": id, "log": {"index": 1}}), "one of the two"),
        (json!({"recommendation_id": "x"}), "UUID"),
        (json!({"recommendation_id": id, "item": "item-5000"}), "is not in this answer"),
        (json!({"recommendation_id": id, "subject": {"id": "ben"}}), "has no field `subject`"),
    ] {
        let refused = stage.explains("ada", "en", &call).await;
        assert_eq!(refused.status, 422, "{call}");
        assert!(refused.body.contains(told), "{call}: {}", refused.body);
    }
}

#[tokio::test]
async fn an_item_is_explained_with_what_the_answer_said_of_it() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().reports(&[&ada], "item-6").await;
    let wide = json!({"diversity": 0.9, "context": context()["context"]});
    let (shelf, others): (Vec<_>, Vec<_>) = (0..60).partition(|n| n % 6 == 0);
    let listed: Vec<Value> = shelf
        .into_iter()
        .chain(others)
        .zip(0..)
        .map(
            |(n, place)| json!({"id": format!("item-{n}"), "score": 1.0 - f64::from(place) / 64.0}),
        )
        .collect();
    model.behave(Behaviour::Says(json!({"items": listed}).to_string().into_bytes()));
    let answer = stage.shopkeeper().asks(&ada, &wide).await;
    let id = &answer["recommendation_id"];
    let whole = stage.explained("ada", "en", &json!({"recommendation_id": id})).await;
    assert_eq!(whole["diversity"], answer["diversity"], "as the answer said it");
    let moved =
        whole["items"].as_array().unwrap().iter().filter(|item| item["moved_by_diversity"] == true);
    assert_eq!(json!(moved.count()), answer["diversity"]["moved"]);
    let mut sources = Vec::new();
    for shown in answer["items"].as_array().unwrap() {
        let call = json!({"recommendation_id": id, "item": shown["id"]});
        let told = stage.explained("ada", "en", &call).await;
        let item = &told["items"][0];
        assert_eq!((&item["rank"], &item["score"]), (&shown["rank"], &shown["score"]));
        assert_eq!(
            (&item["source"], &item["tags"]),
            (&shown["reason"]["source"], &shown["reason"]["tags"])
        );
        sources.push(item["source"].as_str().unwrap().to_owned());
    }
    assert!(
        sources.contains(&"model".to_owned()) && sources.iter().any(|s| s != "model"),
        "{sources:?}"
    );
    let rule = &whole["rules"][0];
    assert_eq!(
        (&rule["id"], &rule["law"]),
        (&json!("individual-with-consent"), &json!("PIPA 15(1)1; GDPR 6(1)(a)"))
    );
    let used: Vec<&str> = pluck(whole["used"].as_array().unwrap(), "category");
    for category in ["location", "demographics", "weather", "activity"] {
        assert!(used.contains(&category), "{used:?}");
    }
    assert!(!used.contains(&"health") && whole["withheld"][0]["category"] == "health", "{whole}");
}

#[tokio::test]
async fn an_explanation_in_korean_reads_as_it_should() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    let some = json!({"categories": ["activity", {"id": "demographics", "detail": "coarse"}]});
    ada.gives_to(RECOMMEND, &some).await;
    let answer = stage.shopkeeper().asks(&ada, &context()).await;
    let (id, item) = (&answer["recommendation_id"], &answer["items"][0]["id"]);
    let told = stage.explained("ada", "ko", &json!({"recommendation_id": id, "item": item})).await;
    assert_eq!(told["language"], "ko");
    assert_eq!(
        told["text"],
        "추천 모델이 가명으로 구분된 이력과 이번에 받은 정보를 바탕으로 고른 상품입니다. \
         쓰인 정보: 날씨 / 출생연도, 성별, 직업, 우편번호 / 보고, 사고, 평가한 내역. \
         ‘날씨’ 정보는 모델에 전달했고, 상품을 고를 때 참고하도록 했습니다. \
         ‘출생연도, 성별, 직업, 우편번호’ 정보는 대략적인 형태(age_band)로 바꾸어 모델에 전달했고, 상품을 고를 때 참고하도록 했습니다. \
         모델은 가명으로 받아 둔 이 내역을 바탕으로 후보를 고릅니다. \
         ‘위치’ 정보는 보내지 않았습니다. 동의하지 않으셨습니다. \
         ‘건강’ 정보는 보내지 않았습니다. 민감정보라서 별도의 동의가 필요한데, 그 동의를 하지 않으셨습니다. \
         동의 상태와 정책을 확인했습니다. 개인화 수준: 가명 개인화. 동의하셨습니다. \
         허용된 정보만 가명과 함께 ‘model’ 쪽에 보내 후보를 받았습니다. \
         모델이 각 정보에 얼마나 비중을 두는지는 이 게이트웨이가 알지 못합니다. \
         숨기신 상품과 태그, 앱이 빼 달라고 한 상품을 제외했습니다. \
         다양성 조정으로 바뀐 상품은 없습니다. \
         하실 수 있는 일: 이 상품을 숨길 수 있습니다. \
         ‘날씨’ 정보를 쓰지 않게 할 수 있습니다. \
         ‘출생연도, 성별, 직업, 우편번호’ 정보를 쓰지 않게 할 수 있습니다. \
         ‘보고, 사고, 평가한 내역’ 정보를 쓰지 않게 할 수 있습니다. \
         자동화된 결정을 거부할 수 있으며, 거부하시면 모두에게 똑같은 목록이 보입니다. \
         ‘맞춤 상품 추천’ 동의를 철회할 수 있습니다."
    );
}

#[tokio::test]
async fn each_way_out_does_what_it_says_when_it_is_sent_as_it_stands() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    ada.sets(&json!({"mutes": {"items": ["item-3"], "tags": ["tag-5"]}})).await;
    let answer = stage.shopkeeper().asks(&ada, &context()).await;
    let (id, item) = (&answer["recommendation_id"], answer["items"][0]["id"].clone());
    let told = stage.explained("ada", "en", &json!({"recommendation_id": id, "item": item})).await;
    let ways = told["ways"].as_array().unwrap();
    for action in ["mute_item", "category_off", "refuse_automated_decision", "withdraw"] {
        let way = ways.iter().find(|way| way["action"] == action).unwrap();
        let (method, path) = (way["method"].as_str().unwrap(), way["path"].as_str().unwrap());
        let call = stage.call(method, path).token(&stage.person("ada"));
        let sent = call.json(&way["body"]).send().await;
        assert!(sent.status.is_success(), "{action}: {}", sent.body);
        let answer = stage.shopkeeper().asks(&ada, &context()).await;
        match action {
            "mute_item" => {
                let ids: Vec<&Value> =
                    answer["items"].as_array().unwrap().iter().map(|i| &i["id"]).collect();
                assert!(!ids.contains(&&item) && !ids.contains(&&json!("item-3")), "{ids:?}");
            }
            "category_off" => {
                let off = &way["body"]["categories_off"][0];
                assert!(!answer["decision"]["used"].as_array().unwrap().contains(off), "{answer}");
            }
            _ => assert_eq!(answer["tier"], "none", "{action}"),
        }
    }
    let rules = stage.own("ada", "/v1/me/rules").await;
    assert_eq!(rules["mutes"]["tags"], json!(["tag-5"]), "what was set before stays");
    let again = stage.explained("ada", "en", &json!({"recommendation_id": id, "item": item})).await;
    let open = pluck(again["ways"].as_array().unwrap(), "action");
    assert!(open.iter().all(|way| *way == "category_off"), "what is done is not offered: {open:?}");
}

#[tokio::test]
async fn the_view_tells_what_is_held_by_purpose_and_who_has_it() {
    let model = Model::start();
    let stage = Stage::set({
        let url = model.url();
        move |set| {
            set.model = Some(url);
            set.model_settings = "country = \"KR\"\nthird_party = true".to_owned();
        }
    })
    .await;
    stage.shelves(30, 3).await;
    let ada = stage.known_as("ada");
    ada.gives_to(
        RECOMMEND,
        &json!({"categories": ["activity", {"id": "location", "detail": "coarse"}]}),
    )
    .await;
    ada.gives_to("measure_popularity", &json!({})).await;
    ada.sets(&json!({"categories_off": ["device"], "pause_until": null, "dial": 0.5})).await;
    stage.shopkeeper().asks_for(&ada).await;
    stage.shopkeeper().reports(&[&ada], "item-4").await;
    let view = stage.own("ada", "/v1/me?language=ko").await;
    assert_eq!((&view["known"], &view["language"]), (&json!(true), &json!("ko")));
    let purpose = |view: &Value, id: &str| {
        let purposes = view["purposes"].as_array().unwrap();
        purposes.iter().find(|purpose| purpose["id"] == id).unwrap().clone()
    };
    let recommend = purpose(&view, RECOMMEND);
    assert_eq!(
        (&recommend["title"], &recommend["state"]),
        (&json!("맞춤 상품 추천"), &json!("given"))
    );
    assert_eq!(
        (&recommend["basis"], &recommend["retention_days"]),
        (&json!("consent"), &json!(365))
    );
    assert_eq!(recommend["recipients"], json!(["model"]));
    let uses = recommend["uses"].as_array().unwrap();
    let of = |id: &str| uses.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(
        (&of("location")["detail"], &of("activity")["detail"]),
        (&json!("coarse"), &json!("fine"))
    );
    assert_eq!(
        (&of("device")["detail"], &of("device")["switched_off"]),
        (&json!("none"), &json!(true))
    );
    assert_eq!(of("location")["title"], "위치");
    assert_eq!(recommend["held"]["tastes"], json!([{"tag": "tag-1", "weight": 1.0}]));
    let met = &purpose(&view, "measure_popularity")["held"]["meetings"];
    assert_eq!((&met["records"], &met["items"]), (&json!(1), &json!(1)));
    assert_eq!(met["oldest_kept_until"], "2026-12-22T03:00:00.000Z");
    assert_eq!(view["rules"]["dial"], 0.5);
    assert_eq!((&view["acts"]["count"], &view["epoch"]), (&json!(3), &json!(3)));
    assert_eq!(
        (&view["decisions"]["count"], &view["decisions"]["complete"]),
        (&json!(3), &json!(true))
    );
    let told = &view["recipients"][0];
    assert_eq!(
        (&told["id"], &told["country"], &told["third_party"]),
        (&json!("model"), &json!("KR"), &json!(true))
    );
    assert_eq!(
        (&told["pseudonymisation_domain"], &told["may_hold"]),
        (&json!("shop"), &json!(true))
    );
    assert_eq!(
        (&told["disclosures"]["count"], &told["disclosures"]["with_pseudonym"]),
        (&json!(2), &json!(2))
    );
    // After a withdrawal the model deletes what it holds, and says so.
    stage.clock.set(Timestamp::parse("2026-11-22T03:01:10Z").unwrap());
    model.hold();
    ada.withdraws().await;
    let owing = stage.own("ada", "/v1/me").await;
    assert_eq!(owing["recipients"][0]["deletions"]["owed"], 1, "{owing}");
    assert_eq!(owing["recipients"][0]["may_hold"], true);
    model.release();
    stage.eventually(|| stage.behind().ledger.deletions_owed().unwrap().is_empty()).await;
    let gone = stage.own("ada", "/v1/me").await;
    let told = &gone["recipients"][0];
    assert_eq!(
        (&told["deletions"]["owed"], &told["deletions"]["confirmed"]),
        (&json!(0), &json!(1))
    );
    assert_eq!((&told["may_hold"], &told["disclosures"]["count"]), (&json!(false), &json!(2)));
    assert_eq!(purpose(&gone, RECOMMEND)["held"]["tastes"], json!([]));
    assert_eq!(purpose(&gone, RECOMMEND)["state"], "withdrawn");
}

#[tokio::test]
async fn no_view_holds_the_persons_id_or_key() {
    let model = Model::start();
    let stage = stage(&model).await;
    let ada = stage.known_as("ada@example.com");
    ada.gives().await;
    let answer = stage.shopkeeper().asks_for(&ada).await;
    let sid = consentry::domain::hex(&stage.find(&ada.id).unwrap().key.sid().0);
    let call = json!({"recommendation_id": answer["recommendation_id"]});
    let explained = stage.explains(&ada.id, "en", &call).await.body;
    for body in [explained, stage.own(&ada.id, "/v1/me").await.to_string()] {
        assert!(!body.contains("ada@") && !body.contains(&sid), "{body}");
    }
    let told = stage.own(&ada.id, DECISIONS).await.to_string();
    assert!(!told.contains("ada@") && !told.contains(&sid), "{told}");
    assert!(!support::log::logged().contains("ada@example.com"));
    let rows = stage.log().await;
    assert_eq!(events(&rows, &["rights.export"]).len(), 0);
}
