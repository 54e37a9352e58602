//! What answers reads of records. A view is made from the journal and can be made anew from it.

mod folder;
mod memory;
mod sled;

use super::batch::{Key, Record};

pub(super) use self::{
    folder::{folder, other, point_to, remove_other},
    sled::SledView,
};
pub(super) use memory::MemoryView;

/// A view failed; the store answers no reads until it is opened anew.
#[derive(Clone, Debug)]
pub(super) struct ViewError(pub(super) String);

/// One change of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Write<'a> {
    Put(&'a Key, u64, &'a [u8]),
    Delete(&'a Key),
    /// Everything whose key begins so, what earlier writes of the same call put with it.
    DeletePrefix(&'a Key),
}

/// Records by key, as of some group of the journal.
pub(super) trait View: Send + Sync + std::fmt::Debug {
    /// The record under a key.
    fn read(&self, key: &[u8]) -> Result<Option<Record>, ViewError>;
    /// Up to `most` records with this prefix, by key, from behind `after`.
    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<(Key, Record)>, ViewError>;
    /// Makes changes, in order, and notes the group that they are of.
    fn apply(&self, writes: &[Write<'_>], seq: u64) -> Result<(), ViewError>;
    /// The last group that was applied whole.
    fn applied(&self) -> u64;
    /// Makes durable what was applied so far.
    fn make_durable(&self) -> Result<(), ViewError>;
    /// Whether it leaves bytes on the disk, those of what was deleted too.
    fn is_on_disk(&self) -> bool;
}
