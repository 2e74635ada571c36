//! Named measures of a network, the loss among them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// Metrics by name: the loss first, and then others if they were computed.
///
/// The text form is one object. A reader keeps metrics that it does not know. A step without others allocates nothing.
///
/// ```
/// use gradus_events::Metrics;
///
/// let metrics = Metrics::new(0.25).with("accuracy", 0.975);
/// assert_eq!((metrics.loss(), metrics.get("accuracy")), (0.25, Some(0.975)));
/// assert_eq!(metrics.get("recall"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<Cow<'static, str>, Option<f64>>")]
pub struct Metrics {
    loss: f64,
    others: BTreeMap<Cow<'static, str>, f64>,
}

/// The name of the loss among the metrics.
const LOSS: &str = "loss";

impl Metrics {
    /// Metrics with nothing but a loss: mean per sample, in the unit that [`MetricInfo::unit`] states for the run.
    pub fn new(loss: f64) -> Self {
        Self { loss, others: BTreeMap::new() }
    }

    /// Adds a metric.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        self.others.insert(name.into(), value);
        self
    }

    /// The mean data loss.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The metric called `name`, if it was computed.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Whether there are others than the loss.
    pub fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Names and values, the loss first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        let others = self.others.iter().map(|(name, value)| (&**name, *value));
        std::iter::once((LOSS, self.loss)).chain(others)
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl From<BTreeMap<Cow<'static, str>, Option<f64>>> for Metrics {
    fn from(read: BTreeMap<Cow<'static, str>, Option<f64>>) -> Self {
        let values = read.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN)));
        let mut others: BTreeMap<_, _> = values.collect();
        Self { loss: others.remove(LOSS).unwrap_or(f64::NAN), others }
    }
}

/// The best value of a metric so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The value.
    #[serde(deserialize_with = "crate::json::number")]
    pub value: f64,
    /// Optimizer updates when it was measured.
    pub step: u64,
    /// The value on the test set at that step, if it is that of another part and finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
}

/// What a reader needs to show a metric that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Its name among the [`Metrics`].
    pub name: String,
    /// Its unit: `nats`, `fraction` (0 to 1), `target` (that of the target values), or that of the kind of loss.
    pub unit: String,
    /// Whether a larger value is a better one.
    pub higher_is_better: bool,
}
