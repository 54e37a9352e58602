//! Verifies tokens, and remembers those it has verified.
//!
//! A token seen before costs one SHA-256 and a look-up. What can change after that first time is checked on each
//! call all the same: its end against the caller's `now`, and its key, its `jti` and its app against what has been
//! revoked or switched off since.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use quick_cache::{UnitWeighter, sync::Cache};
use ring::digest;
use rustc_hash::FxBuildHasher;

use super::{
    App, AuthError, Caller, CallerKind, Key, Scopes, SetupError, TokenId,
    claims::{Actor, Claims, Head, person},
    rate::Limiters,
    trust::Trust,
};
use crate::{
    ambient::Clock,
    domain::{AppId, TenantId, Timestamp},
    telemetry::Counter,
};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// Verifies tokens for one gateway.
pub struct Authority {
    audience: String,
    leeway: Duration,
    apps: HashMap<AppId, Arc<App>>,
    limiters: Limiters,
    trust: ArcSwap<Trust>,
    verified: Cache<[u8; 32], Entry, UnitWeighter, FxBuildHasher>,
    examined: Counter,
}

/// What is remembered of a verified token: never the token itself.
#[derive(Clone)]
struct Entry {
    caller: Arc<Caller>,
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
        unless_twice(&keys)?;
        let keys = keys.into_iter().map(|key| (Arc::new(key), true)).collect();
        let apps = register(apps)?;
        Ok(Self {
            audience: audience.to_owned(),
            leeway,
            limiters: Limiters::of(apps.values().map(AsRef::as_ref), &Clock::System),
            apps,
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

    /// The same authority, whose apps' rates are measured by `clock`.
    #[must_use]
    pub fn timed_by(self, clock: &Clock) -> Self {
        let limiters = Limiters::of(self.apps.values().map(AsRef::as_ref), clock);
        Self { limiters, ..self }
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
            // Its key is gone, or only was replaced by the same one: the token itself tells.
            Some(known) if !trust.is_live(&known.caller) => {
                self.remember(name, self.examine(&trust, token, now)?)
            }
            Some(known) => {
                trust.admits(&known.caller)?;
                self.remember(name, Entry { generation: trust.generation, ..known })
            }
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

    /// Trusts `keys` alone from now on, for tokens seen before too.
    ///
    /// # Errors
    /// When two keys have one id; then nothing changes.
    pub fn replace_keys(&self, keys: Vec<Key>) -> Result<(), SetupError> {
        unless_twice(&keys)?;
        let keys: Vec<Arc<Key>> = keys.into_iter().map(Arc::new).collect();
        self.change(|trust| {
            trust.keys.iter_mut().for_each(|(_, live)| *live = false);
            trust.keys.extend(keys.iter().map(|key| (key.clone(), true)));
        });
        Ok(())
    }

    /// The ids of the keys that are trusted.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        let trust = self.trust.load();
        trust.keys.iter().filter(|(_, live)| *live).map(|(key, _)| key.kid.clone()).collect()
    }

    /// Stops trusting these tokens, if they were seen before too, each until the moment at which it ends by itself.
    pub fn deny(&self, tokens: &[(TokenId, Timestamp)]) {
        self.change(|trust| trust.denied.extend(tokens.iter().copied()));
    }

    /// Stops trusting tokens of the key `kid` that were issued before a moment, or do not say when.
    pub fn refuse_before(&self, kid: &str, before: Timestamp) {
        self.change(|trust| {
            trust.cut.insert(kid.to_owned(), before);
        });
    }

    /// Forgets denied tokens that have ended by now.
    pub fn forget_ended(&self, now: Timestamp) {
        self.change(|trust| trust.denied.retain(|_, until| *until > now));
    }

    /// Switches an app off, so that none of its tokens opens anything, or on again.
    pub fn switch_app(&self, id: &AppId, off: bool) {
        self.change(|trust| {
            if off {
                trust.off.insert(id.clone());
            } else {
                trust.off.remove(id);
            }
        });
    }

    /// Whether the app is switched off.
    #[must_use]
    pub fn is_app_off(&self, id: &AppId) -> bool {
        self.trust.load().off.contains(id)
    }

    /// Passes if what `caller` was verified by still stands: for work that outlives the call's beginning.
    ///
    /// # Errors
    /// [`AuthError::Revoked`] or [`AuthError::AppOff`].
    pub fn still_admits(&self, caller: &Caller) -> Result<(), AuthError> {
        let trust = self.trust.load();
        if trust.is_live(caller) { trust.admits(caller) } else { Err(AuthError::Revoked) }
    }

    /// Which token this is and when it ends, of a token that is good but for having been revoked: for revoking it.
    ///
    /// # Errors
    /// The first reason found for which the token is not good.
    pub fn identify_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(TokenId, Timestamp), AuthError> {
        let caller = self.read(&self.trust.load(), token, now)?;
        Ok((caller.token, caller.expires_at))
    }

    /// The apps that are registered, by name.
    #[must_use]
    pub fn apps(&self) -> Vec<AppId> {
        let mut apps: Vec<AppId> = self.apps.keys().cloned().collect();
        apps.sort_unstable();
        apps
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
        let caller = self.read(trust, token, now)?;
        trust.admits(&caller)?;
        Ok(Entry { caller: Arc::new(caller), generation: trust.generation })
    }

    /// Verifies a token, but for whether it was revoked.
    fn read(&self, trust: &Trust, token: &str, now: Timestamp) -> Result<Caller, AuthError> {
        if token.len() > LONGEST {
            return Err(AuthError::Malformed { part: "length" });
        }
        let head = Head::of(token)?;
        let (place, claims) = trust.signed(token, &head)?;
        let (signer, _) = trust.keys.get(place).ok_or(AuthError::UnknownKey)?;
        Ok(Caller { key: place, ..self.admit(&claims, signer, now)? })
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
        let mut guardian = None;
        match kind {
            CallerKind::App => {
                app = Some(self.apps.get(sub).cloned().ok_or(AuthError::UnknownApp)?);
            }
            CallerKind::Subject => {
                let (kind, profile) = (claims.sub_type.as_deref(), claims.profile.as_deref());
                subject = Some(person(sub, kind, profile)?);
                guardian = claims.act.as_ref().map(Actor::person).transpose()?;
            }
            CallerKind::Auditor | CallerKind::Operator => {}
        }
        let own = app.as_ref().map(|app| app.tenant.clone());
        let tenant = agreed([own, claimed, key.vouches.tenant.clone()])?;
        let limit = app.as_ref().map_or(Scopes::ALL, |app| app.scopes);
        let scopes = scopes & key.vouches.scopes & limit;
        let issued_at = claims.iat.map(|moment| moment.0);
        let limiter = app.as_ref().and_then(|app| self.limiters.of_app(&app.id));
        Ok(Caller {
            kind,
            scopes,
            tenant,
            app,
            subject,
            guardian,
            issued_at,
            expires_at,
            token,
            key: 0,
            limiter,
        })
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

fn fingerprint(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

/// The one tenant that all who name one agree on; the standard tenant if none does.
fn agreed(tenants: [Option<TenantId>; 3]) -> Result<TenantId, AuthError> {
    let mut named = tenants.into_iter().flatten();
    let Some(tenant) = named.next() else { return Ok(TenantId::standard()) };
    if named.all(|other| other == tenant) { Ok(tenant) } else { Err(AuthError::WrongTenant) }
}

fn unless_twice(keys: &[Key]) -> Result<(), SetupError> {
    let mut kids = HashSet::new();
    match keys.iter().find(|key| !kids.insert(&key.kid)) {
        Some(twice) => Err(SetupError::DuplicateKey { kid: twice.kid.clone() }),
        None => Ok(()),
    }
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
