//! The binary `gradus`.

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}
