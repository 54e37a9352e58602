//! Revoked tokens: refused from the next call on, remembered or not, over a restart too, and nobody else with them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read an answer must fail"
)]

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use consentry::{ambient::FaultFs, domain::Timestamp, operate::forget_ended};
use serde_json::{Value, json};

use support::{
    Stage, client::Answer, log::logged, needles::Needles, wiring::SECRET, wiring::fresh_folder,
};

const TOKENS: &str = "/v1/operate/tokens";
const NOON: &str = "2026-11-22T03:00:00Z";

fn noon_and(seconds: u64) -> Timestamp {
    Timestamp::parse(NOON).unwrap().after(Duration::from_secs(seconds))
}

/// A token's `jti`.
fn jti(token: &str) -> String {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

async fn revoke(stage: &Stage, what: &Value) -> Answer {
    stage.operate("post", TOKENS).json(what).send().await
}

async fn works(stage: &Stage, token: &str) {
    let answer = stage.get("/v1/purposes").token(token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn is_refused(stage: &Stage, token: &str, reason: &str) {
    let answer = stage.get("/v1/purposes").token(token).send().await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (401, "invalid-token"));
    assert_eq!(answer.json()["reason"], reason);
}

#[tokio::test]
async fn a_token_that_worked_is_refused_on_the_next_call_and_the_others_go_on() {
    let stage = Stage::start().await;
    let (gone, stays, person) = (stage.shop(), stage.shop(), stage.person("ada"));
    for token in [&gone, &stays, &person] {
        works(&stage, token).await;
    }
    let before = stage.log().await.len();

    let revoked = revoke(&stage, &json!({"jti": jti(&gone)})).await;

    assert_eq!(revoked.status, 200, "{}", revoked.body);
    is_refused(&stage, &gone, "revoked").await;
    works(&stage, &stays).await;
    works(&stage, &person).await;
    let rows = stage.log_since(before).await;
    assert_eq!((rows[0].event(), &rows[0].leaf["o"]), ("operator.token_revoked", &json!("token")));
    let body = stage.opens_nobodys(rows[0].index).unwrap();
    assert_eq!((&body["by"], &body["token"]), (&json!("owner"), &revoked.json()["token"]));
}

#[tokio::test]
async fn a_token_in_hand_is_revoked_until_it_ends_and_then_forgotten() {
    let stage = Stage::start().await;
    let (gone, later) = (stage.shop(), stage.shop_at(noon_and(7200)));
    works(&stage, &gone).await;
    let revoked = revoke(&stage, &json!({"token": gone})).await;
    assert_eq!(revoked.json()["until"], noon_and(3600).rfc3339(), "{}", revoked.body);
    is_refused(&stage, &gone, "revoked").await;
    let app = stage.behind();
    let forget = async |at: Timestamp| {
        let (store, authority) = (app.store.clone(), app.authority.clone());
        let forgotten =
            tokio::task::spawn_blocking(move || forget_ended(&store, &authority, at).unwrap());
        forgotten.await.unwrap()
    };
    assert_eq!(forget(noon_and(3599)).await, 0, "it could still be used");
    is_refused(&stage, &gone, "revoked").await;

    stage.clock.set(noon_and(7200));

    assert_eq!(stage.operate("get", TOKENS).send().await.json(), json!({"revoked": []}));
    assert_eq!(forget(noon_and(7200)).await, 1);
    assert_eq!(app.store.scan(b"o/denied/").count(), 0);
    is_refused(&stage, &gone, "expired").await;
    works(&stage, &later).await;
}

#[tokio::test]
async fn the_tokens_of_a_key_from_before_a_moment_are_refused_and_later_ones_are_not() {
    let stage = Stage::start().await;
    let (old, new) = (stage.shop(), stage.shop_at(noon_and(60)));
    let person = stage.person("ada");
    stage.clock.set(noon_and(60));
    works(&stage, &old).await;
    works(&stage, &new).await;

    let revoked = revoke(&stage, &json!({"kid": "test", "before": noon_and(30).rfc3339()})).await;

    assert_eq!(revoked.status, 200, "{}", revoked.body);
    is_refused(&stage, &old, "revoked").await;
    is_refused(&stage, &person, "revoked").await;
    works(&stage, &new).await;
    let future = revoke(&stage, &json!({"kid": "test", "before": noon_and(61).rfc3339()})).await;
    assert_eq!(future.json()["errors"][0]["pointer"], "/before", "{}", future.body);
    works(&stage, &new).await;
}

#[tokio::test]
async fn what_was_revoked_stays_so_after_a_restart() {
    let (disk, folder) = (FaultFs::new(), fresh_folder());
    let open = || {
        let (disk, folder) = (disk.clone(), folder.clone());
        Stage::set(move |set| (set.disk, set.folder) = (Some(disk), Some(folder)))
    };
    let stage = open().await;
    let (gone, stays) = (stage.shop(), stage.shop());
    revoke(&stage, &json!({"token": gone})).await;
    stage.stop().await;

    let stage = open().await;

    is_refused(&stage, &gone, "revoked").await;
    works(&stage, &stays).await;
    revoke(&stage, &json!({"kid": "test", "before": NOON})).await;
    works(&stage, &stays).await;
    stage.clock.set(noon_and(1));
    revoke(&stage, &json!({"kid": "test"})).await;
    stage.stop().await;
    let stage = open().await;
    is_refused(&stage, &stays, "revoked").await;
    let list = stage.operate("get", TOKENS).send().await.json();
    assert_eq!(list["revoked"].as_array().unwrap().len(), 2, "{list}");
}

#[tokio::test]
async fn neither_token_nor_jti_is_kept_anywhere() {
    let folder = fresh_folder();
    let at = folder.clone();
    let stage = Stage::set(move |set| (set.disk, set.folder) = (None, Some(at))).await;
    let (named, sent) = (stage.shop(), stage.shop());
    revoke(&stage, &json!({"jti": jti(&named)})).await;
    revoke(&stage, &json!({"token": sent})).await;
    let list = stage.operate("get", TOKENS).send().await.body;
    stage.stop().await;
    for needle in [jti(&named), jti(&sent)] {
        let needles = Needles::of(&needle);
        assert_eq!(needles.files(&folder), [""; 0].map(std::path::PathBuf::from));
        assert!(!needles.are_in(logged()) && !needles.are_in(&list));
    }
}

#[tokio::test]
async fn a_call_that_revokes_nothing_says_what_it_needs() {
    let stage = Stage::start().await;
    let before = stage.log().await.len();
    for (what, pointer) in [
        (json!({}), ""),
        (json!({"jti": "a", "kid": "test"}), ""),
        (json!({"jti": ""}), "/jti"),
        (json!({"jti": "a", "before": NOON}), "/before"),
        (json!({"kid": "test", "until": NOON}), "/until"),
        (json!({"kid": "unheard-of"}), "/kid"),
        (json!({"token": stage.forged()}), "/token"),
        (json!({"token": stage.expired()}), "/token"),
        (json!({"jti": "a", "until": "soon"}), "/until"),
    ] {
        let answer = revoke(&stage, &what).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "invalid-body"));
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{what}: {}", answer.body);
    }
    assert_eq!(stage.log().await.len(), before, "something was recorded");
}

#[tokio::test]
async fn a_token_of_an_app_that_is_off_can_be_revoked_and_stays_refused() {
    let stage = Stage::start().await;
    let token = stage.shop();
    works(&stage, &token).await;
    let off = json!({"kind": "app", "name": "shop", "state": "off"});
    stage.operate("post", "/v1/operate/switches").json(&off).send().await;
    let revoked = revoke(&stage, &json!({"token": token})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let on = json!({"kind": "app", "name": "shop", "state": "on"});
    stage.operate("post", "/v1/operate/switches").json(&on).send().await;
    is_refused(&stage, &token, "revoked").await;
    works(&stage, &stage.shop()).await;
}

#[tokio::test]
async fn work_that_outlives_its_call_can_ask_whether_its_token_still_stands() {
    let stage = Stage::start().await;
    let token = stage.shop();
    let caller = stage.behind().authority.verify(&token, noon_and(0)).unwrap();
    assert!(stage.behind().authority.still_admits(&caller).is_ok());
    revoke(&stage, &json!({"token": token})).await;
    assert!(stage.behind().authority.still_admits(&caller).is_err());
}

#[tokio::test]
async fn keys_that_are_read_anew_hold_for_tokens_seen_before() {
    let stage = Stage::start().await;
    let token = stage.shop();
    works(&stage, &token).await;
    let app = stage.behind().clone();
    let reload = |kid: &'static str| {
        let (app, mut settings) = (app.clone(), (*app.settings).clone());
        settings.auth.key[0].kid = kid.to_owned();
        tokio::task::spawn_blocking(move || app.reload_keys(&settings, |_| Ok(SECRET.to_vec())))
    };
    reload("another").await.unwrap().unwrap();
    is_refused(&stage, &token, "revoked").await;
    reload("test").await.unwrap().unwrap();
    works(&stage, &token).await;
    let broken = app.reload_keys(&app.settings, |_| Ok(b"short".to_vec()));
    assert!(broken.is_err());
    works(&stage, &token).await;
}
