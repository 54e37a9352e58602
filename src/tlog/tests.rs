//! The formats, held against implementations that are not ours.

use std::collections::BTreeMap;

use super::*;

/// A log in memory, whose tiles are made from its rows.
struct Made(BTreeMap<String, Vec<u8>>);

impl Files for Made {
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
}

fn rows(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("row {i}").into_bytes()).collect()
}

fn signer() -> NoteSigner {
    NoteSigner::new("log.test/1", Signs::Text, &[7; 32]).unwrap()
}

fn made(rows: &[Vec<u8>]) -> Made {
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
            let tile_of = Tile::of(Kind::Hashes(level), number, size).unwrap();
            files.insert(tile_of.to_string(), tile.concat());
        }
    }
    for (number, bundle) in (0..).zip(rows.chunks(256)) {
        let framed = bundle
            .iter()
            .flat_map(|row| [&u16::try_from(row.len()).unwrap().to_be_bytes()[..], row].concat());
        let bundle_of = Tile::of(Kind::Entries, number, size).unwrap();
        files.insert(bundle_of.to_string(), framed.collect());
    }
    let checkpoint = Checkpoint { origin: "log.test/1".to_owned(), size, root: edge.root() };
    files.insert("checkpoint".to_owned(), checkpoint.sign(&signer()).into_bytes());
    Made(files)
}

fn verified(log: &Made) -> Result<Verified, Wrong> {
    let signer = signer();
    verify(log, &Trust::of(signer.verifier()), |_, _| Ok(()))
}

#[test]
fn roots_and_proofs_of_all_small_trees_are_those_of_another_implementation() {
    use ct_merkle::{RootHash, mem_backed_tree::MemoryBackedTree};
    let mut theirs = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    let mut edge = Edge::default();
    let all = rows(70);
    let log = made(&all);
    let mut nodes = TileNodes::new(&log, 70);
    let mut roots = vec![empty_root()];
    for (size, row) in (1u64..).zip(&all) {
        theirs.push(row.clone());
        edge.push(leaf_hash(row), |_, _| {});
        assert_eq!(edge.root().as_slice(), theirs.root().as_bytes().as_slice());
        assert_eq!(root(&mut nodes, size).unwrap(), edge.root());
        assert_eq!(Edge::of(size, &mut nodes).unwrap(), edge);
        roots.push(edge.root());
        for index in 0..size {
            let ours = inclusion_proof(&mut nodes, index, size).unwrap();
            let proof = theirs.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(ours.concat(), proof.as_bytes());
            let leaf = leaf_hash(&all[usize::try_from(index).unwrap()]);
            assert_eq!(root_from_inclusion(&leaf, index, size, &ours), Some(edge.root()));
            for other in (0..size).filter(|other| *other != index) {
                assert_ne!(root_from_inclusion(&leaf, other, size, &ours), Some(edge.root()));
            }
        }
        for old in 1..size {
            let ours = consistency_proof(&mut nodes, old, size).unwrap();
            let added = usize::try_from(size - old).unwrap();
            assert_eq!(ours.concat(), theirs.prove_consistency(added).as_bytes());
            let before = &roots[usize::try_from(old).unwrap()];
            assert!(is_consistent((old, before), (size, &edge.root()), &ours));
            let mut other = *before;
            other[0] ^= 1;
            assert!(!is_consistent((old, &other), (size, &edge.root()), &ours));
        }
        let theirs: RootHash<sha2::Sha256> = theirs.root();
        assert_eq!(theirs.num_leaves(), size);
    }
}

#[test]
fn a_log_over_several_levels_of_tiles_verifies() {
    let found = verified(&made(&rows(66_000))).unwrap();
    assert_eq!(found.rows, 66_000);
}

#[test]
fn a_note_is_read_and_signed_as_another_implementation_does() {
    use signed_note::{Note as Theirs, StandardVerifier, VerifierList};
    let note = made(&rows(3)).read("checkpoint").unwrap().unwrap();
    let theirs = Theirs::from_bytes(&note).unwrap();
    let verifier = StandardVerifier::new(&signer().verifier().to_string());
    let known = VerifierList::new(vec![Box::new(verifier.unwrap())]);
    let (found, _) = theirs.verify(&known).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_key_reads_in_one_form_only() {
    let text = signer().verifier().to_string();
    assert_eq!(VerifierKey::parse(&text).unwrap(), *signer().verifier());
    for bad in ["", "log.test/1", &text.replace("log.test", "log test"), &text.replace('+', "-")] {
        assert!(VerifierKey::parse(bad).is_err(), "{bad}");
    }
    let other = text.replacen("log.test/1", "log.test/2", 1);
    assert_eq!(VerifierKey::parse(&other), Err(NoteError::KeyId));
}

#[test]
fn a_proof_comes_back_as_it_went_and_proves_one_row_alone() {
    let all = rows(1000);
    let log = made(&all);
    let mut nodes = TileNodes::new(&log, 1000);
    let checkpoint = String::from_utf8(log.read("checkpoint").unwrap().unwrap()).unwrap();
    let path = inclusion_proof(&mut nodes, 700, 1000).unwrap();
    let proof = Proof { index: 700, path, checkpoint };
    let read = Proof::parse(&proof.to_string()).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.verify(&all[700], signer().verifier()).unwrap().size, 1000);
    assert!(read.verify(&all[701], signer().verifier()).is_err());
}

#[test]
fn a_tile_has_one_path() {
    for (kind, number, path) in [
        (Kind::Hashes(0), 0, "tile/0/000"),
        (Kind::Hashes(2), 1_234_067, "tile/2/x001/x234/067"),
        (Kind::Entries, 999, "tile/entries/999"),
        (Kind::Entries, 1000, "tile/entries/x001/000"),
    ] {
        let tile = Tile { kind, number, width: 256 };
        assert_eq!(tile.to_string(), path);
        assert_eq!(Tile::parse(path), Some(tile));
        let partial = Tile { width: 17, ..tile };
        assert_eq!(Tile::parse(&format!("{path}.p/17")), Some(partial));
    }
    for bad in [
        "tile/00/000",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/../000",
    ] {
        assert_eq!(Tile::parse(bad), None, "{bad}");
    }
}

#[test]
fn what_is_wrong_with_a_log_is_named() {
    let whole = made(&rows(600));
    let change = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = whole.0.clone();
        change(files.get_mut(path).unwrap());
        verified(&Made(files)).unwrap_err().to_string()
    };
    let flip = |at: usize| move |bytes: &mut Vec<u8>| bytes[at] ^= 1;
    assert_eq!(
        change("tile/entries/001", &flip(20)),
        "row 258 is not the one that tile/0/001 was made from"
    );
    assert!(change("tile/0/002.p/88", &flip(5)).contains("row 512"));
    assert!(change("checkpoint", &flip(20)).starts_with("checkpoint: "));
    assert!(change("tile/entries/000", &|bytes| bytes.truncate(30)).contains("tile/entries/000"));
    let mut files = whole.0.clone();
    files.remove("tile/0/001");
    assert_eq!(verified(&Made(files)).unwrap_err().to_string(), "tile/0/001 is missing");
}
