//! What an answer looks like to the byte.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{Epoch, ItemId},
    gateway::{Decision as Decided, Fault},
    policy::Bundle,
};

fn answered() -> Answered {
    let category = |id| CategoryId::parse(id).unwrap();
    let ranked = |id, source, score| Ranked {
        id: ItemId::parse(id).unwrap(),
        score,
        source,
        tags: vec![Tag::parse("tv").unwrap()],
    };
    Answered {
        recommendation_id: Uuid::nil(),
        tier: Tier::Individual,
        items: vec![ranked("a\"b", Source::Model, Some(0.5)), ranked("c", Source::Popular, None)],
        muted: 0,
        effect: Some(Effect {
            strength: 0.4,
            ild: (0.25, 0.5),
            calibration: Some((0.75, 0.5)),
            moved: 3,
        }),
        decision: Decided {
            policies: vec!["individual-with-consent".to_owned()],
            reasons: vec![ReasonCode::Consented],
            used: vec![category("activity")],
            withheld: vec![Held {
                category: category("demographics"),
                reason: ReasonCode::CoarseOnly,
                sent_as: Some(Arc::from("age_band")),
            }],
            policy: "sha256:00".to_owned(),
            consent_epoch: Some(Epoch(12)),
            gpc: false,
            fault: None,
        },
        log: Some(Place { origin: "gw-1.example/2026h2".into(), index: 123 }),
        spent: None,
    }
}

fn told(answered: &Answered, rules: &[Rule]) -> Value {
    serde_json::from_slice(&write(answered, rules)).unwrap()
}

#[test]
fn an_answer_has_the_form_of_the_contract() {
    assert_eq!(
        told(&answered(), &[]),
        json!({
            "recommendation_id": "00000000-0000-0000-0000-000000000000",
            "tier": "individual",
            "items": [
                {"id": "a\"b", "rank": 1, "score": 0.5,
                 "reason": {"source": "model", "tags": ["tv"], "used": ["activity"]}},
                {"id": "c", "rank": 2, "score": null,
                 "reason": {"source": "popular", "tags": ["tv"], "used": []}}
            ],
            "diversity": {"strength": 0.4, "ild": {"before": 0.25, "after": 0.5},
                          "calibration": {"before": 0.75, "after": 0.5}, "moved": 3},
            "decision": {
                "reasons": [{"policy": null, "reason": "consented"}],
                "used": ["activity"],
                "withheld": [{"category": "demographics", "reason": "coarse_only", "sent_as": "age_band"}],
                "policy": "sha256:00", "consent_epoch": 12, "gpc": false, "fault": null
            },
            "log": {"origin": "gw-1.example/2026h2", "index": 123}
        })
    );
}

#[test]
fn what_is_not_known_is_null() {
    let mut answered = answered();
    (answered.effect, answered.log, answered.decision.consent_epoch) = (None, None, None);
    answered.decision.fault = Some(Fault::JOURNAL);
    let told = told(&answered, &[]);
    assert_eq!((&told["diversity"], &told["log"]), (&Value::Null, &Value::Null));
    assert_eq!(told["decision"]["consent_epoch"], Value::Null);
    assert_eq!(told["decision"]["fault"], "journal_unavailable");
}

#[test]
fn each_reason_names_the_policies_that_gave_it() {
    let bundle = Bundle::shipped().unwrap();
    let rule = &bundle.rules()[0];
    let mut answered = answered();
    answered.decision.policies = vec![rule.id.clone()];
    answered.decision.reasons = vec![rule.reason, ReasonCode::NoPolicy];
    let told = told(&answered, bundle.rules());
    assert_eq!(
        told["decision"]["reasons"],
        json!([{"policy": rule.id, "reason": rule.reason}, {"policy": null, "reason": "no_policy"}])
    );
}
