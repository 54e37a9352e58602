//! One person's consent for one purpose, and the acts that change it.
//!
//! Each act consumes the old state and returns the new one, or says why it cannot be done; so a history that the
//! law does not know, such as a withdrawal of what was never given, cannot be written.

use std::{fmt, str::FromStr};

use super::{CategoryId, Timestamp};

/// Where a consent stands. The words are those of ISO/IEC TS 27560's `event_state`, shortened.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ConsentState {
    /// Never asked, or never answered.
    #[default]
    Unknown,
    /// Given and in force.
    Given,
    /// Asked and refused.
    Refused,
    /// Given once and taken back.
    Withdrawn,
    /// Given once, and its time has run out.
    Expired,
}

impl ConsentState {
    /// The word for this state in JSON and in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// How finely a category may be disclosed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// Not at all.
    #[default]
    None,
    /// Generalized, as the catalogue says (an age band, a map cell).
    Coarse,
    /// As it is.
    Fine,
}

/// How a consent act reached the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A form on a web page.
    WebForm,
    /// A screen of an app.
    App,
    /// A call of the person's own software.
    Api,
    /// A signed sheet.
    Paper,
    /// A recorded call.
    Phone,
    /// A signal such as Global Privacy Control.
    Signal,
    /// Brought over from an older system.
    Import,
    /// What a change of policy makes of a consent. No caller can name it.
    Policy,
}

impl Method {
    /// All methods that a caller can name.
    pub const ALL: [Self; 7] =
        [Self::WebForm, Self::App, Self::Api, Self::Paper, Self::Phone, Self::Signal, Self::Import];

    /// The words of [`Method::ALL`].
    pub const NAMES: [&'static str; 7] = [
        Self::WebForm.as_str(),
        Self::App.as_str(),
        Self::Api.as_str(),
        Self::Paper.as_str(),
        Self::Phone.as_str(),
        Self::Signal.as_str(),
        Self::Import.as_str(),
    ];

    /// The word for this method in JSON and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebForm => "web_form",
            Self::App => "app",
            Self::Api => "api",
            Self::Paper => "paper",
            Self::Phone => "phone",
            Self::Signal => "signal",
            Self::Import => "import",
            Self::Policy => "policy",
        }
    }
}

/// The text names no method.
#[derive(Debug, thiserror::Error)]
#[error("a method is one of web_form, app, api, paper, phone, signal, import")]
pub struct InvalidMethod;

impl FromStr for Method {
    type Err = InvalidMethod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or(InvalidMethod)
    }
}

/// Why an act on a consent cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A consent that ends before it begins.
    #[error("the consent would end before it begins")]
    EndsInThePast,
    /// A consent must name what it covers.
    #[error("the consent names no data category")]
    NoCategories,
    /// Only what is given can be withdrawn.
    #[error("nothing is given, so nothing can be withdrawn")]
    NothingGiven,
    /// Only what has an end that is past can expire.
    #[error("the consent is not due to expire")]
    NotDue,
}

/// What a person agrees to when giving.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Given {
    /// The categories and how finely each, in the catalogue's order.
    pub categories: Vec<(CategoryId, Detail)>,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// The fingerprint of the consent-affecting fields of the notice that was shown: when they change, the consent
    /// no longer counts and the person is asked anew (PIPA 15(2): each change is told).
    pub material: String,
    /// Given by a verified guardian on behalf of a child (PIPA 22-2).
    pub by_guardian: bool,
}

/// One person's consent for one purpose: where it stands and what it covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consent {
    state: ConsentState,
    since: Timestamp,
    given: Option<Given>,
}

impl Consent {
    /// Where the consent stands at `now`. A consent whose end has come counts as expired from that instant on,
    /// whether or not that was written down yet.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> ConsentState {
        match (self.state, self.expires_at()) {
            (ConsentState::Given, Some(end)) if now >= end => ConsentState::Expired,
            (state, _) => state,
        }
    }

    /// The state as last written, whatever the time is.
    #[must_use]
    pub fn written_state(&self) -> ConsentState {
        self.state
    }

    /// When the consent came to stand as it does.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// When it ends by itself, if it is given and does.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.given.as_ref().and_then(|given| given.expires_at)
    }

    /// What was agreed to, if it is in force at `now`.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Option<&Given> {
        match self.state_at(now) {
            ConsentState::Given => self.given.as_ref(),
            _ => None,
        }
    }

    /// Ends what a guardian gave at `end` at the latest: with childhood (PIPA 22-2), which may turn out to be shorter than
    /// it was known to be.
    pub fn guarded_until(&mut self, end: Timestamp) {
        if let Some(given) = self.given.as_mut().filter(|given| given.by_guardian) {
            given.expires_at = Some(given.expires_at.map_or(end, |known| known.min(end)));
        }
    }

    /// The stricter of two consents of one person who was known by two ids: a no, whenever it was said, stands against a
    /// yes; of two agreements, what both cover, as coarsely as either and until the first of them ends; who has not been
    /// asked says nothing. Two agreements to different things are none: the person is to be asked anew.
    #[must_use]
    pub fn strictest(&self, other: &Self, now: Timestamp) -> Self {
        let said = |consent: &Self| consent.state_at(now) != ConsentState::Unknown;
        let (ours, theirs) = match (self.in_force(now), other.in_force(now)) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (None, _) if said(self) => return self.clone(),
            (_, None) if said(other) => return other.clone(),
            (Some(_), None) => return self.clone(),
            (None, _) => return other.clone(),
        };
        let refused = || Self { state: ConsentState::Refused, since: now, given: None };
        if ours.material != theirs.material {
            return refused();
        }
        let both = ours.categories.iter().filter_map(|(category, detail)| {
            let (_, other) = theirs.categories.iter().find(|(known, _)| known == category)?;
            Some((category.clone(), *detail.min(other))).filter(|(_, how)| *how != Detail::None)
        });
        let categories: Vec<_> = both.collect();
        if categories.is_empty() {
            return refused();
        }
        let given = Given {
            categories,
            expires_at: [ours.expires_at, theirs.expires_at].into_iter().flatten().min(),
            material: ours.material.clone(),
            by_guardian: ours.by_guardian && theirs.by_guardian,
        };
        Self { state: ConsentState::Given, since: self.since.max(other.since), given: Some(given) }
    }

    /// Gives, from any state; giving again replaces what was given.
    ///
    /// # Errors
    /// [`Refusal::EndsInThePast`] and [`Refusal::NoCategories`].
    pub fn give(self, given: Given, now: Timestamp) -> Result<Self, Refusal> {
        if given.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::EndsInThePast);
        }
        if given.categories.iter().all(|(_, detail)| *detail == Detail::None) {
            return Err(Refusal::NoCategories);
        }
        Ok(Self { state: ConsentState::Given, since: now, given: Some(given) })
    }

    /// Refuses, from any state. A refusal of what was given ends it, so it never does less than a withdrawal.
    #[must_use]
    pub fn refuse(self, now: Timestamp) -> Self {
        Self { state: ConsentState::Refused, since: now, given: None }
    }

    /// Keeps what is given under the names that it has now; `given` is the same but for names.
    ///
    /// # Errors
    /// [`Refusal::NothingGiven`] when nothing is given.
    pub fn carried(self, given: Given) -> Result<Self, Refusal> {
        match self.state {
            ConsentState::Given => Ok(Self { given: Some(given), ..self }),
            _ => Err(Refusal::NothingGiven),
        }
    }

    /// Takes back what was given, also when its end has come already.
    ///
    /// # Errors
    /// [`Refusal::NothingGiven`] when nothing is given.
    pub fn withdraw(self, now: Timestamp) -> Result<Self, Refusal> {
        match self.state {
            ConsentState::Given | ConsentState::Expired => {
                Ok(Self { state: ConsentState::Withdrawn, since: now, given: None })
            }
            ConsentState::Unknown | ConsentState::Refused | ConsentState::Withdrawn => {
                Err(Refusal::NothingGiven)
            }
        }
    }

    /// Writes down that the end has come. The state then is [`ConsentState::Expired`] for good: a clock that goes
    /// back does not bring the consent back.
    ///
    /// # Errors
    /// [`Refusal::NotDue`] when it is not given or its end is still ahead.
    pub fn expire(self, now: Timestamp) -> Result<Self, Refusal> {
        match (self.state, self.expires_at()) {
            (ConsentState::Given, Some(end)) if now >= end => {
                Ok(Self { state: ConsentState::Expired, since: end, given: None })
            }
            _ => Err(Refusal::NotDue),
        }
    }
}

impl fmt::Display for ConsentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Give { lasts: Option<i64> },
        Refuse,
        Withdraw,
        Expire,
        Wait(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            proptest::option::of(-5i64..50).prop_map(|lasts| Step::Give { lasts }),
            Just(Step::Refuse),
            Just(Step::Withdraw),
            Just(Step::Expire),
            (-20i64..60).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..40)
    }

    fn given(expires_at: Option<Timestamp>) -> Given {
        let activity = CategoryId::parse("activity").unwrap();
        Given {
            categories: vec![(activity, Detail::Fine)],
            expires_at,
            material: "m1".to_owned(),
            by_guardian: false,
        }
    }

    proptest! {
        /// Whatever a person does and whatever the clock does: what is in force was given last, has not ended, and
        /// covers what was named; and once its end was written down, no clock brings it back.
        #[test]
        fn only_what_was_given_last_and_has_not_ended_is_in_force(steps in steps()) {
            let mut consent = Consent::default();
            let mut now = Timestamp::from_millis(1_000);
            // The model: what was given last and not taken back since.
            let mut standing: Option<Option<Timestamp>> = None;
            for step in steps {
                match step {
                    Step::Wait(ms) => now = Timestamp::from_millis(now.millis() + ms),
                    Step::Give { lasts } => {
                        let end = lasts.map(|lasts| Timestamp::from_millis(now.millis() + lasts));
                        match consent.clone().give(given(end), now) {
                            Ok(after) => {
                                prop_assert!(end.is_none_or(|end| end > now));
                                (consent, standing) = (after, Some(end));
                            }
                            Err(refusal) => {
                                prop_assert_eq!(refusal, Refusal::EndsInThePast);
                                prop_assert!(end.is_some_and(|end| end <= now));
                            }
                        }
                    }
                    Step::Refuse => (consent, standing) = (consent.refuse(now), None),
                    Step::Withdraw => match consent.clone().withdraw(now) {
                        Ok(after) => (consent, standing) = (after, None),
                        Err(refusal) => {
                            prop_assert_eq!(refusal, Refusal::NothingGiven);
                            prop_assert!(standing.is_none());
                        }
                    },
                    Step::Expire => {
                        if let Ok(after) = consent.clone().expire(now) {
                            prop_assert!(standing.flatten().is_some_and(|end| end <= now));
                            (consent, standing) = (after, None);
                            let earlier = Timestamp::from_millis(0);
                            prop_assert_eq!(consent.state_at(earlier), ConsentState::Expired);
                        }
                    }
                }
                let alive = standing.is_some_and(|end| end.is_none_or(|end| now < end));
                prop_assert_eq!(consent.in_force(now).is_some(), alive);
                prop_assert_eq!(consent.state_at(now) == ConsentState::Given, alive);
            }
        }
    }

    #[test]
    fn a_consent_that_covers_nothing_is_none() {
        let now = Timestamp::from_millis(0);
        let nothing = Given { categories: Vec::new(), ..given(None) };
        assert_eq!(Consent::default().give(nothing, now), Err(Refusal::NoCategories));
    }

    #[test]
    fn each_method_that_a_caller_can_name_has_its_word() {
        assert_eq!(Method::ALL.map(Method::as_str), Method::NAMES);
    }

    #[test]
    fn an_expired_consent_can_still_be_withdrawn() {
        let (now, end) = (Timestamp::from_millis(0), Timestamp::from_millis(10));
        let consent = Consent::default().give(given(Some(end)), now).unwrap().expire(end).unwrap();
        assert_eq!(consent.withdraw(end).unwrap().written_state(), ConsentState::Withdrawn);
    }
}
