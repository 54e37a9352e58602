//! Tokens that open the door, and many more that do not.

use std::{io, time::Duration};

use proptest::prelude::*;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    ambient::Entropy,
    domain::{AppId, IdType, PurposeId, SubjectRef, TenantId, Timestamp, UserId},
};

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
const ISSUER: &str = "https://id.example";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn app(id: &str, scopes: Scopes) -> App {
    App {
        id: AppId::parse(id).unwrap(),
        tenant: TenantId::parse("acme").unwrap(),
        purposes: [PurposeId::parse("recommend_products").unwrap()].into(),
        scopes,
        rate: None,
    }
}

fn pkcs8() -> Vec<u8> {
    let random = Entropy::generator();
    Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref().to_vec()
}

fn mint() -> Mint {
    Mint::hs256("k1", SECRET, Vouches::everything(ISSUER), "consentry").unwrap()
}

fn authority(keys: Vec<Key>) -> Authority {
    let apps = vec![app("shop", Scopes::APP), app("narrow", Scopes::from(Scope::Recommend))];
    Authority::new("consentry", Duration::from_secs(5), 1000, keys, apps).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "consentry", "sub": "shop", "scope": "recommend events",
        "jti": "t-1", "iat": NOW.seconds(), "exp": NOW.seconds() + 60,
    })
}

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

#[test]
fn a_minted_app_token_opens_what_both_it_and_the_app_allow() {
    let (mint, entropy) = (mint(), Entropy::seeded(1));
    let authority = authority(vec![mint.key()]);
    let id = AppId::parse("narrow").unwrap();
    let grant = Grant::App { id: &id, scopes: Scopes::ALL };
    let token = mint.token(grant, NOW, Duration::from_secs(60), &entropy).unwrap();

    let caller = authority.verify(token.expose(), NOW).unwrap();

    assert_eq!(caller.kind(), CallerKind::App);
    assert_eq!(caller.scopes(), Scope::Recommend.into());
    assert_eq!(caller.tenant().as_str(), "acme");
    assert_eq!(caller.app().unwrap().id, id);
    assert!(caller.subject().is_none());
    assert_eq!(caller.expires_at(), later(60));
    assert!(caller.registered(&PurposeId::parse("recommend_products").unwrap()));
    assert!(!caller.registered(&PurposeId::parse("advertise").unwrap()));
    assert_eq!(caller.require(Scope::Recommend), Ok(()));
    assert_eq!(caller.require(Scope::Events), Err(AuthError::WrongScope { needed: Scope::Events }));
}

#[test]
fn a_persons_token_names_them_and_debug_does_not() {
    let pair = pkcs8();
    let mint = Mint::eddsa("ed", &pair, Vouches::everything(ISSUER), "consentry").unwrap();
    let subject =
        SubjectRef::new(IdType::parse("email").unwrap(), UserId::parse("ada@example.com").unwrap());
    let tenant = TenantId::parse("acme").unwrap();
    let grant = Grant::Myself { tenant: &tenant, subject: &subject, guardian: None };
    let token = mint.token(grant, NOW, Duration::from_secs(9), &Entropy::seeded(2)).unwrap();

    let caller = authority(vec![mint.key()]).verify(token.expose(), NOW).unwrap();

    assert_eq!(caller.subject(), Some(&subject));
    assert_eq!(caller.tenant(), &tenant);
    assert!(caller.app().is_none());
    let shown = format!("{caller:?} {grant:?} {mint:?} {token:?}");
    assert!(!shown.contains("ada") && !shown.contains(token.expose()));
}

#[test]
fn auditors_and_operators_get_their_one_scope() {
    let mint = mint();
    let authority = authority(vec![mint.key()]);
    let tenant = TenantId::standard();
    let life = Duration::from_secs(9);
    for (grant, scope) in [
        (Grant::Auditor { name: "eve", tenant: &tenant }, Scope::AuditRead),
        (Grant::Operator { name: "oscar" }, Scope::Operate),
    ] {
        let token = mint.token(grant, NOW, life, &Entropy::seeded(3)).unwrap();
        let caller = authority.verify(token.expose(), NOW).unwrap();
        assert_eq!(caller.scopes(), scope.into());
        assert!(caller.subject().is_none());
    }
}

#[test]
fn each_wrong_claim_is_refused_with_its_reason() {
    let mint = mint();
    let authority = authority(vec![mint.key()]);
    let now = NOW.seconds();
    for (claim, value, reason) in [
        ("iss", json!("https://other.example"), "wrong_issuer"),
        ("iss", json!(7), "malformed"),
        ("iss", Value::Null, "missing_claim"),
        ("aud", json!("another"), "wrong_audience"),
        ("aud", json!(["a", "b"]), "wrong_audience"),
        ("aud", json!([]), "wrong_audience"),
        ("aud", json!({"consentry": true}), "malformed"),
        ("aud", Value::Null, "missing_claim"),
        ("exp", json!(now), "expired"),
        ("exp", json!(now - 1), "expired"),
        ("exp", json!(-1e300), "expired"),
        ("exp", json!("2030-01-01"), "malformed"),
        ("exp", Value::Null, "missing_claim"),
        ("nbf", json!(now + 6), "not_yet_valid"),
        ("iat", json!(now + 6), "not_yet_valid"),
        ("nbf", json!([now]), "malformed"),
        ("sub", Value::Null, "missing_claim"),
        ("sub", json!("unheard-of"), "unknown_app"),
        ("sub", json!(42), "malformed"),
        ("scope", Value::Null, "missing_claim"),
        ("scope", json!(["recommend"]), "malformed"),
        ("scope", json!("recommend self"), "mixed_scopes"),
        ("scope", json!("audit:read operate"), "mixed_scopes"),
        ("jti", Value::Null, "missing_claim"),
        ("jti", json!(""), "missing_claim"),
        ("tenant", json!("rival"), "wrong_tenant"),
        ("tenant", json!("Not A Slug"), "malformed"),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        let token = mint.sign(&claims).unwrap();
        let refusal = authority.verify(token.expose(), NOW).unwrap_err();
        assert_eq!(refusal.reason(), reason, "{claim}: {value}");
    }
}

#[test]
fn good_variants_of_claims_pass() {
    let mint = mint();
    let authority = authority(vec![mint.key()]);
    let now = NOW.seconds();
    for (claim, value) in [
        ("aud", json!(["other", "consentry"])),
        ("exp", json!(now + 1)),
        ("exp", json!(1.0e300)),
        ("exp", json!(f64::from(1_700_000_000) + 0.5)),
        ("nbf", json!(now + 5)),
        ("tenant", json!("acme")),
        ("unheard_of", json!({"deep": []})),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        let token = mint.sign(&claims).unwrap();
        assert!(authority.verify(token.expose(), NOW).is_ok(), "{claim}: {value}");
    }
}

fn b64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

fn forged(header: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| b64(value.to_string().as_bytes());
    format!("{}.{}.{}", part(header), part(&claims()), b64(signature))
}

#[test]
fn each_broken_token_is_refused_with_its_reason() {
    let mint = mint();
    let authority = authority(vec![mint.key()]);
    let good = mint.sign(&claims()).unwrap();
    let good = good.expose();
    let (rest, signature) = good.rsplit_once('.').unwrap();
    for (token, reason) in [
        (String::new(), "malformed"),
        ("abc".to_owned(), "malformed"),
        ("a.b.c".to_owned(), "malformed"),
        (format!("{good}.x"), "malformed"),
        (format!("{good}="), "malformed"),
        (format!("{rest}."), "bad_signature"),
        (format!("{rest}.AAAA"), "bad_signature"),
        (format!("{rest}.A{}", signature.get(1..).unwrap()), "bad_signature"),
        ("x".repeat(9000), "malformed"),
        (forged(&json!({"alg": "none"}), b""), "wrong_algorithm"),
        (forged(&json!({"alg": "None", "kid": "k1"}), b""), "wrong_algorithm"),
        (forged(&json!({"alg": "HS512", "kid": "k1"}), &[0; 64]), "wrong_algorithm"),
        (forged(&json!({"alg": "RS256", "kid": "k1"}), &[0; 256]), "wrong_algorithm"),
        (forged(&json!({"alg": "ES256", "kid": "k1"}), &[0; 64]), "wrong_algorithm"),
        (forged(&json!({"alg": "ES256"}), &[0; 64]), "unknown_key"),
        (forged(&json!({"alg": "HS256", "kid": "k2"}), &[0; 32]), "unknown_key"),
        (forged(&json!({"alg": "HS256", "kid": "k1"}), &[0; 32]), "bad_signature"),
        (forged(&json!({"alg": "HS256"}), &[0; 32]), "bad_signature"),
        (forged(&json!({"alg": ["HS256"]}), &[0; 32]), "malformed"),
        (forged(&json!({"kid": "k1"}), &[0; 32]), "malformed"),
        (forged(&json!({"alg": "HS256", "crit": ["b64"]}), &[0; 32]), "malformed"),
    ] {
        let refusal = authority.verify(&token, NOW).unwrap_err();
        assert_eq!(refusal.reason(), reason, "{token}");
    }
    assert!(authority.verify(good, NOW).is_ok());
}

#[test]
fn a_public_key_is_never_a_secret() {
    let pair = pkcs8();
    let mint = Mint::eddsa("ed", &pair, Vouches::everything(ISSUER), "consentry").unwrap();
    let public = Ed25519KeyPair::from_pkcs8(&pair).unwrap().public_key().as_ref().to_vec();
    let forger = Mint::hs256("ed", &public, Vouches::everything(ISSUER), "consentry").unwrap();
    let token = forger.sign(&claims()).unwrap();
    let authority = authority(vec![mint.key()]);

    assert_eq!(authority.verify(token.expose(), NOW).unwrap_err(), AuthError::WrongAlgorithm);

    let nameless = forged(&json!({"alg": "HS256"}), &[0; 32]);
    assert_eq!(authority.verify(&nameless, NOW).unwrap_err(), AuthError::UnknownKey);
    assert!(authority.verify(mint.sign(&claims()).unwrap().expose(), NOW).is_ok());
}

#[test]
fn a_remembered_token_still_expires() {
    let mint = mint();
    let authority = authority(vec![mint.key()]);
    let token = mint.sign(&claims()).unwrap();
    for _ in 0..2 {
        assert!(authority.verify(token.expose(), later(59)).is_ok());
    }
    assert_eq!(authority.verify(token.expose(), later(60)).unwrap_err(), AuthError::Expired);
    assert_eq!(authority.verify(token.expose(), later(60)).unwrap_err(), AuthError::Expired);
}

#[test]
fn a_revoked_key_and_a_denied_token_stop_at_once() {
    let (one, two) = (
        mint(),
        Mint::hs256(
            "k2",
            b"another secret of thirty-two bytes or more",
            Vouches::everything(ISSUER),
            "consentry",
        )
        .unwrap(),
    );
    let authority = authority(vec![one.key(), two.key()]);
    let mut other = claims();
    other["jti"] = json!("t-2");
    let tokens =
        [one.sign(&claims()).unwrap(), two.sign(&claims()).unwrap(), two.sign(&other).unwrap()];
    let verify = |nth: usize| authority.verify(tokens[nth].expose(), NOW).map(drop);
    for nth in 0..3 {
        assert_eq!(verify(nth), Ok(()));
    }

    assert!(authority.revoke_key("k1"));
    assert_eq!(verify(0), Err(AuthError::Revoked));
    assert_eq!((verify(1), verify(2)), (Ok(()), Ok(())));

    authority.deny(&[(TokenId::of("t-2"), later(60))]);
    assert_eq!(verify(2), Err(AuthError::Revoked));
    assert_eq!(verify(1), Ok(()));

    // Tokens never seen before are held to the same.
    let mut fresh = other.clone();
    fresh["scope"] = json!("recommend");
    assert_eq!(
        authority.verify(two.sign(&fresh).unwrap().expose(), NOW).unwrap_err(),
        AuthError::Revoked
    );
    fresh["jti"] = json!("t-3");
    assert_eq!(
        authority.verify(one.sign(&fresh).unwrap().expose(), NOW).unwrap_err(),
        AuthError::Revoked
    );
    assert!(!authority.revoke_key("unheard-of"));
}

#[test]
fn a_refusal_is_not_remembered() {
    let mint = mint();
    let authority = authority(vec![mint.key()]);
    let mut early = claims();
    early["nbf"] = json!(NOW.seconds() + 10);
    let token = mint.sign(&early).unwrap();
    assert_eq!(authority.verify(token.expose(), NOW).unwrap_err(), AuthError::NotYetValid);
    assert!(authority.verify(token.expose(), later(10)).is_ok());
}

#[test]
fn a_key_vouches_for_no_more_than_it_may() {
    let vouches = Vouches {
        issuer: ISSUER.to_owned(),
        tenant: Some(TenantId::parse("acme").unwrap()),
        scopes: Scope::Myself.into(),
    };
    let mint = Mint::hs256("k1", SECRET, vouches, "consentry").unwrap();
    let authority = authority(vec![mint.key()]);
    let with = |scope: &str, tenant: Value| {
        let mut claims = claims();
        claims["scope"] = json!(scope);
        claims["tenant"] = tenant;
        authority.verify(mint.sign(&claims).unwrap().expose(), NOW)
    };

    assert_eq!(with("self", Value::Null).unwrap().tenant().as_str(), "acme");
    assert_eq!(with("self", json!("rival")).unwrap_err(), AuthError::WrongTenant);
    assert!(with("operate", Value::Null).unwrap().scopes().is_empty());
    assert!(with("recommend", Value::Null).unwrap().scopes().is_empty());
}

#[test]
fn keys_come_from_pem_from_jwks_and_from_secrets() {
    let random = Entropy::generator();
    let (pem, es256) = es256_pair(&random);
    let pair = pkcs8();
    let x = b64(Ed25519KeyPair::from_pkcs8(&pair).unwrap().public_key().as_ref());
    let jwks = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x, "alg": "EdDSA"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "enc", "x": x, "use": "enc"},
        {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"},
        {"kty": "oct", "kid": "shared", "k": b64(SECRET)},
    ]})
    .to_string();
    let settings: AuthSettings = toml::from_str(
        r#"
        issuer = "https://id.example"
        [[key]]
        kid = "es"
        algorithm = "ES256"
        from = { file = "es.pem" }
        [[key]]
        kid = "k1"
        algorithm = "HS256"
        from = { env = "SECRET" }
        [[jwks]]
        from = { file = "jwks.json" }
        "#,
    )
    .unwrap();
    let apps: Vec<AppSettings> = vec![toml::from_str("id = 'shop'\npurposes = []").unwrap()];
    let read = |source: &Source| match source {
        Source::File(name) if name == "es.pem" => Ok(pem.clone().into_bytes()),
        Source::File(name) if name == "jwks.json" => Ok(jwks.clone().into_bytes()),
        Source::Env(_) => Ok([SECRET, b"\r\n"].concat()),
        Source::File(_) => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let authority = settings.authority(apps, read).unwrap();

    let eddsa = jsonwebtoken::EncodingKey::from_ed_der(&pair);
    let hs256 = jsonwebtoken::EncodingKey::from_secret(SECRET);
    let es256 = jsonwebtoken::EncodingKey::from_ec_der(&es256);
    for (kid, algorithm, key, expected) in [
        ("es", jsonwebtoken::Algorithm::ES256, &es256, Ok(())),
        ("ed", jsonwebtoken::Algorithm::EdDSA, &eddsa, Ok(())),
        ("k1", jsonwebtoken::Algorithm::HS256, &hs256, Ok(())),
        ("enc", jsonwebtoken::Algorithm::EdDSA, &eddsa, Err(AuthError::UnknownKey)),
        ("shared", jsonwebtoken::Algorithm::HS256, &hs256, Err(AuthError::UnknownKey)),
        ("ed", jsonwebtoken::Algorithm::HS256, &hs256, Err(AuthError::WrongAlgorithm)),
        ("es", jsonwebtoken::Algorithm::EdDSA, &eddsa, Err(AuthError::WrongAlgorithm)),
    ] {
        let mut header = jsonwebtoken::Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        let token = jsonwebtoken::encode(&header, &claims(), key).unwrap();
        assert_eq!(authority.verify(&token, NOW).map(drop), expected, "{kid} {algorithm:?}");
    }
}

#[test]
fn no_number_of_remembered_tokens_takes_all_memory() {
    let text = "issuer = 'https://id.example'\nremembered_tokens = 9223372036854775807";
    let settings: AuthSettings = toml::from_str(text).unwrap();
    let refused = settings.authority(Vec::new(), |_: &Source| Ok(SECRET.to_vec())).unwrap_err();
    assert!(refused.to_string().contains("remembered_tokens"), "{refused}");
}

fn es256_pair(random: &SystemRandom) -> (String, Vec<u8>) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), random).unwrap();
    // SubjectPublicKeyInfo of id-ecPublicKey on prime256v1, RFC 5480, then the point.
    let mut spki = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    spki.extend_from_slice(pair.public_key().as_ref());
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(spki)
    );
    (pem, pkcs8.as_ref().to_vec())
}

/// RFC 7515 A.1 and A.3, RFC 8037 A.4: none holds our claims, so a verified signature shows in the next refusal.
#[test]
fn signatures_of_the_standards_verify() {
    let jwks = json!({"keys": [
        {"kty": "oct", "kid": "hs", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
        {"kty": "EC", "crv": "P-256", "kid": "es", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]});
    let allowed = [Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa];
    let set = jwks.to_string();
    let keys = Key::of_jwks("rfc", set.as_bytes(), &allowed, &Vouches::everything("joe")).unwrap();
    let authority = authority(keys);
    let joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (head, payload, signature, next) in [
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            joe,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            AuthError::MissingClaim { claim: "aud" },
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            joe,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            AuthError::MissingClaim { claim: "aud" },
        ),
        (
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            AuthError::Malformed { part: "claims" },
        ),
    ] {
        let token = format!("{head}.{payload}.{signature}");
        assert_eq!(authority.verify(&token, NOW).unwrap_err(), next, "{head}");
        let swapped = format!("{head}.{payload}.A{}", signature.get(1..).unwrap());
        assert_eq!(authority.verify(&swapped, NOW).unwrap_err(), AuthError::BadSignature, "{head}");
    }
}

#[test]
fn bad_keys_and_apps_are_refused_at_the_start() {
    let everything = || Vouches::everything(ISSUER);
    let key = |algorithm, bytes: &[u8]| Key::new("k", algorithm, bytes, everything()).map(drop);
    assert!(matches!(
        key(Algorithm::Hs256, &[7; 31]),
        Err(SetupError::ShortSecret { length: 31, .. })
    ));
    let public = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
    assert!(matches!(key(Algorithm::Hs256, public), Err(SetupError::BadKey { .. })));
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        assert!(matches!(key(algorithm, b"no pem"), Err(SetupError::BadKey { .. })));
    }
    assert!(Key::ed25519("k", &[0; 31], everything()).is_err());
    let jwks = |set: &str| Key::of_jwks("set", set.as_bytes(), &[Algorithm::EdDsa], &everything());
    assert!(jwks("{}").is_err());
    assert!(jwks(r#"{"keys":[]}"#).is_err());
    assert!(jwks(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"AAAA"}]}"#).is_err());

    let make = |keys, apps| Authority::new("a", Duration::ZERO, 1, keys, apps).map(drop);
    let twice = vec![mint().key(), mint().key()];
    assert!(matches!(make(twice, vec![]), Err(SetupError::DuplicateKey { .. })));
    let twice = vec![app("a", Scopes::APP), app("a", Scopes::APP)];
    assert!(matches!(make(vec![], twice), Err(SetupError::DuplicateApp { .. })));
    let operator = vec![app("a", Scope::Operate.into())];
    assert!(matches!(make(vec![], operator), Err(SetupError::AppScope { .. })));
}

#[test]
fn the_header_gives_its_token() {
    assert_eq!(bearer(Some(b"Bearer a.b.c")), Ok("a.b.c"));
    assert_eq!(bearer(Some(b"bEARER  a.b.c ")), Ok("a.b.c"));
    assert_eq!(bearer(None), Err(AuthError::MissingToken));
    assert_eq!(bearer(Some(b"Basic YTpi")), Err(AuthError::MissingToken));
    assert_eq!(bearer(Some(b"Bear")), Err(AuthError::MissingToken));
    assert_eq!(bearer(Some(b"Bearer \xff")).unwrap_err().reason(), "malformed");
}

proptest! {
    #[test]
    fn random_text_is_refused_and_never_panics(
        text in ".{0,200}", head in "[A-Za-z0-9_-]{0,40}", bytes in any::<Vec<u8>>(),
    ) {
        let authority = authority(vec![mint().key()]);
        prop_assert!(authority.verify(&text, NOW).is_err());
        let token = format!("{head}.{}.{}", b64(&bytes), b64(&bytes));
        prop_assert!(authority.verify(&token, NOW).is_err());
        let _ = bearer(Some(&bytes));
    }

    #[test]
    fn random_signed_claims_never_panic(bytes in any::<Vec<u8>>(), text in ".*", number in any::<f64>()) {
        let mint = mint();
        let authority = authority(vec![mint.key()]);
        for claim in ["iss", "aud", "exp", "nbf", "sub", "scope", "jti", "tenant", "sub_type"] {
            for value in [json!(bytes), json!(text), json!(number)] {
                let mut claims = claims();
                claims[claim] = value;
                let _ = authority.verify(mint.sign(&claims).unwrap().expose(), NOW);
            }
        }
    }
}
