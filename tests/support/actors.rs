//! Those who speak in the stories: a shop, and people whose words the shop carries to the gateway.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Stage,
    client::{Answer, Call},
};

/// The purpose of most stories.
pub(crate) const RECOMMEND: &str = "recommend_products";

/// The app `shop`, which asks for lists and reports what people do.
pub(crate) struct Shop<'a> {
    stage: &'a Stage,
    token: String,
}

/// Someone the shop knows by an id.
pub(crate) struct Person<'a> {
    stage: &'a Stage,
    pub(crate) id: String,
    shop: String,
}

impl Stage {
    pub(crate) fn shopkeeper(&self) -> Shop<'_> {
        Shop { stage: self, token: self.shop() }
    }

    pub(crate) fn known_as(&self, id: &str) -> Person<'_> {
        Person { stage: self, id: id.to_owned(), shop: self.shop() }
    }

    /// The signed snapshot of the notice of `purpose`, as it is shown now.
    pub(crate) async fn notice(&self, purpose: &str) -> String {
        let shown = self.get("/v1/purposes").token(&self.shop()).send().await.json();
        let purposes = shown["purposes"].as_array().unwrap();
        let purpose = purposes.iter().find(|known| known["id"] == purpose).unwrap();
        purpose["notice"]["snapshot"].as_str().unwrap().to_owned()
    }

    /// Fills the catalogue with `item-0` … `item-(count - 1)`; item `n` has the tag `tag-(n % tags)`.
    pub(crate) async fn shelves(&self, count: usize, tags: usize) {
        let item = |n: usize| {
            json!({"id": format!("item-{n}"), "tags": [format!("tag-{}", n % tags)]}).to_string()
        };
        let items: Vec<String> = (0..count).map(item).collect();
        let put = self.call("PUT", "/v1/items").token(&self.shop());
        let put = put.body("application/x-ndjson", items.join("\n")).send().await;
        assert_eq!(put.status, 200, "{}", put.body);
    }
}

impl Shop<'_> {
    /// A call for ten items for `id`, with the members of `more` in it.
    pub(crate) fn call_for(&self, id: &str, more: &Value) -> Call {
        let body = with(json!({"subject": {"id": id}, "purpose": RECOMMEND}), more);
        self.stage.post("/v1/recommendations").token(&self.token).json(&body)
    }

    /// Asks for ten items for `person`; the answer is always a full one.
    pub(crate) async fn asks_for(&self, person: &Person<'_>) -> Value {
        self.asks(person, &json!({})).await
    }

    pub(crate) async fn asks(&self, person: &Person<'_>, more: &Value) -> Value {
        let answer = self.call_for(&person.id, more).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Reports that each of `people` viewed `item`.
    pub(crate) async fn reports(&self, people: &[&Person<'_>], item: &str) -> Answer {
        let event =
            |p: &&Person<'_>| json!({"subject": {"id": p.id}, "type": "view", "item": item});
        let body = json!({"events": people.iter().map(event).collect::<Vec<_>>()});
        self.stage.post("/v1/events").token(&self.token).json(&body).send().await
    }
}

impl Person<'_> {
    /// Gives consent for recommendations, to all categories but sensitive ones.
    pub(crate) async fn gives(&self) -> Value {
        self.gives_to(RECOMMEND, &json!({})).await
    }

    /// Gives consent for `purpose` with the notice in force, and the members of `more` in the act.
    pub(crate) async fn gives_to(&self, purpose: &str, more: &Value) -> Value {
        let notice = json!({"snapshot": self.stage.notice(purpose).await});
        let act = with(json!({"purpose": purpose, "action": "give", "notice": notice}), more);
        recorded(&self.acts(&act).await)
    }

    pub(crate) async fn withdraws(&self) -> Value {
        recorded(&self.acts(&json!({"purpose": RECOMMEND, "action": "withdraw"})).await)
    }

    pub(crate) async fn refuses(&self) -> Value {
        recorded(&self.acts(&json!({"purpose": RECOMMEND, "action": "refuse"})).await)
    }

    /// Does what `act` says, through the shop; says nothing of the outcome.
    pub(crate) async fn acts(&self, act: &Value) -> Answer {
        let act = with(json!({"subject": {"id": self.id}, "method": "app"}), act);
        self.stage.post("/v1/consents").token(&self.shop).json(&act).send().await
    }

    /// Sets rules of their own, with a token of their own.
    pub(crate) async fn sets(&self, rules: &Value) {
        let patch = self.stage.call("PATCH", "/v1/me/rules").token(&self.stage.person(&self.id));
        let set = patch.json(rules).send().await;
        assert_eq!(set.status, 200, "{}", set.body);
    }

    /// Where they stand for `purpose`, as the shop is told.
    pub(crate) async fn stands(&self, purpose: &str) -> Value {
        let query = self.stage.post("/v1/consents/query").token(&self.shop);
        let told = query.json(&json!({"subject": {"id": self.id}})).send().await.json();
        let purposes = told["purposes"].as_array().unwrap();
        purposes.iter().find(|known| known["id"] == purpose).unwrap().clone()
    }
}

fn recorded(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.json()
}

/// `body` with the members of `more` laid over it.
fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The ids of an answer's items, in their order.
pub(crate) fn ids(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Asserts that an answer is a full list for everybody: `count` items, each once, of the catalogue.
pub(crate) fn is_for_everybody(answer: &Value, count: usize) {
    assert_eq!(answer["tier"], "none", "{answer}");
    assert_eq!(answer["decision"]["used"], json!([]), "{answer}");
    is_full(answer, count);
}

/// Asserts that a list is full: `count` items, each once, of the catalogue.
pub(crate) fn is_full(answer: &Value, count: usize) {
    let mut shown = ids(answer);
    assert_eq!(shown.len(), count, "{answer}");
    assert!(shown.iter().all(|id| id.starts_with("item-")), "{answer}");
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), count, "an item stands twice: {answer}");
}
