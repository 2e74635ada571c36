//! Machines that talk over TCP: network namespaces that a bridge connects.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use gradus::runs::presets;

use super::measured::{HostStep, Place, RankStep, ScalingMeasurement};
use super::scaling::ScalingRuns;
use super::speed::measure_exchanges;
use super::timed::TimedRun;
use super::{Extent, Launcher, parameters};
use crate::process;

/// Machines.
const HOSTS: usize = 4;
/// Networks that are compared with the cost model.
const PRESETS: [&str; 3] = ["five-relu", "conv-dropout", "resnet-mini"];
/// Samples of a batch for the hosts, and shards of it.
const BATCH: usize = 128;
const SHARDS: usize = 8;
/// The same for the curve: a shard for each of its processes.
const CURVE_BATCH: usize = 1024;
const CURVE_RANKS: usize = 64;
/// Steps of a short and of a long run, by whose difference what is exchanged once does not count.
const STEPS: [usize; 2] = [50, 150];
/// Seconds of a run for the curve, nearly.
const SECONDS: f64 = 3.0;

pub(super) fn run(launcher: &Launcher, _extent: Extent) -> anyhow::Result<Option<String>> {
    if !process::is_installed("ip") || fs::metadata("/proc/self/ns/net").is_err() {
        return Ok(Some("ip is not installed".into()));
    }
    let network = match HostNetwork::new(launcher) {
        Ok(network) => network,
        Err(error) => return Ok(Some(format!("no network namespaces: {error:#}"))),
    };
    let mut runs = ScalingRuns::open()?;
    for hosts in 2..=HOSTS {
        measure_exchanges(launcher, &mut runs, Place::Hosts(hosts), &network.arguments(hosts))?;
    }
    for preset in PRESETS {
        if runs.host_steps().all(|step| step.preset != preset) {
            let step = host_step(launcher, &network, preset)?;
            println!("  {preset}: the same bytes on {HOSTS} hosts as on one");
            runs.add(ScalingMeasurement::HostStep(step))?;
        }
    }
    for preset in PRESETS {
        for ranks in (0..=CURVE_RANKS.ilog2()).map(|exponent| 1 << exponent) {
            if runs.rank_steps().any(|step| (&*step.preset, step.ranks) == (preset, ranks)) {
                continue;
            }
            let samples = CURVE_BATCH / ranks;
            let seconds = share_step(launcher, preset, samples, CURVE_RANKS / ranks)?;
            println!("  {preset}: {samples} samples take {:.2} ms", 1e3 * seconds);
            let preset = preset.to_owned();
            runs.add(ScalingMeasurement::RankStep(RankStep { preset, ranks, samples, seconds }))?;
        }
    }
    runs.write_page()?;
    Ok(None)
}

/// Trains a preset on one host and on all, compares the bytes, and returns how long a step takes.
fn host_step(launcher: &Launcher, network: &HostNetwork, preset: &str) -> anyhow::Result<HostStep> {
    let arguments = network.arguments(HOSTS);
    let [few, many] = STEPS;
    let run = |arguments: &[String], steps| {
        TimedRun { threads: 1, batch: BATCH, shards: SHARDS, steps }
            .run(launcher, arguments, preset)
    };
    let alone = run(&[], many)?;
    let short = run(&arguments, few)?;
    let long = run(&arguments, many)?;
    ensure!(
        alone.digest == long.digest,
        "{preset}: {} on one host, {} on {HOSTS}",
        alone.digest,
        long.digest
    );
    let messages = long.messages.zip(short.messages).map(|(long, short)| long - short);
    let cores = std::thread::available_parallelism()?.get();
    Ok(HostStep {
        preset: preset.to_owned(),
        hosts: HOSTS,
        batch: BATCH,
        parameters: parameters(&presets::find(preset).context("a preset")?.experiment())?,
        alone: alone.seconds_per_step(),
        together: long.seconds_per_step(),
        share: share_step(launcher, preset, BATCH / HOSTS, SHARDS / HOSTS)?,
        messages: messages.context("processes_measured")? / (many - few) as f64,
        cores,
    })
}

/// Seconds of a step of one process of one thread.
fn share_step(
    launcher: &Launcher,
    preset: &str,
    batch: usize,
    shards: usize,
) -> anyhow::Result<f64> {
    let step = |steps| {
        let run = TimedRun { threads: 1, batch, shards, steps }.run(launcher, &[], preset)?;
        anyhow::Ok(run.seconds_per_step())
    };
    let tried = step(STEPS[0])?;
    step((SECONDS / tried).ceil() as usize)
}

/// Namespaces that a bridge connects, and what starts processes in them. Removed when it is dropped.
struct HostNetwork {
    agent: PathBuf,
}

impl HostNetwork {
    fn new(launcher: &Launcher) -> anyhow::Result<Self> {
        let agent = launcher.folder().join("agent");
        let network = Self { agent };
        let _ = network.remove();
        ip("link add gradus-bridge type bridge")?;
        ip("addr add 10.77.0.254/24 dev gradus-bridge")?;
        ip("link set gradus-bridge up")?;
        for host in 1..=HOSTS {
            ip(&format!("netns add gradus{host}"))?;
            ip(&format!("link add gradus-veth{host} type veth peer name eth0 netns gradus{host}"))?;
            ip(&format!("link set gradus-veth{host} master gradus-bridge up"))?;
            ip(&format!("-n gradus{host} addr add 10.77.0.{host}/24 dev eth0"))?;
            ip(&format!("-n gradus{host} link set eth0 up"))?;
            ip(&format!("-n gradus{host} link set lo up"))?;
        }
        let script =
            "#!/bin/sh\nhost=${1##*.}\nshift\nexec ip netns exec gradus$host sh -c \"$*\"\n";
        fs::write(&network.agent, script)?;
        process::run(Command::new("chmod").arg("+x").arg(&network.agent))?;
        Ok(network)
    }

    /// Of the launcher: a process in each of the first namespaces.
    fn arguments(&self, hosts: usize) -> Vec<String> {
        let addresses: Vec<_> = (1..=hosts).map(|host| format!("10.77.0.{host}")).collect();
        let settings = [
            ("plm_rsh_agent", self.agent.to_str().unwrap_or_default()),
            // Each machine is started from here, and answers here: the script enters namespaces from the outside.
            ("plm_rsh_no_tree_spawn", "1"),
            ("routed", "direct"),
            ("btl", "tcp,self"),
            ("pml", "ob1"),
            ("btl_tcp_if_include", "10.77.0.0/24"),
            ("oob_tcp_if_include", "10.77.0.0/24"),
            ("mpi_yield_when_idle", "1"),
            ("hwloc_base_binding_policy", "none"),
        ];
        let settings = settings.iter().flat_map(|&(name, value)| ["--mca", name, value]);
        let processes =
            [String::from("-n"), hosts.to_string(), "--host".into(), addresses.join(",")];
        processes.into_iter().chain(settings.map(String::from)).collect()
    }

    fn remove(&self) -> anyhow::Result<()> {
        for host in 1..=HOSTS {
            let _ = ip(&format!("netns delete gradus{host}"));
        }
        ip("link delete gradus-bridge")
    }
}

impl Drop for HostNetwork {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

fn ip(args: &str) -> anyhow::Result<()> {
    let mut command = Command::new("ip");
    let output = command.args(args.split(' ')).output()?;
    ensure!(
        output.status.success(),
        "{}: {}",
        process::quote(&command),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
