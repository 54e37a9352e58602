//! What an operator does to a gateway, running or at rest.

mod policies;

pub use policies::{
    Applied, AtStart, ChangeError, Comparison, Migrated, PolicyChanges, Proposal, Proposed, Report,
    at_start,
};
