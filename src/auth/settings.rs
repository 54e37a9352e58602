//! The `[auth]` and `[[app]]` parts of the configuration file.
//!
//! Secrets are never in that file: a key names the file or the environment variable that holds its bytes, and whoever
//! wires the gateway reads them.

use std::{collections::BTreeSet, io, time::Duration};

use serde::Deserialize;

use super::{Algorithm, App, Authority, Key, Rate, Scopes, SetupError, Vouches};
use crate::domain::{AppId, PurposeId, TenantId};

/// The most verified tokens that are kept in memory: about 4 GB of them.
const MOST_REMEMBERED: usize = 10_000_000;

/// `[auth]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// The issuer (`iss`) of keys that name none.
    pub issuer: String,
    /// What `aud` must name.
    #[serde(default = "standard_audience")]
    pub audience: String,
    /// How many seconds `nbf` and `iat` may lie ahead of our clock, 60 at most.
    #[serde(default = "standard_leeway")]
    pub leeway_seconds: u64,
    /// How many verified tokens are kept in memory, each at about 400 bytes.
    #[serde(default = "standard_remembered")]
    pub remembered_tokens: usize,
    /// `[[auth.key]]`: single keys.
    #[serde(default)]
    pub key: Vec<KeySettings>,
    /// `[[auth.jwks]]`: JWK sets.
    #[serde(default)]
    pub jwks: Vec<JwksSettings>,
}

/// `[[auth.key]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The key's id, as tokens' headers name it.
    pub kid: String,
    /// The only algorithm it verifies.
    pub algorithm: Algorithm,
    /// Where its bytes are: the raw secret for HS256, a PEM public key for the others.
    pub from: Source,
    /// Where the private half is, in PKCS#8 PEM, for `consentry token`. Nothing else reads it.
    pub private: Option<Source>,
    /// The issuer it belongs to, if not the standard one.
    pub issuer: Option<String>,
    /// The only tenant it speaks for.
    pub tenant: Option<TenantId>,
    /// The scopes it can grant; all if absent.
    pub scopes: Option<Scopes>,
}

/// `[[auth.jwks]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwksSettings {
    /// Where the JWK set is.
    pub from: Source,
    /// The algorithms that its keys may have.
    #[serde(default = "public_key_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The issuer it belongs to, if not the standard one.
    pub issuer: Option<String>,
    /// The only tenant its keys speak for.
    pub tenant: Option<TenantId>,
    /// The scopes its keys can grant; all if absent.
    pub scopes: Option<Scopes>,
}

/// Where bytes are that do not stand in the configuration: `{ file = "…" }` or `{ env = "…" }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A file's path.
    File(String),
    /// An environment variable's name.
    Env(String),
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::File(name) | Self::Env(name) => name,
        }
    }
}

/// `[[app]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSettings {
    /// The app's name, the `sub` of its tokens.
    pub id: AppId,
    /// The organisation it belongs to.
    #[serde(default = "TenantId::standard")]
    pub tenant: TenantId,
    /// The purposes it may ask for.
    pub purposes: BTreeSet<PurposeId>,
    /// The scopes its tokens may hold; all scopes of apps if absent.
    pub scopes: Option<Scopes>,
    /// How often it may call, over all its tokens; as often as it likes if absent.
    pub rate: Option<Rate>,
}

impl AuthSettings {
    /// The authority that these settings describe; `read` fetches a key's bytes.
    ///
    /// # Errors
    /// When a key cannot be read or used, a name stands twice, or a value is out of range.
    pub fn authority(
        &self,
        apps: Vec<AppSettings>,
        mut read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
    ) -> Result<Authority, SetupError> {
        if self.leeway_seconds > 60 {
            return Err(SetupError::BadSetting { field: "leeway_seconds", rule: "at most 60" });
        }
        // Room for them is taken when the gateway opens.
        if self.remembered_tokens > MOST_REMEMBERED {
            let rule = "at most 10000000";
            return Err(SetupError::BadSetting { field: "remembered_tokens", rule });
        }
        let keys = self.keys(&mut read)?;
        let apps = apps.into_iter().map(AppSettings::app).collect();
        let leeway = Duration::from_secs(self.leeway_seconds);
        Authority::new(&self.audience, leeway, self.remembered_tokens, keys, apps)
    }

    /// The keys that these settings describe; `read` fetches their bytes.
    ///
    /// # Errors
    /// When a key cannot be read or used, or there is none.
    pub fn keys(
        &self,
        mut read: impl FnMut(&Source) -> io::Result<Vec<u8>>,
    ) -> Result<Vec<Key>, SetupError> {
        let mut keys = Vec::new();
        for key in &self.key {
            let bytes = fetch(&mut read, &key.kid, &key.from)?;
            let bytes = match key.algorithm {
                Algorithm::Hs256 => without_line_end(&bytes),
                Algorithm::Es256 | Algorithm::EdDsa => bytes.as_slice(),
            };
            let vouches = self.vouches(key.issuer.as_ref(), key.tenant.as_ref(), key.scopes);
            keys.push(Key::new(&key.kid, key.algorithm, bytes, vouches)?);
        }
        for set in &self.jwks {
            let name = set.from.name();
            let bytes = fetch(&mut read, name, &set.from)?;
            let vouches = self.vouches(set.issuer.as_ref(), set.tenant.as_ref(), set.scopes);
            keys.extend(Key::of_jwks(name, &bytes, &set.algorithms, &vouches)?);
        }
        if keys.is_empty() {
            return Err(SetupError::BadSetting { field: "key", rule: "at least one key or set" });
        }
        Ok(keys)
    }

    fn vouches(
        &self,
        issuer: Option<&String>,
        tenant: Option<&TenantId>,
        scopes: Option<Scopes>,
    ) -> Vouches {
        Vouches {
            issuer: issuer.unwrap_or(&self.issuer).clone(),
            tenant: tenant.cloned(),
            scopes: scopes.unwrap_or(Scopes::ALL),
        }
    }
}

impl AppSettings {
    /// The app that these settings describe.
    #[must_use]
    pub fn app(self) -> App {
        let scopes = self.scopes.unwrap_or(Scopes::APP);
        App { id: self.id, tenant: self.tenant, purposes: self.purposes, scopes, rate: self.rate }
    }
}

fn fetch(
    read: &mut impl FnMut(&Source) -> io::Result<Vec<u8>>,
    kid: &str,
    from: &Source,
) -> Result<Vec<u8>, SetupError> {
    read(from).map_err(|source| SetupError::Unreadable {
        kid: kid.to_owned(),
        from: from.name().to_owned(),
        source,
    })
}

/// Editors and shells end a file with a line break that is not meant as part of a secret. A secret of arbitrary bytes
/// keeps its last one.
fn without_line_end(secret: &[u8]) -> &[u8] {
    let bare = secret.strip_suffix(b"\n").unwrap_or(secret);
    let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
    if bare.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') { bare } else { secret }
}

fn standard_audience() -> String {
    "consentry".to_owned()
}

fn standard_leeway() -> u64 {
    5
}

fn standard_remembered() -> usize {
    65_536
}

/// A shared secret has no place in a published set, so it must be asked for.
fn public_key_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Es256, Algorithm::EdDsa]
}
