//! Where the next page begins, as a token that its reader cannot change.
//!
//! ```text
//! base64url(places ‖ HMAC-SHA256(K, places ‖ what was asked)[:16])      K = X(K_root, "consentry/cursor/v1")
//! ```
//! Places are numbers as u64be, one for most questions.
//!
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
        self.write_all([place], question)
    }

    /// The place that a token names; nothing if it was changed or belongs to another question.
    #[must_use]
    pub fn read(&self, token: &str, question: &str) -> Option<u64> {
        self.read_all(token, question).map(|[place]| place)
    }

    /// The token for a place that takes several numbers.
    #[must_use]
    pub fn write_all<const N: usize>(&self, places: [u64; N], question: &str) -> String {
        let mut token: Vec<u8> = places.into_iter().flat_map(u64::to_be_bytes).collect();
        let tag = self.tag(&token, question);
        token.extend(tag);
        BASE64.encode(token)
    }

    /// The numbers of a token with as many; nothing if it was changed or belongs to another question.
    #[must_use]
    pub fn read_all<const N: usize>(&self, token: &str, question: &str) -> Option<[u64; N]> {
        let token = BASE64.decode(token).ok()?;
        let (numbers, tag) = token.split_at_checked(N * 8)?;
        let (chunks, []) = numbers.as_chunks::<8>() else { return None };
        let mut places = [0; N];
        for (to, from) in places.iter_mut().zip(chunks) {
            *to = u64::from_be_bytes(*from);
        }
        // Whoever guesses learns no more than a place in a log that they may read anyhow.
        (tag == self.tag(numbers, question)).then_some(places)
    }

    fn tag(&self, places: &[u8], question: &str) -> [u8; 16] {
        let whole = mac_with(&self.0, &[places, question.as_bytes()]);
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
