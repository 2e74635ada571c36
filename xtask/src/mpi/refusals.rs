//! Processes that cannot train together say why at the start, and all end with the exit code of bad input.

use std::fs;
use std::process::Command;

use anyhow::ensure;

use super::{Extent, LAUNCHER, Launcher};

pub(super) fn run(launcher: &Launcher, _extent: Extent) -> anyhow::Result<Option<String>> {
    let train = ["train", "softmax", "--steps", "2", "--run", "run", "--set"];
    let refused = |ranks, settings: &[&str], expected: &str| {
        let arguments = [&train[..], settings].concat();
        check(launcher, launcher.command(ranks, &arguments), expected)
    };
    let shards = "train.shards: expected from 3, one for each process, to 100, the samples of a batch, found ";
    refused(3, &["train.shards=101"], &format!("{shards}101"))?;
    refused(3, &["train.shards=2"], &format!("{shards}2"))?;

    // One process is another than the others.
    let two = |first: &mut dyn FnMut(&mut Command), second: &mut dyn FnMut(&mut Command)| {
        let mut command = Command::new(LAUNCHER);
        command.args(["-n", "1"]);
        first(&mut command);
        command.args([":", "-n", "1"]);
        second(&mut command);
        launcher.prepare(command)
    };
    let arguments = [&train[..], &["train.shards=2"]].concat();
    let mut usual = |command: &mut Command| _ = command.arg(&launcher.binary).args(&arguments);
    let plain = |command: &mut Command| {
        command.args(["env", "GRADUS_ISA=portable"]).arg(&launcher.binary).args(&arguments);
    };
    let expected = "instruction set: ";
    check(launcher, two(&mut usual, &mut { plain }), expected)?;

    let other = launcher.folder().join("other");
    let mut bytes = fs::read(&launcher.binary)?;
    // Behind the program, where nothing is read.
    bytes.push(0);
    fs::write(&other, bytes)?;
    crate::process::run(Command::new("chmod").arg("+x").arg(&other))?;
    let mut another = |command: &mut Command| _ = command.arg(&other).args(&arguments);
    check(launcher, two(&mut usual, &mut another), "program: ")?;

    let row = |i: usize| format!("{i}.5,{}.25,{}\n", i * i, ["x", "y"][i % 2]);
    let table = "a,b,class\n".to_owned() + &(0..40).map(row).collect::<String>();
    fs::create_dir_all(launcher.folder().join("elsewhere"))?;
    fs::write(launcher.folder().join("rows.csv"), table)?;
    let experiment = "data = { source = { kind = \"files\", train = \"rows.csv\", target = \"class\" }, test = 0.5 }\nmodel = { input = [2], layers = [{ kind = \"linear\", units = 2 }] }\ntrain = { batch = 4, steps = 2, shards = 2 }\n";
    for folder in [".", "elsewhere"] {
        fs::write(launcher.folder().join(folder).join("rows.toml"), experiment)?;
    }
    let own = ["train", "rows.toml", "--run", "run"];
    let mut here = |command: &mut Command| _ = command.arg(&launcher.binary).args(own);
    let mut there = |command: &mut Command| {
        command.args(["-wdir", "elsewhere"]).arg(&launcher.binary).args(own);
    };
    check(launcher, two(&mut here, &mut there), "rows.csv: cannot be read: No such file")?;
    println!("  5 of 5 were refused by name");
    launcher.clear()?;
    Ok(None)
}

/// Runs a command that is refused, before anything is written.
fn check(launcher: &Launcher, mut command: Command, expected: &str) -> anyhow::Result<()> {
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(2),
        "expected exit code 2, found {}\n{error}",
        output.status
    );
    ensure!(error.contains(expected), "expected {expected:?}, found\n{error}");
    let told = error.lines().filter(|line| line.starts_with("error: ")).count();
    ensure!(told == 1, "told {told} times:\n{error}");
    ensure!(!launcher.folder().join("run").exists(), "a run was begun");
    Ok(())
}
