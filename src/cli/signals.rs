//! Waits to be told to stop: once for an end in order, twice for one at once. SIGHUP has what can be read anew read
//! anew.

use std::{io, process, thread};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use crate::app::AppError;

/// SIGINT, SIGTERM and SIGHUP, all heard since this was made.
pub(super) struct Stops {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stops {
    /// Begins to listen.
    pub(super) fn listen() -> Result<Self, AppError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let heard = |kind| {
            let _entered = runtime.enter();
            signal(kind).map_err(failed)
        };
        let (interrupt, terminate) =
            (heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?);
        let hangup = heard(SignalKind::hangup())?;
        Ok(Self { runtime, interrupt, terminate, hangup })
    }

    /// Waits for the first signal to stop; SIGHUP does `reload`, and stops what has nothing to reload. From then on, a
    /// second one ends the process at once, which loses nothing that was
    /// acknowledged, but answers nobody any more.
    pub(super) fn wait(mut self, reload: Option<&dyn Fn()>) -> Result<(), AppError> {
        while self.next() == Told::Reload {
            match reload {
                Some(reload) => reload(),
                None => break,
            }
        }
        let second = move || {
            while self.next() == Told::Reload {}
            tracing::warn!("a second signal: ending at once");
            process::exit(1);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(second).map_err(failed)?;
        Ok(())
    }

    fn next(&mut self) -> Told {
        let Self { runtime, interrupt, terminate, hangup } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Told::Stop,
                _ = terminate.recv() => Told::Stop,
                _ = hangup.recv() => Told::Reload,
            }
        })
    }
}

/// What a signal says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Stop,
    Reload,
}

fn failed(source: io::Error) -> AppError {
    AppError::Machine { doing: "waiting for a signal", source }
}
