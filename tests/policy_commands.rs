//! `consentry policy`, as an operator types it: what it prints, and how it exits.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that cannot start the program must fail"
)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use consentry::policy::Bundle;
use serde_json::Value;

use support::{Stage, wiring::fresh_folder};

/// What a command came to.
struct Told {
    status: i32,
    out: String,
    err: String,
}

fn policy(args: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consentry"));
    let output = command.arg("policy").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    Told { status, out: text(output.stdout), err: text(output.stderr) }
}

/// A folder with the shipped files, with these edits.
fn bundle(folder: &Path, name: &str, edits: &[(&str, &str, &str)]) -> String {
    let dir = folder.join(name);
    fs::create_dir_all(&dir).unwrap();
    let mut files = Bundle::shipped_files();
    for (file, from, to) in edits {
        let text = files.get_mut(*file).unwrap();
        assert!(text.contains(from), "nothing to replace");
        *text = text.replacen(from, to, 1);
    }
    for (file, text) in files {
        fs::write(dir.join(file), text).unwrap();
    }
    dir.to_str().unwrap().to_owned()
}

/// The configuration of a gateway at rest, whose store is in `folder`.
fn configuration(folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("secret"), [7; 32]).unwrap();
    let text = "
[keys]
dir = \"keys\"
[store]
dir = \"store\"
[auth]
issuer = \"tests\"
audience = \"consentry\"
[[auth.key]]
kid = \"test\"
algorithm = \"HS256\"
from = { file = \"secret\" }
";
    let path = folder.join("consentry.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn folder() -> PathBuf {
    let folder = fresh_folder();
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Another version that comes to the same.
const COMMENT: (&str, &str, &str) = ("gate.cedar", "// May", "// may");

/// An edit that changes what some cases come to.
const SMALL: (&str, &str, &str) = ("purposes.toml", "gpc = \"third_party\"", "gpc = \"ignored\"");

#[test]
fn check_names_every_flaw_and_exits_with_1() {
    let folder = folder();
    let shipped = policy(&["check"]);
    assert_eq!(shipped.status, 0, "{}", shipped.err);
    assert!(shipped.out.contains(" cases passed, 0 failed"), "{}", shipped.out);
    let dir = bundle(
        &folder,
        "flawed",
        &[
            ("gate.cedar", "context.paused", "context.pawsed"),
            ("purposes.toml", "min = 1900", "min = 2900"),
        ],
    );
    let flawed = policy(&["check", &dir]);
    assert_eq!(flawed.status, 1);
    let lines: Vec<&str> = flawed.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", flawed.out);
    assert!(lines.iter().any(|line| line.starts_with("gate.cedar:75:")), "{}", flawed.out);
    assert!(lines.iter().any(|line| line.starts_with("purposes.toml:")), "{}", flawed.out);
    let unread = policy(&["check", folder.join("nothing").to_str().unwrap()]);
    assert_eq!(unread.status, 1);
    assert!(unread.err.starts_with("consentry: reading "), "{}", unread.err);
    assert_eq!(policy(&["chek"]).status, 2);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_table_has_a_line_for_each_case_or_tells_them_together() {
    let cases = Bundle::shipped().unwrap().table().count();
    let csv = policy(&["table", "--format", "csv"]);
    assert_eq!((csv.status, csv.out.lines().count()), (0, cases + 1));
    let json = policy(&["table", "--format", "json", "--purpose", "order_service"]);
    let rows: Vec<Value> = json.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["purpose"] == "order_service"));
    let text = policy(&["table", "--purpose", "measure_popularity"]);
    assert!(text.out.contains("individual (consented) by individual-with-consent"), "{}", text.out);
    assert!(!text.out.contains("order_service"));
    assert!(text.out.lines().count() < cases / 10);
}

#[test]
fn diff_tells_what_changes_in_words_and_in_json() {
    let folder = folder();
    let dir = bundle(&folder, "other", &[SMALL]);
    let told = policy(&["diff", "shipped", &dir]);
    assert_eq!(told.status, 0, "{}", told.err);
    assert!(told.out.contains("from none (gpc) by signal-stops-third-parties"), "{}", told.out);
    assert!(told.out.contains("to   individual (consented)"), "{}", told.out);
    let json = policy(&["diff", "shipped", &dir, "--json"]);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert!(json["changed"].as_u64().unwrap() > 0);
    let same = policy(&["diff", "shipped", "shipped"]);
    assert!(same.out.starts_with("0 of "), "{}", same.out);
    let nowhere = policy(&["diff", "shipped", "current"]);
    assert_eq!(nowhere.status, 1);
    assert!(nowhere.err.contains("--config"), "{}", nowhere.err);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_gateway_at_rest_is_changed_and_changed_back() {
    let folder = folder();
    let config = configuration(&folder);
    let (same, other) = (bundle(&folder, "same", &[]), bundle(&folder, "other", &[COMMENT]));
    let dry = policy(&["apply", &other, "--dry-run", "--config", &config]);
    assert_eq!(dry.status, 0, "{}", dry.err);
    assert!(dry.out.contains("nothing was changed"), "{}", dry.out);
    let unchanged = policy(&["apply", &same, "--config", &config]);
    assert!(unchanged.out.contains("is in force already"), "{}", unchanged.out);
    let applied = policy(&["apply", &other, "--config", &config]);
    assert_eq!(applied.status, 0, "{}", applied.err);
    assert!(applied.out.contains("is in force in place of sha256:"), "{}", applied.out);
    let leaky = bundle(
        &folder,
        "leaky",
        &[("gate.cedar", "{ context.paused }", "{ context.paused && context.gpc }")],
    );
    let refused = policy(&["apply", &leaky, "--config", &config]);
    assert_eq!(refused.status, 1);
    assert!(refused.out.contains("a promise is broken"), "{}", refused.out);
    let versions = policy(&["versions", "--json", "--config", &config]);
    let versions: Value = serde_json::from_str(&versions.out).unwrap();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    let first = versions["versions"][0]["version"].as_str().unwrap();
    let back = policy(&["apply", "--version", &first[.."sha256:".len() + 8], "--config", &config]);
    assert_eq!(back.status, 0, "{}", back.err);
    let current = policy(&["diff", "current", &same, "--config", &config]);
    assert!(current.out.starts_with("0 of "), "{}", current.out);
    assert_eq!(policy(&["apply", "--version", "ffffffff", "--config", &config]).status, 1);
    let out = folder.join("out");
    let export = policy(&["export", "current", out.to_str().unwrap(), "--config", &config]);
    assert_eq!(export.status, 0, "{}", export.err);
    let file = fs::read_to_string(out.join("gate.cedar")).unwrap();
    assert_eq!(file, Bundle::shipped_files()["gate.cedar"]);
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_running_gateway_is_changed_over_its_door() {
    let folder = folder();
    let config = configuration(&folder);
    let at = folder.clone();
    let stage = Stage::set(move |set| set.folder = Some(at)).await;
    let before = stage.behind().policy_changes.in_force();
    let other = bundle(&folder, "other", &[COMMENT]);
    let apply = move || policy(&["apply", &other, "--json", "--config", &config]);
    let applied = tokio::task::spawn_blocking(apply).await.unwrap();
    assert_eq!(applied.status, 0, "{}", applied.err);
    let report: Value = serde_json::from_str(&applied.out).unwrap();
    assert_eq!(report["before"], Value::String(before.clone()));
    assert_eq!(report["version"], Value::String(stage.behind().policy_changes.in_force()));
    assert_ne!(stage.behind().policy_changes.in_force(), before);
    stage.stop().await;
    fs::remove_dir_all(folder).unwrap();
}
