//! Statutory clocks against dates that were worked out by hand, and what an operator's own files change.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its table must fail")]

use std::collections::BTreeMap;

use consentry::{
    domain::Timestamp,
    rights::{
        Right,
        clock::{ClockError, Deadline, Does, Extension, ExtensionReason, Law, Laws, Matter},
    },
};

const TABLE: &str = include_str!("data/clocks.csv");

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn laws(home: &str) -> Laws {
    Laws::shipped("kr-pipa", home).unwrap()
}

fn matter(word: &str) -> Matter {
    match word {
        "marketing_answer" => Matter::MarketingAnswer,
        "marketing_confirmation" => Matter::MarketingConfirmation,
        right => Matter::Right(right.parse().unwrap()),
    }
}

fn told(law: &Law, of: Matter, received: &str, extensions: &str) -> Deadline {
    match extensions {
        "ack" => law.acknowledge_by(of, at(received)).unwrap().unwrap(),
        count => law.due(of, at(received), count.parse().unwrap()).unwrap(),
    }
}

#[test]
fn every_deadline_is_the_one_worked_out_by_hand() {
    let rows: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() >= 55, "the table has lost rows: {}", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        let [law, of, home, received, extensions, last_day, ends_at, why] =
            cells.try_into().unwrap();
        let laws = laws(home);
        let deadline = told(laws.law(Some(law)).unwrap(), matter(of), received, extensions);
        let (day, end) = (deadline.last_day.to_string(), deadline.ends_at);
        if day != last_day || end != at(ends_at) {
            wrong.push(format!("{law} {of} {received}: {day} {}, {why}", end.rfc3339()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_consent_of_a_leap_day_is_confirmed_by_its_own_date_again_where_there_is_one() {
    let laws = laws("Asia/Seoul");
    let law = laws.law(Some("kr-network-act")).unwrap();
    let since = at("2024-02-29T03:00:00Z");
    for (now, last_day) in [
        ("2024-03-01T00:00:00Z", "2026-02-28"),
        ("2026-02-28T14:59:59Z", "2026-02-28"),
        ("2026-02-28T15:00:00Z", "2028-02-28"),
        ("2028-02-28T15:00:00Z", "2030-02-28"),
    ] {
        let due = law.next_due(Matter::MarketingConfirmation, since, at(now)).unwrap();
        assert_eq!(due.last_day.to_string(), last_day, "at {now}");
    }
    let once = law.next_due(Matter::MarketingAnswer, since, since);
    assert_eq!(once, Err(ClockError::NoDuty), "an answer is owed once");
}

#[test]
fn a_deadline_says_how_far_holidays_are_known() {
    let laws = laws("Europe/Berlin");
    let known = |law: &str| {
        let law = laws.law(Some(law)).unwrap();
        let due = law.due(Matter::Right(Right::Access), at("2026-11-22T03:00:00Z"), 0).unwrap();
        due.holidays_known_until.map(|day| day.to_string())
    };
    assert_eq!(known("kr-pipa").as_deref(), Some("2028-12-31"));
    assert_eq!((known("gdpr"), known("ccpa")), (None, None));
}

#[test]
fn what_a_law_does_not_give_is_refused() {
    let laws = laws("Asia/Seoul");
    let law = laws.law(None).unwrap();
    let (received, access) = (at("2026-11-22T03:00:00Z"), Matter::Right(Right::Access));
    assert_eq!(law.id(), "kr-pipa");
    // Access can be put off for no length that the law names, and an erasure not at all.
    assert_eq!(law.due(access, received, 1), Err(ClockError::NoExtension));
    assert!(law.extensions(access).iter().all(Extension::is_open));
    assert!(law.extensions(Matter::Right(Right::Erasure)).is_empty());
    assert_eq!(law.due(Matter::MarketingAnswer, received, 0), Err(ClockError::NoDuty));
    let explained = law.extensions(Matter::Right(Right::Explanation));
    assert_eq!(explained.len(), 2);
    assert!(explained.iter().all(|given| given.is_for(ExtensionReason::JustCause)));
    assert!(
        matches!(laws.law(Some("none")), Err(ClockError::UnknownLaw { known }) if known.len() == 4)
    );
    let far = Timestamp::NEVER;
    assert_eq!(law.due(access, far, 0), Err(ClockError::Range));
}

#[test]
fn every_time_names_its_source() {
    let laws = laws("Asia/Seoul");
    for name in laws.names() {
        let law = laws.law(Some(&name)).unwrap();
        assert!(!law.counting_source().is_empty() && !law.title().is_empty(), "{name}");
        assert_eq!(law.version().len(), 16, "{name}");
        for right in Right::ALL {
            let Ok((source, does)) = law.source(Matter::Right(right)) else { continue };
            assert!(source.len() > 5, "{name} {right}");
            assert!(matches!(does, Does::Answer | Does::Act));
            assert!(law.extensions(Matter::Right(right)).iter().all(|e| !e.source().is_empty()));
        }
    }
}

const OWN: &str = r#"
title = "A law of one's own"
time_zone = "Europe/Vienna"
calendar = "own"
[counting]
day_of_receipt = "included"
last_day = "stays"
source = "a contract"
[[duty]]
of = ["access"]
does = "act"
within = { business_days = 3 }
source = "a contract"
[[duty]]
of = ["erasure"]
does = "act"
within = { months = 1 }
source = "a contract"
"#;

const CALENDAR: &str = "weekend = [\"sun\"]\n[[year]]\nyear = 2026\nholidays = [\"2026-12-08\"]\n";

fn own(files: &[(&str, &str)]) -> Result<Laws, ClockError> {
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Laws::with(&files, "kr-pipa", "Asia/Seoul")
}

#[test]
fn an_operators_own_law_and_calendar_count_as_they_say() {
    let laws = own(&[("own.toml", OWN), ("own.calendar.toml", CALENDAR)]).unwrap();
    let law = laws.law(Some("own")).unwrap();
    let day = |right, received| {
        law.due(Matter::Right(right), at(received), 0).unwrap().last_day.to_string()
    };
    // Saturday December 5 counts, Sunday and the holiday on the 8th do not: the 5th, the 7th, the 9th.
    assert_eq!(day(Right::Access, "2026-12-05T12:00:00Z"), "2026-12-09");
    assert_eq!(day(Right::Erasure, "2026-03-01T12:00:00Z"), "2026-03-31");
    assert_eq!(day(Right::Erasure, "2026-03-31T12:00:00Z"), "2026-04-30");
}

#[test]
fn an_operators_file_stands_in_place_of_ours_and_changes_the_version() {
    let ours = laws("Asia/Seoul");
    let text = include_str!("../policies/laws/kr.calendar.toml");
    let more = text.replace("\"2026-12-25\"", "\"2026-12-24\", \"2026-12-25\"");
    let laws = own(&[("kr.calendar.toml", &more)]).unwrap();
    let due = |laws: &Laws| {
        let law = laws.law(None).unwrap();
        let due = law.due(Matter::Right(Right::Access), at("2026-12-14T03:00:00Z"), 0).unwrap();
        (due.last_day.to_string(), law.version().to_owned())
    };
    let (before, after) = (due(&ours), due(&laws));
    assert_eq!((before.0.as_str(), after.0.as_str()), ("2026-12-24", "2026-12-28"));
    assert_ne!(before.1, after.1);
}

#[test]
fn a_file_that_does_not_hold_together_is_refused_with_its_name() {
    let cases: [(&str, String, &str); 8] = [
        ("own.toml", OWN.replace("days = 3", "days = 0"), "a time of nothing"),
        ("own.toml", OWN.replace("\"erasure\"", "\"access\""), "access has two times"),
        ("own.toml", OWN.replace("Europe/Vienna", "Europe/Atlantis"), "Europe/Atlantis"),
        ("own.toml", OWN.replace("\"access\"", "\"acces\""), "no such right"),
        ("own.toml", OWN.replace("title", "titel"), "titel"),
        ("Own Law.toml", OWN.to_owned(), "a law's file is"),
        ("own.calendar.toml", CALENDAR.replace("year = 2026", "year = 2027"), "2026-12-08 stands"),
        (
            "own.calendar.toml",
            CALENDAR
                .replace("[\"sun\"]", "[\"mon\",\"tue\",\"wed\",\"thu\",\"fri\",\"sat\",\"sun\"]"),
            "working day",
        ),
    ];
    for (file, text, reason) in cases {
        let beside =
            if file.contains("calendar") { None } else { Some(("own.calendar.toml", CALENDAR)) };
        let files: Vec<_> = [(file, text.as_str())].into_iter().chain(beside).collect();
        let error = own(&files).unwrap_err().to_string();
        assert!(error.starts_with(file) && error.contains(reason), "{error}");
    }
    let none = Laws::shipped("none", "Asia/Seoul");
    assert!(matches!(none, Err(ClockError::UnknownLaw { .. })));
    assert!(Laws::shipped("kr-pipa", "Asia/Nowhere").is_err());
}
