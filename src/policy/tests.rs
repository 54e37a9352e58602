//! The shipped bundle as its promises say, over every case; and bundles with flaws.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    task::Waker,
};

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{facts::DETAILS, *};
use crate::domain::{CategoryId, Detail, Epoch, PurposeId, RecipientId, Sid, Tier, Timestamp};

const YEAR: i32 = 2026;

fn shipped() -> Bundle {
    static SHIPPED: LazyLock<Bundle> = LazyLock::new(|| Bundle::shipped().unwrap());
    SHIPPED.clone()
}

fn purpose(id: &str) -> PurposeId {
    PurposeId::parse(id).unwrap()
}

fn category(id: &str) -> CategoryId {
    CategoryId::parse(id).unwrap()
}

fn consenting() -> GateFacts {
    GateFacts { consent: ConsentFact::Given, ..GateFacts::unrestricted() }
}

fn given(detail: Detail) -> CategoryFacts {
    CategoryFacts { given: detail, switched_off: false }
}

fn whom() -> Whom {
    Whom {
        sid: Some(Sid([7; 16])),
        recipient: RecipientId::parse("model-a").unwrap(),
        epoch: Epoch(12),
        valid_until: Timestamp::from_millis(1000),
    }
}

fn edited(file: &str, from: &str, to: &str) -> BTreeMap<String, String> {
    let mut files = shipped().files().clone();
    let text = files.get_mut(file).unwrap();
    let after = text.replacen(from, to, 1);
    assert_ne!(*text, after, "nothing was replaced");
    *text = after;
    files
}

fn refused(files: BTreeMap<String, String>) -> String {
    Bundle::parse(files).unwrap_err().to_string()
}

#[test]
fn the_shipped_cases_pass_and_try_every_policy() {
    let report = shipped().check().unwrap();
    assert_eq!(report.failed, []);
    assert_eq!(report.untried, Vec::<String>::new());
    assert!(report.holds());
    assert!(report.passed >= 30);
}

#[test]
fn a_case_that_comes_to_something_else_is_told_with_its_line() {
    let files = edited("gate.cases.toml", r#"tier = "individual""#, r#"tier = "none""#);
    let report = Bundle::parse(files).unwrap().check().unwrap();
    let [failed] = report.failed.as_slice() else { panic!("{:?}", report.failed) };
    assert_eq!((failed.file.as_str(), failed.line), ("gate.cases.toml", 5));
    assert!(failed.expected.starts_with("none because consented"));
    assert!(failed.got.starts_with("individual because consented"));
}

#[test]
fn a_case_about_what_is_not_there_is_refused() {
    for (from, to, said) in [
        ("reasons = [\"consented\"]", "reasons = [\"why_not\"]", ": why_not is no reason"),
        ("purpose = \"recommend_products\"", "purpose = \"sell\"", "has no such purpose"),
        ("consent = \"given\"", "consent = \"bought\"", "gate.cases.toml:7:"),
        ("facts = {", "fact = {", "gate.cases.toml:7:"),
    ] {
        let bundle = Bundle::parse(edited("gate.cases.toml", from, to)).unwrap();
        let message = bundle.check().unwrap_err().to_string();
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[test]
fn a_row_reads_as_its_case() {
    let bundle = shipped();
    let case = Case::Category {
        purpose: purpose("recommend_products"),
        category: category("location"),
        facts: CategoryCase { given: Detail::Coarse, switched_off: false, tier: Tier::Individual },
    };
    let row = serde_json::to_value(bundle.row(case)).unwrap();
    let expected = serde_json::json!({
        "kind": "category", "purpose": "recommend_products", "category": "location",
        "facts": {"given": "coarse", "switched_off": false, "tier": "individual"},
        "detail": "coarse", "reasons": ["coarse_only"], "policies": ["coarse-with-consent"],
    });
    assert_eq!(row, expected);
}

#[test]
fn a_rule_that_breaks_is_noticed_by_the_cases() {
    let files = edited("gate.cedar", r#"Age::"child" }"#, r#"Age::"child_guarded" }"#);
    let report = Bundle::parse(files).unwrap().check().unwrap();
    let names: Vec<_> = report.failed.iter().map(|case| case.name.as_str()).collect();
    assert!(names.contains(&"a child cannot agree alone"), "{names:?}");
}

#[test]
fn without_consent_nothing_above_none_and_no_cap_is_exceeded() {
    let bundle = shipped();
    let mut seen = 0;
    for row in bundle.table() {
        let (Case::Gate { purpose, facts }, Level::Tier(tier)) = (row.case, row.level) else {
            continue;
        };
        seen += 1;
        let required = bundle.catalogue().purpose(&purpose).unwrap().required();
        assert!(tier <= facts.cap, "{facts:?}");
        assert_ne!(tier, Tier::Cohort);
        assert!(!row.policies.is_empty(), "{facts:?}");
        if tier > Tier::None {
            assert!(required || facts.consent == ConsentFact::Given, "{facts:?}");
            assert!(facts.registered && !facts.paused && facts.age != Age::Child, "{facts:?}");
        }
    }
    assert_eq!(seen, GateFacts::CASES * bundle.catalogue().purposes().len());
}

#[test]
fn nothing_sensitive_or_personal_passes_without_its_own_consent() {
    let bundle = shipped();
    for row in bundle.table() {
        let (Case::Category { purpose, category, facts }, Level::Detail(detail)) =
            (row.case, row.level)
        else {
            continue;
        };
        let purpose = bundle.catalogue().purpose(&purpose).unwrap();
        let category = bundle.catalogue().category(&category).unwrap();
        if detail == Detail::None {
            continue;
        }
        assert!(purpose.uses(category) && !facts.switched_off);
        if category.personal() {
            assert_eq!(facts.tier, Tier::Individual);
            assert!(purpose.required() || facts.given >= detail, "{facts:?}");
        }
        if category.sensitive() {
            assert_eq!((facts.given, purpose.required()), (Detail::Fine, false));
        }
    }
}

/// The cases that differ from `facts` by one fact more that restricts.
fn restricted(facts: GateFacts) -> Vec<GateFacts> {
    let mut more = vec![
        GateFacts { registered: false, ..facts },
        GateFacts { age: Age::Child, ..facts },
        GateFacts { gpc: true, ..facts },
        GateFacts { paused: true, ..facts },
        GateFacts { night: true, ..facts },
        GateFacts { third_party: true, ..facts },
    ];
    more.extend(
        Tier::ALL.into_iter().filter(|cap| *cap <= facts.cap).map(|cap| GateFacts { cap, ..facts }),
    );
    if facts.consent == ConsentFact::Given {
        more.extend(ConsentFact::ALL.map(|consent| GateFacts { consent, ..facts }));
    }
    more
}

#[test]
fn one_restriction_more_never_raises_a_tier() {
    let bundle = shipped();
    for place in 0..bundle.catalogue().purposes().len() {
        let tier = |facts| bundle.book.gate(place, facts).unwrap().level;
        for facts in GateFacts::all() {
            for restricted in restricted(facts) {
                assert!(tier(restricted) <= tier(facts), "{facts:?} then {restricted:?}");
            }
        }
    }
}

#[test]
fn one_restriction_more_never_refines_a_category() {
    let bundle = shipped();
    let catalogue = bundle.catalogue();
    for (purpose, category) in (0..catalogue.purposes().len())
        .flat_map(|purpose| (0..catalogue.categories().len()).map(move |place| (purpose, place)))
    {
        let detail = |case: CategoryCase| {
            let said = CategoryFacts { given: case.given, switched_off: case.switched_off };
            bundle.book.category(purpose, category, said, case.tier).unwrap().level
        };
        for case in CategoryCase::all() {
            assert!(detail(CategoryCase { switched_off: true, ..case }) <= detail(case));
            for given in DETAILS.into_iter().filter(|given| *given <= case.given) {
                assert!(detail(CategoryCase { given, ..case }) <= detail(case), "{case:?}");
            }
            for tier in Tier::ALL.into_iter().filter(|tier| *tier <= case.tier) {
                assert!(detail(CategoryCase { tier, ..case }) <= detail(case), "{case:?}");
            }
        }
    }
}

#[test]
fn the_table_says_what_the_rules_say() {
    let bundle = shipped();
    // Filled by whichever case comes first, so that two cases in one slot would be found out.
    assert_eq!(bundle.table().count(), bundle.table().count());
    let catalogue = bundle.catalogue();
    for purpose in 0..catalogue.purposes().len() {
        for facts in GateFacts::all().step_by(5) {
            let by_rules = bundle.book.gate_by_rules(purpose, facts);
            assert_eq!(*bundle.book.gate(purpose, facts).unwrap(), by_rules);
        }
        for category in 0..catalogue.categories().len() {
            for case in CategoryCase::all() {
                let said = CategoryFacts { given: case.given, switched_off: case.switched_off };
                let by_table = bundle.book.category(purpose, category, said, case.tier).unwrap();
                assert_eq!(*by_table, bundle.book.category_by_rules(purpose, category, case));
            }
        }
    }
}

#[test]
fn a_permit_says_what_its_ruling_says_and_no_more() {
    let bundle = shipped();
    let ruling = bundle
        .rule(&purpose("recommend_products"), consenting(), |category| {
            match category.id().as_str() {
                "location" => given(Detail::Coarse),
                "health" => CategoryFacts::NOTHING,
                "device" => CategoryFacts { given: Detail::Fine, switched_off: true },
                _ => given(Detail::Fine),
            }
        })
        .unwrap();
    assert_eq!(ruling.policies().collect::<Vec<_>>(), ["individual-with-consent"]);
    let permit = ruling.permit(whom());
    assert_eq!(permit.tier(), Tier::Individual);
    assert_eq!(permit.sid(), Some(Sid([7; 16])));
    assert_eq!(permit.may_use(&category("activity")), Detail::Fine);
    assert_eq!(permit.may_use(&category("location")), Detail::Coarse);
    for withheld in ["health", "device", "never_heard_of"] {
        assert_eq!(permit.may_use(&category(withheld)), Detail::None, "{withheld}");
    }
    assert!(permit.holds(Timestamp::from_millis(999)));
    assert!(!permit.holds(Timestamp::from_millis(1000)));
    assert_eq!(permit.ruling().ruleset(), bundle.ruleset());
}

#[test]
fn below_the_individual_tier_a_permit_names_nobody() {
    let bundle = shipped();
    let refused = bundle
        .rule(&purpose("recommend_products"), GateFacts::unrestricted(), |_| given(Detail::Fine))
        .unwrap();
    assert_eq!(refused.reasons().main(), ReasonCode::NotConsented);
    let permit = refused.permit(whom());
    assert_eq!((permit.tier(), permit.sid()), (Tier::None, None));
    assert_eq!(permit.may_use(&category("activity")), Detail::None);
    assert_eq!(permit.may_use(&category("weather")), Detail::Fine);
}

#[test]
fn a_permit_for_nobody_discloses_nothing_personal() {
    let bundle = shipped();
    let order = bundle.rule(&purpose("order_service"), consenting(), |_| given(Detail::Fine));
    let permit = order.unwrap().permit(Whom { sid: None, ..whom() });
    assert_eq!(permit.tier(), Tier::None);
    assert_eq!(permit.ruling().reasons().main(), ReasonCode::TierNone);
    assert_eq!(permit.may_use(&category("activity")), Detail::None);
}

#[test]
fn an_unknown_purpose_has_no_ruling() {
    let asked = shipped().rule(&purpose("sell_to_brokers"), consenting(), |_| given(Detail::Fine));
    assert!(asked.is_none());
}

fn shaped(json: &str, said: impl Fn(&str) -> CategoryFacts, gate: GateFacts) -> Shaped {
    let bundle = shipped();
    let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
    let context = bundle.catalogue().parse_context(&raw).unwrap();
    let ruling = bundle
        .rule(&purpose("recommend_products"), gate, |category| said(category.id().as_str()))
        .unwrap();
    ruling.permit(whom()).shape(&context, YEAR)
}

const CONTEXT: &str = r#"{"location":{"lat":37.5665,"lon":126.978},
    "demographics":{"birth_year":1990,"gender":"female","occupation":"writer","zip_code":"04524"},
    "device":{"type":"mobile","os":"android"},"time":{"local_hour":22,"weekday":"sun"},
    "weather":{"sky":"rain"},"health":{"condition":"asthma"}}"#;

fn withheld(shaped: &Shaped) -> Vec<(&str, &str, Option<&str>)> {
    shaped
        .withheld
        .iter()
        .map(|w| (w.category.as_str(), w.reason.as_str(), w.sent_as.as_deref()))
        .collect()
}

#[test]
fn coarse_consent_sends_coarse_forms_and_nothing_finer() {
    let shaped = shaped(CONTEXT, |_| given(Detail::Coarse), consenting());
    let sent = serde_json::to_string(&shaped.fields).unwrap();
    assert_eq!(
        sent,
        r#"{"location":{"lat":37.5,"lon":126.9},"demographics":{"age_band":"30-39"},"#.to_owned()
            + r#""device":{"screen":"small"},"time":{"part_of_day":"evening","part_of_week":"weekend"},"#
            + r#""weather":{"sky":"rain"}}"#
    );
    for fine in ["1990", "writer", "04524", "female", "android", "22", "asthma"] {
        assert!(!sent.contains(fine), "{fine}");
    }
    assert_eq!(
        withheld(&shaped),
        [
            ("location", "coarse_only", Some("map_cell")),
            ("demographics", "coarse_only", Some("age_band")),
            ("device", "coarse_only", Some("screen")),
            ("time", "coarse_only", Some("part_of_day")),
            ("health", "sensitive_not_consented", None),
        ]
    );
}

#[test]
fn fine_consent_sends_what_was_said() {
    let shaped = shaped(CONTEXT, |_| given(Detail::Fine), consenting());
    let sent = serde_json::to_value(&shaped.fields).unwrap();
    assert_eq!(sent, serde_json::from_str::<serde_json::Value>(CONTEXT).unwrap());
    assert_eq!(shaped.used.len(), 6);
    assert_eq!(shaped.withheld, []);
}

#[test]
fn without_consent_only_what_is_about_no_one_leaves() {
    let shaped = shaped(CONTEXT, |_| CategoryFacts::NOTHING, GateFacts::unrestricted());
    let sent = serde_json::to_string(&shaped.fields).unwrap();
    assert_eq!(sent, r#"{"weather":{"sky":"rain"}}"#);
    assert_eq!(shaped.used, [category("weather")]);
    assert_eq!(shaped.withheld.len(), 5);
}

#[test]
fn coarse_demographics_without_a_birth_year_are_withheld_whole() {
    let json = r#"{"demographics":{"gender":"male","zip_code":"04524"}}"#;
    let shaped = shaped(json, |_| given(Detail::Coarse), consenting());
    assert!(shaped.fields.is_empty());
    assert_eq!(shaped.used, []);
    assert_eq!(withheld(&shaped), [("demographics", "coarse_only", None)]);
}

#[test]
fn categories_outside_the_context_are_told_as_well() {
    let bundle = shipped();
    let said = |category: &Category| {
        given(if category.id().as_str() == "activity" { Detail::Fine } else { Detail::None })
    };
    let ruling = bundle.rule(&purpose("recommend_products"), consenting(), said).unwrap();
    let permit = ruling.permit(whom());
    let mut shaped = permit.shape(&Context::default(), YEAR);
    assert!(shaped.present(&permit, &category("activity")));
    assert!(!shaped.present(&permit, &category("seed_items")));
    assert_eq!(shaped.used, [category("activity")]);
    assert_eq!(withheld(&shaped), [("seed_items", "not_consented", None)]);
}

proptest! {
    #[test]
    fn what_leaves_was_allowed(details in proptest::collection::vec(0usize..3, 9), off in any::<u16>(), gate in 0..GateFacts::CASES) {
        let bundle = shipped();
        let raw: Box<RawValue> = serde_json::from_str(CONTEXT).unwrap();
        let context = bundle.catalogue().parse_context(&raw).unwrap();
        let facts = GateFacts::all().nth(gate).unwrap();
        let said = |category: &Category| {
            let place = category.place;
            CategoryFacts { given: DETAILS[details[place]], switched_off: off >> place & 1 == 1 }
        };
        let ruling = bundle.rule(&purpose("recommend_products"), facts, said).unwrap();
        let permit = ruling.permit(whom());
        let shaped = permit.shape(&context, YEAR);
        for (id, _) in shaped.fields.iter() {
            prop_assert!(permit.may_use(id) > Detail::None);
        }
        for id in context.categories() {
            let whole = shaped.used.contains(id) && shaped.withheld.iter().all(|w| w.category != *id);
            prop_assert_eq!(whole, permit.may_use(id) == Detail::Fine);
            let told = shaped.used.contains(id) || shaped.withheld.iter().any(|w| w.category == *id);
            prop_assert!(told, "{} is neither used nor withheld", id);
        }
        if permit.tier() == Tier::None {
            prop_assert!(shaped.fields.iter().all(|(id, _)| id.as_str() == "weather"));
        }
    }
}

#[test]
fn flaws_in_rules_are_refused_with_file_and_line() {
    for (file, from, to, said) in [
        ("gate.cedar", "permit (principal", "permitt (principal", "gate.cedar:7:"),
        ("gate.cedar", "context.paused", "context.pawsed", "gate.cedar:75:"),
        ("gate.cedar", r#"Consent::"given""#, r#"Consent::"givn""#, "gate.cedar:8:"),
        ("gate.cedar", "@reason(\"paused\")\n", "", "needs a @reason"),
        ("gate.cedar", r#"@reason("paused")"#, r#"@reason("nap")"#, "one of consented,"),
        ("gate.cedar", "@id(\"paused-by-person\")\n", "", "has no @id"),
        ("gate.cedar", "paused-by-person", "quiet-at-night", "is there twice"),
        ("gate.cedar", "when { context.paused }", "when { false }", "gate.cedar:71:"),
        ("gate.cedar", "forbid (principal,", r#"forbid (principal == Purpose::"x","#, "no Purpose"),
        ("gate.cedar", r#"Action::"individual""#, r#"Action::"cohort""#, "gate.cedar:7:"),
        ("schema.cedarschema", "entity Recipient", "entity Recipient!", "schema.cedarschema:18:"),
        ("schema.cedarschema", "  night: Bool,", "", "gate.cedar:"),
        ("schema.cedarschema", "third_party: Bool,", "is_far: Bool,", "gate.cedar:"),
        ("schema.cedarschema", "  quiet: Bool,", "  quiet: Bool, calm: Bool,", "does not fit"),
        ("schema.cedarschema", "paused: Bool,", "paused: Bool, bored: Bool,", "schema:1:"),
    ] {
        let message = refused(edited(file, from, to));
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_file_line_and_column() {
    let mut files = shipped().files().clone();
    let mut edit = |file: &str, from: &str, to: &str| {
        let text = files.get_mut(file).unwrap();
        assert!(text.contains(from), "nothing to replace");
        *text = text.replacen(from, to, 1);
    };
    edit("purposes.toml", r#"from = "birth_year""#, r#"from = "age""#);
    edit("purposes.toml", r#"basis = "contract""#, r#"basis = "consent""#);
    edit("gate.cedar", "@reason(\"paused\")", "@reason(\"nap\")");
    edit("category.cedar", "context.switched_off", "context.shut_off");
    files.insert("notes.md".to_owned(), String::new());
    let error = Bundle::parse(files).unwrap_err();
    let told: Vec<String> = error.flaws().iter().map(ToString::to_string).collect();
    for said in [
        "notes.md: a bundle holds",
        "the category has no attribute age",
        "a required purpose has another basis",
        "gate.cedar:",
        "category.cedar:",
    ] {
        assert!(told.iter().any(|flaw| flaw.contains(said)), "{said}: {told:#?}");
    }
    let placed = error.flaws().iter().filter(|flaw| flaw.file != "notes.md");
    assert!(placed.into_iter().all(|flaw| flaw.line.is_some() && flaw.column.is_some()));
    assert_eq!(told.len(), 5, "a flaw is told twice: {told:#?}");
}

#[test]
fn a_migration_speaks_of_what_is_gone_and_of_what_is_there() {
    for (migration, said) in [
        ("[purposes]\nsell = \"forget\"\n", "migration.toml:2:8: must be"),
        ("[purposes]\nrecommend_products = \"withdraw\"\n", "still has the purpose"),
        ("[purposes]\nsell = { rename = \"selling\" }\n", "has no purpose selling"),
        ("[categories]\nplace = { rename = \"spot\" }\n", "has no category spot"),
        ("[categories]\nhealth = { rename = \"location\" }\n", "still has the category"),
        ("[purposes]\na = { rename = \"security\" }\nb = { rename = \"security\" }\n", "two names"),
        ("[people]\n", "unknown field"),
    ] {
        let mut files = shipped().files().clone();
        if migration.contains("security") {
            files = edited("purposes.toml", "id = \"measure_popularity\"", "id = \"security\"");
        }
        files.insert("migration.toml".to_owned(), migration.to_owned());
        let message = refused(files);
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[test]
fn a_bundle_lacks_no_file_and_has_no_strange_one() {
    for file in ["purposes.toml", "schema.cedarschema"] {
        let mut files = shipped().files().clone();
        files.remove(file);
        assert_eq!(refused(files), format!("{file}: the bundle has no such file"));
    }
    let mut files = shipped().files().clone();
    files.insert("gate.cedar.bak".to_owned(), String::new());
    assert!(refused(files).starts_with("gate.cedar.bak: a bundle holds"));
}

#[test]
fn without_rules_everything_is_denied() {
    let mut files = shipped().files().clone();
    files.retain(|file, _| !rules::is_cedar(file));
    let bundle = Bundle::parse(files).unwrap();
    for row in bundle.table() {
        assert!(matches!(row.level, Level::Tier(Tier::None) | Level::Detail(Detail::None)));
        assert_eq!(row.reasons, Reasons::only(ReasonCode::NoPolicy));
    }
}

#[test]
fn a_rule_that_fails_denies() {
    let overflow = "\n@id(\"overflow\")\n@reason(\"operator_rule\")\nforbid (principal, action, resource)\n\
                    when { 9223372036854775807 + (if principal.required then 1 else 1) == 1 };\n";
    let mut files = shipped().files().clone();
    files.insert("extra.cedar".to_owned(), overflow.to_owned());
    let bundle = Bundle::parse(files).unwrap();
    let ruling =
        bundle.rule(&purpose("recommend_products"), consenting(), |_| given(Detail::Fine)).unwrap();
    assert_eq!(ruling.tier(), Tier::None);
    assert_eq!(ruling.reasons().main(), ReasonCode::PolicyError);
    let weather = ruling.category(&category("weather"));
    assert_eq!(weather.detail(), Detail::None);
}

#[test]
fn the_version_covers_every_byte_of_every_file() {
    let version = shipped().version().to_owned();
    assert_eq!(shipped().version(), version);
    assert_eq!(version.len(), "sha256:".len() + 64);
    assert_eq!(version.find(shipped().ruleset()), Some("sha256:".len()));
    assert_eq!(shipped().ruleset().len(), 16);
    let comment = edited("gate.cedar", "// May", "// may");
    assert_ne!(Bundle::parse(comment).unwrap().version(), version);
}

#[test]
fn two_bundles_differ_in_the_cases_that_differ() {
    let before = shipped();
    let renamed = edited("gate.cedar", "paused-by-person", "paused-by-them");
    assert_eq!(before.diff(&Bundle::parse(renamed).unwrap()), []);

    let after = edited("purposes.toml", "gpc = \"ignored\"", "gpc = \"off\"");
    let after = Bundle::parse(after).unwrap();
    let differences = before.diff(&after);
    assert!(!differences.is_empty());
    for Difference { before, after } in &differences {
        let (before, after) = (before.as_ref().unwrap(), after.as_ref().unwrap());
        let Case::Gate { purpose, facts } = &before.case else { panic!("{before:?}") };
        assert_eq!(purpose.as_str(), "measure_popularity");
        assert!(facts.gpc && after.reasons.contains(ReasonCode::Gpc));
    }
}

#[test]
fn a_purpose_that_one_bundle_lacks_is_a_difference() {
    let before = shipped();
    let after = edited("purposes.toml", "id = \"measure_popularity\"", "id = \"count_popularity\"");
    let mut after = after;
    for file in ["gate.cases.toml", "category.cases.toml"] {
        after.remove(file);
    }
    let after = Bundle::parse(after).unwrap();
    let differences = before.diff(&after);
    assert!(differences.iter().any(|d| d.before.is_none()));
    assert!(differences.iter().any(|d| d.after.is_none()));
    assert!(differences.iter().all(|d| d.before.is_none() || d.after.is_none()));
}

#[test]
fn a_switch_leaves_calls_under_way_on_their_bundle() {
    let policies = Policies::new(Bundle::shipped().unwrap());
    let under_way = policies.snapshot();
    let next = Bundle::parse(edited("gate.cedar", "// May", "// may")).unwrap();
    let version = next.version().to_owned();
    let ended = policies.switch(next);
    assert!(Arc::ptr_eq(ended.bundle(), &under_way));
    assert_eq!(policies.current().version(), version);
    assert_ne!(under_way.version(), version);
}

#[test]
fn a_permit_of_a_bundle_that_is_no_longer_in_force_passes_nothing() {
    let policies = Policies::new(Bundle::shipped().unwrap());
    let permit = || {
        let bundle = policies.snapshot();
        let ruling =
            bundle.rule(&purpose("recommend_products"), consenting(), |_| given(Detail::Fine));
        ruling.unwrap().permit(whom())
    };
    let (early, late) = (permit(), permit());
    let under_way = early.pass().unwrap();
    let next = Bundle::parse(edited("gate.cedar", "// May", "// may")).unwrap();
    let ended = policies.switch(next);
    assert!(late.pass().is_none());
    assert!(permit().pass().is_some());
    let mut cx = std::task::Context::from_waker(Waker::noop());
    assert!(ended.poll_left(&mut cx).is_pending(), "its bytes are still being written");
    drop(under_way);
    assert!(ended.poll_left(&mut cx).is_ready());
}

#[test]
fn the_vocabulary_is_closed_and_bound_to_its_ruleset() {
    let bundle = shipped();
    let vocabulary = bundle.vocabulary();
    assert_eq!(vocabulary.ruleset, bundle.ruleset());
    assert_eq!(vocabulary.outcomes, ["none", "cohort", "individual"]);
    assert!(vocabulary.purposes.contains(&"recommend_products"));
    let told: Vec<_> =
        bundle.table().flat_map(|row| row.reasons.iter().collect::<Vec<_>>()).collect();
    assert!(told.iter().all(|code| vocabulary.reasons.contains(&code.as_str())));
}
