//! The web server requested on the command line.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gradus::studio::{
    BoundAddress, LivePage, LiveRun, Options, PORT, Studio, Timeouts, Uploads, endpoints, live,
    open_data,
};

use crate::output::stderr;

/// The address of the web server, and whether a browser is opened.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Address to bind, such as 0.0.0.0:8000; a non-loopback address also prints a read-only link.
    #[arg(long, value_name = "ADDR")]
    addr: Option<String>,

    /// Open the page in the browser.
    #[arg(long)]
    open: bool,

    /// Another name by which browsers may ask, such as that of a proxy in front; can be given several times.
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    allow_host: Vec<String>,
}

impl ServeArgs {
    /// Whether any of the options was given.
    pub(crate) fn is_given(&self) -> bool {
        self.addr.is_some() || self.open || !self.allow_host.is_empty()
    }

    /// Binds the address. Done first, so that an address in use costs no training time.
    pub(crate) fn bind(&self) -> anyhow::Result<BoundAddress> {
        Ok(BoundAddress::bind(self.addr.as_deref(), PORT)?)
    }

    /// Serves the run that starts now and is recorded in `folder`, and the other runs of the same parent.
    pub(crate) fn serve_live(
        &self,
        address: BoundAddress,
        folder: &Path,
    ) -> anyhow::Result<LivePage> {
        let (run, link) = live(folder);
        let beside = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        // Without a parent in the path, the parent is the working directory: only the run itself is served.
        let root = beside.unwrap_or(folder).to_owned();
        self.serve(address, vec![root], Some(run), None, "")?;
        Ok(link.into())
    }

    /// Serves the runs of some directories, and takes data for new ones. The links end with `fragment`, which names a page.
    pub(crate) fn serve(
        &self,
        address: BoundAddress,
        roots: Vec<PathBuf>,
        live: Option<LiveRun>,
        uploads: Option<Uploads>,
        fragment: &str,
    ) -> anyhow::Result<()> {
        let (endpoints, timeouts) = (endpoints(), Timeouts::default());
        let allowed_hosts = self.allow_host.clone();
        let options =
            Options { roots, live, open_data, endpoints, uploads, timeouts, allowed_hosts };
        let studio = Studio::serve(address, options)?;
        let mut err = stderr();
        let _ = writeln!(err, "page           {}{fragment}", studio.link());
        if let Some(link) = studio.viewer_link() {
            let _ = writeln!(err, "read-only      {link}{fragment}");
        }
        if self.open && !open_in_browser(&(studio.browser_link()? + fragment)) {
            let _ = writeln!(err, "could not open a browser; open the link above");
        }
        Ok(())
    }
}

pub(crate) fn host_name(text: &str) -> Result<String, String> {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-');
    let is_name = !text.is_empty() && text.chars().all(is_part);
    let expected = "expected a name without a port, such as gradus.example.org";
    if is_name { Ok(text.to_owned()) } else { Err(expected.to_owned()) }
}

/// Opens a page in the browser that the system names, without waiting for it. Returns whether there is one.
fn open_in_browser(link: &str) -> bool {
    let chosen = env::var("BROWSER").unwrap_or_default();
    // Programs with their first arguments. `explorer` hands a link to the default browser.
    let programs = match env::consts::OS {
        "windows" => "explorer",
        "macos" => "open",
        _ => &format!("{chosen}:xdg-open:gio open:wslview"),
    };
    programs.split(':').any(|program| {
        let mut words = program.split_whitespace();
        let Some(name) = words.next() else { return false };
        let mut command = Command::new(name);
        command.args(words).arg(link).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).spawn().is_ok()
    })
}

/// Serves until `stop` is set.
pub(crate) fn stay(stop: &AtomicBool) {
    /// How often `stop` is read.
    const PERIOD: Duration = Duration::from_millis(50);
    if !stop.load(Ordering::Relaxed) {
        let _ = writeln!(stderr(), "serving until Ctrl-C");
    }
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(PERIOD);
    }
}
