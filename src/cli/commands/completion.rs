//! `dvol completion`

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::{Outcome, help};

/// Print the completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol completion bash > /usr/share/bash-completion/completions/dvol
  dvol completion zsh > /usr/share/zsh/site-functions/_dvol
  dvol completion fish > /usr/share/fish/vendor_completions.d/dvol.fish")]
pub(in crate::cli) struct CompletionArgs {
    /// Shell to complete for
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(in crate::cli) fn run(_session: &Session, args: &CompletionArgs) -> Outcome {
    let completer: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    completer.write_registration("COMPLETE", "dvol", "dvol", "dvol", &mut script).map_err(Failure::Output)?;
    io::stdout().lock().write_all(&script).map_err(Failure::Output)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the command line that a shell completes, without the options of all verbs.
pub(in crate::cli) fn command() -> clap::Command {
    help::command().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
}
