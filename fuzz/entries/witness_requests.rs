//! What is said to a witness and by one. The first byte says how the rest is taken: as a request, as a request whose
//! checkpoint the log signed in truth, or as a witness's answer.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use consentry::{
    ambient::{Clock, FaultFs},
    domain::Timestamp,
    tlog::{Checkpoint, Edge, Files, Note, NoteSigner, Signs, leaf_hash},
    witness::{Answer, Heard, Published, Request, Submitter, Witness, write_key},
};

const ORIGIN: &str = "gw.test/log/2026h2";

/// Rows of the log that the witness has cosigned.
const ROWS: u64 = 5;

static KEYS: LazyLock<(NoteSigner, NoteSigner)> = LazyLock::new(|| {
    let log = NoteSigner::new(ORIGIN, Signs::Text, &[7; 32]).unwrap();
    (log, write_key("witness.test/w1", &[9; 32]).unwrap().0)
});

/// Takes `data` as the first byte says.
pub fn run(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    match how % 3 {
        0 => request(rest),
        1 => signed(rest),
        _ => answer(rest),
    }
}

/// What is read is written in the same bytes, and nobody's log is cosigned.
fn request(body: &[u8]) {
    if let Ok(request) = Request::parse(body) {
        assert_eq!(request.to_string().as_bytes(), body, "two forms of one request");
    }
    let answer = witness().add_checkpoint(body).unwrap();
    assert!(!matches!(answer, Answer::Cosigned(_)), "a checkpoint that nobody signed is cosigned");
}

/// A request without its signature, which the log adds: what is cosigned goes on from what was.
fn signed(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some((_, checkpoint)) = text.split_once("\n\n") else { return };
    let body = format!("{text}\n{}", KEYS.0.line(checkpoint, 0));
    let witness = witness();
    let kept = checkpoint_of(ROWS);
    if let Answer::Cosigned(line) = witness.add_checkpoint(body.as_bytes()).unwrap() {
        let new = Checkpoint::of_text(checkpoint).unwrap();
        assert!(new.size > ROWS || new == kept, "{ROWS} rows, and then {new:?}");
        assert_eq!((new.origin.as_str(), witness.last(ORIGIN)), (ORIGIN, Some(new.size)));
        let note = format!("{checkpoint}\n{line}");
        let note = Note::parse(note.as_bytes()).unwrap();
        assert_eq!(note.signed_by(witness.verifier()), Ok(Some(1_800_000_000)));
    } else {
        assert_eq!(witness.last(ORIGIN), Some(ROWS), "what is refused changes nothing");
    }
}

/// An answer: nothing is taken from it but lines that verify.
fn answer(body: &[u8]) {
    let key = KEYS.1.verifier();
    let note: Arc<str> = checkpoint_of(ROWS).sign(&KEYS.0).into();
    let origin: Arc<str> = ORIGIN.into();
    let published = Published { origin, size: ROWS, note: note.clone(), files: Arc::new(Nothing) };
    let status = [200, 409].map(|status| {
        let media = Some("text/x.tlog.size");
        Submitter::new(key.clone()).hear(&published, status, media, body)
    });
    if let [Heard::Cosigned(cosigned), _] = &status {
        let whole = format!("{note}{}", cosigned.lines.concat());
        let whole = Note::parse(whole.as_bytes()).unwrap();
        assert_eq!(whole.signed_by(key), Ok(Some(cosigned.time)));
    }
    assert!(!matches!(status[1], Heard::Cosigned(_)), "a refusal is no cosignature");
}

/// A witness that has cosigned [`ROWS`] rows.
fn witness() -> Witness {
    let (clock, _) = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
    let (signer, _) = write_key("witness.test/w1", &[9; 32]).unwrap();
    let logs = vec![KEYS.0.verifier().clone()];
    let disk = Arc::new(FaultFs::new());
    let witness = Witness::open(disk, Path::new("/w"), clock, signer, logs).unwrap();
    let first = format!("old 0\n\n{}", checkpoint_of(ROWS).sign(&KEYS.0));
    let answer = witness.add_checkpoint(first.as_bytes()).unwrap();
    assert!(matches!(answer, Answer::Cosigned(_)), "{answer:?}");
    witness
}

fn checkpoint_of(rows: u64) -> Checkpoint {
    let mut edge = Edge::default();
    for row in 0..rows {
        edge.push(leaf_hash(format!("row {row}").as_bytes()), |_, _| {});
    }
    Checkpoint { origin: ORIGIN.to_owned(), size: rows, root: edge.root() }
}

/// A log without files: an answer needs none.
struct Nothing;

impl Files for Nothing {
    fn read(&self, _: &str) -> std::io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
