//! The contestants, and the measurement of one run.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, bail};

use super::run::{Figures, Outcome};
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
}

/// Gradus.
pub(super) const GRADUS: Contestant =
    Contestant { name: "Gradus", folder: None, variant: "gradus" };

/// All contestants, Gradus first.
pub(super) fn all() -> Vec<Contestant> {
    let of_peer = |peer: &'static peers::Peer| {
        let contestant = |&(variant, name)| Contestant { name, folder: Some(peer.folder), variant };
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

    /// Trains the network once. `program` is the command line of the peer.
    pub(super) fn run(&self, program: &[String], network: &str, args: &BenchPeersArgs) -> Outcome {
        match self.measure(program, network, args) {
            Ok(figures) => Outcome::Figures(figures),
            Err(error) => Outcome::Failure(format!("{error:#}")),
        }
    }

    fn measure(
        &self,
        program: &[String],
        network: &str,
        args: &BenchPeersArgs,
    ) -> anyhow::Result<Figures> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        let [program, first @ ..] = program else { bail!("no program") };
        let mut command = Command::new(program);
        command.args(first).args(self.arguments(network, args, now));
        let output = process::read_within(&command, args.limit, Path::new(data::FOLDER))?;
        let mut figures = last_line(&output)?;
        if self.folder.is_none() {
            figures.version = env!("CARGO_PKG_VERSION").to_owned();
        }
        Ok(figures)
    }

    fn arguments(&self, network: &str, args: &BenchPeersArgs, now: f64) -> Vec<String> {
        let (threads, seconds) = (args.threads.to_string(), args.seconds.to_string());
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

/// The JSON object in the last line of the output.
fn last_line(output: &str) -> anyhow::Result<Figures> {
    let line = output.lines().next_back().context("it printed nothing")?;
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
    fn only_the_last_line_is_read() {
        let figures = last_line("warming up\n{\"samples_per_second\": 2.5}\n").unwrap();
        assert_eq!(figures.samples_per_second, 2.5);
        assert!(last_line("").is_err());
        let error = last_line("{}\ndone").unwrap_err().to_string();
        assert!(error.ends_with("not as expected: done"), "{error}");
    }
}
