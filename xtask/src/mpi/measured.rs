//! Kinds of measurements of several processes.

use serde::{Deserialize, Serialize};

/// What was measured.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "measured", rename_all = "snake_case")]
pub(super) enum ScalingMeasurement {
    Exchange(ExchangeTime),
    Pair(SpeedPair),
    HostStep(HostStep),
    RankStep(RankStep),
}

/// How long processes take to exchange a gradient.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct ExchangeTime {
    pub(super) place: Place,
    pub(super) bytes: f64,
    pub(super) seconds: f64,
}

/// Where processes are that exchange something.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// Two on one machine.
    OneMachine,
    /// One on each of some hosts, which talk over TCP.
    Hosts(usize),
}

/// What the runs of a pair differ in.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Compared {
    Processes,
    Shards,
}

/// Two runs, one after the other.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SpeedPair {
    pub(super) compared: Compared,
    pub(super) network: String,
    pub(super) batch: usize,
    pub(super) parameters: f64,
    /// Samples a second of one process or shard, and of more.
    pub(super) one: f64,
    pub(super) more: f64,
}

/// A step of a process on each of some hosts, and of one process alone.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct HostStep {
    pub(super) preset: String,
    pub(super) hosts: usize,
    pub(super) batch: usize,
    pub(super) parameters: f64,
    /// Seconds of a step.
    pub(super) alone: f64,
    pub(super) together: f64,
    /// Seconds of a step of one process that has the samples of one of them.
    pub(super) share: f64,
    /// Exchanges of a step.
    pub(super) messages: f64,
    /// Cores that all hosts share.
    pub(super) cores: usize,
}

/// A step of one process of one thread that has the samples of one of `ranks`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RankStep {
    pub(super) preset: String,
    pub(super) ranks: usize,
    pub(super) samples: usize,
    pub(super) seconds: f64,
}
