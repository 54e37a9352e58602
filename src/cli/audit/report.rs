//! What a verification is told as: lines for a reader, or one JSON object for a script.

use std::{collections::BTreeMap, error::Error as _};

use serde_json::{Value, json};

use super::verify::Outcome;
use crate::{
    audit::{Opening, Tally},
    domain::{Timestamp, hex},
    tlog::{Trust, Verified, Wrong},
};

/// What was found to hold.
pub(super) struct Found {
    pub(super) verified: Verified,
    /// How many rows were pruned, also before an earlier verification stopped.
    pub(super) pruned: u64,
}

/// What a verification is told from.
pub(super) struct Report<'a> {
    pub(super) found: Outcome,
    /// What the rows add up to, unless they are not ours.
    pub(super) tally: Option<&'a Tally>,
    pub(super) trust: &'a Trust<'a>,
    pub(super) clock_step: i64,
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        match &self.found {
            Ok(found) => {
                let mut lines = self.log(found);
                lines.extend(self.tally.into_iter().flat_map(|tally| self.rows(tally)));
                lines.push("verified".to_owned());
                lines.join("\n")
            }
            Err(wrong) => format!("WRONG: {}", whole(wrong)),
        }
    }

    /// What was checked of the log as such.
    fn log(&self, found: &Found) -> Vec<String> {
        let Verified { checkpoint, witnessed, rows, before, since, .. } = &found.verified;
        let (origin, size) = (&checkpoint.origin, checkpoint.size);
        let mut lines = vec![
            format!("log          {origin}: {size} rows, signed with its key"),
            format!("root         {}, computed from the rows", hex(&checkpoint.root)),
            format!("rows         {rows} read, each held against the tiles of every level"),
        ];
        if *before > 0 {
            lines.push(format!("before       {before} rows verified before, and gone on from"));
        }
        if found.pruned > 0 {
            let pruned = found.pruned;
            lines.push(format!("pruned       {pruned} rows CANNOT BE READ: the log dropped them"));
        }
        for since in since {
            lines.push(format!("since        goes on from the kept checkpoint of {since} rows"));
        }
        for (name, time) in witnessed {
            lines.push(format!("witness      {name}, at {}", moment(i64::try_from(*time).ok())));
        }
        if self.trust.witnesses.is_empty() {
            lines.push("witness      none asked for".to_owned());
        }
        lines
    }

    /// What was checked of what the rows say.
    fn rows(&self, tally: &Tally) -> Vec<String> {
        let rulesets = tally.rulesets.len();
        let shown = tally.rulesets.values().filter(|ruleset| ruleset.commitment.is_some()).count();
        let (first, latest) = (moment(tally.first_minute), moment(tally.latest_minute));
        let (back, may) = (tally.largest_step_back, self.clock_step);
        let mut lines = vec![
            format!(
                "words        all of the vocabularies of {rulesets} rulesets, {shown} committed to"
            ),
            format!("time         {first} to {latest}; stepped back {back} s at most, may {may}"),
        ];
        if let Some(Opening { origin: Some(origin), size, root }) = &tally.opening {
            let root = hex(root);
            lines.push(format!("goes on from {origin}: {size} rows, root {root}"));
        }
        for (name, counts) in counted(tally) {
            let counts: Vec<_> = counts.iter().map(|(word, n)| format!("{word} {n}")).collect();
            lines.push(format!("{name:<12} {}", counts.join(", ")));
        }
        let Tally { created, erased, bodies_dropped, .. } = tally;
        let live = i128::from(*created) - i128::from(*erased);
        lines
            .push(format!("people       {created} created, {erased} erased: {live} keys by count"));
        lines.push(format!("bodies       {bodies_dropped} dropped at the end of retention"));
        lines
    }

    pub(super) fn json(&self) -> Value {
        let found = match &self.found {
            Ok(found) => found,
            Err(wrong) => {
                let said = json!({ "what": whole(wrong), "row": wrong.row() });
                return json!({ "verified": false, "origin": self.trust.log.name, "wrong": said });
            }
        };
        let Verified { checkpoint, witnessed, rows, before, since, .. } = &found.verified;
        let witness = |(name, time): &(String, u64)| json!({ "name": name, "time": time });
        let mut told = json!({
            "verified": true,
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": hex(&checkpoint.root),
            "rows_read": rows,
            "rows_before": before,
            "rows_pruned": found.pruned,
            "since": since,
            "witnesses": witnessed.iter().map(witness).collect::<Vec<_>>(),
            "wrong": null,
        });
        if let (Some(tally), Some(told)) = (self.tally, told.as_object_mut()) {
            told.extend(counted(tally).map(|(name, counts)| (format!("{name}s"), json!(counts))));
            let Tally { created, erased, bodies_dropped, .. } = tally;
            told.extend([
                ("created".to_owned(), json!(created)),
                ("erased".to_owned(), json!(erased)),
                ("bodies_dropped".to_owned(), json!(bodies_dropped)),
                ("rulesets".to_owned(), json!(tally.rulesets.keys().collect::<Vec<_>>())),
                ("first_minute".to_owned(), json!(tally.first_minute)),
                ("latest_minute".to_owned(), json!(tally.latest_minute)),
                ("largest_step_back".to_owned(), json!(tally.largest_step_back)),
                ("previous".to_owned(), tally.opening.as_ref().map_or(Value::Null, previous)),
            ]);
        }
        told
    }
}

fn counted(tally: &Tally) -> impl Iterator<Item = (&'static str, &BTreeMap<String, u64>)> {
    let Tally { events, outcomes, purposes, recipients, .. } = tally;
    [("event", events), ("outcome", outcomes), ("purpose", purposes), ("recipient", recipients)]
        .into_iter()
}

fn previous(opening: &Opening) -> Value {
    let Some(origin) = &opening.origin else { return Value::Null };
    json!({ "origin": origin, "size": opening.size, "root": hex(&opening.root) })
}

fn moment(seconds: Option<i64>) -> String {
    let millis = seconds.and_then(|seconds| seconds.checked_mul(1000));
    millis.map_or_else(|| "-".to_owned(), |millis| Timestamp::from_millis(millis).rfc3339())
}

/// What is wrong, with what led to it.
fn whole(wrong: &Wrong) -> String {
    let said = wrong.to_string();
    match wrong.source() {
        Some(source) if !said.ends_with(&source.to_string()) => format!("{said}: {source}"),
        _ => said,
    }
}
