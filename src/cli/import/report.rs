//! What an import tells: how far it is, what was refused, and what it came to.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{super::print, door::Rejected};
use crate::{
    app::AppError,
    operate::imports::{ImportId, Progress},
};

/// How often a line is told where there is no terminal.
const EVERY: Duration = Duration::from_secs(3);

/// How many refusals are told of where no file takes them.
const SHOWN: usize = 10;

/// How far it is.
pub(super) struct Report {
    bar: ProgressBar,
    /// Lines in place of a bar.
    plain: bool,
    began: Instant,
    told: Instant,
    rows_before: u64,
    length: u64,
}

impl Report {
    pub(super) fn begin(length: u64, wanted: bool, progress: &Progress) -> Self {
        let bar = ProgressBar::new(length);
        let form = if length > 0 {
            "{bar:32} {percent:>3} %  {msg}, {eta} left"
        } else {
            "{spinner} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        let now = Instant::now();
        let plain = wanted && bar.is_hidden();
        if progress.rows > 0 {
            print::note(&format!("going on after row {}", progress.rows));
        }
        Self { bar, plain, began: now, told: now, rows_before: progress.rows, length }
    }

    pub(super) fn show(&mut self, read: u64, progress: &Progress) {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let done = progress.rows.saturating_sub(self.rows_before);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people to read"
        )]
        let rate = (done as f64 / seconds) as u64;
        let text =
            format!("{} rows, {rate} a second, {} refused", progress.rows, progress.refused());
        if self.plain && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            let percent = (read * 100).checked_div(self.length);
            let percent = percent.map(|percent| format!("{percent} %, ")).unwrap_or_default();
            print::note(&format!("{percent}{text}"));
        }
        self.bar.set_position(read.min(self.length));
        self.bar.set_message(text);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Where refusals are told of: line, reason and field, and nothing of what stands there.
pub(super) struct Rejects {
    file: Option<(PathBuf, BufWriter<File>)>,
    shown: usize,
}

impl Rejects {
    /// A new file, or more of one where an import goes on.
    pub(super) fn open(path: Option<&Path>, goes_on: bool) -> Result<Self, AppError> {
        let Some(path) = path else { return Ok(Self { file: None, shown: 0 }) };
        let mut options = OpenOptions::new();
        if goes_on {
            options.append(true).create(true);
        } else {
            options.write(true).create_new(true);
        }
        let file = options
            .open(path)
            .map_err(|source| AppError::Write { path: path.to_owned(), source })?;
        Ok(Self { file: Some((path.to_owned(), BufWriter::new(file))), shown: 0 })
    }

    pub(super) fn add(
        &mut self,
        rejected: &[Rejected],
        from: u64,
        lines: &[u64],
    ) -> Result<(), AppError> {
        for Rejected { row, reason, field } in rejected {
            let at = usize::try_from(row.saturating_sub(from)).unwrap_or(usize::MAX);
            let line = lines.get(at).copied().unwrap_or_default();
            if let Some((path, file)) = &mut self.file {
                let told = match field {
                    Some(field) => json!({ "line": line, "reason": reason, "field": field }),
                    None => json!({ "line": line, "reason": reason }),
                };
                writeln!(file, "{told}")
                    .map_err(|source| AppError::Write { path: path.clone(), source })?;
            } else if self.shown < SHOWN {
                self.shown += 1;
                let field = field.as_ref().map(|field| format!(" ({field})")).unwrap_or_default();
                print::note(&format!("line {line}: {reason}{field}"));
                if self.shown == SHOWN {
                    print::note(
                        "further refusals are counted; --again --rejects FILE tells of all",
                    );
                }
            }
        }
        // Out of this process before the next chunk is asked for.
        match &mut self.file {
            Some((path, file)) => {
                file.flush().map_err(|source| AppError::Write { path: path.clone(), source })
            }
            None => Ok(()),
        }
    }
}

/// What an import came to.
pub(super) fn summary(id: ImportId, progress: &Progress, as_json: bool, before: bool) {
    if as_json {
        let told =
            json!({ "import": id.to_string(), "imported_before": before, "progress": progress });
        print::line(&told.to_string());
        return;
    }
    let Progress { rows, recorded, ask_anew, unchanged, untold, .. } = progress;
    let mut lines = Vec::new();
    if before {
        lines.push(
            "This file was imported before; --again goes through it once more. It came to:"
                .to_owned(),
        );
    }
    let refused = progress.refused();
    lines.push(format!(
        "{rows} rows: {recorded} recorded, {unchanged} unchanged, {refused} refused"
    ));
    lines.extend(
        progress.refused.iter().map(|(reason, count)| format!("  refused: {reason} {count}")),
    );
    if *ask_anew > 0 {
        lines.push(format!(
            "{ask_anew} more consents are kept and do not count: they name another notice than the one in force, so those people are to be asked anew"
        ));
    }
    if *untold > 0 {
        lines.push(format!(
            "a model did not take {untold} items: --again tells it of all once more"
        ));
    }
    print::line(&lines.join("\n"));
}
