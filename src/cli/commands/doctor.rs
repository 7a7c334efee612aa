//! `dvol doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::environment::default_socket;
use crate::cli::session::Session;
use crate::ops::{self, Health};

/// Check everything that dvol needs and suggest fixes
///
/// Changes nothing. Exits with 0 if everything works, otherwise with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sudo dvol doctor\n  dvol doctor --format json")]
pub(in crate::cli) struct DoctorArgs {
    /// Socket of the volume driver
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
}

pub(in crate::cli) fn run(session: &Session, args: &DoctorArgs) -> Outcome {
    let checks = ops::doctor(&session.pool, &args.socket);
    session.print(&checks)?;
    let bad = checks.iter().any(|check| check.health == Health::Bad);
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
