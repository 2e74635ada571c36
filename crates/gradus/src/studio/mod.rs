//! Pages of a program's own: the feature `studio`.
//!
//! They show the runs of the program as `gradus studio` shows its own, kinds that the program registered among them.

mod endpoints;

use std::path::{Path, PathBuf};

use events::{Command, Event};
use runs::{DataSpec, ExperimentError, Parts};
use train::{Observer, Trainer};

pub use self::endpoints::endpoints;
pub use ::studio::{
    BoundAddress, Call, CalledRun, DataTrainer, Endpoint, EndpointError, LiveLink, LiveRun,
    Options, PORT, Picture, RunError, SampleSheet, ServerError, Studio, Timeouts, Uploads, html,
    live, picture, sweep_picture,
};

/// Reads the data of an experiment: for the pages of a program.
///
/// # Errors
///
/// As [`DataSpec::open`].
pub fn open_data(data: &DataSpec) -> Result<Parts, ExperimentError> {
    data.open(crate::mnist)
}

/// Serves the runs in some folders on a thread of its own, until the program ends.
///
/// The folders are runs or contain some; those that are recorded later are shown too.
///
/// ```
/// let studio = gradus::studio::serve(["runs"])?;
/// println!("{}", studio.link());
/// # Ok::<(), gradus::studio::ServerError>(())
/// ```
///
/// # Errors
///
/// If no address of this machine is free, or the system has no thread or no random numbers.
pub fn serve(folders: impl IntoIterator<Item = impl Into<PathBuf>>) -> Result<Studio, ServerError> {
    let roots = folders.into_iter().map(Into::into).collect();
    serve_all(roots, None)
}

/// Serves the run that this program records in `folder`, whose page can pause it and change its learning rate. The
/// second of both is an observer of the run.
///
/// # Errors
///
/// As [`serve()`].
pub fn serve_live(folder: impl AsRef<Path>) -> Result<(Studio, LivePage), ServerError> {
    let (run, link) = live(folder.as_ref());
    Ok((serve_all(vec![folder.as_ref().to_owned()], Some(run))?, link.into()))
}

fn serve_all(roots: Vec<PathBuf>, live: Option<LiveRun>) -> Result<Studio, ServerError> {
    let timeouts = Timeouts::default();
    let (endpoints, uploads) = (endpoints(), None);
    let allowed_hosts = Vec::new();
    let options = Options { roots, live, open_data, endpoints, uploads, timeouts, allowed_hosts };
    Studio::serve(BoundAddress::bind(None, PORT)?, options)
}

/// An observer that lets the pages follow a run, and obeys their commands.
#[derive(Debug)]
pub struct LivePage(LiveLink);

impl From<LiveLink> for LivePage {
    fn from(link: LiveLink) -> Self {
        Self(link)
    }
}

impl Observer for LivePage {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        let (step, model) = (trainer.steps_done(), || trainer.saved().clone());
        match event {
            Event::Snapshot(_) => self.0.offer(step, model),
            Event::Paused(_) | Event::RunFinished(_) => self.0.hand_out(step, model()),
            _ => {}
        }
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        self.0.command(is_paused)
    }
}
