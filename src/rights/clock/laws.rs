//! The laws that a gateway knows: those that come with it, and an operator's in their place or beside them.

use std::{collections::BTreeMap, fmt};

use jiff::tz::TimeZone;
use ring::digest::{Context, SHA256};

use super::{Calendar, ClockError, Law};
use crate::domain::hex;

const SHIPPED: [(&str, &str); 6] = [
    ("ccpa.toml", include_str!("../../../policies/laws/ccpa.toml")),
    ("gdpr.toml", include_str!("../../../policies/laws/gdpr.toml")),
    ("kr-network-act.toml", include_str!("../../../policies/laws/kr-network-act.toml")),
    ("kr-pipa.toml", include_str!("../../../policies/laws/kr-pipa.toml")),
    ("kr.calendar.toml", include_str!("../../../policies/laws/kr.calendar.toml")),
    ("weekends.calendar.toml", include_str!("../../../policies/laws/weekends.calendar.toml")),
];

/// What the name of a calendar's file ends with.
const CALENDAR: &str = ".calendar.toml";

/// Laws, and the one that counts where a request names none.
#[derive(Clone)]
pub struct Laws {
    laws: BTreeMap<String, Law>,
    usual: String,
}

impl Laws {
    /// The laws that come with the program, `usual` where a request names none, in the zone `home` where a law names none.
    ///
    /// # Errors
    /// When there is no such law or zone.
    pub fn shipped(usual: &str, home: &str) -> Result<Self, ClockError> {
        Self::with(&BTreeMap::new(), usual, home)
    }

    /// The laws that come with the program and those of `own`, by the names of their files: one of the same name stands in
    /// place of ours.
    ///
    /// # Errors
    /// With the file and what is wrong with it; when there is no such law or zone.
    pub fn with(
        own: &BTreeMap<String, String>,
        usual: &str,
        home: &str,
    ) -> Result<Self, ClockError> {
        let unknown = |_| ClockError::File {
            file: "consentry.toml".to_owned(),
            reason: format!("[controller] time_zone: {home} is no name of the time zone database"),
        };
        let home = TimeZone::get(home).map_err(unknown)?;
        let mut files: BTreeMap<&str, &str> = SHIPPED.into_iter().collect();
        files.extend(own.iter().map(|(file, text)| (file.as_str(), text.as_str())));
        let mut calendars = BTreeMap::new();
        for (file, text) in &files {
            if let Some(name) = file.strip_suffix(CALENDAR) {
                calendars.insert(name, (Calendar::parse(file, text)?, *text));
            }
        }
        let mut laws = BTreeMap::new();
        for (file, text) in files.iter().filter(|(file, _)| !file.ends_with(CALENDAR)) {
            let Some(id) = file.strip_suffix(".toml").filter(|id| is_name(id)) else {
                let reason = "a law's file is NAME.toml, a calendar's NAME.calendar.toml; a name is of a-z, 0-9 and '-'";
                return Err(ClockError::File {
                    file: (*file).to_owned(),
                    reason: reason.to_owned(),
                });
            };
            let version = version(text, &calendars);
            let calendar = |name: &str| calendars.get(name).map(|(calendar, _)| calendar.clone());
            laws.insert(id.to_owned(), Law::parse((id, text), version, &home, calendar)?);
        }
        let laws = Self { laws, usual: usual.to_owned() };
        laws.law(None)?;
        Ok(laws)
    }

    /// The law called `name`, or the usual one.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn law(&self, name: Option<&str>) -> Result<&Law, ClockError> {
        let found = self.laws.get(name.unwrap_or(&self.usual));
        found.ok_or_else(|| ClockError::UnknownLaw { known: self.names() })
    }

    /// The names of all laws.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.laws.keys().cloned().collect()
    }
}

impl fmt::Debug for Laws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Laws").field("laws", &self.names()).field("usual", &self.usual).finish()
    }
}

fn is_name(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&id.len()) && id.bytes().all(plain)
}

/// The first 8 bytes of the SHA-256 over a law's text and every calendar's, each after its length.
fn version(text: &str, calendars: &BTreeMap<&str, (Calendar, &str)>) -> String {
    let mut hash = Context::new(&SHA256);
    for part in [text].into_iter().chain(calendars.values().map(|(_, text)| *text)) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(hash.finish().as_ref().get(..8).unwrap_or_default())
}
