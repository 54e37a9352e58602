//! The only door to the machine: its clock, its randomness and its file system.
//!
//! Promises: every other room gets time, randomness and files as values, so a test can set them, replay them and
//! make them fail. `clippy.toml` bans the direct ways.
//!
//! Start with [`Clock`] and [`Entropy`]; files are [`Fs`].

mod clock;
mod entropy;
// Files stand last: they are the largest part.
mod fs;
mod secret;
mod trust;
// For tests, but not in them: those of every room and under `tests/` use it.
mod fault_disk;
mod fault_fs;

pub use clock::{Clock, ManualClock, Steady};
pub use entropy::{Entropy, EntropyError};
pub use fault_disk::{Fault, SECTOR};
pub use fault_fs::FaultFs;
pub use fs::{File, Fs, OpenMode, RealFs, Space, overlap};
pub use secret::{
    append_private, create_secret, destroy_secret, private_dir, read_private, read_secret,
    replace_secret, wipe_dir,
};
pub use trust::{TrustError, connector, has_roots};
