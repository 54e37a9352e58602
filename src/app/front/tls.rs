//! TLS by rustls: versions 1.2 and 1.3, HTTP/1.1, and a certificate that can be renewed while connections go on.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use ring::digest;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring as provider},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};

use crate::app::{AppError, TlsSettings};

/// The first byte of a TLS record that holds a handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// What speaks TLS for all threads.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    within: Duration,
    files: Files,
    in_use: Arc<InUse>,
    /// The hash of the files as they were last looked at, good or bad.
    seen: Mutex<Vec<u8>>,
}

/// What came of a handshake.
pub(super) enum Shaken {
    /// TLS is spoken.
    Tls(Box<TlsStream<TcpStream>>),
    /// The client speaks plain HTTP.
    Plain(TcpStream),
    /// The client broke off, took too long, or spoke what is not understood.
    Gone,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct InUse(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When one of the files cannot be read or used, or they do not belong together; what it says names the file.
    pub(super) fn open(settings: &TlsSettings) -> Result<Self, AppError> {
        let files = Files { certificate: settings.certificate.clone(), key: settings.key.clone() };
        let provider = Arc::new(provider::default_provider());
        let (pair, seen) = files.read(&provider)?;
        let in_use = Arc::new(InUse(ArcSwap::from_pointee(pair?)));
        let failed = |error: tokio_rustls::rustls::Error| AppError::Machine {
            doing: "setting up TLS",
            source: io::Error::other(error),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(in_use.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Sessions resume on any thread, and nothing is kept of them here.
        config.ticketer = provider::Ticketer::new().map_err(failed)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            within: Duration::from_millis(settings.handshake_ms),
            files,
            in_use,
            seen: Mutex::new(seen),
        })
    }

    /// Shakes hands.
    pub(super) async fn shake(&self, stream: TcpStream) -> Shaken {
        let shaken = async {
            let mut first = [0];
            match stream.peek(&mut first).await {
                Ok(1..) if first[0] != HANDSHAKE && first[0].is_ascii_uppercase() => {
                    Shaken::Plain(stream)
                }
                Ok(1..) => match self.acceptor.accept(stream).await {
                    Ok(stream) => Shaken::Tls(Box::new(stream)),
                    Err(_) => Shaken::Gone,
                },
                Ok(0) | Err(_) => Shaken::Gone,
            }
        };
        tokio::time::timeout(self.within, shaken).await.unwrap_or(Shaken::Gone)
    }

    /// Takes up the files anew if they have changed since they were last looked at.
    pub(super) fn renew(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.files.read(self.acceptor.config().crypto_provider());
        let pair = match read {
            Ok((_, now)) if now == *seen => return,
            Ok((pair, now)) => {
                *seen = now;
                pair
            }
            Err(error) => Err(error),
        };
        match pair {
            Ok(pair) => {
                self.in_use.0.store(Arc::new(pair));
                tracing::info!("the certificate was renewed");
            }
            Err(error) => tracing::error!(
                error.message = %told(&error),
                "a new certificate cannot be used; the one in use goes on"
            ),
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Files {
    /// The pair, and the hash of both files.
    fn read(
        &self,
        provider: &CryptoProvider,
    ) -> Result<(Result<CertifiedKey, AppError>, Vec<u8>), AppError> {
        let certificate = read(&self.certificate)?;
        let key = zeroize::Zeroizing::new(read(&self.key)?);
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(digest::digest(&digest::SHA256, &certificate).as_ref());
        hash.update(digest::digest(&digest::SHA256, &key).as_ref());
        let pair = self.pair(provider, &certificate, &key);
        Ok((pair, hash.finish().as_ref().to_vec()))
    }

    fn pair(
        &self,
        provider: &CryptoProvider,
        certificate: &[u8],
        key: &[u8],
    ) -> Result<CertifiedKey, AppError> {
        let unusable =
            |path: &Path, reason: String| AppError::Certificate { path: path.to_owned(), reason };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| unusable(&self.certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(unusable(&self.certificate, "it holds no certificate".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| unusable(&self.key, error.to_string()))?;
        CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| unusable(&self.certificate, format!("with its key: {error}")))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AppError> {
    fs::read(path).map_err(|source| AppError::Read { path: path.to_owned(), source })
}

/// An error with its cause, for one log line.
fn told(error: &AppError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
