//! `consentry audit verify`: a whole log, from its files and its key alone.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{
    Failed, file,
    report::{Found, Report},
    source::{LogArgs, Source},
    state::State,
    vkey,
};
use crate::{
    audit::{CLOCK_STEP, Meaning, Tally},
    cli::print::{self, Bar},
    tlog::{Edge, Quorum, Rows, Trust, TrustPolicy, VerifierKey, Wrong, verify_from},
};

/// After so many rows the state is kept, so that a verification that is stopped goes on from there.
const KEEP_EVERY: u64 = 1 << 18;

/// What is verified, and against what.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    log: LogArgs,
    /// The log's key, as `name+id+key`.
    #[arg(long, required_unless_present = "policy")]
    key: Option<String>,
    /// A checkpoint that was kept, which the log must go on from.
    #[arg(long)]
    since: Option<PathBuf>,
    /// The key of a witness; may be given more than once.
    #[arg(long)]
    witness: Vec<String>,
    /// How many of the witnesses must have signed; all of them if absent.
    #[arg(long, conflicts_with = "policy")]
    quorum: Option<usize>,
    /// A file that names log, witnesses and quorum (C2SP tlog-policy).
    #[arg(long, conflicts_with = "witness")]
    policy: Option<PathBuf>,
    /// Keep in this file how far the log was verified, and go on from there the next time.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Verify a log whose rows are not ours: rows are held against tiles and root, and not read.
    #[arg(long)]
    foreign: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// How many seconds a row's time may lie before the latest one.
    #[arg(long, default_value_t = CLOCK_STEP, value_parser = clap::value_parser!(i64).range(0..))]
    clock_step: i64,
}

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, Failed> {
    let (key, witnesses, quorum) = whom(args)?;
    let source = Source::of(&args.log)?;
    let since = args.since.as_deref().map(file).transpose()?;
    let kept = match &args.state {
        Some(path) => State::read(path, &key, args.foreign)?,
        None => None,
    };
    let tally = (!args.foreign).then(Tally::default);
    let state = kept.unwrap_or_else(|| State::new(&key, tally));
    let before = state.checkpoint.as_ref().map(String::as_bytes);
    let notes: Vec<&[u8]> = since.as_deref().into_iter().chain(before).collect();
    let trust = Trust { log: &key, witnesses: &witnesses, quorum, since: &notes };
    let start = state.start().unwrap_or_default();
    let meaning = state.tally.clone().map(|tally| Meaning::new(&source, args.clock_step, tally));
    let mut watch = Watch {
        meaning,
        pruned: state.pruned,
        last: 0,
        size: 0,
        state: state.clone(),
        path: args.state.as_deref(),
        bar: Bar::new(),
    };
    let found = verify_from(&source, &trust, start, &mut watch).and_then(|verified| {
        watch.meaning.as_ref().map_or(Ok(()), Meaning::end)?;
        Ok(verified)
    });
    watch.bar.end();
    let found = found.map(|verified| Found { verified, pruned: watch.pruned });
    if let (Some(path), Ok(found)) = (&args.state, &found) {
        let mut state = watch.state;
        state.checkpoint = String::from_utf8(found.verified.note.clone()).ok();
        let unkept = |error| Failed::Usage(format!("writing {}: {error}", path.display()));
        state.write(path).map_err(unkept)?;
    }
    let tally = watch.meaning.as_ref().map(Meaning::tally);
    Ok(told(&Report { found, tally, trust: &trust, clock_step: args.clock_step }, args.json))
}

fn told(report: &Report<'_>, json: bool) -> ExitCode {
    print::line(&if json { report.json().to_string() } else { report.text() });
    if report.found.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The log's key, the witnesses, and which of them must have signed.
fn whom(args: &VerifyArgs) -> Result<(VerifierKey, Vec<VerifierKey>, Quorum), Failed> {
    let usage = |what: &str| Failed::Usage(what.to_owned());
    let key = args.key.as_deref().map(vkey).transpose()?;
    if let Some(path) = &args.policy {
        let wrong = |error: &dyn std::fmt::Display| usage(&format!("{}: {error}", path.display()));
        let text = String::from_utf8(file(path)?).map_err(|error| wrong(&error))?;
        let policy = TrustPolicy::parse(&text).map_err(|error| wrong(&error))?;
        let key = match (key, policy.logs.as_slice()) {
            (Some(key), logs) if logs.contains(&key) => key,
            (Some(_), _) => return Err(usage("the policy does not name this log's key")),
            (None, [log]) => log.clone(),
            (None, _) => return Err(usage("the policy names not one log: say which with --key")),
        };
        return Ok((key, policy.witnesses, policy.quorum));
    }
    let key = key.ok_or_else(|| usage("--key is needed"))?;
    let mut witnesses: Vec<VerifierKey> = Vec::new();
    for text in &args.witness {
        let witness = vkey(text)?;
        if witnesses.contains(&witness) {
            return Err(usage("a witness is named twice"));
        }
        witnesses.push(witness);
    }
    let number = args.quorum.unwrap_or(witnesses.len());
    if number > witnesses.len() {
        return Err(usage("--quorum asks for more witnesses than --witness names"));
    }
    let quorum = Quorum::of(number, witnesses.len());
    Ok((key, witnesses, quorum))
}

/// Looks on while the rows pass: reads them, shows how far they are, and keeps the state.
struct Watch<'a> {
    meaning: Option<Meaning<'a, Source>>,
    pruned: u64,
    /// The last multiple of 256 rows.
    last: u64,
    size: u64,
    state: State,
    path: Option<&'a Path>,
    bar: Bar,
}

impl Rows for Watch<'_> {
    fn begins(&mut self, before: u64, size: u64) {
        (self.last, self.size) = (size - size % 256, size);
        self.bar.at("verifying", before, size);
    }

    fn row(&mut self, index: u64, entry: &[u8]) -> Result<(), String> {
        self.meaning.as_mut().map_or(Ok(()), |meaning| meaning.row(index, entry))
    }

    fn pruned(&mut self, rows: Range<u64>) {
        self.pruned += rows.end - rows.start;
        if let Some(meaning) = &mut self.meaning {
            meaning.pruned(rows);
        }
    }

    fn reached(&mut self, edge: &Edge) {
        self.bar.at("verifying", edge.size(), self.size);
        let is_due = edge.size().is_multiple_of(KEEP_EVERY);
        if is_due || edge.size() == self.last {
            self.state.reach(edge, self.pruned, self.meaning.as_ref().map(Meaning::tally));
        }
        if let Some(path) = self.path.filter(|_| is_due) {
            // A state that could not be kept costs time the next time; at the end it is said.
            let _ = self.state.write(path);
        }
    }
}

/// What a verification came to.
pub(super) type Outcome = Result<Found, Wrong>;
