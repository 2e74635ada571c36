//! Serve pages of your own: they show the runs of this program, with the kinds that it registered.
//!
//! `cargo run --release -p gradus --features studio --example pages`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use gradus::prelude::*;
use gradus::runs::RunFolder;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let runs = std::env::temp_dir().join(format!("gradus-pages-{}", std::process::id()));
    let network = Network::builder([28, 28, 1]).flatten().linear(10).build()?;
    let experiment = Experiment::builder(network).name("mine").steps(200).build()?;
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?;

    let folder = RunFolder::create_next(&runs, &trainer.saved().experiment)?;
    let (studio, mut page) = gradus::studio::serve_live(folder.path())?;
    println!("watch it at {}", studio.link());
    let mut recorder = Recorder::new(folder);
    trainer.run(None, &mut [&mut recorder, &mut page]);
    recorder.finish()?;

    // A program would serve until it ends; this one asks for its own page, as a browser does.
    let mut connection = TcpStream::connect(studio.address())?;
    let (_, path) = studio
        .link()
        .split_once("/?")
        .map(|(host, query)| (host.to_owned(), query.to_owned()))
        .ok_or("a link")?;
    write!(
        connection,
        "GET /?{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        studio.address()
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    std::fs::remove_dir_all(&runs)?;
    let status = answer.lines().next().unwrap_or_default();
    println!("{status}");
    if status.contains(" 4") || status.contains(" 5") {
        return Err(format!("the page should be served, not {status}").into());
    }
    Ok(())
}
