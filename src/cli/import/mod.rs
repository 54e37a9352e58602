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
use super::{log::Log, operator::OperatorArgs, signals::Stops};
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
    Log::start(tracing::Level::WARN);
    let stop = stop_when_told()?;
    let kind = match args.what {
        What::Consents => Kind::Consents,
        What::Items => Kind::Items,
    };
    let file = Input::of(args)?;
    let id = file.identify(args, kind)?;
    let door = Door::open(&args.operator, kind, id, &args.tenant)?;
    let known = door.progress()?.filter(|_| !args.again);
    if let Some(done) = known.as_ref().filter(|known| known.done) {
        report::summary(id, done, args.json, true);
        return Ok(());
    }
    let progress = known.unwrap_or_else(|| Progress::begin(kind));
    let source = Source::open(Input::open(args)?, kind, file.format)?;
    let progress = bring(args, &door, source, file.length.unwrap_or_default(), progress, &stop)?;
    report::summary(id, &progress, args.json, false);
    Ok(())
}

/// Hands in the rows after those that were taken, chunk by chunk. How the import stands at the end.
fn bring(
    args: &ImportArgs,
    door: &Door,
    mut source: Source,
    length: u64,
    mut progress: Progress,
    stop: &AtomicBool,
) -> Result<Progress, AppError> {
    let mut report = Report::begin(length, args.progress, &progress);
    let mut rejects = Rejects::open(args.rejects.as_deref(), progress.rows > 0)?;
    source.skip(progress.rows).map_err(reading(&args.file))?;
    loop {
        let rows = source.rows(CHUNK_ROWS, CHUNK_BYTES).map_err(reading(&args.file))?;
        let from = progress.rows;
        let taken = door.take(from, &rows.objects, rows.last)?;
        progress = taken.progress;
        rejects.add(&taken.rejected, from, &rows.lines)?;
        report.show(source.read(), &progress);
        if rows.last {
            report.end();
            return Ok(progress);
        }
        if stop.load(Ordering::Relaxed) {
            report.end();
            return Err(AppError::Stopped { rows: progress.rows });
        }
    }
}

/// What is read.
struct Input {
    format: Format,
    /// Its length in bytes; `None` where it cannot be read twice.
    length: Option<u64>,
}

impl Input {
    fn of(args: &ImportArgs) -> Result<Self, AppError> {
        let format = Format::of(&args.file, args.format)?;
        if args.is_standard_input() {
            return Ok(Self { format, length: None });
        }
        let about = fs::metadata(&args.file).map_err(reading(&args.file))?;
        Ok(Self { format, length: about.is_file().then_some(about.len()) })
    }

    /// What cannot be read twice has a name of its own each time.
    fn identify(&self, args: &ImportArgs, kind: Kind) -> Result<ImportId, AppError> {
        if self.length.is_none() {
            return Ok(ImportId(Entropy::system().draw()?));
        }
        let id = source::identify(&args.file, kind, self.format, &args.tenant);
        id.map_err(reading(&args.file))
    }

    fn open(args: &ImportArgs) -> Result<Box<dyn io::Read>, AppError> {
        if args.is_standard_input() {
            return Ok(Box::new(io::stdin()));
        }
        Ok(Box::new(fs::File::open(&args.file).map_err(reading(&args.file))?))
    }
}

impl ImportArgs {
    fn is_standard_input(&self) -> bool {
        self.file.as_os_str() == "-"
    }
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> AppError + use<> {
    let path = path.to_owned();
    move |source| AppError::Read { path, source }
}

/// What says that SIGINT or SIGTERM came. The second one ends the process at once, which harms nothing.
fn stop_when_told() -> Result<Arc<AtomicBool>, AppError> {
    let (stop, stops) = (Arc::new(AtomicBool::new(false)), Stops::listen()?);
    let told = stop.clone();
    let listening = move || {
        if stops.wait(None).is_ok() {
            told.store(true, Ordering::Relaxed);
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listening)
        .map_err(|source| AppError::Machine { doing: "starting a thread", source })?;
    Ok(stop)
}
