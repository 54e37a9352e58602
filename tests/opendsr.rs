//! OpenDSR 2.0, walked as a controller walks it, and as the gateway does where a recipient speaks it.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]
#![expect(clippy::indexing_slicing, reason = "what is missing in an answer must fail the test")]

mod support;

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use consentry::{app::AppError, domain::Timestamp};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};

use support::{
    Stage,
    client::Answer,
    log::logged,
    model::{Behaviour, Model, Seen, down},
    needles::{Needles, files},
    wiring::{Set, fresh_folder, try_start},
};

const REQUESTS: &str = "/opendsr/v2/requests";
const ID: &str = "a7551968-d5d6-44b2-9831-815ac9017798";
const OTHER_ID: &str = "0b2ffb5c-8a3e-4b83-9f6b-2f0a52b2d4d1";
const DAY: u64 = 24 * 60 * 60;

fn file(name: &str) -> String {
    format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// `[opendsr]` with callbacks to `hosts`.
fn section(hosts: &[&str]) -> String {
    let (key, certificate) = (file("one.key"), file("one.pem"));
    format!(
        "[opendsr]\ndomain = \"gw.example\"\nkey = {key:?}\ncertificate = {certificate:?}\n\
         identities = {{ controller_customer_id = \"user_id\", email = \"email\" }}\ncallback_hosts = {hosts:?}\n"
    )
}

async fn stage() -> Stage {
    Stage::set(|set| set.sections = section(&[])).await
}

/// The host and port of a controller that is called back.
fn host(controller: &Model) -> String {
    controller.url().trim_start_matches("http://").to_owned()
}

fn asked(kind: &str, id: &str, people: &[&str]) -> Value {
    let identity = |person: &&str| json!({"identity_type": "controller_customer_id", "identity_value": person, "identity_format": "raw"});
    json!({
        "regulation": "gdpr", "subject_request_id": id, "subject_request_type": kind,
        "submitted_time": "2026-11-20T03:00:00Z", "api_version": "2.0",
        "subject_identities": people.iter().map(identity).collect::<Vec<_>>(),
    })
}

/// Asked by a controller that has not confirmed who it is about.
fn unverified(kind: &str, id: &str, person: &str) -> Value {
    let mut body = asked(kind, id, &[person]);
    body["extensions"] = json!({"gw.example": {"identity_verified": false}});
    body
}

impl Stage {
    async fn orders(&self, body: &Value) -> Answer {
        self.post(REQUESTS).token(&self.shop()).json(body).send().await
    }

    async fn taken(&self, body: &Value) -> Value {
        let answer = self.orders(body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        is_signed(&answer);
        answer.json()
    }

    async fn order(&self, id: &str) -> Value {
        let answer = self.get(&format!("{REQUESTS}/{id}")).token(&self.shop()).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        is_signed(&answer);
        answer.json()
    }

    async fn takes_back(&self, id: &str) -> Answer {
        self.call("DELETE", &format!("{REQUESTS}/{id}")).token(&self.shop()).send().await
    }

    fn after(&self, seconds: u64) {
        let noon = Timestamp::parse("2026-11-22T03:00:00Z").unwrap();
        self.clock.set(noon.after(Duration::from_secs(seconds)));
    }

    /// Waits until `holds`, while each look takes two seconds of the gateway's clock.
    async fn time_goes_on_until(&self, holds: impl Fn() -> bool) {
        let looks = std::cell::Cell::new(0);
        self.eventually(|| {
            looks.set(looks.get() + 1);
            self.after(looks.get() * 2);
            holds()
        })
        .await;
    }

    fn number(&self, name: &str) -> String {
        let page = self.behind().observer.metrics();
        let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().trim_end_matches(".0").to_owned()
    }
}

/// The point of the P-256 key in a certificate, found by the form of its `BIT STRING` alone.
fn public_key() -> Vec<u8> {
    let pem = std::fs::read_to_string(file("one.pem")).unwrap();
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(text).unwrap();
    let head = [0x03, 0x42, 0x00, 0x04];
    let at = der.windows(4).position(|four| four == head).unwrap();
    der[at + 3..at + 68].to_vec()
}

fn verifies(body: &[u8], signature: &str) -> bool {
    let signature = STANDARD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key()).verify(body, &signature).is_ok()
}

/// Signed by us under the present names and those from before, and no other body is.
fn is_signed(answer: &Answer) {
    for name in ["opendsr", "opengdpr"] {
        let signature = answer.header(&format!("x-{name}-signature"));
        assert!(verifies(&answer.bytes, signature), "{}", answer.body);
        assert!(!verifies(format!("{} ", answer.body).as_bytes(), signature));
        assert_eq!(answer.header(&format!("x-{name}-processor-domain")), "gw.example");
    }
}

/// A refusal in the protocol's form, which repeats nothing of the call.
fn refused(answer: &Answer, status: u16, says: &str) {
    let told = answer.json();
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(told["error"]["code"], status, "{}", answer.body);
    let first = &told["error"]["errors"][0];
    assert!(first["domain"].is_string() && first["reason"].is_string(), "{told}");
    assert!(first["message"].as_str().unwrap().contains(says), "{told}");
    assert!(!answer.body.contains("ada"), "{told}");
}

/// The value of a header of a call that a model saw.
fn header<'a>(seen: &'a Seen, name: &str) -> &'a str {
    let lines = seen.head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .next()
        .unwrap()
}

/// What a controller was called back with: signed, and about its own URL.
fn heard(seen: &Seen) -> Value {
    assert_eq!(seen.method, "POST");
    assert!(verifies(seen.body.as_bytes(), header(seen, "x-opendsr-signature")), "{}", seen.body);
    assert_eq!(header(seen, "x-opendsr-processor-domain"), "gw.example");
    serde_json::from_str(&seen.body).unwrap()
}

#[tokio::test]
async fn a_controller_finds_what_it_needs_to_begin() {
    let stage = stage().await;
    let discovery = stage.get("/opendsr/v2/discovery").send().await;
    is_signed(&discovery);
    let raw = |kind| json!({"identity_type": kind, "identity_format": "raw"});
    assert_eq!(
        discovery.json(),
        json!({
            "api_version": "2.0",
            "supported_identities": [raw("controller_customer_id"), raw("email")],
            "supported_subject_request_types": ["access", "portability", "erasure"],
            "processor_certificate": "https://gw.example/opendsr/v2/certificate.pem",
        })
    );
    let certificate = stage.get("/opendsr/v2/certificate.pem").send().await;
    assert_eq!(certificate.body, std::fs::read_to_string(file("one.pem")).unwrap());
}

#[tokio::test]
async fn an_erasure_is_carried_out_and_proven() {
    let stage = stage().await;
    // Random base64 holds any three letters now and then, and never a full stop.
    let id = "ada.kim";
    let ada = stage.known_as(id);
    ada.gives().await;
    let body = asked("erasure", ID, &[id]);
    let created = stage.taken(&body).await;
    assert_eq!(
        created,
        json!({
            "controller_id": "shop", "expected_completion_time": "2026-12-22T15:00:00.000Z",
            "received_time": "2026-11-22T03:00:00.000Z", "encoded_request": STANDARD.encode(body.to_string()),
            "subject_request_id": ID, "api_version": "2.0",
        })
    );
    assert!(stage.find(id).is_none(), "somebody is still known");
    let told = stage.order(ID).await;
    assert_eq!(told["request_status"], "completed", "{told}");
    assert!(told.get("results_url").is_none(), "{told}");
    let ours = &told["extensions"]["gw.example"];
    assert!(ours.get("outcome").is_none(), "{told}");
    let url = ours["certificate_url"].as_str().unwrap();
    let path = url.strip_prefix("https://gw.example").unwrap();
    let certificate = stage.get(path).token(&stage.shop()).send().await;
    assert_eq!(certificate.status, 200, "{}", certificate.body);
    // An hour later it is told the same, though nobody is known any more.
    stage.after(3600);
    assert_eq!(stage.taken(&body).await, created);
    // Rows name neither the order nor anybody.
    for row in stage.log().await {
        let text = String::from_utf8_lossy(&row.bytes).into_owned();
        assert!(!text.contains(ID) && !text.contains(id), "{text}");
    }
}

#[tokio::test]
async fn what_may_be_fetched_is_said_where_and_nothing_where_nothing_is_held() {
    let stage = stage().await;
    stage.known_as("ada").gives().await;
    let mut body = asked("access", ID, &["ada"]);
    body["regulation"] = json!("ccpa");
    stage.taken(&body).await;
    let told = stage.order(ID).await;
    assert_eq!(told["results_url"], "https://gw.example/v1/me/export", "{told}");
    let docket = told["extensions"]["gw.example"]["requests"][0]["request"].as_str().unwrap();
    let path = format!("/v1/rights/requests/{docket}");
    let ours = stage.get(&path).token(&stage.shop()).send().await.json();
    assert_eq!((&ours["regulation"], &ours["type"]), (&json!("ccpa"), &json!("access")));

    stage.taken(&asked("portability", OTHER_ID, &["nobody"])).await;
    let told = stage.order(OTHER_ID).await;
    assert_eq!(told["request_status"], "completed", "{told}");
    assert_eq!(told["extensions"]["gw.example"]["requests"][0]["held"], false);
    assert!(told.get("results_url").is_none(), "{told}");
    assert!(stage.find("nobody").is_none(), "asking has created somebody");
}

#[tokio::test]
async fn one_id_is_one_order_of_one_controller() {
    let stage = stage().await;
    let first = stage.taken(&asked("access", ID, &["ada", "ben"])).await;
    assert_eq!(stage.taken(&asked("access", ID, &["ada", "ben"])).await, first);
    let told = stage.order(ID).await;
    let requests = told["extensions"]["gw.example"]["requests"].as_array().unwrap().len();
    assert_eq!(requests, 2, "each identity is a person");
    for seconds in [0, 2 * DAY] {
        stage.after(seconds);
        let other = stage.orders(&asked("erasure", ID, &["ada", "ben"])).await;
        refused(&other, 409, "subject_request_id");
    }
    let kiosk = stage.app("kiosk", "rights");
    let path = format!("{REQUESTS}/{ID}");
    refused(&stage.get(&path).token(&kiosk).send().await, 404, "no such request");
    let own = stage.post(REQUESTS).token(&kiosk).json(&asked("access", ID, &["ada"])).send().await;
    assert_eq!(own.status, 201, "{}", own.body);
}

#[tokio::test]
async fn nothing_acts_for_whom_the_controller_did_not_confirm() {
    let stage = stage().await;
    stage.known_as("ada").gives().await;
    stage.taken(&unverified("erasure", ID, "ada")).await;
    assert_eq!(stage.order(ID).await["request_status"], "pending");
    assert!(stage.find("ada").is_some());
    let cancelled = stage.takes_back(ID).await;
    is_signed(&cancelled);
    assert_eq!(
        (cancelled.status.as_u16(), &cancelled.json()["subject_request_id"]),
        (202, &json!(ID))
    );
    assert_eq!(stage.order(ID).await["request_status"], "cancelled");
    refused(&stage.takes_back(ID).await, 409, "cancelled");

    stage.taken(&unverified("erasure", OTHER_ID, "ada")).await;
    let told = stage.order(OTHER_ID).await;
    let request = told["extensions"]["gw.example"]["requests"][0]["request"].as_str().unwrap();
    let identity = json!({"subject": {"id": "ada"},
        "identity": {"method": "session", "verified_at": "2026-11-22T03:00:00Z"}});
    let path = format!("/v1/rights/requests/{request}/identity");
    let confirmed = stage.post(&path).token(&stage.shop()).json(&identity).send().await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    assert_eq!(stage.order(OTHER_ID).await["request_status"], "completed");
    assert!(stage.find("ada").is_none());
    refused(&stage.takes_back(OTHER_ID).await, 409, "completed");
}

#[tokio::test]
async fn an_operators_refusal_is_told_in_our_extension() {
    let stage = stage().await;
    stage.known_as("ada").gives().await;
    stage.taken(&unverified("erasure", ID, "ada")).await;
    let told = stage.order(ID).await;
    let request = told["extensions"]["gw.example"]["requests"][0]["request"].as_str().unwrap();
    let path = format!("/v1/operate/requests/{request}/answer");
    let refusal =
        json!({"outcome": "refused", "reason": "suspected_fraud", "text": "Please come by."});
    let answered = stage.operate("POST", &path).json(&refusal).send().await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    let told = stage.order(ID).await;
    assert_eq!(told["request_status"], "completed", "{told}");
    let ours = &told["extensions"]["gw.example"];
    assert_eq!((&ours["outcome"], &ours["reason"]), (&json!("refused"), &json!("suspected_fraud")));
    assert!(!told.to_string().contains("come by"), "the words are the person's to read: {told}");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_protocols_form() {
    let stage = stage().await;
    let with = |pointer: &str, value: Value| {
        let mut body = asked("access", ID, &["ada"]);
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body[pointer.trim_start_matches('/')] = value,
        }
        body
    };
    for (pointer, value, says) in [
        ("/subject_identities/0/identity_format", json!("sha256"), "must be raw"),
        (
            "/subject_identities/0/identity_type",
            json!("android_id"),
            "controller_customer_id, email",
        ),
        ("/subject_identities", json!([]), "1 to 16"),
        ("/subject_request_id", json!("00000000-0000-1000-8000-000000000000"), "UUID of version 4"),
        ("/subject_request_type", json!("rectification"), "access"),
        ("/regulation", json!("lgpd"), "gdpr"),
        ("/submitted_time", json!("yesterday"), "RFC 3339"),
        ("/api_version", json!("3.0"), "2.0"),
        ("/status_callback_urls", json!(["https://evil.example/ada"]), "listed"),
        ("/status_callback_urls", json!(["http://169.254.169.254/latest"]), "listed"),
        ("/extensions", json!({"gw.example": {"identity_verified": "ada"}}), "true or false"),
    ] {
        refused(&stage.orders(&with(pointer, value)).await, 400, says);
    }
    let broken = stage.post(REQUESTS).token(&stage.shop()).body("application/json", "{\"ada\"");
    refused(&broken.send().await, 400, "in the middle");
    refused(
        &stage.get(&format!("{REQUESTS}/{ID}")).token(&stage.shop()).send().await,
        404,
        "no such",
    );
    // Members that are not ours, as of other processors, are left aside.
    let mut more = asked("access", ID, &["ada"]);
    more["extensions"] = json!({"other.example": {"account": 7}});
    more["locale"] = json!("ko");
    stage.taken(&more).await;
}

#[tokio::test]
async fn the_names_from_before_are_honoured() {
    let stage = stage().await;
    let mut body = asked("access", ID, &["ada"]);
    body.as_object_mut().unwrap().remove("regulation");
    body["api_version"] = json!("0.1");
    let old = "/opendsr/v2/opengdpr_requests";
    let created = stage.post(old).token(&stage.shop()).json(&body).send().await;
    assert_eq!(created.status, 201, "{}", created.body);
    is_signed(&created);
    let read = stage.get(&format!("{old}/{ID}")).token(&stage.shop()).send().await;
    assert_eq!(read.json(), stage.order(ID).await);
    let cancel = stage.call("DELETE", &format!("{old}/{ID}")).token(&stage.shop()).send().await;
    refused(&cancel, 409, "completed");
}

#[tokio::test]
async fn without_a_configuration_there_is_nothing() {
    let stage = Stage::start().await;
    for path in ["/opendsr/v2/discovery", "/opendsr/v2/certificate.pem"] {
        refused(&stage.get(path).send().await, 404, "[opendsr]");
    }
    refused(&stage.orders(&asked("access", ID, &["ada"])).await, 404, "[opendsr]");
    let mut set = Set::new(consentry::ambient::Clock::System);
    set.sections = section(&[]).replace("one.pem", "two.pem");
    let error =
        tokio::task::spawn_blocking(|| try_start(set).map(drop)).await.unwrap().unwrap_err();
    assert!(matches!(error, AppError::Certificate { .. }), "{error}");
}

#[tokio::test]
async fn callbacks_are_told_until_they_are_heard_across_a_restart() {
    let (controller, folder) = (Model::start(), fresh_folder());
    controller.behave(Behaviour::Fails(500));
    let callback = format!("{}/dsr", controller.url());
    let (sections, kept) = (section(&[&host(&controller)]), folder.clone());
    let set = move |set: &mut Set| {
        (set.sections, set.folder, set.disk) = (sections, Some(kept), None);
    };
    let stage = Stage::set(set.clone()).await;
    stage.known_as("ada").gives().await;
    let mut body = unverified("erasure", ID, "ada");
    body["status_callback_urls"] = json!([callback, callback]);
    stage.taken(&body).await;
    let told = stage.order(ID).await;
    let request = told["extensions"]["gw.example"]["requests"][0]["request"].as_str().unwrap();
    let identity = json!({"subject": {"id": "ada"},
        "identity": {"method": "session", "verified_at": "2026-11-22T03:00:00Z"}});
    let path = format!("/v1/rights/requests/{request}/identity");
    stage.post(&path).token(&stage.shop()).json(&identity).send().await;
    controller.has_seen("/dsr", 1).await;
    stage.eventually(|| stage.number("consentry_opendsr_callbacks_owed") == "1").await;
    stage.stop().await;

    controller.forget_what_was_seen();
    controller.behave(Behaviour::Lists);
    let stage = Stage::set(set).await;
    controller.has_seen("/dsr", 1).await;
    let seen = heard(&controller.seen_on("/dsr")[0]);
    assert_eq!(
        (&seen["request_status"], &seen["status_callback_url"]),
        (&json!("completed"), &json!(callback))
    );
    assert_eq!((&seen["subject_request_id"], &seen["controller_id"]), (&json!(ID), &json!("shop")));
    stage.eventually(|| stage.number("consentry_opendsr_callbacks_told_total") == "1").await;
    assert_eq!(stage.number("consentry_opendsr_callbacks_owed"), "0");
    assert_eq!(controller.seen().len(), 1, "it is told once it was heard");
    // What was told is not kept for being told again.
    assert!(stage.behind().store.scan(b"oc/").next().is_none());
}

#[tokio::test]
async fn a_callback_that_nobody_hears_is_given_up_and_shown() {
    let controller = Model::start();
    controller.behave(Behaviour::Hangs);
    let callback = format!("{}/dsr", controller.url());
    let sections = section(&[&host(&controller)]);
    let stage = Stage::set(move |set| set.sections = sections).await;
    let mut body = asked("access", ID, &["ada"]);
    body["status_callback_urls"] = json!([callback]);
    stage.taken(&body).await;
    controller.has_seen("/dsr", 1).await;
    stage.eventually(|| stage.number("consentry_opendsr_callbacks_owed") == "1").await;
    stage.after(31 * DAY);
    stage.eventually(|| stage.number("consentry_opendsr_callbacks_unanswered_total") == "1").await;
    let token = stage.shop();
    let told = stage.get(&format!("{REQUESTS}/{ID}")).token(&token).send().await.json();
    assert_eq!(told["extensions"]["gw.example"]["callbacks_given_up"], 1, "{told}");
}

#[tokio::test]
async fn no_identity_is_on_the_disk_in_a_line_or_a_number() {
    let (controller, folder) = (Model::start(), fresh_folder());
    let callback = format!("{}/dsr?customer=canary-callback-51", controller.url());
    let (sections, kept) = (section(&[&host(&controller)]), folder.clone());
    let stage = Stage::set(move |set| {
        (set.sections, set.folder, set.disk) = (sections, Some(kept), None);
    })
    .await;
    let canaries = ["canary-customer-7301", "canary.mail.88@example.org", "canary-callback-51"];
    stage.known_as(canaries[0]).gives().await;
    let mut body = asked("access", ID, &[canaries[0]]);
    body["subject_identities"].as_array_mut().unwrap().push(
        json!({"identity_type": "email", "identity_value": canaries[1], "identity_format": "raw"}),
    );
    body["status_callback_urls"] = json!([callback]);
    let created = stage.taken(&body).await;
    body["subject_request_id"] = json!(OTHER_ID);
    body["subject_request_type"] = json!("erasure");
    stage.taken(&body).await;
    stage.eventually(|| stage.number("consentry_opendsr_callbacks_told_total") == "2").await;
    assert!(created["encoded_request"].as_str().unwrap().len() > 100, "the answer alone has it");
    let (told, numbers) = (stage.order(OTHER_ID).await, stage.behind().observer.metrics());
    stage.stop().await;
    assert!(files(&folder).len() > 5, "nothing is on the disk to look through");
    for canary in canaries {
        let needles = Needles::of(canary);
        assert_eq!(needles.files(&folder), Vec::<PathBuf>::new(), "{canary}");
        assert!(!needles.are_in(logged()), "{canary} is in a line");
        assert!(!needles.are_in(&numbers) && !needles.are_in(told.to_string()), "{canary}");
    }
    for seen in controller.seen() {
        assert!(!seen.body.contains(canaries[0]) && !seen.body.contains(canaries[1]), "{seen:?}");
    }
}

/// A gateway before a model of its own that is asked to delete at `processor`, whose answers `certificate` signs.
async fn before(model: &Model, processor: &Stage, certificate: &str) -> Stage {
    let token = processor.app("shop", "rights");
    let url = format!("http://{}/opendsr/v2/", processor.address);
    let (model, certificate) = (model.url(), file(certificate));
    Stage::set(move |set| {
        set.model = Some(model);
        set.model_settings = format!(
            "[upstream.opendsr]\nurl = {url:?}\ncertificate = {certificate:?}\n\
             header = {{ name = \"authorization\", value = {{ file = \"secret:Bearer {token}\" }} }}\n"
        );
    })
    .await
}

/// The outcomes of the rows about deletions.
async fn deletions(stage: &Stage) -> Vec<String> {
    let rows = stage.log().await;
    let of = rows.iter().filter(|row| row.event() == "erasure.recipient");
    of.map(|row| row.leaf["o"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_recipient_is_asked_to_delete_by_the_protocol() {
    let (model, processor) = (Model::start(), stage().await);
    let stage = before(&model, &processor, "one.pem").await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    assert_eq!(stage.shopkeeper().asks_for(&ada).await["tier"], "individual");
    let asked: Value = serde_json::from_str(&model.seen_on("/recommend")[0].body).unwrap();
    let pseudonym = asked["user"].as_str().unwrap();
    processor.known_as(pseudonym).gives().await;
    ada.withdraws().await;
    processor.eventually(|| processor.find(pseudonym).is_none()).await;
    stage.time_goes_on_until(|| stage.behind().ledger.deletions_owed().unwrap().is_empty()).await;
    let outcomes = deletions(&stage).await;
    assert_eq!(outcomes, ["asked", "asked", "confirmed"], "{outcomes:?}");
    let own = model
        .seen()
        .iter()
        .filter(|seen| seen.method == "DELETE" || seen.path.contains("forget"))
        .count();
    assert_eq!(own, 0, "its own protocol is not used");
    let orders = processor.behind().store.scan(b"od/").count();
    assert_eq!(orders, 1, "it is ordered once");
}

#[tokio::test]
async fn what_a_recipient_did_not_sign_confirms_nothing() {
    let (model, processor) = (Model::start(), stage().await);
    let stage = before(&model, &processor, "two.pem").await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    ada.withdraws().await;
    let rows = stage.behind().store.log_size();
    stage.time_goes_on_until(|| stage.behind().store.log_size() >= rows + 4).await;
    let outcomes = deletions(&stage).await;
    assert!(outcomes.len() >= 4 && outcomes.iter().all(|one| one == "asked"), "{outcomes:?}");
}

#[tokio::test]
async fn a_recipient_that_is_down_is_asked_again_later() {
    let (model, (_port, url)) = (Model::start(), down());
    let served = model.url();
    let stage = Stage::set(move |set| {
        set.model = Some(served);
        set.model_settings = format!("[upstream.opendsr]\nurl = \"{url}/opendsr/v2\"\n");
    })
    .await;
    stage.shelves(120, 7).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    ada.withdraws().await;
    let rows = stage.behind().store.log_size();
    stage.time_goes_on_until(|| stage.behind().store.log_size() >= rows + 3).await;
    stage.after(31 * DAY);
    stage.eventually(|| stage.behind().ledger.deletions_owed().unwrap().is_empty()).await;
    let outcomes = deletions(&stage).await;
    assert_eq!(outcomes.last().map(String::as_str), Some("unanswered"), "{outcomes:?}");
    assert!(!outcomes.contains(&"confirmed".to_owned()), "{outcomes:?}");
}
