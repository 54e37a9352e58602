//! `consentry import`: brings over the consents and items that an organisation has.
//!
//! A file is read twice: once for what it is, then row by row from where the import stands. So the same file is the
//! same import, and an import that was cut off, however, goes on when it is run again.

mod door;
mod report;
mod source;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Args, ValueEnum};

use self::{
    door::Door,
    report::{Rejects, Report},
    source::{Format, Source},
};
use super::{operator::OperatorArgs, print};
use crate::{
    ambient::Entropy,
    app::AppError,
    domain::TenantId,
    operate::imports::{ImportId, Kind, Progress},
};

/// Rows in one chunk.
const CHUNK_ROWS: usize = 2_000;

/// Bytes in one chunk, at which it is closed.
const CHUNK_BYTES: usize = 1 << 20;

/// What is brought over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// What people gave, refused and took back.
    Consents,
    /// What can be recommended.
    Items,
}

/// `consentry import consents|items FILE`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What the file holds.
    what: What,
    /// The file; `-` reads standard input, which cannot be gone on with later.
    file: PathBuf,
    #[command(flatten)]
    operator: OperatorArgs,
    /// The file's form; taken from its name if left out.
    #[arg(long)]
    format: Option<Format>,
    /// Whose people they are.
    #[arg(long, default_value = "default")]
    tenant: TenantId,
    /// Write the line, the reason and the field of each row that is refused into this new file.
    #[arg(long)]
    rejects: Option<PathBuf>,
    /// Go through the file from its first row, although it was brought over before.
    #[arg(long)]
    again: bool,
    /// Tell how far it is every few seconds, also where there is no terminal.
    #[arg(long)]
    progress: bool,
    /// End with one line of JSON in place of a summary.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ImportArgs) -> Result<(), AppError> {
    print::log_to_stderr(tracing::Level::WARN);
    let stop = stop_when_told()?;
    let format = Format::of(&args.file, args.format)?;
    let standard_input = args.file.as_os_str() == "-";
    let regular =
        !standard_input && fs::metadata(&args.file).map_err(reading(&args.file))?.is_file();
    let kind = match args.what {
        What::Consents => Kind::Consents,
        What::Items => Kind::Items,
    };
    let id = match regular {
        true => {
            source::identify(&args.file, kind, format, &args.tenant).map_err(reading(&args.file))?
        }
        // What cannot be read twice has a name of its own each time.
        false => ImportId(Entropy::system().draw()?),
    };
    let door = Door::open(&args.operator, kind, id, &args.tenant)?;
    let known = door.progress()?.filter(|_| !args.again);
    if let Some(done) = known.as_ref().filter(|known| known.done) {
        report::summary(id, done, args.json, true);
        return Ok(());
    }
    let mut progress = known.unwrap_or_else(|| Progress::begin(kind));
    let input: Box<dyn io::Read> = match standard_input {
        true => Box::new(io::stdin()),
        false => Box::new(fs::File::open(&args.file).map_err(reading(&args.file))?),
    };
    let length =
        if regular { fs::metadata(&args.file).map_err(reading(&args.file))?.len() } else { 0 };
    let mut source = Source::open(input, kind, format)?;
    let mut report = Report::begin(length, args.progress, &progress);
    let mut rejects = Rejects::open(args.rejects.as_deref(), progress.rows > 0)?;
    source.skip(progress.rows).map_err(reading(&args.file))?;
    loop {
        let rows = source.rows(CHUNK_ROWS, CHUNK_BYTES).map_err(reading(&args.file))?;
        let (from, last) = (progress.rows, rows.last);
        let taken = door.take(from, &rows.rows, last)?;
        progress = taken.progress;
        rejects.add(&taken.rejected, from, &rows.lines)?;
        report.show(source.read(), &progress);
        if last {
            break;
        }
        if stop.load(Ordering::Relaxed) {
            report.end();
            rejects.end()?;
            return Err(AppError::Stopped { rows: progress.rows });
        }
    }
    report.end();
    rejects.end()?;
    report::summary(id, &progress, args.json, false);
    Ok(())
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> AppError + use<> {
    let path = path.to_owned();
    move |source| AppError::Read { path, source }
}

/// What says that SIGINT or SIGTERM came. The second one ends the process at once, which harms nothing.
fn stop_when_told() -> Result<Arc<AtomicBool>, AppError> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let listening = move || {
        if super::wait_for_stop().is_ok() {
            told.store(true, Ordering::Relaxed);
            if super::wait_for_stop().is_ok() {
                std::process::exit(130);
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listening)
        .map_err(|source| AppError::Machine { doing: "starting a thread", source })?;
    Ok(stop)
}
