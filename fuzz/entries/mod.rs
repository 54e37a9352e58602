//! What the fuzz targets run: one entry a parser of foreign bytes, each through the library's public door.
//!
//! An entry takes any bytes and panics where a promise is broken, so `cargo fuzz` steers towards it. The same entries
//! run in `tests/foreign_bytes.rs` over the seeds and over bytes drawn at random: a machine without the fuzzer still
//! checks that the entries work and that their seeds hold.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an entry says what went wrong by panicking"
)]

pub mod model_answers;

pub mod stage;

pub mod item_lines;
pub mod request_bodies;

pub mod notices;
pub mod tokens;

pub mod journals;
pub mod logs;

pub mod witness_requests;

pub mod contexts;
pub mod policies;
pub mod settings;

/// An entry: it takes any bytes.
pub type Entry = fn(&[u8]);

/// The entries by the name of their target.
pub const ALL: [(&str, Entry); 11] = [
    ("model_answers", model_answers::run),
    ("request_bodies", request_bodies::run),
    ("item_lines", item_lines::run),
    ("tokens", tokens::run),
    ("notices", notices::run),
    ("journals", journals::run),
    ("logs", logs::run),
    ("policies", policies::run),
    ("settings", settings::run),
    ("contexts", contexts::run),
    ("witness_requests", witness_requests::run),
];
