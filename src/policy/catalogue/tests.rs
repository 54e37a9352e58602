//! The catalogue as its author and its reader meet it.

use super::*;
use crate::domain::{Detail, Timestamp};

const SHIPPED: &str = include_str!("../../../policies/purposes.toml");

fn shipped() -> Catalogue {
    Catalogue::parse(SHIPPED).unwrap()
}

fn purpose<'a>(catalogue: &'a Catalogue, id: &str) -> &'a Purpose {
    catalogue.purpose(&PurposeId::parse(id).unwrap()).unwrap()
}

fn refused(from: &str, to: &str) -> (usize, String) {
    let text = SHIPPED.replacen(from, to, 1);
    assert_ne!(text, SHIPPED, "nothing was replaced");
    let error = Catalogue::parse(&text).unwrap_err();
    let [flaw, ..] = error.flaws() else { panic!("a refusal without a flaw") };
    assert_eq!(flaw.file, "purposes.toml");
    (flaw.line.unwrap(), flaw.reason.clone())
}

#[test]
fn the_shipped_catalogue_tells_everything_in_two_languages() {
    let catalogue = shipped();
    for purpose in catalogue.purposes() {
        assert_eq!(purpose.notice("ko-KR").0, "ko");
        assert_eq!(purpose.notice("fr").0, "en");
        assert_ne!(purpose.notice("ko").1.digest(), purpose.notice("en").1.digest());
        assert_ne!(purpose.title("ko"), purpose.title("en"));
    }
    let recommend = purpose(&catalogue, "recommend_products");
    assert!(!recommend.required());
    assert_eq!(catalogue.categories_of(recommend).count(), recommend.categories().len());
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let (line, reason) = refused("sensitive = false", "sensitiv = false");
    assert_eq!(SHIPPED.lines().nth(line - 1).unwrap(), "sensitive = false");
    assert!(reason.contains("sensitiv"), "{reason}");
}

#[test]
fn flaws_are_refused() {
    for (from, to, said) in [
        (r#"id = "seed_items""#, r#"id = "activity""#, "twice"),
        (r#"categories = ["activity"]"#, r#"categories = ["moods"]"#, "no category moods"),
        (r#"basis = "contract""#, r#"basis = "consent""#, "basis"),
        (r#"ko = "기기" "#, r#"fr = "appareil" "#, "lacks a text in ko"),
        (r#"from = "birth_year""#, r#"from = "age""#, "no attribute age"),
        (r#"from = "birth_year""#, r#"from = "gender""#, "another type"),
        ("min = 1900", "min = 2900", "min below max"),
        ("from_hour = 21", "from_hour = 24", "0 to 23"),
        ("https://w3id.org/dpv#Prov", "https://example.com/", "Data Privacy Vocabulary"),
        (r#"languages = ["en", "ko"]"#, "languages = []", "at least one language"),
    ] {
        let (_, reason) = refused(from, to);
        assert!(reason.contains(said), "{said}: {reason}");
    }
}

#[test]
fn wording_is_not_material_but_what_is_agreed_to_is() {
    let changed = |from: &str, to: &str| {
        let text = SHIPPED.replacen(from, to, 1);
        assert_ne!(text, SHIPPED);
        let catalogue = Catalogue::parse(&text).unwrap();
        purpose(&catalogue, "recommend_products").material().to_owned()
    };
    let before = purpose(&shipped(), "recommend_products").material().to_owned();
    assert_eq!(changed("You may refuse: you then see", "Refuse, and you see"), before);
    assert_eq!(changed(r#"["activity", "seed_items","#, r#"["seed_items", "activity","#), before);
    assert_ne!(changed(r#"["activity", "seed_items","#, r#"["activity","#), before);
    assert_ne!(changed("retention_days = 365", "retention_days = 366"), before);
    assert_ne!(changed("gender = {", "sex = {"), before);
    assert_ne!(changed("screen = { from", "display = { from"), before);
    assert_ne!(
        changed("retention_days = 365", "retention_days = 365\nrecipients = [\"A Ltd\"]"),
        before
    );
}

#[test]
fn what_cannot_be_coarse_is_not_offered_so() {
    let catalogue = shipped();
    let offers = |name: &str, detail| catalogue.category_named(name).unwrap().offers(detail);
    assert!(offers("location", Detail::Coarse) && offers("location", Detail::Fine));
    assert!(!offers("activity", Detail::Coarse) && offers("activity", Detail::Fine));
    assert!(!offers("health", Detail::Coarse) && offers("health", Detail::Fine));
}

#[test]
fn a_notice_digest_covers_every_letter() {
    let text = SHIPPED.replacen("You may refuse: you then see", "Refuse, and you see", 1);
    let changed = Catalogue::parse(&text).unwrap();
    let before = shipped();
    let digest = |catalogue: &Catalogue, language: &str| {
        purpose(catalogue, "recommend_products").notice(language).1.digest().to_owned()
    };
    assert_ne!(digest(&before, "en"), digest(&changed, "en"));
    assert_eq!(digest(&before, "ko"), digest(&changed, "ko"));
}

#[test]
fn the_night_begins_at_nine_and_ends_at_eight_in_korea() {
    let night = shipped().night();
    let at = |text: &str| Timestamp::parse(text).unwrap();
    for (moment, covered) in [
        ("2026-03-01T20:59:59.999+09:00", false),
        ("2026-03-01T21:00:00+09:00", true),
        ("2026-03-02T00:00:00+09:00", true),
        ("2026-03-02T07:59:59.999+09:00", true),
        ("2026-03-02T08:00:00+09:00", false),
    ] {
        assert_eq!(night.covers(at(moment)), covered, "{moment}");
    }
    assert_eq!(night.next_change(at("2026-03-01T20:59:00+09:00")), at("2026-03-01T21:00:00+09:00"));
    assert_eq!(night.next_change(at("2026-03-01T21:00:00+09:00")), at("2026-03-02T08:00:00+09:00"));
    assert_eq!(night.next_change(at("2026-03-02T08:00:00+09:00")), at("2026-03-02T21:00:00+09:00"));
}
