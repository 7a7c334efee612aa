//! `dvol completion` and `dvol man`: what packages install beside the binary.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::output::Failure;
use super::{Outcome, help};
use crate::sys::disk;

/// Print a shell's completion of verbs, volumes, branches and tags
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol completion bash > /usr/share/bash-completion/completions/dvol
  dvol completion zsh > /usr/share/zsh/site-functions/_dvol
  dvol completion fish > /usr/share/fish/vendor_completions.d/dvol.fish")]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(args: &Args) -> Outcome {
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

/// Write the man pages, one for each verb, into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol man /usr/share/man/man1")]
pub(super) struct ManArgs {
    /// The directory
    directory: PathBuf,
}

pub(super) fn man(args: &ManArgs) -> Outcome {
    disk::ensure_directory(&args.directory, 0o755)?;
    clap_mangen::generate_to(help::command(), &args.directory)
        .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", args.directory.display())))?;
    Ok(ExitCode::SUCCESS)
}
