//! One call to somebody who is no model, and the answer: over HTTP/1.1, in the clear or by TLS.
//!
//! Promises: it goes to the host of its URL and nowhere else, since no answer sends it on; it takes no longer and reads no
//! more than it may; it has a connection of its own, which ends with it.

use std::{fmt, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 << 10;

/// A call.
pub struct Letter {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Letter {
    /// A POST of `body` to `url`.
    #[must_use]
    pub fn post(url: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { method: Method::POST, url: url.to_owned(), headers, body: body.into() }
    }

    /// A GET of `url`.
    #[must_use]
    pub fn get(url: &str, headers: Vec<(String, String)>) -> Self {
        Self { method: Method::GET, url: url.to_owned(), headers, body: Bytes::new() }
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // URL and body may name somebody.
        f.debug_struct("Letter").field("method", &self.method).finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Sends calls. A clone is one more reference.
#[derive(Clone)]
pub struct Post {
    /// Vouches for `https`; without it, such calls are not sent.
    tls: Option<TlsConnector>,
    patience: Duration,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Post {
    /// Sends calls that take `patience` at most, by https where `tls` vouches for the other side.
    #[must_use]
    pub fn new(tls: Option<TlsConnector>, patience: Duration) -> Self {
        Self { tls, patience }
    }

    /// Sends `letter` and reads the answer, once.
    ///
    /// # Errors
    /// When its URL is none, the other side is not reached or not who it should be, or the answer is late or too large.
    pub async fn send(&self, letter: Letter) -> io::Result<Reply> {
        let sent = tokio::time::timeout(self.patience, self.exchange(letter)).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn exchange(&self, letter: Letter) -> io::Result<Reply> {
        let wrong = || io::Error::from(io::ErrorKind::InvalidInput);
        let uri: Uri = letter.url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?.clone();
        let (by_tls, usual) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(wrong()),
        };
        let request = request(letter, &uri)?;
        let host = authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(usual))).await?;
        stream.set_nodelay(true)?;
        if !by_tls {
            return over(stream, request).await;
        }
        let tls = self.tls.as_ref().ok_or_else(wrong)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        over(tls.connect(name, stream).await?, request).await
    }
}

fn request(letter: Letter, uri: &Uri) -> io::Result<Request<Full<Bytes>>> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidInput);
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = Request::new(Full::new(letter.body));
    *request.method_mut() = letter.method;
    *request.uri_mut() = target.parse().map_err(|_| wrong())?;
    let headers = request.headers_mut();
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    headers.insert(header::HOST, HeaderValue::from_str(authority).map_err(|_| wrong())?);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &letter.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(request)
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Reply> {
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(io::Error::other)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER).collect().await.map_err(io::Error::other)?;
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    };
    // The connection is driven by who waits for the answer, and ends with it.
    tokio::pin!(exchange, connection);
    tokio::select! {
        reply = &mut exchange => reply,
        _ = &mut connection => exchange.await,
    }
}
