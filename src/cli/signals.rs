//! Waits to be told to stop: once for an end in order, twice for one at once.

use std::{io, process, thread};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use crate::app::AppError;

/// SIGINT and SIGTERM, both heard since this was made.
pub(super) struct Stops {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    /// Begins to listen.
    pub(super) fn listen() -> Result<Self, AppError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (interrupt, terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        };
        Ok(Self {
            interrupt: interrupt.map_err(failed)?,
            terminate: terminate.map_err(failed)?,
            runtime,
        })
    }

    /// Waits for the first signal. From then on, a second one ends the process at once, which loses nothing that was
    /// acknowledged, but answers nobody any more.
    pub(super) fn wait(mut self) -> Result<(), AppError> {
        self.next();
        let second = move || {
            self.next();
            tracing::warn!("a second signal: ending at once");
            process::exit(1);
        };
        thread::Builder::new().name("signals".to_owned()).spawn(second).map_err(failed)?;
        Ok(())
    }

    fn next(&mut self) {
        let Self { runtime, interrupt, terminate } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
    }
}

fn failed(source: io::Error) -> AppError {
    AppError::Machine { doing: "waiting for a signal", source }
}
