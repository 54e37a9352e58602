//! The files of a log, as a server hands them to whoever verifies it. The first byte says which kind of file the rest is,
//! or that it is damage to a whole log.

use std::{collections::BTreeMap, io, sync::LazyLock};

use consentry::{
    audit::{Row, Vocabulary},
    tlog::{
        Checkpoint, Edge, Files, HEIGHT, Hash, Kind, Note, NoteSigner, Proof, Retention, Signs,
        Tile, Trust, TrustPolicy, VerifierKey, entries, leaf_hash, verify,
    },
};

const ORIGIN: &str = "log.fuzz/1";
const ROWS: u64 = 600;

static SIGNER: LazyLock<NoteSigner> =
    LazyLock::new(|| NoteSigner::new(ORIGIN, Signs::Text, &[7; 32]).unwrap());

static LOG: LazyLock<Made> = LazyLock::new(made);

/// Reads what `data` holds.
pub fn run(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    match how % 5 {
        0 => unsigned(rest),
        1 => signed(rest),
        2 => rows(rest),
        3 => texts(rest),
        _ => damage(rest),
    }
}

/// Notes and proofs that nobody signed: none opens.
fn unsigned(bytes: &[u8]) {
    let key = SIGNER.verifier();
    assert!(Checkpoint::open(bytes, key).is_err(), "a checkpoint that nobody signed opens");
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(proof) = Proof::parse(text)
    {
        assert_eq!(Proof::parse(&proof.to_string()).as_ref(), Ok(&proof));
        assert!(proof.verify(b"row", key).is_err(), "a proof that nobody signed holds");
    }
}

/// A text that is signed in truth: it opens as what it says, or not at all.
fn signed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let note = format!("{text}\n{}", SIGNER.line(text, 0));
    if let Ok(read) = Note::parse(note.as_bytes())
        && read.text == text
    {
        assert_eq!(read.signed_by(SIGNER.verifier()), Ok(Some(0)));
    }
    if let Ok(checkpoint) = Checkpoint::open(note.as_bytes(), SIGNER.verifier()) {
        assert_eq!(checkpoint.origin, ORIGIN, "a checkpoint of another log opens");
        assert!(text.starts_with(&checkpoint.text()), "a checkpoint reads in two forms");
    }
}

/// Rows, vocabularies and bundles: each has one form.
fn rows(bytes: &[u8]) {
    if let Ok(row) = Row::parse(bytes) {
        assert_eq!(row.to_string().as_bytes(), bytes, "a row reads in two forms");
    }
    if let Some(vocabulary) = Vocabulary::parse(bytes) {
        assert_eq!(vocabulary.json(), bytes, "a vocabulary reads in two forms");
    }
    if let Some(entries) = entries(bytes) {
        assert_eq!(framed(entries), bytes, "a bundle reads in two forms");
    }
}

/// Keys, policies, paths and minimum indices.
fn texts(bytes: &[u8]) {
    if let Some(retention) = Retention::parse(bytes) {
        assert_eq!(retention.to_string().as_bytes(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text.trim(), "a key reads in two forms");
    }
    if let Some(tile) = Tile::parse(text) {
        assert_eq!(tile.to_string(), text, "a tile has two paths");
    }
    if let Ok(policy) = TrustPolicy::parse(text) {
        let all = policy.quorum.is_met(&|_| true);
        assert!(all, "a quorum that nobody can meet");
    }
}

/// Which file, where, and what stands there instead: if anything is another, it is found.
fn damage(bytes: &[u8]) {
    let [file, high, low, other @ ..] = bytes else { return };
    let mut log = LOG.clone();
    let place = usize::from(*file) % log.0.len();
    let Some(there) = log.0.values_mut().nth(place) else { return };
    let at = usize::from(u16::from_be_bytes([*high, *low])) % there.len();
    let before = there.clone();
    let end = there.len().min(at + other.len());
    there[at..end].copy_from_slice(&other[..end - at]);
    let is_same = *there == before;
    let holds = verify(&log, &Trust::of(SIGNER.verifier()), |_, _| Ok(())).is_ok();
    assert_eq!(holds, is_same, "damage at {at} of file {place} is not found");
}

#[derive(Clone)]
struct Made(BTreeMap<String, Vec<u8>>);

impl Files for Made {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

fn framed<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let length = |row: &[u8]| u16::try_from(row.len()).unwrap().to_be_bytes();
    rows.into_iter().flat_map(|row| [&length(row)[..], row].concat()).collect()
}

fn made() -> Made {
    let rows: Vec<Vec<u8>> = (0..ROWS).map(|row| format!("row {row}").into_bytes()).collect();
    let mut levels: [Vec<Hash>; 2] = Default::default();
    let mut edge = Edge::default();
    for row in &rows {
        edge.push(leaf_hash(row), |node, hash| {
            if node.height.is_multiple_of(HEIGHT) {
                levels[usize::from(node.height / HEIGHT)].push(*hash);
            }
        });
    }
    let mut files = BTreeMap::new();
    let mut put = |kind, number, bytes| {
        files.insert(Tile::of(kind, number, ROWS).unwrap().to_string(), bytes);
    };
    for (number, rows) in (0..).zip(rows.chunks(256)) {
        put(Kind::Entries, number, framed(rows.iter().map(Vec::as_slice)));
    }
    for (level, hashes) in (0..).zip(&levels) {
        for (number, tile) in (0..).zip(hashes.chunks(256)) {
            put(Kind::Hashes(level), number, tile.concat());
        }
    }
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: ROWS, root: edge.root() };
    files.insert("checkpoint".to_owned(), checkpoint.sign(&SIGNER).into_bytes());
    Made(files)
}
