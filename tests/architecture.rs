//! The house rules that can be read off the text: which room names which, how each file begins, how long it is.
//!
//! Nothing is compiled for this; the sources are read and their comments and strings blanked. The table is the one of
//! `docs/ARCHITECTURE.md`. A new room needs a line in it, and so a decision.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that cannot read the sources must fail, and every cut lies at an ASCII byte"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The rooms in reading order, with those that each may name. It may always name itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("telemetry", &[]),
    ("ambient", &["domain"]),
    ("jose", &["domain", "ambient"]),
    ("tlog", &["domain"]),
    ("witness", &["domain", "ambient", "tlog"]),
    ("policy", &["domain"]),
    ("diversity", &["domain"]),
    ("store", &["domain", "telemetry", "ambient"]),
    ("vault", &["domain", "ambient", "store"]),
    ("pseudonym", &["domain", "policy", "vault"]),
    ("upstream", &["domain", "ambient", "policy", "pseudonym"]),
    ("audit", &["domain", "ambient", "tlog", "store", "vault"]),
    ("retry", &["domain", "ambient", "store", "vault"]),
    (
        "consent",
        &["domain", "telemetry", "ambient", "jose", "policy", "store", "vault", "audit", "retry"],
    ),
    ("catalog", &["domain", "store"]),
    (
        "rights",
        &[
            "domain",
            "ambient",
            "policy",
            "store",
            "vault",
            "pseudonym",
            "upstream",
            "audit",
            "retry",
            "consent",
        ],
    ),
    (
        "gateway",
        &[
            "domain",
            "telemetry",
            "ambient",
            "policy",
            "diversity",
            "store",
            "vault",
            "pseudonym",
            "upstream",
            "audit",
            "retry",
            "consent",
            "catalog",
        ],
    ),
    ("auth", &["domain", "telemetry", "ambient", "jose"]),
    (
        "operate",
        &[
            "domain",
            "ambient",
            "jose",
            "policy",
            "diversity",
            "store",
            "vault",
            "pseudonym",
            "upstream",
            "audit",
            "consent",
            "catalog",
            "rights",
            "gateway",
            "auth",
        ],
    ),
    (
        "inspect",
        &["domain", "ambient", "policy", "store", "audit", "consent", "rights", "auth", "operate"],
    ),
    (
        "observe",
        &[
            "domain",
            "telemetry",
            "ambient",
            "policy",
            "store",
            "audit",
            "consent",
            "rights",
            "gateway",
            "auth",
        ],
    ),
    ("http", EDGE),
    ("web", EDGE),
];

/// An edge reads what was asked and words the answer. What people's data are kept in is behind it.
const EDGE: &[&str] = &[
    "domain", "tlog", "auth", "policy", "consent", "catalog", "rights", "gateway", "audit",
    "retry", "operate", "inspect", "observe",
];

/// Rooms that put the house together and may name every other.
const WIRING: &[&str] = &["app", "cli", "main", "lib"];

/// Files that hold no more than mathematics, by the start of their path: no runtime, no wire, no disk.
const PURE: &[&str] = &["domain", "policy", "pseudonym", "diversity", "tlog"];
const IMPURE: &[&str] = &["tokio", "axum", "hyper", "sled"];

/// The longest file in lines, tests not counted.
const LONGEST: usize = 400;

#[test]
fn the_house_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 10, "found only {} files under src", files.len());
    let faults: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            faults(&path, &fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            walk(&entry, files);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
}

/// What is wrong with the file at `path` under `src`.
fn faults(path: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let room = path.split(['/', '.']).next().unwrap();
    let is_tests = path.ends_with("tests.rs") || path.contains("/tests/");
    if !source.starts_with("//!") {
        faults.push(format!("{path}: does not open with `//!`"));
    }
    let code = blank(source);
    let lines = body_lines(&code);
    if lines > LONGEST && !is_tests {
        faults.push(format!("{path}: {lines} lines without tests, at most {LONGEST}"));
    }
    let own = if is_tests { "" } else { before_tests(&code) };
    if !WIRING.contains(&room) {
        match ROOMS.iter().position(|(name, _)| *name == room) {
            None => faults.push(format!("{path}: no room is called {room}")),
            Some(place) => {
                let may_name = ROOMS[place].1;
                let above: Vec<&str> = ROOMS[..place].iter().map(|(name, _)| *name).collect();
                // A test sets its stage with whatever stands above; the room itself keeps to its line.
                for named in rooms_named(own).iter().filter(|name| *name != room) {
                    if !may_name.contains(&named.as_str()) {
                        faults.push(format!("{path}: {room} may not name {named}"));
                    }
                }
                for named in rooms_named(&code[own.len()..]).iter().filter(|name| *name != room) {
                    if !above.contains(&named.as_str()) {
                        faults.push(format!("{path}: tests of {room} may not name {named}"));
                    }
                }
            }
        }
    }
    // Tests of a pure room may run on a runtime; the room itself may not.
    if PURE.iter().any(|pure| is_under(path, pure)) {
        for dependency in IMPURE {
            if words(own).any(|word| word == *dependency) {
                faults.push(format!("{path}: is pure and names {dependency}"));
            }
        }
    }
    faults
}

fn is_under(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.starts_with(['/', '.']))
}

/// The rooms behind `crate::…`, `consentry::…` and `use crate::{…}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for prefix in ["crate", "consentry"] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            let after = code[at + prefix.len()..].trim_start();
            let is_word = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let Some(path) = after.strip_prefix("::").filter(|_| is_word) else { continue };
            named.extend(heads(path.trim_start()));
        }
    }
    named
}

/// The first names of a path, or of each path of a braced group.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                heads.push(name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty() && head != "self");
    heads
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// The code above the inline tests, which stand last in a file.
fn before_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]").find(|(at, mark)| {
        let rest = code[at + mark.len()..].trim_start();
        let ends = rest.find(['{', ';']).map(|end| rest[end..].starts_with('{'));
        rest.starts_with("mod ") && ends == Some(true)
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

fn body_lines(code: &str) -> usize {
    before_tests(code).lines().count()
}

/// The source with comments, strings and character literals blanked, line by line as long as before.
fn blank(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(&code, rest) {
            length
        } else if first == '"' {
            quoted(rest)
        } else if first == '\'' {
            character(rest)
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (literal, after) = rest.split_at(length);
        code.extend(literal.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

/// The length of the raw string that `rest` begins with, unless its `r` ends a longer name.
fn raw_string(before: &str, rest: &str) -> Option<usize> {
    if before.ends_with(|c: char| (c.is_alphanumeric() && c != 'b') || c == '_') {
        return None;
    }
    let hashes = rest.strip_prefix('r')?.bytes().take_while(|byte| *byte == b'#').count();
    let inner = rest[1 + hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inner.find(&close).map_or(inner.len(), |end| end + close.len());
    Some(2 + hashes + end)
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

/// The length of a character literal, or 1 for the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => rest[3..].find('\'').map_or(1, |end| end + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

mod the_checker {
    use super::*;

    fn found(path: &str, code: &str) -> String {
        faults(path, &format!("//! Head.\n{code}")).join("; ")
    }

    #[test]
    fn a_room_may_name_what_the_table_says() {
        assert_eq!(found("vault/seal.rs", "use crate::store::Store;"), "");
        assert_eq!(
            found("vault.rs", "use crate::{domain::Sid, store::{Key, Batch}, vault::X};"),
            ""
        );
        assert_eq!(found("main.rs", "use consentry::store::Store;"), "");
        assert_eq!(
            found("store/a.rs", "use super::b; use std::io; use sled::Db; my_crate::vault::x"),
            ""
        );
    }

    #[test]
    fn a_room_may_not_name_the_others() {
        let fault = "store/a.rs: store may not name vault";
        for code in [
            "use crate::vault::Handle;",
            "fn f() -> crate::vault::Handle",
            "use crate::{domain::{Sid, Tier}, vault};",
            "use crate::{\n    domain::Sid,\n    vault::{A, B},\n};",
            "pub(crate) use crate :: vault::X;",
            "let _ = \"text\"; crate::vault::x(); // comment",
            "let quote = '\"'; crate::vault::x(); let other = '\"';",
            "fn f<'a>(x: &'a str) { crate::vault::x(x) }",
            "let raw = r#\"a \" b\"#; consentry::vault::x()",
        ] {
            assert_eq!(found("store/a.rs", code), fault, "{code}");
        }
    }

    #[test]
    fn tests_may_name_every_room_above_and_none_below() {
        let test = |room| format!("#[cfg(test)]\nmod tests {{\n use crate::{room}::X;\n}}");
        assert_eq!(found("pseudonym/a.rs", &test("store")), "");
        assert_eq!(found("pseudonym/tests.rs", "use crate::store::X;"), "");
        let fault = "tests of store may not name vault";
        assert_eq!(found("store/a.rs", &test("vault")), format!("store/a.rs: {fault}"));
        assert_eq!(
            found("store/tests.rs", "use crate::vault::X;"),
            format!("store/tests.rs: {fault}")
        );
        assert_eq!(
            found("pseudonym/a.rs", "use crate::store::X;"),
            "pseudonym/a.rs: pseudonym may not name store"
        );
    }

    #[test]
    fn edges_never_name_what_data_are_kept_in() {
        for edge in ["http", "web"] {
            for room in ["store", "vault", "pseudonym", "upstream"] {
                let fault = format!("{edge}/a.rs: {edge} may not name {room}");
                assert_eq!(
                    found(&format!("{edge}/a.rs"), &format!("use crate::{room}::X;")),
                    fault
                );
            }
        }
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        for code in [
            "// crate::vault::x",
            "/* crate::vault::x */",
            "/// [`crate::vault`]",
            "let s = \"crate::vault \\\" crate::vault\";",
            "let s = r#\"crate::vault \" \"#;",
            "let s = br\"crate::vault\";",
        ] {
            assert_eq!(found("store/a.rs", code), "", "{code}");
        }
    }

    #[test]
    fn a_pure_room_names_no_runtime() {
        assert_eq!(
            found("policy/a.rs", "use tokio::sync::Mutex;"),
            "policy/a.rs: is pure and names tokio"
        );
        assert_eq!(
            found("tlog/merkle.rs", "use sled::Db;"),
            "tlog/merkle.rs: is pure and names sled"
        );
        assert_eq!(
            found("domain.rs", "fn f() { ::axum::x() }"),
            "domain.rs: is pure and names axum"
        );
        assert_eq!(found("audit/tiles.rs", "use tokio::fs;"), "");
        assert_eq!(
            found("policy/a.rs", "// tokio\n#[cfg(test)]\nmod tests {\n use tokio::x;\n}"),
            ""
        );
        assert_eq!(found("policy/a.rs", "struct TokioFree;"), "");
    }

    #[test]
    fn an_unknown_room_is_a_fault() {
        assert_eq!(found("helpers/a.rs", ""), "helpers/a.rs: no room is called helpers");
        assert_eq!(found("utils.rs", ""), "utils.rs: no room is called utils");
    }

    #[test]
    fn a_file_opens_with_its_head() {
        assert_eq!(
            faults("domain/a.rs", "use std::io;\n"),
            ["domain/a.rs: does not open with `//!`"]
        );
    }

    #[test]
    fn a_long_file_is_a_fault_and_its_tests_do_not_count() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n".repeat(500));
        assert_eq!(found("store/a.rs", &("x();\n".repeat(399) + &tests)), "");
        assert_eq!(
            found("store/a.rs", &("x();\n".repeat(400) + &tests)),
            "store/a.rs: 401 lines without tests, at most 400"
        );
        assert_eq!(found("store/a/tests.rs", &"x();\n".repeat(500)), "");
        // A `mod tests;` that stands in the middle ends nothing.
        let early = "#[cfg(test)]\nmod tests;\n".to_owned() + &"x();\n".repeat(400);
        assert!(!found("store/a.rs", &early).is_empty());
    }

    #[test]
    fn the_table_names_only_rooms_above() {
        for (place, (room, may_name)) in ROOMS.iter().enumerate() {
            for named in *may_name {
                let above = ROOMS.iter().take(place).any(|(name, _)| name == named);
                assert!(above, "{room} may name {named}, which does not stand above it");
            }
        }
    }
}
