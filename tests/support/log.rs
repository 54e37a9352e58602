//! Keeps what the gateways of this process log, so that a test can search it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

/// All lines so far, of all tests in this process.
pub(crate) fn logged() -> String {
    let log = listen();
    tracing::info!("the log is searched");
    let log = String::from_utf8_lossy(&log.lock().unwrap()).into_owned();
    assert!(log.contains("the log is searched"), "nothing is kept of the log");
    log
}

/// Begins to keep what is logged, at the finest level.
pub(crate) fn listen() -> &'static Arc<Mutex<Vec<u8>>> {
    LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || Kept(writer.clone()))
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    })
}

struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
