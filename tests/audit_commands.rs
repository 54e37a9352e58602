//! What an auditor types: a log in a folder or behind a server is verified by its key alone, and the exit status says how.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run the command must fail"
)]

#[path = "support/made_log.rs"]
mod made_log;

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use serde_json::Value;

use made_log::{MadeLog, RULESET, made, rows, signer};

fn folder() -> PathBuf {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("consentry-audit-{}-{number}", std::process::id());
    let folder = env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn kept(log: &MadeLog) -> String {
    let folder = folder();
    log.keep(&folder);
    folder.to_str().unwrap().to_owned()
}

fn vkey() -> String {
    signer().verifier().to_string()
}

/// Exit status, standard output and standard error.
fn audit(args: &[&str]) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_consentry")).arg("audit").args(args).output();
    let done = done.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

fn verify(log: &str, more: &[&str]) -> (i32, Value) {
    let key = vkey();
    let (status, out, err) = audit(&[&["verify", log, "--key", &key, "--json"], more].concat());
    (status, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")))
}

#[test]
fn a_log_in_a_folder_is_verified_and_told_line_by_line() {
    let log = kept(&made(&rows(700)));
    let (status, told) = verify(&log, &[]);
    assert_eq!((status, &told["verified"]), (0, &Value::Bool(true)));
    assert_eq!(told["events"]["subject.created"], 7);
    assert_eq!(told["bodies_dropped"], 21);
    assert_eq!(told["previous"]["origin"], "log.example/2026h1");
    let (status, out, err) = audit(&["verify", &log, "--key", &vkey()]);
    assert_eq!((status, err.as_str()), (0, ""));
    for line in
        ["rows         700 read", "event        decision 685", "witness      none", "verified"]
    {
        assert!(out.lines().any(|said| said.starts_with(line)), "{line}: {out}");
    }
}

#[test]
fn what_is_wrong_is_named_and_makes_the_status_one() {
    let mut log = made(&rows(700));
    log.0.get_mut("tile/entries/001").unwrap()[40] ^= 1;
    let log = kept(&log);
    let (status, told) = verify(&log, &[]);
    assert_eq!(
        (status, &told["verified"], &told["wrong"]["row"]),
        (1, &Value::Bool(false), &256.into())
    );
    let (status, out, _) = audit(&["verify", &log, "--key", &vkey()]);
    assert_eq!(status, 1);
    assert_eq!(out, "WRONG: row 256 is not the one that tile/0/001 was made from\n");
}

#[test]
fn a_command_line_that_cannot_be_used_makes_the_status_two() {
    let log = kept(&made(&rows(3)));
    let key = vkey();
    for args in [
        &["verify", &log][..],
        &["verify", &log, "--key", "nonsense"],
        &["verify", "/nowhere/at/all", "--key", &key],
        &["verify", &log, "--key", &key, "--quorum", "1"],
        &["verify", &log, "--key", &key, "--since", "/nowhere/at/all"],
        &["verify", "http://user@localhost/log", "--key", &key],
        &["prove", &log, "3", "--key", &key],
    ] {
        assert_eq!(audit(args).0, 2, "{args:?}");
    }
}

#[test]
fn a_verification_goes_on_from_its_state_and_from_no_other() {
    let (first, later) = (made(&rows(700)), made(&rows(1_400)));
    let state = folder().join("state");
    let state = state.to_str().unwrap();
    let (_, told) = verify(&kept(&first), &["--state", state]);
    assert_eq!((&told["rows_read"], &told["rows_before"]), (&700.into(), &0.into()));
    let begun = fs::read(state).unwrap();
    let (status, told) = verify(&kept(&later), &["--state", state]);
    assert_eq!((status, &told["rows_read"], &told["rows_before"]), (0, &888.into(), &512.into()));
    assert_eq!((&told["since"][0], &told["events"]["subject.created"]), (&700.into(), &14.into()));
    // The log of before is now shorter than what was verified, and another log was never the one.
    assert_eq!(verify(&kept(&first), &["--state", state]).0, 1);
    let mut other = rows(1_400);
    other.swap(600, 601);
    fs::write(state, &begun).unwrap();
    let (status, told) = verify(&kept(&made(&other)), &["--state", state]);
    assert_eq!(status, 1);
    assert!(told["wrong"]["what"].as_str().unwrap().contains("first 700 rows are not those"));
    assert_eq!(fs::read(state).unwrap(), begun);
    let (status, _, err) =
        audit(&["verify", &kept(&later), "--key", &vkey(), "--state", state, "--foreign"]);
    assert_eq!(status, 2, "{err}");
    fs::write(state, String::from_utf8(begun).unwrap().replace("2026h2+", "2026h3+")).unwrap();
    assert_eq!(audit(&["verify", &kept(&later), "--key", &vkey(), "--state", state]).0, 2);
}

#[test]
fn rows_that_are_not_ours_are_verified_without_being_read() {
    let rows: Vec<Vec<u8>> = (0..300).map(|i| format!("foreign {i}").into_bytes()).collect();
    let log = kept(&made(&rows));
    assert_eq!(verify(&log, &[]).1["wrong"]["row"], 0);
    let (status, told) = verify(&log, &["--foreign"]);
    assert_eq!((status, &told["rows_read"], told.get("events")), (0, &300.into(), None));
}

#[test]
fn a_proof_is_printed_only_if_it_holds_and_checks_for_its_row_alone() {
    let mut log = made(&rows(700));
    let (status, proof, _) = audit(&["prove", &kept(&log), "300", "--key", &vkey()]);
    assert_eq!(status, 0);
    let place = folder();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(place.join(name), bytes).unwrap();
        place.join(name).to_str().unwrap().to_owned()
    };
    let (proof, all) = (file("proof", proof.as_bytes()), rows(700));
    let check = |leaf: &str| audit(&["check-proof", &proof, "--leaf", leaf, "--key", &vkey()]).0;
    assert_eq!(check(&file("leaf", &all[300])), 0);
    assert_eq!(check(&file("other", &all[301])), 1);
    log.0.get_mut("tile/0/001").unwrap()[32 * 45] ^= 1;
    let (status, out, _) = audit(&["prove", &kept(&log), "300", "--key", &vkey()]);
    assert_eq!((status, out.as_str()), (1, ""));
}

/// Serves files, each connection for some calls; `lies` is served endlessly under every name.
fn served(log: MadeLog, lies: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, log) = (stream.unwrap(), log.clone());
            let (mut reads, mut out) = (BufReader::new(stream.try_clone().unwrap()), stream);
            for _ in 0..5 {
                let mut head = (&mut reads).lines().map_while(Result::ok);
                let Some(line) = head.next() else { break };
                assert!(head.any(|line| line.is_empty()));
                if lies {
                    let _ = out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                    while out.write_all(b"4\r\naaaa\r\n").is_ok() {}
                    break;
                }
                let path = line.split(' ').nth(1).unwrap().strip_prefix("/log/").unwrap();
                let (status, body) = match log.0.get(path) {
                    Some(bytes) => ("200 OK", bytes.clone()),
                    None => ("404 Not Found", b"no".to_vec()),
                };
                let start = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                out.write_all(&[start.as_bytes(), &body].concat()).unwrap();
            }
        }
    });
    format!("http://{address}/log/")
}

#[test]
fn a_log_behind_a_server_is_verified_and_its_lengths_are_not_believed() {
    let log = made(&rows(700));
    let (status, told) = verify(&served(log.clone(), false), &[]);
    assert_eq!((status, &told["rows_read"]), (0, &700.into()), "{told}");
    let mut missing = log.clone();
    missing.0.remove("tile/0/001");
    let (status, told) = verify(&served(missing, false), &[]);
    assert_eq!((status, &told["wrong"]["what"]), (1, &"tile/0/001 is missing".into()));
    let (status, told) = verify(&served(log, true), &[]);
    assert_eq!(status, 1);
    assert_eq!(
        told["wrong"]["what"],
        "checkpoint is longer than the 1048576 bytes that it may have"
    );
}

#[test]
fn a_trust_policy_names_log_and_witnesses() {
    let log = kept(&made(&rows(3)));
    let policy = folder().join("policy");
    let said = |text: String| {
        fs::write(&policy, text).unwrap();
        audit(&["verify", &log, "--policy", policy.to_str().unwrap()]).0
    };
    assert_eq!(said(format!("log {}\nquorum none\n", vkey())), 0);
    let witness = "witness.example/w1+24c2fdca+BHun0VNAaOinILs4fYx9M8U2nh2Uos9enWj6iwn0agfE";
    assert_eq!(said(format!("log {}\nwitness w {witness}\nquorum w\n", vkey())), 1);
    assert_eq!(said(format!("log {}\n", vkey())), 2);
}

#[test]
fn a_vocabulary_that_is_gone_is_named_with_the_row_that_needs_it() {
    let mut log = made(&rows(300));
    log.0.remove(&format!("vocabulary/{RULESET}.json"));
    let (status, told) = verify(&kept(&log), &[]);
    assert_eq!((status, &told["wrong"]["row"]), (1, &0.into()));
}
