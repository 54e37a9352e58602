//! The models: what may be told to a recommender, in which words, and how the words get there.
//!
//! Promises: the bytes of an [`Outbound`] are all the content that leaves; none leave without a [`Clearance`], none
//! after it is revoked or the recipient is switched off, and it is dropped the moment the last one is written; every way a model can fail is an
//! [`UpstreamFault`] that says whether anything left; nothing a model says can break its reader.
//!
//! [`Post`] carries single calls to others than models: to controllers, and to recipients that are asked to delete by a protocol
//! of their own. What they hold is the caller's affair.
//!
//! It does not decide what may leave (`policy`), who a person is to a recipient (`pseudonym`), or whether to try
//! again (`gateway`).
//!
//! Start with [`Model::send`]. One more format is one more file beside `json` and `gorse` that implements [`Wire`];
//! `map` is a format that the operator writes down.

mod answer;
mod scan;

mod wire;

mod query;

mod json;

mod gorse;

mod map;

mod fault;

mod breaker;

mod health;

mod switch;

mod model;

mod http;

mod post;

mod builtin;

pub use answer::{Answer, Candidate, Nonsense};
pub use breaker::{BreakerLimits, BreakerState};
pub use builtin::{Builtin, InvalidSnapshot};
pub use fault::{Unsent, UpstreamFault};
pub use gorse::{Gorse, GorseSettings, InvalidGorse};
pub use health::Health;
pub use http::{Endpoint, InvalidEndpoint, StaticHeader};
pub use json::Json;
pub use map::{AnswerSettings, CallSettings, Form, InvalidMap, Map, MapSettings, Operation};
pub use model::{Clearance, Limits, Model, Recipient};
pub use post::{Letter, Post, Reply};
pub use query::{Done, OutboundEvents, OutboundQuery};
pub use scan::scan;
pub use switch::Switch;
pub use wire::{Expects, Outbound, OutboundEvent, OutboundItem, Query, TakenContext, Takes, Wire};

#[cfg(test)]
mod tests;
