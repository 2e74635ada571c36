//! How long exchanges take: a time for each, and a time for each byte.

use super::measured::{ExchangeTime, HostStep};

/// Of an exchange of a gradient: each process receives its part of all gradients, and then all parameters.
pub(super) struct ExchangeCost {
    /// Seconds of one without bytes.
    pub(super) latency: f64,
    pub(super) seconds_per_byte: f64,
}

impl ExchangeCost {
    /// By least squares of relative errors; none of less than two sizes.
    pub(super) fn fitted(times: &[ExchangeTime]) -> Option<Self> {
        if times.len() < 2 {
            return None;
        }
        // Of a + b x with weights 1 / y².
        let mut sums = [0.0; 5];
        for ExchangeTime { bytes, seconds, .. } in times {
            let weight = 1.0 / (seconds * seconds);
            let terms = [1.0, *bytes, bytes * bytes, *seconds, bytes * seconds];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += weight * term);
        }
        let [n, x, xx, y, xy] = sums;
        let seconds_per_byte = (n * xy - x * y) / (n * xx - x * x);
        Some(Self { latency: (y - seconds_per_byte * x) / n, seconds_per_byte })
    }

    /// Of an exchange of a gradient of `bytes`.
    pub(super) fn seconds(&self, bytes: f64) -> f64 {
        self.latency + self.seconds_per_byte * bytes
    }

    /// Of all exchanges of a step of `ranks` processes, each on a host of its own, if this is the cost for two, and a network
    /// carries `network_speed` bits a second in each direction. Every exchange takes a round for each other process.
    pub(super) fn of_step(
        &self,
        ranks: usize,
        bytes: f64,
        messages: f64,
        network_speed: f64,
    ) -> f64 {
        let others = (ranks - 1) as f64;
        // Two processes send half a gradient each to each other, twice.
        let seconds_per_byte = self.seconds_per_byte.max(8.0 / network_speed);
        let [of_messages, of_bytes] = [messages * self.latency / 2.0, seconds_per_byte * bytes];
        others * of_messages + 2.0 * others / ranks as f64 * of_bytes
    }
}

impl HostStep {
    /// Seconds by the model: cores take turns for the shares of the hosts, and then all exchange, by the cost for as many.
    pub(super) fn model(&self, cost: &ExchangeCost) -> f64 {
        let turns = self.hosts as f64 / self.cores.min(self.hosts) as f64;
        let small = (self.messages - 2.0) * cost.latency / 2.0;
        turns * self.share + cost.seconds(4.0 * self.parameters) + small
    }
}

#[cfg(test)]
mod tests {
    use super::super::measured::Place;
    use super::*;

    #[test]
    fn a_line_is_fitted_as_it_is() {
        let time = |bytes: f64| ExchangeTime {
            place: Place::Hosts(2),
            bytes,
            seconds: 1e-4 + 2e-9 * bytes,
        };
        let cost = ExchangeCost::fitted(&[time(1e3), time(1e5), time(1e7)]).unwrap();
        assert!((cost.latency - 1e-4).abs() < 1e-12);
        assert!((cost.seconds_per_byte - 2e-9).abs() < 1e-18);
        assert!((cost.seconds(1e6) - 2.1e-3).abs() < 1e-12);
        assert!(ExchangeCost::fitted(&[time(1.0)]).is_none());
    }

    #[test]
    fn the_step_of_two_hosts_has_the_exchange_that_was_measured() {
        let cost = ExchangeCost { latency: 1e-4, seconds_per_byte: 2e-9 };
        assert_eq!(cost.of_step(1, 1e6, 5.0, 1e9), 0.0);
        // The software takes longer than the network.
        assert!((cost.of_step(2, 1e6, 2.0, 1e10) - cost.seconds(1e6)).abs() < 1e-12);
        // The network takes longer than the software: 8 ns a byte.
        assert!((cost.of_step(4, 1e6, 3.0, 1e9) - (3.0 * 1.5e-4 + 1.5 * 8e-3)).abs() < 1e-12);
    }
}
