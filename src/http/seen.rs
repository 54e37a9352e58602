//! Tells the observer of each call once it is answered, by the template of its path and never by the path itself.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use http::Method;

use super::{Edge, ProblemKind};
use crate::{
    domain::AppId,
    observe::{Heard, Story},
};

/// Where there is no path.
const NO_ROUTE: &str = "none";

/// What is known of a call before it is answered.
pub(super) struct Call {
    edge: Edge,
    begun: Instant,
    route: Option<MatchedPath>,
    method: Method,
    slip: Option<Slip>,
}

/// A slip that goes with a call where calls are told one by one: whoever learns which app calls notes it there.
#[derive(Clone, Default)]
pub(super) struct Slip(Arc<OnceLock<AppId>>);

impl Slip {
    pub(super) fn note(&self, app: &AppId) {
        let _ = self.0.set(app.clone());
    }
}

impl Call {
    pub(super) fn begin(edge: &Edge, request: &mut Request) -> Self {
        let slip = edge.watch.tells().then(Slip::default);
        if let Some(slip) = &slip {
            request.extensions_mut().insert(slip.clone());
        }
        Self {
            edge: edge.clone(),
            begun: Instant::now(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            method: request.method().clone(),
            slip,
        }
    }

    pub(super) fn end(self, response: &Response) {
        self.edge.watch.answered(&Heard {
            route: self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str),
            method: self.method.as_str(),
            status: response.status().as_u16(),
            problem: response.extensions().get::<ProblemKind>().map(|kind| kind.page().slug),
            begun: self.begun,
            app: self.slip.as_ref().and_then(|slip| slip.0.get()).map(AppId::as_str),
            story: response.extensions().get::<Story>(),
        });
    }
}
