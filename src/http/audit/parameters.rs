//! The query parameters of an auditor's read, and of a person's.
//!
//! A list is given by repeating its parameter or with commas. A parameter that a read does not have is refused: a filter
//! that is misspelt would else let everything through.

use std::collections::BTreeSet;

use axum::extract::{Query, rejection::QueryRejection};

use super::super::{Problem, ProblemKind};
use crate::{audit::Span, domain::Timestamp};

/// How many entries a page has that says nothing of it, and the most.
pub(in crate::http) const PAGE: usize = 100;
pub(in crate::http) const LARGEST_PAGE: usize = 1000;

/// What an extractor gives of a query.
pub(in crate::http) type Given = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The parameters of one call.
#[derive(Debug)]
pub(in crate::http) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters, if each is one of `known`.
    pub(in crate::http) fn read(given: Given, known: &[&str]) -> Result<Self, Problem> {
        let list = known.join("`, `");
        let Ok(Query(given)) = given else {
            let detail = format!("The query must be form-encoded; its parameters are `{list}`.");
            return Err(Problem::new(ProblemKind::InvalidParameter, detail).with("known", known));
        };
        if given.iter().any(|(name, _)| !known.contains(&name.as_str())) {
            let detail = format!("A parameter is none of this call, which takes `{list}`.");
            return Err(Problem::new(ProblemKind::InvalidParameter, detail).with("known", known));
        }
        Ok(Self(given))
    }

    /// The value of a parameter that may stand once.
    pub(in crate::http) fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let first = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            None => Ok(first),
            Some(_) => Err(wrong(name, "may stand once")),
        }
    }

    /// The words of a list, sorted and each once.
    pub(in crate::http) fn list(&self, name: &'static str) -> Vec<String> {
        let values = self.0.iter().filter(|(known, _)| known == name);
        let words: BTreeSet<&str> = values.flat_map(|(_, value)| value.split(',')).collect();
        words.into_iter().map(str::to_owned).collect()
    }

    /// The words of a list, if each is one of `known`.
    pub(in crate::http) fn words(
        &self,
        name: &'static str,
        known: &BTreeSet<String>,
    ) -> Result<Vec<String>, Problem> {
        let words = self.list(name);
        if words.iter().all(|word| known.contains(word)) {
            return Ok(words);
        }
        Err(wrong(name, "has a word that is in no vocabulary here; `known` lists those that are")
            .with("known", known))
    }

    /// From when to when.
    pub(in crate::http) fn span(&self) -> Result<Span, Problem> {
        let span = Span { from: self.moment("from")?, until: self.moment("until")? };
        match (span.from, span.until) {
            (Some(from), Some(until)) if until <= from => {
                Err(wrong("until", "must lie after `from`"))
            }
            _ => Ok(span),
        }
    }

    fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let rule = "must be RFC 3339 with an offset, such as 2026-11-22T09:00:00Z; in a URL a plus sign is written %2B";
        let parse = |text| Timestamp::parse(text).map_err(|_| wrong(name, rule));
        self.one(name)?.map(parse).transpose()
    }

    /// How large a page is wanted; nothing if the call does not say.
    pub(in crate::http) fn limit(&self) -> Result<Option<usize>, Problem> {
        self.limit_up_to(LARGEST_PAGE)
    }

    /// As [`Parameters::limit`], where a page has `largest` entries at most.
    pub(in crate::http) fn limit_up_to(&self, largest: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.one("limit")? else { return Ok(None) };
        let size = text.parse().ok().filter(|size| (1..=largest).contains(size));
        let rule = format!("must be a whole number from 1 to {largest}");
        size.map(Some).ok_or_else(|| wrong("limit", &rule))
    }
}

/// A problem with one parameter.
pub(in crate::http) fn wrong(name: &'static str, rule: &str) -> Problem {
    Problem::new(ProblemKind::InvalidParameter, format!("`{name}` {rule}.")).with("name", name)
}

/// A cursor that is none.
pub(in crate::http) fn wrong_cursor() -> Problem {
    wrong(
        "cursor",
        "is not one that this call gave for these parameters; begin without it, or leave all but `limit` as they were",
    )
}

/// The span as a part of what was asked.
pub(in crate::http) fn told(span: Span) -> [Option<String>; 2] {
    [span.from.map(Timestamp::rfc3339), span.until.map(Timestamp::rfc3339)]
}
