//! `cargo xtask faults`: disks that are full, slow or forbidden, files that are damaged, processes that are stopped and clocks
//! that jump, all for real.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gradus::events::Reader;
use gradus::kernels::random::Stream;
use gradus::runs::RunFolder;

use crate::binary::{self, Profile};
use crate::kill::{self, CASES, Killer};
use crate::process;

/// Disks that become full, each at another moment.
const DISKS: u64 = 20;
/// Files of which a byte is made another.
const FLIPS: u64 = 100;

/// Which binary.
#[derive(clap::Args)]
pub(crate) struct FaultsArgs {
    /// The binary that is tested [default: one that is built].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Disturbs runs in every way, and expects of each a message, a whole network, and the same bytes once it has continued.
///
/// # Errors
///
/// The first fault that did harm.
pub(crate) fn run(args: &FaultsArgs) -> anyhow::Result<()> {
    for (program, package) in
        [("strace", "strace"), ("faketime", "faketime"), ("unshare", "util-linux")]
    {
        ensure!(process::is_installed(program), "{program} is missing: apt install {package}");
    }
    let binary = binary::named_or_built(args.binary.as_deref(), Profile::Dev)?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().canonicalize()?;
    kill::write_data(&folder)?;
    let faults = Faults { killer: Killer::new(&binary, &folder, &CASES[0])?, folder };
    faults.full_disks()?;
    faults.forbidden()?;
    faults.slow_disk()?;
    faults.flipped_checkpoints()?;
    faults.flipped_logs()?;
    faults.stopped_process()?;
    faults.jumping_clock()
}

struct Faults {
    killer: Killer,
    folder: PathBuf,
}

impl Faults {
    /// The folder of the run that nothing disturbed.
    fn undisturbed(&self) -> PathBuf {
        self.folder.join(format!("{}-undisturbed", CASES[0].name))
    }

    /// Continues a run to its end, and expects what it comes to.
    fn finish(&self, run: &Path) -> anyhow::Result<()> {
        ensure!(self.killer.train(run, 1).status()?.success(), "it does not continue");
        self.killer.check_digest(run)?;
        Ok(fs::remove_dir_all(run)?)
    }

    /// Trains on a disk that is too small, which nobody else sees, and copies what is left.
    fn full_disks(&self) -> anyhow::Result<()> {
        let whole = size_of(&self.undisturbed())?;
        let disk = self.folder.join("disk");
        fs::create_dir_all(&disk)?;
        for number in 1..=DISKS {
            // The smallest takes the folder and nothing else, the largest all but the end.
            let kilobytes = (whole * number / (DISKS + 1)).div_ceil(1024).max(16);
            let left = self.folder.join(format!("full-{number}"));
            let script = "mount -t tmpfs -o size=$1k tmpfs disk && shift && left=$1 && shift; \"$@\"; code=$?; \
                          cp -r disk/run \"$left\"; exit $code";
            let train = self.killer.train(&disk.join("run"), 2);
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
            command.arg(kilobytes.to_string()).arg(&left).arg(train.get_program());
            let output = output(command.args(train.get_args()).current_dir(&self.folder))?;
            let said = String::from_utf8_lossy(&output.stderr);
            let context = || format!("a disk of {kilobytes} kB: {}: {said}", output.status);
            ensure!(output.status.code() == Some(2), "{}", context());
            ensure!(said.contains("No space left on device"), "{}", context());
            let saved = check_left(&left, &said).with_context(context)?;
            println!("full after {kilobytes} kB: {saved}");
            match RunFolder::state(&left, None).is_ok() {
                true => self.finish(&left).with_context(context)?,
                false => drop(fs::remove_dir_all(&left)),
            }
        }
        Ok(())
    }

    /// A quota that is reached, and a disk that was made read-only, as a run saves its later checkpoints.
    fn forbidden(&self) -> anyhow::Result<()> {
        for (error, message) in [
            ("EDQUOT", "quota exceeded"),
            ("EROFS", "Read-only file system"),
            ("EIO", "Input/output error"),
        ] {
            let run = self.folder.join(error);
            let inject = format!("--inject=write:error={error}:when=20+");
            let output = output(&mut self.killer.trace(&run, Path::new("/dev/null"), &[inject]))?;
            let said = String::from_utf8_lossy(&output.stderr);
            let context = || format!("{error}: {}: {said}", output.status);
            ensure!(output.status.code() == Some(2) && said.contains(message), "{}", context());
            let saved = check_left(&run, &said).with_context(context)?;
            println!("{error}: {saved}");
            self.finish(&run).with_context(context)?;
        }
        Ok(())
    }

    /// Every file reaches the disk half a second late.
    fn slow_disk(&self) -> anyhow::Result<()> {
        let run = self.folder.join("slow");
        let inject = "--inject=fsync:delay_enter=500000".to_owned();
        let status = self.killer.trace(&run, Path::new("/dev/null"), &[inject]).status()?;
        ensure!(status.success(), "a slow disk: {status}");
        self.killer.check(&run).context("a slow disk")?;
        println!("slow disk: the same bytes");
        Ok(())
    }

    /// A byte of the newest checkpoint, or of the model of a run that has ended, is another: that is said, and the checkpoint
    /// before it continues to the same bytes.
    fn flipped_checkpoints(&self) -> anyhow::Result<()> {
        for number in 0..FLIPS {
            let run = self.folder.join(format!("flipped-{number}"));
            copy_folder(&self.undisturbed(), &run)?;
            let mut steps = RunFolder::checkpoints(&run);
            let mut file = run.join(RunFolder::LAST);
            if number % 2 == 0 {
                fs::remove_file(&file)?;
                (_, file) = steps.pop().context("no checkpoint")?;
            }
            let (before, _) = steps.last().context("no checkpoint before it")?;
            let mut bytes = fs::read(&file)?;
            let at = flip(&mut bytes, &mut Stream::new(number, 0));
            fs::write(&file, bytes)?;
            let context = || format!("byte {at} of {}", file.display());
            let resumed = output(&mut self.killer.train(&run, 2))?;
            let said = String::from_utf8_lossy(&resumed.stderr);
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let offer = format!("--from {before} continues from there");
            ensure!(resumed.status.code() == Some(2), "{}: {}", context(), resumed.status);
            ensure!(said.contains(&name) && said.contains(&offer), "{}: {said}", context());
            let mut evaluate = Command::new(self.killer.binary());
            evaluate.arg("eval").arg(&file).current_dir(&self.folder);
            ensure!(output(&mut evaluate)?.status.code() == Some(2), "{}: eval", context());
            let mut from = self.killer.train(&run, 1);
            ensure!(
                from.args(["--from", &before.to_string()]).status()?.success(),
                "{}",
                context()
            );
            self.killer.check_digest(&run).with_context(context)?;
            fs::remove_dir_all(&run)?;
        }
        println!("{FLIPS} flipped bytes in checkpoints and models: all found and named");
        Ok(())
    }

    /// A byte of a log is another: at most its line is lost.
    fn flipped_logs(&self) -> anyhow::Result<()> {
        let whole = fs::read(self.undisturbed().join("events.jsonl"))?;
        let lines = |log: &[u8]| Reader::new(log).filter(Result::is_ok).count();
        let expected = lines(&whole);
        for number in 0..10 * FLIPS {
            let mut log = whole.clone();
            let at = flip(&mut log, &mut Stream::new(number, 1));
            let found = lines(&log);
            ensure!(
                found + 1 >= expected,
                "byte {at} of a log: {found} of {expected} lines are left"
            );
        }
        println!("{} flipped bytes in logs: at most their line is lost", 10 * FLIPS);
        Ok(())
    }

    fn stopped_process(&self) -> anyhow::Result<()> {
        let run = self.folder.join("stopped");
        let mut child = self.killer.train(&run, 2).spawn()?;
        let mut random = Stream::new(1, 2);
        for _ in 0..5 {
            sleep(Duration::from_millis(100 + random.below(200)));
            for (signal, pause) in [("STOP", 300), ("CONT", 0)] {
                // It may have ended meanwhile.
                Command::new("kill")
                    .args([&format!("-{signal}"), &child.id().to_string()])
                    .output()?;
                sleep(Duration::from_millis(pause));
            }
        }
        ensure!(child.wait()?.success(), "a run that was stopped for a while fails");
        self.killer.check(&run).context("stopped and continued")?;
        println!("stopped and continued: the same bytes");
        Ok(())
    }

    /// The clock is set back by a day and forward by a year, in turn.
    fn jumping_clock(&self) -> anyhow::Result<()> {
        let run = self.folder.join("clock");
        let clock = self.folder.join("clock.txt");
        fs::write(&clock, "-1d")?;
        let train = self.killer.train(&run, 2);
        let mut command = Command::new("faketime");
        command.args(["-m", "-f", "+0"]).arg(train.get_program()).args(train.get_args());
        command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_NO_CACHE", "1");
        command.env("DONT_FAKE_MONOTONIC", "1").env_remove("FAKETIME");
        command.current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        for time in ["+1y", "-1d"].into_iter().cycle() {
            sleep(Duration::from_millis(100));
            fs::write(&clock, time)?;
            if let Some(status) = child.try_wait()? {
                ensure!(status.success(), "a clock that jumps: {status}");
                break;
            }
        }
        self.killer.check(&run).context("a clock that jumps")?;
        println!("a clock that jumps: the same bytes");
        Ok(())
    }
}

/// Runs a command to its end, and keeps what it says.
fn output(command: &mut Command) -> anyhow::Result<Output> {
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?)
}

/// What is left of a run that failed: nothing temporary, and the newest network is whole and was named.
fn check_left(run: &Path, said: &str) -> anyhow::Result<String> {
    if !run.exists() {
        return Ok("no run was begun".to_owned());
    }
    kill::check_no_temporary(run)?;
    let has_any = !RunFolder::checkpoints(run).is_empty();
    match RunFolder::state(run, None) {
        Ok(state) => {
            let saved = format!("the state after step {} is saved", state.progress.step);
            ensure!(said.contains(&saved), "expected `{saved}`");
            Ok(saved)
        }
        Err(error) => {
            ensure!(!has_any, "{}", gradus::error_chain(&error));
            let nothing = "nothing of the run is saved";
            // Nothing was begun if not even the folder could be filled.
            ensure!(said.contains(nothing) || said.starts_with("error: "), "expected `{nothing}`");
            Ok(nothing.to_owned())
        }
    }
}

/// Makes a byte another. Returns which.
fn flip(bytes: &mut [u8], random: &mut Stream) -> usize {
    let at = random.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 + random.below(255) as u8;
    at
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy_folder(&path, &copy)?,
            false => _ = fs::copy(&path, &copy)?,
        }
    }
    Ok(())
}

fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        sum += if path.is_dir() { size_of(&path)? } else { fs::metadata(&path)?.len() };
    }
    Ok(sum)
}
