//! A log whose checkpoints a test makes as it likes, honest or not.

use std::{io, sync::Arc};

use consentry::{
    tlog::{
        Checkpoint, Edge, Files, Hash, Kind, Node, NoteSigner, Signs, Tile, VerifierKey, leaf_hash,
    },
    witness::{Published, Request, request},
};

/// A log of some rows.
#[derive(Clone)]
pub(crate) struct Tree {
    origin: String,
    leaves: Vec<Hash>,
}

/// The seed of every log's key.
const SEED: [u8; 32] = [7; 32];

impl Tree {
    /// A log of `rows` rows.
    pub(crate) fn of(origin: &str, rows: u64) -> Self {
        Self { origin: origin.to_owned(), leaves: Vec::new() }.and(rows, "row")
    }

    /// The same with `rows` more, made from `word`.
    pub(crate) fn and(mut self, rows: u64, word: &str) -> Self {
        let from = self.leaves.len() as u64;
        self.leaves
            .extend((from..from + rows).map(|row| leaf_hash(format!("{word} {row}").as_bytes())));
        self
    }

    pub(crate) fn key(&self) -> VerifierKey {
        self.signer().verifier().clone()
    }

    fn signer(&self) -> NoteSigner {
        NoteSigner::new(&self.origin, Signs::Text, &SEED).unwrap()
    }

    fn root(&self, from: usize, to: usize) -> Hash {
        let mut edge = Edge::default();
        self.leaves[from..to].iter().for_each(|leaf| edge.push(*leaf, |_: Node, _| {}));
        edge.root()
    }

    pub(crate) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let root = self.root(0, self.leaves.len());
        Checkpoint { origin: self.origin.clone(), size: self.size(), root }
    }

    pub(crate) fn note(&self) -> String {
        self.checkpoint().sign(&self.signer())
    }

    /// What its publisher hands on.
    pub(crate) fn published(&self) -> Published {
        Published {
            origin: self.origin.as_str().into(),
            size: self.size(),
            note: self.note().into(),
            files: Arc::new(self.clone()),
        }
    }

    /// An honest request to a witness that cosigned `old` rows last.
    pub(crate) fn asks(&self, old: u64) -> Request {
        request(&self.published(), old).unwrap()
    }

    /// The same as bytes.
    pub(crate) fn body(&self, old: u64) -> Vec<u8> {
        self.asks(old).to_string().into_bytes()
    }
}

impl Files for Tree {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(tile) = Tile::parse(path) else { return Ok(None) };
        let Kind::Hashes(level) = tile.kind else { return Ok(None) };
        let each = 256_usize.pow(u32::from(level));
        let first = usize::try_from(tile.number).unwrap() * 256;
        let hashes = (first..first + usize::from(tile.width)).map(|place| {
            (each * (place + 1) <= self.leaves.len())
                .then(|| self.root(each * place, each * (place + 1)))
        });
        Ok(hashes.collect::<Option<Vec<_>>>().map(|hashes| hashes.concat()))
    }
}
