//! `dvol config`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::ops;
use crate::report::ConfigView;

/// Show or change settings of the pool or, with -C, of one volume
#[derive(Debug, clap::Args)]
#[command(after_help = format!(
    "Example:\n  dvol config user.name 'Ada Lovelace'\n  dvol config user.name\n  dvol config -C frob_mysql user.email db@example.org\n  dvol config --list\n\nSettings:\n{}",
    known()
))]
pub(in crate::cli) struct ConfigArgs {
    /// Setting to show or change
    #[arg(add = crate::cli::complete::settings())]
    key: Option<String>,
    /// New value
    #[arg(add = crate::cli::complete::setting_values())]
    value: Option<String>,
    /// Remove the setting, so that its default applies
    #[arg(long, requires = "key", conflicts_with = "value")]
    unset: bool,
    /// Accepted for compatibility with git: show a setting
    #[arg(long, hide = true, requires = "key", conflicts_with_all = ["value", "unset"])]
    get: bool,
    /// List only the settings that are set; without KEY, dvol config lists those in effect
    #[arg(short, long, conflicts_with = "key")]
    list: bool,
}

fn known() -> String {
    let line = |setting: &crate::pool::Setting| {
        let default = if setting.default.is_empty() { "nothing" } else { setting.default };
        format!("  {:<24} {} (default: {default})", setting.key, setting.about)
    };
    crate::pool::SETTINGS.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(in crate::cli) fn run(session: &Session, args: &ConfigArgs) -> Outcome {
    let volume = session.volume(None)?;
    let volume = volume.as_ref();
    let pool = &session.pool;
    match (&args.key, &args.value) {
        (None, _) => {
            session.print(&ConfigView { entries: ops::settings(pool, volume)?, only_set: args.list })?;
        }
        (Some(key), Some(value)) => ops::set_setting(pool, volume, key, Some(value))?,
        (Some(key), None) if args.unset => ops::set_setting(pool, volume, key, None)?,
        (Some(key), None) => {
            let entry = ops::setting(pool, volume, key)?;
            let nothing = !entry.set && entry.value.is_empty();
            if !nothing || !session.is_text() {
                session.print(&entry)?;
            }
            // As in git, a key that is not set and has no default exits with 1 and prints nothing.
            if nothing {
                return Ok::<_, Failure>(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
