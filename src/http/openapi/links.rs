//! Which answer holds what another call needs (OpenAPI 3.1, Link Object).

use serde_json::{Value, json};
use utoipa::openapi::{
    OpenApi, RefOr,
    link::{Link, LinkBuilder},
    path::Operation,
};

/// From the answer `status` of the operation `from`: the link `name` to the operation `to`.
struct Leads {
    from: &'static str,
    status: &'static str,
    name: &'static str,
    to: &'static str,
    why: &'static str,
    body: Value,
}

/// Adds the links to `document`.
pub(super) fn add(document: &mut OpenApi) {
    for leads in all() {
        let found = operations(document).find(|o| o.operation_id.as_deref() == Some(leads.from));
        let answer = found.and_then(|o| o.responses.responses.get_mut(leads.status));
        if let Some(RefOr::T(answer)) = answer {
            answer.links.insert(leads.name.to_owned(), RefOr::T(leads.link()));
        }
    }
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.put, &mut path.post, &mut path.patch].into_iter().flatten()
    })
}

impl Leads {
    fn link(&self) -> Link {
        let link = LinkBuilder::new().operation_id(self.to).description(self.why);
        link.request_body(Some(self.body.clone())).build()
    }
}

fn all() -> [Leads; 5] {
    let named = json!({"id": "$request.body#/subject/id"});
    [
        Leads {
            from: "list_purposes",
            status: "200",
            name: "GiveConsent",
            to: "record_consent",
            why: "The snapshot of the notice that was shown goes back with the consent.",
            body: json!({
                "subject": {"id": "user-4395"}, "purpose": "$response.body#/purposes/0/id", "action": "give",
                "method": "app", "notice": {"snapshot": "$response.body#/purposes/0/notice/snapshot"}
            }),
        },
        Leads {
            from: "record_consent",
            status: "201",
            name: "AskWhereTheyStand",
            to: "query_consents",
            why: "The act counts from its answer on.",
            body: json!({"subject": named}),
        },
        Leads {
            from: "record_consent",
            status: "201",
            name: "Recommend",
            to: "recommend",
            why: "The next call is decided by the act.",
            body: json!({"subject": named, "purpose": "$request.body#/purpose"}),
        },
        Leads {
            from: "put_item",
            status: "200",
            name: "RecommendFromIt",
            to: "recommend",
            why: "The item can be recommended, and can be what a person is looking at.",
            body: json!({"purpose": "recommend_products", "seed_items": ["$request.path.id"]}),
        },
        Leads {
            from: "recommend",
            status: "200",
            name: "SayWhatCameOfIt",
            to: "send_events",
            why: "Events name the item and the answer that showed it.",
            body: json!({"events": [{
                "subject": {"id": "user-4395"}, "type": "view", "item": "$response.body#/items/0/id",
                "recommendation_id": "$response.body#/recommendation_id"
            }]}),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_from_an_answer_to_an_operation() {
        let document = serde_json::to_value(crate::http::openapi()).unwrap().to_string();
        for leads in all() {
            assert!(
                document.contains(&format!("\"{}\":{{", leads.name)),
                "{} is not there",
                leads.name
            );
            assert!(
                document.contains(&format!("\"operationId\":\"{}\"", leads.to)),
                "{}",
                leads.to
            );
        }
    }
}
