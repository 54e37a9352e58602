//! Records of processing: what the catalogue and the configuration say, and what truly flowed.

use std::{collections::BTreeMap, sync::Arc};

use super::{Begun, InspectError, Inspector, off_the_worker};
use crate::{
    audit::{Event, NOTHING, Span},
    domain::{AppId, Country, PurposeId, RecipientId},
    policy::Bundle,
};

/// What is configured, as far as an auditor is told of it.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// The recipients.
    pub recipients: Vec<RecipientFacts>,
    /// The apps.
    pub apps: Vec<AppFacts>,
    /// For how many days the bodies of the log's rows are kept.
    pub bodies_kept_days: u32,
}

/// Who receives data.
#[derive(Clone, Debug)]
pub struct RecipientFacts {
    /// Its name.
    pub id: RecipientId,
    /// The country it is in, if the operator has said so.
    pub country: Option<Country>,
    /// Whether somebody else runs it.
    pub third_party: bool,
    /// Whether it is inside this process, so that nothing leaves.
    pub in_process: bool,
    /// Whether it is asked to delete what it holds when a person withdraws.
    pub deletes_on_withdrawal: bool,
    /// Its pseudonymisation domain: recipients of one domain see one pseudonym a person.
    pub domain: String,
    /// For which purposes it is asked.
    pub purposes: Vec<PurposeId>,
}

/// Who calls for people.
#[derive(Clone, Debug)]
pub struct AppFacts {
    /// Its name.
    pub id: AppId,
    /// The purposes it is registered for.
    pub purposes: Vec<PurposeId>,
}

/// What flowed in a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Decisions by purpose, recipient and tier.
    pub decisions: Vec<Flow>,
    /// Decided calls that were not sent, or whose answers were thrown away, by purpose.
    pub voided: BTreeMap<String, u64>,
}

/// Decisions of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The purpose.
    pub purpose: String,
    /// The recipient; nothing where none was asked.
    pub recipient: Option<String>,
    /// The tier: what of the person left.
    pub tier: String,
    /// How many.
    pub decisions: u64,
}

impl Inspector {
    /// What flowed within `span`, by the log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn flows(&self, begun: Begun, span: Span) -> Result<Flows, InspectError> {
        let inspector = self.clone();
        off_the_worker(move || inspector.flows_now(begun, span)).await
    }

    fn flows_now(&self, begun: Begun, span: Span) -> Result<Flows, InspectError> {
        let mut decisions: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        let mut voided = BTreeMap::new();
        for (words, count) in self.ground.reader.count(span, begun.upto)? {
            if words.event == Event::Decision.as_str() {
                let kind = (words.purpose, words.recipient, words.outcome);
                *decisions.entry(kind).or_default() += count;
            } else if words.event == Event::DecisionVoid.as_str() {
                *voided.entry(words.purpose).or_default() += count;
            }
        }
        let flow =
            |((purpose, recipient, tier), decisions): ((String, String, String), u64)| Flow {
                purpose,
                recipient: Some(recipient).filter(|recipient| recipient != NOTHING),
                tier,
                decisions,
            };
        Ok(Flows { decisions: decisions.into_iter().map(flow).collect(), voided })
    }

    /// What is configured.
    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.ground.organisation
    }

    /// The policy in force.
    #[must_use]
    pub fn bundle_in_force(&self) -> Arc<Bundle> {
        self.ground.policies.bundle_in_force()
    }
}
