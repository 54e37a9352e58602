//! Makes the models that the configuration names.

use std::{io, sync::Arc, time::Duration};

use super::{AppError, UpstreamKind, UpstreamSettings};
use crate::{
    ambient::Clock,
    auth::Source,
    domain::CategoryId,
    policy::Catalogue,
    upstream::{
        BreakerLimits, Builtin, Endpoint, Gorse, InvalidEndpoint, Json, Limits, Map, Model,
        Recipient, StaticHeader, Wire,
    },
};

/// Makes models; `read` fetches the bytes of secrets.
pub(super) struct Models<'a, R> {
    pub(super) clock: &'a Clock,
    pub(super) catalogue: &'a Catalogue,
    /// The models inside this process that were made.
    pub(super) builtins: Vec<Arc<Builtin>>,
    pub(super) read: R,
}

impl<R: FnMut(&Source) -> io::Result<Vec<u8>>> Models<'_, R> {
    /// The model that `upstream` describes.
    pub(super) fn make(&mut self, upstream: &UpstreamSettings) -> Result<Model, AppError> {
        check(upstream)?;
        let recipient = Recipient {
            id: upstream.recipient.clone(),
            domain: upstream.domain.clone(),
            third_party: upstream.third_party,
        };
        if upstream.kind == UpstreamKind::Builtin {
            let builtin = Arc::new(Builtin::new());
            self.builtins.push(builtin.clone());
            return Ok(Model::builtin(recipient, builtin));
        }
        let url = upstream.url.as_deref().ok_or_else(|| wrong(upstream, "needs a url"))?;
        let endpoint = Endpoint::parse(url, self.headers(upstream)?)
            .map_err(|source| endpoint(upstream, source))?;
        let wire = self.wire(upstream)?;
        Ok(Model::http(recipient, wire, endpoint, limits(upstream), self.clock.clone()))
    }

    fn headers(&mut self, upstream: &UpstreamSettings) -> Result<Vec<StaticHeader>, AppError> {
        let bad = |source| endpoint(upstream, source);
        let mut headers = Vec::new();
        if upstream.kind == UpstreamKind::Gorse {
            let key = upstream.key.as_ref().map(|key| self.secret(key)).transpose()?;
            headers = Gorse::headers(key.as_deref()).map_err(bad)?;
        }
        if let Some(header) = &upstream.header {
            let value = self.secret(&header.value)?;
            headers.push(StaticHeader::parse(&header.name, &value).map_err(bad)?);
        }
        Ok(headers)
    }

    fn secret(&mut self, source: &Source) -> Result<String, AppError> {
        let failed = |fault| match source {
            Source::File(path) => AppError::Read { path: path.into(), source: fault },
            Source::Env(_) => {
                AppError::Machine { doing: "reading a model's header", source: fault }
            }
        };
        let value = (self.read)(source).map_err(failed)?;
        Ok(String::from_utf8_lossy(&value).trim_end().to_owned())
    }

    fn wire(&self, upstream: &UpstreamSettings) -> Result<Arc<dyn Wire>, AppError> {
        if upstream.kind == UpstreamKind::Gorse {
            let settings = upstream.gorse.clone().unwrap_or_default();
            let gorse = Gorse::new(&settings).map_err(|flaw| wrong(upstream, flaw))?;
            say_that_urls_name_users(upstream);
            return Ok(Arc::new(gorse));
        }
        let Some(map) = &upstream.map else { return Ok(Arc::new(Json)) };
        let map = Map::parse(map).map_err(|flaw| wrong(upstream, flaw))?;
        let category = |name: &str| {
            let id = CategoryId::parse(name).ok()?;
            self.catalogue.category(&id)
        };
        let unknown = |name: &&str| category(name).is_none();
        if let Some(name) = map.categories().find(unknown) {
            return Err(wrong(
                upstream,
                format_args!("the catalogue has no data category {name} for {{context/{name}}}"),
            ));
        }
        if map.names_users_in_urls() {
            say_that_urls_name_users(upstream);
        }
        Ok(Arc::new(map))
    }
}

/// Settings that mean nothing for a kind of model are mistakes.
fn check(upstream: &UpstreamSettings) -> Result<(), AppError> {
    use UpstreamKind::{Builtin, Gorse, Json};
    for (key, is_set, of) in [
        ("map", upstream.map.is_some(), Json),
        ("gorse", upstream.gorse.is_some(), Gorse),
        ("key", upstream.key.is_some(), Gorse),
    ] {
        if is_set && upstream.kind != of {
            let kind = of.as_str();
            return Err(wrong(upstream, format_args!("`{key}` is for models of kind {kind}")));
        }
    }
    if upstream.kind == Builtin && (upstream.url.is_some() || upstream.header.is_some()) {
        return Err(wrong(upstream, "a builtin model has no url and no header"));
    }
    for (key, is_zero) in [
        ("concurrency", upstream.concurrency == 0),
        ("answer_bytes", upstream.answer_bytes == 0),
        ("timeout_ms", upstream.timeout_ms == 0),
    ] {
        if is_zero {
            return Err(wrong(upstream, format_args!("{key} must be at least 1")));
        }
    }
    Ok(())
}

fn limits(upstream: &UpstreamSettings) -> Limits {
    Limits {
        deadline: upstream.timeout(),
        answer_bytes: upstream.answer_bytes,
        concurrency: upstream.concurrency,
        breaker: BreakerLimits {
            failures: upstream.breaker.failures,
            open_for: Duration::from_millis(upstream.breaker.open_ms),
        },
        retries: upstream.retries,
        ..Limits::default()
    }
}

/// A pseudonym in a URL is no raw id, but access logs keep URLs, so who runs the model should know.
fn say_that_urls_name_users(upstream: &UpstreamSettings) {
    tracing::info!(
        recipient.id = %upstream.recipient,
        "this model's format has pseudonyms in urls; its access log will hold them"
    );
}

pub(super) fn wrong(upstream: &UpstreamSettings, what: impl std::fmt::Display) -> AppError {
    AppError::Settings(format!("[[upstream]] {}: {what}", upstream.recipient))
}

fn endpoint(upstream: &UpstreamSettings, source: InvalidEndpoint) -> AppError {
    AppError::Endpoint { recipient: upstream.recipient.to_string(), source }
}
