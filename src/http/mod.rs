//! The JSON edge: what an app, a person's own client and a script see of the gateway.
//!
//! Promises: a body is checked for its type, size, encoding, depth and shape before a room sees it, and what is wrong
//! with it is said in full, with the place and with what would be right; every refusal is an RFC 9457 problem of a closed
//! list; no answer that refuses repeats a value of the call; no log line names anybody; a handler that panics answers
//! 500 and harms no other call.
//!
//! It decides nothing: each handler reads the wire form, asks one room one question and writes the answer.
//!
//! Start with [`Routes`], then `recommend`. A new call is one handler with its `utoipa::path`, one line in `router` and
//! one in `openapi`; the structs of its body derive with `#[serde(remote = "Self")]` and are named in `objects!`, so that
//! they are read from objects alone. An operator's call stands in `operate` and at a door of its own (`operator`). A new
//! kind of problem is one entry in `problem/kind.rs`.

mod edge;
pub use edge::{Edge, Ground};

mod router;
pub use router::{Routed, Routes};

mod operator;
pub use operator::{OperatorEdge, OperatorGround, operator_openapi, operator_router};

mod recommend;

mod events;
mod items;
mod log;

mod consents;
mod guardians;
mod linking;
mod me;
mod opendsr;
mod purposes;
mod requests;
mod status;

mod operate;

mod audit;

mod openapi;
pub use openapi::openapi;

mod well_known;
mod words;

mod flow;
mod refuse;
mod reply;

mod observe;
mod seen;

mod problem;
pub use problem::{Fault, Problem, ProblemKind, ProblemPage};

mod caller;
mod certificates;
mod keyed;
mod object;
mod read;

mod lines;

pub mod body;

pub mod docs;
