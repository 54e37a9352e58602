//! An import that is killed goes on at the next row, and comes to what an undisturbed one comes to.
#![expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use support::wiring::fresh_folder;

const ROWS: usize = 6_000;

fn consentry(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consentry"));
    command.args(arguments);
    command
}

fn gateway() -> PathBuf {
    let folder = fresh_folder();
    let dir = folder.to_str().unwrap();
    let made = consentry(&["init", dir, "--model", "builtin"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

/// Consents of as many people, with a row that is refused in each chunk.
fn file(folder: &Path) -> PathBuf {
    let row = |n: usize| match n % 1_000 {
        1 => "person,recommend_products,give,yesterday,1\n".to_owned(),
        _ => format!("person-{n},recommend_products,give,2025-05-01T00:00:00Z,1\n"),
    };
    let rows: String = (0..ROWS).map(row).collect();
    let path = folder.join("consents.csv");
    fs::write(&path, format!("subject,purpose,action,at,notice_version\n{rows}")).unwrap();
    path
}

fn import(folder: &Path, file: &Path, more: &[&str]) -> Command {
    let config = folder.join("consentry.toml");
    let mut command = consentry(&["import", "consents", file.to_str().unwrap(), "--json"]);
    command.arg("--config").arg(config).args(more);
    command
}

fn to_its_end(folder: &Path, file: &Path, more: &[&str]) -> Value {
    let ended = import(folder, file, more).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// Kills the import once it has told of a refused row, so once a chunk stands. Where it went on from; `None` if it
/// came to its end before.
fn killed(folder: &Path, file: &Path) -> Option<u64> {
    let mut process =
        import(folder, file, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut from = 0;
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut killed = false;
    for line in lines.map_while(Result::ok) {
        if let Some(row) = line.strip_prefix("going on after row ") {
            from = row.parse().unwrap();
        }
        if line.starts_with("line ") && !killed {
            process.kill().unwrap();
            killed = true;
        }
    }
    let status = process.wait().unwrap();
    (killed && !status.success()).then_some(from)
}

#[test]
fn an_import_that_is_killed_comes_to_the_same() {
    let (quiet, disturbed) = (gateway(), gateway());
    let file = file(&quiet);
    let whole = to_its_end(&quiet, &file, &[]);
    assert_eq!(whole["progress"]["rows"], ROWS);
    assert_eq!(whole["progress"]["refused"]["bad_value"], 6);

    let mut from = Vec::new();
    while let Some(row) = killed(&disturbed, &file) {
        from.push(row);
        assert!(from.len() < 10, "it never comes to its end");
    }
    assert!(from.len() >= 2 && from.is_sorted() && from[1] > 0, "it began anew: {from:?}");
    let ended = to_its_end(&disturbed, &file, &[]);
    assert_eq!(ended["progress"], whole["progress"], "killed after {from:?}");

    // Every row stands, and stands once.
    let again = to_its_end(&disturbed, &file, &["--again"]);
    assert_eq!(again["progress"]["unchanged"], whole["progress"]["recorded"]);
    assert_eq!(again["progress"]["recorded"], 0);
    fs::remove_dir_all(quiet).unwrap();
    fs::remove_dir_all(disturbed).unwrap();
}
