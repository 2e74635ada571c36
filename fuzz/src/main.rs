//! Readers of foreign bytes under attack: `cargo xtask fuzz` builds and runs this.
//!
//! The variable `FUZZ_TARGET` names the reader. An input that makes it panic, hang or take 2 GB of memory is a finding.
#![no_main]

use std::sync::LazyLock;

mod targets;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(targets::chosen);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
