//! Sends calls over HTTP/1.1 and reads the answers.

use std::{error::Error, net::SocketAddr, path::PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// Where a call goes.
#[derive(Clone, Debug)]
pub(crate) enum To {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl From<SocketAddr> for To {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// A call that is being put together.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    to: To,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The same as it came, which need not be text.
    pub(crate) bytes: Bytes,
}

impl Call {
    pub(crate) fn new(to: impl Into<To>, method: &str, path: &str) -> Self {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        Self {
            to: to.into(),
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// The same call with another token than it was given.
    pub(crate) fn instead(mut self, token: &str) -> Self {
        self.headers.retain(|(name, _)| name != "authorization");
        self.token(token)
    }

    pub(crate) fn body(mut self, media: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", media)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.unwrap()
    }

    /// Like [`Call::send`], to a gateway that may be gone before it has answered.
    pub(crate) async fn try_send(self) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        match self.to.clone() {
            To::Tcp(address) => self.over(TcpStream::connect(address).await?).await,
            To::Unix(path) => self.over(UnixStream::connect(path).await?).await,
        }
    }

    async fn over(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let stream = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        let mut request =
            http::Request::builder().method(self.method).uri(self.path).header("host", "gateway");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status: head.status, headers: head.headers, body, bytes })
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::String(self.body.clone()))
    }

    /// The lines of an NDJSON answer.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last part of a problem's `type`; empty if the answer is none.
    pub(crate) fn problem(&self) -> String {
        let document = self.json();
        let slug = document["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
        slug.unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
