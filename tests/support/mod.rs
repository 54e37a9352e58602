//! A running gateway for each test, and actors who speak with it over HTTP on loopback.
//!
//! `wiring.rs` alone knows how a gateway is put together. A test gets a [`Stage`], takes tokens from it for apps and
//! people, and sends calls; its clock stands still until the test sets it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot set its stage must fail"
)]
#![expect(dead_code, reason = "each test binary uses some of it")]

pub(crate) mod actors;
pub(crate) mod book;
pub(crate) mod client;
pub(crate) mod house;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod needles;
pub(crate) mod proved;
mod stage;
pub(crate) mod tree;
pub(crate) mod wire;
pub(crate) mod wiring;

pub(crate) use stage::Stage;
