//! A published log in memory, made anew from the store's rows whenever it is asked.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use consentry::{
    audit::{Place, Proving},
    store::Store,
    tlog::{
        Checkpoint, Edge, Files, HEIGHT, Hash, Kind, NoteSigner, Proof, Signs, Tile, TileNodes,
        VerifierKey, inclusion_proof, leaf_hash,
    },
};

/// The name of the log of every stage.
pub(crate) const ORIGIN: &str = "gw.test/log";

/// The log over the rows of one store.
#[derive(Debug)]
pub(crate) struct Tree(Store);

/// The files of a log, by their paths.
pub(crate) struct Made(BTreeMap<String, Vec<u8>>);

impl Files for Made {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, Signs::Text, &[7; 32]).unwrap()
}

/// What verifies the log.
pub(crate) fn key() -> VerifierKey {
    signer().verifier().clone()
}

impl Tree {
    pub(crate) fn over(store: &Store) -> Arc<dyn Proving> {
        Arc::new(Self(store.clone()))
    }
}

impl Made {
    pub(crate) fn of(rows: &[Vec<u8>]) -> Self {
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
        for (level, hashes) in (0_u8..).zip(&levels) {
            for (number, tile) in (0..).zip(hashes.chunks(256)) {
                let path = Tile::of(Kind::Hashes(level), number, size).unwrap();
                files.insert(path.to_string(), tile.concat());
            }
        }
        for (number, bundle) in (0..).zip(rows.chunks(256)) {
            let framed = bundle.iter().flat_map(|row| {
                [&u16::try_from(row.len()).unwrap().to_be_bytes()[..], row].concat()
            });
            let path = Tile::of(Kind::Entries, number, size).unwrap();
            files.insert(path.to_string(), framed.collect());
        }
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: edge.root() };
        files.insert("checkpoint".to_owned(), checkpoint.sign(&signer()).into_bytes());
        Self(files)
    }

    /// Writes the log into a folder.
    pub(crate) fn write(&self, dir: &Path) {
        for (path, bytes) in &self.0 {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

impl Proving for Tree {
    fn place(&self, row: u64) -> Place {
        Place { origin: ORIGIN.into(), index: row }
    }

    fn row(&self, origin: Option<&str>, index: u64) -> Option<u64> {
        origin.is_none_or(|origin| origin == ORIGIN).then_some(index)
    }

    fn covered(&self) -> Option<u64> {
        Some(self.0.log_size())
    }

    fn prove(&self, rows: &[u64]) -> io::Result<Vec<Option<Proof>>> {
        let all = self.0.leaves(0, usize::MAX).unwrap();
        let made = Made::of(&all);
        let checkpoint = String::from_utf8(made.read("checkpoint")?.unwrap()).unwrap();
        let size = all.len() as u64;
        let mut nodes = TileNodes::new(&made, size);
        let mut proof = |index: &u64| {
            let path = inclusion_proof(&mut nodes, *index, size)?;
            Ok(Some(Proof { index: *index, path, checkpoint: checkpoint.clone() }))
        };
        rows.iter().map(&mut proof).collect()
    }
}
