//! Training by several processes together.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::ensure;
use cluster::{Cluster, ProcessFact, SharedRun, Watch};

use super::{Prepared, Recording, TrainArgs, exit_code, prepare, summary_of};
use crate::processes::{Follower, facts_of_data, facts_of_program};

/// What a process does besides its share of the training.
enum ProcessRole {
    Records(Box<Recording>),
    Follows(Follower),
}

pub(super) fn run(
    args: &TrainArgs,
    cluster: &Cluster,
    directory: &OnceLock<PathBuf>,
    watch: Watch,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let prepared = prepare_one(args, cluster).map_err(|error| format!("{error:#}"));
    let prepared = cluster.agree(prepared, |prepared| facts(args, prepared))?;
    let Prepared { mut trainer, stopped } = prepared;
    let role = match cluster.rank() {
        0 => Recording::open(args, &trainer, stopped).map(Box::new).map(ProcessRole::Records),
        _ => Follower::new().map(ProcessRole::Follows),
    };
    let role = cluster.agree(role.map_err(|error| format!("{error:#}")), |_| Vec::new())?;
    let own = match &role {
        ProcessRole::Records(recording) => recording.path.display().to_string(),
        ProcessRole::Follows(_) => String::new(),
    };
    let path = cluster.from_first(&own);
    directory.set(path.into()).expect("set once");
    let host = &cluster.peers()[cluster.rank()].host;
    let shared = |observers| SharedRun::new(Arc::clone(cluster.group()), host, observers);
    match role {
        ProcessRole::Records(mut recording) => {
            let mut shared = shared(vec![&mut recording.recorder, &mut recording.progress]);
            let finished = trainer.run(args.target_accuracy, &mut [&mut shared]);
            drop(watch);
            recording.end(args, &trainer, &finished, out, &mut summary_of(args))
        }
        ProcessRole::Follows(mut follower) => {
            let mut shared = shared(vec![&mut follower]);
            let finished = trainer.run(args.target_accuracy, &mut [&mut shared]);
            Ok(exit_code(args, &finished))
        }
    }
}

fn prepare_one(args: &TrainArgs, cluster: &Cluster) -> anyhow::Result<Prepared> {
    ensure!(
        args.data.is_none(),
        "--data: expected one process, which measures how long training may take, found {}; it writes an experiment file that several can train",
        cluster.peers().len()
    );
    prepare(args, Some(cluster))
}

/// What must be equal in all processes.
fn facts(args: &TrainArgs, prepared: &Prepared) -> Vec<ProcessFact> {
    let Prepared { trainer, .. } = prepared;
    let mut facts = facts_of_program();
    let settings = trainer.current().experiment.settings().into_iter();
    let advice = "give all processes the same file and options";
    facts.extend(settings.map(|(path, value)| ProcessFact::new(path, value, advice)));
    let target = args.target_accuracy.map_or("none".to_owned(), |target| target.to_string());
    facts.push(ProcessFact::new("--target-accuracy", target, advice));
    facts.extend(facts_of_data(trainer.fingerprints()));
    let digest = trainer.current().weights_digest()[..12].to_owned();
    let begin = format!("{digest} after step {}", trainer.steps_done());
    facts.push(ProcessFact::new(
        "parameters",
        begin,
        "give all processes the same run or start model",
    ));
    facts
}
