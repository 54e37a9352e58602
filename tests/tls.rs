//! The public address speaks TLS when it is told to, and goes on with a good certificate whatever becomes of the files.
#![expect(clippy::unwrap_used, reason = "a test that cannot read an answer must fail")]

mod support;

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use consentry::{
    ambient::{Clock, FaultFs},
    app::AppError,
    domain::Timestamp,
};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
        version::{TLS12, TLS13},
    },
};

use support::{
    Stage,
    log::logged,
    wire::Wire,
    wiring::{self, Set, fresh_folder},
};

fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

fn der(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(pem(name)).unwrap()
}

/// Certificate and key in a folder of their own, which the gateway watches.
struct Files(PathBuf);

impl Files {
    fn of(name: &str) -> Self {
        let folder = fresh_folder();
        fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.become_those_of(name);
        files
    }

    fn become_those_of(&self, name: &str) {
        fs::copy(pem(&format!("{name}.pem")), self.0.join("cert.pem")).unwrap();
        fs::copy(pem(&format!("{name}.key")), self.0.join("key.pem")).unwrap();
    }

    fn settings(&self) -> String {
        let folder = self.0.display();
        format!(
            "[server.tls]\ncertificate = '{folder}/cert.pem'\nkey = '{folder}/key.pem'\nhandshake_ms = 2000"
        )
    }

    async fn stage(&self) -> Stage {
        let settings = self.settings();
        Stage::set(move |set| set.server_settings = settings).await
    }

    /// Why a gateway with these files does not start.
    fn refusal(&self) -> String {
        let (clock, _) = Clock::manual(Timestamp::parse("2026-11-22T03:00:00Z").unwrap());
        let mut set = Set::new(clock);
        (set.server_settings, set.disk) = (self.settings(), Some(FaultFs::new()));
        let error = wiring::try_start(set).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert!(matches!(error, AppError::Certificate { .. } | AppError::Read { .. }), "{error}");
        format!("{error}: {}", cause.unwrap_or_default())
    }
}

async fn connect(
    to: SocketAddr,
    version: &'static SupportedProtocolVersion,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(der("ca.pem")).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, TcpStream::connect(to).await?).await
}

/// The certificate that a new connection is shown.
async fn shown(stage: &Stage) -> CertificateDer<'static> {
    let stream = connect(stage.address, &TLS13, &[b"http/1.1"]).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().first().unwrap().clone().into_owned()
}

/// The status of `GET /healthz` on an open connection, twice.
async fn asks_twice(stream: TlsStream<TcpStream>) -> [u16; 2] {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut statuses = [0; 2];
    for status in &mut statuses {
        let request = http::Request::get("/healthz").header("host", "localhost");
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        *status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
    }
    statuses
}

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_1_alone() {
    let stage = Files::of("one").stage().await;
    for (version, named) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let stream = connect(stage.address, version, &[b"h2", b"http/1.1"]).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(named));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(asks_twice(stream).await, [200, 200]);
    }
    assert!(connect(stage.address, &TLS13, &[b"h2"]).await.is_err(), "nothing else is spoken");
}

#[tokio::test]
async fn a_plain_client_is_told_to_use_https() {
    let stage = Files::of("one").stage().await;
    let mut wire = Wire::to(stage.address).await;
    wire.says("GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
    let heard = wire.hears_all().await;
    assert!(heard.starts_with("HTTP/1.1 400") && heard.contains("/problems/plain-http"), "{heard}");
    assert!(heard.contains("connection: close"), "{heard}");
    // What is neither is ended without a word of HTTP, and harms nobody.
    let mut wire = Wire::to(stage.address).await;
    wire.says([0, 1, 2, 3, 4, 5, 6, 7]).await;
    assert!(!wire.hears_bytes().await.starts_with(b"HTTP"));
    assert_eq!(shown(&stage).await, der("one.pem"));
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_ended() {
    let files = Files::of("one");
    let settings = files.settings().replace("2000", "100");
    let stage = Stage::set(move |set| set.server_settings = settings).await;
    let mut silent = Wire::to(stage.address).await;
    assert_eq!(silent.hears_all().await, "");
    let mut begun = Wire::to(stage.address).await;
    begun.says([22, 3, 1, 2, 0]).await;
    assert!(begun.hears_bytes().await.is_empty());
}

#[tokio::test]
async fn a_changed_certificate_is_taken_up_and_a_bad_one_is_not() {
    let files = Files::of("one");
    let stage = files.stage().await;
    let old = connect(stage.address, &TLS13, &[b"http/1.1"]).await.unwrap();
    assert_eq!(shown(&stage).await, der("one.pem"));

    files.become_those_of("two");
    assert_eq!(shown(&stage).await, der("one.pem"), "nothing changes by itself");
    stage.server().renew_certificate();
    assert_eq!(shown(&stage).await, der("two.pem"));
    assert_eq!(asks_twice(old).await, [200, 200], "connections go on");

    // A certificate whose key is another's, as when one file is copied before the other.
    fs::copy(pem("one.pem"), files.0.join("cert.pem")).unwrap();
    stage.server().renew_certificate();
    assert_eq!(shown(&stage).await, der("two.pem"));
    assert!(logged().contains("a new certificate cannot be used; the one in use goes on"));
    fs::remove_file(files.0.join("key.pem")).unwrap();
    stage.server().renew_certificate();
    assert_eq!(shown(&stage).await, der("two.pem"));

    files.become_those_of("one");
    stage.server().renew_certificate();
    assert_eq!(shown(&stage).await, der("one.pem"), "a good one is taken up after a bad one");
}

#[tokio::test]
async fn a_gateway_does_not_start_with_a_certificate_that_cannot_be_used() {
    let told = tokio::task::spawn_blocking(|| {
        let files = Files::of("one");
        fs::write(files.0.join("cert.pem"), "no certificate").unwrap();
        let empty = files.refusal();
        fs::copy(pem("two.pem"), files.0.join("cert.pem")).unwrap();
        let mixed = files.refusal();
        files.become_those_of("one");
        fs::write(files.0.join("key.pem"), "no key").unwrap();
        let no_key = files.refusal();
        fs::remove_file(files.0.join("key.pem")).unwrap();
        [empty, mixed, no_key, files.refusal()]
    });
    let [empty, mixed, no_key, missing] = told.await.unwrap();
    assert!(empty.contains("cert.pem") && empty.contains("holds no certificate"), "{empty}");
    assert!(mixed.contains("cert.pem") && mixed.contains("with its key"), "{mixed}");
    assert!(no_key.contains("key.pem") && no_key.contains("cannot be used"), "{no_key}");
    assert!(missing.contains("key.pem") && missing.contains("No such file"), "{missing}");
}
