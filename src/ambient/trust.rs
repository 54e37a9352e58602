//! Whom this machine believes over TLS.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};

/// Where systems keep the certificates that they believe: Debian and Alpine, Red Hat, others.
const ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The machine keeps no certificates, and none were named.
    #[error("this machine keeps no certificates that it believes; name a file of them with `ca`")]
    NoRoots,
    /// A file of them cannot be read.
    #[error("reading {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// What stands in it cannot be used.
    #[error("the certificates in {path} cannot be used: {reason}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Whether the machine keeps certificates that it believes.
#[must_use]
pub fn has_roots() -> bool {
    roots().is_some()
}

fn roots() -> Option<PathBuf> {
    ROOTS.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned)
}

/// What speaks TLS with servers that a certificate of `ca` vouches for; without it, one that the machine believes.
///
/// # Errors
/// When there are none, or the file cannot be read or used.
pub fn connector(ca: Option<&Path>) -> Result<TlsConnector, TrustError> {
    let path = ca.map(Path::to_owned).or_else(roots).ok_or(TrustError::NoRoots)?;
    let pem = fs::read(&path).map_err(|source| TrustError::Read { path: path.clone(), source })?;
    let unusable = |reason: String| TrustError::Unusable { path: path.clone(), reason };
    let mut believed = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        match believed.add(certificate) {
            // One of the machine's many may be of a kind that is not known here.
            Err(error) if ca.is_some() => return Err(unusable(error.to_string())),
            _ => {}
        }
    }
    if believed.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(believed)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
