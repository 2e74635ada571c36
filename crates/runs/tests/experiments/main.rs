//! Experiments from outside: files, and the networks of the benchmark.

mod benchmarks;
mod files;
mod tables;
