//! The worked example of `docs/AUDIT-LOG.md`, recomputed: what the document says is what the code does.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the document must fail")]

use std::{collections::BTreeMap, fs, io, path::Path};

use consentry::{
    audit::{CLOCK_STEP, Meaning, Row, Tally, Vocabulary},
    domain::hex,
    tlog::{
        Checkpoint, Edge, Files, NoteSigner, Signs, Start, Trust, VerifierKey, leaf_hash,
        node_hash, verify_from,
    },
};
use ring::digest::{SHA256, digest};

struct Example(String);

impl Example {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/AUDIT-LOG.md");
        let text = fs::read_to_string(path).unwrap();
        let (_, section) = text.split_once("## A worked example").unwrap();
        Self(section.split_once("\n## ").unwrap().0.to_owned())
    }

    /// What stands in the block that is marked as `name`.
    fn block(&self, name: &str) -> String {
        let (_, block) = self.0.split_once(&format!("```{name}\n")).unwrap();
        block.split_once("```").unwrap().0.to_owned()
    }

    fn rows(&self) -> Vec<String> {
        self.block("rows").lines().map(str::to_owned).collect()
    }

    /// The files of its log, put together as the document says they are.
    fn files(&self) -> Memory {
        let rows = self.rows();
        let framed = rows.iter().flat_map(|row| {
            let length = u16::try_from(row.len()).unwrap().to_be_bytes();
            [&length[..], row.as_bytes()].concat()
        });
        let leaves: Vec<u8> = rows.iter().flat_map(|row| leaf_hash(row.as_bytes())).collect();
        let vocabulary = self.block("vocabulary").trim_end().as_bytes().to_vec();
        Memory(BTreeMap::from([
            ("tile/entries/000.p/3".to_owned(), framed.collect()),
            ("tile/0/000.p/3".to_owned(), leaves),
            ("checkpoint".to_owned(), self.block("checkpoint").into_bytes()),
            ("vocabulary/9f86d081884c7d65.json".to_owned(), vocabulary),
        ]))
    }
}

struct Memory(BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

#[test]
fn the_rows_and_the_vocabulary_are_written_as_the_document_says() {
    let example = Example::read();
    let text = example.block("vocabulary");
    let vocabulary = Vocabulary::parse(text.trim_end().as_bytes()).unwrap();
    assert!(example.0.contains(&format!("`{}`", hex(&vocabulary.hash()))));
    let rows = example.rows();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        vocabulary.check(&Row::parse(row.as_bytes()).unwrap()).unwrap();
    }
    let first = Row::parse(rows[0].as_bytes()).unwrap();
    assert_eq!(first.vocabulary, Some(vocabulary.hash()));
}

#[test]
fn the_hashes_are_those_of_the_rows() {
    let example = Example::read();
    let leaves: Vec<_> = example.rows().iter().map(|row| leaf_hash(row.as_bytes())).collect();
    let node = node_hash(&leaves[0], &leaves[1]);
    let root = node_hash(&node, &leaves[2]);
    let mut edge = Edge::default();
    for leaf in &leaves {
        edge.push(*leaf, |_, _| {});
    }
    assert_eq!(edge.root(), root);
    let said = example.block("hashes");
    let said: Vec<&str> = said.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(said, [leaves[0], leaves[1], leaves[2], node, root].map(|hash| hex(&hash)));
    let bundle = &example.files().0["tile/entries/000.p/3"];
    let hash = hex(digest(&SHA256, bundle).as_ref());
    assert!(example.0.contains(&format!("has {} bytes with the SHA-256\n`{hash}`", bundle.len())));
}

#[test]
fn the_checkpoint_is_the_one_that_the_key_signs() {
    let example = Example::read();
    let key = VerifierKey::parse(&example.block("vkey")).unwrap();
    let signer = NoteSigner::new(&key.name, Signs::Text, &[7; 32]).unwrap();
    assert_eq!(signer.verifier(), &key);
    let note = example.block("checkpoint");
    assert_eq!(Checkpoint::open(note.as_bytes(), &key).unwrap().sign(&signer), note);
}

#[test]
fn the_log_of_the_document_verifies() {
    let (example, start) = (Example::read(), Start::default());
    let (files, key) = (example.files(), VerifierKey::parse(&example.block("vkey")).unwrap());
    let mut meaning = Meaning::new(&files, CLOCK_STEP, Tally::default());
    assert_eq!(verify_from(&files, &Trust::of(&key), start, &mut meaning).unwrap().rows, 3);
    meaning.end().unwrap();
}
