//! What is sent to `POST <witness>/add-checkpoint`, and what comes back (C2SP tlog-witness 1.0.0).
//!
//! ```text
//! old <size of the checkpoint cosigned before>
//! <base64(hash)>                                 the consistency proof, one a line, 63 at most
//!
//! <signed checkpoint>
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::tlog::Hash;

/// The most hashes of a consistency proof: a tree has no more levels.
pub const MOST_HASHES: usize = 63;

/// The media type of an answer that tells a size.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

const TEXT: &str = "text/plain; charset=utf-8";

/// What is asked of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The size of the checkpoint that the witness cosigned last, as far as who asks knows.
    pub old: u64,
    /// The proof that the tree of that size is the beginning of the one in the checkpoint.
    pub proof: Vec<Hash>,
    /// The signed checkpoint. Whether it is one is not looked at here.
    pub checkpoint: String,
}

/// Why a body is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no text.
    #[error("the body is not UTF-8")]
    Text,
    /// The first line is another.
    #[error("the first line must be `old`, a space and a size without leading zeros")]
    Old,
    /// A line of the proof is no hash.
    #[error("a line of the proof is not 32 bytes in base64")]
    Hash,
    /// The proof is too long.
    #[error("the proof has more than 63 lines")]
    Long,
    /// There is no empty line.
    #[error("an empty line must stand between proof and checkpoint")]
    Parted,
    /// What follows is no signed checkpoint.
    #[error("what follows the empty line is no signed checkpoint")]
    Checkpoint,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed::Text)?;
        let (first, mut rest) = text.split_once('\n').ok_or(Malformed::Old)?;
        let old = first.strip_prefix("old ").and_then(plain).ok_or(Malformed::Old)?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(Malformed::Parted)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MOST_HASHES {
                return Err(Malformed::Long);
            }
            let hash = BASE64.decode(line).ok().and_then(|hash| hash.try_into().ok());
            proof.push(hash.ok_or(Malformed::Hash)?);
        }
        Ok(Self { old, proof, checkpoint: rest.to_owned() })
    }
}

/// A number as it is written: without sign and without leading zeros.
pub(super) fn plain(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It cosigned: its signature's line.
    Cosigned(String),
    /// The body is no request.
    Malformed(Malformed),
    /// The old size is above that of the checkpoint.
    Backwards,
    /// It does not follow this log.
    Unknown,
    /// The log did not sign.
    Unsigned,
    /// It cosigned another size last: this one.
    Elsewhere(u64),
    /// It cosigned this size with another root.
    Forked,
    /// The proof does not lead from what it cosigned to this checkpoint.
    Unproven,
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Malformed(_) | Self::Backwards => 400,
            Self::Unsigned => 403,
            Self::Unknown => 404,
            Self::Elsewhere(_) | Self::Forked => 409,
            Self::Unproven => 422,
        }
    }

    /// The media type of [`Answer::body`].
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Elsewhere(_) => SIZE_TYPE,
            _ => TEXT,
        }
    }

    /// What is said.
    #[must_use]
    pub fn body(&self) -> String {
        let said = match self {
            Self::Cosigned(line) => return line.clone(),
            Self::Elsewhere(size) => return format!("{size}\n"),
            Self::Malformed(why) => return format!("{why}\n"),
            Self::Backwards => "the old size is above the checkpoint's",
            Self::Unknown => "this witness does not follow the log of this origin",
            Self::Unsigned => "the key of this log did not sign the checkpoint",
            Self::Forked => "a checkpoint of this size with another root was cosigned before",
            Self::Unproven => {
                "the proof does not lead from the tree that was cosigned before to this one"
            }
        };
        format!("{said}\n")
    }

    /// A word for a log line.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cosigned(_) => "cosigned",
            Self::Malformed(_) => "malformed",
            Self::Backwards => "backwards",
            Self::Unknown => "unknown_log",
            Self::Unsigned => "unsigned",
            Self::Elsewhere(_) => "elsewhere",
            Self::Forked => "forked",
            Self::Unproven => "unproven",
        }
    }
}
