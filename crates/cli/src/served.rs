//! The pages that a command line asks for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gradus::runs::{DataSpec, ExperimentError, Split};
use studio::{BoundAddress, LiveLink, LiveRun, Options};

/// Where pages are served, and whether they are opened.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Serve at this address and port, such as 0.0.0.0:8000, so that others in the network can look; prints a second
    /// link for them, which only shows.
    #[arg(long, value_name = "ADDR")]
    addr: Option<String>,

    /// Open the page in the browser.
    #[arg(long)]
    open: bool,
}

impl ServeArgs {
    /// Whether any of it was asked for.
    pub(crate) fn is_given(&self) -> bool {
        self.addr.is_some() || self.open
    }

    /// Takes the address, before anything else is begun that would be in vain without it.
    ///
    /// # Errors
    ///
    /// If it is not free or not of this machine.
    pub(crate) fn place(&self) -> anyhow::Result<BoundAddress> {
        Ok(BoundAddress::take(self.addr.as_deref())?)
    }

    /// Serves the run that is kept in `folder` and begins now, and those beside it.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it.
    pub(crate) fn serve_live(
        &self,
        place: BoundAddress,
        folder: &Path,
    ) -> anyhow::Result<LiveLink> {
        let (run, link) = studio::live(folder);
        let beside = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        // Beside a folder without a name before it there is anything: only the run itself is shown.
        let root = beside.unwrap_or(folder).to_owned();
        self.serve(place, vec![root], Some(run))?;
        Ok(link)
    }

    /// Serves the runs of some folders.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it.
    pub(crate) fn serve(
        &self,
        place: BoundAddress,
        roots: Vec<PathBuf>,
        live: Option<LiveRun>,
    ) -> anyhow::Result<()> {
        let studio = place.serve(Options { roots, live, open_data })?;
        let mut err = io::stderr();
        let _ = writeln!(err, "page           {}", studio.link());
        if let Some(link) = studio.viewer_link() {
            let _ = writeln!(err, "for viewers    {link}");
        }
        if self.open && webbrowser::open(&studio.link()).is_err() {
            let _ = writeln!(err, "there is no browser to open it: follow the link");
        }
        Ok(())
    }
}

/// Reads the data of an experiment, the embedded digits among them.
///
/// # Errors
///
/// If they cannot be read.
pub(crate) fn open_data(data: &DataSpec) -> Result<Split, ExperimentError> {
    data.open(gradus::mnist)
}

/// Waits until `stop` is set: the pages stay as long.
pub(crate) fn stay(stop: &AtomicBool) {
    /// How often it is looked whether to end.
    const PERIOD: Duration = Duration::from_millis(50);
    if !stop.load(Ordering::Relaxed) {
        let _ = writeln!(io::stderr(), "the page stays until Ctrl-C");
    }
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(PERIOD);
    }
}
