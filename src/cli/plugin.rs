//! `dvol plugin`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::Outcome;
use super::output::Failure;
use super::session::{Session, default_socket, open_pool, start_log};
use crate::plugin::{Options, PoolService, serve};
use crate::pool::Notice;

/// Serve the volume driver to Docker
///
/// docker run --volume-driver=dvol finds the pool's volumes by it.
/// Runs in the foreground until SIGTERM and logs each call to standard error. Start it before the
/// container engine, and keep it running as long as containers use its volumes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol plugin\n  dvol plugin --socket /run/docker/plugins/dvol.sock")]
pub(super) struct Args {
    /// The socket that the engine finds the driver by
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    start_log(session.globals.verbose, "info");
    let pool = open_pool(&session.globals, Arc::new(log))?;
    pool.prepare_directories()?;
    tracing::info!(pool = %pool.layout().root().display(), version = env!("CARGO_PKG_VERSION"), "starting");
    serve(&args.socket, Arc::new(PoolService::new(pool)), &Options::default()).map_err(Failure::Serve)?;
    Ok(ExitCode::SUCCESS)
}

fn log(notice: &Notice) {
    match notice {
        Notice::Waiting { what, holder } => tracing::info!(what, holder, "waiting for a lock"),
        Notice::Killed { container } => tracing::warn!(container, "did not stop in time and was killed"),
        Notice::Finished { verb, volume } => {
            tracing::warn!(%verb, volume, "finished an operation that had died");
        }
        Notice::Undone { verb, volume } => tracing::warn!(%verb, volume, "undid an operation that had died"),
        Notice::NotRecovered { volume, reason } => tracing::warn!(volume, reason, "could not clear up"),
        Notice::PostFailed { container, command, reason } => {
            tracing::warn!(container, command, reason, "the command after the commit failed");
        }
        Notice::NotReleased { container, reason } => {
            tracing::warn!(container, reason, "is not running again");
        }
    }
}
