//! Where the next page begins, as a token that its reader cannot change.
//!
//! ```text
//! base64url(u64be place ‖ HMAC-SHA256(K, u64be place ‖ what was asked)[:16])      K = X(K_root, "consentry/cursor/v1")
//! ```
//! A token holds good for the question it was given with, across restarts, and for no other.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::hmac;

use crate::{
    domain::TenantId,
    vault::{Vault, VaultError, mac_with},
};

/// Makes and reads the tokens.
#[derive(Clone)]
pub struct Cursors(hmac::Key);

impl Cursors {
    /// With a key of the vault's.
    ///
    /// # Errors
    /// When the key can be neither read nor made.
    pub fn new(vault: &Vault) -> Result<Self, VaultError> {
        Ok(Self(vault.tenant(&TenantId::standard())?.cursors()))
    }

    /// The token for `place` in the answer to `question`.
    #[must_use]
    pub fn write(&self, place: u64, question: &str) -> String {
        let mut token = place.to_be_bytes().to_vec();
        token.extend(self.tag(place, question));
        BASE64.encode(token)
    }

    /// The place that a token names; nothing if it was changed or belongs to another question.
    #[must_use]
    pub fn read(&self, token: &str, question: &str) -> Option<u64> {
        let token = BASE64.decode(token).ok()?;
        let (place, tag) = token.split_first_chunk::<8>()?;
        let place = u64::from_be_bytes(*place);
        // Whoever guesses learns no more than a place in a log that they may read anyhow.
        (tag == self.tag(place, question)).then_some(place)
    }

    fn tag(&self, place: u64, question: &str) -> [u8; 16] {
        let whole = mac_with(&self.0, &[&place.to_be_bytes(), question.as_bytes()]);
        let mut tag = [0; 16];
        for (to, from) in tag.iter_mut().zip(whole) {
            *to = from;
        }
        tag
    }
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors(…)")
    }
}
