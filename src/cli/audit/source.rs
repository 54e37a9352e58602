//! Where a log is read from: a folder, or a web server.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failed, web::Web};
use crate::tlog::Files;

/// Which log.
#[derive(Clone, Debug, Args)]
pub(super) struct LogArgs {
    /// The log: a folder, or an address that begins with http:// or https://. The checkpoint is right in it.
    log: String,
    /// Believe the certificates of this PEM file, in place of the machine's, where the log is at an https:// address.
    #[arg(long)]
    ca: Option<PathBuf>,
}

/// Where a log is read from.
pub(super) enum Source {
    /// A folder.
    Folder(PathBuf),
    /// A web server.
    Web(Box<Web>),
}

impl Source {
    pub(super) fn of(args: &LogArgs) -> Result<Self, Failed> {
        Self::believing(&args.log, args.ca.as_deref()).map_err(Failed::Usage)
    }

    /// The log at `log`, where the machine's certificates are believed.
    pub(super) fn at(log: &str) -> Result<Self, String> {
        Self::believing(log, None)
    }

    fn believing(log: &str, ca: Option<&Path>) -> Result<Self, String> {
        if log.starts_with("http://") || log.starts_with("https://") {
            let web = Web::new(log, ca).map_err(|error| format!("{log}: {error}"))?;
            return Ok(Self::Web(Box::new(web)));
        }
        let folder = PathBuf::from(log);
        if folder.is_dir() {
            Ok(Self::Folder(folder))
        } else {
            Err(format!("{log} is no folder, and no http:// or https:// address"))
        }
    }
}

impl Files for Source {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.read_within(path, 1 << 24)
    }

    fn read_within(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => within(&folder.join(path), most),
            Self::Web(web) => web.read_within(path, most),
        }
    }
}

/// At most `most` bytes of a file, whatever its length is said to be.
fn within(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        // A shorter path may be a file where a log has a folder.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
}
