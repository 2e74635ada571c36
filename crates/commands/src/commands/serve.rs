//! `serve`: predictions of saved models over HTTP.

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::{Context as _, bail, ensure};
use gradus::serve::{
    BoundAddress, ModelPath, PORT, PredictionServer, ServeLimits, ServeOptions, Token,
};

use crate::experiment::warn;
use crate::model::read_model;
use crate::output::{bytes, stderr};
use crate::served::{self, host_name};
use crate::signal::stop_on_signal;

/// The environment variable with the token.
const TOKEN: &str = "GRADUS_TOKEN";
/// The shortest token.
const SHORTEST_TOKEN: usize = 16;

/// Serve predictions over HTTP: rows as JSON or CSV, and pictures, at /v1/models/NAME/predict. Requests that wait are predicted
/// together.
///
/// A model is read again when its file is replaced; a run in progress is served as of its last checkpoint. / is a page to try
/// it, /openapi.json describes it, /metrics is for Prometheus, /healthz tells whether it answers.
///
/// Serves until Ctrl-C or SIGTERM, and answers what was asked before. Exits 0 then, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeModelsArgs {
    /// Run directories and safetensors files, called by their names in addresses; NAME=PATH chooses another name.
    #[arg(value_name = "MODEL", required = true, value_parser = ModelPath::parse)]
    models: Vec<ModelPath>,

    /// Address to bind, such as 0.0.0.0:8000 [default: 127.0.0.1:7800, or the next free port].
    #[arg(long, value_name = "ADDR")]
    addr: Option<String>,

    /// Another name by which clients may ask, such as that of a proxy in front; can be given several times.
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    allow_host: Vec<String>,

    /// File with the token that requests carry [default: the environment variable GRADUS_TOKEN, or a new token].
    #[arg(long, value_name = "FILE", conflicts_with = "no_token")]
    token_file: Option<PathBuf>,

    /// Answer whoever reaches the address.
    #[arg(long)]
    no_token: bool,

    /// Threads that predict [default: one for each core but one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Rows that go through a model together.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    max_batch: u16,

    /// Rows of a request.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_rows: u32,

    /// Size of a request.
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = bytes)]
    max_body: usize,
}

pub(crate) fn run(args: &ServeModelsArgs, _out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let token = args.token()?;
    let is_new = token == Token::New;
    let bound = BoundAddress::bind(args.addr.as_deref(), PORT)?;
    let server = PredictionServer::start(
        bound,
        ServeOptions {
            models: args.models.clone(),
            read: Box::new(|path| read_model(path).map_err(|error| format!("{error:#}"))),
            token,
            allowed_hosts: args.allow_host.clone(),
            limits: args.limits(),
            threads: args.threads(),
            report: Box::new(|what| warn(&[what])),
        },
    )?;
    let mut err = stderr();
    let address = format!("http://{}", server.address());
    for ModelPath { name, .. } in &args.models {
        let _ = writeln!(err, "{name:<14} {address}/v1/models/{name}/predict");
    }
    if is_new {
        let _ = writeln!(err, "page           {}", server.link());
        let _ = writeln!(err, "token          {}", server.token().unwrap_or_default());
    }
    served::stay(&stop);
    server.stop();
    Ok(ExitCode::SUCCESS)
}

impl ServeModelsArgs {
    /// The token of the file, of the environment, or a new one.
    fn token(&self) -> anyhow::Result<Token> {
        if self.no_token {
            return Ok(Token::None);
        }
        let (given, place) = match (&self.token_file, env::var(TOKEN)) {
            (Some(file), _) => {
                let place = file.display().to_string();
                (fs::read_to_string(file).with_context(|| place.clone())?, place)
            }
            (None, Ok(given)) => (given, TOKEN.to_owned()),
            (None, Err(env::VarError::NotPresent)) => return Ok(Token::New),
            (None, Err(error)) => bail!("{TOKEN}: {error}"),
        };
        let given = given.trim();
        let is_token = given.len() >= SHORTEST_TOKEN && given.bytes().all(|b| b.is_ascii_graphic());
        ensure!(
            is_token,
            "{place}: expected a token of at least {SHORTEST_TOKEN} letters, digits and signs without spaces; make one: openssl rand -hex 16"
        );
        Ok(Token::Given(given.to_owned()))
    }

    fn limits(&self) -> ServeLimits {
        ServeLimits {
            max_batch: self.max_batch.into(),
            max_rows: self.max_rows as usize,
            max_body: self.max_body.min(256 << 20),
            ..ServeLimits::default()
        }
    }

    fn threads(&self) -> usize {
        let cores = || available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(|| cores().saturating_sub(1).max(1), usize::from)
    }
}
