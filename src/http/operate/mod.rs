//! The calls of an operator: one file a concern, each with its `routes()`.
//!
//! Each handler takes a [`ByOperator`](super::operator::ByOperator), so there is no call here that anyone else can make.
//! What is asked is asked of [`Controls`](crate::operate::Controls).

pub(super) mod status;

use axum::Router;

use super::operator::OperatorEdge;

/// All of them.
pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new().merge(status::routes())
}
