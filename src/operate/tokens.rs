//! Revocation: single tokens by their `jti`, and the tokens of a key that were issued before a moment.
//!
//! Promises: a revoked token opens nothing from the acknowledgement on, whether or not it was seen before, and after a
//! crash too; no token and no `jti` is kept or logged, only a hash of the `jti`; a record goes once the token it
//! stops has ended by itself.
//!
//! A key as a whole is stopped by taking it out of the configuration and reading that anew.

use serde_json::json;

use super::{
    Controls, OperateError, Operator,
    record::{self, Said},
};
use crate::{
    audit::Event,
    auth::{AuthError, Authority, TokenId},
    domain::{Timestamp, hex},
    store::{Batch, Key, Store},
};

const DENIED: &[u8] = b"o/denied/";
const BEFORE: &[u8] = b"o/before/";

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// One token.
    Token {
        /// Which one.
        id: TokenId,
        /// When it ends by itself; `None` if that is not known, so that it is refused for good.
        until: Option<Timestamp>,
    },
    /// Every token of a key that was issued before a moment, or does not say when it was.
    Before {
        /// The key's id.
        kid: String,
        /// The moment.
        before: Timestamp,
    },
}

impl Controls {
    /// Everything that is revoked and has not ended by itself.
    ///
    /// # Errors
    /// When the store fails.
    pub fn revocations(&self) -> Result<Vec<Revocation>, OperateError> {
        let now = self.now();
        let denied = denied(&self.0.store)?.into_iter().filter(|(_, until)| *until > now);
        let denied = denied.map(|(id, until)| Revocation::Token {
            id,
            until: (until != Timestamp::NEVER).then_some(until),
        });
        let before = before(&self.0.store)?.into_iter();
        Ok(denied.chain(before.map(|(kid, before)| Revocation::Before { kid, before })).collect())
    }

    /// Which token `token` is, for revoking it: one that this gateway would accept, but for having been revoked.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn token(&self, token: &str) -> Result<Revocation, AuthError> {
        let (id, until) = self.0.authority.identify_token(token, self.now())?;
        Ok(Revocation::Token { id, until: Some(until) })
    }

    /// Revokes tokens.
    ///
    /// # Errors
    /// When no key has that id, the moment has not come, or the journal does not take it; then nothing was changed.
    pub async fn revoke(&self, by: Operator, what: Revocation) -> Result<(), OperateError> {
        if let Revocation::Before { kid, before } = &what {
            let known = self.0.authority.kids();
            if !known.contains(kid) {
                return Err(OperateError::UnknownKey { known });
            }
            if *before > self.now() {
                return Err(OperateError::NotCome);
            }
        }
        let controls = self.clone();
        let revoked = tokio::spawn(async move { controls.stop(by, what).await });
        revoked.await.unwrap_or(Err(OperateError::Stopping))
    }

    async fn stop(&self, by: Operator, what: Revocation) -> Result<(), OperateError> {
        let _one_at_a_time = self.0.acts.lock().await;
        let (store, authority) = (&self.0.store, &self.0.authority);
        let (outcome, put, body) = match &what {
            Revocation::Token { id, until } => {
                let until = until.unwrap_or(Timestamp::NEVER);
                let put = record::put(store, denied_key(*id), until)?;
                ("token", put, json!({ "token": hex(&id.bytes()) }))
            }
            Revocation::Before { kid, before } => {
                let key = Key::new(&[BEFORE, kid.as_bytes()].concat());
                let body = json!({ "kid": kid, "before_ms": before.millis() });
                ("before", record::put(store, key, *before)?, body)
            }
        };
        let event = Event::OperatorTokenRevoked;
        let said = Said { event, outcome, reason: "operator", recipient: None, body };
        self.write(by, said, Batch { put: vec![put], ..Batch::default() }).await?;
        match what {
            Revocation::Token { id, until } => {
                authority.deny(&[(id, until.unwrap_or(Timestamp::NEVER))]);
            }
            Revocation::Before { kid, before } => authority.refuse_before(&kid, before),
        }
        Ok(())
    }
}

/// Forgets revoked tokens that have ended by themselves. How many there were. Reads and writes the disk.
///
/// # Errors
/// When the store fails or the journal takes no records.
pub fn forget_ended(
    store: &Store,
    authority: &Authority,
    now: Timestamp,
) -> Result<usize, OperateError> {
    let ended = denied(store)?.into_iter().filter(|(_, until)| *until <= now);
    let delete: Vec<Key> = ended.map(|(id, _)| denied_key(id)).collect();
    let count = delete.len();
    if count > 0 {
        store.commit_blocking(Batch { delete, ..Batch::default() })?;
        authority.forget_ended(now);
    }
    Ok(count)
}

/// Refuses what was revoked before the process ended.
pub(super) fn restore(store: &Store, authority: &Authority) -> Result<(), OperateError> {
    authority.deny(&denied(store)?);
    for (kid, before) in before(store)? {
        authority.refuse_before(&kid, before);
    }
    Ok(())
}

fn denied(store: &Store) -> Result<Vec<(TokenId, Timestamp)>, OperateError> {
    let known = record::moments(store, DENIED)?.into_iter();
    known
        .map(|known| {
            let id = known.name.try_into().map_err(|_| OperateError::Newer)?;
            Ok((TokenId::from_bytes(id), known.at))
        })
        .collect()
}

fn before(store: &Store) -> Result<Vec<(String, Timestamp)>, OperateError> {
    let known = record::moments(store, BEFORE)?.into_iter();
    known
        .map(|known| {
            let kid = String::from_utf8(known.name).map_err(|_| OperateError::Newer)?;
            Ok((kid, known.at))
        })
        .collect()
}

fn denied_key(id: TokenId) -> Key {
    Key::new(&[DENIED, id.bytes().as_slice()].concat())
}
