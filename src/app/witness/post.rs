//! Carries a request to a witness and its answer back, over HTTP/1.1, in the clear or by TLS.
//!
//! One connection is kept open from one checkpoint to the next. An answer is read up to a bound; how long all of it may
//! take is the caller's affair.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header, uri::Scheme};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring as provider,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::app::{AppError, WitnessSettings};

/// The largest answer that is read, in bytes: a cosignature's line has some hundred.
const ANSWER: usize = 64 << 10;

/// Where systems keep the certificates that they trust: Debian and Alpine, Red Hat, others.
const TRUSTED: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Where a witness is reached.
pub(super) struct Address {
    host: String,
    port: u16,
    authority: HeaderValue,
    target: Uri,
    tls: Option<TlsConnector>,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) media_type: Option<String>,
    pub(super) body: Bytes,
}

impl Address {
    /// Reads where `settings` say the witness is.
    ///
    /// # Errors
    /// When the URL is none, or no certificates can be read for an `https` one.
    pub(super) fn of(settings: &WitnessSettings) -> Result<Self, AppError> {
        let wrong = |why: &str| {
            let url = &settings.url;
            AppError::Settings(format!("[[audit.witness]] url = \"{url}\": {why}"))
        };
        let uri: Uri = settings.url.parse().map_err(|_| wrong("it is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(wrong("it must be absolute, such as https://witness.example"));
        };
        if authority.as_str().contains('@') || uri.query().is_some() || settings.url.contains('#') {
            return Err(wrong("it must hold no more than host, port and path"));
        }
        let (tls, port) = match scheme {
            scheme if *scheme == Scheme::HTTP => (None, 80),
            scheme if *scheme == Scheme::HTTPS => (Some(connector(settings.ca.as_deref())?), 443),
            _ => return Err(wrong("it must begin with http:// or https://")),
        };
        let target = format!("{}/add-checkpoint", uri.path().trim_end_matches('/'));
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("its host"))?,
            target: target.parse().map_err(|_| wrong("its path"))?,
            tls,
        })
    }

    async fn connect(&self) -> io::Result<Link> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Link::over(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                Link::over(tls.connect(name, stream).await?).await
            }
        }
    }

    fn request(&self, body: &str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.authority.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        request
    }
}

/// The way to one witness.
#[derive(Default)]
pub(super) struct Post(Option<Link>);

impl Post {
    /// Sends `body` and reads the answer. A connection that the witness closed meanwhile is made anew once.
    pub(super) async fn send(&mut self, to: &Address, body: &str) -> io::Result<Reply> {
        // A link in use is not in `self`: should this be dropped halfway, its connection is closed with it.
        if let Some(mut link) = self.0.take()
            && link.is_open().await
            && let Ok(reply) = link.exchange(to.request(body)).await
        {
            self.0 = Some(link);
            return Ok(reply);
        }
        let mut link = to.connect().await?;
        let reply = link.exchange(to.request(body)).await?;
        self.0 = Some(link);
        Ok(reply)
    }
}

/// A connection. Dropping it closes it.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Link {
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> io::Result<Self> {
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(io::Error::other)?;
        let driver = tokio::spawn(async {
            // How a connection ends is told by the exchange that it ends under.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> io::Result<Reply> {
        let answer = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect().await.map_err(io::Error::other)?;
        let media_type = head.headers.get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|media| media.to_str().ok()).map(ToOwned::to_owned);
        Ok(Reply { status: head.status.as_u16(), media_type, body: body.to_bytes() })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(in crate::app) fn connector(ca: Option<&Path>) -> Result<TlsConnector, AppError> {
    let path = match ca {
        Some(path) => path.to_owned(),
        None => trusted()?,
    };
    let pem = fs::read(&path).map_err(|source| AppError::Read { path: path.clone(), source })?;
    let unusable = |reason: String| AppError::Certificate { path: path.clone(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        match roots.add(certificate) {
            // One of the system's many may be of a kind that is not known here.
            Err(error) if ca.is_some() => return Err(unusable(error.to_string())),
            _ => {}
        }
    }
    if roots.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

pub(in crate::app) fn trusted() -> Result<PathBuf, AppError> {
    let there = TRUSTED.iter().map(Path::new).find(|path| path.is_file());
    there.map(Path::to_owned).ok_or_else(|| {
        let text = "[[audit.witness]]: this machine keeps no certificates that it trusts; name some with `ca`";
        AppError::Settings(text.to_owned())
    })
}
