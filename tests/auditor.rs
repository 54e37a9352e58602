//! An auditor reads: the rows of the log, the policies, what recipients owe, and what flowed. Each read is on record, and
//! none of them names anybody.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that finds no answer, member or row must fail"
)]

mod support;

use std::collections::BTreeSet;

use consentry::{
    domain::{Timestamp, hex},
    inspect,
};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::RECOMMEND,
    book::events,
    client::Answer,
    model::{Behaviour, Model},
    needles::Needles,
};

const ENTRIES: &str = "/v1/audit/entries";
const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

impl Stage {
    async fn audits(&self, path: &str) -> Answer {
        self.audits_as("*/*", path).await
    }

    async fn audits_as(&self, accept: &str, path: &str) -> Answer {
        self.get(path).header("accept", accept).token(&self.auditor()).send().await
    }

    /// The first entry of the register once `holds` of it.
    async fn registered(&self, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..20_000 {
            let entry = self.told("/v1/audit/requests").await["requests"][0].clone();
            if holds(&entry) {
                return entry;
            }
        }
        panic!("it never comes to hold");
    }

    /// What an auditor reads at `path`, which they may.
    async fn told(&self, path: &str) -> Value {
        let answer = self.audits(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json()
    }
}

fn entries(page: &Value) -> &Vec<Value> {
    page["entries"].as_array().unwrap()
}

fn indices(page: &Value) -> Vec<u64> {
    entries(page).iter().map(|entry| entry["index"].as_u64().unwrap()).collect()
}

/// Ada agrees and is recommended something, twice; Ben is recommended something without having agreed; a minute later Ada
/// takes her consent back.
async fn a_story(model: &Model) -> Stage {
    let stage = Stage::with_model(model).await;
    stage.shelves(30, 5).await;
    let (ada, ben) = (stage.known_as("ada@example.com"), stage.known_as("ben@example.com"));
    ada.gives().await;
    let shop = stage.shopkeeper();
    for person in [&ada, &ada, &ben] {
        shop.asks_for(person).await;
    }
    stage.clock.set(Timestamp::parse("2026-11-22T03:01:10Z").unwrap());
    ada.withdraws().await;
    // What the withdrawal leads to is done before anybody counts rows.
    stage.eventually(|| stage.behind().ledger.deletions_owed().unwrap().is_empty()).await;
    stage.log().await;
    stage
}

#[tokio::test]
async fn rows_are_told_as_they_stand_in_the_log() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let log = stage.log().await;
    let page = stage.told(&format!("{ENTRIES}?limit=1000")).await;
    assert_eq!(entries(&page).len(), log.len(), "to the row before the read's own");
    assert_eq!(page["next"], Value::Null);
    for (entry, row) in entries(&page).iter().zip(&log) {
        let leaf = &row.leaf;
        let word = |name: &str| if leaf[name] == "-" { Value::Null } else { leaf[name].clone() };
        assert_eq!(entry["origin"], "gw.test/log/2026h2");
        assert_eq!(entry["index"], row.index);
        for (name, short) in [
            ("event", "e"),
            ("outcome", "o"),
            ("reason", "r"),
            ("policy", "s"),
            ("gateway", "g"),
            ("nonce", "n"),
            ("commitment", "c"),
            ("tag", "y"),
        ] {
            assert_eq!(entry[name], leaf[short], "{name}");
        }
        assert_eq!((&entry["purpose"], &entry["recipient"]), (&word("p"), &word("u")));
        let minute = Timestamp::parse(entry["at"].as_str().unwrap()).unwrap();
        assert_eq!(minute.seconds(), leaf["t"].as_i64().unwrap());
    }
}

#[tokio::test]
async fn filters_let_through_what_they_say_and_nothing_else() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let all = stage.told(&format!("{ENTRIES}?limit=1000")).await;
    let ruleset = stage.behind().policies.current().ruleset().to_owned();
    let before = "at < 03:01";
    for (query, wanted) in [
        ("event=decision", &["event decision"][..]),
        ("event=decision,consent.given", &["event decision|consent.given"]),
        ("event=decision&event=consent.given", &["event decision|consent.given"]),
        ("event=decision&outcome=individual", &["event decision", "outcome individual"]),
        ("purpose=-", &["purpose null"]),
        ("recipient=model&reason=consented", &["recipient model", "reason consented"]),
        ("until=2026-11-22T03:01:00Z", &[before]),
        ("from=2026-11-22T03:00:59Z&until=2026-11-22T12:01:00%2B09:00", &[before]),
        (&format!("policy={ruleset}&event=decision.void"), &["event decision.void"]),
    ] {
        let page = stage.told(&format!("{ENTRIES}?limit=1000&{query}")).await;
        let is = |entry: &&Value| {
            wanted.iter().all(|wish| match wish.split_once(' ').unwrap() {
                ("at", _) => entry["at"].as_str().unwrap() < "2026-11-22T03:01",
                (name, "null") => entry[name].is_null(),
                (name, words) => words.split('|').any(|word| entry[name] == word),
            })
        };
        let seen = entries(&all).len();
        let expected: Vec<&Value> = entries(&all).iter().filter(is).collect();
        let found: Vec<&Value> = entries(&page)
            .iter()
            .filter(|entry| entry["index"].as_u64().unwrap() < seen as u64)
            .collect();
        assert_eq!(found, expected, "{query}");
        if wanted != ["event decision.void"] {
            assert!(!found.is_empty() && found.len() < seen, "{query} is no test");
        }
    }
    let current = stage.told(&format!("{ENTRIES}?policy=current&event=decision")).await;
    let by_hash = format!("{ENTRIES}?policy=sha256:{}&event=decision", &ruleset[..6]);
    assert_eq!(current, stage.told(&by_hash).await);
    assert_eq!(entries(&current).len(), 3);
}

#[tokio::test]
async fn pages_repeat_no_row_and_hide_none_while_rows_are_written() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let eve = stage.known_as("eve@example.com");
    for order in ["desc", "asc"] {
        let filter =
            "event=decision,decision.answered,consent.given,consent.withdrawn,auditor.read";
        let mut path = format!("{ENTRIES}?{filter}&order={order}&limit=2");
        let whole = stage.told(&format!("{ENTRIES}?{filter}&order={order}&limit=1000")).await;
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let answer = stage.audits(&path).await;
            let page = answer.json();
            found.extend(indices(&page));
            assert!(indices(&page).len() <= 2, "{page}");
            pages += 1;
            // Between any two pages somebody does something, and the reads themselves are rows too.
            stage.shopkeeper().asks_for(&eve).await;
            let Some(next) = page["next"].as_str().filter(|_| order == "desc" || found.len() < 60)
            else {
                break;
            };
            let link = answer.header("link").to_owned();
            assert!(link.contains(&format!("&cursor={next}>; rel=\"next\"")), "{link}");
            path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        }
        let mut sorted = found.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), found.len(), "a row stands twice");
        if order == "desc" {
            sorted.reverse();
            // The read that counted the whole has a row of its own, which the first page may show.
            let of_whole: Vec<u64> =
                found.iter().copied().filter(|i| *i <= indices(&whole)[0]).collect();
            assert_eq!(of_whole, indices(&whole));
        } else {
            assert_eq!(found[..indices(&whole).len()], indices(&whole), "a row is hidden");
        }
        assert_eq!(sorted, found, "{order}");
        assert!(pages > 3, "no test of pages");
    }
}

#[tokio::test]
async fn csv_and_ndjson_tell_what_json_tells() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let json = stage.told(&format!("{ENTRIES}?limit=1000")).await;
    let count = entries(&json).len();
    for query in ["", "?limit=1000"] {
        let lines = stage.audits_as(NDJSON, &format!("{ENTRIES}{query}")).await;
        assert_eq!(lines.header("content-type"), NDJSON);
        assert_eq!(lines.lines()[..count], entries(&json)[..]);
        let csv = stage
            .audits_as("text/csv;q=0.9, application/json;q=0.1", &format!("{ENTRIES}{query}"))
            .await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(table(&csv.body)[..count], rendered(entries(&json))[..]);
    }
    let down = stage.audits_as(NDJSON, &format!("{ENTRIES}?order=desc&event=decision")).await;
    let mut up = stage.audits_as(NDJSON, &format!("{ENTRIES}?event=decision")).await.lines();
    up.reverse();
    assert_eq!(down.lines(), up);
}

/// The cells of CSV by their columns, apostrophes of guarded cells taken away again.
fn table(csv: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let cell = |(column, cell): (&String, &str)| {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell} is a formula");
        (column.clone(), cell.strip_prefix('\'').unwrap_or(cell).to_owned())
    };
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| columns.iter().zip(row.iter()).map(cell).collect()).collect()
}

fn rendered(entries: &[Value]) -> Vec<Vec<(String, String)>> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |entry: &Value| {
        let members = entry.as_object().unwrap().iter();
        members.map(|(name, value)| (name.clone(), cell(value))).collect()
    };
    entries.iter().map(row).collect()
}

#[tokio::test]
async fn each_read_has_its_row_and_is_told_only_after_it() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let before = stage.log().await.len();
    for (path, read) in [
        (format!("{ENTRIES}?event=decision&from=2026-11-22T03:00:00Z&limit=7"), "entries"),
        ("/v1/audit/policies".to_owned(), "policies"),
        ("/v1/audit/decision-table?limit=1".to_owned(), "decision_table"),
        ("/v1/audit/requests".to_owned(), "requests"),
        ("/v1/audit/records-of-processing".to_owned(), "records_of_processing"),
    ] {
        let seen = stage.log().await.len();
        let token = stage.auditor();
        assert_eq!(stage.get(&path).token(&token).send().await.status, 200, "{path}");
        let rows = stage.log_since(seen).await;
        assert_eq!(rows.len(), 1, "{path}");
        let leaf = &rows[0].leaf;
        assert_eq!(
            (rows[0].event(), &leaf["o"], &leaf["r"]),
            ("auditor.read", &json!("read"), &json!(read))
        );
        assert_eq!((&leaf["p"], &leaf["u"]), (&json!("-"), &json!("-")));
        let body = stage.opens_nobodys(rows[0].index).expect("it is about nobody");
        assert_eq!(body["read"], read);
        assert!(body["by"].as_str().unwrap().starts_with("token:"), "{body}");
        assert!(!body.to_string().contains(&token), "{body}");
        if read == "entries" {
            assert_eq!(
                (&body["asked"]["event"], &body["asked"]["limit"]),
                (&json!(["decision"]), &json!(7))
            );
            assert_eq!(body["asked"]["from"], "2026-11-22T03:00:00.000Z");
        }
    }
    let rows = stage.log_since(before).await;
    let words: BTreeSet<&str> = rows.iter().map(|row| row.leaf["r"].as_str().unwrap()).collect();
    assert_eq!(words, inspect::Read::ALL.map(inspect::Read::as_str).into());
}

#[tokio::test]
async fn what_is_refused_is_no_read() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let next = stage.told(&format!("{ENTRIES}?limit=1")).await["next"].as_str().unwrap().to_owned();
    let mut tampered = next.clone().into_bytes();
    tampered[8] = if tampered[8] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    let before = stage.log().await.len();
    for token in [stage.shop(), stage.person("ada@example.com"), stage.operator()] {
        let refused = stage.get(ENTRIES).token(&token).send().await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (403, "wrong-scope"));
        assert_eq!(refused.json()["needed"], "audit:read");
        // Nobody without the scope learns what parameters there are.
        let refused = stage.get(&format!("{ENTRIES}?nonsense=1")).token(&token).send().await;
        assert_eq!(refused.problem(), "wrong-scope");
    }
    for (query, name, says) in [
        ("evnt=decision", "", "`event`"),
        ("event=decisions", "event", "known"),
        ("event=", "event", "known"),
        ("outcome=maybe", "outcome", "known"),
        ("purpose=ada@example.com", "purpose", "known"),
        ("recipient=nobody", "recipient", "known"),
        ("reason=whim", "reason", "known"),
        ("policy=abc", "policy", "4 digits"),
        ("policy=ffffffff", "policy", "known"),
        ("order=up", "order", "`asc` or `desc`"),
        ("limit=0", "limit", "1 to 1000"),
        ("limit=1001", "limit", "1 to 1000"),
        ("limit=x", "limit", "1 to 1000"),
        ("limit=1&limit=2", "limit", "once"),
        ("from=yesterday", "from", "RFC 3339"),
        ("from=2026-11-22T03:00:00", "from", "offset"),
        ("from=2026-11-22T03:00:00Z&until=2026-11-22T03:00:00Z", "until", "after `from`"),
        ("cursor=nonsense", "cursor", "begin without it"),
        (&format!("cursor={tampered}"), "cursor", "begin without it"),
        (&format!("cursor={next}&event=decision"), "cursor", "begin without it"),
        (&format!("cursor={next}&order=desc"), "cursor", "begin without it"),
    ] {
        let refused = stage.audits(&format!("{ENTRIES}?{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.problem().as_str()),
            (400, "invalid-parameter"),
            "{query}"
        );
        let told = refused.json();
        assert_eq!(told["name"].as_str().unwrap_or_default(), name, "{query}");
        assert!(told.to_string().contains(says), "{query}: {told}");
        assert!(!refused.body.contains("ada@example"), "{told}");
    }
    let known = stage.audits(&format!("{ENTRIES}?event=x")).await.json()["known"].clone();
    assert!(known.as_array().unwrap().contains(&json!("consent.given")), "{known}");
    for (path, name) in [
        ("/v1/audit/decision-table?policy=ffffffff", "policy"),
        ("/v1/audit/decision-table?against=gibberish", "against"),
        ("/v1/audit/decision-table?purpose=nothing", "purpose"),
        ("/v1/audit/policies?from=x", "from"),
        ("/v1/audit/requests?until=x", "until"),
        ("/v1/audit/records-of-processing?until=x", "until"),
    ] {
        let refused = stage.audits(path).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["name"]),
            (400, &json!(name)),
            "{path}"
        );
    }
    let form = stage.audits_as("image/png", ENTRIES).await;
    assert_eq!((form.status.as_u16(), form.problem().as_str()), (406, "not-acceptable"));
    assert_eq!(form.json()["available"], json!(["application/json", NDJSON, CSV]));
    let rows = stage.log_since(before).await;
    assert_eq!(
        events(&rows, &["auditor.read"]),
        [] as [&str; 0],
        "a refusal is on record as a read"
    );
}

#[tokio::test]
async fn a_cursor_holds_good_after_a_restart_and_a_limit_may_change() {
    let folder = support::wiring::fresh_folder();
    let set = folder.clone();
    let stage = Stage::set(move |s| (s.folder, s.disk) = (Some(set), None)).await;
    stage.known_as("ada@example.com").gives().await;
    let first = stage.told(&format!("{ENTRIES}?limit=1")).await;
    let next = first["next"].as_str().unwrap().to_owned();
    stage.stop().await;
    let stage = Stage::set(move |s| (s.folder, s.disk) = (Some(folder), None)).await;
    let second = stage.told(&format!("{ENTRIES}?limit=5&cursor={next}")).await;
    assert_eq!(indices(&second)[0], indices(&first)[0] + 1);
}

#[tokio::test]
async fn nothing_that_an_auditor_reads_names_anybody() {
    let model = Model::start();
    let stage = a_story(&model).await;
    // What the model saw of her is what must not be found.
    let pseudonyms: BTreeSet<String> = model
        .seen()
        .iter()
        .filter_map(|seen| {
            let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
            body["user"].as_str().map(str::to_owned)
        })
        .collect();
    assert!(!pseudonyms.is_empty(), "the model saw no pseudonym");
    let sid = hex(&stage.find("ada@example.com").unwrap().key.sid().0);
    let mut needles: Vec<Needles> =
        ["ada@example.com", "ben@example.com", &sid].into_iter().map(Needles::of).collect();
    needles.extend(pseudonyms.iter().map(|name| Needles::of(name)));
    let mut answers = String::new();
    for accept in ["application/json", NDJSON, CSV] {
        for path in [
            ENTRIES,
            "/v1/audit/policies",
            "/v1/audit/decision-table",
            "/v1/audit/requests",
            "/v1/audit/records-of-processing",
        ] {
            let answer = stage.audits_as(accept, path).await;
            assert!(matches!(answer.status.as_u16(), 200 | 406), "{path}: {}", answer.body);
            answers.push_str(&answer.body);
            for value in answer.headers.values() {
                answers.push_str(value.to_str().unwrap());
            }
        }
    }
    assert!(answers.len() > 20_000, "too little was read");
    for needle in needles {
        assert!(!needle.are_in(&answers));
    }
}

#[tokio::test]
async fn the_versions_say_who_changed_them_and_what_was_decided_under_each() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let current = stage.told("/v1/audit/policies").await["in_force"].as_str().unwrap().to_owned();
    let files = stage.operate("GET", "/v1/operate/policies/current").send().await.json();
    let mut files = files["files"].clone();
    let gate = files["gate.cedar"].as_str().unwrap().to_owned();
    files["gate.cedar"] = json!(format!("{gate}\n// another version\n"));
    let applied = stage.operate("POST", "/v1/operate/policies").json(&json!({"files": files}));
    let applied = applied.send().await;
    assert_eq!(applied.status, 200, "{}", applied.body);
    let told = stage.told("/v1/audit/policies").await;
    let changes = told["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!((&changes[0]["how"], &changes[0]["by"]), (&json!("start"), &json!("configuration")));
    assert_eq!((&changes[1]["how"], &changes[1]["by"]), (&json!("apply"), &json!("owner")));
    assert_eq!(changes[1]["log"]["index"], applied.json()["log_index"]);
    assert_eq!(changes[1]["version"], told["in_force"]);
    assert_eq!(changes[0]["version"], json!(current));
    let log = stage.log().await;
    for change in changes {
        let place = usize::try_from(change["log"]["index"].as_u64().unwrap()).unwrap();
        assert_eq!(
            (log[place].event(), &log[place].leaf["s"]),
            ("policy.changed", &change["policy"])
        );
    }
    let versions = told["versions"].as_array().unwrap();
    assert_eq!(versions[0]["decisions"], json!({"individual": 2, "none": 1}));
    assert_eq!(versions[1]["decisions"], json!({}));
    stage.shopkeeper().asks_for(&stage.known_as("ben@example.com")).await;
    let told = stage.told("/v1/audit/policies").await;
    assert_eq!(told["versions"][1]["decisions"], json!({"none": 1}));
    let none = stage.told("/v1/audit/policies?from=2030-01-01T00:00:00Z").await;
    assert_eq!(none["versions"][0]["decisions"], json!({}), "none was decided then");
}

#[tokio::test]
async fn the_table_holds_every_case_and_two_versions_differ_where_they_do() {
    let stage = Stage::start().await;
    let table = "/v1/audit/decision-table";
    let csv = stage.audits_as(CSV, table).await;
    let rows = self::table(&csv.body);
    let bundle = stage.behind().policies.snapshot();
    assert_eq!(rows.len(), bundle.table().count());
    let first = stage.told(&format!("{table}?limit=1000")).await;
    assert_eq!((&first["total"], &first["against"]), (&json!(rows.len()), &Value::Null));
    let mut cases = first["cases"].as_array().unwrap().clone();
    let mut next = first["next"].clone();
    while let Some(cursor) = next.as_str() {
        let page = stage.told(&format!("{table}?limit=1000&cursor={cursor}")).await;
        cases.extend(page["cases"].as_array().unwrap().clone());
        next = page["next"].clone();
    }
    assert_eq!(cases.len(), rows.len());
    for (case, row) in cases.iter().zip(&rows) {
        let cell = |name: &str| &row.iter().find(|(column, _)| column == name).unwrap().1;
        assert_eq!(case["purpose"], json!(cell("purpose")));
        assert_eq!(case["facts"], serde_json::from_str::<Value>(cell("facts")).unwrap());
        assert_eq!(case["outcome"]["level"], json!(cell("level")));
        let policies: Vec<&str> = case["outcome"]["policies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap())
            .collect();
        assert_eq!(&policies.join(" "), cell("policies"));
    }
    let one = stage.told(&format!("{table}?purpose={RECOMMEND}&limit=1")).await;
    assert_eq!(one["cases"][0]["purpose"], RECOMMEND);
    assert!(one["total"].as_u64() < first["total"].as_u64());

    let files = stage.operate("GET", "/v1/operate/policies/current").send().await.json();
    let mut files = files["files"].clone();
    let rule = "@id(\"closed-for-now\")\n@reason(\"operator_rule\")\n\
                forbid (principal == Purpose::\"recommend_products\", action == Action::\"individual\", resource);\n";
    files["closed.cedar"] = json!(rule);
    files.as_object_mut().unwrap().retain(|file, _| !file.ends_with(".cases.toml"));
    let applied =
        stage.operate("POST", "/v1/operate/policies").json(&json!({"files": files})).send().await;
    assert_eq!(applied.status, 200, "{}", applied.body);
    let changed = applied.json()["difference"]["changed"].clone();
    let path = format!("{table}?policy=current&against={}", &bundle.version()[7..23]);
    let difference = stage.told(&format!("{path}&limit=1000")).await;
    assert_eq!(difference["total"], changed, "as many as the change itself counted");
    assert!(changed.as_u64().unwrap() > 0, "no test of a difference");
    assert_eq!(difference["against"], json!(bundle.version()));
    for case in difference["cases"].as_array().unwrap() {
        let (now, before) = (&case["outcome"], &case["against"]);
        assert!(now["level"] != before["level"] || now["reasons"] != before["reasons"], "{case}");
    }
    let csv = stage.audits_as(CSV, &path).await;
    assert_eq!(json!(self::table(&csv.body).len()), changed);
    let back = stage.told(&format!("{table}?against=current&policy={}", bundle.version())).await;
    assert_eq!(back["cases"][0]["outcome"], difference["cases"][0]["against"]);
}

#[tokio::test]
async fn the_register_says_what_recipients_owe_and_by_when() {
    let model = Model::start();
    let stage = Stage::with_model(&model).await;
    let ada = stage.known_as("ada@example.com");
    ada.gives().await;
    stage.shopkeeper().asks_for(&ada).await;
    model.behave(Behaviour::Fails(500));
    ada.withdraws().await;
    // Rows are counted to where the read began, and the next try is told as it is now: both, once both are there.
    let is_asked = |told: &Value| told["asked"] == 1 && told["next_try_at"].is_string();
    let asked = stage.registered(is_asked).await;
    assert_eq!((&asked["kind"], &asked["recipient"]), (&json!("deletion"), &json!("model")));
    assert_eq!(
        (&asked["configured"], &asked["owed"], &asked["overdue"]),
        (&json!(true), &json!(1), &json!(0))
    );
    assert_eq!((&asked["asked"], &asked["confirmed"]), (&json!(1), &json!(0)));
    assert_eq!(asked["oldest_at"], "2026-11-22T03:00:00.000Z");
    assert_eq!(asked["overdue_at"], "2026-11-23T03:00:00.000Z");
    assert_eq!(asked["given_up_at"], "2026-12-22T03:00:00.000Z");
    assert_eq!(asked["next_try_at"], "2026-11-22T03:00:01.000Z");

    stage.clock.set(Timestamp::parse("2026-11-23T03:00:00Z").unwrap());
    let late = stage.registered(|told| told["overdue"] == 1).await;
    assert_eq!(late["owed"], 1);

    model.behave(Behaviour::Lists);
    stage.clock.set(Timestamp::parse("2026-11-23T05:00:00Z").unwrap());
    let done = stage.registered(|told| told["confirmed"] == 1).await;
    assert_eq!(
        (&done["owed"], &done["overdue"], &done["unanswered"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!((&done["oldest_at"], &done["next_try_at"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn records_of_processing_say_what_is_configured_and_what_flowed() {
    let model = Model::start();
    let stage = a_story(&model).await;
    let path = "/v1/audit/records-of-processing";
    let told = stage.told(path).await;
    let flow = |tier: &str, decisions: u64| json!({"purpose": RECOMMEND, "recipient": "model", "tier": tier, "decisions": decisions});
    assert_eq!(told["flows"], json!([flow("individual", 2), flow("none", 1)]));
    assert_eq!(told["recipients"][0]["country"], Value::Null, "nobody has said it");
    assert_eq!(told["recipients"][0]["in_process"], false);
    assert_eq!(told["retention"]["row_bodies_days"], 90);
    let purpose =
        told["purposes"].as_array().unwrap().iter().find(|p| p["id"] == RECOMMEND).unwrap();
    assert_eq!(
        (&purpose["basis"], &purpose["recipients"], &purpose["apps"]),
        (&json!("consent"), &json!(["model"]), &json!(["shop"]))
    );
    assert!(!told.to_string().to_lowercase().contains("complian"), "it describes");
    let later = stage.told(&format!("{path}?from=2030-01-01T00:00:00Z")).await;
    assert_eq!(later["flows"], json!([]));
    let csv = table(&stage.audits_as(CSV, path).await.body);
    let cells: Vec<(&str, &str)> = csv
        .iter()
        .filter(|row| row[0].1 == RECOMMEND)
        .map(|row| (row[9].1.as_str(), row[10].1.as_str()))
        .collect();
    assert_eq!(cells, [("individual", "2"), ("none", "1")]);
}

#[tokio::test]
async fn a_recipients_country_is_told_and_one_that_is_none_is_refused() {
    let model = Model::start();
    let url = model.url();
    let stage = Stage::set(move |set| {
        set.model = Some(url);
        set.model_settings = "country = \"KR\"".to_owned();
    })
    .await;
    let told = stage.told("/v1/audit/records-of-processing").await;
    assert_eq!(told["recipients"][0]["country"], "KR");
    for other in ["kr", "XX", "Korea"] {
        let refused = format!(
            "recipient = \"m\"\ndomain = \"d\"\nkind = \"builtin\"\npurposes = []\ncountry = \"{other}\""
        );
        let told =
            toml::from_str::<consentry::app::UpstreamSettings>(&refused).unwrap_err().to_string();
        assert!(told.contains("ISO 3166-1"), "{told}");
    }
}
