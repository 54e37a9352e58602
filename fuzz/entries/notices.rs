//! Snapshots of notices and receipts, as callers hand them back. The first byte says whether the rest is a token, or
//! the claims of one that is signed in truth.

use std::sync::LazyLock;

use consentry::{
    ambient::Entropy,
    consent::{Receipt, Snapshot},
    jose::{PublicKey, Signer},
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::Value;

static SIGNER: LazyLock<Signer> = LazyLock::new(signer);

/// Verifies what `data` holds.
pub fn run(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if how % 2 == 0 {
        assert!(Snapshot::verify(&SIGNER, text).is_err(), "a snapshot that nobody signed passes");
        assert!(Receipt::verify(&keys(), text).is_err(), "a receipt that nobody signed passes");
        return;
    }
    let Ok(claims) = serde_json::from_str::<Value>(text) else { return };
    let token = SIGNER.sign("consentry-notice+jwt", &claims).unwrap();
    assert!(Receipt::verify(&keys(), &token).is_err(), "a snapshot passes as a receipt");
    if let Ok(snapshot) = Snapshot::verify(&SIGNER, &token) {
        let again = snapshot.sign(&SIGNER).unwrap();
        assert_eq!(Snapshot::verify(&SIGNER, &again).unwrap(), snapshot);
    }
    let other = SIGNER.sign("jwt", &claims).unwrap();
    assert!(Snapshot::verify(&SIGNER, &other).is_err(), "a token of another type passes");
}

fn keys() -> [PublicKey; 1] {
    [SIGNER.public().clone()]
}

fn signer() -> Signer {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&Entropy::generator()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    Signer::new(pkcs8.as_ref(), pair.public_key().as_ref().try_into().unwrap())
}
