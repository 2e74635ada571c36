//! The contestants, and the measurement of one run.

use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, bail};

use super::hold::{Held, Hold, Limits};
use super::registers::{self, RegisterWatch};
use super::run::Figures;
use super::{BenchPeersArgs, data, networks, peers};
use crate::process;

/// A way to use a framework, Gradus included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contestant {
    /// Its name in the tables.
    pub(super) name: &'static str,
    /// The folder of the peer; `None` for Gradus.
    pub(super) folder: Option<&'static str>,
    variant: &'static str,
    limits: &'static Limits,
}

/// Gradus.
pub(super) const GRADUS: Contestant = Contestant {
    name: "Gradus",
    folder: None,
    variant: "gradus",
    limits: &Limits { variables: &[("GRADUS_ISA", "avx2")], note: "" },
};

/// The network of the check: it has every kind of layer that the others have but one, and all kinds of kernels.
const CHECKED: &str = "w9";
/// Seconds of the check: every thread has worked, and been interrupted, by then.
const CHECK_SECONDS: f64 = 0.2;

/// All contestants, Gradus first.
pub(super) fn all() -> Vec<Contestant> {
    let of_peer = |peer: &'static peers::Peer| {
        let (folder, limits) = (Some(peer.folder), &peer.limits);
        let contestant = move |&(variant, name)| Contestant { name, folder, variant, limits };
        peer.variants.iter().map(contestant)
    };
    std::iter::once(GRADUS).chain(peers::ALL.iter().flat_map(of_peer)).collect()
}

/// The contestants named by a folder (`burn`) or a variant (`burn/flex`); all if no name is given.
///
/// # Errors
///
/// If a name is unknown.
pub(super) fn select(names: &[String]) -> anyhow::Result<Vec<Contestant>> {
    let all = all();
    let is_meant = |contestant: &Contestant, name: &str| {
        contestant.key() == name || contestant.folder == Some(name)
    };
    for name in names {
        if !all.iter().any(|contestant| is_meant(contestant, name)) {
            let keys: Vec<String> = all.iter().map(Contestant::key).collect();
            bail!("--contestants: expected some of {}, found `{name}`", keys.join(", "));
        }
    }
    let is_named = |contestant: &Contestant| names.iter().any(|name| is_meant(contestant, name));
    Ok(all.into_iter().filter(|contestant| names.is_empty() || is_named(contestant)).collect())
}

impl Contestant {
    /// Its name on the command line.
    fn key(&self) -> String {
        self.folder.map_or("gradus".into(), |folder| format!("{folder}/{}", self.variant))
    }

    /// Trains a network for a moment and sees whether the contestant obeys its limits.
    ///
    /// # Errors
    ///
    /// If it does not, or does not run.
    pub(super) fn check(
        &self,
        program: &[String],
        hold: Hold,
        args: &BenchPeersArgs,
    ) -> anyhow::Result<Held> {
        let mut command = self.command(program, CHECKED, CHECK_SECONDS, args)?;
        hold.limit(&mut command, self.limits);
        // Where nothing is limited, its own use of registers is told apart from that of the C library.
        command.envs([registers::OF_C_LIBRARY, ("ONEDNN_VERBOSE", "1")]);
        let mut watch = RegisterWatch::default();
        let look = &mut |process| watch.look(process);
        let output = process::read_watched(&command, args.limit, data::FOLDER.as_ref(), look)?;
        let mut words: Vec<String> = last_report(&output)?.isa.into_iter().collect();
        let of_onednn = output.lines().find_map(|line| Some(line.split_once("info,cpu,isa:")?.1));
        words.extend(of_onednn.map(|isa| format!("oneDNN {isa}")));
        let found = hold.judge(&words, watch.are_used)?;
        Ok(Held { limit: hold.describe(self.limits), found })
    }

    /// Trains the network once. `program` is the command line of the peer.
    ///
    /// # Errors
    ///
    /// If it fails or does not obey its limits.
    pub(super) fn run(
        &self,
        program: &[String],
        network: &str,
        hold: Hold,
        args: &BenchPeersArgs,
    ) -> anyhow::Result<Figures> {
        let mut command = self.command(program, network, args.seconds, args)?;
        hold.limit(&mut command, self.limits);
        let mut watch = RegisterWatch::default();
        let look = &mut |process| watch.look(process);
        let output = process::read_watched(&command, args.limit, data::FOLDER.as_ref(), look)?;
        let mut figures = last_report(&output)?;
        hold.judge(figures.isa.as_slice(), watch.are_used)?;
        if self.folder.is_none() {
            figures.version = env!("CARGO_PKG_VERSION").to_owned();
        }
        Ok(figures)
    }

    fn command(
        &self,
        program: &[String],
        network: &str,
        seconds: f64,
        args: &BenchPeersArgs,
    ) -> anyhow::Result<Command> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        let [program, first @ ..] = program else { bail!("no program") };
        let mut command = Command::new(program);
        command.args(first).args(self.arguments(network, args.threads.get(), seconds, now));
        Ok(command)
    }

    fn arguments(&self, network: &str, threads: usize, seconds: f64, now: f64) -> Vec<String> {
        let (threads, seconds) = (threads.to_string(), seconds.to_string());
        let (file, now) = (networks::file_of(network), now.to_string());
        let arguments: &[&str] = match self.folder {
            None => &[&file, "--threads", &threads, "--seconds", &seconds, "--json"],
            Some(_) => &[
                network,
                "--variant",
                self.variant,
                "--threads",
                &threads,
                "--seconds",
                &seconds,
                "--data",
                data::FOLDER,
                "--started",
                &now,
            ],
        };
        arguments.iter().map(ToString::to_string).collect()
    }
}

/// The JSON object in the last line of the output that holds one: libraries may print below it.
fn last_report(output: &str) -> anyhow::Result<Figures> {
    let line = output.lines().rfind(|line| line.starts_with('{'));
    let line = line.or(output.lines().next_back()).context("it printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("its last line is not as expected: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        select(&names).unwrap().iter().map(|contestant| contestant.name).collect()
    }

    #[test]
    fn contestants_are_chosen_by_peer_or_by_variant() {
        assert_eq!(names(&["burn", "gradus"]), ["Gradus", "Burn flex", "Burn ndarray"]);
        assert_eq!(names(&["jax/scan"]), ["JAX scan"]);
        assert_eq!(names(&[]).len(), all().len());
        let error = select(&["jaxx".into()]).unwrap_err().to_string();
        assert!(error.starts_with("--contestants: expected some of gradus, pytorch/plain, "));
        assert!(error.ends_with("found `jaxx`"), "{error}");
    }

    #[test]
    fn no_two_contestants_share_a_name() {
        let mut names = names(&[]);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn only_the_last_report_is_read() {
        let figures = last_report("warming up\n{\"samples_per_second\": 2.5}\nlog\n").unwrap();
        assert_eq!(figures.samples_per_second, 2.5);
        assert!(last_report("").is_err());
        let error = last_report("{}\ndone").unwrap_err().to_string();
        assert!(error.ends_with("not as expected: {}"), "{error}");
        let error = last_report("done").unwrap_err().to_string();
        assert!(error.ends_with("not as expected: done"), "{error}");
    }
}
