//! What would leave, before anything does: the bytes per tier, with nothing sent and nothing recorded.

use super::{
    Asked, Gateway, GatewayError,
    recommend::{Ruled, whom},
};
use crate::{
    consent::Person,
    domain::{CategoryId, RecipientId, Tier},
    policy::{Bundle, ReasonCode, Withheld},
    upstream::{Model, Outbound},
};

/// What stands where a pseudonym would, for a caller who may not see it: as long as one, and never one.
const PLACEHOLDER: &str = "p00000000000000000000000000";

/// What a call would disclose.
#[derive(Clone, Debug)]
pub struct Previewed {
    /// Who would receive it; nobody where the app brings candidates of its own.
    pub recipient: Option<RecipientId>,
    /// The tier the call would be answered at.
    pub tier: Tier,
    /// Each tier, least intrusive first.
    pub tiers: Vec<TierPreview>,
}

/// What a call would disclose at one tier.
#[derive(Clone, Debug)]
pub struct TierPreview {
    /// Which tier.
    pub tier: Tier,
    /// Whether the call could be answered at it.
    pub granted: bool,
    /// Why, or why not.
    pub reasons: Vec<ReasonCode>,
    /// Method and path, where it is granted and the model can be asked at it.
    pub to: Option<(String, String)>,
    /// The headers, by name and value, where it is granted.
    pub headers: Vec<(String, String)>,
    /// The exact body, where it is granted.
    pub body: Option<String>,
    /// The categories that would leave.
    pub used: Vec<CategoryId>,
    /// The categories that would not leave as they are.
    pub withheld: Vec<Withheld>,
}

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The person: sees the true bytes.
    Subject,
    /// An app: sees a placeholder for the pseudonym, which it must never learn.
    App,
}

impl Gateway {
    /// What the call would disclose at each tier.
    ///
    /// # Errors
    /// When the person's standing cannot be read, or no model serves the purpose.
    pub async fn preview(&self, asked: &Asked, viewer: Viewer) -> Result<Previewed, GatewayError> {
        let bundle = self.policies.snapshot();
        let person = match asked.subject {
            Some(handle) => self.ledger.person(handle).await?,
            None => None,
        };
        let model = match asked.candidates {
            Some(_) => None,
            None => Some(
                self.serving(&asked.purpose)
                    .ok_or_else(|| GatewayError::NoModel(asked.purpose.clone()))?,
            ),
        };
        let unknown = || GatewayError::UnknownPurpose(asked.purpose.clone());
        let ruled = self.rule(asked, &bundle, person.as_ref(), model).ok_or_else(unknown)?;
        let tier = ruled.ruling.tier();
        let mut tiers = Vec::new();
        for at in Tier::ALL {
            tiers.push(
                self.at(at, asked, &bundle, person.as_ref(), model, viewer).ok_or_else(unknown)?,
            );
        }
        let recipient = model.map(|model| model.recipient().id.clone());
        Ok(Previewed { recipient, tier, tiers })
    }

    fn at(
        &self,
        tier: Tier,
        asked: &Asked,
        bundle: &Bundle,
        person: Option<&Person>,
        model: Option<&Model>,
        viewer: Viewer,
    ) -> Option<TierPreview> {
        let capped = person.map(|person| capped(person, tier));
        let Ruled { ruling, valid_until, now } =
            self.rule(asked, bundle, capped.as_ref(), model)?;
        let granted = ruling.tier() == tier;
        let reasons = ruling.reasons().iter().collect();
        let Some(model) = model.filter(|_| granted) else {
            let (used, withheld) = (Vec::new(), Vec::new());
            return Some(TierPreview {
                tier,
                granted,
                reasons,
                to: None,
                headers: Vec::new(),
                body: None,
                used,
                withheld,
            });
        };
        let permit = ruling.permit(whom(capped.as_ref(), model, valid_until));
        let mut query = self.query(asked, permit, capped.as_ref(), model, now);
        if viewer == Viewer::App {
            query.hide_pseudonym(PLACEHOLDER);
        }
        let outbound = query.encode(model.wire(), self.fetch(asked), asked.scenario.as_deref());
        let objected = asked.signal || query.permit().ruling().is_objected();
        let outbound = outbound.map(|outbound| outbound.with_gpc(objected));
        let headers = outbound.iter().flat_map(Outbound::headers).map(|(name, value)| {
            (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
        });
        Some(TierPreview {
            tier,
            granted,
            reasons,
            to: outbound.as_ref().map(|call| (call.method.to_string(), call.path.to_string())),
            headers: headers.collect(),
            body: outbound.as_ref().map(|call| String::from_utf8_lossy(&call.body).into_owned()),
            used: query.shaped().used.clone(),
            withheld: query.shaped().withheld.clone(),
        })
    }
}

/// The person as if their own highest tier were `tier` at most.
fn capped(person: &Person, tier: Tier) -> Person {
    let mut capped = person.clone();
    let rules = &mut std::sync::Arc::make_mut(&mut capped.standing).rules;
    rules.cap = rules.cap.min(tier);
    capped
}
