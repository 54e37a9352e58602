//! The certificate of an erasure: the person's last row, opened, and each recipient's answer, for who has neither the
//! gateway nor a key of its.
//!
//! Promises: whoever holds it and the log's public key can tell that the log says, under a signed checkpoint, that this
//! erasure was done, what went, who had to delete what, and what each recipient that is not pending answered. It holds no
//! id, no pseudonym and nothing that opens another row.
//!
//! What is pending is only said, not proven: the same certificate, asked for later, tells of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Event, NotOpened, OpenedRow};
use crate::tlog::{Checkpoint, VerifierKey};

/// What a certificate begins with.
const TYPE: &str = "consentry-erasure-certificate/v1";

/// A certificate of an erasure, as it is handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// `consentry-erasure-certificate/v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub certificate: String,
    /// The row that says that the person's key is destroyed.
    pub row: OpenedRow,
    /// What each recipient answered, in the order of what the row says they owe.
    pub recipients: Vec<Answered>,
}

/// What one recipient answered about one pseudonym.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Who.
    pub recipient: String,
    /// In which pseudonymisation domain.
    pub domain: String,
    /// Which of the person's pseudonyms there, from 0.
    pub generation: u32,
    /// `pending`, `confirmed`, `unsupported` or `unanswered`.
    pub state: String,
    /// The row that says so; none while it is pending.
    pub row: Option<OpenedRow>,
}

/// What a recipient owed, as the row's body says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Who.
    pub recipient: String,
    /// In which pseudonymisation domain.
    pub domain: String,
    /// Which of the person's pseudonyms there, from 0.
    pub generation: u32,
    /// For a model inside the gateway: by when it is trained without the person, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrained_by_ms: Option<i64>,
}

/// What a certificate was found to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The checkpoint under which the person's last row stands.
    pub checkpoint: Checkpoint,
    /// When they were erased, in Unix milliseconds.
    pub erased_ms: i64,
    /// From when on no copy of a key opens anything, in Unix milliseconds.
    pub final_by_ms: i64,
    /// How many rows of the log were theirs.
    pub rows: u64,
    /// Whether the person asked not to come back by themselves.
    pub suppressed: bool,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Amiss {
    /// It is none of this form.
    #[error("`type` is not {TYPE}")]
    Type,
    /// The person's row is not what it is said to be.
    #[error("`row`: {0}")]
    Row(NotOpened),
    /// The person's row says something else, or has no body or proof.
    #[error("`row`: {0}")]
    Erased(&'static str),
    /// A recipient's answer is not what it is said to be.
    #[error("`recipients[{0}].row`: {1}")]
    RecipientRow(usize, NotOpened),
    /// A recipient's answer says something else.
    #[error("`recipients[{0}]`: {1}")]
    Recipient(usize, &'static str),
    /// The recipients are others than the row says.
    #[error("`recipients` are not those that the row names")]
    Recipients,
}

/// The body of the person's last row, as far as a certificate rests on it.
#[derive(Deserialize)]
struct Said {
    id: String,
    t_ms: i64,
    final_by_ms: i64,
    suppressed: bool,
    recipients: Vec<Owed>,
}

/// The body of a recipient's row, as far as a certificate rests on it.
#[derive(Deserialize)]
struct SaidOfRecipient {
    certificate: String,
    domain: String,
    generation: u32,
}

impl Certificate {
    /// The certificate of these parts.
    #[must_use]
    pub fn new(certificate: String, row: OpenedRow, recipients: Vec<Answered>) -> Self {
        Self { kind: TYPE.to_owned(), certificate, row, recipients }
    }

    /// Checks all of it: rows, proofs, and that every part says the same. Of `keys`, the ones that bear the logs' names
    /// must have signed.
    ///
    /// # Errors
    /// What is wrong first, and where.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Certified, Amiss> {
        if self.kind != TYPE {
            return Err(Amiss::Type);
        }
        let shown = self.row.check(keys).map_err(Amiss::Row)?;
        let checkpoint =
            shown.checkpoint.ok_or(Amiss::Erased("it stands under no checkpoint yet"))?;
        let row = self.row.row().map_err(|error| Amiss::Row(error.into()))?;
        if row.event != Event::SubjectErased.as_str() || row.key.is_none() {
            return Err(Amiss::Erased("it does not tell of an erasure"));
        }
        let none = Amiss::Erased("its body is not that of an erasure");
        let body = self.row.body.as_deref().ok_or(none.clone())?;
        let said: Said = serde_json::from_str(body).map_err(|_| none.clone())?;
        if said.id != self.certificate {
            return Err(Amiss::Erased("it is of another certificate"));
        }
        if said.t_ms.div_euclid(60_000) * 60 != row.minute {
            return Err(Amiss::Erased("row and body say different times"));
        }
        self.check_recipients(&said, keys)?;
        Ok(Certified {
            checkpoint,
            erased_ms: said.t_ms,
            final_by_ms: said.final_by_ms,
            rows: row.rows.ok_or(none)?,
            suppressed: said.suppressed,
        })
    }

    fn check_recipients(&self, said: &Said, keys: &[VerifierKey]) -> Result<(), Amiss> {
        let same = |(owed, answered): (&Owed, &Answered)| {
            (&owed.recipient, &owed.domain, owed.generation)
                == (&answered.recipient, &answered.domain, answered.generation)
        };
        let pairs = || said.recipients.iter().zip(&self.recipients);
        if said.recipients.len() != self.recipients.len() || !pairs().all(same) {
            return Err(Amiss::Recipients);
        }
        let mut places = BTreeSet::new();
        for (number, answered) in self.recipients.iter().enumerate() {
            self.check_answer(number, answered, keys)?;
            let twice = Amiss::Recipient(number, "its row is another one's too");
            if let Some(row) = &answered.row
                && !places.insert((&row.origin, row.index))
            {
                return Err(twice);
            }
        }
        Ok(())
    }

    fn check_answer(
        &self,
        number: usize,
        answered: &Answered,
        keys: &[VerifierKey],
    ) -> Result<(), Amiss> {
        let wrong = |what| Amiss::Recipient(number, what);
        let opened = match (answered.state.as_str(), &answered.row) {
            ("pending", None) => return Ok(()),
            ("confirmed" | "unsupported" | "unanswered", Some(row)) => row,
            ("pending", Some(_)) => return Err(wrong("it is pending and has a row")),
            ("confirmed" | "unsupported" | "unanswered", None) => {
                return Err(wrong("no row says what it answered"));
            }
            _ => return Err(wrong("`state` is none that there is")),
        };
        let not_opened = |error| Amiss::RecipientRow(number, error);
        let shown = opened.check(keys).map_err(not_opened)?;
        shown.checkpoint.ok_or(wrong("its row stands under no checkpoint yet"))?;
        let row = opened.row().map_err(|error| not_opened(error.into()))?;
        let tells = row.event == Event::ErasureRecipient.as_str()
            && row.outcome == answered.state
            && row.recipient == answered.recipient;
        let said = opened.body.as_deref().map(serde_json::from_str::<SaidOfRecipient>);
        let agrees = said.and_then(Result::ok).is_some_and(|said| {
            said.certificate == self.certificate
                && said.domain == answered.domain
                && said.generation == answered.generation
        });
        if tells && agrees { Ok(()) } else { Err(wrong("its row says something else")) }
    }
}
