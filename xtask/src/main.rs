//! `cargo xtask`: the tasks of the repository, written in Rust instead of shell scripts.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a terminal program prints its results"
)]

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use gradus::kernels::Isa;

mod bench_data;
mod bench_live;
mod bench_peers;
mod bench_static;
mod binary;
mod browser;
mod build_cost;
mod ci;
mod compare;
mod cross;
#[cfg(unix)]
mod crowd;
mod dist;
mod fast99;
#[cfg(unix)]
mod faults;
mod fuzz;
mod interop;
mod json_lines;
mod kill;
mod large_data;
mod machine;
mod mpi;
mod process;
mod python;
mod recording;
mod results;
mod sanitize;
mod serving;
mod sweep;
mod table;
mod tidy;

/// The tasks of the repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
enum RepositoryTask {
    /// Run every check except the tests: format, tidy, JavaScript, clippy, docs, size of the binary,
    /// other targets, browser.
    ///
    /// Installs nothing but the Python packages that run ONNX files, in the user's cache. A check whose tool is missing is skipped and named; with CI=true it fails. Stops after
    /// the first failure.
    Ci,
    /// Check the project rules that the compiler cannot, such as which crate may depend on which.
    Tidy,
    /// Print the index of public types: name, crate and what it is.
    Types,
    /// Test the web pages in Chromium with real runs. Part of `ci`; needs chromium and chromedriver.
    Browser(browser::BrowserArgs),
    /// Run the tests of the kernels under AddressSanitizer, which finds reads and writes out of bounds.
    ///
    /// Not part of `ci`: it rebuilds everything in a separate target directory. ThreadSanitizer is left out:
    /// without a standard library built for it, it reports races in correct programs.
    Sanitize,
    /// Train the same networks with Gradus and its peers, alternating, and write `bench/RESULTS.md`.
    ///
    /// Runs on Linux and needs Python 3. The first run installs the Python peers in the folder `gradus/peers` of the
    /// user's cache, some GB from the package index, and builds the Rust ones. One instruction set takes less than an
    /// hour; stop it at any time, and continue with `--resume`. New measurements replace old ones of the same machine
    /// and instruction set, so parts can be measured separately. Keep the machine otherwise idle.
    BenchPeers(bench_peers::BenchPeersArgs),
    /// Measure crates of `gradus export --rust` beside Gradus, onnxruntime and tract for one sample, compare the bits of 10,000
    /// predictions, and write `docs/static-crate.md`.
    ///
    /// Needs Python 3 and builds tract. Takes about ten minutes. Keep the machine otherwise idle.
    BenchStatic(bench_static::BenchStaticArgs),
    /// Train on ten tables with `gradus train --data`, scikit-learn and the Python RealMLP; write `bench/tables/RESULTS.md`.
    ///
    /// Needs Python 3. The first run installs packages in the folder `gradus/tables` of the user's cache, some GB from the
    /// package index. Continues where it was stopped.
    BenchData(bench_data::BenchDataArgs),
    /// Serve a run in training to 256 streams, 512 connections that never read and 10,000 malformed requests, and command it.
    ///
    /// Runs on Linux. Exits 1 if more than one of 100 commands is answered after more than a second, or if the server takes
    /// more than 5 % of the processor time of the training.
    #[cfg(unix)]
    Crowd(crowd::CrowdArgs),
    /// Disturb runs with full, slow and forbidden disks, flipped bytes, stopped processes and clocks that jump, and check that
    /// each says what is safe and continues to the same bytes.
    ///
    /// Runs on Linux; needs strace and faketime. Takes about ten minutes.
    #[cfg(unix)]
    Faults(faults::FaultsArgs),
    /// Attack the readers of foreign bytes with inputs that were never seen: `fuzz/src/targets`.
    ///
    /// Needs a C++ compiler. Builds everything once more with instruments. Exits 1 if an input makes a reader panic, hang
    /// or take too much memory.
    Fuzz(fuzz::FuzzArgs),
    /// Write the archive that users unpack, and try it out: `target/dist`.
    Dist,
    /// Measure requests a second of `gradus serve` beside FastAPI with onnxruntime, and write the table of `docs/serve.md`.
    ///
    /// Needs Python 3 and `wrk`. The first run installs packages in the folder `gradus/serve` of the user's cache. Takes about
    /// five minutes. Keep the machine otherwise idle.
    BenchServe(serving::BenchServeArgs),
    /// Send `gradus serve` 100,000 requests with known answers and 1,000 malformed ones, and replace its model, stop it and
    /// start it again meanwhile. Exits 1 if an answer is lost or wrong.
    ServeTest(serving::ServeTestArgs),
    /// Compare losses, gradients, optimizers and schedules with those of PyTorch, in f64, and the results of ONNX files in
    /// other programs.
    ///
    /// Needs Python 3. The first run installs PyTorch in the folder `gradus/interop` of the user's cache, 3 GB from the
    /// package index. Exits 1 if a number differs by more than 1e-9 of the largest of its kind, or if the comparison would
    /// not notice it.
    Interop(interop::InteropArgs),
    /// Kill runs at random moments and inside of saves, and check that each continues to the same bytes.
    ///
    /// Takes about ten minutes; continues where it was stopped, for the same binary. A short form is part of `ci`.
    Kill(kill::KillArgs),
    /// Train with several processes: the same bytes for any number of them, an end in ten seconds if one dies, their speed.
    ///
    /// Needs Open MPI with its headers and libclang; `hosts` makes network namespaces, as root. A short form is part of `ci`.
    Mpi(mpi::MpiArgs),
    /// Measure three builds from nothing and write the table in `docs/build-cost.md`.
    ///
    /// Takes about ten minutes. Keep the machine otherwise idle.
    BuildCost,
    /// Run the same two programs in Gradus, Keras, PyTorch and Burn, and count their lines: `docs/compare/README.md`.
    ///
    /// Needs Python 3. The first run installs PyTorch and Keras in `bench/.venv`, some GB from the package index, and
    /// builds Burn.
    Compare,
    /// Measure the cost of recording, serving and showing a run, and fail if it exceeds its limit.
    ///
    /// Takes about three minutes. Keep the machine otherwise idle.
    BenchLive(bench_live::BenchLiveArgs),
    /// Train every preset and write `docs/results.md`: published and measured accuracy.
    ///
    /// Takes half an hour to an hour on two cores; resumes where it was stopped.
    Results(results::ResultsArgs),
    /// Train the presets `fast99` and `fast994` with many seeds, and `fast99` with changed settings; write
    /// `docs/fast99.md`.
    ///
    /// Takes twenty minutes on two cores; resumes where it was stopped. Keep the machine otherwise idle.
    Fast99(fast99::Fast99Args),
    /// Train one epoch on 10 million rows and on 100,000 pictures; print rows a second and the peak of memory.
    ///
    /// Writes 3 GB of data once. Exits 1 if a run takes more than 500 MB.
    LargeData(large_data::LargeDataArgs),
    /// Record `gradus train --data FILE` on a terminal: `docs/own-data.svg`.
    ///
    /// Needs `script` of util-linux.
    Record(recording::RecordArgs),
    /// Measure speed over batch, width, threads and number of samples; write `docs/sweep.svg` and `docs/sweep.md`.
    ///
    /// Takes about a quarter of an hour. Keep the machine otherwise idle.
    Sweep(sweep::SweepArgs),
}

fn main() -> ExitCode {
    match run(RepositoryTask::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: RepositoryTask) -> anyhow::Result<()> {
    // As the programs that it starts.
    Isa::force_from_environment()?;
    // Every path below is relative to the root of the repository.
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    match task {
        RepositoryTask::Ci => ci::run(),
        RepositoryTask::Tidy => tidy::run(),
        RepositoryTask::Types => tidy::types::print(),
        RepositoryTask::Browser(args) => browser::run(&args),
        RepositoryTask::Sanitize => sanitize::run(),
        RepositoryTask::BenchPeers(args) => bench_peers::run(&args),
        #[cfg(unix)]
        RepositoryTask::Crowd(args) => crowd::run(&args),
        #[cfg(unix)]
        RepositoryTask::Faults(args) => faults::run(&args),
        RepositoryTask::Fuzz(args) => fuzz::run(&args),
        RepositoryTask::Dist => dist::run(),
        RepositoryTask::BenchServe(args) => serving::bench(&args),
        RepositoryTask::ServeTest(args) => serving::disturb(&args),
        RepositoryTask::Interop(args) => interop::run(&args),
        RepositoryTask::BenchStatic(args) => bench_static::run(&args),
        RepositoryTask::BenchData(args) => bench_data::run(&args),
        RepositoryTask::LargeData(args) => large_data::run(&args),
        RepositoryTask::Record(args) => recording::run(&args),
        RepositoryTask::Kill(args) => kill::run(&args),
        RepositoryTask::Mpi(args) => mpi::run(&args),
        RepositoryTask::BuildCost => build_cost::run(),
        RepositoryTask::Compare => compare::run(),
        RepositoryTask::BenchLive(args) => bench_live::run(&args),
        RepositoryTask::Fast99(args) => fast99::run(&args),
        RepositoryTask::Results(args) => results::run(&args),
        RepositoryTask::Sweep(args) => sweep::run(&args),
    }
}
