//! Verifies tokens, and remembers those it has verified.
//!
//! A token seen before costs one SHA-256 and a look-up. What can change after that first time is checked on each
//! call all the same: its end against the caller's `now`, and its key and `jti` against what has been revoked since.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jsonwebtoken::{Validation, errors::ErrorKind};
use quick_cache::{UnitWeighter, sync::Cache};
use ring::digest;
use rustc_hash::FxBuildHasher;

use super::{
    App, AuthError, Caller, CallerKind, Key, Scopes, SetupError, TokenId,
    claims::{Claims, Head},
};
use crate::{
    domain::{AppId, IdType, SubjectRef, TenantId, Timestamp, UserId},
    telemetry::Counter,
};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// Verifies tokens for one gateway.
pub struct Authority {
    audience: String,
    leeway: Duration,
    apps: HashMap<AppId, Arc<App>>,
    trust: ArcSwap<Trust>,
    verified: Cache<[u8; 32], Entry, UnitWeighter, FxBuildHasher>,
    examined: Counter,
}

/// The keys, and what has been revoked. Each change is a new value with a higher generation.
#[derive(Clone, Default)]
struct Trust {
    generation: u64,
    /// A key keeps its place for ever; a revoked one loses its flag.
    keys: Vec<(Arc<Key>, bool)>,
    denied: HashSet<TokenId>,
}

/// What is remembered of a verified token: never the token itself.
#[derive(Clone)]
struct Entry {
    caller: Arc<Caller>,
    /// The place of the key that verified it.
    key: usize,
    /// The generation of [`Trust`] it was last checked against.
    generation: u64,
}

impl Authority {
    /// An authority for tokens whose `aud` names `audience`. `leeway` is how far `nbf` and `iat` may lie ahead of our
    /// clock; `exp` has none. At most about `remembered` verified tokens are kept in memory.
    ///
    /// # Errors
    /// When two keys have one id, two apps have one name, or an app holds a scope that is not for apps.
    pub fn new(
        audience: &str,
        leeway: Duration,
        remembered: usize,
        keys: Vec<Key>,
        apps: Vec<App>,
    ) -> Result<Self, SetupError> {
        crate::jose::install();
        let mut kids = HashSet::new();
        if let Some(twice) = keys.iter().find(|key| !kids.insert(key.kid.clone())) {
            return Err(SetupError::DuplicateKey { kid: twice.kid.clone() });
        }
        let keys = keys.into_iter().map(|key| (Arc::new(key), true)).collect();
        Ok(Self {
            audience: audience.to_owned(),
            leeway,
            apps: register(apps)?,
            trust: ArcSwap::from_pointee(Trust { keys, ..Trust::default() }),
            verified: Cache::with(
                remembered,
                remembered as u64,
                UnitWeighter,
                FxBuildHasher,
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            examined: Counter::default(),
        })
    }

    /// The caller that `token` speaks for. Refusals are not remembered.
    ///
    /// # Errors
    /// The first reason found for which the token is not good.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Caller>, AuthError> {
        if token.len() > LONGEST {
            return Err(AuthError::Malformed { part: "length" });
        }
        // INVARIANT: SHA-256 of the whole token is the key, so no other token can find this one's caller.
        let name = fingerprint(token);
        let trust = self.trust.load();
        let entry = match self.verified.get(&name) {
            Some(known) if known.generation == trust.generation => known,
            Some(known) => self.remember(name, trust.recheck(known)?),
            None => self.remember(name, self.examine(&trust, token, now)?),
        };
        if entry.caller.expires_at <= now {
            self.verified.remove(&name);
            return Err(AuthError::Expired);
        }
        Ok(entry.caller)
    }

    /// Stops trusting the key `kid`, for tokens seen before too. False if there is no such key.
    pub fn revoke_key(&self, kid: &str) -> bool {
        if !self.trust.load().keys.iter().any(|(key, _)| key.kid == kid) {
            return false;
        }
        self.change(|trust| {
            for (_, live) in trust.keys.iter_mut().filter(|(key, _)| key.kid == kid) {
                *live = false;
            }
        });
        true
    }

    /// Stops trusting the token with this `jti`, if it was seen before too.
    pub fn deny(&self, jti: &str) {
        let token = TokenId::of(jti);
        self.change(|trust| {
            trust.denied.insert(token);
        });
    }

    /// The app registered as `id`.
    #[must_use]
    pub fn app(&self, id: &AppId) -> Option<&App> {
        self.apps.get(id).map(AsRef::as_ref)
    }

    fn remember(&self, name: [u8; 32], entry: Entry) -> Entry {
        self.verified.insert(name, entry.clone());
        entry
    }

    /// Makes a change and raises the generation with it, so that an entry checked against an older value is checked
    /// again, whichever of the two came first.
    fn change(&self, change: impl Fn(&mut Trust)) {
        self.trust.rcu(|old| {
            let mut new = Trust::clone(old);
            change(&mut new);
            new.generation += 1;
            new
        });
    }

    /// How often a token was examined because it was not remembered.
    #[must_use]
    pub fn examined(&self) -> u64 {
        self.examined.value()
    }

    /// Verifies a token that is not remembered.
    fn examine(&self, trust: &Trust, token: &str, now: Timestamp) -> Result<Entry, AuthError> {
        self.examined.one();
        let head = Head::of(token)?;
        let (key, claims) = trust.signed(token, &head)?;
        let (signer, _) = trust.keys.get(key).ok_or(AuthError::UnknownKey)?;
        let caller = self.admit(&claims, signer, now)?;
        if trust.denied.contains(&caller.token) {
            return Err(AuthError::Revoked);
        }
        Ok(Entry { caller: Arc::new(caller), key, generation: trust.generation })
    }

    /// Checks what the claims state; their signature has been verified.
    fn admit(&self, claims: &Claims, key: &Key, now: Timestamp) -> Result<Caller, AuthError> {
        let missing = |claim| AuthError::MissingClaim { claim };
        if claims.iss.as_ref().ok_or(missing("iss"))? != &key.vouches.issuer {
            return Err(AuthError::WrongIssuer);
        }
        if !claims.aud.as_ref().ok_or(missing("aud"))?.names(&self.audience) {
            return Err(AuthError::WrongAudience);
        }
        let expires_at = claims.exp.ok_or(missing("exp"))?.0;
        if expires_at <= now {
            return Err(AuthError::Expired);
        }
        let latest = now.after(self.leeway);
        if [claims.nbf, claims.iat].into_iter().flatten().any(|moment| moment.0 > latest) {
            return Err(AuthError::NotYetValid);
        }
        let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty()).ok_or(missing("jti"))?;
        self.identify(claims, key, expires_at, TokenId::of(jti))
    }

    /// Finds who the claims name.
    fn identify(
        &self,
        claims: &Claims,
        key: &Key,
        expires_at: Timestamp,
        token: TokenId,
    ) -> Result<Caller, AuthError> {
        const CLAIMS: AuthError = AuthError::Malformed { part: "claims" };

        let scope = claims.scope.as_deref().ok_or(AuthError::MissingClaim { claim: "scope" })?;
        let scopes = Scopes::of_claim(scope);
        let kind = CallerKind::of(scopes)?;
        let sub = claims.sub.as_deref().ok_or(AuthError::MissingClaim { claim: "sub" })?;
        let claimed = match &claims.tenant {
            Some(tenant) => Some(TenantId::parse(tenant).map_err(|_| CLAIMS)?),
            None => None,
        };
        let mut app = None;
        let mut subject = None;
        match kind {
            CallerKind::App => {
                app = Some(self.apps.get(sub).cloned().ok_or(AuthError::UnknownApp)?);
            }
            CallerKind::Subject => subject = Some(person(sub, claims.sub_type.as_deref())?),
            CallerKind::Auditor | CallerKind::Operator => {}
        }
        let own = app.as_ref().map(|app| app.tenant.clone());
        let tenant = agreed([own, claimed, key.vouches.tenant.clone()])?;
        let limit = app.as_ref().map_or(Scopes::ALL, |app| app.scopes);
        let scopes = scopes & key.vouches.scopes & limit;
        Ok(Caller { kind, scopes, tenant, app, subject, expires_at, token })
    }
}

impl Trust {
    /// Whether what was verified once still stands.
    fn recheck(&self, known: Entry) -> Result<Entry, AuthError> {
        let live = self.keys.get(known.key).is_some_and(|(_, live)| *live);
        if live && !self.denied.contains(&known.caller.token) {
            Ok(Entry { generation: self.generation, ..known })
        } else {
            Err(AuthError::Revoked)
        }
    }

    /// The place of the key that signed the token, and what it signed. A `kid` selects the key; without one, each
    /// key of the token's algorithm is tried. No key is ever tried with an algorithm that is not its own.
    fn signed(&self, token: &str, head: &Head) -> Result<(usize, Claims), AuthError> {
        let mut refusal = AuthError::UnknownKey;
        for (place, (key, live)) in self.keys.iter().enumerate() {
            match &head.kid {
                Some(kid) if *kid != key.kid => continue,
                Some(_) if !live => return Err(AuthError::Revoked),
                Some(_) if key.algorithm != head.algorithm => {
                    return Err(AuthError::WrongAlgorithm);
                }
                None if !live || key.algorithm != head.algorithm => continue,
                _ => {}
            }
            match decode(token, key) {
                Ok(claims) => return Ok((place, claims)),
                Err(AuthError::BadSignature) => refusal = AuthError::BadSignature,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("audience", &self.audience)
            .field("keys", &self.trust.load().keys)
            .field("apps", &self.apps.len())
            .finish_non_exhaustive()
    }
}

/// The token in an `Authorization` header, by RFC 6750 §2.1.
///
/// # Errors
/// When there is no header, another scheme, or a token with characters that no token has.
pub fn bearer(header: Option<&[u8]>) -> Result<&str, AuthError> {
    let header = header.ok_or(AuthError::MissingToken)?;
    let Some((scheme, token)) = header.split_at_checked(7) else {
        return Err(AuthError::MissingToken);
    };
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(AuthError::MissingToken);
    }
    let token = std::str::from_utf8(token).map_err(|_| AuthError::Malformed { part: "form" })?;
    Ok(token.trim_matches(' '))
}

fn fingerprint(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

/// Verifies the signature; what the claims state is for the authority to check, against its own clock.
fn decode(token: &str, key: &Key) -> Result<Claims, AuthError> {
    let mut validation = Validation::new(key.algorithm.wire());
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &key.decoding, &validation).map(|data| data.claims).map_err(
        |error| match error.kind() {
            ErrorKind::InvalidSignature => AuthError::BadSignature,
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
                AuthError::WrongAlgorithm
            }
            ErrorKind::Json(_) | ErrorKind::Utf8(_) => AuthError::Malformed { part: "claims" },
            _ => AuthError::Malformed { part: "encoding" },
        },
    )
}

fn person(sub: &str, id_type: Option<&str>) -> Result<SubjectRef, AuthError> {
    const CLAIMS: AuthError = AuthError::Malformed { part: "claims" };
    let id_type = match id_type {
        Some(name) => IdType::parse(name).map_err(|_| CLAIMS)?,
        None => IdType::user_id(),
    };
    Ok(SubjectRef { id_type, id: UserId::parse(sub).map_err(|_| CLAIMS)? })
}

/// The one tenant that all who name one agree on; the standard tenant if none does.
fn agreed(tenants: [Option<TenantId>; 3]) -> Result<TenantId, AuthError> {
    let mut named = tenants.into_iter().flatten();
    let Some(tenant) = named.next() else { return Ok(TenantId::standard()) };
    if named.all(|other| other == tenant) { Ok(tenant) } else { Err(AuthError::WrongTenant) }
}

fn register(apps: Vec<App>) -> Result<HashMap<AppId, Arc<App>>, SetupError> {
    let mut register = HashMap::new();
    for app in apps {
        if let Some(scope) = app.scopes.iter().find(|scope| !Scopes::APP.contains(*scope)) {
            return Err(SetupError::AppScope { id: app.id.to_string(), scope });
        }
        if register.contains_key(&app.id) {
            return Err(SetupError::DuplicateApp { id: app.id.to_string() });
        }
        register.insert(app.id.clone(), Arc::new(app));
    }
    Ok(register)
}
