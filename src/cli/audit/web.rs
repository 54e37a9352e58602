//! A log behind a web server: one connection, kept while it lasts; nothing it says of lengths is believed, no redirection
//! is followed, and no more is read than a file may have.

use std::{cell::RefCell, io, path::Path, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::{ambient::connector, tlog::Files};

/// How long one file may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A log behind a web server.
pub(super) struct Web {
    runtime: Runtime,
    /// Host and port, as a connection is made to.
    address: String,
    /// What the server is told that it is asked as.
    host: String,
    /// The path of the log, without a slash at its end.
    base: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    open: RefCell<Option<SendRequest<Body>>>,
}

impl Web {
    /// The log at `url`. Nothing is connected to yet.
    pub(super) fn new(url: &str, ca: Option<&Path>) -> io::Result<Self> {
        let uri: Uri = url.parse().map_err(io::Error::other)?;
        let no_host = || io::Error::other("it names no host");
        let authority = uri.authority().ok_or_else(no_host)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(io::Error::other("an address with a password or a query is not taken"));
        }
        let is_tls = uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = if is_tls {
            let name = authority.host().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(name).map_err(io::Error::other)?;
            Some((connector(ca).map_err(io::Error::other)?, name))
        } else {
            None
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = format!("{}:{port}", authority.host());
        let (host, base) = (authority.to_string(), uri.path().trim_end_matches('/').to_owned());
        Ok(Self { runtime, address, host, base, tls, open: RefCell::default() })
    }

    async fn file(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let kept = self.open.borrow_mut().take();
        if let Some(kept) = kept.filter(|kept| !kept.is_closed()) {
            match self.ask(kept, path, most).await {
                // The server may have closed the connection a moment ago; a new one shows.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                done => return done,
            }
        }
        self.ask(self.connect().await?, path, most).await
    }

    async fn connect(&self) -> io::Result<SendRequest<Body>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => {
                let (sender, way) =
                    handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
                tokio::spawn(way);
                Ok(sender)
            }
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                let (sender, way) =
                    handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
                tokio::spawn(way);
                Ok(sender)
            }
        }
    }

    async fn ask(
        &self,
        mut way: SendRequest<Body>,
        path: &str,
        most: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        let gone = |error| io::Error::new(io::ErrorKind::ConnectionAborted, error);
        way.ready().await.map_err(gone)?;
        let request = Request::get(format!("{}/{path}", self.base))
            .header(header::HOST, &self.host)
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Body::empty())
            .map_err(io::Error::other)?;
        let (head, body) = way.send_request(request).await.map_err(gone)?.into_parts();
        // What an answer says of itself is not needed to read it, but for a few bytes of a refusal.
        let body = Limited::new(body, if head.status.is_success() { most } else { 1 << 16 });
        let body = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                io::ErrorKind::FileTooLarge.into()
            } else {
                io::Error::other(error)
            }
        });
        match head.status {
            StatusCode::OK => {
                let bytes = body?.to_bytes();
                *self.open.borrow_mut() = Some(way);
                Ok(Some(bytes.into()))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                *self.open.borrow_mut() = body.is_ok().then_some(way);
                Ok(None)
            }
            status => Err(io::Error::other(format!("the server answers {status}"))),
        }
    }
}

impl Files for Web {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.read_within(path, 1 << 24)
    }

    fn read_within(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        self.runtime.block_on(async {
            let late = |_| Err(io::ErrorKind::TimedOut.into());
            tokio::time::timeout(PATIENCE, self.file(path, most)).await.unwrap_or_else(late)
        })
    }
}
