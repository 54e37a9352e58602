//! What the model inside the process learns, forgets and answers.

use std::fmt::Write as _;

use super::*;
use crate::{
    domain::{ItemId, LEAST_PEOPLE, Tag},
    upstream::{Answer, Json, OutboundEvent, OutboundItem, Query, Wire, scan},
};

/// Tells the model of acts written as `user item type value`.
fn tell(model: &Builtin, acts: &[(&str, &str, &str, Option<f64>)]) {
    for (user, item, kind, value) in acts {
        let item = ItemId::parse(item).unwrap();
        let event = OutboundEvent { user, item: &item, kind, value: *value, at: None };
        model.handle(&Json.events(&[event]).unwrap()).unwrap();
    }
}

fn ask(model: &Builtin, user: Option<&str>, count: usize) -> Vec<u8> {
    model.handle(&Json.recommend(&Query { user, count, ..Query::default() }).unwrap()).unwrap()
}

fn listed(model: &Builtin, user: Option<&str>, count: usize) -> Vec<String> {
    let answer = ask(model, user, count);
    let Answer { items, .. } = scan(&answer).unwrap();
    items.iter().map(|item| item.id.to_string()).collect()
}

/// Two groups with a taste of their own: even people like even items, odd people odd ones; each has not yet met two.
fn two_groups(name: impl Fn(usize) -> String) -> Builtin {
    let model = Builtin::new();
    for user in 0..20 {
        for item in (0..12).filter(|item| item % 2 == user % 2 && item / 2 != user % 6) {
            tell(&model, &[(&name(user), &format!("item-{item}"), "purchase", None)]);
        }
    }
    model.train();
    model
}

#[test]
fn people_get_what_their_like_chose_and_nothing_they_have() {
    let model = two_groups(|user| format!("p{user}"));
    for user in 0..20_usize {
        let first = &listed(&model, Some(&format!("p{user}")), 3)[0];
        assert_eq!(first, &format!("item-{}", user % 6 * 2 + user % 2), "user {user}");
    }
}

#[test]
fn lists_do_not_hang_on_how_a_pseudonym_is_spelt() {
    let (one, other) =
        (two_groups(|user| format!("a{user}")), two_groups(|user| format!("z{}", 99 - user)));
    for user in 0..20 {
        let (a, z) = (format!("a{user}"), format!("z{}", 99 - user));
        assert_eq!(ask(&one, Some(&a), 12), ask(&other, Some(&z), 12));
    }
}

#[test]
fn the_lists_are_those_of_discorec_itself() {
    let model = two_groups(|user| format!("p{user}"));
    let lesson = model.read().lesson();
    let direct = discorec::RecommenderBuilder::new()
        .factors(lesson.factors())
        .alpha(train::ALPHA)
        .seed(train::SEED)
        .fit_implicit(lesson.rows.iter());
    for user in 0..20_u32 {
        let recs = direct.user_recs(&user, 7);
        let expected: Vec<f64> = recs.iter().map(|(_, score)| f64::from(*score)).collect();
        let bytes = ask(&model, Some(&format!("p{user}")), 7);
        let answer = scan(&bytes).unwrap();
        assert_eq!(expected.len(), 7);
        for (item, score) in answer.items.iter().zip(expected) {
            assert!((item.score.unwrap() - score).abs() < 1e-6);
        }
    }
}

#[test]
fn a_stranger_and_nobody_get_what_most_people_chose() {
    let model = Builtin::new();
    tell(&model, &[("a", "rare", "view", None)]);
    for one in (0..LEAST_PEOPLE).map(|n| format!("p{n}")) {
        tell(&model, &[(&one, "common", "view", None)]);
    }
    tell(&model, &[("b", "hated", "dislike", None), ("c", "hated", "rating", Some(-1.0))]);
    model.train();
    assert_eq!(listed(&model, None, 2), ["common", "rare"]);
    assert_eq!(listed(&model, Some("stranger"), 9), ["common", "rare", "hated"]);
    assert!(listed(&model, None, 0).is_empty());
}

#[test]
fn what_someone_dislikes_is_not_proposed_to_them() {
    let model = Builtin::new();
    tell(&model, &[("a", "x", "like", None), ("b", "x", "like", None), ("b", "y", "like", None)]);
    tell(&model, &[("a", "y", "dislike", None), ("b", "z", "skip", None)]);
    model.train();
    assert!(!listed(&model, Some("a"), 9).contains(&"y".to_owned()));
    assert!(!listed(&model, None, 9).contains(&"z".to_owned()), "a skip says nothing");
}

#[test]
fn the_same_call_twice_changes_nothing() {
    let model = two_groups(|user| format!("p{user}"));
    let before = ask(&model, Some("p0"), 12);
    tell(&model, &[("p0", "item-2", "purchase", None), ("p1", "item-1", "view", None)]);
    model.train();
    assert_eq!(ask(&model, Some("p0"), 12), before);
}

#[test]
fn forgetting_takes_effect_at_once_and_for_good() {
    let model = two_groups(|user| format!("p{user}"));
    assert!(!model.is_stale());
    tell(&model, &[("p0", "secret", "purchase", None)]);
    model.train();
    // A training that began before must not bring the taste back.
    let lesson = model.read().lesson();
    model.handle(&Json.forget("p0").unwrap()).unwrap();
    assert!(model.is_stale());
    let anonymous = ask(&model, None, 12);
    assert_eq!(ask(&model, Some("p0"), 12), anonymous);
    model.write().adopt(train::fit(&lesson), &lesson);
    assert!(model.is_stale());
    assert_eq!(ask(&model, Some("p0"), 12), anonymous);

    let saved = model.snapshot();
    assert!(!saved.windows(3).any(|window| window == b"\x02p0"), "a length, then the pseudonym");
    assert!(saved.windows(3).any(|window| window == b"\x02p1"));
    model.train();
    assert!(!model.is_stale());
    model.handle(&Json.forget("p0").unwrap()).unwrap();
    assert!(!model.is_stale(), "whom it does not know it need not forget");
}

#[test]
fn a_forgotten_person_leaves_the_popular_list() {
    let model = Builtin::new();
    let people: Vec<String> = (0..LEAST_PEOPLE).map(|n| format!("p{n}")).collect();
    tell(&model, &[("a", "x", "view", None)]);
    for (met, one) in people.iter().enumerate() {
        assert_eq!(listed(&model, None, 1), ["x"], "{met} people are too few to tell of");
        tell(&model, &[(one, "y", "view", None)]);
    }
    assert_eq!(listed(&model, None, 1), ["y"]);
    model.handle(&Json.forget("p7").unwrap()).unwrap();
    assert_eq!(listed(&model, None, 1), ["x"]);
}

#[test]
fn descriptions_come_back_as_categories() {
    let model = Builtin::new();
    let (id, tags) = (ItemId::parse("tv \"1\"").unwrap(), [Tag::parse("tv").unwrap()]);
    model.handle(&Json.items(&[OutboundItem { id: &id, tags: &tags }]).unwrap()).unwrap();
    let bytes = ask(&model, None, 1);
    let answer = scan(&bytes).unwrap();
    assert_eq!(
        (answer.items[0].id.as_ref(), answer.tags(&answer.items[0])),
        ("tv \"1\"", &["tv".into()][..])
    );
}

#[test]
fn seeds_draw_their_like_and_are_not_proposed_themselves() {
    let model = two_groups(|user| format!("p{user}"));
    let seeds = [ItemId::parse("item-1").unwrap(), ItemId::parse("never heard of").unwrap()];
    let query = Query { count: 5, seed_items: &seeds, ..Query::default() };
    let bytes = model.handle(&Json.recommend(&query).unwrap()).unwrap();
    let answer = scan(&bytes).unwrap();
    let ids: Vec<&str> = answer.items.iter().map(|item| item.id.as_ref()).collect();
    assert_eq!(ids.len(), 5);
    assert!(!ids.contains(&"item-1"));
    assert!(
        ids.iter().all(|id| matches!(*id, "item-3" | "item-5" | "item-7" | "item-9" | "item-11")),
        "{ids:?}"
    );
}

#[test]
fn a_snapshot_brings_the_same_lists_back() {
    let model = two_groups(|user| format!("p{user}"));
    model.handle(&Json.forget("p3").unwrap()).unwrap();
    model.train();
    let restored = Builtin::restore(&model.snapshot()).unwrap();
    assert!(restored.is_stale());
    restored.train();
    for user in (0..20).map(|user| format!("p{user}")) {
        assert_eq!(ask(&restored, Some(&user), 12), ask(&model, Some(&user), 12));
    }
    assert_eq!(restored.snapshot(), model.snapshot());
}

#[test]
fn damaged_snapshots_are_refused_and_never_panic() {
    let saved = two_groups(|user| format!("p{user}")).snapshot();
    for cut in 0..saved.len() {
        assert!(Builtin::restore(&saved[..cut]).is_err());
    }
    for place in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[place] ^= 0x41;
        if let Ok(model) = Builtin::restore(&damaged) {
            model.train();
            ask(&model, Some("p0"), 3);
        }
    }
    let mut newer = saved;
    newer[0] = 2;
    assert_eq!(Builtin::restore(&newer).unwrap_err(), InvalidSnapshot);
}

#[test]
fn a_handful_of_events_is_enough_to_answer() {
    let model = Builtin::new();
    model.train();
    assert!(listed(&model, None, 5).is_empty());
    for items in 1..5 {
        let acts: Vec<String> = (0..items).map(|item| format!("i{item}")).collect();
        for item in &acts {
            tell(&model, &[("a", item, "view", None), ("b", "i0", "rating", Some(1e300))]);
        }
        for _ in 0..3 {
            model.train();
        }
        assert_eq!(listed(&model, None, 9).len(), items);
        assert_eq!(listed(&model, Some("b"), 9).len(), items - 1);
    }
}

#[test]
fn calls_it_cannot_read_are_refused_like_over_http() {
    let model = Builtin::new();
    let mut call = Json.forget("p").unwrap();
    call.path = "/nowhere".into();
    assert_eq!(model.handle(&call).unwrap_err(), UpstreamFault::Status(404));
    let mut bad = Json.forget("p").unwrap();
    bad.body = "{\"user\":".into();
    assert_eq!(model.handle(&bad).unwrap_err(), UpstreamFault::Status(400));
}

#[test]
fn debug_shows_no_pseudonym() {
    let model = two_groups(|user| format!("pseudonym{user}"));
    let mut shown = String::new();
    write!(shown, "{model:?} {:?}", Json.forget("pseudonym1").unwrap()).unwrap();
    assert!(!shown.contains("pseudonym"), "{shown}");
}
