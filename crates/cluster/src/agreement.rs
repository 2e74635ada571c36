//! Whether all processes are about to train the same.

use std::collections::BTreeSet;

use graph::ProcessGroup;
use serde::{Deserialize, Serialize};

use crate::messages::gather_texts;
use crate::peers::ProcessPeer;

/// Something that must be equal in all processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFact {
    /// What it is, such as `instruction set`.
    pub name: String,
    /// What this process has.
    pub value: String,
    /// What to do if another process has another.
    pub advice: String,
}

impl ProcessFact {
    /// What this process has under a name.
    pub fn new(name: impl Into<String>, value: impl Into<String>, advice: &str) -> Self {
        Self { name: name.into(), value: value.into(), advice: advice.to_owned() }
    }
}

/// Why the processes cannot train together.
#[derive(Debug, thiserror::Error)]
pub enum Disagreement {
    /// What is wrong, or another, in which process.
    #[error("{0}")]
    Found(String),
    /// The process of rank 0 says what is wrong.
    #[error("see rank 0")]
    ToldByFirst,
}

/// Returns what this process has found, if no process has failed and all facts are equal. All call it at the same place.
///
/// # Errors
///
/// The same for all processes; only that of rank 0 says what it is.
pub(crate) fn agree<T>(
    group: &dyn ProcessGroup,
    peers: &[ProcessPeer],
    found: Result<T, String>,
    facts: impl FnOnce(&T) -> Vec<ProcessFact>,
) -> Result<T, Disagreement> {
    let own = found.as_ref().map(facts);
    let own = serde_json::to_string(&own).expect("plain values");
    let all = gather_texts(group, &own);
    let all: Vec<Result<Vec<ProcessFact>, String>> =
        all.iter().map(|facts| serde_json::from_str(facts).expect("written above")).collect();
    match (found, problem(peers, &all)) {
        (Ok(found), None) => Ok(found),
        (_, Some(problem)) if group.rank() == 0 => Err(Disagreement::Found(problem)),
        _ => Err(Disagreement::ToldByFirst),
    }
}

fn problem(peers: &[ProcessPeer], all: &[Result<Vec<ProcessFact>, String>]) -> Option<String> {
    let failed: Vec<(usize, &String)> =
        (0..).zip(all).filter_map(|(rank, found)| Some((rank, found.as_ref().err()?))).collect();
    if let Some((_, first)) = failed.first() {
        // What is wrong everywhere needs no place.
        if failed.len() == all.len() && failed.iter().all(|(_, error)| error == first) {
            return Some((*first).clone());
        }
        let lines = failed.iter().map(|(rank, error)| format!("{}: {error}", peers[*rank]));
        return Some(lines.collect::<Vec<_>>().join("\n"));
    }
    let all: Vec<&Vec<ProcessFact>> = all.iter().flatten().collect();
    let mut names = Vec::new();
    for fact in all.iter().copied().flatten() {
        if !names.contains(&&*fact.name) {
            names.push(&*fact.name);
        }
    }
    let differing = names.into_iter().filter_map(|name| difference(peers, &all, name));
    let differing: String = differing.collect();
    let said = || format!("the processes are not about to train the same{differing}");
    (!differing.is_empty()).then(said)
}

/// What the processes have under a name, if it is not the same.
fn difference(peers: &[ProcessPeer], all: &[&Vec<ProcessFact>], name: &str) -> Option<String> {
    let mut values: Vec<(&str, Vec<&ProcessPeer>)> = Vec::new();
    let mut advice = "";
    for (facts, peer) in all.iter().zip(peers) {
        let fact = facts.iter().find(|fact| fact.name == name);
        advice = fact.map_or(advice, |fact| &fact.advice);
        let value = fact.map_or("none", |fact| &fact.value);
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, of)) => of.push(peer),
            None => values.push((value, vec![peer])),
        }
    }
    let of_values = values.iter().map(|(value, of)| {
        let ranks: Vec<_> = of.iter().map(|peer| peer.rank.to_string()).collect();
        let hosts: BTreeSet<&str> = of.iter().map(|peer| &*peer.host).collect();
        let hosts: Vec<&str> = hosts.into_iter().collect();
        let word = if ranks.len() > 1 { "ranks" } else { "rank" };
        format!("{value} on {word} {} ({})", ranks.join(", "), hosts.join(", "))
    });
    let of_values: Vec<_> = of_values.collect();
    (of_values.len() > 1).then(|| format!("\n  {name}: {}: {advice}", of_values.join("; ")))
}

#[cfg(test)]
mod tests {
    use graph::testing::thread_group::in_threads;

    use super::*;

    fn agreed(
        found: impl Fn(usize) -> Result<Vec<ProcessFact>, String> + Sync,
    ) -> Vec<Result<(), String>> {
        in_threads(3, |group| {
            let host = if group.rank() == 2 { "b" } else { "a" };
            let peers = ProcessPeer::gather(&*group, host.into());
            let agreed = agree(&*group, &peers, found(group.rank()), Clone::clone);
            agreed.map(drop).map_err(|error| error.to_string())
        })
    }

    fn fact(name: &str, value: &str) -> ProcessFact {
        ProcessFact::new(name, value, &format!("mend {name}"))
    }

    #[test]
    fn processes_with_equal_facts_continue() {
        let found = agreed(|_| Ok(vec![fact("version", "1")]));
        assert_eq!(found, [Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn what_differs_is_named_with_ranks_and_hosts_by_rank_0() {
        let found = agreed(|rank| {
            let isa = if rank == 1 { "avx2" } else { "avx512" };
            let mut facts = vec![fact("version", "1"), fact("instruction set", isa)];
            facts.extend((rank == 2).then(|| fact("train.clip", "1")));
            Ok(facts)
        });
        let message = "the processes are not about to train the same\n  instruction set: avx512 on ranks 0, 2 (a, b); avx2 on rank 1 (a): mend instruction set\n  train.clip: none on ranks 0, 1 (a); 1 on rank 2 (b): mend train.clip";
        let others = Err("see rank 0".to_owned());
        assert_eq!(found, [Err(message.to_owned()), others.clone(), others]);
    }

    #[test]
    fn a_failure_of_one_is_named_and_ends_all() {
        let found =
            agreed(|rank| if rank == 2 { Err("x.csv: no such file".into()) } else { Ok(vec![]) });
        let message = found[0].clone().unwrap_err();
        assert!(
            message.starts_with("rank 2 (process ")
                && message.ends_with(" on b): x.csv: no such file"),
            "{message}"
        );
        assert!(found[1..].iter().all(Result::is_err));
        let of_all = agreed(|_| Err("bad".into()));
        assert_eq!(of_all[0], Err("bad".into()));
    }
}
