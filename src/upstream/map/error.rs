//! What is wrong with a mapping, in words that say what to change.

use super::Operation;

/// Why a mapping cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMap {
    /// An operation is neither mapped nor said to be missing.
    #[error(
        "[upstream.map] says nothing of {0}: add [upstream.map.{0}], or list it under `without` if the model cannot do it"
    )]
    Unsaid(Operation),
    /// An operation is mapped and said to be missing.
    #[error("[upstream.map.{0}] is mapped and listed under `without`: remove one of the two")]
    Both(Operation),
    /// `without` names what a model must be able to do.
    #[error("[upstream.map] without: {0} cannot be left out")]
    NotOptional(Operation),
    /// A placeholder has no meaning here.
    #[error(
        "[upstream.map.{operation}] has no placeholder {{{placeholder}}}; known are {known}. To send these braces as they are, double them"
    )]
    UnknownPlaceholder {
        /// Where.
        operation: Operation,
        /// What it says.
        placeholder: String,
        /// What it could say.
        known: String,
    },
    /// A placeholder that the operation makes no sense without.
    #[error("[upstream.map.{operation}] has no place for {{{placeholder}}}")]
    Lacks {
        /// Where.
        operation: Operation,
        /// What is missing.
        placeholder: &'static str,
    },
    /// A list or an object inside a text, the path or the query.
    #[error(
        "[upstream.map.{operation}]: {{{placeholder}}} is no text; make it the whole value of a member of the body"
    )]
    NotText {
        /// Where.
        operation: Operation,
        /// Which.
        placeholder: String,
    },
    /// A value that can be missing, where it cannot be left out.
    #[error(
        "[upstream.map.{operation}]: {{{placeholder}}} may have no value and cannot be left out there; give it one, such as {{{placeholder}|null}}"
    )]
    NeedsDefault {
        /// Where.
        operation: Operation,
        /// Which.
        placeholder: String,
    },
    /// No path.
    #[error(
        "[upstream.map.{0}] path must begin with / and hold no space, ? or #; parameters stand under `query`"
    )]
    Path(Operation),
    /// No method that is known.
    #[error("[upstream.map.{0}] method must be GET, POST, PUT, PATCH or DELETE")]
    Method(Operation),
    /// A GET with a body.
    #[error("[upstream.map.{0}]: a GET has no body; set `method`, or use `query`")]
    GetBody(Operation),
    /// A body that is no JSON.
    #[error("[upstream.map.{operation}] {key} is no JSON: {reason}")]
    NotJson {
        /// Where.
        operation: Operation,
        /// Which setting.
        key: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// A setting that means nothing for this operation.
    #[error("[upstream.map.{operation}] {key} means nothing there")]
    Misplaced {
        /// Where.
        operation: Operation,
        /// Which setting.
        key: &'static str,
    },
    /// No JSON pointer.
    #[error("{0} must be a JSON pointer: empty, or beginning with / (RFC 6901)")]
    Pointer(&'static str),
}
