//! The wire form of where a person stands.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    consent::{Person, PurposeStanding, Undurable},
    domain::{CategoryId, Consent, ConsentState, Detail, Epoch, PurposeId, Timestamp},
    policy::{Bundle, GpcEffect, Purpose},
};

/// Where a person stands.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"epoch": 12, "gpc": false, "purposes": [{
    "id": "recommend_products", "state": "given", "categories": [{"id": "activity", "detail": "fine"}],
    "since": "2026-11-22T00:00:00.000Z", "expires_at": null, "objected_at": null, "reconsent": false, "durable": true
}]})))]
pub(in crate::http) struct ConsentStanding<'a> {
    /// How many acts there were; 0 for a person of whom nothing is known.
    #[schema(value_type = u32)]
    pub(in crate::http) epoch: Epoch,
    /// Whether an objection by signal (Global Privacy Control) stands for one of the purposes and is honoured, for the app to
    /// show (CCPA regulations section 7025(c)(6)).
    gpc: bool,
    /// Every purpose of the catalogue in force, in its order.
    pub(in crate::http) purposes: Vec<StandingForPurpose<'a>>,
}

/// A person's consent for one purpose.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct StandingForPurpose<'a> {
    /// The purpose.
    #[schema(value_type = String)]
    pub(in crate::http) id: &'a PurposeId,
    /// `unknown`, `given`, `refused`, `withdrawn` or `expired`, at this moment.
    #[schema(value_type = String, example = "given")]
    pub(in crate::http) state: ConsentState,
    /// What is given and how finely; empty where nothing is.
    pub(in crate::http) categories: Vec<GivenCategory<'a>>,
    /// Since when it stands so, as RFC 3339; null where nothing is known.
    #[schema(required, format = DateTime)]
    since: Option<String>,
    /// When what is given ends by itself.
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    /// When an objection by signal (Global Privacy Control) came that still stands.
    #[schema(required, format = DateTime)]
    objected_at: Option<String>,
    /// Whether what was agreed to has changed since, so that the consent no longer counts and the person is to be asked
    /// anew.
    reconsent: bool,
    /// Whether the state outlives a loss of power. One that does not holds all the same as long as the gateway runs, which
    /// writes it down as soon as it can.
    durable: bool,
}

/// A category that is given.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct GivenCategory<'a> {
    /// The category.
    #[schema(value_type = String)]
    pub(in crate::http) id: &'a CategoryId,
    /// `fine` or `coarse`.
    #[schema(value_type = String, example = "fine")]
    pub(in crate::http) detail: Detail,
}

impl<'a> ConsentStanding<'a> {
    /// Where `person` stands at `now`; someone unknown stands where nobody has been asked.
    /// What of it is not durable is told as it holds.
    pub(in crate::http) fn of(
        bundle: &'a Bundle,
        person: Option<&'a Person>,
        undurable: &[Undurable],
        now: Timestamp,
    ) -> Self {
        let standing = person.map(|person| &*person.standing);
        let purposes = bundle.catalogue().purposes().iter();
        let known = |purpose: &Purpose| standing.and_then(|s| s.purpose(purpose.id()));
        let late = |purpose: &Purpose| undurable.iter().rfind(|late| late.purpose == *purpose.id());
        let objects = |purpose: &Purpose| {
            purpose.gpc() != GpcEffect::Ignored
                && known(purpose).is_some_and(|known| known.objects(now))
        };
        Self {
            epoch: standing.map(|standing| standing.epoch).unwrap_or_default(),
            gpc: bundle.catalogue().purposes().iter().any(objects),
            purposes: purposes
                .map(|purpose| {
                    let told = StandingForPurpose::of(purpose, known(purpose), now);
                    match late(purpose) {
                        Some(late) => told.taken_back(late),
                        None => told,
                    }
                })
                .collect(),
        }
    }
}

impl<'a> StandingForPurpose<'a> {
    fn of(purpose: &'a Purpose, known: Option<&'a PurposeStanding>, now: Timestamp) -> Self {
        let consent = known.map(|known| &known.consent);
        let given = consent.and_then(|consent| consent.in_force(now));
        let categories = given.map_or(&[] as &[_], |given| &given.categories);
        let state = consent.map(|consent| consent.state_at(now)).unwrap_or_default();
        let since = consent.filter(|_| state != ConsentState::Unknown).map(Consent::since);
        let objects = known.filter(|known| known.objects(now));
        Self {
            id: purpose.id(),
            state,
            categories: categories
                .iter()
                .map(|(id, detail)| GivenCategory { id, detail: *detail })
                .collect(),
            since: since.map(Timestamp::rfc3339),
            expires_at: consent.and_then(Consent::expires_at).map(Timestamp::rfc3339),
            objected_at: objects.and_then(|known| known.objected_at).map(Timestamp::rfc3339),
            reconsent: given.is_some_and(|given| given.material != purpose.material()),
            durable: true,
        }
    }

    /// As an act has it that is not on record yet.
    fn taken_back(self, act: &Undurable) -> Self {
        Self {
            state: act.state,
            categories: Vec::new(),
            since: Some(act.since.rfc3339()),
            expires_at: None,
            reconsent: false,
            durable: false,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::consent::Given;

    fn told(known: Option<&PurposeStanding>, now: i64) -> serde_json::Value {
        let bundle = Bundle::shipped().unwrap();
        let purpose = &bundle.catalogue().purposes()[0];
        let told = StandingForPurpose::of(purpose, known, Timestamp::from_millis(now));
        serde_json::to_value(told).unwrap()
    }

    #[test]
    fn an_unknown_person_stands_where_nobody_was_asked() {
        let bundle = Bundle::shipped().unwrap();
        let told = ConsentStanding::of(&bundle, None, &[], Timestamp::from_millis(1));
        let told = serde_json::to_value(told).unwrap();
        assert_eq!(told["epoch"], 0);
        let purposes = told["purposes"].as_array().unwrap();
        assert_eq!(purposes.len(), bundle.catalogue().purposes().len());
        for purpose in purposes {
            assert_eq!(purpose["state"], "unknown");
            assert_eq!(purpose["since"], serde_json::Value::Null);
            assert_eq!(purpose["reconsent"], false);
        }
    }

    #[test]
    fn a_consent_is_told_as_it_stands_at_this_moment() {
        let given = Given {
            categories: vec![(CategoryId::parse("location").unwrap(), Detail::Coarse)],
            expires_at: Some(Timestamp::from_millis(1000)),
            material: "of another text".to_owned(),
            by_guardian: false,
        };
        let consent = Consent::default().give(given, Timestamp::from_millis(5)).unwrap();
        let purpose = Bundle::shipped().unwrap().catalogue().purposes()[0].id().clone();
        let known = PurposeStanding { purpose, consent, objected_at: None };
        let before = told(Some(&known), 999);
        assert_eq!(before["state"], "given");
        assert_eq!(before["categories"][0]["detail"], "coarse");
        assert_eq!(before["since"], "1970-01-01T00:00:00.005Z");
        assert_eq!(before["reconsent"], true, "what was agreed to has changed");
        let after = told(Some(&known), 1000);
        assert_eq!(after["state"], "expired");
        assert_eq!(after["categories"], serde_json::json!([]));
        assert_eq!(after["reconsent"], false);
    }
}
