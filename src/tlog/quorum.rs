//! Which witnesses must have signed a checkpoint (C2SP tlog-policy).
//!
//! ```text
//! log <vkey>
//! witness <name> <vkey>
//! group <name> <how many, any or all> <members>…
//! quorum <name, or none>
//! ```
//! Words are parted by white space, an empty line and one that begins with `#` say nothing, and a name stands before it is
//! used.

use std::collections::BTreeMap;

use super::note::{NoteError, Signs, VerifierKey};

/// Which of some witnesses must have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// The witness at this place of the list.
    Witness(usize),
    /// So many of these.
    AtLeast(usize, Vec<Self>),
}

impl Quorum {
    /// No witness need sign.
    #[must_use]
    pub fn none() -> Self {
        Self::AtLeast(0, Vec::new())
    }

    /// `number` of `witnesses` witnesses, whichever.
    #[must_use]
    pub fn of(number: usize, witnesses: usize) -> Self {
        Self::AtLeast(number, (0..witnesses).map(Self::Witness).collect())
    }

    /// Whether it is met when those signed of whom `signed` says so.
    pub fn is_met(&self, signed: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Witness(place) => signed(*place),
            Self::AtLeast(number, members) => {
                members.iter().filter(|member| member.is_met(signed)).count() >= *number
            }
        }
    }
}

/// Whom somebody trusts: logs, witnesses, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    /// The logs.
    pub logs: Vec<VerifierKey>,
    /// The witnesses.
    pub witnesses: Vec<VerifierKey>,
    /// Which of them must have signed.
    pub quorum: Quorum,
}

/// What is wrong with a trust policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// A key cannot be read.
    #[error("line {line}")]
    Key {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: NoteError,
    },
    /// A line says nothing that is known.
    #[error("line {line}: {what}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is not one line that says the quorum.
    #[error("it must have one line `quorum`")]
    NoQuorum,
}

impl TrustPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first line that is wrong, or that none says the quorum.
    pub fn parse(text: &str) -> Result<Self, BadPolicy> {
        let mut read = Reading::default();
        for (line, text) in (1..).zip(text.lines()) {
            let words: Vec<&str> = text.split_whitespace().collect();
            if words.first().is_some_and(|first| !first.starts_with('#')) {
                read.line(line, &words)?;
            }
        }
        let quorum = read.quorum.ok_or(BadPolicy::NoQuorum)?;
        Ok(Self { logs: read.logs, witnesses: read.witnesses, quorum })
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    logs: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    named: BTreeMap<String, Quorum>,
    quorum: Option<Quorum>,
}

impl Reading {
    fn line(&mut self, line: usize, words: &[&str]) -> Result<(), BadPolicy> {
        let wrong = |what| BadPolicy::Line { line, what };
        match *words {
            ["log", key] => self.logs.push(vkey(line, key, Signs::Text)?),
            ["witness", name, key] => {
                let key = vkey(line, key, Signs::Timed)?;
                if self.witnesses.contains(&key) {
                    return Err(wrong("this witness was named before"));
                }
                self.name(line, name, Quorum::Witness(self.witnesses.len()))?;
                self.witnesses.push(key);
            }
            ["group", name, number, ref members @ ..] if !members.is_empty() => {
                let members: Option<Vec<_>> =
                    members.iter().map(|member| self.named.get(*member).cloned()).collect();
                let members = members.ok_or(wrong("a member was not named before"))?;
                let number = match number {
                    "any" => 1,
                    "all" => members.len(),
                    number => number.parse().unwrap_or(0),
                };
                if number == 0 || number > members.len() {
                    return Err(wrong(
                        "a group needs one of its members at least, and all at most",
                    ));
                }
                self.name(line, name, Quorum::AtLeast(number, members))?;
            }
            ["quorum", name] if self.quorum.is_none() => {
                let known = self.named.get(name).cloned();
                let none = (name == "none").then(Quorum::none);
                self.quorum = Some(none.or(known).ok_or(wrong("nothing has this name"))?);
            }
            _ => return Err(wrong("it is none of log, witness, group and one quorum")),
        }
        Ok(())
    }

    fn name(&mut self, line: usize, name: &str, what: Quorum) -> Result<(), BadPolicy> {
        if name == "none" || self.named.insert(name.to_owned(), what).is_some() {
            return Err(BadPolicy::Line { line, what: "this name is taken" });
        }
        Ok(())
    }
}

fn vkey(line: usize, text: &str, signs: Signs) -> Result<VerifierKey, BadPolicy> {
    let key = VerifierKey::parse(text).map_err(|source| BadPolicy::Key { line, source })?;
    let kind = "a log's key signs the text alone, a witness's with a time";
    if key.signs == signs { Ok(key) } else { Err(BadPolicy::Line { line, what: kind }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::NoteSigner;

    fn key(name: &str, signs: Signs, seed: u8) -> String {
        NoteSigner::new(name, signs, &[seed; 32]).unwrap().verifier().to_string()
    }

    fn policy(rest: &str) -> Result<TrustPolicy, BadPolicy> {
        let (log, signs) = (key("log.test/1", Signs::Text, 1), Signs::Timed);
        let [a, b, c] = [("a", 2), ("b", 3), ("c", 4)].map(|(name, seed)| key(name, signs, seed));
        TrustPolicy::parse(&format!(
            "# whom we trust\nlog {log}\n\nwitness a {a}\nwitness b {b}\nwitness c {c}\n{rest}"
        ))
    }

    #[test]
    fn a_quorum_is_met_by_who_it_asks_for() {
        let read = policy("group ours any a b\ngroup both all ours c\nquorum both\n").unwrap();
        assert_eq!((read.logs.len(), read.witnesses.len()), (1, 3));
        let met = |signed: &[usize]| read.quorum.is_met(&|place| signed.contains(&place));
        assert!(met(&[0, 2]) && met(&[1, 2]) && met(&[0, 1, 2]));
        assert!(!met(&[0, 1]) && !met(&[2]) && !met(&[]));
        assert!(policy("quorum none").unwrap().quorum.is_met(&|_| false));
    }

    #[test]
    fn a_policy_that_could_mean_two_things_is_refused() {
        for bad in [
            "",
            "quorum d",
            "quorum a\nquorum b",
            "group a any b\nquorum a",
            "group g 3 a b\nquorum g",
            "group g 0 a b\nquorum g",
            "group g any later\nquorum g",
            "witness d nonsense\nquorum a",
            "anything\nquorum a",
        ] {
            assert!(policy(bad).is_err(), "{bad}");
        }
        let again = key("a", Signs::Timed, 2);
        assert!(policy(&format!("witness d {again}\nquorum d")).is_err());
    }
}
