//! Forgetting a part: what is held of a span of a person's time, or of what they want forgotten by its age.
//!
//! Promises: when a forgetting is told, nothing held lies in its span, from calls in flight neither, in no life that a reset
//! left behind either; models inside this process are told anew what is left. A recipient outside cannot delete a part: it
//! is left as it is, or is asked to delete everything, as the person chose.

use std::{collections::BTreeSet, ops::Range};

use serde::{Deserialize, Serialize};

use super::{
    Gateway, GatewayError,
    retell::{ToldEvents, thinned},
    taste::Taste,
};
use crate::{
    audit::AuditError,
    consent::{ConsentError, Forgetting, Forgot, Held, Own, Person, Shelf},
    domain::{PurposeId, RecipientId, Sid, Timestamp},
    retry::Attempt,
    store::{Batch, CommitError, Expect},
    vault::{Handle, SubjectKey},
};

/// How often what came into the span meanwhile is looked for again.
const LOOKS: usize = 8;

/// A span of a person's time.
#[derive(Clone, Debug)]
pub struct Span {
    /// From its start on and before its end.
    pub time: Range<Timestamp>,
    /// For which purpose; for all if absent.
    pub purpose: Option<PurposeId>,
}

/// What is done at recipients that cannot delete a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtRecipients {
    /// They keep what they were told.
    Keep,
    /// They are asked to delete everything, and see another pseudonym from now on.
    Reset,
}

/// What went of what is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Went {
    /// Records of meetings, each of one call and day.
    pub meetings: usize,
    /// Days of tastes.
    pub taste_days: usize,
    /// Whether tastes went that an older program kept without their days.
    pub undated_tastes: bool,
    /// Events that models inside this process were told.
    pub told_events: usize,
}

/// What became of what one recipient was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is forgotten: the model lives inside the gateway.
    Forgotten,
    /// It is kept: the recipient cannot delete a part.
    Kept,
    /// The recipient is asked to delete everything.
    Reset,
}

/// What came of a forgetting.
#[derive(Clone, Debug)]
pub struct Forgotten {
    /// What went of what is held.
    pub held: Went,
    /// What became of it at each recipient that serves the purposes.
    pub recipients: Vec<(RecipientId, Became)>,
}

impl Gateway {
    /// Forgets what is held on the person under `handle` of `span`.
    ///
    /// # Errors
    /// When nobody is known by the handle, a record does not open, or the journal does not take it.
    pub async fn forget(
        &self,
        handle: Handle,
        span: Span,
        at: AtRecipients,
        attempt: Option<Attempt>,
    ) -> Result<Own<Forgotten>, GatewayError> {
        let outside: Vec<RecipientId> = self.serving_any(&span, false).collect();
        let inside: Vec<RecipientId> = self.serving_any(&span, true).collect();
        let anew = if at == AtRecipients::Reset { outside.clone() } else { Vec::new() };
        let Range { start: from, end: to } = span.time;
        let forgetting = Forgetting { from, to, purpose: span.purpose.clone(), anew };
        let (gateway, of) = (self.clone(), span.clone());
        let edits = move |key: &SubjectKey, _: &_| gateway.thin(key, &of);
        let own = self.ledger.forget(handle, forgetting, attempt, edits).await?;
        // From here on no call writes on the standing of before. What it wrote while the records were read goes now, for a
        // call that is told of an earlier one too.
        if let Some(person) = self.ledger.person(handle).await? {
            let more = self.forget_rest(&person, &span).await?;
            if more || own.what.held.told_events > 0 {
                self.refill(&person).await?;
            }
        }
        let Own { epoch, place, what: Forgot { held, anew } } = own;
        let mut recipients: Vec<_> = inside.into_iter().map(|id| (id, Became::Forgotten)).collect();
        recipients.extend(outside.into_iter().map(|id| {
            let became = if anew.contains(&id) { Became::Reset } else { Became::Kept };
            (id, became)
        }));
        Ok(Own { epoch, place, what: Forgotten { held, recipients } })
    }

    /// Removes what people want forgotten by its age. How many people that was. Reads every key of what is held.
    ///
    /// # Errors
    /// When the store fails, a record does not open, or the journal does not take it.
    pub async fn forget_aged(&self) -> Result<usize, GatewayError> {
        let gateway = self.clone();
        let found = tokio::task::spawn_blocking(move || gateway.with_a_rule_of_age());
        let people = found.await.unwrap_or(Err(GatewayError::Unavailable))?;
        let mut forgotten = 0;
        for person in people {
            let Some(before) = person.standing.rules.forgets_before(self.clock.now()) else {
                continue;
            };
            let time = Timestamp::from_millis(i64::MIN)..before;
            if self.forget_rest(&person, &Span { time, purpose: None }).await? {
                self.refill(&person).await?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    fn with_a_rule_of_age(&self) -> Result<Vec<Person>, GatewayError> {
        let (mut seen, mut people): (Option<Sid>, Vec<Person>) = (None, Vec::new());
        for found in self.store.scan(b"d/") {
            let (key, _) = found?;
            let Some(Held { sid, .. }) = Held::read(&key).filter(|held| Some(held.sid) != seen)
            else {
                continue;
            };
            seen = Some(sid);
            let person = self.ledger.by_sid(sid)?;
            people
                .extend(person.filter(|person| person.standing.rules.forget_after_days.is_some()));
        }
        Ok(people)
    }

    /// Forgets what is held of `span` without an act, until nothing is. Whether anything was.
    async fn forget_rest(&self, person: &Person, span: &Span) -> Result<bool, GatewayError> {
        let mut any = false;
        for _ in 0..LOOKS {
            let (gateway, key, of) = (self.clone(), person.key.clone(), span.clone());
            let thinned = tokio::task::spawn_blocking(move || gateway.thin(&key, &of)).await;
            let (mut batch, _) = thinned.unwrap_or(Err(ConsentError::Stopping))?;
            if batch.put.is_empty() && batch.delete.is_empty() {
                return Ok(any);
            }
            any = true;
            let purposes = touched(&batch);
            // Nothing is written once the person is erased.
            let Some(epoch) = self.store.epoch(person.key.sid()) else { return Ok(any) };
            batch.expect.push(Expect::Epoch { sid: person.key.sid(), epoch });
            match self.store.commit(batch).await {
                Ok(_) | Err(CommitError::Conflict) => {}
                Err(error) => return Err(AuditError::from(error).into()),
            }
            for purpose in purposes {
                self.taste_changed(person.key.sid(), &purpose);
            }
        }
        Err(ConsentError::Contended.into())
    }

    /// What is left of the person's records without what lies in `span`, as a batch, and what went. Reads the disk.
    fn thin(&self, key: &SubjectKey, span: &Span) -> Result<(Batch, Went), ConsentError> {
        let (mut batch, mut went) = (Batch::default(), Went::default());
        for found in self.store.scan(&[b"d/".as_slice(), &key.sid().0, b"/"].concat()) {
            let (at, record) = found?;
            let Some(held) = Held::read(&at).filter(|held| span.is_about(held)) else { continue };
            let version = Some(record.version);
            match held.shelf {
                Shelf::Met if span.time.contains(&held.at) => {
                    went.meetings += 1;
                    batch.delete.push(at);
                }
                Shelf::Met => {}
                Shelf::Told => {
                    let ToldEvents(body) = key.open(&at, &record)?;
                    let (left, events) = thinned(body, held.at, |at| span.time.contains(&at));
                    went.told_events += events;
                    match events {
                        0 => {}
                        _ if left.is_empty() => batch.delete.push(at),
                        _ => batch.put.push(key.seal(
                            &self.entropy,
                            at,
                            version,
                            &ToldEvents(left),
                        )?),
                    }
                }
                Shelf::Taste => {
                    let mut taste: Taste = key.open(&at, &record)?;
                    let gone = taste.forget(&span.time);
                    went.taste_days += gone.days;
                    went.undated_tastes |= gone.undated;
                    if gone.days > 0 || gone.undated {
                        if taste.is_empty() {
                            batch.delete.push(at);
                        } else {
                            batch.put.push(key.seal(&self.entropy, at, version, &taste)?);
                        }
                    }
                }
            }
        }
        Ok((batch, went))
    }

    /// The recipients that serve a purpose of `span`, inside this process or outside.
    fn serving_any<'a>(
        &'a self,
        span: &'a Span,
        kept_here: bool,
    ) -> impl Iterator<Item = RecipientId> + 'a {
        let serves = move |purposes: &[PurposeId]| {
            span.purpose.as_ref().is_none_or(|purpose| purposes.contains(purpose))
        };
        let models = self.models.iter().filter(move |serving| serving.kept_here == kept_here);
        let models = models.filter(move |serving| serves(&serving.purposes));
        models.map(|serving| serving.model.recipient().id.clone())
    }
}

impl Span {
    fn is_about(&self, held: &Held<'_>) -> bool {
        self.purpose.as_ref().is_none_or(|purpose| purpose.as_str() == held.purpose)
    }
}

/// The purposes whose records a batch changes.
fn touched(batch: &Batch) -> BTreeSet<PurposeId> {
    let keys = batch.put.iter().map(|put| &put.key).chain(&batch.delete);
    let names = keys.filter_map(Held::read).map(|held| held.purpose);
    names.filter_map(|name| PurposeId::parse(name).ok()).collect()
}
