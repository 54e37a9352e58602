//! How the witnesses of the log fare.

use std::sync::Arc;

use crate::telemetry::{Counter, Family, Gauge, Page};

/// How one witness fares.
#[derive(Debug)]
pub struct Cosigning {
    name: String,
    up: Gauge,
    size: Gauge,
    failures: Counter,
}

impl Cosigning {
    /// The witness called `name`, which has not cosigned yet.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            up: Gauge::default(),
            size: Gauge::default(),
            failures: Counter::default(),
        }
    }

    /// It cosigned the checkpoint of this size.
    pub fn cosigned(&self, size: u64) {
        self.size.set(i64::try_from(size).unwrap_or(i64::MAX));
        self.up.set(1);
    }

    /// It did not answer, or not with a cosignature.
    pub fn failed(&self) {
        self.failures.one();
        self.up.set(0);
    }
}

/// Puts the numbers of `witnesses` on the page.
pub(super) fn add(page: &mut Page, witnesses: &[Arc<Cosigning>]) {
    let mut up =
        Family::levels("consentry_witness_up", "Whether a witness cosigned when last asked");
    let mut size =
        Family::levels("consentry_witness_size", "Rows of the log that a witness cosigned last");
    let mut failures =
        Family::counts("consentry_witness_failures", "Checkpoints that a witness did not cosign");
    for witness in witnesses {
        let labels = [("witness", witness.name.as_str())];
        up.level(labels, super::numbers::signed(witness.up.value()));
        size.level(labels, super::numbers::signed(witness.size.value()));
        failures.count(labels, witness.failures.value());
    }
    page.add(up);
    page.add(size);
    page.add(failures);
}
