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
    if matches!(args.shell, Shell::Bash) {
        script = with_colons(&String::from_utf8_lossy(&script)).into_bytes();
    }
    io::stdout().lock().write_all(&script).map_err(Failure::Output)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the script of clap has the words, and has the answer.
const WORDS: &str = "    COMPREPLY=( $( \\";
const ANSWER: &str = "    if [[ $? != 0 ]]; then\n        unset COMPREPLY\n";
/// Bash splits words at colons: takes the parts of `VOLUME:REVISION` for one word...
const JOINED: &str = r#"    local line="${COMP_LINE:0:COMP_POINT}" before=
    local whole="${line##*[[:space:]]}"
    if [[ "$whole" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        before="${whole%"${whole##*:}"}"
        local part="${COMP_WORDS[COMP_CWORD]}"
        while [[ "$part" != "$whole" && $_CLAP_COMPLETE_INDEX -gt 0 ]]; do
            _CLAP_COMPLETE_INDEX=$((_CLAP_COMPLETE_INDEX - 1))
            part="${COMP_WORDS[_CLAP_COMPLETE_INDEX]}$part"
        done
        words=("${COMP_WORDS[@]:0:_CLAP_COMPLETE_INDEX}" "$whole")
    fi
"#;
/// ...and answers with the last part alone.
const SPLIT: &str = r#"    elif [[ -n "$before" ]]; then
        COMPREPLY=("${COMPREPLY[@]#"$before"}")
"#;

/// Lets the script for bash complete words with a colon.
fn with_colons(script: &str) -> String {
    script.replacen(WORDS, &format!("{JOINED}{WORDS}"), 1).replacen(ANSWER, &format!("{ANSWER}{SPLIT}"), 1)
}

/// Returns the command line that a shell completes, without the options of all verbs.
pub(in crate::cli) fn command() -> clap::Command {
    help::command().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
}
