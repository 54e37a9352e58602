//! Tokens and key sets. The first byte says how the rest is taken: as a token, as a signed one, or as a key set.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use consentry::{
    auth::{Algorithm, App, Authority, Key, Scopes, Vouches, bearer},
    domain::{AppId, TenantId, Timestamp},
};
use ring::hmac;

const SECRET: [u8; 32] = [9; 32];
const ISSUER: &str = "fuzz";
const AUDIENCE: &str = "consentry";

static AUTHORITY: LazyLock<Authority> = LazyLock::new(authority);

/// Verifies what `data` holds.
pub fn run(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    match how % 3 {
        0 => unsigned(rest),
        1 => signed(rest),
        _ => key_set(rest),
    }
}

/// Bytes of a header that nobody signed: never somebody's token.
fn unsigned(header: &[u8]) {
    if let Ok(token) = bearer(Some(header)) {
        assert!(AUTHORITY.verify(token, now()).is_err(), "a token that nobody signed passes");
    }
}

/// A head and claims, one a line, signed in truth: whatever they say, the caller is what they say.
fn signed(lines: &[u8]) {
    let mut lines = lines.splitn(2, |byte| *byte == b'\n');
    let (head, claims) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    let token = format!("{message}.{signature}");
    let first = AUTHORITY.verify(&token, now());
    let again = AUTHORITY.verify(&token, now());
    match (first, again) {
        (Ok(caller), Ok(again)) => {
            assert!(caller.expires_at() > now(), "an expired token passes");
            assert_eq!((caller.kind(), caller.scopes()), (again.kind(), again.scopes()));
            assert!(String::from_utf8_lossy(head).contains("HS256"), "another algorithm passes");
            let end = caller.expires_at();
            assert!(AUTHORITY.verify(&token, end).is_err(), "a remembered token outlives its end");
        }
        (Err(first), Err(again)) => assert_eq!(first.reason(), again.reason()),
        (first, again) => {
            panic!("the memory changes the verdict: {} {}", first.is_ok(), again.is_ok())
        }
    }
}

fn key_set(set: &[u8]) {
    let allowed = [Algorithm::Es256, Algorithm::EdDsa];
    if let Ok(keys) = Key::of_jwks("issuer", set, &allowed, &Vouches::everything(ISSUER)) {
        assert!(!keys.is_empty());
    }
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T03:00:00Z").unwrap()
}

fn authority() -> Authority {
    let key = Key::new("test", Algorithm::Hs256, &SECRET, Vouches::everything(ISSUER)).unwrap();
    let app = App {
        id: AppId::parse("shop").unwrap(),
        tenant: TenantId::standard(),
        purposes: BTreeSet::new(),
        scopes: Scopes::APP,
        rate: None,
    };
    Authority::new(AUDIENCE, Duration::from_secs(30), 64, vec![key], vec![app]).unwrap()
}
