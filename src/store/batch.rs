//! What goes in and comes out: records, leaves, and the batch that changes them as one.

use crate::domain::{Epoch, Sid, Timestamp};

use super::period::Period;

/// What a record is kept under. Rooms choose prefixes of their own, so that a scan finds what belongs together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<[u8]>);

impl Key {
    /// The most bytes a key may have; a batch with a longer one is too large.
    pub const MOST: usize = 1024;

    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

impl std::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// A sealed value and how many times its key has been written since it was last not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// 1 for the first write.
    pub version: u64,
    /// The value, sealed by whoever wrote it.
    pub value: Vec<u8>,
}

/// What must hold when a batch takes its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The key stands at this version.
    Version {
        /// Whose version.
        key: Key,
        /// 0 means that it is not there.
        version: u64,
    },
    /// The person stands at this epoch. One without an epoch, such as an erased one, meets no expectation.
    Epoch {
        /// Whose epoch.
        sid: Sid,
        /// The epoch that was read.
        epoch: Epoch,
    },
    /// The person has an epoch, whichever: they are known, and no erasure of theirs is under way.
    Known {
        /// Who.
        sid: Sid,
    },
}

/// A record as it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// What it is kept under.
    pub key: Key,
    /// The version it will have. It is always the present one plus 1, and a batch whose put is not conflicts, whether
    /// or not it also says so under `expect`.
    pub version: u64,
    /// The value, sealed.
    pub value: Vec<u8>,
}

/// One row of the audit log and its sealed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The public bytes, at most 65,535 (C2SP `tlog-tiles`, entry bundles).
    pub entry: Vec<u8>,
    /// What the body is sealed under, beside its key.
    pub nonce: [u8; 16],
    /// The sealed body; empty if there is none.
    pub body: Vec<u8>,
    /// Decides the period in which the body is kept and dropped.
    pub at: Timestamp,
}

/// Changes that are made all together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What must hold.
    pub expect: Vec<Expect>,
    /// Records to write.
    pub put: Vec<Put>,
    /// Records to remove, there or not.
    pub delete: Vec<Key>,
    /// Beginnings of keys: every record whose key begins with one is removed, whatever stands there when the batch takes
    /// its place in the order. An empty one removes nothing. A record that the same batch puts goes too.
    pub delete_prefix: Vec<Key>,
    /// Rows to append to the log, in this order and with none between.
    pub leaves: Vec<Leaf>,
    /// Epochs to set; `None` removes the person from the table.
    pub raise: Vec<(Sid, Option<Epoch>)>,
    /// Whether it may use the reserved room on a full disk. For withdrawals and erasures alone.
    pub urgent: bool,
}

/// Where a batch stands, once it is durable and every view shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The log index of its first leaf. Without leaves, the size of the log before it.
    pub first_index: u64,
    /// The group of the journal that holds it.
    pub seq: u64,
}

/// A batch as the journal carries it: without what it expects, which was checked before it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) put: Vec<Put>,
    pub(super) delete: Vec<Key>,
    pub(super) delete_prefix: Vec<Key>,
    pub(super) leaves: Vec<Leaf>,
    pub(super) raise: Vec<(Sid, Option<Epoch>)>,
    /// Bodies of earlier periods are dropped.
    pub(super) bodies_from: Option<Period>,
    /// Whether its group begins a segment of its own. Not a part of what the journal carries.
    pub(super) new_segment: bool,
}
