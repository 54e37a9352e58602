//! A model over HTTP that misbehaves on request and keeps every byte that reached it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use crate::ambient::Clock;
use crate::upstream::{Endpoint, Limits, Model, Recipient};

/// What the model does with one connection or call.
pub(super) enum Behaviour {
    /// Answers with these bytes.
    Say(Vec<u8>),
    /// Answers with these bytes and closes.
    SayAndClose(Vec<u8>),
    /// Reads the call, answers after `release`.
    Late(Vec<u8>),
    /// Reads nothing before `release`, then all until the connection is closed.
    Deaf,
}

#[derive(Clone)]
pub(super) struct ModelServer {
    pub(super) address: SocketAddr,
    /// The bytes of each connection, in the order they were accepted.
    pub(super) seen: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(super) release: Arc<Notify>,
    next: Arc<Mutex<VecDeque<Behaviour>>>,
    calls: mpsc::UnboundedSender<()>,
}

/// Hears of each call that the model has read whole, and of each connection that a deaf model saw closed.
pub(super) type Calls = mpsc::UnboundedReceiver<()>;

pub(super) fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl ModelServer {
    /// A model that behaves so, one entry a call.
    pub(super) async fn start(plan: impl IntoIterator<Item = Behaviour>) -> (Self, Calls) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (calls, heard) = mpsc::unbounded_channel();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            release: Arc::default(),
            next: Arc::new(Mutex::new(plan.into_iter().collect())),
            calls,
        };
        let running = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = {
                    let mut seen = running.seen.lock().unwrap();
                    seen.push(Vec::new());
                    seen.len() - 1
                };
                tokio::spawn(running.clone().serve(stream, connection));
            }
        });
        (server, heard)
    }

    /// The gateway's side, with time enough for a slow machine.
    pub(super) fn model(&self) -> Model {
        let limits = Limits { deadline: std::time::Duration::from_secs(20), ..Limits::default() };
        self.model_within(limits)
    }

    pub(super) fn model_within(&self, limits: Limits) -> Model {
        let endpoint = Endpoint::parse(&format!("http://{}", self.address), None).unwrap();
        Model::json(recipient(), endpoint, limits, Clock::System)
    }

    /// All bytes of all connections.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().concat()
    }

    pub(super) fn connections(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    async fn serve(self, mut stream: TcpStream, connection: usize) {
        let deaf = self.next.lock().unwrap().pop_front_if(|next| matches!(next, Behaviour::Deaf));
        if deaf.is_some() {
            self.release.notified().await;
            self.hear(&mut stream, connection, true).await;
            return self.calls.send(()).unwrap_or_default();
        }
        while self.hear(&mut stream, connection, false).await {
            self.calls.send(()).unwrap_or_default();
            let behaviour = self.next.lock().unwrap().pop_front();
            let (bytes, closes) = match behaviour {
                Some(Behaviour::Say(bytes)) => (bytes, false),
                Some(Behaviour::SayAndClose(bytes)) => (bytes, true),
                Some(Behaviour::Late(bytes)) => {
                    self.release.notified().await;
                    (bytes, false)
                }
                Some(Behaviour::Deaf) | None => return,
            };
            if stream.write_all(&bytes).await.is_err() || closes {
                return;
            }
        }
    }

    /// Reads one call, or everything; whether that was a whole call.
    async fn hear(&self, stream: &mut TcpStream, connection: usize, everything: bool) -> bool {
        let (mut call, mut buffer) = (Vec::new(), vec![0; 65536]);
        loop {
            let Ok(count @ 1..) = stream.read(&mut buffer).await else { return false };
            self.seen.lock().unwrap()[connection].extend_from_slice(&buffer[..count]);
            call.extend_from_slice(&buffer[..count]);
            if !everything && is_whole(&call) {
                return true;
            }
        }
    }
}

fn is_whole(call: &[u8]) -> bool {
    let Some(head) = call.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&call[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    call.len() >= head + 4 + length.map_or(0, |length| length.parse().unwrap())
}

pub(super) fn recipient() -> Recipient {
    Recipient {
        id: "shop-model".parse().unwrap(),
        domain: "shop".parse().unwrap(),
        third_party: false,
    }
}
