//! The command's own output: results on standard output, failures on standard error.

use std::{error::Error, io::Write as _};

use indicatif::{ProgressBar, ProgressStyle};

/// One result. A reader that is gone is no failure of ours.
pub(super) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}

/// What a person at a terminal is told meanwhile.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A failure with everything that led to it, on one line.
pub(super) fn failure(error: &dyn Error) {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    let _ = writeln!(std::io::stderr().lock(), "consentry: {text}");
}

/// Shows on a terminal that work goes on, and for how long; elsewhere nothing.
pub(super) fn waiting(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

/// A bar on a terminal, with the time that is left; nothing elsewhere.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {percent}% {eta}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn at(&self, what: &'static str, done: u64, all: u64) {
        self.0.set_message(what);
        self.0.set_length(all);
        self.0.set_position(done);
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// What the command line parser has to say: help on standard output, mistakes on standard error.
pub(super) fn help(error: &clap::Error) {
    let _ = error.print();
}
