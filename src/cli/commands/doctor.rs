//! `dvol doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::environment::default_socket;
use crate::cli::git::Git;
use crate::cli::hook::file::Places;
use crate::cli::session::Session;
use crate::ops::{self, Health};

/// Check everything that dvol needs and suggest fixes
///
/// Changes nothing. In a git work tree, checks the hook of dvol hook install as well. Exits with 0
/// if everything works, otherwise with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sudo dvol doctor\n  dvol doctor --format json")]
pub(in crate::cli) struct DoctorArgs {
    /// Socket of the volume driver
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
}

pub(in crate::cli) fn run(session: &Session, args: &DoctorArgs) -> Outcome {
    let mut checks = ops::doctor(&session.pool, &args.socket);
    let hooks = Places::find(&Git::here(&session.pool));
    checks.extend(hooks.map(|places| places.check(session)).unwrap_or_default());
    session.print(&checks)?;
    let bad = checks.iter().any(|check| check.health == Health::Bad);
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
