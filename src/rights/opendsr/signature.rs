//! Signs bodies and verifies those of others: ECDSA P-256 or RSA over SHA-256 (OpenDSR 2.0 section 4.2, FIPS 186-4).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, RsaKeyPair},
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm};
use webpki::EndEntityCert;

use crate::ambient::Entropy;

/// The algorithms of keys that may sign.
const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 2] =
    [webpki::ring::ECDSA_P256_SHA256, webpki::ring::RSA_PKCS1_2048_8192_SHA256];

/// Why a key or a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    /// The key is of another kind or form.
    #[error("the key must be ECDSA P-256 or RSA from 2048 bits on, in PKCS#8")]
    Key,
    /// The certificate cannot be read.
    #[error("the certificate is not X.509 version 3 in PEM")]
    Certificate,
    /// The certificate is another key's.
    #[error("the certificate is not that of the key")]
    Apart,
}

/// A private key that signs.
pub struct SigningKey {
    pair: Pair,
    generator: SystemRandom,
}

enum Pair {
    Ecdsa(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// The key in `pkcs8`, whose certificate is `certificate`.
    ///
    /// # Errors
    /// When one of them cannot be used, or they do not belong together.
    pub fn new(pkcs8: &[u8], certificate: &CertificateDer<'_>) -> Result<Self, UnusableKey> {
        let generator = Entropy::generator();
        let kind = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = match EcdsaKeyPair::from_pkcs8(kind, pkcs8, &generator) {
            Ok(pair) => Pair::Ecdsa(Box::new(pair)),
            Err(_) => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| UnusableKey::Key)?;
                Pair::Rsa(Box::new(pair))
            }
        };
        let (key, probe) = (Self { pair, generator }, b"consentry/opendsr/probe");
        let signed = key.sign(probe).ok_or(UnusableKey::Key)?;
        if PublicKey::new(certificate.clone().into_owned())?.verifies(probe, &signed) {
            return Ok(key);
        }
        Err(UnusableKey::Apart)
    }

    /// The signature of `body`, in base64; `None` if the machine gives no randomness.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> Option<String> {
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signed = pair.sign(&self.generator, body).ok()?;
                Some(STANDARD.encode(signed))
            }
            Pair::Rsa(pair) => {
                let mut signed = vec![0; pair.public().modulus_len()];
                let padding = &signature::RSA_PKCS1_SHA256;
                pair.sign(padding, &self.generator, body, &mut signed).ok()?;
                Some(STANDARD.encode(signed))
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// The public key of a certificate.
#[derive(Clone, Debug)]
pub struct PublicKey(CertificateDer<'static>);

impl PublicKey {
    /// The key that `certificate` is of. Who issued it, and until when it is valid, is the caller's affair.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(certificate: CertificateDer<'static>) -> Result<Self, UnusableKey> {
        EndEntityCert::try_from(&certificate).map_err(|_| UnusableKey::Certificate)?;
        Ok(Self(certificate))
    }

    /// What its certificate lacks of what the protocol asks for of one that signs for `domain` (section 4.1), if anything.
    #[must_use]
    pub fn lacks(&self, domain: &str) -> Option<&'static str> {
        let certificate = EndEntityCert::try_from(&self.0).ok()?;
        if certificate.issuer() == certificate.subject() {
            return Some("it is self-signed");
        }
        let named = ServerName::try_from(domain)
            .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok());
        (!named).then_some("it is not issued for the domain")
    }

    /// Whether `signature`, in base64, is this key's of `body`.
    #[must_use]
    pub fn verifies(&self, body: &[u8], signature: &str) -> bool {
        // Some send it folded over lines.
        let signature: String = signature.split_ascii_whitespace().collect();
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        let Ok(certificate) = EndEntityCert::try_from(&self.0) else { return false };
        let by = |kind: &&dyn SignatureVerificationAlgorithm| {
            certificate.verify_signature(*kind, body, &signature).is_ok()
        };
        ALGORITHMS.iter().any(by)
    }
}
