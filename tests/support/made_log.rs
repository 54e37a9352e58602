//! A log of our own rows, made in memory and kept in files when a test wants them there.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot make its log must fail"
)]
#![expect(dead_code, reason = "each test binary uses some of it")]

use std::{collections::BTreeMap, fs, io, path::Path};

use consentry::{
    audit::{NOTHING, Previous, Row, Vocabulary},
    tlog::{Checkpoint, Edge, Files, HEIGHT, Hash, Kind, NoteSigner, Signs, Tile, leaf_hash},
};
use ring::digest::{SHA256, digest};

/// The log's name.
pub(crate) const ORIGIN: &str = "log.example/2026h2";

/// The ruleset of its rows.
pub(crate) const RULESET: &str = "9f86d081884c7d65";

/// The minute of its first row.
pub(crate) const BEGAN: i64 = 1_760_000_040;

/// A log in memory.
#[derive(Clone)]
pub(crate) struct MadeLog(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files for MadeLog {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, Signs::Text, &[7; 32]).unwrap()
}

pub(crate) fn vocabulary() -> Vocabulary {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Vocabulary {
        events: words(&["decision", "log.opened", "retention.dropped", "subject.created"]),
        gateways: words(&["gw-1"]),
        outcomes: words(&["done", "individual"]),
        purposes: words(&["recommend_products"]),
        reasons: words(&["consent", "period", "retention"]),
        recipients: words(&["recsys-eu"]),
        ..Vocabulary::new(RULESET)
    }
}

/// The row at `index`, whose secret fields are drawn from it.
pub(crate) fn row(index: u64) -> Row<'static> {
    let drawn = digest(&SHA256, &index.to_be_bytes());
    let drawn: [u8; 32] = drawn.as_ref().try_into().unwrap();
    let minute = BEGAN + 60 * i64::try_from(index / 50).unwrap();
    let row = Row {
        commitment: drawn,
        event: "decision",
        gateway: "gw-1",
        key: None,
        nonce: drawn[..16].try_into().unwrap(),
        outcome: "individual",
        purpose: "recommend_products",
        previous: None,
        reason: "consent",
        rows: None,
        ruleset: RULESET,
        minute,
        recipient: "recsys-eu",
        vocabulary: None,
        tag: drawn[16..].try_into().unwrap(),
    };
    let plain = Row { outcome: "done", purpose: NOTHING, recipient: NOTHING, ..row.clone() };
    match index {
        0 => Row {
            event: "log.opened",
            reason: "period",
            previous: Some(Previous { origin: "log.example/2026h1", root: [4; 32], size: 9 }),
            vocabulary: Some(vocabulary().hash()),
            ..plain
        },
        _ if index % 100 == 7 => Row { event: "subject.created", key: Some([2; 32]), ..plain },
        _ if index % 100 == 9 => {
            Row { event: "retention.dropped", reason: "retention", rows: Some(3), ..plain }
        }
        _ => row,
    }
}

pub(crate) fn rows(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| row(index).to_string().into_bytes()).collect()
}

/// The log of `rows`, signed.
pub(crate) fn made(rows: &[Vec<u8>]) -> MadeLog {
    let size = rows.len() as u64;
    let mut levels: Vec<Vec<Hash>> = vec![Vec::new(); 8];
    let mut edge = Edge::default();
    for row in rows {
        edge.push(leaf_hash(row), |node, hash| {
            if node.height.is_multiple_of(HEIGHT) {
                levels[usize::from(node.height / HEIGHT)].push(*hash);
            }
        });
    }
    let mut files = BTreeMap::new();
    for (level, hashes) in (0u8..).zip(&levels) {
        for (number, tile) in (0..).zip(hashes.chunks(256)) {
            let path = Tile::of(Kind::Hashes(level), number, size).unwrap().to_string();
            files.insert(path, tile.concat());
        }
    }
    for (number, rows) in (0..).zip(rows.chunks(256)) {
        let length = |row: &Vec<u8>| u16::try_from(row.len()).unwrap().to_be_bytes();
        let framed = rows.iter().flat_map(|row| [&length(row)[..], row].concat());
        let path = Tile::of(Kind::Entries, number, size).unwrap().to_string();
        files.insert(path, framed.collect());
    }
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: edge.root() };
    files.insert("checkpoint".to_owned(), checkpoint.sign(&signer()).into_bytes());
    files.insert(Vocabulary::path(RULESET), vocabulary().json());
    MadeLog(files)
}

impl MadeLog {
    /// The log without what a log that says `minimum_index` need not hold.
    pub(crate) fn pruned(mut self, minimum_index: u64) -> Self {
        for kind in [Kind::Entries, Kind::Hashes(0)] {
            for number in 0..minimum_index / 256 {
                self.0.remove(&Tile { kind, number, width: 256 }.to_string()).unwrap();
            }
        }
        let line = format!("{{\"minimum_index\":{minimum_index}}}\n");
        self.0.insert("retention".to_owned(), line.into_bytes());
        self
    }

    /// Writes its files under `folder`.
    pub(crate) fn keep(&self, folder: &Path) {
        for (path, bytes) in &self.0 {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    pub(crate) fn note(&self) -> &[u8] {
        &self.0["checkpoint"]
    }
}
