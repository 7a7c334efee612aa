//! `dvol plugin`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::cli::Outcome;
use crate::cli::environment::{DEFAULT_STATE, default_socket};
use crate::cli::hints;
use crate::cli::output::Failure;
use crate::cli::remotes::unattended;
use crate::cli::session::{Session, open_pool, start_log};
use crate::plugin::{Options, Phase, Place, PoolService, serve};
use crate::pool::Notice;

/// Run the volume driver for Docker
///
/// Serves the volumes of the pool to docker run --volume-driver=dvol. Runs in the foreground until
/// SIGTERM and logs each call to standard error. Start it before the container engine, and keep it
/// running as long as containers use its volumes. Under systemd, it takes over the socket that it
/// is passed and reports when it is ready (Type=notify).
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol plugin\n  dvol plugin --socket /run/docker/plugins/dvol.sock")]
pub(in crate::cli) struct PluginArgs {
    /// Socket to serve on
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
    /// Directory where the driver remembers its volumes for the time when it cannot read the pool
    #[arg(
        long,
        value_name = "PATH",
        env = "STATE_DIRECTORY",
        hide_env_values = true,
        default_value = DEFAULT_STATE
    )]
    state_dir: PathBuf,
}

pub(in crate::cli) fn run(session: &Session, args: &PluginArgs) -> Outcome {
    start_log(session.globals.verbose, "info");
    let pool = open_pool(&session.globals, Arc::new(log))?;
    tracing::info!(pool = %pool.layout().root().display(), version = env!("CARGO_PKG_VERSION"), "starting");
    let service = PoolService::new(pool, &args.state_dir, hints::repair, unattended);
    service.prepare()?;
    let options = Options { phase: tell_systemd, ..Options::default() };
    serve(place(&args.socket)?, Arc::new(service), &options).map_err(Failure::Serve)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the socket that systemd passed (`LISTEN_FDS`), else the one at `path`.
fn place(path: &Path) -> Result<Place, Failure> {
    let mut given = ListenFd::from_env();
    if given.len() > 1 {
        return Err(Failure::Usage(format!("the driver was passed {} sockets: it takes one", given.len())));
    }
    let listener = given.take_unix_listener(0).map_err(|error| {
        Failure::Usage(format!("cannot use the socket that the driver was passed: {error}"))
    })?;
    Ok(listener.map_or_else(|| path.into(), Place::Given))
}

/// Reports the phase to systemd (`NOTIFY_SOCKET`).
fn tell_systemd(phase: Phase) {
    let state = match phase {
        Phase::Serving => NotifyState::Ready,
        Phase::Stopping => NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot report to systemd that the driver is {phase:?}");
    }
}

fn log(notice: &Notice) {
    match notice {
        // The driver is asked about volumes by name, and resets and pushes none.
        Notice::Meant { .. } | Notice::LargeFilesLeft { .. } | Notice::PushMemory { .. } => {}
        Notice::Elsewhere { volume, driver } => {
            tracing::warn!(%volume, driver, "the engine has a volume of that name from another driver");
        }
        Notice::MadeElsewhere { commit, volume, images, .. } => {
            let images: Vec<_> = images.iter().map(ToString::to_string).collect();
            tracing::warn!(%volume, %commit, ?images, "the commit was made with images that are not here");
        }
        Notice::Waiting { what, holder } => tracing::info!(what, holder, "waiting for a lock"),
        Notice::Stopping { container } => tracing::info!(container, "waiting for the container to stop"),
        Notice::StillStopping { container } => {
            tracing::warn!(container, "the container is still stopping; the engine then starts it again");
        }
        Notice::Killed { container } => {
            tracing::warn!(container, "the container did not stop in time and was killed");
        }
        Notice::CutOff { container, with } => {
            tracing::warn!(container, with, "it shares a namespace with a container that is started anew");
        }
        Notice::Finished { verb, volume } => {
            tracing::warn!(%verb, volume, "finished an interrupted operation");
        }
        Notice::Undone { verb, volume } => tracing::warn!(%verb, volume, "undid an interrupted operation"),
        Notice::NotRecovered { volume, reason } => {
            tracing::warn!(volume, reason, "cannot recover an interrupted operation now");
        }
        Notice::SetAside { volume, entries, place } => {
            let place = place.display();
            tracing::warn!(volume, entries, %place, "moved entries without a place to lost+found");
        }
        Notice::PutBack { volume, next } => {
            tracing::warn!(volume, next, "put the volume back as it was before what was killed");
        }
        Notice::MadeRoom { operations, bytes } => {
            tracing::info!(operations, bytes, "deleted the oldest trash to make room");
        }
        Notice::CopiedAlike { bytes } => {
            tracing::info!(bytes, "copied large files of which little changed");
        }
        Notice::RefusedFlags { entries, flags } => {
            tracing::warn!(entries, flags, "the file system refuses attributes of chattr");
        }
        Notice::PostFailed { container, command, reason } => {
            tracing::warn!(container, command, reason, "the post-commit command failed");
        }
        Notice::Adopted { volume } => tracing::info!(%volume, "imported a volume of the older layout"),
        Notice::NotAdopted { volume, reason } => {
            tracing::warn!(volume, reason, "cannot import a volume of the older layout");
        }
        Notice::EmptyTree { volume, branch, .. } => {
            tracing::warn!(%volume, %branch, "the working tree was missing; created an empty one");
        }
        Notice::Flawed { flaw } => tracing::warn!("{flaw}"),
        Notice::NotReleased { container, reason } => {
            tracing::warn!(container, reason, "cannot restart the container");
        }
    }
}
