//! One row of the log: the leaf that anyone may read, and the body that only the person's key opens.
//!
//! The leaf is canonical JSON (sorted keys, ASCII, integers) of closed words, a commitment and a tag:
//!
//! ```text
//! K_aud = X(K_s, "consentry/audit/v1")      at audit epoch 0, X(K_s, "consentry/audit/v1" ‖ u32be epoch) after
//! tag   = HMAC(X(K_aud, "tag"), n)[:16]     finds a person's rows, for who holds K_aud
//! salt  = X(K_aud, "salt" ‖ n)              opens one row, together with its body
//! c     = HMAC(salt, body)
//! ```
//!
//! The nonce `n` is drawn when a draft is sealed, and the draft is consumed: a retry is a new draft, so no nonce is
//! ever used for two bodies and the body's key can be used with a nonce of zeros.

use std::fmt::Write as _;

use ring::hmac;

use super::{
    AuditError, Event, Marks,
    finding::tag_with,
    row::{NOTHING, Previous, Row},
    words,
};
use crate::{
    ambient::Entropy,
    domain::{GatewayName, PurposeId, RecipientId, Timestamp},
    store::Leaf,
    vault::{KeyEvent, SubjectKey, expand, mac, open, seal},
};

/// What is to be written, before it is sealed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What happened.
    pub event: Event,
    /// How it ended: a tier for decisions, a state for consents; a closed word.
    pub outcome: &'static str,
    /// Why: a reason code; a closed word.
    pub reason: &'static str,
    /// For which purpose, if for one.
    pub purpose: Option<PurposeId>,
    /// Who received data, if anyone did.
    pub recipient: Option<RecipientId>,
    /// The first 8 bytes, in hex, of the SHA-256 of the policy in force.
    pub ruleset: String,
    /// When. The leaf says the minute.
    pub at: Timestamp,
    /// How many rows the event is about, where it counts rows.
    pub rows: Option<u64>,
    /// Everything else, as JSON: only who may open the row reads it.
    pub body: Vec<u8>,
}

/// What only some rows say openly.
#[derive(Debug, Default)]
pub struct Also<'a> {
    /// The key of the person who came to be known, or who was erased, and which of the two.
    pub key: Option<(&'a SubjectKey, KeyEvent)>,
    /// The log that this one goes on from.
    pub previous: Option<Previous<'a>>,
    /// The SHA-256 of the vocabulary that comes into force.
    pub vocabulary: Option<[u8; 32]>,
}

/// The keys of one person's rows in one audit epoch.
#[derive(Debug)]
pub struct RowKeys {
    audit: zeroize::Zeroizing<[u8; 32]>,
    tag: hmac::Key,
}

impl RowKeys {
    /// The keys of `key`'s rows. Each export of a person's rows raises the epoch, so what was exported opens no
    /// later row.
    #[must_use]
    pub fn of(key: &SubjectKey, audit_epoch: u32) -> Self {
        let epoch = audit_epoch.to_be_bytes();
        let suffix: &[u8] = if audit_epoch == 0 { &[] } else { &epoch };
        let audit = key.derive(&[b"consentry/audit/v1", suffix]);
        let tag = hmac::Key::new(hmac::HMAC_SHA256, expand(&audit, &[b"tag"]).as_slice());
        Self { audit, tag }
    }

    /// The tag of the row with nonce `n`.
    #[must_use]
    pub fn tag(&self, n: &[u8; 16]) -> [u8; 16] {
        tag_with(&self.tag, n)
    }

    /// The key of the tags: it finds this person's rows of this epoch, and opens none of them.
    #[must_use]
    pub fn tag_key(&self) -> zeroize::Zeroizing<[u8; 32]> {
        expand(&self.audit, &[b"tag"])
    }

    /// Whether a row with nonce `n` and tag `y` is this person's, of this epoch.
    #[must_use]
    pub fn finds(&self, (n, y): &Marks) -> bool {
        self.tag(n) == *y
    }

    /// What opens the commitment of the row with nonce `n`, and nothing else.
    #[must_use]
    pub fn salt(&self, n: &[u8; 16]) -> zeroize::Zeroizing<[u8; 32]> {
        expand(&self.audit, &[b"salt", n])
    }

    /// Opens the body of the row with nonce `n`.
    ///
    /// # Errors
    /// When it is not a row of this person and epoch, or was changed.
    pub fn open_body(&self, n: &[u8; 16], sealed: Vec<u8>) -> Result<Vec<u8>, AuditError> {
        Ok(open(&expand(&self.audit, &[b"body", n]), [0; 12], n, sealed)?)
    }
}

impl Draft {
    /// Seals the draft under a person's row keys, or those of nobody.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn seal(
        self,
        keys: &RowKeys,
        gateway: &GatewayName,
        also: &Also<'_>,
        entropy: &Entropy,
    ) -> Result<Leaf, AuditError> {
        debug_assert!(
            words::are_closed(self.outcome, self.reason),
            "{} / {} are no words of the log",
            self.outcome,
            self.reason
        );
        let n: [u8; 16] = entropy.draw()?;
        let commitment = mac(&*keys.salt(&n), &[&self.body]);
        let entry = self.entry(gateway, &n, (&commitment, &keys.tag(&n)), also);
        let body = seal(&expand(&keys.audit, &[b"body", &n]), [0; 12], &n, self.body)?;
        Ok(Leaf { entry: entry.into_bytes(), nonce: n, body, at: self.at })
    }

    /// The leaf as anyone may read it.
    fn entry(
        &self,
        gateway: &GatewayName,
        n: &[u8; 16],
        (commitment, tag): (&[u8; 32], &[u8; 16]),
        also: &Also<'_>,
    ) -> String {
        let row = Row {
            commitment: *commitment,
            event: self.event.as_str(),
            gateway: gateway.as_str(),
            key: also.key.map(|(key, event)| key.commitment(event)),
            nonce: *n,
            outcome: self.outcome,
            purpose: self.purpose.as_ref().map_or(NOTHING, PurposeId::as_str),
            previous: also.previous,
            reason: self.reason,
            rows: self.rows,
            ruleset: &self.ruleset,
            minute: self.at.minute(),
            recipient: self.recipient.as_ref().map_or(NOTHING, RecipientId::as_str),
            vocabulary: also.vocabulary,
            tag: *tag,
        };
        let mut entry = String::with_capacity(320);
        // A string takes all that is written to it.
        let _ = write!(entry, "{row}");
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::vectors;

    fn draft() -> Draft {
        Draft {
            event: Event::Decision,
            outcome: "individual",
            reason: "consented",
            purpose: Some(PurposeId::parse("recommend_products").unwrap()),
            recipient: Some(RecipientId::parse("recsys-eu").unwrap()),
            ruleset: "9f86d081884c7d65".to_owned(),
            at: Timestamp::from_millis(1_760_000_040_123),
            rows: None,
            body: br#"{"request":"018f0000-0000-7000-8000-000000000000","t_ms":1760000040123}"#
                .to_vec(),
        }
    }

    #[test]
    fn a_leaf_is_the_published_vector() {
        let keys = RowKeys::of(&vectors::key(), 0);
        let n: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let draft = draft();
        let commitment = mac(&*keys.salt(&n), &[&draft.body]);
        let gateway = GatewayName::parse("gw-1").unwrap();
        assert_eq!(
            draft.entry(&gateway, &n, (&commitment, &keys.tag(&n)), &Also::default()),
            r#"{"c":"CbAg40nnIMcfCWfGEn4JjJ3tWT-7eody2wUOASYz7ik","e":"decision","g":"gw-1","n":"AAECAwQFBgcICQoLDA0ODw","o":"individual","p":"recommend_products","r":"consented","s":"9f86d081884c7d65","t":1760000040,"u":"recsys-eu","v":1,"y":"RvQef0BphCNFfuHLxitVDw"}"#
        );
    }

    #[test]
    fn only_the_persons_keys_of_that_epoch_open_a_row() {
        let gateway = GatewayName::parse("gw-1").unwrap();
        let keys = RowKeys::of(&vectors::key(), 0);
        let leaf = draft().seal(&keys, &gateway, &Also::default(), &Entropy::seeded(1)).unwrap();
        assert_eq!(keys.open_body(&leaf.nonce, leaf.body.clone()).unwrap(), draft().body);
        assert!(RowKeys::of(&vectors::key(), 1).open_body(&leaf.nonce, leaf.body.clone()).is_err());
        assert!(!leaf.body.windows(7).any(|w| w == b"request"));
    }

    #[test]
    fn two_rows_of_one_person_share_no_field_that_links_them() {
        let gateway = GatewayName::parse("gw-1").unwrap();
        let (keys, entropy) = (RowKeys::of(&vectors::key(), 0), Entropy::seeded(1));
        let rows: Vec<serde_json::Value> = (0..2)
            .map(|_| {
                let leaf = draft().seal(&keys, &gateway, &Also::default(), &entropy).unwrap();
                serde_json::from_slice(&leaf.entry).unwrap()
            })
            .collect();
        for field in ["c", "n", "y"] {
            assert_ne!(rows[0][field], rows[1][field]);
        }
    }
}
