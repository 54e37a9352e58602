//! The log of a running gateway: flat JSON, a line an event, on standard error.
//!
//! A line of level `info` or below is handed to a thread that writes, so that no call waits for whoever reads the log;
//! where that thread is too far behind, the line is dropped and counted. Warnings and errors are few and must not be
//! lost, not even to an abort that follows: they are written at once.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::telemetry::Counter;

/// How many lines may wait: some seconds of a busy gateway.
const WAITING: usize = 16 * 1024;

/// The most bytes that are written at once.
const AT_ONCE: usize = 64 * 1024;

/// How long the end of the program waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the lines go.
#[derive(Clone)]
pub(super) struct Log {
    lines: SyncSender<Line>,
    dropped: Arc<Counter>,
}

enum Line {
    Text(Vec<u8>),
    /// Answered when everything before is written.
    End(SyncSender<()>),
}

impl Log {
    /// Starts the log, from `level` up. A second start in one process keeps the first one's log.
    pub(super) fn start(level: Level) -> Self {
        let (lines, waiting) = sync_channel(WAITING);
        // Without the thread, lines are dropped and counted; warnings and errors are not.
        let _ = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&waiting, &mut io::stderr()));
        let log = Self { lines, dropped: Arc::default() };
        let writer = log.clone();
        let logs = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(level)
            .with_writer(writer);
        let _ = logs.try_init();
        log
    }

    /// How many lines found no room.
    pub(super) fn dropped(&self) -> Arc<Counter> {
        self.dropped.clone()
    }

    /// Waits until what was logged is written, two seconds at most.
    pub(super) fn end(&self) {
        let (told, written) = sync_channel(1);
        if self.lines.send(Line::End(told)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

/// Writes one line: its event is formatted whole before the first byte comes here.
pub(super) enum To<'a> {
    Thread(&'a Log),
    Stderr,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = To<'a>;

    fn make_writer(&'a self) -> To<'a> {
        To::Thread(self)
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> To<'a> {
        if *meta.level() <= Level::WARN { To::Stderr } else { To::Thread(self) }
    }
}

impl Write for To<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr => io::stderr().write_all(bytes)?,
            Self::Thread(log) => {
                if log.lines.try_send(Line::Text(bytes.to_vec())).is_err() {
                    log.dropped.one();
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what waits, as much at once as there is.
fn write(waiting: &Receiver<Line>, to: &mut impl Write) {
    let mut bytes = Vec::new();
    while let Ok(line) = waiting.recv() {
        let mut next = Some(line);
        let mut ended = Vec::new();
        while let Some(line) = next {
            match line {
                Line::Text(text) => bytes.extend_from_slice(&text),
                Line::End(told) => ended.push(told),
            }
            next = (bytes.len() < AT_ONCE).then(|| waiting.try_recv().ok()).flatten();
        }
        // A reader that is gone is no failure of ours.
        let _ = to.write_all(&bytes);
        bytes.clear();
        for told in ended {
            let _ = told.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_finds_no_room_is_counted_and_keeps_nobody_waiting() {
        let (lines, waiting) = sync_channel(2);
        let log = Log { lines, dropped: Arc::default() };
        for _ in 0..5 {
            To::Thread(&log).write_all(b"{}\n").unwrap();
        }
        assert_eq!(log.dropped().value(), 3);
        let mut written = Vec::new();
        drop(log);
        write(&waiting, &mut written);
        assert_eq!(written, b"{}\n{}\n");
    }

    #[test]
    fn the_end_is_told_after_what_was_said_before() {
        let (lines, waiting) = sync_channel(8);
        let (told, ended) = sync_channel(1);
        lines.send(Line::Text(b"last\n".to_vec())).unwrap();
        lines.send(Line::End(told)).unwrap();
        drop(lines);
        let mut written = Vec::new();
        write(&waiting, &mut written);
        ended.try_recv().unwrap();
        assert_eq!(written, b"last\n");
    }
}
