//! What may be used for what: the purpose catalogue and the rules, which together rule on a case; and the permit
//! that makes a ruling count for one call.
//!
//! Promises: the input is a closed value of few facts, so every case can be listed, compared and cached, and none
//! is about anybody. What no rule permits is denied, a `forbid` beats every `permit`, and a rule that fails denies.
//! A [`Permit`] comes from [`Ruling::permit`] alone. A coarse form is one that many values share.
//!
//! It reads no clock and no file: bundles arrive as text, moments as facts. Who agreed to what is `consent`'s; what
//! is sent is `upstream`'s, from a permit.
//!
//! Start with `policies/gate.cedar`, then [`GateFacts`] and [`Bundle::rule`]. A new rule is a policy with `@id` and
//! `@reason` and a case beside it; a new reason is a variant of [`ReasonCode`].

mod bundle;
mod cases;
mod catalogue;
mod context;
mod entities;
mod error;
mod facts;
mod listing;
mod migration;
mod promises;
mod reason;
mod rules;
mod ruling;
mod shape;
mod succession;
mod summary;
mod table;
mod term;

pub use bundle::{Bundle, Ended, Files, Policies, Vocabulary, version_of};
pub use cases::{CheckReport, FailedCase};
pub use catalogue::{
    Attribute, AttributeKind, Basis, Catalogue, Category, Channel, Coarse, Generalization,
    GpcEffect, MAX_CATEGORIES, Night, Notice, Purpose, Texts, Value,
};
pub use context::{Context, ContextError, ContextFlaw};
pub use error::{Flaw, PolicyError};
pub use facts::{Age, CategoryCase, CategoryFacts, ConsentFact, GateFacts, detail_str};
pub use listing::{Case, Difference, Level, TableRow};
pub use migration::{Fate, Migration};
pub use promises::Breach;
pub use reason::{InvalidReason, ReasonCode, Reasons};
pub use rules::Rule;
pub use ruling::{CategoryRuling, Permit, Ruling, Whom};
pub use shape::{Fields, Shaped, Withheld};
pub use succession::{Lot, Succession, Vanished};
pub use summary::{Change, Group, Told, changes, cover};
pub use term::Passage;

#[cfg(test)]
mod tests;
