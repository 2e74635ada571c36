//! Every subcommand, one file each. The list below is the whole registry.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod cross_validate;
pub(crate) mod data;
pub(crate) mod descend;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod importance;
pub(crate) mod lesson;
pub(crate) mod predict;
pub(crate) mod presets;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod studio;
pub(crate) mod summary;
pub(crate) mod train;
pub(crate) mod tune;

use std::io::Write;
use std::process::ExitCode;

macro_rules! commands {
    ($($module:ident::$Args:ident => $Variant:ident),+ $(,)?) => {
        /// The subcommands; clap takes their names from the variants.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $($Variant($module::$Args),)+
        }

        impl Command {
            /// Runs the subcommand; results go to `out`, everything else to standard error.
            pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
                match self {
                    $(Self::$Variant(args) => $module::run(args, out),)+
                }
            }
        }
    };
}

commands! {
    train::TrainArgs => Train,
    tune::TuneArgs => Tune,
    presets::PresetsArgs => Presets,
    summary::SummaryArgs => Summary,
    data::DataArgs => Data,
    eval::EvalArgs => Eval,
    cross_validate::CrossValidateArgs => CrossValidate,
    importance::ImportanceArgs => Importance,
    predict::PredictArgs => Predict,
    export::ExportArgs => Export,
    import::ImportArgs => Import,
    check::CheckArgs => Check,
    explain::ExplainArgs => Explain,
    descend::DescendArgs => Descend,
    lesson::LessonArgs => Lesson,
    serve::ServeModelsArgs => Serve,
    studio::StudioArgs => Studio,
    report::ReportArgs => Report,
    bench::BenchArgs => Bench,
}
