//! The page that a scraper reads, in the `OpenMetrics` text format.

use std::{collections::BTreeMap, fmt};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{Distribution, Shards};

/// The media type of a page.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Label names with their values, in the order in which they are shown.
type Labels = Vec<(&'static str, String)>;

/// One name on the page, with what it means.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Counts(BTreeMap<Labels, u64>),
    Levels(BTreeMap<Labels, f64>),
    Spreads(BTreeMap<Labels, Distribution>),
}

impl Family {
    /// Numbers that only rise. The page adds `_total` to the name.
    #[must_use]
    pub fn counts(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Samples::Counts(BTreeMap::new()) }
    }

    /// Numbers that rise and fall.
    #[must_use]
    pub fn levels(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Samples::Levels(BTreeMap::new()) }
    }

    /// Histograms.
    #[must_use]
    pub fn spreads(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Samples::Spreads(BTreeMap::new()) }
    }

    /// Adds `count` under `labels`; what is there already is added to.
    pub fn count<const N: usize>(&mut self, labels: [(&'static str, &str); N], count: u64) {
        if let Samples::Counts(samples) = &mut self.samples {
            *samples.entry(owned(labels)).or_default() += count;
        }
    }

    /// Sets a level under `labels`.
    pub fn level<const N: usize>(&mut self, labels: [(&'static str, &str); N], level: f64) {
        if let Samples::Levels(samples) = &mut self.samples {
            samples.insert(owned(labels), level);
        }
    }

    /// Adds values under `labels`.
    pub fn spread<const N: usize>(&mut self, labels: [(&'static str, &str); N], of: &Distribution) {
        if let Samples::Spreads(samples) = &mut self.samples {
            let known = samples.entry(owned(labels));
            known.and_modify(|sum| sum.add(of)).or_insert_with(|| of.clone());
        }
    }

    fn kind(&self) -> MetricType {
        match self.samples {
            Samples::Counts(_) => MetricType::Counter,
            Samples::Levels(_) => MetricType::Gauge,
            Samples::Spreads(_) => MetricType::Histogram,
        }
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method by its name is for one lifetime only"
    )]
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, self.kind())?;
        match &self.samples {
            Samples::Counts(samples) => each(&mut metric, samples, |metric, count| {
                metric.encode_counter::<NoLabelSet, u64, f64>(count, None)
            }),
            Samples::Levels(samples) => {
                each(&mut metric, samples, |metric, level| metric.encode_gauge(level))
            }
            Samples::Spreads(samples) => each(&mut metric, samples, |metric, spread| {
                let (sum, count) = (spread.sum, spread.count());
                metric.encode_histogram::<NoLabelSet>(sum, count, &spread.buckets, None)
            }),
        }
    }
}

fn each<V>(
    metric: &mut MetricEncoder<'_>,
    samples: &BTreeMap<Labels, V>,
    encode: impl Fn(&mut MetricEncoder<'_>, &V) -> fmt::Result,
) -> fmt::Result {
    for (labels, value) in samples {
        let labels: Vec<(&str, &str)> =
            labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if labels.is_empty() {
            encode(metric, value)?;
        } else {
            encode(&mut metric.encode_family(&labels)?, value)?;
        }
    }
    Ok(())
}

fn owned<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// What a scraper reads at one moment.
#[derive(Debug, Default)]
pub struct Page(Vec<Family>);

impl Page {
    /// Adds a family. One without a sample is shown too, by its name and meaning.
    pub fn add(&mut self, family: Family) {
        self.0.push(family);
    }

    /// Adds a counter without labels.
    pub fn count(&mut self, name: &'static str, help: &'static str, count: u64) {
        let mut family = Family::counts(name, help);
        family.count([], count);
        self.add(family);
    }

    /// Adds a level without labels.
    pub fn level(&mut self, name: &'static str, help: &'static str, level: f64) {
        let mut family = Family::levels(name, help);
        family.level([], level);
        self.add(family);
    }

    /// Adds a histogram without labels.
    pub fn spread(&mut self, name: &'static str, help: &'static str, of: &Distribution) {
        let mut family = Family::spreads(name, help);
        family.spread([], of);
        self.add(family);
    }

    /// Adds a counter that each thread has its own of.
    pub fn sum<T: Default>(
        &mut self,
        name: &'static str,
        help: &'static str,
        shards: &Shards<T>,
        of: impl Fn(&T) -> u64,
    ) {
        self.count(name, help, shards.all().iter().map(|shard| of(shard)).sum());
    }

    /// The page as text.
    #[must_use]
    pub fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to memory cannot fail, and every name is one of ours.
        let _ = text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Histogram;

    #[test]
    fn a_page_is_openmetrics_text() {
        let mut page = Page::default();
        let mut decisions = Family::counts("decisions", "Decisions");
        decisions.count([("tier", "none"), ("reason", "with\"drawn")], 2);
        decisions.count([("tier", "none"), ("reason", "with\"drawn")], 1);
        page.add(decisions);
        page.level("free_bytes", "Room", 0.5);
        let sizes = Histogram::sizes();
        sizes.count(3);
        sizes.count(9999);
        page.spread("group", "Batches", &sizes.read());
        let text = page.text();
        for line in [
            "# HELP decisions Decisions",
            "# TYPE decisions counter",
            r#"decisions_total{tier="none",reason="with\"drawn"} 3"#,
            "free_bytes 0.5",
            "group_count 2",
            r#"group_bucket{le="2.0"} 0"#,
            r#"group_bucket{le="4.0"} 1"#,
            r#"group_bucket{le="1024.0"} 1"#,
            r#"group_bucket{le="+Inf"} 2"#,
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
