//! Witnesses, seen from both sides: the server that an auditor's office runs, and what sends it a gateway's checkpoints.
//!
//! Promises: whatever a witness does, no call of the gateway waits for it, and nothing but its verified signature is
//! taken from it; whatever comes to a witness, it takes no more room or time than `[server]` allows.
//!
//! What is cosigned and what is believed is decided in the room `witness`; this is the way between the two. Start with
//! [`WitnessServer`] for the one side and [`Witnesses`] for the other.

mod address;
mod courier;
mod serve;

pub use courier::Witnesses;
pub use serve::{WitnessServer, init_witness};
