//! The calls of an operator: one file a concern, each with its `routes()`.
//!
//! Each handler takes a [`ByOperator`](super::operator::ByOperator), so there is no call here that anyone else can make.
//! What is asked is asked of [`Controls`](crate::operate::Controls).

pub(super) mod audit;
pub(super) mod backups;
mod going;
pub(super) mod imports;
pub(super) mod keys;
pub(super) mod policies;
pub(super) mod requests;
pub(super) mod status;
pub(super) mod switches;
pub(super) mod tokens;

use axum::Router;

use super::operator::OperatorEdge;

/// All of them.
pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .merge(audit::routes())
        .merge(backups::routes())
        .merge(imports::routes())
        .merge(keys::routes())
        .merge(policies::routes())
        .merge(requests::routes())
        .merge(status::routes())
        .merge(switches::routes())
        .merge(tokens::routes())
}
