//! A model that speaks the `json` protocol and Gorse's, remembers every byte it saw, and misbehaves when asked.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use socket2::{Domain, SockRef, Socket, Type};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
    /// When all of it had arrived.
    pub(crate) at: Instant,
}

/// How the model answers.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// A list of `items` of a shop: `item-0`, `item-1` …, as many as asked for.
    Lists,
    /// This body with status 200.
    Says(Vec<u8>),
    /// This status with a body.
    Fails(u16),
    /// Closes the connection without a word.
    Hangs,
    /// Misbehaves so for as many calls, then lists.
    First(usize, Box<Behaviour>),
}

type Watch = Box<dyn FnMut(&Seen) + Send>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    behaviour: Option<Behaviour>,
    held: bool,
    /// Called with every request, before it is answered.
    watch: Option<Watch>,
    connections: Vec<TcpStream>,
}

impl State {
    fn behaviour(&mut self) -> Behaviour {
        match &mut self.behaviour {
            Some(Behaviour::First(left @ 1.., behaviour)) => {
                *left -= 1;
                (**behaviour).clone()
            }
            None | Some(Behaviour::First(..)) => Behaviour::Lists,
            Some(behaviour) => behaviour.clone(),
        }
    }
}

/// The URL of a model that is down. The port is taken as long as the socket lives, so that nobody else listens there.
pub(crate) fn down() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, format!("http://{address}"))
}

/// A running model. Its threads end with the process.
#[derive(Clone)]
pub(crate) struct Model {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Model {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let model = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = model.state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), state.clone());
                state.0.lock().unwrap().connections.push(stream.try_clone().unwrap());
                state.1.notify_all();
                thread::spawn(move || answer_all(stream, &state));
            }
        });
        model
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.state.0.lock().unwrap().behaviour = Some(behaviour);
    }

    /// Calls `watch` with every request from now on, before it is answered.
    pub(crate) fn watch(&self, watch: impl FnMut(&Seen) + Send + 'static) {
        self.state.0.lock().unwrap().watch = Some(Box::new(watch));
    }

    /// Answers nothing until [`Model::release`].
    pub(crate) fn hold(&self) {
        self.state.0.lock().unwrap().held = true;
    }

    pub(crate) fn release(&self) {
        self.state.0.lock().unwrap().held = false;
        self.state.1.notify_all();
    }

    /// Waits until at least `count` requests to `path` have arrived.
    pub(crate) fn wait_for(&self, path: &str, count: usize) {
        let (state, changed) = &*self.state;
        let seen = |state: &mut State| state.seen.iter().filter(|seen| seen.path == path).count();
        drop(changed.wait_while(state.lock().unwrap(), |state| seen(state) < count).unwrap());
    }

    /// Like [`Model::wait_for`], for a test whose own calls must go on meanwhile.
    pub(crate) async fn has_seen(&self, path: &'static str, count: usize) {
        let model = self.clone();
        tokio::task::spawn_blocking(move || model.wait_for(path, count)).await.unwrap();
    }

    /// Waits until it has looked at every byte that has reached this machine for it.
    pub(crate) fn catch_up(&self) {
        // Connections are taken up in their order, so all earlier ones are known once this one is.
        let last = TcpStream::connect(self.address).unwrap();
        let last = last.local_addr().unwrap();
        let (state, changed) = &*self.state;
        let known = |state: &State| {
            state.connections.iter().any(|known| known.peer_addr().is_ok_and(|peer| peer == last))
        };
        drop(changed.wait_while(state.lock().unwrap(), |state| !known(state)).unwrap());
        // What was read was also noted, since both happen under the lock.
        let unread = |state: &State| state.connections.iter().any(has_unread);
        drop(changed.wait_while(state.lock().unwrap(), |state| unread(state)).unwrap());
    }

    /// Everything it saw, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.0.lock().unwrap().seen.clone()
    }

    /// What it saw on `path`.
    pub(crate) fn seen_on(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path == path).collect()
    }

    pub(crate) fn forget_what_was_seen(&self) {
        self.state.0.lock().unwrap().seen.clear();
    }
}

/// Whether bytes wait on a connection; of those that ended, none do.
fn has_unread(stream: &TcpStream) -> bool {
    /// `MSG_PEEK | MSG_DONTWAIT` on Linux.
    const LOOK: i32 = 0x02 | 0x40;
    let mut one = [std::mem::MaybeUninit::uninit()];
    SockRef::from(stream).recv_with_flags(&mut one, LOOK).is_ok_and(|count| count > 0)
}

fn answer_all(mut stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let (state, changed) = shared;
    let peer = stream.peer_addr().ok();
    while stream.peek(&mut [0]).is_ok_and(|count| count > 0) {
        let mut now = state.lock().unwrap();
        let Some(seen) = read(&mut stream) else { break };
        if let Some(watch) = &mut now.watch {
            watch(&seen);
        }
        now.seen.push(seen.clone());
        changed.notify_all();
        let now = changed.wait_while(now, |state| state.held).unwrap();
        let mut now = now;
        let behaviour = now.behaviour();
        drop(now);
        let (status, body) = match behaviour {
            Behaviour::Hangs | Behaviour::First(..) => break,
            Behaviour::Fails(status) => (status, b"{\"secret\":\"model trouble\"}".to_vec()),
            Behaviour::Says(body) => (200, body),
            Behaviour::Lists if seen.path == "/recommend" => (200, list(&seen.body)),
            Behaviour::Lists if seen.path.starts_with("/api/") => (200, gorse(&seen)),
            Behaviour::Lists => (200, b"{}".to_vec()),
        };
        // One write: a second one would wait for the first to be acknowledged.
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            break;
        }
    }
    // Its other handle goes before it ends: then nobody knows any more whose it was.
    let is_another = |known: &TcpStream| known.peer_addr().ok() != peer;
    state.lock().unwrap().connections.retain(is_another);
    let _ = stream.shutdown(Shutdown::Both);
    changed.notify_all();
}

fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let mut some = [0; 4096];
        match stream.read(&mut some) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&some[..count]),
            _ => return None,
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
    let mut body = bytes[end..].to_vec();
    while body.len() < length {
        let mut some = [0; 4096];
        match stream.read(&mut some) {
            Ok(count) if count > 0 => body.extend_from_slice(&some[..count]),
            _ => return None,
        }
    }
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Seen { method, path, head, body, at: Instant::now() })
}

/// `item-0` is the best; someone known by a pseudonym gets the list from the other end, so that a personal answer can
/// be told from one that is not.
fn list(asked: &str) -> Vec<u8> {
    let asked: serde_json::Value = serde_json::from_str(asked).unwrap();
    let items = ranked(asked["count"].as_u64().unwrap(), asked.get("user").is_some());
    let item = |(id, score)| serde_json::json!({ "id": id, "score": score });
    let items: Vec<_> = items.into_iter().map(item).collect();
    serde_json::json!({ "items": items }).to_string().into_bytes()
}

fn ranked(count: u64, personal: bool) -> Vec<(String, f64)> {
    let item = |place: u8| {
        let number = if personal { 99 - place } else { place };
        (format!("item-{number}"), 1.0 - f64::from(place) / 100.0)
    };
    (0..u8::try_from(count.min(100)).unwrap()).map(item).collect()
}

/// What Gorse answers: lists of objects to who asks for version 2, else of ids; counts to everything else.
fn gorse(seen: &Seen) -> Vec<u8> {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    if seen.method != "GET" {
        return br#"{"RowAffected":1}"#.to_vec();
    }
    let count = query.strip_prefix("n=").map_or(10, |count| count.parse().unwrap());
    let items = ranked(count, path.starts_with("/api/recommend/"));
    let list = if seen.head.to_lowercase().contains("x-api-version: 2\r\n") {
        let item = |(id, score)| serde_json::json!({ "Id": id, "Score": score });
        serde_json::Value::from(items.into_iter().map(item).collect::<Vec<_>>())
    } else {
        serde_json::Value::from(items.into_iter().map(|(id, _)| id).collect::<Vec<_>>())
    };
    list.to_string().into_bytes()
}
