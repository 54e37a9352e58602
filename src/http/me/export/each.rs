//! Members of a document that are read while they are written, so that no list of them is ever held.

use std::{fmt, io};

use serde::{Serialize, Serializer, ser::Error as _, ser::SerializeSeq as _};

use crate::{consent::ConsentError, gateway::GatewayError, rights::RightsError};

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// A record or a row could not be read.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// What is held could not be read.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// An act could not be read.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// It could not be written, most often because nobody reads any more.
    #[error("writing an export")]
    Write(#[from] io::Error),
}

impl From<serde_json::Error> for Broken {
    fn from(error: serde_json::Error) -> Self {
        Self::Write(error.into())
    }
}

impl From<csv::Error> for Broken {
    fn from(error: csv::Error) -> Self {
        Self::Write(io::Error::other(error))
    }
}

/// What takes the elements of a list one by one.
pub(super) type Take<'t, T> = &'t mut dyn FnMut(T) -> Result<(), Broken>;

/// What shows the elements of a list.
type Read<'a, T> = dyn Fn(Take<'_, T>) -> Result<(), Broken> + 'a;

/// A list whose elements are read anew each time it is written.
pub(super) struct Each<'a, T>(Box<Read<'a, T>>);

impl<'a, T> Each<'a, T> {
    /// The list of what `read` shows.
    pub(super) fn of(read: impl Fn(Take<'_, T>) -> Result<(), Broken> + 'a) -> Self {
        Self(Box::new(read))
    }

    /// Shows the elements.
    pub(super) fn each(&self, mut take: impl FnMut(T) -> Result<(), Broken>) -> Result<(), Broken> {
        (self.0)(&mut take)
    }
}

impl<T: Serialize> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut list, mut refused) = (serializer.serialize_seq(None)?, None);
        let read = self.each(|element| {
            list.serialize_element(&element).map_err(|error| {
                refused = Some(error);
                Broken::Write(io::ErrorKind::BrokenPipe.into())
            })
        });
        match (refused, read) {
            (Some(refused), _) => Err(refused),
            (None, Err(error)) => Err(S::Error::custom(error)),
            (None, Ok(())) => list.end(),
        }
    }
}

/// A value that is looked up when it is written.
pub(super) struct Late<'a>(pub(super) Box<dyn Fn() -> bool + 'a>);

impl Serialize for Late<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool((self.0)())
    }
}

impl<T> fmt::Debug for Each<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Each(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_breaks_off_is_no_json() {
        let whole = Each::of(|take| (1..4).try_for_each(take));
        assert_eq!(serde_json::to_string(&whole).unwrap(), "[1,2,3]");
        let broken = Each::of(|take| {
            take(1)?;
            Err(io::Error::other("the disk").into())
        });
        let mut written = Vec::new();
        assert!(serde_json::to_writer(&mut written, &broken).is_err());
        assert_eq!(written, b"[1", "what was read before stands there, and no end");
    }
}
