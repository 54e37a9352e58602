//! The versions of the policy that were ever in force, as the store keeps them, and which one is.
//!
//! A version's files are written first, in parts that fit any limit of the store; nothing points at them until one batch
//! names the version as the one in force, together with the log's row that says so. So after a crash one version is in
//! force, whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::ChangeError;
use crate::{
    ambient::Clock,
    audit::{Announced, Audit, Draft, Event},
    domain::Timestamp,
    policy::{Bundle, Files, Purpose, version_of},
    store::{Batch, Key, Leaf, Put, Store},
};

/// The most bytes of a file in one record.
const PART: usize = 8_000;

/// The versions in one store.
#[derive(Clone, Debug)]
pub(super) struct Versions {
    pub(super) store: Store,
    pub(super) audit: Audit,
    pub(super) clock: Clock,
}

/// One time that a version came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its number, from 1.
    pub number: u32,
    /// The version: `sha256:` and hex.
    pub version: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How: `start` for the first, which came from the configured folder, else `apply`.
    pub how: String,
    /// Who, as the log's body names them; nothing in records of earlier versions of the program.
    #[serde(default)]
    pub by: Option<String>,
}

/// Standings are yet to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) from: String,
    pub(super) to: String,
}

/// The files of a version, and in how many parts each is.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    parts: BTreeMap<String, u32>,
}

/// What a step that brings a version into force says.
pub(super) struct Entry<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) how: &'static str,
    pub(super) by: &'a str,
    /// The version before, where there is one.
    pub(super) before: Option<&'a str>,
    /// What else the log's row says.
    pub(super) told: serde_json::Value,
    pub(super) pending: Option<&'a Pending>,
}

impl Versions {
    /// The version in force; nothing in a store that never had one.
    pub(super) fn current(&self) -> Result<Option<Applied>, ChangeError> {
        self.read(b"o/policy/current")
    }

    /// Every time that a version came into force, oldest first.
    pub(super) fn history(&self) -> Result<Vec<Applied>, ChangeError> {
        let found = self.store.scan(b"o/policy/applied/");
        found.map(|found| decoded(&found?.1.value)).collect()
    }

    /// What is yet to be done of the last change.
    pub(super) fn pending(&self) -> Result<Option<Pending>, ChangeError> {
        self.read(PENDING)
    }

    /// Says that nothing of the last change is left to be done.
    pub(super) async fn done(&self) -> Result<(), ChangeError> {
        let delete = vec![Key::new(PENDING)];
        self.store.commit(Batch { delete, ..Batch::default() }).await?;
        Ok(())
    }

    /// The whole name of the one version that was in force and begins with `name`, with or without `sha256:`.
    pub(super) fn named(&self, name: &str) -> Result<String, ChangeError> {
        let current = self.current()?;
        if name == "current" {
            return current.map(|known| known.version).ok_or_else(|| unknown(name));
        }
        let wanted = name.strip_prefix("sha256:").unwrap_or(name);
        let mut found: Vec<String> = self.history()?.into_iter().map(|a| a.version).collect();
        found.sort_unstable();
        found.dedup();
        found.retain(|known| known.strip_prefix("sha256:").is_some_and(|h| h.starts_with(wanted)));
        match found.pop() {
            Some(version) if found.is_empty() && wanted.len() >= 4 => Ok(version),
            _ => Err(unknown(name)),
        }
    }

    /// The files of a version.
    pub(super) fn files(&self, version: &str) -> Result<Files, ChangeError> {
        let manifest: Manifest =
            self.read(&manifest_key(version))?.ok_or_else(|| unknown(version))?;
        let damaged = || ChangeError::Damaged { version: version.to_owned() };
        let mut files = Files::new();
        for (name, parts) in manifest.parts {
            let mut bytes = Vec::new();
            for part in 0..parts {
                let record = self.store.read(&part_key(version, &name, part))?;
                bytes.extend(record.ok_or_else(damaged)?.value);
            }
            files.insert(name, String::from_utf8(bytes).map_err(|_| damaged())?);
        }
        if version_of(&files) == version { Ok(files) } else { Err(damaged()) }
    }

    /// A version, read anew: as if it had never been in force.
    pub(super) fn bundle(&self, version: &str) -> Result<Bundle, ChangeError> {
        Ok(Bundle::parse(self.files(version)?)?)
    }

    /// Keeps a bundle's files, and returns the batch that brings it into force, and the words that come
    /// with it. Waits for the disk.
    pub(super) fn entry(&self, entry: &Entry<'_>) -> Result<(Batch, Announced), ChangeError> {
        let version = entry.bundle.version();
        let manifest = self.keep(version, entry.bundle.files())?;
        let before = self.current()?;
        let applied = Applied {
            number: before.map_or(1, |before| before.number.saturating_add(1)),
            version: version.to_owned(),
            at_ms: self.clock.now().millis(),
            how: entry.how.to_owned(),
            by: Some(entry.by.to_owned()),
        };
        let mut put = vec![
            self.put(b"o/policy/current", &applied)?,
            self.put(&applied_key(applied.number), &applied)?,
        ];
        if self.store.read(&Key::new(&manifest_key(version)))?.is_none() {
            put.push(self.put(&manifest_key(version), &manifest)?);
        }
        if let Some(pending) = entry.pending {
            put.push(self.put(PENDING, pending)?);
        }
        let purposes = entry.bundle.catalogue().purposes().iter().map(Purpose::id);
        let announced = self.audit.announce(entry.bundle.ruleset(), purposes)?;
        let leaf = self.row(entry, &applied, &announced)?;
        put.push(announced.put.clone());
        Ok((Batch { put, leaves: vec![leaf], ..Batch::default() }, announced))
    }

    /// Writes a bundle's files in parts; those that are there already stay.
    fn keep(&self, version: &str, files: &Files) -> Result<Manifest, ChangeError> {
        let mut parts = BTreeMap::new();
        for (name, text) in files {
            let mut count = 0;
            for part in text.as_bytes().chunks(PART) {
                let key = part_key(version, name, count);
                let known = self.store.read(&key)?;
                if known.as_ref().is_none_or(|known| known.value != part) {
                    let version = known.map_or(0, |known| known.version) + 1;
                    let put = vec![Put { key, version, value: part.to_vec() }];
                    self.store.commit_blocking(Batch { put, ..Batch::default() })?;
                }
                count += 1;
            }
            parts.insert(name.clone(), count);
        }
        Ok(Manifest { parts })
    }

    fn row(
        &self,
        entry: &Entry<'_>,
        applied: &Applied,
        announced: &Announced,
    ) -> Result<Leaf, ChangeError> {
        let body = json!({
            "t_ms": applied.at_ms,
            "version": applied.version,
            "number": applied.number,
            "before": entry.before,
            "by": entry.by,
            "vocabulary": entry.bundle.vocabulary(),
            "changed": entry.told,
        });
        let draft = Draft {
            event: Event::PolicyChanged,
            outcome: "in_force",
            reason: entry.how,
            purpose: None,
            recipient: None,
            ruleset: entry.bundle.ruleset().to_owned(),
            at: Timestamp::from_millis(applied.at_ms),
            rows: None,
            body: body.to_string().into_bytes(),
        };
        Ok(self.audit.seal_announcing(draft, announced)?)
    }

    fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, ChangeError> {
        let record = self.store.read(&Key::new(key))?;
        record.map(|record| decoded(&record.value)).transpose()
    }

    /// The next version of the record under `key`; others that write it at the same time conflict.
    fn put(&self, key: &[u8], value: &impl Serialize) -> Result<Put, ChangeError> {
        let key = Key::new(key);
        let version = self.store.read(&key)?.map_or(0, |record| record.version) + 1;
        let value = serde_json::to_vec(value).map_err(ChangeError::Record)?;
        Ok(Put { key, version, value })
    }
}

const PENDING: &[u8] = b"o/policy/migration";

fn applied_key(number: u32) -> Vec<u8> {
    [b"o/policy/applied/".as_slice(), &number.to_be_bytes()].concat()
}

fn manifest_key(version: &str) -> Vec<u8> {
    [b"o/policy/version/", version.as_bytes()].concat()
}

fn part_key(version: &str, name: &str, part: u32) -> Key {
    let [version, name] = [version, name].map(str::as_bytes);
    Key::new(&[b"o/policy/file/", version, b"/", name, b"/", &part.to_be_bytes()].concat())
}

fn decoded<T: DeserializeOwned>(value: &[u8]) -> Result<T, ChangeError> {
    serde_json::from_slice(value).map_err(ChangeError::Record)
}

fn unknown(name: &str) -> ChangeError {
    ChangeError::UnknownVersion { name: name.to_owned() }
}
