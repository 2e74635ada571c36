//! Named measures of a network, the loss among them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Metrics by name, in order: the loss, and others if they were computed.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    loss: f64,
    others: Vec<(Cow<'static, str>, f64)>,
}

/// The name of the loss among the metrics.
const LOSS: &str = "loss";

impl Metrics {
    /// Metrics with nothing but a loss: mean per sample, in the unit that [`MetricInfo::unit`] states for the run.
    pub fn new(loss: f64) -> Self {
        Self { loss, others: Vec::new() }
    }

    /// Adds a metric after the others.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        self.others.push((name.into(), value));
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

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct MetricsVisitor;
        impl<'de> Visitor<'de> for MetricsVisitor {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut metrics = Metrics::new(f64::NAN);
                while let Some((name, value)) = map.next_entry::<String, Option<f64>>()? {
                    let value = value.unwrap_or(f64::NAN);
                    match &*name {
                        LOSS => metrics.loss = value,
                        _ => metrics.others.push((name.into(), value)),
                    }
                }
                Ok(metrics)
            }
        }
        from.deserialize_map(MetricsVisitor)
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
