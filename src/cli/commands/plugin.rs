//! `dvol plugin`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::cli::Outcome;
use crate::cli::environment::default_socket;
use crate::cli::errors;
use crate::cli::output::Failure;
use crate::cli::session::{Session, open_pool, start_log};
use crate::plugin::{Options, Phase, Place, PoolService, serve};
use crate::pool::Notice;

/// Serve the volume driver to Docker
///
/// docker run --volume-driver=dvol finds the pool's volumes by it.
/// Runs in the foreground until SIGTERM and logs each call to standard error. Start it before the
/// container engine, and keep it running as long as containers use its volumes. Started by systemd it
/// takes the socket that it is given, and says when it serves (Type=notify).
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol plugin\n  dvol plugin --socket /run/docker/plugins/dvol.sock")]
pub(in crate::cli) struct Args {
    /// The socket that the engine finds the driver by
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    start_log(session.globals.verbose, "info");
    let pool = open_pool(&session.globals, Arc::new(log))?;
    pool.prepare_directories()?;
    tracing::info!(pool = %pool.layout().root().display(), version = env!("CARGO_PKG_VERSION"), "starting");
    let options = Options { phase: tell_systemd, ..Options::default() };
    serve(place(&args.socket)?, Arc::new(PoolService::new(pool, errors::repair_hint)), &options)
        .map_err(Failure::Serve)?;
    Ok(ExitCode::SUCCESS)
}

/// The socket that the driver was started with (`LISTEN_FDS`), else the one at `path`.
fn place(path: &Path) -> Result<Place, Failure> {
    let mut given = ListenFd::from_env();
    if given.len() > 1 {
        return Err(Failure::Usage(format!("the driver was given {} sockets; it takes one", given.len())));
    }
    let listener = given
        .take_unix_listener(0)
        .map_err(|error| Failure::Usage(format!("the socket that the driver was given: {error}")))?;
    Ok(listener.map_or_else(|| path.into(), Place::Given))
}

/// Whoever waits for the driver to serve is told (`NOTIFY_SOCKET`).
fn tell_systemd(phase: Phase) {
    let state = match phase {
        Phase::Serving => NotifyState::Ready,
        Phase::Stopping => NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot tell systemd that the driver is {phase:?}");
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Waiting { what, holder } => tracing::info!(what, holder, "waiting for a lock"),
        Notice::Killed { container } => tracing::warn!(container, "did not stop in time and was killed"),
        Notice::Finished { verb, volume } => {
            tracing::warn!(%verb, volume, "finished an operation that had died");
        }
        Notice::Undone { verb, volume } => tracing::warn!(%verb, volume, "undid an operation that had died"),
        Notice::SetAside { volume, entries, place } => {
            tracing::warn!(volume, entries, place = %place.display(), "moved entries without a place");
        }
        Notice::NotRecovered { volume, reason } => tracing::warn!(volume, reason, "could not clear up"),
        Notice::PostFailed { container, command, reason } => {
            tracing::warn!(container, command, reason, "the command after the commit failed");
        }
        Notice::Adopted { volume } => tracing::info!(%volume, "took over a volume of the older layout"),
        Notice::NotAdopted { volume, reason } => {
            tracing::warn!(volume, reason, "a volume of the older layout is not taken over");
        }
        Notice::EmptyTree { volume, branch, .. } => {
            tracing::warn!(%volume, %branch, "the working tree is missing: it is empty now");
        }
        Notice::Flawed { flaw } => tracing::warn!("{flaw}"),
        Notice::NotReleased { container, reason } => {
            tracing::warn!(container, reason, "is not running again");
        }
    }
}
