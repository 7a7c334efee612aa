//! `dvol doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::environment::default_socket;
use crate::cli::git::Git;
use crate::cli::hook::file::Places;
use crate::cli::remotes::unattended;
use crate::cli::session::Session;
use crate::model::RemoteRecord;
use crate::ops::{self, Check, Health, RemoteEntry};

/// Check everything that dvol needs and suggest fixes
///
/// Changes nothing here. To each remote that it may write to, it writes a small file and deletes it
/// again. In a git work tree, checks the hook of dvol hook install as well. Exits with 0 if
/// everything works, otherwise with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sudo dvol doctor\n  dvol doctor --format json")]
pub(in crate::cli) struct DoctorArgs {
    /// Socket of the volume driver
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
}

/// Checks the pool's remotes. A password that only a person has is not asked for.
fn remotes(session: &Session) -> Vec<Check> {
    let remotes = ops::remotes(&session.pool, None).unwrap_or_default();
    let check = |one: RemoteEntry| {
        let RemoteEntry { remote: name, url, volume, password, kept_key } = one;
        let remote = RemoteRecord { volume, name: name.clone(), url, password, kept_key };
        match unattended(remote) {
            Ok(access) => ops::remote_health(&session.pool, &access),
            Err(failure) => vec![Check {
                subject: "remote",
                health: Health::Poor,
                found: format!("{name}: {failure}"),
                remedy: None,
            }],
        }
    };
    remotes.into_iter().flat_map(check).collect()
}

pub(in crate::cli) fn run(session: &Session, args: &DoctorArgs) -> Outcome {
    let mut checks = ops::doctor(&session.pool, &args.socket);
    checks.extend(remotes(session));
    let hooks = Places::find(&Git::here(&session.pool));
    checks.extend(hooks.map(|places| places.check(session)).unwrap_or_default());
    session.print(&checks)?;
    let bad = checks.iter().any(|check| check.health == Health::Bad);
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
