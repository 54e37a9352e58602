//! Sealed records and the rows of the audit log, durable and in one order.
//!
//! Promises: a batch is made whole or not at all, and only if what it expects holds at its place in the order; when a
//! commit is acknowledged, it is on the disk and every read shows it; no read shows what is not on the disk. A record
//! and the log's row about it stand in one batch, so state and log cannot disagree. When something is damaged, either
//! every acknowledged batch is there after opening, or the store does not open and says where.
//!
//! The journal is the truth. Records (in sled or in memory), the log's rows, their bodies and the epochs are views that
//! are made from it; snapshots let its older part go.
//!
//! ```text
//! LOCK  FORMAT               the owner's process id; the version of all this
//! journal/<number>.seg       groups, sealed; journal/mark says how far they were acknowledged
//! snap/snap-<group>          the two newest snapshots, sealed
//! log/<number>.leaves        the log's rows          bodies/YYYY-MM.{bodies,index}   their sealed bodies
//! view/ or view.b/           sled; `view.in` names the one     view.aside, view.distrusted     an old view; make it anew
//! ```
//!
//! It is not where anything is sealed, and it knows no people, consents or keys: values and bodies arrive sealed, and
//! keys hold nothing that names anyone. Start with [`Store`] and [`Batch`]; `committer` is the story of one write,
//! `recover` that of one start.

mod batch;
mod counts;
mod error;
mod options;
mod period;

mod handle;

mod checkpoint;
mod committer;
mod inbox;
mod recover;
mod reply;
mod rewrite;
mod scan;
mod stall;
mod state;

mod backup;
mod folder;

mod bodies;
mod epochs;
mod leaves;
mod view;

mod journal;
mod snapshot;

mod verify;

mod codec;
mod seal;

pub use backup::{
    Backup, BackupRequest, Kept, Manifest, RestoreRequest, Restored, RestoredMark, backups_in,
    restore,
};
pub use batch::{Batch, Committed, Expect, Key, Leaf, Put, Record};
pub use counts::{Counts, Pulse};
pub use error::{CommitError, StoreError, Unavailable};
pub use handle::{Health, Position, Store};
pub use leaves::LeafRun;
pub use options::{Engine, FileKey, Limits, OnSyncFailure, Options};
pub use period::{InvalidPeriod, Period};
pub use recover::{Recovered, ViewOrigin, distrust_view};
pub use reply::{Commit, Lane, LaneDriver};
pub use scan::Scan;
pub use verify::{Part, Verified, VerifyRequest, Wrong, verify};
