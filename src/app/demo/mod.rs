//! A gateway to try out: its shop, its people and what they did.
//!
//! Everything here is data to be played through the gateway's own calls, as an app would; nothing here writes to a
//! store or decides about a consent. The same seed and the same `now` give the same data.
//!
//! Start with [`plan::Shop`]; [`shop`] generates one, [`movielens`] reads one from files.

pub mod plan;

mod chance;
mod shelves;

pub mod shop;

pub mod movielens;

mod play;
mod run;
mod story;

pub use run::{Demo, DemoOptions};
