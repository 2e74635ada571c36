//! The order in which samples are drawn for batches.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How batches are drawn from a training set.
///
/// Every batch has the same size, since a program is compiled for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Shuffled anew for each epoch. A batch that reaches the end of an epoch takes the rest from the
    /// next. A batch of all samples is in the order of the dataset, since only its sum matters.
    #[default]
    ShuffledEpochs,
    /// Shuffled anew for each epoch, whose samples after the last whole batch are not drawn. An epoch is then as many
    /// samples as are drawn.
    ShuffledDropLast,
    /// Shuffled once; every epoch uses that order, and the samples after the last whole batch are never drawn.
    /// The order of the codelab.
    FixedOrder,
    /// Each sample of each batch drawn independently from all. The order of "Deep Learning from Scratch".
    WithReplacement,
}

impl Order {
    /// Samples of an epoch: those of the training set, or those of its whole batches.
    pub fn epoch_samples(self, n_samples: usize, batch_size: usize) -> usize {
        match self {
            Self::ShuffledDropLast => n_samples - n_samples % batch_size.max(1),
            Self::ShuffledEpochs | Self::FixedOrder | Self::WithReplacement => n_samples,
        }
    }
}

impl fmt::Display for Order {
    /// The name in an experiment file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::Error;

    use super::*;

    #[test]
    fn names_are_those_of_the_experiment_file() {
        for (order, name) in [
            (Order::ShuffledEpochs, "shuffled_epochs"),
            (Order::ShuffledDropLast, "shuffled_drop_last"),
            (Order::FixedOrder, "fixed_order"),
            (Order::WithReplacement, "with_replacement"),
        ] {
            assert_eq!(order.to_string(), name);
            assert_eq!(Order::deserialize(name.into_deserializer()), Ok::<_, Error>(order));
        }
    }
}
