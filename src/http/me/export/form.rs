//! In which form an export is written, and to whom it is encrypted.

use std::io::{self, Write};

use age::{Encryptor, Recipient, scrypt, secrecy::SecretString, x25519};

use super::{
    archive,
    document::{Export, Source},
    each::Broken,
};
use crate::http::flow;

/// How hard a passphrase is to try: 2^16 rounds of scrypt, 64 MiB and some tenths of a second each.
const WORK: u8 = 16;

/// The form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Zip,
}

/// Who can open an export.
pub(super) enum Lock {
    /// Who knows it.
    Passphrase(SecretString),
    /// Who holds the key of an `age1…`.
    Recipient(x25519::Recipient),
}

/// The body of an answer, as a writer.
pub(super) struct Out(pub(super) flow::Writer);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.write(bytes).is_continue() {
            return Ok(bytes.len());
        }
        // Nobody reads any more.
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Form {
    pub(super) fn media(self) -> &'static str {
        match self {
            Self::Json => crate::http::body::JSON,
            Self::Zip => "application/zip",
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Zip => "zip",
        }
    }

    /// Writes all of the export, encrypted if there is a lock.
    pub(super) fn write(
        self,
        source: Source<'_>,
        lock: Option<&Lock>,
        out: &mut Out,
    ) -> Result<(), Broken> {
        let Some(lock) = lock else { return self.write_plain(source, out) };
        let mut sealed = lock.encryptor()?.wrap_output(out)?;
        self.write_plain(source, &mut sealed)?;
        sealed.finish()?;
        Ok(())
    }

    fn write_plain(self, source: Source<'_>, out: &mut dyn Write) -> Result<(), Broken> {
        match self {
            Self::Json => Ok(serde_json::to_writer(out, &Export::of(source))?),
            Self::Zip => archive::write(source, out),
        }
    }
}

impl Lock {
    fn encryptor(&self) -> Result<Encryptor, Broken> {
        let passphrase;
        let recipient: &dyn Recipient = match self {
            Self::Recipient(recipient) => recipient,
            Self::Passphrase(secret) => {
                let mut slow = scrypt::Recipient::new(secret.clone());
                slow.set_work_factor(WORK);
                passphrase = slow;
                &passphrase
            }
        };
        let made = Encryptor::with_recipients(std::iter::once(recipient));
        made.map_err(|error| Broken::Write(io::Error::other(error)))
    }
}
