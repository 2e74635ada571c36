//! Serve pages of your own: they show the runs of this program, with the kinds that it registered.
//!
//! `cargo run --release -p gradus --features studio --example pages`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use gradus::nn::layers::BuildLayer;
use gradus::prelude::*;
use gradus::runs::RunFolder;
use gradus::studio::Studio;

gradus::settings! {
    /// `x · |x|`, for pages that have not seen it before.
    pub(crate) struct SignedSquare {}
}

impl<T: Float> BuildLayer<T> for SignedSquare {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let size = builder.graph.abs(x[0]);
        builder.graph.mul(x[0], size)
    }
}

/// What the server answers, asked as a browser does.
fn ask(studio: &Studio, path: &str) -> Result<String, Box<dyn Error>> {
    let (address, link) = (studio.address(), studio.link());
    let (_, token) = link.split_once('?').ok_or("a link with a token")?;
    let mut connection = TcpStream::connect(address)?;
    write!(
        connection,
        "GET {path}?{token} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    LayerKind::register::<SignedSquare>("signed_square")?;
    let network = Network::builder([28, 28, 1]).flatten().linear(20).layer(SignedSquare {});
    let experiment = Experiment::builder(network.linear(10).build()?).name("mine").steps(100);
    let mut trainer = Trainer::new(experiment.build()?, gradus::mnist()?, Pool::new(2))?;

    let runs = std::env::temp_dir().join(format!("gradus-pages-{}", std::process::id()));
    let folder = RunFolder::create_next(&runs, &trainer.saved().experiment)?;
    let (studio, mut page) = gradus::studio::serve_live(folder.path())?;
    println!("watch it at {}", studio.link());
    let mut recorder = Recorder::new(folder);
    trainer.run(None, &mut [&mut recorder, &mut page]);
    recorder.finish()?;

    // A program would serve until it ends; this one asks for what its page shows.
    let about = ask(&studio, "/api/runs/mine-1")?;
    std::fs::remove_dir_all(&runs)?;
    println!("{}", about.lines().next().unwrap_or_default());
    if !about.contains("\"path\":\"3.signed_square\"") {
        return Err(format!("the page should know the layer: {about}").into());
    }
    Ok(())
}
