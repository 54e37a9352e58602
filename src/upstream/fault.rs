//! What can go wrong on the way to a model, as the caller needs to know it: above all, whether anything left.

/// A call to a model that brought no answer. No variant holds anything that the model said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFault {
    /// The deadline passed after bytes were written.
    #[error("waiting for the model's answer past the deadline")]
    Timeout,
    /// No connection could be opened. Nothing was written.
    #[error("connecting to the model")]
    Connect,
    /// The connection broke, or what came over it was no HTTP, after bytes were written.
    #[error("reading the model's answer from a broken connection")]
    Closed,
    /// The model answered with a status that is no success; a redirect is one of those.
    #[error("the model answered with status {0}")]
    Status(u16),
    /// The answer was larger than the limit.
    #[error("reading an answer larger than the limit")]
    TooLarge,
    /// The model cannot make sense of the call, or its answer holds no list of items.
    #[error("the model's answer holds no list of items")]
    Nonsense,
    /// The person's gate closed before any byte was written.
    #[error("the person's gate closed before anything was written")]
    Revoked,
    /// The person's gate closed while the bytes were being written: the connection was closed, but a part of the
    /// call may have arrived.
    #[error("the person's gate closed while the call was being written")]
    Cut,
    /// The recipient is switched off. Nothing was written.
    #[error("the recipient is switched off")]
    Off,
    /// The recipient was switched off while the call was under way: a part of it may have arrived, and its answer is
    /// not heard.
    #[error("the recipient was switched off while the call was under way")]
    OffMeanwhile,
    /// Nothing was written, for this reason.
    #[error("nothing was sent")]
    NotSent(#[source] Unsent),
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The deadline passed before a connection was ready.
    #[error("waiting for a connection past the deadline")]
    Timeout,
    /// The connection broke before it took a byte.
    #[error("writing to a broken connection")]
    Closed,
    /// The call cannot be written as HTTP: its path is no path.
    #[error("writing the call as HTTP")]
    Malformed,
    /// As many calls as may be are under way.
    #[error("too many calls to the model are under way")]
    Busy,
    /// The model has not answered lately and is left alone for a while.
    #[error("the model has not answered lately and is left alone")]
    Open,
}

impl UpstreamFault {
    /// Whether any byte of the call may have reached the model. When not, its log entry is void.
    #[must_use]
    pub fn sent(&self) -> bool {
        !matches!(self, Self::Connect | Self::Revoked | Self::Off | Self::NotSent(_))
    }

    /// The stable word for this fault in answers, metrics and the log.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout | Self::NotSent(Unsent::Timeout) => "model_timeout",
            Self::Connect => "model_unreachable",
            Self::Closed | Self::NotSent(Unsent::Closed) => "model_closed",
            Self::Status(_) => "model_status",
            Self::TooLarge => "model_too_large",
            Self::Nonsense => "model_nonsense",
            Self::Revoked | Self::Cut => "revoked",
            Self::Off | Self::OffMeanwhile => "recipient_off",
            Self::NotSent(Unsent::Malformed) => "model_malformed_call",
            Self::NotSent(Unsent::Busy) => "model_busy",
            Self::NotSent(Unsent::Open) => "model_open",
        }
    }

    /// Whether the same call may fare better at once: the model was not there, went away before it answered, or says
    /// itself that the fault will pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::Connect | Self::Closed | Self::NotSent(Unsent::Closed) | Self::Status(502..=504)
        )
    }
}

impl From<super::answer::Nonsense> for UpstreamFault {
    fn from(_: super::answer::Nonsense) -> Self {
        Self::Nonsense
    }
}
