//! The few primitives that the key hierarchy is built from, all of `ring`.
//!
//! `X(K, info)` is HKDF-Expand with SHA-256 and 32 bytes (RFC 5869 section 2.3): keys here are uniform already, so
//! there is nothing to extract. `lp(x)` puts a length before a part, so that no two lists of parts read the same.

use ring::{aead, hkdf, hmac};
use zeroize::Zeroizing;

use super::VaultError;

/// 32 secret bytes, overwritten when dropped.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// `X(key, info)`: the key for one use, `info` being the concatenation of its parts.
pub(crate) fn expand(key: &[u8; 32], info: &[&[u8]]) -> Secret {
    let mut out = Zeroizing::new([0; 32]);
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key);
    let filled = prk.expand(info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(out.as_mut_slice()));
    // `expand` refuses more than 255 blocks and `fill` a length other than the one asked for: one block, 32 bytes.
    debug_assert!(filled.is_ok());
    out
}

/// HMAC-SHA256 of the concatenation of `parts`.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    mac_with(&hmac::Key::new(hmac::HMAC_SHA256, key), parts)
}

/// HMAC-SHA256 with a key that is made ready once.
pub(crate) fn mac_with(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    out
}

/// The length of `part` as two bytes, to stand before it. Parts are at most 65,535 bytes: ids, names and store keys.
pub(crate) fn length_prefix(part: &[u8]) -> [u8; 2] {
    debug_assert!(u16::try_from(part.len()).is_ok());
    u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// Encrypts with AES-256-GCM in place of `plain` and appends the 16-byte tag.
///
/// # Errors
/// Only when `plain` is longer than AES-GCM allows (64 GiB).
pub(crate) fn seal(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    mut plain: Vec<u8>,
) -> Result<Vec<u8>, VaultError> {
    cipher(key)?
        .seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(aad),
            &mut plain,
        )
        .map_err(|_| VaultError::Seal)?;
    Ok(plain)
}

/// Decrypts what [`seal`] made.
///
/// # Errors
/// [`VaultError::Sealed`] when a bit of `sealed` or `aad` is another, or the key is.
pub(crate) fn open(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    mut sealed: Vec<u8>,
) -> Result<Vec<u8>, VaultError> {
    let plain = cipher(key)?
        .open_in_place(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::from(aad), &mut sealed)
        .map_err(|_| VaultError::Sealed)?
        .len();
    sealed.truncate(plain);
    Ok(sealed)
}

fn cipher(key: &[u8; 32]) -> Result<aead::LessSafeKey, VaultError> {
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, key).map_err(|_| VaultError::Seal)?;
    Ok(aead::LessSafeKey::new(key))
}
