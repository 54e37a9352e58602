//! What a model on the other side of a socket sees, and what its misbehaviour costs.

mod model_server;

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use model_server::{Behaviour, ModelServer, answer, recipient};
use tokio::{join, net::TcpListener, task::yield_now};

use super::*;
use crate::{
    ambient::Clock,
    domain::{ItemId, Tag, Timestamp},
};

const LIST: &str = r#"{"items":[{"id":"a"}]}"#;

/// A person's gate, as a test closes it and watches its guard.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<GateState>>);

#[derive(Default)]
struct GateState {
    revoked: bool,
    released: bool,
    waker: Option<Waker>,
}

impl Gate {
    fn guard(&self) -> Box<dyn Clearance> {
        Box::new(Guard(self.clone()))
    }

    fn close(&self) {
        let mut state = self.0.lock().unwrap();
        state.revoked = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn is_released(&self) -> bool {
        self.0.lock().unwrap().released
    }
}

struct Guard(Gate);

impl Clearance for Guard {
    fn poll_revoked(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.0.lock().unwrap();
        state.waker = Some(cx.waker().clone());
        if state.revoked { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().released = true;
    }
}

fn open() -> Box<dyn Clearance> {
    Gate::default().guard()
}

fn call() -> Outbound {
    Json.recommend(&Query { user: Some("p7"), count: 3, ..Query::default() }).unwrap()
}

async fn once(reply: impl Into<Vec<u8>>) -> Result<bytes::Bytes, UpstreamFault> {
    let (server, _calls) = ModelServer::start([Behaviour::SayAndClose(reply.into())]).await;
    server.model().send(call(), open()).await
}

/// A model whose queue one connection fills, so that the kernel lets the next one wait.
fn unreachable_endpoint() -> (Endpoint, (socket2::Socket, std::net::TcpStream)) {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let filler = std::net::TcpStream::connect(address).unwrap();
    (Endpoint::parse(&format!("http://{address}"), None).unwrap(), (full, filler))
}

#[test]
fn the_bytes_of_each_call_are_the_protocol() {
    let seeds = [ItemId::parse("tv-1").unwrap(), ItemId::parse("a\"b").unwrap()];
    let full = Query {
        user: Some("p7"),
        count: 10,
        scenario: Some("home"),
        context: br#"{"device":{"type":"mobile"}}"#,
        seed_items: &seeds,
    };
    assert_eq!(
        Json.recommend(&full).unwrap().body,
        r#"{"user":"p7","count":10,"scenario":"home","context":{"device":{"type":"mobile"}},"seed_items":["tv-1","a\"b"]}"#
    );
    assert_eq!(
        Json.recommend(&Query { count: 5, ..Query::default() }).unwrap().body,
        r#"{"count":5}"#
    );
    let rated = OutboundEvent {
        user: "p7",
        item: &seeds[0],
        kind: "rating",
        value: Some(4.5),
        at: Some(Timestamp::from_millis(1)),
    };
    let viewed = OutboundEvent { kind: "view", value: Some(f64::NAN), at: None, ..rated };
    assert_eq!(
        Json.events(&[rated, viewed]).unwrap().body,
        r#"{"events":[{"user":"p7","item":"tv-1","type":"rating","value":4.5,"at":"1970-01-01T00:00:00.001Z"},{"user":"p7","item":"tv-1","type":"view"}]}"#
    );
    let tags = [Tag::parse("tv").unwrap(), Tag::parse("é").unwrap()];
    assert_eq!(
        Json.items(&[
            OutboundItem { id: &seeds[0], tags: &tags },
            OutboundItem { id: &seeds[1], tags: &[] }
        ])
        .unwrap()
        .body,
        r#"{"items":[{"id":"tv-1","categories":["tv","é"]},{"id":"a\"b","categories":[]}]}"#
    );
    assert_eq!(Json.forget("p7").unwrap().body, r#"{"user":"p7"}"#);
}

#[tokio::test]
async fn the_model_sees_the_logged_bytes_and_listed_headers_alone() {
    let (server, _calls) = ModelServer::start([Behaviour::Say(answer(LIST))]).await;
    let key = StaticHeader::parse("authorization", "Bearer s3cret").unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}/v2/", server.address), Some(key)).unwrap();
    let model = Model::json(
        recipient(),
        endpoint,
        Limits { deadline: Duration::from_secs(20), ..Limits::default() },
        Clock::System,
    );
    let outbound = call().with_request_id([0xab; 16]).with_gpc(true);
    let logged = outbound.body.clone();
    assert_eq!(model.send(outbound, open()).await.unwrap(), LIST);

    let seen = String::from_utf8(server.bytes()).unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), logged);
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /v2/recommend HTTP/1.1");
    lines.sort_unstable();
    let id = format!("x-request-id: {}", "ab".repeat(16));
    let (host, length) =
        (format!("host: {}", server.address), format!("content-length: {}", logged.len()));
    let listed = [
        "authorization: Bearer s3cret",
        &length,
        "content-type: application/json",
        &host,
        "sec-gpc: 1",
        &id,
    ];
    assert_eq!(lines, listed);
}

#[tokio::test]
async fn a_gate_closed_before_writing_leaves_the_model_without_a_byte() {
    let (server, _calls) =
        ModelServer::start([Behaviour::Say(answer(LIST)), Behaviour::Say(answer(LIST))]).await;
    let (model, gate) = (server.model(), Gate::default());
    gate.close();
    let fault = model.send(call(), gate.guard()).await.unwrap_err();
    assert_eq!((fault, fault.sent()), (UpstreamFault::Revoked, false));
    assert!(gate.is_released());

    // The same over a connection that is open already.
    model.send(call(), open()).await.unwrap();
    let before = server.bytes();
    assert_eq!(model.send(call(), gate.guard()).await.unwrap_err(), UpstreamFault::Revoked);
    model.send(call(), open()).await.unwrap();
    assert_eq!(server.bytes(), [before.clone(), before].concat(), "two calls, not three");
}

#[tokio::test(start_paused = true)]
async fn a_gate_closed_while_connecting_stops_the_call_at_once() {
    let (endpoint, _full) = unreachable_endpoint();
    let model = Model::json(recipient(), endpoint, Limits::default(), Clock::System);
    let (gate, start) = (Gate::default(), tokio::time::Instant::now());
    let closing = async {
        assert!(!gate.is_released());
        gate.close();
    };
    let (outcome, ()) = join!(biased; model.send(call(), gate.guard()), closing);
    assert_eq!(outcome.unwrap_err(), UpstreamFault::Revoked);
    assert!(gate.is_released());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_gate_closed_while_writing_cuts_the_connection() {
    let (server, mut calls) = ModelServer::start([Behaviour::Deaf]).await;
    let (model, gate) = (server.model(), Gate::default());
    // More than the sockets' buffers take, so that the model's deafness holds the writing up.
    let size = 32 << 20;
    let outbound = Outbound::post("/recommend", vec![b'x'; size], Expects::Answer);
    let closing = async {
        while server.connections() == 0 {
            yield_now().await;
        }
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!gate.is_released(), "the guard is held while bytes are left");
        gate.close();
    };
    let (outcome, ()) = join!(model.send(outbound, gate.guard()), closing);
    let fault = outcome.unwrap_err();
    assert_eq!((fault, fault.sent()), (UpstreamFault::Cut, true));
    assert!(gate.is_released());
    server.release.notify_one();
    calls.recv().await.unwrap();
    assert!((1..size).contains(&server.bytes().len()));
}

#[tokio::test]
async fn the_guard_is_dropped_when_the_bytes_are_written_though_the_answer_is_late() {
    let (server, mut calls) = ModelServer::start([Behaviour::Late(answer(LIST))]).await;
    let (model, gate) = (server.model(), Gate::default());
    let watching = async {
        calls.recv().await.unwrap();
        assert!(gate.is_released(), "the model has all bytes and has not answered");
        // Too late to stop anything, so nothing changes.
        gate.close();
        server.release.notify_one();
    };
    let (outcome, ()) = join!(model.send(call(), gate.guard()), watching);
    assert_eq!(outcome.unwrap(), LIST);
    assert_eq!(model.idle_connections(), 1);
}

#[tokio::test]
async fn an_empty_body_is_written_too() {
    let (server, mut calls) = ModelServer::start([Behaviour::Late(answer("{}"))]).await;
    let (model, gate) = (server.model(), Gate::default());
    let watching = async {
        calls.recv().await.unwrap();
        assert!(gate.is_released());
        server.release.notify_one();
    };
    let outbound = Outbound::post("/ping", Vec::new(), Expects::Receipt);
    let (outcome, ()) = join!(model.send(outbound, gate.guard()), watching);
    assert_eq!(outcome.unwrap(), "{}");
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection_and_its_guard() {
    let (server, mut calls) =
        ModelServer::start([Behaviour::Late(answer(LIST)), Behaviour::Say(answer(LIST))]).await;
    let (model, gate) = (server.model(), Gate::default());
    tokio::select! {
        biased;
        _ = model.send(call(), gate.guard()) => panic!("the model does not answer"),
        Some(()) = calls.recv() => {}
    }
    assert!(gate.is_released());
    assert_eq!(model.idle_connections(), 0);
    model.send(call(), open()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_late_answer_costs_no_more_than_the_deadline() {
    let (server, mut calls) = ModelServer::start([Behaviour::Late(answer(LIST))]).await;
    let model = server.model_within(Limits::default());
    let passing = async {
        calls.recv().await.unwrap();
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(301)).await;
    };
    let (outcome, ()) = join!(model.send(call(), open()), passing);
    let fault = outcome.unwrap_err();
    assert_eq!((fault, fault.sent()), (UpstreamFault::Timeout, true));
    assert_eq!(model.idle_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_before_a_connection_is_there_sends_nothing() {
    let (endpoint, _full) = unreachable_endpoint();
    let (model, gate) =
        (Model::json(recipient(), endpoint, Limits::default(), Clock::System), Gate::default());
    let fault = model.send(call(), gate.guard()).await.unwrap_err();
    assert_eq!((fault, fault.sent()), (UpstreamFault::NotSent(Unsent::Timeout), false));
    assert!(gate.is_released());
}

#[tokio::test]
async fn a_model_that_is_down_is_a_fault_that_sent_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = Endpoint::parse(&format!("http://{port}"), None).unwrap();
    let model = Model::json(recipient(), endpoint, Limits::default(), Clock::System);
    let fault = model.send(call(), open()).await.unwrap_err();
    assert_eq!((fault, fault.sent()), (UpstreamFault::Connect, false));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read_to_its_end() {
    let huge = "x".repeat(5 << 20);
    assert_eq!(once(answer(&huge)).await.unwrap_err(), UpstreamFault::TooLarge);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{huge}\r\n0\r\n\r\n",
        huge.len()
    );
    assert_eq!(once(chunked).await.unwrap_err(), UpstreamFault::TooLarge);
    let until_closed = format!("HTTP/1.1 200 OK\r\n\r\n{huge}");
    assert_eq!(once(until_closed).await.unwrap_err(), UpstreamFault::TooLarge);
}

#[tokio::test]
async fn an_answer_in_many_pieces_arrives_whole() {
    let tail = format!("ems\":[],\"padding\":\"{}\"}}", "x".repeat(700_000));
    let body = format!("{{\"it{tail}");
    assert_eq!(once(answer(&body)).await.unwrap(), body);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{{\"it\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
        tail.len()
    );
    assert_eq!(once(chunked).await.unwrap(), body);
    assert_eq!(once(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await.unwrap(), body);
}

#[tokio::test]
async fn a_broken_answer_is_a_fault() {
    for reply in [
        "",
        "HTTP/1.1 2",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"items\"",
    ] {
        let fault = once(reply).await.unwrap_err();
        assert_eq!((fault, fault.sent()), (UpstreamFault::Closed, true), "{reply}");
    }
}

#[tokio::test]
async fn no_status_but_success_brings_an_answer_and_no_redirect_is_followed() {
    for status in [201, 204, 206, 302, 307, 400, 404, 429, 500, 503] {
        let reply =
            format!("HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(once(reply).await.unwrap_err(), UpstreamFault::Status(status));
    }
    let (server, _calls) = ModelServer::start(["204 No Content", "301 Moved"].map(|status| {
        Behaviour::Say(format!("HTTP/1.1 {status}\r\nlocation: /x\r\n\r\n").into_bytes())
    }))
    .await;
    let model = server.model();
    assert!(model.send(Json.forget("p7").unwrap(), open()).await.unwrap().is_empty());
    assert_eq!(
        model.send(Json.forget("p7").unwrap(), open()).await.unwrap_err(),
        UpstreamFault::Status(301)
    );
}

#[tokio::test]
async fn calls_share_a_connection() {
    let (server, _calls) =
        ModelServer::start([LIST, "{}", LIST].map(|body| Behaviour::Say(answer(body)))).await;
    let model = server.model();
    for expected in [LIST, "{}", LIST] {
        assert_eq!(model.send(call(), open()).await.unwrap(), expected);
    }
    assert_eq!((server.connections(), model.idle_connections()), (1, 1));
    assert_eq!(model.on_this_worker().idle_connections(), 0);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let (server, _calls) = ModelServer::start((0..3).map(|_| Behaviour::Say(answer(LIST)))).await;
    let model = server.model_within(Limits {
        idle_connections: 2,
        deadline: Duration::from_secs(20),
        ..Limits::default()
    });
    let (a, b, c) =
        join!(model.send(call(), open()), model.send(call(), open()), model.send(call(), open()));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!((server.connections(), model.idle_connections()), (3, 2));
}

#[tokio::test]
async fn a_connection_that_the_model_closed_is_not_used_again() {
    let (server, _calls) =
        ModelServer::start([Behaviour::SayAndClose(answer(LIST)), Behaviour::Say(answer(LIST))])
            .await;
    let model = server.model();
    model.send(call(), open()).await.unwrap();
    // The runtime looks at its sockets when a task yields.
    yield_now().await;
    yield_now().await;
    model.send(call(), open()).await.unwrap();
    assert_eq!(server.connections(), 2);
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0], seen[1], "each connection carried one whole call");
}

#[tokio::test]
async fn a_call_that_may_have_arrived_is_not_sent_again() {
    let (server, _calls) = ModelServer::start([
        Behaviour::Say(answer(LIST)),
        Behaviour::SayAndClose(Vec::new()),
        Behaviour::Say(answer(LIST)),
    ])
    .await;
    let model = server.model();
    model.send(call(), open()).await.unwrap();
    let once = server.bytes();
    let fault = model.send(call(), open()).await.unwrap_err();
    assert_eq!((fault, fault.sent()), (UpstreamFault::Closed, true));
    assert_eq!(server.bytes(), [once.clone(), once].concat());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_follows_an_answer_is_never_the_next_answer() {
    let mut smuggled = answer(LIST);
    smuggled.extend(answer(r#"{"items":[{"id":"for someone else"}]}"#));
    let (server, _calls) =
        ModelServer::start([Behaviour::Say(smuggled), Behaviour::Say(answer(LIST))]).await;
    let model = server.model();
    for _ in 0..2 {
        assert_eq!(model.send(call(), open()).await.unwrap(), LIST);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_answer_before_the_whole_call_was_heard_ends_the_connection() {
    let (server, _calls) = ModelServer::start([]).await;
    drop(server);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint =
        Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
    let model = Model::json(
        recipient(),
        endpoint,
        Limits { deadline: Duration::from_secs(20), ..Limits::default() },
        Clock::System,
    );
    let hasty = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &answer(LIST)).await.unwrap();
        stream
    };
    let gate = Gate::default();
    let outbound = Outbound::post("/events", vec![b'x'; 32 << 20], Expects::Receipt);
    let (outcome, _stream) = join!(model.send(outbound, gate.guard()), hasty);
    assert!(outcome.is_ok_and(|answer| answer == LIST));
    assert!(gate.is_released());
    assert_eq!(model.idle_connections(), 0);
}

#[tokio::test]
async fn lies_are_nonsense_or_left_out() {
    let page = once(answer("<html>502</html>")).await.unwrap();
    assert_eq!(Json.answer(&page).unwrap_err(), Nonsense);
    let half = once(answer(r#"{"items":[{"id":"a"},{"i"#)).await.unwrap();
    assert_eq!(Json.answer(&half).unwrap_err(), Nonsense);
    let odd =
        once(answer(r#"{"items":[{"id":"a","score":NaN},{"id":"a"},{"id":""}]}"#)).await.unwrap();
    let odd = Json.answer(&odd).unwrap();
    assert_eq!((odd.items.len(), odd.items[0].score, odd.dropped), (1, None, 2));
}

#[tokio::test]
async fn the_embedded_model_keeps_the_same_gate() {
    let builtin = Arc::new(Builtin::new());
    let (model, gate) = (Model::builtin(recipient(), Arc::clone(&builtin)), Gate::default());
    let item = ItemId::parse("tv-1").unwrap();
    let event = OutboundEvent { user: "p7", item: &item, kind: "view", value: None, at: None };
    gate.close();
    let fault = model.send(Json.events(&[event]).unwrap(), gate.guard()).await.unwrap_err();
    assert_eq!(fault, UpstreamFault::Revoked);
    assert!(!builtin.is_stale() && gate.is_released());
    let gate = Gate::default();
    model.send(Json.events(&[event]).unwrap(), gate.guard()).await.unwrap();
    assert!(builtin.is_stale() && gate.is_released());
}

#[test]
fn a_call_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>(_: &T) {}
    let model = Model::builtin(recipient(), Arc::default());
    is_send(&model.send(call(), open()));
    is_shared(&model);
}
