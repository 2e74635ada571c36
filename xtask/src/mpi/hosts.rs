//! Processes on machines of their own: network namespaces that talk over TCP.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::ensure;

use super::speed::{ExchangeTime, exchange_times, interpolated};
use super::{Extent, LAUNCHER, Launcher};
use crate::process;

/// Machines.
const HOSTS: usize = 4;
/// Networks that are compared with the cost model: presets, with numbers of parameters.
const PRESETS: [(&str, f64); 2] = [("five-relu", 185_300.0), ("conv-dropout", 244_076.0)];
const STEPS: f64 = 200.0;

pub(super) fn run(launcher: &Launcher, _extent: Extent) -> anyhow::Result<Option<String>> {
    if !process::is_installed("ip") || fs::metadata("/proc/self/ns/net").is_err() {
        return Ok(Some("ip is not installed".into()));
    }
    let network = match HostNetwork::new(launcher) {
        Ok(network) => network,
        Err(error) => return Ok(Some(format!("no network namespaces: {error:#}"))),
    };
    let times = exchange_times(launcher, &network.arguments())?;
    let (latency, bandwidth) = fitted(&times);
    println!(
        "  {HOSTS} hosts: an exchange takes {:.0} microseconds and {:.2} ns a byte, fitted to",
        latency * 1e6,
        1e9 / bandwidth
    );
    for ExchangeTime { bytes, seconds } in &times {
        let model = latency + bytes / bandwidth;
        println!(
            "    {bytes:>9.0} bytes  {:>9.1} microseconds  (model {:.1})",
            seconds * 1e6,
            model * 1e6
        );
    }
    for (preset, parameters) in PRESETS {
        let run = |command: Command| {
            let begin = Instant::now();
            let summary = process::read(&mut launcher.prepare_idle(command))?;
            let took = begin.elapsed();
            fs::remove_dir_all(launcher.folder().join("run"))?;
            anyhow::Ok((serde_json::from_str::<serde_json::Value>(&summary)?, took))
        };
        let steps = STEPS.to_string();
        let arguments = [
            "train",
            preset,
            "--json",
            "--run",
            "run",
            "--threads",
            "1",
            "--steps",
            &steps,
            "--set",
            "train.shards=8",
            "--set",
            "train.evaluate_every=1000000",
        ];
        let mut alone = Command::new(&launcher.binary);
        alone.args(arguments);
        let (alone, _) = run(alone)?;
        let mut together = Command::new(LAUNCHER);
        together.args(network.arguments()).arg(&launcher.binary).args(arguments);
        let (together, _) = run(together)?;
        ensure!(
            alone["weights_digest"] == together["weights_digest"],
            "{preset}: {} on one host, {} on {HOSTS}",
            alone["weights_digest"],
            together["weights_digest"]
        );
        let step = |summary: &serde_json::Value| {
            100.0 / summary["samples_per_second"].as_f64().unwrap_or(f64::NAN)
        };
        // All hosts are on this machine, and share its cores.
        let cores = std::thread::available_parallelism()?.get().min(HOSTS) as f64;
        let model = step(&alone) / cores + interpolated(&times, 4.0 * parameters);
        println!(
            "  {preset}: the same bytes; a step takes {:.2} ms, by the model {:.2} ms (one host of one thread: {:.2} ms)",
            1e3 * step(&together),
            1e3 * model,
            1e3 * step(&alone)
        );
    }
    Ok(None)
}

/// Latency and bandwidth of an exchange, by least squares of relative errors.
fn fitted(times: &[ExchangeTime]) -> (f64, f64) {
    // Of a + b x with weights 1 / y².
    let mut sums = [0.0; 5];
    for ExchangeTime { bytes, seconds } in times {
        let weight = 1.0 / (seconds * seconds);
        for (sum, term) in
            sums.iter_mut().zip([1.0, *bytes, bytes * bytes, *seconds, bytes * seconds])
        {
            *sum += weight * term;
        }
    }
    let [n, x, xx, y, xy] = sums;
    let slope = (n * xy - x * y) / (n * xx - x * x);
    ((y - slope * x) / n, 1.0 / slope)
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

    /// Of the launcher: a process in each namespace.
    fn arguments(&self) -> Vec<&str> {
        let agent = self.agent.to_str().unwrap_or_default();
        vec![
            "-n",
            "4",
            "--host",
            "10.77.0.1,10.77.0.2,10.77.0.3,10.77.0.4",
            "--mca",
            "plm_rsh_agent",
            agent,
            "--mca",
            "btl",
            "tcp,self",
            "--mca",
            "pml",
            "ob1",
            "--mca",
            "btl_tcp_if_include",
            "10.77.0.0/24",
            "--mca",
            "oob_tcp_if_include",
            "10.77.0.0/24",
            "--mca",
            "mpi_yield_when_idle",
            "1",
            "--mca",
            "hwloc_base_binding_policy",
            "none",
        ]
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
