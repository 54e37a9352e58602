//! The full export: everything that is held of a person, nothing of anybody else, whole or recognisably not.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read what it looks at must fail"
)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    iter,
    path::Path,
    process::{Command, Stdio},
};

use age::{Decryptor, Identity, scrypt, secrecy::SecretString, x25519};
use consentry::{audit::OwnLog, domain::Sid, store::Batch};
use flate2::bufread::DeflateDecoder;
use serde_json::{Value, json};

use support::{
    Stage,
    actors::RECOMMEND,
    client::Answer,
    log::logged,
    model::Model,
    needles::Needles,
    proved::{Tree, key},
};

const EXPORT: &str = "/v1/me/export";
const SCHEMA: &str = "/v1/me/export/schema";
const POPULAR: &str = "measure_popularity";
const BOB: &str = "bob-canary-z9@example.com";
const DEVICE: &str = "device-canary-q1";
const PASSPHRASE: &str = "zebra-canary-passphrase-w5";

/// What is planted of ada: each stands in one place that can hold a value of an app's or of hers.
const PLANTED: [&str; 14] = [
    "statement-canary-k9",
    "item-seen-canary-k1",
    "item-muted-canary-k2",
    "tag-met-canary-k3",
    "tag-muted-canary-k4",
    "tag-boosted-canary-k5",
    "item-seed-canary-k6",
    "storm",
    "item-device-canary-k8",
    "2031-04-05T06:07:08.009Z",
    "2029-01-02T03:04:05.006Z",
    "phone_identity",
    "pairing",
    "2026-11-20T01:02:03.004Z",
];

async fn stage(model: Option<&Model>) -> Stage {
    let url = model.map(Model::url);
    let stage = Stage::set(move |set| {
        set.model = url;
        set.proving = Some(Tree::over);
    })
    .await;
    stage.shelves(60, 5).await;
    let item = |id: &str, tag: &str| json!({"id": id, "tags": [tag]}).to_string();
    let items = [
        item("item-seen-canary-k1", "tag-met-canary-k3"),
        item("item-muted-canary-k2", "tag-0"),
        item("item-seed-canary-k6", "tag-1"),
        item("item-device-canary-k8", "tag-2"),
    ];
    let put = stage.call("PUT", "/v1/items").token(&stage.shop());
    let put = put.body("application/x-ndjson", items.join("\n")).send().await;
    assert_eq!(put.status, 200, "{}", put.body);
    stage
}

impl Stage {
    async fn exports(&self, id: &str, path: &str) -> Answer {
        let _ = self.behind().store.commit(Batch::default()).await;
        let answer = self.get(path).token(&self.person(id)).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer
    }

    async fn export(&self, id: &str) -> Value {
        let export = self.exports(id, EXPORT).await.json();
        let members: Vec<&String> = export.as_object().unwrap().keys().collect();
        assert_eq!(
            (members.last().unwrap().as_str(), &export["complete"]),
            ("complete", &json!(true))
        );
        export
    }

    async fn locked(&self, id: &str, call: &Value) -> Answer {
        self.post(EXPORT).token(&self.person(id)).json(call).send().await
    }

    async fn posts(&self, path: &str, body: &Value) {
        let answer = self.post(path).token(&self.shop()).json(body).send().await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
    }

    /// The records that name one of `sids`, by the beginning of their keys.
    fn records_of(&self, sids: &[Sid]) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let names =
            |hay: &[u8]| hay.windows(16).any(|window| sids.iter().any(|sid| window == sid.0));
        for record in self.behind().store.scan(b"") {
            let (key, record) = record.unwrap();
            if names(key.as_bytes()) || names(&record.value) {
                let end = key.as_bytes().iter().position(|byte| *byte == b'/').unwrap();
                let prefix = String::from_utf8_lossy(&key.as_bytes()[..=end]).into_owned();
                *found.entry(prefix).or_default() += 1;
            }
        }
        found
    }

    fn sids(&self, export: &Value) -> Vec<Sid> {
        let ada = self.find("ada").unwrap();
        assert_eq!(
            export["provided"]["ids"].as_array().unwrap().len(),
            1 + ada.standing.links.len()
        );
        iter::once(ada.key.sid()).chain(ada.standing.links.iter().map(|link| link.sid)).collect()
    }
}

/// Ada's life: every kind of record that the gateway can hold of a person.
async fn live(stage: &Stage) {
    let (ada, device, bob) = (stage.known_as("ada"), stage.known_as(DEVICE), stage.known_as(BOB));
    let shop = stage.shopkeeper();
    for person in [&device, &bob] {
        person.gives().await;
        person.gives_to(POPULAR, &json!({})).await;
    }
    shop.asks_for(&device).await;
    shop.reports(&[&device], "item-device-canary-k8").await;
    shop.asks_for(&bob).await;
    shop.reports(&[&bob], "item-of-bobs-z1").await;
    ada.gives_to(RECOMMEND, &json!({"expires_at": "2031-04-05T06:07:08.009Z"})).await;
    ada.gives_to(POPULAR, &json!({})).await;
    let link = json!({"subject": {"id": "ada"}, "alias": {"id": DEVICE}, "method": "pairing"});
    stage.posts("/v1/links", &link).await;
    shop.reports(&[&ada], "item-seen-canary-k1").await;
    let context =
        json!({"context": {"weather": {"sky": "storm"}}, "seed_items": ["item-seed-canary-k6"]});
    shop.asks(&ada, &context).await;
    stage.post("/v1/me/reset").token(&stage.person("ada")).json(&json!({})).send().await;
    shop.reports(&[&ada], "item-seen-canary-k1").await;
    ada.sets(&json!({
        "mutes": {"tags": ["tag-muted-canary-k4", "tag-0"], "items": ["item-muted-canary-k2"]},
        "boosts": {"tags": ["tag-boosted-canary-k5"]}, "forget_after_days": 77
    }))
    .await;
    shop.asks_for(&ada).await;
    ada.sets(&json!({"pause_until": "2029-01-02T03:04:05.006Z"})).await;
    let guardian = json!({
        "subject": {"id": "ada"}, "under_14_until": "2027-12-01", "guardian": {"id": "mum-canary-z3"},
        "verification": {"method": "phone_identity", "verified_at": "2026-11-20T01:02:03.004Z"}
    });
    let correction = json!({
        "type": "rectification", "statement": "statement-canary-k9: I never bought that."
    });
    let asked = stage.post("/v1/me/requests").token(&stage.person("ada")).json(&correction);
    assert_eq!(asked.send().await.status, 202);
    // Last, since what she agreed to herself counts no more from here on.
    stage.posts("/v1/guardians", &guardian).await;
}

/// Whether `text` stands in a string of `value`, or as one of its numbers.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own.contains(text),
        Value::Array(list) => list.iter().any(|one| holds(one, text)),
        Value::Object(members) => {
            members.iter().any(|(name, one)| name == text || holds(one, text))
        }
        other => text.parse().is_ok_and(|number: Value| number == *other),
    }
}

#[tokio::test]
async fn everything_that_was_planted_is_in_the_export_and_nobody_elses() {
    let stage = stage(None).await;
    live(&stage).await;
    let export = stage.export("ada").await;
    for planted in PLANTED {
        assert!(holds(&export, planted), "{planted} is not in the export: {export:#}");
    }
    assert_eq!(export["provided"]["rules"][0]["forget_after_days"], 77);
    // In the lists for people, and not only somewhere in the log.
    for (list, planted) in [
        ("/observed/meetings", "item-seen-canary-k1"),
        ("/observed/told", "item-seen-canary-k1"),
        ("/observed/decisions", "storm"),
        ("/observed/decisions", "item-seed-canary-k6"),
        ("/observed/decisions", "item-device-canary-k8"),
        ("/derived/tastes", "tag-met-canary-k3"),
        ("/provided/guardian", "phone_identity"),
        ("/provided/ids", "pairing"),
        ("/provided/acts", "receipt"),
        ("/derived/resets", "until"),
    ] {
        assert!(holds(export.pointer(list).unwrap(), planted), "{planted} is not in {list}");
    }
    let text = export.to_string();
    for other in [BOB, "item-of-bobs-z1", "mum-canary-z3", "\"ada\"", DEVICE] {
        assert!(!Needles::of(other).are_in(&text), "{other} is in the export");
    }
    let (used, left): (Vec<&Value>, Vec<&Value>) = export["observed"]["meetings"]
        .as_array()
        .unwrap()
        .iter()
        .partition(|meeting| meeting["in_use"] == true);
    assert!(!used.is_empty() && !left.is_empty(), "what a reset left behind is held: {export:#}");
}

#[tokio::test]
async fn every_record_of_the_person_is_of_a_kind_that_the_export_names() {
    let model = Model::start();
    for model in [None, Some(&model)] {
        let stage = stage(model).await;
        live(&stage).await;
        // A recipient that is off confirms no deletion between the export and the count beside it.
        let off = json!({"kind": "recipient", "name": "model", "state": "off"});
        let off = stage.operate("post", "/v1/operate/switches").json(&off).send().await;
        assert_eq!(off.status, 200, "{}", off.body);
        stage.known_as("ada").withdraws().await;
        let export = stage.export("ada").await;
        let (mut named, mut told) = (BTreeSet::new(), BTreeSet::new());
        for section in export["sections"].as_array().unwrap() {
            let path = section["path"].as_str().unwrap();
            assert!(export.pointer(path).is_some_and(Value::is_array), "{path} is no list");
            let records = section["records"].as_array().unwrap();
            told.extend(records.iter().map(|it| it.as_str().unwrap().to_owned()));
        }
        named.extend(told.iter().cloned());
        let not_told = export["not_told"].as_array().unwrap();
        named.extend(not_told.iter().map(|it| it["records"].as_str().unwrap().to_owned()));
        let records = stage.records_of(&stage.sids(&export));
        for (prefix, count) in &records {
            assert!(named.contains(prefix), "{count} records under {prefix} that no section names");
        }
        for prefix in ["s/", "e/", "k/", "h/"] {
            assert!(records.contains_key(prefix), "{prefix}: {records:?}");
        }
        let acts = export["provided"]["acts"].as_array().unwrap().len();
        assert_eq!(acts, records["e/"], "each act on record is told");
        let owed = export["derived"]["deletions_owed"].as_array().unwrap().len();
        assert_eq!(owed, records["q/"]);
    }
}

#[tokio::test]
async fn each_record_of_what_is_held_is_told_once() {
    let stage = stage(None).await;
    live(&stage).await;
    let export = stage.export("ada").await;
    let records = stage.records_of(&stage.sids(&export));
    let told = ["/observed/meetings", "/observed/told", "/derived/tastes"];
    let told = told.map(|list| export.pointer(list).unwrap().as_array().unwrap().len());
    assert_eq!(told.iter().sum::<usize>(), records["d/"], "{told:?} {records:?}");
    assert!(told.iter().all(|count| *count > 0), "{told:?}");
}

#[tokio::test]
async fn the_log_of_all_linked_ids_is_in_the_export_and_checks() {
    let stage = stage(None).await;
    live(&stage).await;
    let export = stage.export("ada").await;
    let log: OwnLog = serde_json::from_value(export["log"].clone()).unwrap();
    let own = log.check(&[key()]).unwrap();
    assert_eq!(own.epochs.keys().copied().collect::<Vec<_>>(), [(0, 0), (1, 0)]);
    assert!(own.epochs.values().all(|rows| *rows > 3), "{:?}", own.epochs);
    assert_eq!((own.opened, own.proven), (own.count(), own.count()));
    // Nothing later opens or is found, of the device neither.
    let before = stage.log().await.len();
    stage
        .posts("/v1/links/remove", &json!({"subject": {"id": "ada"}, "alias": {"id": DEVICE}}))
        .await;
    stage.known_as(DEVICE).gives().await;
    stage.shopkeeper().asks_for(&stage.known_as(DEVICE)).await;
    let rows = stage.log().await;
    assert!(rows.len() > before + 3);
    for row in &rows[before..] {
        assert_eq!(
            own.meet(support::proved::ORIGIN, row.index, &row.bytes),
            Ok(false),
            "{}",
            row.leaf
        );
    }
    let alone = stage.export("ada").await;
    assert_eq!(alone["provided"]["ids"].as_array().unwrap().len(), 1);
    for list in ["/log/rows", "/observed/decisions", "/provided/acts"] {
        let list = alone.pointer(list).unwrap().as_array().unwrap();
        assert!(list.iter().all(|one| one["id"] == 0), "no longer hers");
    }
}

#[tokio::test]
async fn of_somebody_unknown_there_is_an_empty_document_and_nobody_comes_to_be_known() {
    let stage = stage(None).await;
    let (records, rows) = (stage.records(), stage.log().await.len());
    let export = stage.export("nobody-knows-me").await;
    assert_eq!((&export["known"], &export["epoch"]), (&json!(false), &json!(0)));
    for section in export["sections"].as_array().unwrap() {
        let list = export.pointer(section["path"].as_str().unwrap()).unwrap();
        assert_eq!(*list, json!([]), "{section}");
    }
    assert_eq!((stage.records(), stage.log().await.len()), (records, rows));
}

#[tokio::test]
async fn pseudonyms_are_those_that_the_model_saw() {
    let model = Model::start();
    let stage = stage(Some(&model)).await;
    let ada = stage.known_as("ada");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    stage.post("/v1/me/reset").token(&stage.person("ada")).json(&json!({})).send().await;
    stage.shopkeeper().asks_for(&ada).await;
    let seen = model.seen_on("/recommend");
    let seen: Vec<Value> = seen.iter().map(|it| serde_json::from_str(&it.body).unwrap()).collect();
    let export = stage.export("ada").await;
    let names = export["derived"]["pseudonyms"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> =
        names.iter().map(|it| (&it["pseudonym"], &it["in_use"])).collect();
    assert_eq!(told, [(&seen[0]["user"], &json!(false)), (&seen[1]["user"], &json!(true))]);
    let sent = export["observed"]["decisions"].as_array().unwrap();
    assert_eq!(sent[0]["sent"]["body"].as_str().unwrap(), model.seen_on("/recommend")[1].body);
}

/// The files of an archive.
fn files(bytes: &[u8]) -> BTreeMap<String, String> {
    let archive = rawzip::ZipArchive::from_slice(bytes).unwrap();
    let (mut entries, mut files) = (archive.entries(), BTreeMap::new());
    while let Some(entry) = entries.next_entry().unwrap() {
        let name = entry.file_path().try_normalize().unwrap().as_ref().to_owned();
        let file = archive.get_entry(entry.wayfinder()).unwrap();
        let mut text = String::new();
        let inflated = DeflateDecoder::new(file.data());
        file.verifying_reader(inflated).read_to_string(&mut text).unwrap();
        assert!(files.insert(name, text).is_none());
    }
    files
}

#[tokio::test]
async fn the_archive_holds_the_document_tables_receipts_and_proofs() {
    let stage = stage(None).await;
    live(&stage).await;
    let path = format!("{EXPORT}?form=zip");
    let answer = stage.exports("ada", &path).await;
    assert_eq!(answer.header("content-type"), "application/zip");
    let files = files(&answer.bytes);
    let export: Value = serde_json::from_str(&files["export.json"]).unwrap();
    assert_eq!(export["complete"], true);
    for (name, list) in [
        ("consents.csv", "/provided/consents"),
        ("acts.csv", "/provided/acts"),
        ("decisions.csv", "/observed/decisions"),
        ("meetings.csv", "/observed/meetings"),
        ("tastes.csv", "/derived/tastes"),
    ] {
        let rows =
            csv::Reader::from_reader(files[name].as_bytes()).into_records().map(Result::unwrap);
        assert_eq!(rows.count(), export.pointer(list).unwrap().as_array().unwrap().len(), "{name}");
    }
    for planted in ["item-seen-canary-k1", "storm", "tag-met-canary-k3"] {
        let tables = files.iter().filter(|(name, _)| name.strip_suffix(".csv").is_some());
        assert!(tables.map(|(_, text)| text).any(|text| text.contains(planted)), "{planted}");
    }
    let acts = export["provided"]["acts"].as_array().unwrap();
    let with_receipt: Vec<&Value> = acts.iter().filter(|act| act["receipt"].is_string()).collect();
    assert!(with_receipt.len() >= 4);
    for act in with_receipt {
        let name = format!("{}-{}", act["id"], act["epoch"]);
        assert_eq!(files[&format!("receipts/{name}.jwt")], act["receipt"].as_str().unwrap());
        assert!(files[&format!("proofs/{name}.tlog-proof")].starts_with("c2sp.org/tlog-proof@v1"));
        assert!(files.contains_key(&format!("proofs/{name}.row.json")));
    }
    assert!(
        files["README.txt"].contains("귀하에 관해") && files["README.txt"].contains("everything")
    );
    let published: Value = serde_json::from_str(&files["export.schema.json"]).unwrap();
    assert_eq!(published, stage.exports("ada", SCHEMA).await.json());
    let accepted =
        stage.get(EXPORT).token(&stage.person("ada")).header("accept", "application/zip");
    assert_eq!(accepted.send().await.header("content-type"), "application/zip");
}

fn opened(sealed: &[u8], identity: &dyn Identity) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut plain = Vec::new();
    Decryptor::new(sealed)?.decrypt(iter::once(identity))?.read_to_end(&mut plain)?;
    Ok(plain)
}

#[tokio::test]
async fn an_encrypted_export_opens_for_who_it_is_for_alone() {
    let stage = stage(None).await;
    stage.known_as("ada").gives().await;
    let to_passphrase = json!({"encrypt_to": {"passphrase": PASSPHRASE}});
    let sealed = stage.locked("ada", &to_passphrase).await;
    assert_eq!((sealed.status.as_u16(), sealed.header("content-type")), (200, "application/age"));
    let knows = |passphrase: &str| scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    let plain = opened(&sealed.bytes, &knows(PASSPHRASE)).unwrap();
    let export: Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!((&export["known"], &export["complete"]), (&json!(true), &json!(true)));
    assert!(opened(&sealed.bytes, &knows("zebra-canary-passphrase-w6")).is_err());
    let cut = &sealed.bytes[..sealed.bytes.len() - 40];
    assert!(opened(cut, &knows(PASSPHRASE)).is_err(), "one that broke off does not open");
    let holder = x25519::Identity::generate();
    let to_holder =
        json!({"form": "zip", "encrypt_to": {"recipient": holder.to_public().to_string()}});
    let sealed = stage.locked("ada", &to_holder).await;
    assert!(opened(&sealed.bytes, &x25519::Identity::generate()).is_err());
    let inside = files(&opened(&sealed.bytes, &holder).unwrap());
    assert!(inside["export.json"].ends_with("\"complete\":true}"));
    // Nothing is kept of the passphrase.
    let needles = Needles::of(PASSPHRASE);
    assert_eq!(needles.files(&stage.behind().store.dir()), Vec::<std::path::PathBuf>::new());
    assert!(!needles.are_in(logged()));
}

#[tokio::test]
async fn the_age_tool_opens_an_export() {
    let Ok(made) = Command::new("age-keygen").stderr(Stdio::null()).output() else {
        eprintln!("SKIPPED: there is no `age-keygen` on this machine");
        return;
    };
    let key_file = String::from_utf8(made.stdout).unwrap();
    let public = key_file.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let folder = support::wiring::fresh_folder();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("key"), &key_file).unwrap();
    let stage = stage(None).await;
    stage.known_as("ada").gives().await;
    let sealed = stage.locked("ada", &json!({"encrypt_to": {"recipient": public}})).await;
    fs::write(folder.join("export.age"), &sealed.bytes).unwrap();
    let files = ["key", "export.age"].map(|name| folder.join(name));
    let plain = Command::new("age").arg("-d").arg("-i").args(files).output().unwrap();
    let export: Value = serde_json::from_slice(&plain.stdout).unwrap();
    assert_eq!(export["complete"], true);
}

#[tokio::test]
async fn a_call_that_cannot_be_met_says_what_to_change_and_writes_nothing() {
    let stage = stage(None).await;
    stage.known_as("ada").gives().await;
    let rows = stage.log().await.len();
    for (call, pointer) in [
        (json!({"encrypt_to": {}}), "/encrypt_to"),
        (json!({"encrypt_to": {"passphrase": "short-w7"}}), "/encrypt_to/passphrase"),
        (json!({"encrypt_to": {"recipient": "age1nothing-w8"}}), "/encrypt_to/recipient"),
        (json!({"encrypt_to": {"passphrase": PASSPHRASE, "recipient": "age1"}}), "/encrypt_to"),
        (json!({"form": "xml"}), "/form"),
    ] {
        let answer = stage.locked("ada", &call).await;
        assert_eq!(answer.status, 422, "{call}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.body);
        for given in ["short-w7", "w8", PASSPHRASE] {
            assert!(!answer.body.contains(given), "{}", answer.body);
        }
    }
    let answer = stage.get(&format!("{EXPORT}?form=xml")).token(&stage.person("ada")).send().await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "invalid-parameter"));
    assert_eq!(stage.log().await.len(), rows, "no epoch was closed");
}

/// What of `value` is not as `schema` says: the keywords that the schema of exports uses.
fn faults(schema: &Value, root: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let part = root.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        return faults(part, root, value, at);
    }
    let parts = |word: &str| schema[word].as_array().cloned().unwrap_or_default();
    let mut found: Vec<String> =
        parts("allOf").iter().flat_map(|part| faults(part, root, value, at)).collect();
    let one_of = [parts("oneOf"), parts("anyOf")].concat();
    if !one_of.is_empty() && !one_of.iter().any(|part| faults(part, root, value, at).is_empty()) {
        found.push(format!("{at} is none of those"));
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let is = |wanted: &str| match value {
        Value::Null => wanted == "null",
        Value::Bool(_) => wanted == "boolean",
        Value::Number(n) => wanted == "number" || (wanted == "integer" && !n.is_f64()),
        Value::String(_) => wanted == "string",
        Value::Array(_) => wanted == "array",
        Value::Object(_) => wanted == "object",
    };
    if !types.is_empty() && !types.iter().any(|wanted| is(wanted.as_str().unwrap())) {
        found.push(format!("{at} is {value} and not {types:?}"));
    }
    if let Value::Object(members) = value {
        let required = parts("required");
        let missing = required.iter().filter(|name| !members.contains_key(name.as_str().unwrap()));
        found.extend(missing.map(|name| format!("{at} lacks {name}")));
        for (name, member) in members {
            if let Some(part) = schema["properties"].get(name) {
                found.extend(faults(part, root, member, &format!("{at}/{name}")));
            }
        }
    }
    if let (Value::Array(list), true) = (value, schema["items"].is_object()) {
        let each = list.iter().enumerate();
        found.extend(
            each.flat_map(|(n, one)| faults(&schema["items"], root, one, &format!("{at}/{n}"))),
        );
    }
    found
}

#[tokio::test]
async fn an_export_is_as_its_schema_says() {
    let stage = stage(None).await;
    live(&stage).await;
    let answer = stage.exports("ada", SCHEMA).await;
    assert_eq!(answer.header("content-type"), "application/schema+json");
    let schema = answer.json();
    let none = Vec::<String>::new();
    for id in ["ada", "nobody-knows-me"] {
        let export = stage.export(id).await;
        assert_eq!(faults(&schema, &schema, &export, ""), none);
    }
    let mut wrong = stage.export("ada").await;
    wrong["observed"]["decisions"][0]["at"] = json!(7);
    wrong["derived"].as_object_mut().unwrap().remove("tastes");
    assert_eq!(faults(&schema, &schema, &wrong, "").len(), 2, "the check can fail");
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/export.schema.json");
    let now = format!("{schema:#}\n");
    if !fs::read_to_string(&published).is_ok_and(|known| known == now) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export.schema.json");
        fs::write(&fresh, now).unwrap();
        panic!("the schema differs from the published one: cp {} docs/", fresh.display());
    }
}
