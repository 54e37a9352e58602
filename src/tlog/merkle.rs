//! The Merkle tree over the rows: hashes, roots and proofs of RFC 6962 §2.1, which RFC 9162 keeps.
//!
//! Promises: pure and deterministic; a proof verifies only for the very leaf, place and size it was made for. Nothing
//! here reads a disk: proofs are made from [`Nodes`], which a view over tiles answers.
//!
//! ```text
//! leaf  SHA-256(0x00 ‖ entry)      node  SHA-256(0x01 ‖ left ‖ right)      no leaf at all  SHA-256("")
//! ```

use ring::digest::{Context, SHA256, digest};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The hash of a row.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    hash(&[&[0], entry])
}

/// The hash of two halves.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    digest(&SHA256, &[]).as_ref().try_into().unwrap_or_default()
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// A whole subtree: its height above the leaves, and its place among those of that height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// 0 for a leaf.
    pub height: u8,
    /// From the left, from 0.
    pub place: u64,
}

/// Knows the hashes of whole subtrees.
pub trait Nodes {
    /// What goes wrong when one cannot be had.
    type Error;

    /// The hash of `node`, all of whose leaves are in the tree.
    ///
    /// # Errors
    /// When it cannot be had.
    fn hash(&mut self, node: Node) -> Result<Hash, Self::Error>;
}

/// The right edge of a growing tree: the roots of its whole subtrees, the largest first. It is all that is needed to
/// go on, 64 hashes at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    peaks: Vec<Hash>,
}

impl Edge {
    /// The edge of a tree of `size` leaves.
    ///
    /// # Errors
    /// When `nodes` lacks a hash.
    pub fn of<N: Nodes>(size: u64, nodes: &mut N) -> Result<Self, N::Error> {
        let mut peaks = Vec::new();
        let mut done = 0;
        for height in (0..64_u8).rev().filter(|height| size >> height & 1 == 1) {
            peaks.push(nodes.hash(Node { height, place: done >> height })?);
            done += 1 << height;
        }
        Ok(Self { size, peaks })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The edge of a tree of `size` leaves with these `peaks`, the largest first; nothing if their number does not fit.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()) == Ok(peaks.len())).then_some(Self { size, peaks })
    }

    /// The roots of its whole subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf. `whole` hears of each subtree that it makes whole, the leaf itself first.
    pub fn push(&mut self, leaf: Hash, whole: impl FnMut(Node, &Hash)) {
        self.push_subtree(0, leaf, whole);
    }

    /// Adds a whole subtree of 2^`height` leaves at once; the size is a multiple of that. `whole` hears of it and of
    /// each larger one that it makes whole.
    pub fn push_subtree(&mut self, height: u8, root: Hash, mut whole: impl FnMut(Node, &Hash)) {
        debug_assert!(self.size.trailing_zeros() >= u32::from(height));
        let mut node = Node { height, place: self.size >> height };
        let mut hash = root;
        whole(node, &hash);
        while node.place & 1 == 1 {
            // INVARIANT: there is a peak for each set bit of the size, so a right half has its left one before it.
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            node = Node { height: node.height + 1, place: node.place >> 1 };
            whole(node, &hash);
        }
        self.peaks.push(hash);
        self.size += 1 << height;
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The hash of leaves `start` to `end`, which need not be whole but begin where a subtree of that length may.
fn range<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let length = end - start;
    if length.is_power_of_two() {
        let height = length.trailing_zeros();
        let node = Node { height: u8::try_from(height).unwrap_or(u8::MAX), place: start >> height };
        return nodes.hash(node);
    }
    let middle = start + split(length);
    let left = range(nodes, start, middle)?;
    Ok(node_hash(&left, &range(nodes, middle, end)?))
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// The root of the first `size` leaves.
///
/// # Errors
/// When `nodes` lacks a hash.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range(nodes, 0, size) }
}

/// The proof that the leaf at `index` is in the tree of `size` leaves, from the leaf up. `index` lies below `size`.
///
/// # Errors
/// When `nodes` lacks a hash.
pub fn inclusion_proof<N: Nodes>(
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut siblings = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((start, middle));
            start = middle;
        }
    }
    siblings.into_iter().rev().map(|(start, end)| range(nodes, start, end)).collect()
}

/// The proof that the tree of `old` leaves is the beginning of that of `size`. `old` is not above `size`.
///
/// # Errors
/// When `nodes` lacks a hash.
pub fn consistency_proof<N: Nodes>(
    nodes: &mut N,
    old: u64,
    size: u64,
) -> Result<Vec<Hash>, N::Error> {
    if old == 0 || old == size {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, size);
    let mut parts = Vec::new();
    // Down to the subtree that ends where the old tree does; it is left out when it is the old tree itself.
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            parts.push((middle, end));
            end = middle;
        } else {
            parts.push((start, middle));
            start = middle;
        }
    }
    if start > 0 {
        parts.push((start, end));
    }
    parts.into_iter().rev().map(|(start, end)| range(nodes, start, end)).collect()
}

/// The root that `proof` leads to from `leaf` at `index` in a tree of `size` (RFC 9162 §2.1.3.2); nothing if the proof
/// has not the form that this place asks for.
#[must_use]
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let (mut at, mut last) = (index, size.checked_sub(1)?);
    if at > last {
        return None;
    }
    let mut root = *leaf;
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node_hash(sibling, &root);
            let skipped = at.trailing_zeros().min(63);
            (at, last) = if at == 0 { (0, 0) } else { (at >> skipped, last >> skipped) };
        } else {
            root = node_hash(&root, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether `proof` shows that the tree `old` is the beginning of the tree `new`, each a size and a root (RFC 9162
/// §2.1.4.2).
#[must_use]
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size == new_size {
        let same = old_size == 0 || old_root == new_root;
        return proof.is_empty() && same;
    }
    if old_size > new_size {
        return false;
    }
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    let whole = at.trailing_ones();
    (at, last) = (at >> whole, last >> whole);
    let mut rest = proof.iter();
    // An old tree that is one whole subtree is its own first hash.
    let first = if old_size.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(first) = first else { return false };
    let (mut from_old, mut from_new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_old = node_hash(hash, &from_old);
            from_new = node_hash(hash, &from_new);
            let skipped = at.trailing_zeros().min(63);
            (at, last) = if at == 0 { (0, 0) } else { (at >> skipped, last >> skipped) };
        } else {
            from_new = node_hash(&from_new, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}
