//! What an operator says to a request: an answer, a refusal, or that it takes longer.

use serde_json::Value;

use super::{
    Docket, Filed, Note, RefusalReason, RequestError, RequestId, RequestState, Told,
    ask::note_at,
    deed::on_completion,
    file::{Before, Step},
    rows::noted,
};
use crate::{
    audit::Event,
    consent::Demand,
    rights::{
        Right, Rights, RightsError,
        clock::{ClockError, Deadline, ExtensionReason, Matter},
    },
};

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Why it is refused; `None` if what was asked for is done.
    pub refused: Option<RefusalReason>,
    /// What the person is told.
    pub text: Option<String>,
    /// Who answers, as the log's bodies name them.
    pub by: String,
}

/// An extension.
#[derive(Clone, Debug)]
pub struct Extended {
    /// Why.
    pub reason: ExtensionReason,
    /// The new last day, where the law names no length.
    pub until: Option<jiff::civil::Date>,
    /// What the person is told.
    pub text: Option<String>,
    /// Who extends, as the log's bodies name them.
    pub by: String,
}

/// A request in the operator's queue.
pub type Queued = Told;

type Rows = Vec<(Event, &'static str, Value)>;

impl Rights {
    /// Answers a request: completes or refuses it. A completion does what waited for the operator's check; of an erasure it is
    /// no more than a word to go on with it.
    ///
    /// # Errors
    /// When there is no such request or it is closed, or one is to be completed that nobody confirmed; when the journal does
    /// not take it.
    pub async fn answer_request(
        &self,
        id: RequestId,
        answered: &Answered,
    ) -> Result<Docket, RightsError> {
        let found = self.found(id).await?;
        let now = self.clock.now();
        let docket = match answered.refused {
            Some(reason) => {
                self.is_not_erasing(&found.docket)?;
                found.docket.refused(now, reason)?
            }
            None => {
                let docket = found.docket.clone().completed(now)?;
                if let Some(erased) = self.erased_for(&found.docket).await? {
                    return Ok(erased);
                }
                docket
            }
        };
        let what = docket.state.as_str();
        let note = Note {
            reason: answered.refused.map(|reason| reason.as_str().to_owned()),
            text: answered.text.clone(),
            ..note_at(now, what)
        };
        let rows = vec![(Event::RightsAnswered, what, with(noted(&note), &answered.by))];
        let completes = answered.refused.is_none();
        let demand = move |right, filed: &Filed| {
            if completes { on_completion(right, filed) } else { Demand::Nothing }
        };
        Ok(self.close(docket, (note, rows, demand), found.before).await?.docket)
    }

    /// Puts a request off, as far as its law lets it be, and tells the person why.
    ///
    /// # Errors
    /// When there is no such request or it is closed, or the law gives no such extension; when the journal does not take it.
    pub async fn extend_request(
        &self,
        id: RequestId,
        extended: &Extended,
    ) -> Result<Docket, RightsError> {
        let found = self.found(id).await?;
        let now = self.clock.now();
        if found.docket.is_overdue(now) {
            // A time that has run out is not made longer afterwards.
            return Err(RequestError::Clock(ClockError::NoExtension).into());
        }
        let due = self.put_off(&found.docket, extended)?;
        let docket = found.docket.extended(&due)?;
        let note = Note {
            reason: Some(extended.reason.as_str().to_owned()),
            text: extended.text.clone(),
            ..note_at(now, "extended")
        };
        let rows = vec![(Event::RightsExtended, "extended", with(noted(&note), &extended.by))];
        let nothing = |_: Right, _: &Filed| Demand::Nothing;
        Ok(self.close(docket, (note, rows, nothing), found.before).await?.docket)
    }

    fn put_off(&self, docket: &Docket, extended: &Extended) -> Result<Deadline, RequestError> {
        let law = self.laws.law(Some(&docket.law))?;
        let matter = Matter::Right(docket.right);
        let used = usize::from(docket.extensions);
        let given = law.extensions(matter).get(used).ok_or(ClockError::NoExtension)?;
        if !given.is_for(extended.reason) {
            return Err(ClockError::NoExtension.into());
        }
        match extended.until {
            Some(day) if given.is_open() => Ok(law.at_end_of(day)?),
            None if given.is_open() => Err(RequestError::DayMissing),
            Some(_) => Err(ClockError::NoExtension.into()),
            None => Ok(law.due(matter, docket.received_at, used + 1)?),
        }
    }

    /// Writes `docket` with a note for the person who filed it, if they are still known.
    pub(super) async fn close(
        &self,
        docket: Docket,
        (note, rows, demand): (Note, Rows, impl Fn(Right, &Filed) -> Demand),
        mut before: Before,
    ) -> Result<Told, RightsError> {
        let id = docket.id;
        let found = self.off_the_worker(move |rights| {
            let Some(sid) = rights.filed_by(id)? else { return Ok(None) };
            let Some(person) = rights.ledger.by_sid(sid)? else { return Ok(None) };
            Ok(rights.filed(&person.key, id)?.map(|filed| (sid, filed)))
        });
        let mut step = Step { docket, filed: None, rows, demand: Demand::Nothing };
        let mut sid = None;
        if let Some((whose, (mut filed, version))) = found.await? {
            step.demand = demand(step.docket.right, &filed);
            filed.notes.push(note);
            (step.filed, before.filed, sid) = (Some(filed), Some(version), Some(whose));
        }
        self.write(sid, &step, &before, None).await?;
        Ok(Told { docket: step.docket, filed: step.filed })
    }

    /// A request of the queue with what was said. Whoever shows it to anybody writes down before that they did.
    ///
    /// # Errors
    /// When there is no such request, or the store fails.
    pub async fn open_request(&self, id: RequestId) -> Result<Queued, RightsError> {
        self.off_the_worker(move |rights| {
            let found = rights.docket(id)?.ok_or(RequestError::Unknown)?;
            let person = match rights.filed_by(id)? {
                Some(sid) => rights.ledger.by_sid(sid)?,
                None => None,
            };
            let filed = match person {
                Some(person) => rights.filed(&person.key, id)?.map(|(filed, _)| filed),
                None => None,
            };
            Ok(Told { docket: found.docket, filed })
        })
        .await
    }

    /// How a request stands, for whoever may see the queue.
    ///
    /// # Errors
    /// When there is no such request, or the store fails.
    pub async fn request_state(&self, id: RequestId) -> Result<RequestState, RightsError> {
        Ok(self.found(id).await?.docket.state)
    }
}

fn with(mut body: Value, by: &str) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.insert("answered_by".to_owned(), by.into());
    }
    body
}
