//! A fresh Ed25519 pair in the forms that other programs read: PKCS#8 and SPKI (RFC 8410), in PEM (RFC 7468).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::{
    ambient::{Entropy, EntropyError},
    app::AppError,
};

/// `SEQUENCE { version 0, AlgorithmIdentifier { 1.3.101.112 }, OCTET STRING { OCTET STRING { seed } } }`
const PRIVATE_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// `SEQUENCE { AlgorithmIdentifier { 1.3.101.112 }, BIT STRING { public key } }`
const PUBLIC_HEAD: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A pair of keys.
pub(super) struct Pair {
    seed: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Pair {
    pub(super) fn draw(entropy: &Entropy) -> Result<Self, AppError> {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(entropy.draw()?);
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| EntropyError)?;
        let mut public = [0; 32];
        for (to, from) in public.iter_mut().zip(pair.public_key().as_ref()) {
            *to = *from;
        }
        Ok(Self { seed, public })
    }

    pub(super) fn private(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([PRIVATE_HEAD.as_slice(), self.seed.as_slice()].concat());
        Zeroizing::new(pem("PRIVATE KEY", &der))
    }

    pub(super) fn public(&self) -> String {
        pem("PUBLIC KEY", &[PUBLIC_HEAD.as_slice(), &self.public].concat())
    }
}

/// Both forms are shorter than a line of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}
