//! Carries spans to a collector over plain HTTP, from the thread that exports them.

use std::{fmt, future::Future, io, pin::Pin, sync::Mutex, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
};

/// How long one export may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer of a collector that is read, in bytes.
const ANSWER: usize = 64 << 10;

/// Sends each export on a connection of its own: there is one every few seconds at most.
pub(super) struct Carrier {
    runtime: Mutex<Runtime>,
}

/// What an export comes to, as the exporter's trait wants it.
type Carried<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl Carrier {
    /// # Errors
    /// When the machine gives no runtime.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime: Mutex::new(runtime) })
    }
}

impl HttpClient for Carrier {
    /// The exporter calls from a thread of its own that has no runtime, so the wait is here.
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Carried<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let runtime = self.runtime.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let sent = runtime.block_on(async {
            let late = |_| Box::from("the collector took too long");
            tokio::time::timeout(PATIENCE, send(request)).await.map_err(late).flatten()
        });
        Box::pin(std::future::ready(sent))
    }
}

async fn send(mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("the collector's URL has no host")?.clone();
    let port = authority.port_u16().unwrap_or(80);
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TokioIo::new(TcpStream::connect((host, port)).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    request.headers_mut().insert(header::HOST, authority.as_str().parse()?);
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
    driver.abort();
    Ok(Response::from_parts(head, body))
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier(…)")
    }
}
