//! A call as spans: one for the call, one for each stage of a recommendation.
//!
//! Spans are made once the answer is there, from moments that were noted on the way, so a call waits for none of it. They
//! hold what [`Heard`] holds and nothing else; there is no way for a value of a call to get into one. A trace begins and
//! ends here: what a caller sends of its own trace is not read, and models are sent nothing of ours.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use http::Uri;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};

use super::{Heard, Story, export::Carrier};
use crate::{domain::Timestamp, gateway::Stage};

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCollector {
    /// The URL is none, or not one of plain HTTP.
    #[error(
        "the collector's URL must be http://HOST:PORT/v1/traces; for TLS, run a collector beside the gateway"
    )]
    Url,
    /// The ratio is none.
    #[error("sample_ratio must be a number from 0 to 1")]
    Ratio,
    /// The exporter could not be made.
    #[error("setting up the exporter of spans")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends spans to a collector.
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends a share of `ratio` of all calls to the collector at `url`.
    ///
    /// # Errors
    /// When the URL or the ratio is none, or a thread or runtime cannot be had.
    pub fn to(url: &str, ratio: f64) -> Result<Self, InvalidCollector> {
        let uri: Uri = url.parse().map_err(|_| InvalidCollector::Url)?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            return Err(InvalidCollector::Url);
        }
        if !(0.0..=1.0).contains(&ratio) {
            return Err(InvalidCollector::Ratio);
        }
        let carrier = Carrier::new().map_err(|error| InvalidCollector::Exporter(error.into()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(carrier)
            // Spans that a collector does not take at once are not worth a second try.
            .with_retry_policy(RetryPolicy::disabled())
            .with_endpoint(url)
            .build()
            .map_err(|error| InvalidCollector::Exporter(error.into()))?;
        let name = KeyValue::new("service.name", "consentry");
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::TraceIdRatioBased(ratio))
            .with_resource(Resource::builder_empty().with_attribute(name).build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Self { tracer: provider.tracer("consentry"), provider })
    }

    /// Tells of a call that took `took` and was answered at `now`.
    pub(super) fn tell(&self, heard: &Heard<'_>, took: Duration, now: Timestamp) {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let ended = UNIX_EPOCH + Duration::from_millis(millis);
        let begun = ended.checked_sub(took).unwrap_or(UNIX_EPOCH);
        let call = SpanBuilder::from_name(format!("{} {}", heard.method, heard.route))
            .with_kind(SpanKind::Server)
            .with_start_time(begun)
            .with_attributes(attributes(heard));
        // A parent that is no span: what else this thread may be tracing is none of ours.
        let mut call = self.tracer.build_with_context(call, &Context::new());
        if !call.is_recording() {
            return;
        }
        if heard.status >= 500 {
            call.set_status(Status::error(""));
        }
        let call = Context::new().with_span(call);
        for (name, stage) in heard.story.into_iter().flat_map(stages) {
            self.stage(name, stage, heard.begun, begun, &call);
        }
        call.span().end_with_timestamp(ended);
    }

    /// A stage, on the clock that the call began on at `call_begun`.
    fn stage(
        &self,
        name: &'static str,
        (from, took): Stage,
        call_from: Instant,
        call_begun: SystemTime,
        call: &Context,
    ) {
        let begun = call_begun + from.saturating_duration_since(call_from);
        let span = SpanBuilder::from_name(name).with_start_time(begun);
        self.tracer.build_with_context(span, call).end_with_timestamp(begun + took);
    }

    /// Sends what was not sent yet.
    pub(super) fn flush(&self) {
        if self.provider.force_flush().is_err() {
            tracing::warn!("the last spans did not reach the collector");
        }
    }
}

fn stages(story: &Story) -> impl Iterator<Item = (&'static str, Stage)> {
    let spent = story.spent;
    let stages = spent.map(|spent| {
        [("record", Some(spent.record)), ("model", spent.model), ("rank", Some(spent.rank))]
    });
    stages.into_iter().flatten().filter_map(|(name, stage)| Some((name, stage?)))
}

fn attributes(heard: &Heard<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", heard.method.to_owned()),
        KeyValue::new("http.route", heard.route.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(heard.status)),
    ];
    if let Some(app) = heard.app {
        attributes.push(KeyValue::new("consentry.app", app.to_owned()));
    }
    if let Some(problem) = heard.problem {
        attributes.push(KeyValue::new("consentry.problem", problem));
    }
    if let Some(story) = heard.story {
        attributes.push(KeyValue::new("consentry.purpose", story.purpose.as_str().to_owned()));
        attributes.push(KeyValue::new("consentry.tier", story.tier.as_str()));
        let words = [("consentry.reason", story.reason), ("consentry.fault", story.fault)];
        attributes
            .extend(words.into_iter().filter_map(|(key, word)| Some(KeyValue::new(key, word?))));
    }
    attributes
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces(…)")
    }
}
