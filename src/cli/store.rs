//! `consentry store`: back up, restore, verify, rebuild.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    operator::{Gateway, OperatorArgs},
    print::{self, Bar},
};
use crate::{
    ambient::{Clock, RealFs},
    app::{App, AppError, Machine, Settings, file_key_of, verify_request},
    store::{self, Manifest, RestoreRequest, Verified},
    vault::Keeper,
};

/// Works with the store's folder.
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Takes a backup, of a running gateway too.
    Backup {
        /// The folder that gets the backup, in a folder of its own; that of `[backup]` if absent.
        dir: Option<PathBuf>,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Puts a backup in the place of the store's folder; what was there stays beside it.
    Restore {
        /// The backup's folder, the one with `manifest.json` in it.
        from: PathBuf,
        #[command(flatten)]
        at: At,
        /// A folder of journal segments that go further than the backup, such as `journal` of the folder that was there.
        #[arg(long)]
        journal: Option<PathBuf>,
    },
    /// Says that what a restored state may lack is answered for, so that people are treated as it says.
    ConfirmRestored {
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Moves the view of the records aside and makes it anew from snapshot and journal.
    Rebuild {
        #[command(flatten)]
        at: At,
    },
    /// Reads everything and says what is wrong; exit status 1 if anything is.
    Verify {
        #[command(flatten)]
        at: At,
        /// Verify this backup's files in place of the store's folder.
        #[arg(long)]
        backup: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Whose store.
#[derive(Debug, Args)]
pub(super) struct At {
    /// The configuration file.
    #[arg(long)]
    config: PathBuf,
}

pub(super) fn run(command: StoreCommand) -> Result<ExitCode, AppError> {
    let done = match command {
        StoreCommand::Backup { dir, operator } => backup(dir, &operator),
        StoreCommand::Restore { from, at, journal } => restore(from, journal, &at),
        StoreCommand::ConfirmRestored { operator } => confirm(&operator),
        StoreCommand::Rebuild { at } => rebuild(&at),
        StoreCommand::Verify { at, backup, json } => return verify(&at, backup.as_deref(), json),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn backup(dir: Option<PathBuf>, operator: &OperatorArgs) -> Result<(), AppError> {
    // The gateway may run in another folder.
    let dir = dir.map(|dir| std::path::absolute(&dir).unwrap_or(dir));
    let order = json!({ "dir": dir });
    let gateway = Gateway::reach(operator)?;
    let taken = gateway.call(http::Method::POST, "/v1/operate/backups", Some(&order))?;
    print::line(&format!("{taken:#}"));
    Ok(())
}

fn confirm(operator: &OperatorArgs) -> Result<(), AppError> {
    let gateway = Gateway::reach(operator)?;
    let done = gateway.call(http::Method::POST, "/v1/operate/confirm-restored", None)?;
    print::line(match done.get("was_in_doubt").and_then(serde_json::Value::as_bool) {
        Some(true) => "confirmed: people are treated as the restored state says",
        _ => "the state was not in doubt; nothing was changed",
    });
    Ok(())
}

fn restore(from: PathBuf, journal: Option<PathBuf>, at: &At) -> Result<(), AppError> {
    let settings = Settings::read(&at.config)?;
    let request =
        RestoreRequest { from, journal, to: settings.store.dir.clone(), now: Clock::System.now() };
    Keeper::holds_key_of(&settings.keys.dir, &request.from.join("file.key"))?;
    let bar = Bar::new();
    let restored =
        store::restore(&RealFs, &request, &mut |done, all| bar.at("checking", done, all))?;
    bar.end();
    only_for_us(&settings.store.dir)?;
    // Opening replays the journal and notes in the log what was restored.
    let app = App::open(settings, Machine::real(), super::read)?;
    let (position, in_doubt) = (app.store.position(), app.ledger.is_in_doubt());
    app.close();
    let told = json!({
        "backup_taken_at": restored.manifest.taken_at,
        "backup_group": restored.manifest.group,
        "group": position.group,
        "rows": position.rows,
        "segments_replayed": restored.segments,
        "was_there": restored.aside,
        "in_doubt": in_doubt,
    });
    print::line(&format!("{told:#}"));
    if in_doubt {
        print::line(
            "Withdrawals after the backup may be missing, so nobody is treated above tier none. Restore again with \
             --journal and the segments that go further, or confirm with `consentry store confirm-restored`.",
        );
    }
    Ok(())
}

/// Makes the restored folder its owner's alone, as a new one is.
fn only_for_us(dir: &Path) -> Result<(), AppError> {
    for (path, mode) in [(dir.to_owned(), 0o700), (dir.join("file.key"), 0o400)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(|source| AppError::Read { path, source })?;
    }
    Ok(())
}

fn rebuild(at: &At) -> Result<(), AppError> {
    let settings = Settings::read(&at.config)?;
    store::distrust_view(&RealFs, &settings.store.dir)?;
    let app = App::open(settings, Machine::real(), super::read)?;
    let position = app.store.position();
    app.close();
    print::line(&format!("the view was made anew up to group {}", position.group));
    Ok(())
}

fn verify(at: &At, backup: Option<&Path>, json: bool) -> Result<ExitCode, AppError> {
    let settings = Settings::read(&at.config)?;
    let bar = Bar::new();
    if let Some(dir) = backup {
        let manifest = Manifest::read(&RealFs, dir)?;
        manifest.check(&RealFs, dir, &mut |done, all| bar.at("reading", done, all))?;
        bar.end();
        print::line(
            &json!({ "group": manifest.group, "rows": manifest.rows, "files": manifest.files.len(),
            "taken_at": manifest.taken_at, "sound": true })
            .to_string(),
        );
        return Ok(ExitCode::SUCCESS);
    }
    let key = file_key_of(&settings, &Machine::real())?;
    let request = verify_request(&settings, &Machine::real(), key);
    let verified =
        store::verify(&request, &mut |part, done, all| bar.at(part.as_str(), done, all))?;
    bar.end();
    if json {
        print::line(&serde_json::to_string(&verified).unwrap_or_default());
    } else {
        print::line(&told(&verified));
    }
    Ok(if verified.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was verified, for a reader.
fn told(verified: &Verified) -> String {
    let mut lines = vec![
        format!("format {}, last group {}", verified.format, verified.last_group),
        format!(
            "{} snapshots, the newest good one of group {}",
            verified.snapshots, verified.snapshot
        ),
        format!("{} segments of the journal with {} groups", verified.segments, verified.groups),
        format!("{} records, {} of them held against the view", verified.records, verified.viewed),
        format!("{} rows and {} bodies of the log", verified.rows, verified.bodies),
    ];
    lines.extend(verified.notes.iter().map(|note| format!("note: {note}")));
    match verified.wrong.first() {
        None => lines.push("nothing is wrong".to_owned()),
        Some(first) => {
            lines.push(format!("wrong: {}: {}", first.place, first.what));
            let more = verified.wrong.iter().skip(1);
            lines.extend(more.map(|wrong| format!("also: {}: {}", wrong.place, wrong.what)));
        }
    }
    lines.join("\n")
}
