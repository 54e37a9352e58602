//! What is seen from outside: numbers, readiness, spans and lines. They are true, and they name nobody.
#![expect(clippy::unwrap_used, reason = "a test that cannot read what it looks at must fail")]

mod support;

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex},
};

use consentry::ambient::{Fault, FaultFs, File, Fs, OpenMode, Space};
use serde_json::{Value, json};

use support::{
    Stage,
    actors::{RECOMMEND, is_for_everybody},
    log::logged,
    model::{Behaviour, Model},
    needles::Needles,
    wiring::OwnDisk,
};

const ADA: &str = "ada.lovelace+vip@example.com";

async fn stage(model: &Model, sections: &'static str) -> Stage {
    let url = model.url();
    let stage = Stage::set(move |set| {
        set.model = Some(url);
        set.model_settings = String::from("timeout_ms = 60000");
        set.sections = String::from(sections);
    });
    let stage = stage.await;
    stage.shelves(120, 7).await;
    model.forget_what_was_seen();
    stage
}

fn page(stage: &Stage) -> String {
    stage.behind().observer.metrics()
}

/// The value of the sample `name`, labels included.
fn sample(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn check(stage: &Stage, name: &str) -> (bool, Value) {
    let readiness = stage.behind().observer.readiness();
    let check = readiness.checks().iter().find(|check| check.name == name).unwrap();
    let told = json!({"ok": check.ok, "needed": check.needed, "facts": check.facts});
    (readiness.ready(), told)
}

fn is_ready(stage: &Stage) -> bool {
    stage.behind().observer.readiness().ready()
}

mod numbers {
    use super::*;

    #[tokio::test]
    async fn decisions_disclosures_and_acts_are_counted() {
        let model = Model::start();
        let stage = stage(&model, "").await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        ada.gives().await;
        assert_eq!(shop.asks_for(&ada).await["tier"], "individual");
        ada.withdraws().await;
        is_for_everybody(&shop.asks_for(&ada).await, 10);
        let page = page(&stage);
        let decided = |tier: &str, reason: &str| {
            let labels = format!(r#"purpose="{RECOMMEND}",tier="{tier}",reason="{reason}""#);
            sample(&page, &format!("consentry_decisions_total{{{labels}}}"))
        };
        assert_eq!(decided("individual", "consented"), Some(1.0), "{page}");
        assert_eq!(decided("none", "withdrawn"), Some(1.0), "{page}");
        for (name, value) in [
            (r#"consentry_disclosures_total{recipient="model"}"#, 2.0),
            (r#"consentry_model_calls_total{recipient="model",outcome="answered"}"#, 2.0),
            (r#"consentry_model_answering{recipient="model"}"#, 1.0),
            (r#"consentry_consent_acts_total{action="give"}"#, 1.0),
            (r#"consentry_consent_acts_total{action="withdraw"}"#, 1.0),
            (r#"consentry_stage_seconds_count{stage="call"}"#, 2.0),
            (r#"consentry_stage_seconds_count{stage="record"}"#, 2.0),
            (r#"consentry_stage_seconds_count{stage="model"}"#, 2.0),
            (r#"consentry_stage_seconds_count{stage="rank"}"#, 2.0),
            ("consentry_act_drain_seconds_count", 2.0),
            ("consentry_unrecorded_answers_total", 0.0),
            ("consentry_journal_writable", 1.0),
            ("consentry_ready", 1.0),
        ] {
            assert_eq!(sample(&page, name), Some(value), "{name} in\n{page}");
        }
        let recommended = r#"{method="POST",route="/v1/recommendations",class="2xx"}"#;
        let recommended = format!("consentry_http_answers_total{recommended}");
        assert_eq!(sample(&page, &recommended), Some(2.0), "{page}");
    }

    #[tokio::test]
    async fn the_last_use_lies_before_each_acknowledged_withdrawal() {
        let model = Model::start();
        let stage = stage(&model, "").await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        assert_eq!(sample(&page(&stage), "consentry_act_to_last_use_seconds"), None);
        for _ in 0..5 {
            ada.gives().await;
            let call = tokio::spawn(shop.call_for(ADA, &json!({})).send());
            ada.withdraws().await;
            call.await.unwrap();
        }
        let nearest = sample(&page(&stage), "consentry_act_to_last_use_seconds");
        assert!(nearest.is_none_or(|seconds| seconds < 0.0), "{nearest:?}");
        ada.gives().await;
        shop.asks_for(&ada).await;
        ada.withdraws().await;
        let nearest = sample(&page(&stage), "consentry_act_to_last_use_seconds").unwrap();
        assert!(nearest < 0.0, "{nearest}");
    }

    #[tokio::test]
    async fn faults_of_a_model_are_counted_by_kind() {
        let model = Model::start();
        let stage = stage(&model, "").await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        ada.gives().await;
        model.behave(Behaviour::Fails(500));
        is_for_everybody(&shop.asks_for(&ada).await, 10);
        let page = page(&stage);
        for (name, value) in [
            (r#"consentry_model_calls_total{recipient="model",outcome="model_status"}"#, 1.0),
            (r#"consentry_model_answering{recipient="model"}"#, 0.0),
            (r#"consentry_disclosures_total{recipient="model"}"#, 1.0),
        ] {
            assert_eq!(sample(&page, name), Some(value), "{name} in\n{page}");
        }
        let fault = format!(r#"{{purpose="{RECOMMEND}",fault="model_status"}}"#);
        assert_eq!(sample(&page, &format!("consentry_faults_total{fault}")), Some(1.0), "{page}");
        // There is always an answer, so a model that fails is no reason to send nobody here.
        let (ready, models) = check(&stage, "models");
        assert!(ready && models["ok"] == false && models["needed"] == false, "{models}");
        assert_eq!(models["facts"]["model"], "failing");
    }

    #[tokio::test]
    async fn refused_tokens_and_problems_are_counted_by_kind() {
        let model = Model::start();
        let stage = stage(&model, "").await;
        for token in [stage.expired(), stage.forged()] {
            stage.get("/v1/purposes").token(&token).send().await;
        }
        stage.get("/v1/purposes").send().await;
        let page = page(&stage);
        for reason in ["expired", "bad_signature", "missing_token"] {
            let name = format!(r#"consentry_tokens_refused_total{{reason="{reason}"}}"#);
            assert_eq!(sample(&page, &name), Some(1.0), "{name} in\n{page}");
        }
        let problem = r#"consentry_http_problems_total{problem="invalid-token"}"#;
        assert_eq!(sample(&page, problem), Some(2.0), "{page}");
        // The catalogue was filled with the one token that was good.
        assert_eq!(sample(&page, "consentry_tokens_accepted_total"), Some(1.0), "{page}");
    }

    #[tokio::test]
    async fn no_label_holds_what_a_call_brought() {
        let model = Model::start();
        let stage = stage(&model, "").await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        ada.gives().await;
        shop.asks(&ada, &json!({"scenario": "scenario-needle"})).await;
        shop.reports(&[&ada], "item-needle").await;
        let token = stage.shop();
        for path in ["/v1/path-needle", "/v1/items/item-needle", "/healthz?needle=query-needle"] {
            stage.get(path).token(&token).header("traceparent", "header-needle").send().await;
        }
        stage.call("NEEDLE", "/healthz").send().await;
        let unknown = json!({"subject": {"id": ADA}, "purpose": "purpose-needle"});
        stage.post("/v1/recommendations").token(&token).json(&unknown).send().await;
        let page = page(&stage);
        assert!(!page.to_lowercase().contains("needle"), "{page}");
        assert!(!Needles::of(ADA).are_in(&page), "{page}");
        let none = r#"consentry_http_answers_total{method="GET",route="none",class="4xx"}"#;
        assert_eq!(sample(&page, none), Some(1.0), "{page}");
        let other = r#"consentry_http_answers_total{method="other",route="/healthz",class="4xx"}"#;
        assert_eq!(sample(&page, other), Some(1.0), "{page}");
    }
}

mod documents {
    use super::*;

    const PAGE: &str = include_str!("../docs/OBSERVABILITY.md");
    const RULES: &str = include_str!("../docs/observability/alerts.yml");
    const BOARD: &str = include_str!("../docs/observability/dashboard.json");

    /// What the page calls by a name of ours, without what the format adds to it.
    fn names(text: &str) -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = words
            .filter(|word| ["consentry_", "process_"].iter().any(|start| word.starts_with(start)));
        ours.map(|word| {
            let ends = ["_total", "_bucket", "_count", "_sum"];
            ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
        })
        .collect()
    }

    async fn told() -> BTreeSet<String> {
        let stage = Stage::start().await;
        let page = page(&stage);
        let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn each_number_is_documented_and_no_other() {
        let told = told().await;
        let table = PAGE.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>();
        let firsts = table.iter().filter_map(|line| line.split('|').nth(1));
        let documented = names(&firsts.collect::<String>());
        assert_eq!(told, documented);
    }

    #[tokio::test]
    async fn rules_and_dashboard_name_only_what_is_told() {
        let told = told().await;
        let board: Value = serde_json::from_str(BOARD).unwrap();
        let exprs: Vec<&str> = expressions(&board);
        assert!(exprs.len() > 10, "{exprs:?}");
        let expr = |line: &&str| line.trim_start().starts_with("expr:");
        let rules: String = RULES.lines().filter(expr).collect();
        for (what, text) in [("alerts.yml", rules), ("dashboard.json", exprs.join("\n"))] {
            let named = names(&text);
            assert!(named.len() > 5, "{what}: {named:?}");
            let unknown: Vec<_> = named.difference(&told).collect();
            assert!(unknown.is_empty(), "{what} names {unknown:?}");
        }
    }

    #[test]
    fn each_alert_is_explained() {
        let alerts: Vec<&str> =
            RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
        assert!(alerts.len() > 5, "{alerts:?}");
        for alert in &alerts {
            assert!(PAGE.contains(&format!("### {alert}\n")), "{alert} is not explained");
        }
        assert_eq!(PAGE.matches("\n### ").count(), alerts.len());
    }

    fn expressions(value: &Value) -> Vec<&str> {
        match value {
            Value::Object(members) => members
                .iter()
                .flat_map(|(name, value)| match value.as_str() {
                    Some(text) if name == "expr" => vec![text],
                    _ => expressions(value),
                })
                .collect(),
            Value::Array(entries) => entries.iter().flat_map(expressions).collect(),
            _ => Vec::new(),
        }
    }
}

mod readiness {
    use super::*;

    #[tokio::test]
    async fn it_is_told_at_the_operators_door_and_not_at_the_public_one() {
        let disk = FaultFs::new();
        let stage = on(&disk).await;
        let ready = stage.operate("GET", "/readyz").send().await;
        assert_eq!((ready.status.as_u16(), &ready.json()["ready"]), (200, &json!(true)));
        let numbers = stage.operate("GET", "/metrics").send().await;
        assert_eq!(numbers.header("content-type"), consentry::observe::MEDIA_TYPE);
        assert!(numbers.body.contains("consentry_ready 1"), "{}", numbers.body);
        disk.set_space(Space { free: 0, total: 1 << 30 });
        let ready = stage.operate("GET", "/readyz").send().await;
        assert_eq!((ready.status.as_u16(), &ready.json()["ready"]), (503, &json!(false)));
        assert_eq!(stage.operate("GET", "/healthz").send().await.status, 200);
        for path in ["/readyz", "/metrics"] {
            assert_eq!(stage.get(path).send().await.status, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn over_tcp_a_probe_needs_no_token_and_a_scraper_does() {
        let stage = Stage::set(|set| set.door = Some("127.0.0.1:0".to_owned())).await;
        assert_eq!(stage.operate("GET", "/readyz").send().await.status, 200);
        assert_eq!(stage.operate("GET", "/metrics").send().await.status, 401);
        let token = stage.shop();
        assert_eq!(stage.operate("GET", "/metrics").token(&token).send().await.status, 403);
    }

    /// The machine's disk in memory, whose syncs wait as long as it is held.
    #[derive(Clone, Debug)]
    struct Slow(FaultFs, Arc<(Mutex<bool>, Condvar)>);

    impl Slow {
        fn hold(&self, held: bool) {
            *self.1.0.lock().unwrap() = held;
            self.1.1.notify_all();
        }
    }

    #[derive(Debug)]
    struct SlowFile(Box<dyn File>, Slow);

    impl Fs for Slow {
        fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
            Ok(Box::new(SlowFile(self.0.open(path, mode)?, self.clone())))
        }
        fn create_dir_all(&self, path: &Path) -> io::Result<()> {
            self.0.create_dir_all(path)
        }
        fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
            self.0.list(dir)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.0.rename(from, to)
        }
        fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.0.link(from, to)
        }
        fn remove_file(&self, path: &Path) -> io::Result<()> {
            self.0.remove_file(path)
        }
        fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
            self.0.remove_dir_all(path)
        }
        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            self.0.sync_dir(dir)
        }
        fn space(&self, path: &Path) -> io::Result<Space> {
            self.0.space(path)
        }
    }

    impl File for SlowFile {
        fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.read_at(into, offset)
        }
        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            self.0.write_all_at(bytes, offset)
        }
        fn size(&self) -> io::Result<u64> {
            self.0.size()
        }
        fn set_size(&self, size: u64) -> io::Result<()> {
            self.0.set_size(size)
        }
        fn sync_data(&self) -> io::Result<()> {
            let (held, changed) = &*self.1.1;
            let mut held = held.lock().unwrap();
            while *held {
                held = changed.wait(held).unwrap();
            }
            drop(held);
            self.0.sync_data()
        }
        fn try_lock(&self) -> io::Result<bool> {
            self.0.try_lock()
        }
    }

    async fn on(disk: &FaultFs) -> Stage {
        let disk = disk.clone();
        Stage::set(move |set| (set.disk, set.least_free) = (Some(disk), 1 << 20)).await
    }

    #[tokio::test]
    async fn a_gateway_that_can_do_its_work_is_ready() {
        let stage = Stage::start().await;
        let (ready, journal) = check(&stage, "journal");
        assert!(ready && journal["ok"] == true, "{journal}");
        assert!(check(&stage, "policy").1["facts"]["version"].as_str().unwrap().contains("sha256"));
    }

    #[tokio::test]
    async fn a_stalled_sync_shows_while_it_lasts() {
        let disk = Slow(FaultFs::new(), Arc::default());
        let own: Arc<OwnDisk> = Arc::new(disk.clone());
        let stage = Stage::set(move |set| set.own_disk = Some(own)).await;
        let store = stage.behind().store.clone();
        disk.hold(true);
        let under_way = store.commit(consentry::store::Batch::default());
        stage.eventually(|| !is_ready(&stage)).await;
        let (_, journal) = check(&stage, "journal");
        assert_eq!(journal["facts"]["trouble"], "stalled");
        let since = journal["facts"]["writing_for_ms"].as_u64().unwrap();
        assert!(since >= 500, "{journal}");
        disk.hold(false);
        under_way.await.unwrap();
        stage.eventually(|| is_ready(&stage)).await;
    }

    #[tokio::test]
    async fn failed_writes_show_and_so_does_that_they_are_over() {
        let disk = FaultFs::new();
        let stage = on(&disk).await;
        stage.breaks(&disk, Fault::NO_WRITES).await;
        let refused = stage.behind().store.commit(consentry::store::Batch::default()).await;
        assert!(refused.is_err());
        let (ready, journal) = check(&stage, "journal");
        assert!(!ready && journal["facts"]["trouble"] == "write_failed", "{journal}");
        assert_eq!(sample(&page(&stage), "consentry_ready"), Some(0.0));
        disk.arm(None);
        // Nobody sends calls here now: the gateway finds out by itself.
        stage.eventually(|| is_ready(&stage)).await;
    }

    #[tokio::test]
    async fn a_failed_sync_shows_until_the_next_start() {
        let disk = FaultFs::new();
        let stage = on(&disk).await;
        let fault = Fault {
            after: 0,
            lasting: false,
            syncs: Some(true),
            on: "",
            spared: "tlog",
            written: 0,
            errno: 5,
        };
        stage.breaks(&disk, fault).await;
        let refused = stage.behind().store.commit(consentry::store::Batch::default()).await;
        assert!(refused.is_err());
        let (ready, journal) = check(&stage, "journal");
        assert!(!ready && journal["facts"]["trouble"] == "sync_failed", "{journal}");
    }

    #[tokio::test]
    async fn a_full_disk_shows_at_once() {
        let disk = FaultFs::new();
        let stage = on(&disk).await;
        assert!(is_ready(&stage));
        disk.set_space(Space { free: 1 << 10, total: 1 << 30 });
        let (ready, space) = check(&stage, "disk");
        assert!(!ready && space["facts"]["free_bytes"] == 1 << 10, "{space}");
        disk.set_space(Space { free: 1 << 29, total: 1 << 30 });
        assert!(is_ready(&stage));
    }

    #[tokio::test]
    async fn restored_and_draining_show() {
        let stage = Stage::start().await;
        let observer = stage.behind().observer.clone();
        stage.behind().ledger.set_in_doubt(true);
        let (ready, confirmed) = check(&stage, "state_confirmed");
        assert!(!ready && confirmed["ok"] == false);
        stage.behind().ledger.set_in_doubt(false);
        assert!(is_ready(&stage));
        stage.stop().await;
        assert!(!observer.readiness().ready());
    }
}

mod lines {
    use super::*;

    #[tokio::test]
    async fn a_call_is_a_line_with_its_template_its_app_and_its_tier() {
        let model = Model::start();
        let stage = stage(&model, "[telemetry]\naccess_log = true").await;
        let (bob, shop) = (stage.known_as("bob.needle@example.com"), stage.shopkeeper());
        bob.gives().await;
        shop.asks_for(&bob).await;
        let path = "/v1/items/item-needle-in-path";
        stage.get(path).token(&stage.shop()).send().await;
        let log = logged();
        let lines = log.lines().filter(|line| line.contains("\"message\":\"answered\""));
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let fields = |route: &str| {
            let line = lines.iter().find(|line| line["fields"]["http.route"] == route);
            line.unwrap_or_else(|| panic!("no line of {route}: {lines:?}"))["fields"].clone()
        };
        let recommended = fields("/v1/recommendations");
        assert_eq!(recommended["http.status"], 200);
        assert_eq!(recommended["app"], "shop");
        assert_eq!(recommended["tier"], "individual");
        assert!(recommended["duration_ms"].as_f64().unwrap() > 0.0);
        assert_eq!(fields("/v1/items/{id}")["http.method"], "GET");
        assert!(!log.contains("item-needle-in-path"));
        assert!(!Needles::of("bob.needle@example.com").are_in(&log));
    }
}

mod traces {
    use super::*;

    #[tokio::test]
    async fn a_collector_gets_the_stages_and_learns_nobody() {
        let (model, collector) = (Model::start(), Model::start());
        let url = collector.url();
        let model_url = model.url();
        let stage = Stage::set(move |set| {
            set.model = Some(model_url);
            set.model_settings = String::from("timeout_ms = 60000");
            set.sections = format!(
                "[telemetry]\notlp = {{ url = \"{url}/v1/traces\", sample_ratio = 1.0 }}\n"
            );
        });
        let stage = stage.await;
        stage.shelves(120, 7).await;
        let (ada, shop) = (stage.known_as(ADA), stage.shopkeeper());
        ada.gives().await;
        model.forget_what_was_seen();
        let call = shop.call_for(ADA, &json!({"scenario": "scenario-needle"}));
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        call.header("traceparent", parent).header("baggage", "k=bag-needle").send().await;
        let observer = stage.behind().observer.clone();
        tokio::task::spawn_blocking(move || observer.flush()).await.unwrap();
        let seen = collector.seen_on("/v1/traces");
        let bytes = seen.iter().flat_map(|seen| [seen.head.as_str(), seen.body.as_str()]);
        let bytes: String = bytes.collect();
        for told in [
            "POST /v1/recommendations",
            "http.route",
            "record",
            "rank",
            "consentry.tier",
            "individual",
            RECOMMEND,
            "shop",
        ] {
            assert!(bytes.contains(told), "{told} is not in {bytes}");
        }
        assert!(!bytes.contains("needle") && !bytes.contains("0af7651916cd43dd"), "{bytes}");
        assert!(!Needles::of(ADA).are_in(&bytes));
        // Ours ends here, and so does the caller's.
        let seen = model.seen();
        assert!(seen.iter().any(|seen| seen.path == "/recommend"));
        for seen in seen {
            let head = seen.head.to_lowercase();
            assert!(!head.contains("trace") && !head.contains("baggage"), "{head}");
            let pseudonym: Value = serde_json::from_str(&seen.body).unwrap_or_default();
            if let Some(user) = pseudonym["user"].as_str() {
                assert!(!bytes.contains(user), "a pseudonym left with a span");
            }
        }
    }

    #[test]
    fn a_collector_that_cannot_be_reached_in_the_clear_is_refused() {
        for (url, ratio) in [("https://x/v1/traces", 1.0), ("nothing", 1.0), ("http://x/", 1.5)] {
            assert!(consentry::observe::Traces::to(url, ratio).is_err(), "{url}");
        }
    }
}
