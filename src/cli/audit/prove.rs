//! `consentry audit prove` and `check-proof`: one row, shown to stand in a log.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{
    Failed, file,
    source::{LogArgs, Source},
    vkey,
};
use crate::{
    cli::print,
    tlog::{
        Checkpoint, Files, Kind, Proof, Tile, TileNodes, WIDTH, entries, inclusion_proof, read_tile,
    },
};

/// Which row of which log.
#[derive(Debug, Args)]
pub(in crate::cli) struct ProveArgs {
    #[command(flatten)]
    log: LogArgs,
    /// The row.
    index: u64,
    /// The log's key, as `name+id+key`.
    #[arg(long)]
    key: String,
}

/// Which proof, of which row.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    /// The `.tlog-proof` file.
    proof: PathBuf,
    /// A file with the row's bytes and nothing else.
    #[arg(long)]
    leaf: PathBuf,
    /// The log's key, as `name+id+key`.
    #[arg(long)]
    key: String,
}

pub(super) fn prove(args: &ProveArgs) -> Result<ExitCode, Failed> {
    let (key, source) = (vkey(&args.key)?, Source::of(&args.log)?);
    let wrong = |error: &dyn std::fmt::Display| Failed::Wrong(error.to_string());
    let note = source.read_within("checkpoint", 1 << 20).map_err(|error| wrong(&error))?;
    let note = note.ok_or_else(|| wrong(&"checkpoint is missing"))?;
    let checkpoint = Checkpoint::open(&note, &key).map_err(|error| wrong(&error))?;
    let (index, size) = (args.index, checkpoint.size);
    if index >= size {
        return Err(Failed::Usage(format!("the log has {size} rows, the first is row 0")));
    }
    let entry = row(&source, index, size)?;
    let path = inclusion_proof(&mut TileNodes::new(&source, size), index, size);
    let checkpoint = String::from_utf8(note).map_err(|error| wrong(&error))?;
    let proof = Proof { index, path: path.map_err(|error| wrong(&error))?, checkpoint };
    // Tiles that lie make a proof that proves nothing.
    proof.verify(&entry, &key).map_err(|error| wrong(&error))?;
    print::line(&proof.to_string());
    Ok(ExitCode::SUCCESS)
}

fn row(source: &Source, index: u64, size: u64) -> Result<Vec<u8>, Failed> {
    let missing = || Failed::Wrong(format!("the bundle with row {index} is missing"));
    let tile = Tile::of(Kind::Entries, index / WIDTH, size).ok_or_else(missing)?;
    let read = read_tile(source, tile).map_err(|error| Failed::Wrong(error.to_string()))?;
    let (_, bundle) = read.ok_or_else(missing)?;
    let at = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
    let rows = entries(&bundle);
    let row = rows.as_ref().and_then(|rows| rows.get(at));
    let damaged = || Failed::Wrong(format!("the bundle with row {index} is damaged"));
    row.map(|row| row.to_vec()).ok_or_else(damaged)
}

pub(super) fn check(args: &CheckArgs) -> Result<ExitCode, Failed> {
    let key = vkey(&args.key)?;
    let (proof, leaf) = (file(&args.proof)?, file(&args.leaf)?);
    let wrong = |error: &dyn std::fmt::Display| Failed::Wrong(error.to_string());
    let proof = String::from_utf8(proof).map_err(|error| wrong(&error))?;
    let proof = Proof::parse(&proof).map_err(|error| wrong(&error))?;
    let checkpoint = proof.verify(&leaf, &key).map_err(|error| wrong(&error))?;
    let (index, origin, size) = (proof.index, checkpoint.origin, checkpoint.size);
    print::line(&format!("row {index} of {origin} is this one: {size} rows, signed with its key"));
    Ok(ExitCode::SUCCESS)
}
