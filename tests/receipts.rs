//! What people get in return for what they say: a receipt that holds without the gateway, for every act, again and again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that misses what it looks for must fail"
)]

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use consentry::{consent::Receipt, domain::Timestamp, policy::Notice};
use serde_json::{Value, json};

use support::{Stage, actors::RECOMMEND, needles::Needles};

/// A controller with everything said, and a model run by somebody else.
const SECTIONS: &str = r#"
[controller]
name = "Example Shop Co., Ltd."
address = "1 Example-ro, Jung-gu, Seoul 04524"
contact = "privacy@shop.example"
url = "https://shop.example/privacy"
country = "KR"
"#;

async fn stage() -> Stage {
    Stage::set(|set| {
        SECTIONS.clone_into(&mut set.sections);
        "third_party = true\ncountry = \"DE\"".clone_into(&mut set.model_settings);
    })
    .await
}

/// What a token says, whoever signed it.
fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(body).unwrap()).unwrap()
}

/// A page of a person's own receipts.
async fn own(stage: &Stage, id: &str, query: &str) -> Value {
    let path = format!("/v1/me/receipts{query}");
    let told = stage.get(&path).token(&stage.person(id)).send().await;
    assert_eq!(told.status, 200, "{}", told.body);
    told.json()
}

fn words<'a>(page: &'a Value, member: &str) -> Vec<&'a str> {
    let receipts = page["receipts"].as_array().unwrap();
    receipts.iter().map(|receipt| receipt[member].as_str().unwrap_or("-")).collect()
}

/// A folder on another machine, so to speak: nothing of the gateway's is in it but what anybody can have.
struct Elsewhere(PathBuf);

impl Elsewhere {
    async fn with_keys(stage: &Stage) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("receipts-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let elsewhere = Self(folder);
        let keys = stage.get("/.well-known/jwks.json").send().await;
        elsewhere.puts("jwks.json", &keys.body);
        elsewhere
    }

    fn puts(&self, name: &str, what: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, what).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Exit status, standard output and standard error of `consentry receipt verify`.
    fn verifies(&self, file: &str, more: &[&str]) -> (i32, String, String) {
        let jwks = self.0.join("jwks.json");
        let args = ["receipt", "verify", file, "--jwks", jwks.to_str().unwrap()];
        let done = Command::new(env!("CARGO_BIN_EXE_consentry"))
            .args([&args, more].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
    }
}

/// The log's public key, once a checkpoint counts the row at `index`.
async fn vkey(stage: &Stage, index: &Value) -> String {
    let index = index.as_u64().unwrap();
    stage.eventually(|| stage.behind().proving.covered().is_some_and(|rows| rows > index)).await;
    let shards = stage.get("/log/shards").send().await.json();
    shards["shards"][0]["vkey"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_receipt_says_in_the_standards_fields_what_was_given() {
    let stage = stage().await;
    let more = json!({"categories": ["activity", {"id": "location", "detail": "coarse"}, "health"],
                      "expires_at": "2027-11-22T03:00:00Z"});
    let given = stage.known_as("ada@shop.example").gives_to(RECOMMEND, &more).await;
    let token = given["receipt"].as_str().unwrap();
    assert!(token.len() <= 4096, "{} bytes", token.len());
    assert!(!Needles::of("ada@shop.example").are_in(claims(token).to_string()));
    let told = claims(token);
    assert_eq!(told["conformsTo"], "https://w3id.org/dpv/schema/dpv-27560#receipt-record");
    let event = &told["events"][0];
    assert_eq!(event["event_state"], "https://w3id.org/dpv#ConsentGiven");
    assert_eq!(event["event_time"], "2026-11-22T03:00:00.000Z");
    assert_eq!(event["validity_duration"], "2026-11-22T03:00:00.000Z/2027-11-22T03:00:00.000Z");
    assert_eq!(event["entity_id"], told["pii_principal_id"]);
    let purpose = &told["pii_processing"]["purposes"][0];
    assert_eq!(purpose["purpose"], "https://w3id.org/dpv#ProvideProductRecommendations");
    assert_eq!(purpose["lawful_basis"], "https://w3id.org/dpv#Consent");
    assert_eq!(purpose["recipient_third_parties"], json!([{"party_id": "model", "country": "DE"}]));
    assert_eq!(purpose["retention_period"], "P365D");
    assert_eq!(
        (&purpose["jurisdiction"], &purpose["storage_locations"][0]),
        (&json!("KR"), &json!("KR"))
    );
    assert_eq!(purpose["withdrawal_method"], "https://shop.example/privacy");
    let data = purpose["pii_information"].as_array().unwrap();
    let of = |name: &str| data.iter().find(|pii| pii["pii_type"] == name).unwrap().clone();
    assert_eq!(of("location")["detail"], "coarse");
    assert_eq!(
        of("health"),
        json!({"pii_type": "health", "sensitive_pii_category": true, "detail": "fine"})
    );
    assert_eq!(of("device")["detail"], "none", "what was not given is told as that");
    assert_eq!(told["party_identification"][0]["party_name"], "Example Shop Co., Ltd.");
    assert_eq!(told["log"], given["log"]);
}

#[tokio::test]
async fn the_person_is_named_by_a_value_that_nobody_else_can_make() {
    let stage = stage().await;
    let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
    let principal =
        |told: &Value| claims(told["receipt"].as_str().unwrap())["pii_principal_id"].clone();
    let (given, withdrawn) = (ada.gives().await, ada.withdraws().await);
    assert_eq!(principal(&given), principal(&withdrawn), "the same in all receipts of theirs");
    assert_ne!(principal(&given), principal(&bob.gives().await));
    assert_eq!(principal(&given).as_str().unwrap().len(), 22);
    let record = |told: &Value| claims(told["receipt"].as_str().unwrap())["record_id"].clone();
    assert_eq!(record(&given), record(&withdrawn), "one record a person and purpose");
    let for_offers = ada.gives_to("marketing_messages", &json!({})).await;
    assert_ne!(record(&given), record(&for_offers));
}

#[tokio::test]
async fn every_act_has_a_receipt_that_can_be_had_again() {
    let stage = stage().await;
    let ada = stage.known_as("ada");
    let given = ada.gives_to(RECOMMEND, &json!({"expires_at": "2026-11-22T04:00:00Z"})).await;
    ada.sets(&json!({"dial": 0.5})).await;
    stage.shopkeeper().call_for("ada", &json!({})).header("sec-gpc", "1").send().await;
    stage.clock.set(Timestamp::parse("2026-11-22T04:00:01Z").unwrap());
    let all = own(&stage, "ada", "").await;
    assert_eq!(words(&all, "act"), ["expire", "object", "give"], "newest first, the expiry too");
    assert_eq!(all["next"], Value::Null);
    let again = &all["receipts"][2];
    assert_eq!(again["receipt"], given["receipt"], "to the byte");
    assert_eq!(again["log"], given["log"]);
    let states = all["receipts"].as_array().unwrap().iter().map(|receipt| {
        let told = claims(receipt["receipt"].as_str().unwrap());
        assert_eq!(told["log"], receipt["log"]);
        told["events"][0]["event_state"].as_str().unwrap().to_owned()
    });
    let states: Vec<String> = states.collect();
    let dpv = |state: &str| format!("https://w3id.org/dpv#Consent{state}");
    assert_eq!(states, ["Expired", "Refused", "Given"].map(dpv));
    let expired = claims(all["receipts"][0]["receipt"].as_str().unwrap());
    assert_eq!(expired["events"][0]["entity_id"], "controller");
    assert_eq!(expired["pii_processing"]["purposes"][0]["pii_information"][0]["detail"], "none");
    let objected = claims(all["receipts"][1]["receipt"].as_str().unwrap());
    let purposes = objected["pii_processing"]["purposes"].as_array().unwrap();
    assert_eq!(purposes.len(), 3, "each purpose that heeds the signal: {purposes:?}");
    for receipt in all["receipts"].as_array().unwrap() {
        assert!(receipt["receipt"].as_str().unwrap().len() <= 4096);
    }
}

#[tokio::test]
async fn receipts_come_in_pages_and_are_nobody_elses() {
    let stage = stage().await;
    let ada = stage.known_as("ada");
    for _ in 0..3 {
        ada.gives().await;
        ada.withdraws().await;
    }
    let first = own(&stage, "ada", "?limit=4").await;
    assert_eq!(words(&first, "act"), ["withdraw", "give", "withdraw", "give"]);
    let next = first["next"].as_u64().unwrap();
    let second = own(&stage, "ada", &format!("?limit=4&before={next}")).await;
    assert_eq!(words(&second, "act"), ["withdraw", "give"]);
    assert_eq!(second["next"], Value::Null);
    let records = stage.records();
    assert_eq!(own(&stage, "bob", "").await["receipts"], json!([]));
    assert_eq!(stage.records(), records, "asking makes nobody known");
    for wrong in ["?limit=0", "?limit=101", "?before=0", "?before=x", "?after=1"] {
        let path = format!("/v1/me/receipts{wrong}");
        let told = stage.get(&path).token(&stage.person("ada")).send().await;
        assert_eq!(
            (told.status.as_u16(), told.problem().as_str()),
            (400, "invalid-parameter"),
            "{wrong}"
        );
    }
    let shop = stage.get("/v1/me/receipts").token(&stage.shop()).send().await;
    assert_eq!(shop.status, 403);
}

#[tokio::test]
async fn receipts_again_say_what_they_said_before_the_gateway_was_set_otherwise() {
    let folder = support::wiring::fresh_folder();
    let (there, then) = (folder.clone(), folder.clone());
    let stage = Stage::set(move |set| {
        (set.disk, set.folder) = (None, Some(there));
        SECTIONS.clone_into(&mut set.sections);
    })
    .await;
    let given = stage.known_as("ada").gives().await;
    stage.stop().await;
    let stage = Stage::set(move |set| {
        (set.disk, set.folder) = (None, Some(then));
        set.sections = SECTIONS.replace("Example Shop", "Another Shop");
    })
    .await;
    let withdrawn = stage.known_as("ada").withdraws().await;
    let now = claims(withdrawn["receipt"].as_str().unwrap());
    assert_eq!(now["party_identification"][0]["party_name"], "Another Shop Co., Ltd.");
    let all = own(&stage, "ada", "").await;
    assert_eq!(all["receipts"][1]["receipt"], given["receipt"], "to the byte");
    stage.stop().await;
}

#[tokio::test]
async fn a_receipt_is_verified_elsewhere_with_public_keys_alone() {
    let stage = stage().await;
    let given = stage.known_as("ada").gives().await;
    let elsewhere = Elsewhere::with_keys(&stage).await;
    let vkey = vkey(&stage, &given["log"]["index"]).await;
    let shown = stage.get("/v1/purposes").token(&stage.shop()).send().await.json();
    let notice = &shown["purposes"][0]["notice"];
    let mine = own(&stage, "ada", "").await["receipts"][0].clone();
    let url = format!("http://{}/log", stage.address);
    let bare = elsewhere.puts("receipt.jws", given["receipt"].as_str().unwrap());
    let with_proof = elsewhere.puts("mine.json", &mine.to_string());
    let shown_text = elsewhere.puts("notice.json", &notice.to_string());
    let plain =
        format!("{}\n\n{}\n", notice["title"].as_str().unwrap(), notice["text"].as_str().unwrap());
    let plain = elsewhere.puts("notice.txt", &plain);
    let proof = elsewhere.puts("row.tlog-proof", mine["proof"].as_str().unwrap());
    let row = elsewhere.puts("row.json", mine["entry"].as_str().unwrap());
    let done = tokio::task::spawn_blocking(move || {
        let by_log = elsewhere.verifies(&bare, &["--log", &url, "--vkey", &vkey, "--json"]);
        assert_eq!(by_log.0, 0, "{by_log:?}");
        let told: Value = serde_json::from_str(&by_log.1).unwrap();
        assert_eq!((&told["valid"], &told["row"]), (&json!(true), &json!(true)));
        (elsewhere, vkey, bare)
    });
    let (elsewhere, vkey, bare) = done.await.unwrap();
    stage.stop().await;
    // The gateway is gone.
    for (file, more) in [
        (&bare, vec![]),
        (&bare, vec!["--notice", shown_text.as_str()]),
        (&bare, vec!["--notice", plain.as_str()]),
        (&bare, vec!["--proof", &proof, "--row", &row, "--vkey", &vkey]),
        (&with_proof, vec!["--vkey", &vkey]),
    ] {
        let told = elsewhere.verifies(file, &more);
        assert_eq!(told.0, 0, "{more:?}: {told:?}");
    }
    let told = elsewhere.verifies(&bare, &[]);
    assert!(told.1.contains("its row in the log was not looked at"), "{told:?}");
    let told = elsewhere.verifies(&bare, &["--vkey", &vkey]);
    assert_eq!(told.0, 2, "a key without a log checks nothing: {told:?}");
    let other = elsewhere.puts("other.txt", "Recommendations for you\n\nWe sell everything.\n");
    let told = elsewhere.verifies(&bare, &["--notice", &other]);
    assert_eq!(told.0, 1);
    assert!(told.2.contains("is not the text whose hash"), "{told:?}");
}

#[tokio::test]
async fn a_receipt_with_any_bit_changed_is_refused() {
    let stage = stage().await;
    let given = stage.known_as("ada").gives().await;
    let token = given["receipt"].as_str().unwrap().to_owned();
    let keys = [stage.behind().ledger.signer().public().clone()];
    Receipt::verify(&keys, &token).unwrap();
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Receipt::verify(&keys, &changed).is_err(), "bit {bit} of byte {at}");
        }
    }
    let elsewhere = Elsewhere::with_keys(&stage).await;
    for (name, changed, told) in [
        ("cut", token[..token.len() - 4].to_owned(), "does not verify"),
        ("foreign", stage.shop(), "is not among the keys"),
        ("none", "what?".to_owned(), "does not verify"),
        ("notice", stage.notice(RECOMMEND).await, "of another type"),
    ] {
        let file = elsewhere.puts(name, &changed);
        let (status, out, err) = elsewhere.verifies(&file, &[]);
        assert_eq!((status, out.as_str()), (1, ""), "{name}");
        assert!(err.contains(told), "{name}: {err}");
    }
    let file = elsewhere.puts("cut", &token[..token.len() - 4]);
    let (status, out, _) = elsewhere.verifies(&file, &["--json"]);
    assert_eq!(
        (status, &serde_json::from_str::<Value>(&out).unwrap()["valid"]),
        (1, &json!(false))
    );
    let missing = elsewhere.verifies("/nowhere/receipt", &[]);
    assert_eq!(missing.0, 2, "{missing:?}");
}

#[tokio::test]
async fn a_receipt_whose_row_says_something_else_is_refused() {
    let stage = stage().await;
    let (ada, bob) = (stage.known_as("ada"), stage.known_as("bob"));
    let given = ada.gives().await;
    stage.clock.set(Timestamp::parse("2026-11-22T03:05:00Z").unwrap());
    let withdrawn = ada.withdraws().await;
    bob.gives().await;
    let vkey = vkey(&stage, &withdrawn["log"]["index"]).await;
    let elsewhere = Elsewhere::with_keys(&stage).await;
    let ours = own(&stage, "ada", "").await;
    let theirs = own(&stage, "bob", "").await["receipts"][0].clone();
    let with = |entry: &Value, proof: &Value| {
        json!({"receipt": given["receipt"], "entry": entry, "proof": proof}).to_string()
    };
    let gone = &ours["receipts"][0];
    let own_row = &ours["receipts"][1];
    let mut changed = own_row["proof"].as_str().unwrap().to_owned();
    changed = changed.replacen("index ", "index 1", 1);
    for (name, file, told) in [
        ("another row", with(&gone["entry"], &gone["proof"]), "the proof is of row"),
        ("another entry", with(&theirs["entry"], &own_row["proof"]), "does not lead"),
        ("another proof", with(&own_row["entry"], &json!(changed)), "the proof"),
    ] {
        let file = elsewhere.puts("changed.json", &file);
        let (status, _, err) = elsewhere.verifies(&file, &["--vkey", &vkey]);
        assert_eq!(status, 1, "{name}: {err}");
        assert!(err.contains(told), "{name}: {err}");
    }
    let keys = [stage.behind().ledger.signer().public().clone()];
    let receipt = Receipt::verify(&keys, given["receipt"].as_str().unwrap()).unwrap();
    receipt.agrees(own_row["entry"].as_str().unwrap().as_bytes()).unwrap();
    let told =
        |entry: &Value| receipt.agrees(entry.as_str().unwrap().as_bytes()).unwrap_err().to_string();
    assert!(told(&gone["entry"]).contains("the event"), "{}", told(&gone["entry"]));
    assert!(told(&theirs["entry"]).contains("the minute"), "{}", told(&theirs["entry"]));
}

#[tokio::test]
async fn a_retry_is_told_the_same_receipt_although_the_clock_went_on() {
    let stage = stage().await;
    let notice = stage.notice(RECOMMEND).await;
    let act = json!({"subject": {"id": "ada"}, "purpose": RECOMMEND, "action": "give", "method": "app",
                     "notice": {"snapshot": notice}});
    let call = || {
        let call = stage.post("/v1/consents").token(&stage.shop()).header("idempotency-key", "k-1");
        call.json(&act).send()
    };
    let first = call().await;
    stage.known_as("bob").gives().await;
    stage.clock.set(Timestamp::parse("2026-11-22T03:30:00Z").unwrap());
    assert_eq!(call().await.body, first.body);
    assert_eq!(own(&stage, "ada", "").await["receipts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_keys_are_published_and_nothing_secret_with_them() {
    let stage = stage().await;
    let told = stage.get("/.well-known/jwks.json").send().await;
    assert_eq!(told.header("cache-control"), "public, max-age=3600");
    let keys = told.json();
    let key = keys["keys"][0].as_object().unwrap();
    let mut members: Vec<&str> = key.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"], "no `d`");
    let given = stage.known_as("ada").gives().await;
    let head = given["receipt"].as_str().unwrap().split('.').next().unwrap();
    let head: Value = serde_json::from_slice(&BASE64.decode(head).unwrap()).unwrap();
    assert_eq!(head["kid"], key["kid"]);
    assert_eq!(head["typ"], "consentry-receipt+jwt");
    let signing = fs::read(stage.behind().settings.keys.dir.join("signing")).unwrap();
    assert!(!told.body.contains(&BASE64.encode(signing)));
}

#[tokio::test]
async fn a_guardians_act_is_told_as_one() {
    let stage = stage().await;
    let more = json!({"guardian": true, "subject": {"id": "kim", "under_14_until": "2030-05-01"}});
    let verified = json!({
        "subject": {"id": "kim"}, "under_14_until": "2030-05-01", "guardian": {"id": "mum"},
        "verification": {"method": "card", "verified_at": "2026-11-22T00:00:00Z"}
    });
    let recorded = stage.post("/v1/guardians").token(&stage.shop()).json(&verified).send().await;
    assert_eq!(recorded.status, 200, "{}", recorded.body);
    let given = stage.known_as("kim").gives_to(RECOMMEND, &more).await;
    let told = claims(given["receipt"].as_str().unwrap());
    assert_eq!(told["events"][0]["entity_id"], "guardian");
    assert_ne!(told["pii_principal_id"], "guardian");
}

#[tokio::test]
async fn the_documented_receipt_is_one() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/RECEIPTS.md")).unwrap();
    let block = |name: &str| {
        let (_, rest) = page.split_once(&format!("```{name}\n")).unwrap();
        rest.split_once("\n```").unwrap().0.to_owned()
    };
    let key = block("text jwk-x");
    let keys = [consentry::jose::PublicKey::parse(key.trim()).unwrap()];
    let token = block("text receipt").replace('\n', "");
    let receipt = Receipt::verify(&keys, &token).unwrap();
    let shown: Value = serde_json::from_str(&block("json receipt")).unwrap();
    assert_eq!(serde_json::to_value(&receipt).unwrap(), shown);
    receipt.agrees(block("text row").as_bytes()).unwrap();
    let hash = &receipt.pii_processing.privacy_notice;
    let bundle = consentry::policy::Bundle::shipped().unwrap();
    let (language, notice) = bundle.catalogue().purposes()[0].notice("en");
    let parts = [RECOMMEND, language, &hash.version, notice.title(), notice.text()];
    assert_eq!(Notice::digest_of(parts), hash.sha256);
}

/// How long an act may take with its receipt; it is a bound against a search of the whole log, not a figure.
#[tokio::test]
async fn receipts_are_found_without_a_walk_through_the_log() {
    let stage = stage().await;
    let ada = stage.known_as("ada");
    let given = ada.gives().await;
    for _ in 0..300 {
        stage.shopkeeper().asks_for(&ada).await;
    }
    stage.log().await;
    let before = std::time::Instant::now();
    let all = own(&stage, "ada", "").await;
    assert_eq!(all["receipts"][0]["log"], given["log"]);
    assert!(before.elapsed() < Duration::from_secs(5));
}
