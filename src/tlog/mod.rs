//! A transparency log's formats, byte for byte those of C2SP: tree, tiles, signed notes, checkpoints, proofs.
//!
//! Promises: pure, so that whoever holds the bytes of a log can tell whether it is whole without a gateway; nothing is
//! believed but keys; a text is read in the one form in which it is written. Tools that are not ours read and write the
//! same (`tlog-tiles`, `tlog-checkpoint`, `signed-note`, `tlog-cosignature`, `tlog-proof`, each at C2SP).
//!
//! It knows neither what rows say nor where files lie. Start with [`verify`]; [`Edge`] is how a log grows.

mod checkpoint;
mod files;
mod merkle;
mod note;
mod proof;
mod quorum;
mod retention;
mod tile;
mod verify;

pub use checkpoint::Checkpoint;
pub use files::{Files, TileNodes, read_tile};
pub use merkle::{
    Edge, Hash, Node, Nodes, consistency_proof, empty_root, inclusion_proof, is_consistent,
    leaf_hash, node_hash, root, root_from_inclusion,
};
pub use note::{Note, NoteError, NoteSigner, Signs, VerifierKey, is_key_name};
pub use proof::Proof;
pub use quorum::{BadPolicy, Quorum, TrustPolicy};
pub use retention::Retention;
pub use tile::{HEIGHT, Kind, Tile, WIDTH, count, entries, hashes, levels};
pub use verify::{Rows, Start, Trust, Verified, Wrong, verify, verify_from};

#[cfg(test)]
mod tests;
