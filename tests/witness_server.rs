//! The witness as a server and the gateway's side that asks it, over loopback: each as the other meets it, and each
//! before somebody who lies.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage must fail")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use consentry::{
    ambient::{Entropy, FaultFs},
    app::{
        Machine, ServerSettings, Settings, WitnessConfig, WitnessServer, WitnessSettings,
        Witnesses, init_witness,
    },
    tlog::{Checkpoint, Files as _, Note, NoteSigner, VerifierKey},
    witness::write_key,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use support::{
    Stage,
    client::{Answer, Call},
    log::{listen, logged},
    tree::Tree,
    wire::Wire,
    wiring::fresh_folder,
};

const ORIGIN: &str = "gw.test/log/2026h2";
const NAME: &str = "witness.test/w1";

/// A witness in this process, on a port of its own.
struct Office {
    server: Option<WitnessServer>,
    config: WitnessConfig,
    key: VerifierKey,
}

impl Office {
    fn open() -> Self {
        Self::with(ServerSettings::default())
    }

    fn with(server: ServerSettings) -> Self {
        Self::following(ORIGIN, server)
    }

    fn following(origin: &str, server: ServerSettings) -> Self {
        Self::knowing(Tree::of(origin, 0).key(), server)
    }

    fn knowing(log: VerifierKey, server: ServerSettings) -> Self {
        let data = fresh_folder();
        let key = init_witness(&data, NAME, &Entropy::system()).unwrap();
        let mut config = WitnessConfig { data, log: vec![log], server };
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = WitnessServer::start(&config, &Machine::real()).unwrap();
        config.server.listen = server.address();
        Self { server: Some(server), config, key }
    }

    fn address(&self) -> SocketAddr {
        self.config.server.listen
    }

    fn closes(&mut self) {
        self.server.take().unwrap().stop();
    }

    /// A process that another test forks holds the folder's lock until it has become another program, and a connection
    /// of another test may sit on the port for a moment.
    async fn opens_again(&mut self) {
        for _ in 0..100 {
            match WitnessServer::start(&self.config, &Machine::real()) {
                Ok(server) => {
                    self.server = Some(server);
                    return;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        self.server = Some(WitnessServer::start(&self.config, &Machine::real()).unwrap());
    }

    async fn hears(&self, body: impl Into<bytes::Bytes>) -> Answer {
        hears(self.address(), body).await
    }

    /// How a gateway names it.
    fn settings(&self, more: &str) -> WitnessSettings {
        let scheme = if self.config.server.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}", self.address().port());
        settings(&url, &self.key, more)
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

fn settings(url: &str, key: &VerifierKey, more: &str) -> WitnessSettings {
    toml::from_str(&format!("url = '{url}'\nvkey = '{key}'\n{more}")).unwrap()
}

async fn hears(address: SocketAddr, body: impl Into<bytes::Bytes>) -> Answer {
    Call::new(address, "POST", "/add-checkpoint").body("text/plain", body).send().await
}

fn is_signed(note: &str, lines: &str, key: &VerifierKey) -> bool {
    let note = format!("{note}{lines}");
    Note::parse(note.as_bytes()).is_ok_and(|note| matches!(note.signed_by(key), Ok(Some(1..))))
}

/// The log's side: what publishes, and what it got back.
struct Log {
    latest: watch::Sender<Option<Tree>>,
    got: mpsc::UnboundedReceiver<Got>,
}

/// What was handed back to be published.
#[derive(Debug)]
struct Got {
    size: u64,
    origin: String,
    lines: Vec<String>,
}

impl Log {
    fn with(witnesses: &[WitnessSettings]) -> Self {
        let witnesses = Witnesses::open(witnesses).unwrap();
        let (latest, published) = watch::channel(None);
        let (put, got) = mpsc::unbounded_channel();
        let publish = move |tree: &Tree, lines: &[String]| {
            let Checkpoint { size, origin, .. } = tree.checkpoint();
            put.send(Got { size, origin, lines: lines.to_vec() }).unwrap();
        };
        tokio::spawn(witnesses.run(published, Tree::published, publish));
        Self { latest, got }
    }

    fn publishes(&self, tree: &Tree) {
        self.latest.send_replace(Some(tree.clone()));
    }

    async fn gets(&mut self) -> Got {
        tokio::time::timeout(Duration::from_secs(20), self.got.recv()).await.unwrap().unwrap()
    }
}

/// Waits until the log tells of `words`.
async fn is_told(words: &[&str]) {
    for _ in 0..400 {
        let told = logged();
        if told.lines().any(|line| words.iter().all(|word| line.contains(word))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(words.is_empty(), "no line tells of {words:?}");
}

mod server {
    use super::*;

    #[tokio::test]
    async fn each_answer_has_the_status_and_the_form_of_the_protocol() {
        let office = Office::open();
        let (five, nine) = (Tree::of(ORIGIN, 5), Tree::of(ORIGIN, 9));
        let answer = office.hears(five.body(0)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "text/plain; charset=utf-8")
        );
        assert!(answer.body.starts_with(&format!("— {NAME} ")) && answer.body.ends_with('\n'));
        assert!(is_signed(&five.note(), &answer.body, &office.key), "{}", answer.body);

        let answer = office.hears(nine.body(3)).await;
        let told = (answer.status.as_u16(), answer.header("content-type"), answer.body.as_str());
        assert_eq!(told, (409, "text/x.tlog.size", "5\n"));

        let forked = Tree::of(ORIGIN, 4).and(1, "other");
        let answer = office.hears(forked.body(5)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (409, "text/plain; charset=utf-8")
        );

        let mut unproven = nine.asks(5);
        unproven.proof.pop();
        assert_eq!(office.hears(unproven.to_string()).await.status, 422);
        assert_eq!(office.hears(Tree::of("elsewhere.test/log", 5).body(0)).await.status, 404);
        let unsigned = String::from_utf8(nine.body(5)).unwrap().replacen("\n9\n", "\n10\n", 1);
        assert_eq!(office.hears(unsigned).await.status, 403);
        assert_eq!(office.hears("old nine\n").await.status, 400);
        let backwards = String::from_utf8(five.body(5)).unwrap().replacen("old 5\n", "old 6\n", 1);
        assert_eq!(office.hears(backwards).await.status, 400);
        // After all of this it goes on where it was.
        assert!(is_signed(&nine.note(), &office.hears(nine.body(5)).await.body, &office.key));
    }

    #[tokio::test]
    async fn it_says_that_it_runs_and_answers_nothing_else() {
        let office = Office::open();
        let call = |method: &str, path: &str| Call::new(office.address(), method, path).send();
        assert_eq!(call("GET", "/healthz").await.status, 200);
        assert_eq!(call("GET", "/add-checkpoint").await.status, 405);
        assert_eq!(call("GET", "/").await.status, 404);
        assert_eq!(call("GET", "/metrics").await.status, 404);
    }

    #[tokio::test]
    async fn a_body_has_a_size_and_a_time() {
        let limits = ServerSettings { body_bytes: 4096, body_ms: 200, ..ServerSettings::default() };
        let office = Office::with(limits);
        assert_eq!(office.hears(vec![b'a'; 4097]).await.status, 413);
        let mut slow = Wire::to(office.address()).await;
        slow.says("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 100\r\n\r\nold 0\n")
            .await;
        assert!(slow.hears_one().await.starts_with("http/1.1 408"));
        let tree = Tree::of(ORIGIN, 5);
        assert_eq!(office.hears(tree.body(0)).await.status, 200);
    }

    #[tokio::test]
    async fn a_restart_keeps_what_was_cosigned_and_the_key() {
        let mut office = Office::open();
        let (five, nine) = (Tree::of(ORIGIN, 5), Tree::of(ORIGIN, 9));
        assert_eq!(office.hears(five.body(0)).await.status, 200);
        office.closes();
        office.opens_again().await;
        assert_eq!(office.hears(nine.body(0)).await.body, "5\n");
        assert!(is_signed(&nine.note(), &office.hears(nine.body(5)).await.body, &office.key));
    }

    #[test]
    fn a_key_is_its_owners_alone_and_never_overwritten() {
        let folder = fresh_folder();
        let key = init_witness(&folder, NAME, &Entropy::system()).unwrap();
        let file = folder.join("witness.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o400);
        let text = fs::read(&file).unwrap();
        let again = init_witness(&folder, NAME, &Entropy::system()).unwrap_err();
        assert!(again.to_string().contains("is there already"), "{again}");
        assert_eq!(fs::read(&file).unwrap(), text);
        assert!(init_witness(&fresh_folder(), "two words", &Entropy::system()).is_err());
        assert_eq!(VerifierKey::parse(&key.to_string()).unwrap(), key);
    }

    #[test]
    fn a_configuration_says_all_and_an_unknown_key_is_an_error() {
        let folder = fresh_folder();
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("witness.toml");
        let log = Tree::of(ORIGIN, 0).key();
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            WitnessConfig::read(&path).map_err(|error| error.to_string())
        };
        let config = read(&format!("data = '.'\nlog = ['{log}']\n[server]\nlisten = '[::1]:9'\n"));
        let config = config.unwrap();
        assert_eq!((config.data, config.log), (folder.join("."), vec![log]));
        assert!(read("data = '.'\nlogs = []\n").unwrap_err().contains("logs"));
        let (witness, _) = write_key(NAME, &[1; 32]).unwrap();
        let wrong = format!("data = '.'\nlog = ['{}']\n", witness.verifier());
        assert!(read(&wrong).unwrap_err().contains("the key of a witness"));
    }
}

mod gateway {
    use super::*;

    #[tokio::test]
    async fn each_checkpoint_comes_back_cosigned() {
        let office = Office::open();
        let mut log = Log::with(&[office.settings("")]);
        for rows in [3, 4, 90, 300, 301] {
            let tree = Tree::of(ORIGIN, rows);
            log.publishes(&tree);
            let cosigned = log.gets().await;
            assert_eq!((cosigned.size, cosigned.origin.as_str()), (rows, ORIGIN));
            assert!(is_signed(&tree.note(), &cosigned.lines.concat(), &office.key));
        }
        // The next shard is another log, and begins anew.
        let next = Tree::of("gw.test/log/2027h1", 2);
        log.publishes(&next);
        let cosigned = log.gets().await;
        assert!(is_signed(&next.note(), &cosigned.lines.concat(), &office.key));
        // The same again is not asked for again.
        log.publishes(&next);
        log.publishes(&next.clone().and(1, "row"));
        assert_eq!(log.gets().await.size, 3);
    }

    #[tokio::test]
    async fn a_gateway_that_starts_anew_learns_where_the_witness_is() {
        let office = Office::open();
        assert_eq!(office.hears(Tree::of(ORIGIN, 300).body(0)).await.status, 200);
        let mut log = Log::with(&[office.settings("")]);
        log.publishes(&Tree::of(ORIGIN, 700));
        assert_eq!(log.gets().await.size, 700);
    }

    #[tokio::test]
    async fn over_tls_with_a_certificate_that_is_vouched_for_and_no_other() {
        listen();
        let pem =
            |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name);
        let (certificate, key) = (pem("one.pem"), pem("one.key"));
        let tls = format!(
            "tls = {{ certificate = '{}', key = '{}' }}",
            certificate.display(),
            key.display()
        );
        let office = Office::with(toml::from_str(&tls).unwrap());
        let tree = Tree::of(ORIGIN, 5);
        let mut log = Log::with(&[office.settings(&format!("ca = '{}'", pem("ca.pem").display()))]);
        log.publishes(&tree);
        assert!(is_signed(&tree.note(), &log.gets().await.lines.concat(), &office.key));
        // The certificate of the server itself vouches for nobody.
        let mut log =
            Log::with(&[office.settings(&format!("ca = '{}'", pem("two.pem").display()))]);
        log.publishes(&tree);
        is_told(&["does not cosign", "certificate"]).await;
        assert!(log.got.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_second_history_is_not_cosigned_and_the_gateway_says_so() {
        listen();
        let origin = "fork.test/log/2026h2";
        let office = Office::following(origin, ServerSettings::default());
        let settings = office.settings("");
        let common = Tree::of(origin, 5);
        let (one, other) = (common.clone().and(3, "one"), common.and(3, "other"));
        let mut log = Log::with(std::slice::from_ref(&settings));
        log.publishes(&one);
        assert_eq!(log.gets().await.size, 8);
        // The same size with another root, as after a restart that forgot; then what goes on from it.
        let mut lying = Log::with(std::slice::from_ref(&settings));
        lying.publishes(&other);
        is_told(&["another history", origin, "of the same size"]).await;
        let mut lying_on = Log::with(&[settings]);
        lying_on.publishes(&other.clone().and(4, "other"));
        is_told(&["another history", origin, "is not the beginning of this log"]).await;
        let mut shorter = Log::with(&[office.settings("")]);
        shorter.publishes(&Tree::of(origin, 5));
        is_told(&["another history", origin, "rows were lost"]).await;
        for log in [&mut lying, &mut lying_on, &mut shorter] {
            assert!(log.got.try_recv().is_err());
        }
        log.publishes(&one.and(1, "one"));
        assert_eq!(log.gets().await.size, 9);
    }

    #[tokio::test]
    async fn a_witness_that_was_down_is_asked_about_the_latest_once_it_is_back() {
        listen();
        let mut office = Office::open();
        let mut log = Log::with(&[office.settings("timeout_ms = 2000")]);
        log.publishes(&Tree::of(ORIGIN, 3));
        assert_eq!(log.gets().await.size, 3);
        office.closes();
        log.publishes(&Tree::of(ORIGIN, 4));
        is_told(&["a witness does not cosign", NAME]).await;
        log.publishes(&Tree::of(ORIGIN, 5));
        office.opens_again().await;
        assert_eq!(log.gets().await.size, 5, "the one between is not asked for any more");
        is_told(&["a witness cosigns again", NAME]).await;
    }

    /// A witness that answers with these bytes whatever it is asked, and how often it was.
    async fn liar(
        key: &VerifierKey,
        answer: Option<Vec<u8>>,
    ) -> (WitnessSettings, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/some/prefix", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, count) = (answer.clone(), count.clone());
                tokio::spawn(async move {
                    let mut some = [0; 4096];
                    let _ = stream.read(&mut some).await.unwrap();
                    assert!(some.starts_with(b"POST /some/prefix/add-checkpoint HTTP/1.1\r\n"));
                    count.fetch_add(1, Ordering::Relaxed);
                    match answer {
                        // It may be cut off halfway.
                        Some(answer) => drop(stream.write_all(&answer).await),
                        None => std::future::pending().await,
                    }
                });
            }
        });
        (settings(&url, key, "timeout_ms = 300"), asked)
    }

    fn says(status: u16, media: &str, body: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let body = body.as_ref();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n"
        );
        (status > 0).then(|| [head.as_bytes(), body].concat())
    }

    /// What a witness with this key may answer about `tree` that is no cosignature, and what is told of it.
    fn lies(liar: &NoteSigner, tree: &Tree) -> Vec<(Option<Vec<u8>>, &'static str)> {
        let text = |tree: &Tree| tree.checkpoint().text();
        let (stranger, _) = write_key("stranger.test/w1", &[4; 32]).unwrap();
        let (namesake, _) = write_key(&liar.verifier().name, &[4; 32]).unwrap();
        let good = liar.line(&text(tree), 1);
        let twice = format!("{good}\n{good}");
        let other = liar.line(&text(&Tree::of("elsewhere.test/log", tree.size())), 1);
        let older = liar.line(&text(&Tree::of(ORIGIN, tree.size() - 1)), 1);
        let plain = "text/plain";
        vec![
            (None, "took too long"),
            (says(200, plain, vec![b'a'; 5 << 20]), "exchange"),
            (says(200, plain, b"\x00\xff\x80"), "it is no text"),
            (says(200, plain, ""), "it did not sign"),
            (says(200, plain, "thanks\n"), "a line is no signature"),
            (says(200, plain, other), "does not verify"),
            (says(200, plain, older), "does not verify"),
            (says(200, plain, stranger.line(&text(tree), 1)), "it did not sign"),
            (says(200, plain, namesake.line(&text(tree), 1)), "it did not sign"),
            (says(200, plain, twice), "a line is no signature"),
            (says(409, "text/x.tlog.size", "-1\n"), "status 409"),
            (says(409, "text/x.tlog.size", "2\n"), "does not go on from the size"),
            (says(500, plain, &good), "status 500"),
            (says(302, plain, &good), "status 302"),
            (Some(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), "exchange"),
        ]
    }

    #[tokio::test]
    async fn a_witness_that_lies_or_is_silent_does_no_harm_to_the_others() {
        listen();
        let (office, tree) = (Office::open(), Tree::of(ORIGIN, 5));
        let known =
            |number: usize| write_key(&format!("liar-{number}.test/w1"), &[3; 32]).unwrap().0;
        let all = lies(&known(0), &tree).len();
        for number in 0..all {
            let liar_key = known(number);
            let name = liar_key.verifier().name.clone();
            let (answer, why) = lies(&liar_key, &tree).swap_remove(number);
            let (liar, asked) = liar(liar_key.verifier(), answer).await;
            let mut log = Log::with(&[liar, office.settings("")]);
            log.publishes(&tree);
            let cosigned = log.gets().await;
            assert_eq!((cosigned.lines.len(), cosigned.size), (1, 5), "{why}");
            assert!(is_signed(&tree.note(), &cosigned.lines[0], &office.key), "{why}");
            is_told(&["does not cosign", &name, why]).await;
            assert!(log.got.try_recv().is_err(), "{why}");
            assert!((1..=3).contains(&asked.load(Ordering::Relaxed)), "{why}");
        }
    }

    #[tokio::test]
    async fn lines_of_strangers_beside_a_cosignature_are_left_aside() {
        let tree = Tree::of(ORIGIN, 5);
        let (honest, _) = write_key("honest.test/w1", &[3; 32]).unwrap();
        let (stranger, _) = write_key("stranger.test/w1", &[4; 32]).unwrap();
        let text = tree.checkpoint().text();
        let (good, other) = (honest.line(&text, 1), stranger.line(&text, 1));
        let lines = format!("{other}{good}{other}");
        let (settings, _) = liar(honest.verifier(), says(200, "text/plain", lines)).await;
        let mut log = Log::with(&[settings]);
        log.publishes(&tree);
        assert_eq!(log.gets().await.lines, [good]);
    }

    #[tokio::test]
    async fn what_several_witnesses_sign_is_put_together() {
        let (one, other) = (Office::open(), Office::open());
        let other_key = write_key("other.test/w1", &[3; 32]).unwrap().0;
        let tree = Tree::of(ORIGIN, 5);
        let good = other_key.line(&tree.checkpoint().text(), 1);
        let (other_one, _) = liar(other_key.verifier(), says(200, "text/plain", good)).await;
        let mut log = Log::with(&[one.settings(""), other_one]);
        log.publishes(&tree);
        let (first, both) = (log.gets().await, log.gets().await);
        assert_eq!((first.lines.len(), both.lines.len()), (1, 2));
        let lines = both.lines.concat();
        for key in [&one.key, other_key.verifier()] {
            assert!(is_signed(&tree.note(), &lines, key));
        }
        // The other's old answer is none for what comes next.
        log.publishes(&tree.clone().and(1, "row"));
        assert_eq!(log.gets().await.lines.len(), 1);
        let names = [one.settings(""), other.settings("")];
        assert!(Witnesses::open(&names).unwrap_err().to_string().contains("twice"));
    }

    #[tokio::test]
    async fn what_a_gateway_publishes_bears_the_signature_of_its_witness() {
        let (disk, folder) = (FaultFs::new(), fresh_folder());
        let house = (disk.clone(), folder.clone());
        let stage = Stage::set(|set| (set.disk, set.folder) = (Some(house.0), Some(house.1))).await;
        let shard = stage.behind().log.shards()[0].clone();
        let log = stage.behind().log.verifier(&shard).unwrap();
        stage.stop().await;
        let office = Office::knowing(log.clone(), ServerSettings::default());
        let sections = format!(
            "[[audit.witness]]\nurl = 'http://localhost:{}'\nvkey = '{}'",
            office.address().port(),
            office.key
        );
        let house = (disk.clone(), folder.clone());
        let stage = Stage::set(move |set| {
            (set.disk, set.folder) = (Some(house.0), Some(house.1));
            set.sections = sections;
        });
        let stage = stage.await;
        stage.known_as("ada").gives().await;
        let published = stage.behind().log.folder(&shard);
        let is_witnessed = || {
            let note = published.read("checkpoint.cosigned").unwrap();
            note.is_some_and(|note| {
                let note = Note::parse(&note).unwrap();
                let signed = |key| note.signed_by(key).unwrap().is_some();
                signed(&log) && signed(&office.key)
            })
        };
        stage.eventually(is_witnessed).await;
    }

    #[tokio::test]
    async fn the_gateways_configuration_names_witnesses_and_its_numbers_show_them() {
        let (signer, _) = write_key(NAME, &[9; 32]).unwrap();
        let section = |more: &str| {
            format!(
                "[[audit.witness]]\nurl = 'http://127.0.0.1:9'\nvkey = '{}'\n{more}",
                signer.verifier()
            )
        };
        let sections = section("");
        let stage = Stage::set(move |set| set.sections = sections).await;
        let page = stage.behind().observer.metrics();
        // It asks already, and nobody is there.
        for number in
            ["up{witness=\"witness.test/w1\"} 0", "failures_total{witness=\"witness.test/w1\"} "]
        {
            assert!(page.contains(&format!("consentry_witness_{number}")), "{page}");
        }
        let config = |text: &str| {
            format!(
                "[keys]\ndir = 'k'\n[store]\ndir = 's'\n[auth]\nissuer = 'i'\naudience = 'a'\n{text}"
            )
        };
        let parsed = Settings::parse(&config(&section(""))).unwrap();
        assert_eq!(parsed.audit.witness[0].timeout_ms, 10_000);
        let refusal = |text: &str| Settings::parse(&config(text)).unwrap_err().to_string();
        assert!(refusal(&section("key = 'x'")).contains("unknown field `key`"));
        let log = section("")
            .replace(&signer.verifier().to_string(), &Tree::of(ORIGIN, 0).key().to_string());
        assert!(refusal(&log).contains("the key of a log"));
        let open = |url: &str| {
            Witnesses::open(&[settings(url, signer.verifier(), "ca = '/nowhere'")])
                .unwrap_err()
                .to_string()
        };
        for url in ["ftp://w", "witness", "http://a:b@w", "http://w/?x=1", "https://w"] {
            assert!(!open(url).is_empty(), "{url}");
        }
    }
}

mod command {
    use super::*;

    /// `consentry witness` as a process of its own, killed with it.
    struct Process {
        process: Child,
        address: SocketAddr,
    }

    impl Process {
        fn start(folder: &Path, log: &VerifierKey) -> Self {
            let mut process = Command::new(env!("CARGO_BIN_EXE_consentry"))
                .args(["witness", "--listen", "127.0.0.1:0", "--log", &log.to_string(), "--data"])
                .arg(folder)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            let (_, address) = line.trim_end().rsplit_once(' ').unwrap();
            Self { process, address: address.parse().unwrap() }
        }

        /// SIGKILL: the process has no say in how it ends.
        fn kill(&mut self) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    fn init(folder: &Path) -> VerifierKey {
        let made = Command::new(env!("CARGO_BIN_EXE_consentry"))
            .args(["witness", "init", "--name", NAME])
            .arg(folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        VerifierKey::parse(String::from_utf8(made.stdout).unwrap().trim_end()).unwrap()
    }

    /// Whether the witness signs `tree`, from wherever it says it is.
    async fn signs(address: SocketAddr, tree: &Tree, old: u64, key: &VerifierKey) -> bool {
        let call = Call::new(address, "POST", "/add-checkpoint");
        match call.body("text/plain", tree.body(old)).try_send().await {
            Ok(answer) => answer.status == 200 && is_signed(&tree.note(), &answer.body, key),
            Err(_) => false,
        }
    }

    #[tokio::test]
    async fn a_kill_at_any_moment_never_lets_it_sign_two_histories() {
        let folder: PathBuf = fresh_folder();
        let key = init(&folder);
        let mut tree = Tree::of(ORIGIN, 3);
        let mut signed_before_kill = 0;
        for round in 0..24_u64 {
            let (one, other) = (tree.clone().and(2, "one"), tree.clone().and(2, "other"));
            let old = if round == 0 { 0 } else { tree.size() };
            let mut process = Process::start(&folder, &tree.key());
            let race = [&one, &other].map(|tree| {
                let (tree, key, address) = (tree.clone(), key.clone(), process.address);
                tokio::spawn(async move { signs(address, &tree, old, &key).await })
            });
            // Every moment from before a byte was sent (the first) to after both were answered (the last).
            match round {
                0 => {}
                23 => {
                    while !race.iter().all(JoinHandle::is_finished) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                _ => tokio::time::sleep(Duration::from_micros(round * round * 40)).await,
            }
            process.kill();
            let [race_one, race_other] = race;
            let (before_one, before_other) = (race_one.await.unwrap(), race_other.await.unwrap());
            signed_before_kill += u64::from(before_one || before_other);
            let again = Process::start(&folder, &tree.key());
            let mut after = [false; 2];
            // The one that lost, if any, tries first.
            let order = if before_one { [1, 0] } else { [0, 1] };
            for which in order {
                let tree = [&one, &other][which];
                let known = hears(again.address, Tree::of(ORIGIN, 0).body(0)).await;
                let known = known.body.trim_end().parse().unwrap_or(0);
                after[which] = signs(again.address, tree, known, &key).await;
            }
            let signed = (before_one || after[0], before_other || after[1]);
            assert!(signed.0 != signed.1, "round {round}: {signed:?}");
            tree = if signed.0 { one } else { other };
        }
        assert!(
            (1..24).contains(&signed_before_kill),
            "{signed_before_kill} of 24 kills came late"
        );
    }

    #[test]
    fn a_signal_ends_it_in_order_and_a_second_one_does_not_start() {
        let folder = fresh_folder();
        init(&folder);
        let log = Tree::of(ORIGIN, 0).key();
        let mut first = Process::start(&folder, &log);
        let second = Command::new(env!("CARGO_BIN_EXE_consentry"))
            .args(["witness", "--listen", "127.0.0.1:0", "--log", &log.to_string(), "--data"])
            .arg(&folder)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(!second.status.success() && told.contains("another witness runs on"), "{told}");
        let id = first.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(first.process.wait().unwrap().success());
    }

    #[test]
    fn what_is_missing_is_said() {
        let run = |args: &[&str]| {
            let out =
                Command::new(env!("CARGO_BIN_EXE_consentry")).arg("witness").args(args).output();
            let out = out.unwrap();
            (out.status.code(), String::from_utf8(out.stderr).unwrap())
        };
        let folder = fresh_folder();
        let dir = folder.to_str().unwrap();
        let log = Tree::of(ORIGIN, 0).key().to_string();
        let (status, told) = run(&["--data", dir, "--log", &log]);
        assert!(status == Some(1) && told.contains("witness.key"), "{told}");
        let (status, told) = run(&["--data", dir]);
        assert!(status == Some(2) && told.contains("--log"), "{told}");
        let (status, told) = run(&["--data", dir, "--log", "nonsense"]);
        assert!(status == Some(2) && told.contains("name+8 hex digits+base64"), "{told}");
        assert_eq!(run(&[]).0, Some(2));
    }
}
