//! What a mapping makes of a call and of an answer, byte for byte, and which mappings are refused.

use super::*;
use crate::domain::{ItemId, Tag, Timestamp};

/// The least that a mapping says.
const LEAST: &str = r#"
without = ["events", "items", "forget"]
[recommend]
path = "/r"
body = { u = "{user}" }
"#;

fn settings(toml: &str) -> MapSettings {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"))
}

fn map(toml: &str) -> Map {
    Map::parse(&settings(toml)).unwrap_or_else(|error| panic!("{error}\n{toml}"))
}

fn refusal(toml: &str) -> String {
    Map::parse(&settings(toml)).unwrap_err().to_string()
}

/// A mapping whose `recommend` is this.
fn asking(recommend: &str) -> String {
    format!("without = [\"events\", \"items\", \"forget\"]\n[recommend]\n{recommend}\n")
}

fn said(call: Option<Outbound>) -> String {
    let call = call.expect("the call can be made");
    format!("{} {} {}", call.method, call.path, String::from_utf8(call.body.to_vec()).unwrap())
}

const CONTEXT: &[u8] =
    br#"{"demographics":{"age_band":"30-39"},"weather":{"sky":"rain \"hard\""}}"#;

fn full(seeds: &[ItemId]) -> Query<'_> {
    Query {
        user: Some("p7"),
        count: 100,
        scenario: Some("home"),
        context: CONTEXT,
        seed_items: seeds,
    }
}

#[test]
fn names_nesting_constants_and_parts_of_the_context_are_as_written() {
    let map = map(&asking(
        r#"path = "/v1/rank/{scenario|any}"
query = { k = "{count}", page = "1 of 1", s = "{scenario}" }
body = '''{"who":{"id":"{user}","kind":"pseudonym"},"limit":"{count}","flags":[true,null,1.5],
  "ctx":"{context}","age":"{context/demographics/age_band}","sky":"it is {context/weather/sky}","seeds":"{seed_items}"}'''"#,
    ));
    let seeds = [ItemId::parse("a\"b").unwrap()];
    assert_eq!(
        said(map.recommend(&full(&seeds))),
        concat!(
            r#"POST /v1/rank/home?k=100&page=1%20of%201&s=home {"who":{"id":"p7","kind":"pseudonym"},"limit":100,"flags":[true,null,1.5],"#,
            r#""ctx":{"demographics":{"age_band":"30-39"},"weather":{"sky":"rain \"hard\""}},"age":"30-39","sky":"it is rain \"hard\"","seeds":["a\"b"]}"#
        )
    );
    // Nobody, and nothing said: what has no value is not there, and its neighbours are what they were.
    assert_eq!(
        said(map.recommend(&Query { count: 5, ..Query::default() })),
        r#"POST /v1/rank/any?k=5&page=1%20of%201 {"who":{"kind":"pseudonym"},"limit":5,"flags":[true,null,1.5]}"#
    );
}

#[test]
fn values_stay_values_in_paths_queries_and_bodies() {
    let map = map(&asking(
        "path = \"/r/{user}/{scenario}x\"\nquery = { s = \"{scenario}\" }"
            .replace("{scenario}x", "{scenario|-}")
            .as_str(),
    ));
    let odd = Query { user: Some("a/b?c"), scenario: Some("x&y=1#\r\n é"), ..full(&[]) };
    assert_eq!(
        said(map.recommend(&odd)),
        "GET /r/a%2Fb%3Fc/x%26y%3D1%23%0D%0A%20%C3%A9?s=x%26y%3D1%23%0D%0A%20%C3%A9 "
    );
}

#[test]
fn braces_of_other_languages_are_left_alone() {
    let map = map(&asking(
        r#"path = "/graphql"
body = '''{"query":"query($u: ID){ rec(user: $u) { id score } } {{user}}","variables":{"u":"{user}"}}'''"#,
    ));
    assert_eq!(
        said(map.recommend(&full(&[]))),
        r#"POST /graphql {"query":"query($u: ID){ rec(user: $u) { id score } } {user}","variables":{"u":"p7"}}"#
    );
}

#[test]
fn a_list_keeps_its_places() {
    let kserve = r#"path = "/v2/models/als/infer"
body = '''{"inputs":[{"name":"user_id","shape":[1],"datatype":"BYTES","data":["{user}"]},
  {"name":"count","shape":[1],"datatype":"INT32","data":["{count}"]}]}'''"#;
    let only = map(&asking(kserve));
    assert_eq!(
        said(only.recommend(&full(&[]))),
        r#"POST /v2/models/als/infer {"inputs":[{"name":"user_id","shape":[1],"datatype":"BYTES","data":["p7"]},{"name":"count","shape":[1],"datatype":"INT32","data":[100]}]}"#
    );
    let nobody = Query { count: 5, ..Query::default() };
    assert!(only.asks_only_for_users() && only.recommend(&nobody).is_none());
    let guest = map(&asking(&kserve.replace("{user}", "{user|guest}")));
    assert!(said(guest.recommend(&nobody)).contains(r#""data":["guest"]"#));
    let listed = asking("path = \"/r\"\nbody = { u = \"{user}\", s = [\"{scenario}\"] }");
    assert!(refusal(&listed).contains("{scenario|null}"), "{}", refusal(&listed));
}

#[test]
fn everybody_can_be_asked_for_in_a_call_of_its_own() {
    let map = map(r#"without = ["events", "items", "forget"]
[recommend]
path = "/users/{user}/top"
most = 50
[anonymous]
path = "/top"
query = { n = "{count}" }"#);
    assert_eq!(said(map.recommend(&full(&[]))), "GET /users/p7/top ");
    assert_eq!(said(map.recommend(&Query { count: 70, ..Query::default() })), "GET /top?n=70 ");
    assert!(map.names_users_in_urls() && !map.asks_only_for_users());
    assert!(!super::tests::map(LEAST).names_users_in_urls());
}

const TELLING: &str = r#"
[recommend]
path = "/r"
body = { u = "{user}" }
[events]
path = "/users/{user}/events"
method = "PUT"
body = "{events}"
each = { item = "{item}", action = "{type}", rating = "{value}", at = "{at}", ms = "{at_ms}" }
types = { view = "impression" }
[items]
path = "/items"
body = { rows = "{items}" }
each = { sku = "{item}", labels = "{categories}" }
[forget]
path = "/users/{user}"
method = "DELETE"
unknown_status = 404
cache_hours = 2
confirmed = "/data/done"
"#;

#[test]
fn events_items_and_deletions_are_as_written() {
    let map = map(TELLING);
    let (item, at) = (ItemId::parse("tv-1").unwrap(), Timestamp::from_millis(1000));
    let rated =
        OutboundEvent { user: "p7", item: &item, kind: "rating", value: Some(4.5), at: Some(at) };
    let viewed = OutboundEvent { kind: "view", value: None, at: None, ..rated };
    assert_eq!(
        said(map.events(&[rated, viewed])),
        r#"PUT /users/p7/events [{"action":"rating","at":"1970-01-01T00:00:01.000Z","item":"tv-1","ms":1000,"rating":4.5},{"action":"impression","item":"tv-1"}]"#
    );
    let tags = [Tag::parse("tv").unwrap()];
    assert_eq!(
        said(map.items(&[
            OutboundItem { id: &item, tags: &tags },
            OutboundItem { id: &item, tags: &[] }
        ])),
        r#"POST /items {"rows":[{"labels":["tv"],"sku":"tv-1"},{"labels":[],"sku":"tv-1"}]}"#
    );
    assert_eq!(said(map.forget("p7")), "DELETE /users/p7 ");
    let expects = map.forget("p7").unwrap().expects;
    assert!(expects.is_met_by(404) && expects.is_met_by(204) && !expects.is_met_by(500));
    assert_eq!(map.forgets_within(), Some(Duration::from_secs(7200)));
    assert_eq!((map.events_at_once(), map.items_at_once()), (usize::MAX, usize::MAX));
}

#[test]
fn a_model_that_takes_one_event_a_call_gets_one() {
    let map = map(r#"without = ["items", "forget"]
[recommend]
path = "/r/{user}"
[events]
path = "/track"
body = '{"u":"{user}","i":"{item}"}'"#);
    let item = ItemId::parse("tv-1").unwrap();
    let event = OutboundEvent { user: "p7", item: &item, kind: "view", value: None, at: None };
    assert_eq!((map.events_at_once(), map.items_at_once()), (1, usize::MAX));
    assert_eq!(said(map.events(&[event])), r#"POST /track {"u":"p7","i":"tv-1"}"#);
    assert!(map.items(&[]).is_none() && map.forget("p7").is_none());
}

#[test]
fn a_deletion_counts_only_if_the_answer_says_so() {
    let map = map(TELLING);
    for done in [r#"{"data":{"done":true}}"#, r#"{"data":{"done":{"id":"p7"}}}"#] {
        assert!(map.confirms(done.as_bytes()), "{done}");
    }
    for open in [
        r#"{"errors":["x"],"data":null}"#,
        r#"{"data":{"done":false}}"#,
        r#"{"data":{"done":null}}"#,
        "",
        "<html>",
    ] {
        assert!(!map.confirms(open.as_bytes()), "{open}");
    }
    assert!(super::tests::map(LEAST).confirms(b""));
}

#[test]
fn what_a_mapping_has_no_place_for_is_known() {
    let takes = |recommend: &str| map(&asking(recommend)).takes(true).clone();
    assert_eq!(
        takes("path = \"/r/{user}\""),
        Takes { context: TakenContext::Parts(vec![]), seed_items: false }
    );
    let whole = "path = \"/r\"\nbody = { u = \"{user}\", c = \"{context}\", s = \"{seed_items}\" }";
    assert_eq!(takes(whole), Takes::EVERYTHING);
    let parts = "path = \"/r\"\nbody = { u = \"{user}\", a = \"{context/demographics/age_band}\", w = \"{context/weather}\" }";
    let expected = vec![("demographics".into(), Some("age_band".into())), ("weather".into(), None)];
    assert_eq!(takes(parts).context, TakenContext::Parts(expected));
}

/// An item's id, score and tags.
type Item = (String, Option<f64>, Vec<String>);

fn read(answer: &str, bytes: &str) -> Result<Vec<Item>, Nonsense> {
    let map = map(&format!("{LEAST}[answer]\n{answer}"));
    let answer = map.answer(bytes.as_bytes())?;
    let words = |item| answer.tags(item).iter().map(ToString::to_string).collect();
    Ok(answer.items.iter().map(|item| (item.id.to_string(), item.score, words(item))).collect())
}

fn item(id: &str, score: Option<f64>, tags: &[&str]) -> Item {
    (id.to_owned(), score, tags.iter().map(|&tag| tag.to_owned()).collect())
}

#[test]
fn answers_of_all_forms_are_read() {
    let nested = r#"list = "/data/recs"
id = "/product/sku"
score = "/rank~1score"
categories = "/product/kind""#;
    let bytes = r#"{"data":{"recs":[{"product":{"sku":"a","kind":"tv"},"rank/score":0.5},{"product":{"sku":7}}]},"x":[{}]}"#;
    assert_eq!(read(nested, bytes).unwrap(), [item("a", Some(0.5), &["tv"]), item("7", None, &[])]);
    assert_eq!(
        read("list = \"\"", r#"["a","b"]"#).unwrap(),
        [item("a", None, &[]), item("b", None, &[])]
    );
    let kserve = "list = \"/outputs/0/data\"\nscores = \"/outputs/1/data\"";
    let bytes = r#"{"outputs":[{"data":["216",50]},{"data":[1.5,NaN]}]}"#;
    assert_eq!(read(kserve, bytes).unwrap(), [item("216", Some(1.5), &[]), item("50", None, &[])]);
    let scores = r#"{"scores":{"a":0.1,"b":0.9,"c":null}}"#;
    assert_eq!(
        read("form = \"object\"\nlist = \"/scores\"", scores).unwrap(),
        [item("b", Some(0.9), &[]), item("a", Some(0.1), &[]), item("c", None, &[])]
    );
    assert_eq!(read("list = \"/items\"", r#"{"items":null}"#).unwrap(), []);
}

#[test]
fn answers_that_hold_no_list_are_nonsense() {
    for bytes in [
        "",
        "{}",
        "[]",
        r#"{"items":"a"}"#,
        r#"{"items":{"a":1}}"#,
        r#"{"items":["a"]"#,
        "<html>",
        r#"{"items":["a"]} x"#,
    ] {
        assert_eq!(read("", bytes), Err(Nonsense), "{bytes}");
    }
}

#[test]
fn a_mistake_is_refused_with_what_to_change() {
    let users = |recommend: &str| asking(recommend);
    for (toml, says) in [
        (users("path = \"/r/{usr}\""), "has no placeholder {usr}; known are user, count"),
        (users("path = \"/r/{context/a/b/c}\""), "has no placeholder {context/a/b/c}"),
        (users("path = \"/r\""), "has no place for {user}"),
        (users("path = \"r/{user}\""), "path must begin with /"),
        (users("path = \"/r/{user}?n=1\""), "path must begin with /"),
        (users("path = \"/r/{user}\"\nmethod = \"TRACE\""), "method must be GET"),
        (users("path = \"/r\"\nmethod = \"GET\"\nbody = { u = \"{user}\" }"), "a GET has no body"),
        (users("path = \"/r\"\nbody = '{\"u\":\"{user}\"'"), "body is no JSON"),
        (users("path = \"/r/{user}/{seed_items}\""), "{seed_items} is no text"),
        (users("path = \"/r/{user}/{scenario}\""), "{scenario|null}"),
        (users("path = \"/r/{user}\"\ncache_hours = 1"), "cache_hours means nothing there"),
        (LEAST.replace("\"events\", ", ""), "says nothing of events: add [upstream.map.events]"),
        (LEAST.replace("\"events\"", "\"recommend\", \"events\""), "recommend cannot be left out"),
        (format!("{LEAST}[forget]\npath = \"/f/{{user}}\""), "mapped and listed under `without`"),
        (
            format!("{LEAST}[anonymous]\npath = \"/f/{{user}}\""),
            "[upstream.map.anonymous] has no placeholder {user}",
        ),
        (format!("{LEAST}[answer]\nlist = \"items\""), "list must be a JSON pointer"),
        (
            TELLING.replace("/users/{user}\"\nmethod = \"DELETE", "/users\"\nmethod = \"DELETE"),
            "[upstream.map.forget] has no place for {user}",
        ),
        (
            TELLING.replace("item = \"{item}\", ", ""),
            "[upstream.map.events] has no place for {item}",
        ),
        (
            TELLING.replace("rows = \"{items}\"", "rows = []"),
            "[upstream.map.items] has no place for {items}",
        ),
        (TELLING.replace("\"{events}\"", "\"{evts}\""), "body is no JSON"),
    ] {
        let found = refusal(&toml);
        assert!(found.contains(says), "{found}\nfor\n{toml}");
    }
    assert!(toml::from_str::<MapSettings>(&LEAST.replace("path", "pfad")).is_err());
}
