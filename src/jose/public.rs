//! Public keys, as they are published (JWK Set, RFC 7517) and as tokens are verified with them.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ring::digest;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{JoseError, install};

/// An Ed25519 public key.
#[derive(Clone)]
pub struct PublicKey {
    bytes: [u8; 32],
    key: Arc<DecodingKey>,
    id: Arc<str>,
}

/// A public key as JSON (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The kind of key: `OKP`.
    pub kty: String,
    /// The curve: `Ed25519`.
    pub crv: String,
    /// The key: 32 bytes in base64url without padding.
    pub x: String,
    /// Its name in the headers of tokens: the thumbprint of RFC 7638.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What it is for: `sig`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// How it signs: `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
}

/// Public keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl PublicKey {
    /// The key with these bytes (RFC 8032).
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        install();
        // RFC 7638: the required members alone, in the order of their names, without white space.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, BASE64.encode(bytes));
        let id = BASE64.encode(digest::digest(&digest::SHA256, members.as_bytes()));
        Self { bytes, key: Arc::new(DecodingKey::from_ed_der(&bytes)), id: id.into() }
    }

    /// Reads 32 bytes in base64url without padding: the `x` of a JWK.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        BASE64.decode(text).ok()?.try_into().ok().map(Self::new)
    }

    /// Its name: the thumbprint of RFC 7638.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as it is published.
    #[must_use]
    pub fn jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: BASE64.encode(self.bytes),
            kid: Some(self.id.as_ref().to_owned()),
            usage: Some("sig".to_owned()),
            alg: Some("EdDSA".to_owned()),
        }
    }

    /// The claims of a token of type `typ` that this key signed. Times in it are the caller's to judge.
    ///
    /// # Errors
    /// When it was not signed by this key, was changed, or is of another type.
    pub fn verify<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Result<T, JoseError> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        let read = jsonwebtoken::decode::<serde_json::Value>(token, &self.key, &rules);
        let read = read.map_err(JoseError::Verify)?;
        if read.header.typ.as_deref() != Some(typ) {
            return Err(JoseError::Type);
        }
        serde_json::from_value(read.claims).map_err(JoseError::Claims)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

impl Jwks {
    /// Reads a JWK Set, or one JWK. Keys of other kinds are passed over, as RFC 7517 section 5 has it.
    ///
    /// # Errors
    /// When it is neither, or a key of our kind is none.
    pub fn parse(json: &[u8]) -> Result<Vec<PublicKey>, JoseError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let keys = match serde_json::from_slice::<Set>(json) {
            Ok(set) => set.keys,
            Err(_) => vec![serde_json::from_slice(json).map_err(|_| JoseError::Keys)?],
        };
        let mut read = Vec::new();
        for key in keys {
            let is = |member: &str, word| key.get(member).and_then(|v| v.as_str()) == Some(word);
            if !(is("kty", "OKP") && is("crv", "Ed25519")) {
                continue;
            }
            let x = key.get("x").and_then(|x| x.as_str());
            let public = x.and_then(PublicKey::parse).ok_or(JoseError::Keys)?;
            read.push(public);
        }
        if read.is_empty() { Err(JoseError::Keys) } else { Ok(read) }
    }
}

/// The claims of a token of type `typ` that the one of `keys` signed which its header names.
///
/// # Errors
/// When it is no token, its key is not among `keys`, or it does not verify with it.
pub fn verify_with<T: DeserializeOwned>(
    keys: &[PublicKey],
    typ: &str,
    token: &str,
) -> Result<T, JoseError> {
    let header = jsonwebtoken::decode_header(token).map_err(JoseError::Verify)?;
    let named = header.kid.unwrap_or_default();
    let key = keys.iter().find(|key| key.id() == named).ok_or(JoseError::UnknownKey(named))?;
    key.verify(typ, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037, appendix A.3.
        let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let json = serde_json::to_vec(&Jwks { keys: vec![key.jwk()] }).unwrap();
        assert_eq!(Jwks::parse(&json).unwrap()[0].id(), key.id());
    }

    #[test]
    fn what_is_no_set_of_keys_is_refused() {
        let other = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#;
        for none in [
            "",
            "{}",
            "[]",
            r#"{"keys":[]}"#,
            other,
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#,
        ] {
            assert!(Jwks::parse(none.as_bytes()).is_err(), "{none}");
        }
    }
}
