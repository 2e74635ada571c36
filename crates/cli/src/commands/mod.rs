//! Every subcommand, one file each. The list below is the whole registry.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod presets;
pub(crate) mod report;
pub(crate) mod studio;
pub(crate) mod summary;
pub(crate) mod train;

use std::io::Write;
use std::process::ExitCode;

macro_rules! commands {
    ($($name:ident => $Variant:ident),+ $(,)?) => {
        /// What to do.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $(#[allow(missing_docs, reason = "clap shows the documentation of the arguments")]
            $Variant($name::Args),)+
        }

        impl Command {
            /// Does it; results go to `out`, everything else to standard error.
            ///
            /// # Errors
            ///
            /// Wrong use or bad input.
            pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
                match self {
                    $(Self::$Variant(args) => $name::run(args, out),)+
                }
            }
        }
    };
}

commands! {
    train => Train,
    presets => Presets,
    summary => Summary,
    eval => Eval,
    check => GradCheckOptions,
    explain => Explain,
    studio => Studio,
    report => Report,
    bench => Bench,
}
