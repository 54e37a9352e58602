//! What receipts say of the processing, and that is the same for everybody: kept once, under its hash.
//!
//! An act names the terms that held when it was done, so its receipt can be worded again after the policy or the
//! configuration has changed, and says then what it said at first. Terms are about no one; they are not sealed under a
//! person's key, and stay when people go.

use std::{
    collections::HashSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{
    Act, Action, Audience, ConsentError, Standing,
    receipt::{ALL_DATA, CONTROLLER, NoticeHash, Party, Pii, PurposeTerms, Recipient},
    signal::heeds_signals,
};
use crate::{
    domain::{Controller, Country},
    policy::{Basis, Bundle, Catalogue, Purpose},
    store::{Batch, Key, Put, Store},
};

/// The prefix of terms: then their SHA-256.
const TERMS: &[u8] = b"w/";

/// The rights that calls of the gateway serve, in words.
const RIGHTS: [&str; 8] =
    ["withdraw", "access", "rectify", "erase", "restrict", "port", "object", "explain"];

/// What receipts say of the processing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    /// The purposes, without what one act adds.
    pub(super) purposes: Vec<PurposeTerms>,
    pub(super) parties: Vec<Party>,
    /// The notice in force and its language, for acts that need none.
    pub(super) notice: NoticeHash,
    pub(super) language: String,
}

/// Words terms, and keeps them.
pub(super) struct Wording {
    controller: Controller,
    /// The hashes of terms that are known to be on the disk.
    known: Mutex<HashSet<[u8; 32]>>,
}

impl Wording {
    pub(super) fn new(controller: Controller) -> Self {
        Self { controller, known: Mutex::default() }
    }

    /// The hash of the terms under which `act` is done, after which `standing` holds; nothing where the act is on no
    /// consent. Terms that nobody has kept go to the journal before the act does.
    pub(super) fn of(
        &self,
        store: &Store,
        bundle: &Bundle,
        audiences: &[Audience],
        (act, standing): (&Act, &Standing),
    ) -> Result<Option<[u8; 32]>, ConsentError> {
        let Some(terms) = self.terms(bundle.catalogue(), audiences, act, standing) else {
            return Ok(None);
        };
        // Strings, numbers and lists are always written.
        let value = serde_json::to_vec(&terms).unwrap_or_default();
        let hash = sha256(&value);
        self.keep(store, hash, value)?;
        Ok(Some(hash))
    }

    fn keep(&self, store: &Store, hash: [u8; 32], value: Vec<u8>) -> Result<(), ConsentError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&hash) {
            return Ok(());
        }
        let key = terms_key(&hash);
        if store.read(&key)?.is_some() {
            known().insert(hash);
            return Ok(());
        }
        // It goes with the group of the act that comes right behind it. Another that keeps the same conflicts with it,
        // and they are there. Urgent, because a withdrawal is.
        let put = vec![Put { key, version: 1, value }];
        drop(store.commit_soon(Batch { put, urgent: true, ..Batch::default() }));
        Ok(())
    }

    /// What the receipt of `act` says of the processing; of the standing after it, only a change of names asks.
    pub(super) fn terms(
        &self,
        catalogue: &Catalogue,
        audiences: &[Audience],
        act: &Act,
        standing: &Standing,
    ) -> Option<Terms> {
        let all = catalogue.purposes().iter();
        let purposes: Vec<&Purpose> = match (act.action, &act.purpose) {
            (action, _) if !action.is_on_consent() => return None,
            (Action::Object, _) => all.filter(|purpose| heeds_signals(purpose)).collect(),
            (Action::Carry, _) => {
                let given = |p: &&Purpose| {
                    let known = standing.purpose(p.id());
                    known.is_some_and(|known| known.consent.in_force(act.at).is_some())
                };
                all.filter(given).collect()
            }
            (_, Some(id)) => vec![catalogue.purpose(id)?],
            (_, None) => return None,
        };
        let (language, notice) = purposes.first()?.notice(&catalogue.languages().first()?.clone());
        let (notice, language) = (
            NoticeHash {
                version: notice.version().to_owned(),
                sha256: notice.digest().to_owned(),
                shown: false,
            },
            language.to_owned(),
        );
        let several = act.purpose.is_none();
        let worded = purposes.iter().map(|p| self.purpose(catalogue, audiences, p, several));
        Some(Terms { purposes: worded.collect(), parties: vec![self.party()], notice, language })
    }

    fn purpose(
        &self,
        catalogue: &Catalogue,
        audiences: &[Audience],
        purpose: &Purpose,
        several: bool,
    ) -> PurposeTerms {
        let country = self.controller.country.map(|country| country.as_str().to_owned());
        let theirs = || audiences.iter().filter(|a| a.purposes.contains(purpose.id()));
        let mut elsewhere: Vec<String> =
            theirs().filter(|a| !a.third_party).filter_map(|a| a.country).map(code).collect();
        elsewhere.sort_unstable();
        elsewhere.dedup();
        PurposeTerms {
            purpose: purpose.dpv().to_owned(),
            purpose_id: purpose.id().to_string(),
            lawful_basis: basis(purpose.basis()).to_owned(),
            pii_information: if several { vec![all_data()] } else { pii(catalogue, purpose) },
            pii_controllers: vec![CONTROLLER.to_owned()],
            collection_method: String::new(),
            storage_locations: country.clone().into_iter().collect(),
            retention_period: format!("P{}D", purpose.retention_days()),
            processing_locations: elsewhere,
            jurisdiction: country.unwrap_or_default(),
            recipient_third_parties: theirs()
                .filter(|audience| audience.third_party)
                .map(|audience| Recipient {
                    party_id: audience.recipient.to_string(),
                    country: audience.country.map(code).unwrap_or_default(),
                })
                .collect(),
            withdrawal_method: self
                .controller
                .url
                .clone()
                .unwrap_or_else(|| "POST /v1/consents, action withdraw".to_owned()),
            privacy_rights: RIGHTS.map(str::to_owned).to_vec(),
        }
    }

    fn party(&self) -> Party {
        let Controller { name, address, contact, url, .. } = &self.controller;
        Party {
            party_id: CONTROLLER.to_owned(),
            party_name: name.clone(),
            party_address: address.clone(),
            party_contact: contact.clone(),
            party_type: "https://w3id.org/dpv#DataController".to_owned(),
            party_url: url.clone(),
        }
    }
}

impl Terms {
    /// The terms with this hash; nothing if they are not there.
    pub(super) fn read(store: &Store, hash: &[u8; 32]) -> Result<Option<Self>, ConsentError> {
        let record = store.read(&terms_key(hash))?;
        Ok(record.and_then(|record| serde_json::from_slice(&record.value).ok()))
    }
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wording(…)")
    }
}

fn terms_key(hash: &[u8; 32]) -> Key {
    Key::new(&[TERMS, hash].concat())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

fn code(country: Country) -> String {
    country.as_str().to_owned()
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Consent => "https://w3id.org/dpv#Consent",
        Basis::Contract => "https://w3id.org/dpv#Contract",
        Basis::LegalObligation => "https://w3id.org/dpv#LegalObligation",
    }
}

/// An objection and a change of names are about purposes, whatever data they use.
fn all_data() -> Pii {
    let (pii_type, detail) = (ALL_DATA.to_owned(), String::new());
    Pii { pii_type, sensitive_pii_category: false, detail }
}

fn pii(catalogue: &Catalogue, purpose: &Purpose) -> Vec<Pii> {
    let personal = catalogue.categories_of(purpose).filter(|category| category.personal());
    let told = personal.map(|category| Pii {
        pii_type: category.id().to_string(),
        sensitive_pii_category: category.sensitive(),
        detail: String::new(),
    });
    told.collect()
}
