//! `dvol completion` and `dvol man`: what packages install beside the binary.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::cli::output::Failure;
use crate::cli::{Outcome, help};
use crate::sys::disk;

/// Print a shell's completion of verbs, volumes, branches and tags
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol completion bash > /usr/share/bash-completion/completions/dvol
  dvol completion zsh > /usr/share/zsh/site-functions/_dvol
  dvol completion fish > /usr/share/fish/vendor_completions.d/dvol.fish")]
pub(in crate::cli) struct Args {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
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

/// The command line as a shell offers it: options of all verbs only where they are being typed.
pub(in crate::cli) fn command() -> clap::Command {
    help::command().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
}

/// Write the man pages of verbs and topics into the sections of a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol man /usr/share/man")]
pub(in crate::cli) struct ManArgs {
    /// The directory that holds the sections, man1 and man7
    directory: PathBuf,
}

pub(in crate::cli) fn man(args: &ManArgs) -> Outcome {
    let section = |name: &str| {
        let path = args.directory.join(name);
        disk::ensure_directory(&path, 0o755).map(|()| path)
    };
    write_pages(&pages(), &section("man1")?)?;
    let topics = section("man7")?;
    for topic in help::topics::TOPICS {
        let (name, page) = help::man::page(topic);
        write_page(&topics, &name, &page)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The page of a verb, and of each verb below it.
fn write_pages(command: &clap::Command, directory: &Path) -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(Failure::Output)?;
    // What stands after the help has a heading that tells nothing.
    let page = String::from_utf8_lossy(&page);
    let page = page.replace(".SH EXTRA\nExample:\n", ".SH EXAMPLES\n").replace("@SH@ ", ".SH ");
    let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
    write_page(directory, &name, &page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        write_pages(verb, directory)?;
    }
    Ok(())
}

fn write_page(directory: &Path, name: &str, page: &str) -> Result<(), Failure> {
    let draft = directory.join(format!(".{name}"));
    if disk::inode(&draft)?.is_some() {
        disk::remove_file(&draft)?;
    }
    disk::write_new(&draft, page.as_bytes(), 0o644)?;
    disk::replace(&draft, &directory.join(name))?;
    Ok(())
}

/// What the page of the whole says beyond its help.
const MORE: &str = "@SH@ EXIT STATUS
  0   done
  1   refused or failed; nothing was changed
  2   the command line is not understood
  3   waited too long for a lock
  130 interrupted; nothing was changed

  dvol fsck: 0 clean, 1 errors corrected, 4 errors left, 8 could not check.
@SH@ ENVIRONMENT
  DVOL_POOL   the directory that holds all volumes, as --pool
  DOCKER_HOST the container engine to ask
  DVOL_AUTHOR_NAME, DVOL_AUTHOR_EMAIL
              the author, where no setting names one
  DVOL_EDITOR, VISUAL, EDITOR
              asked for a message when none is given
  DVOL_PAGER, PAGER
              shows long output on a terminal; less -FRX otherwise
  NO_COLOR    takes the colours out";

/// The command line as its pages show it: options of all verbs stand in dvol(1) alone.
fn pages() -> clap::Command {
    let mut command = help::command();
    let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let topics: Vec<_> = help::topics::TOPICS.iter().map(|topic| format!("dvol-{}(7)", topic.name)).collect();
    let topics = topics.join(", ");
    command = command.after_long_help(format!("{example}\n{MORE}\n@SH@ SEE ALSO\n{topics}"));
    command.build();
    let verbs: Vec<_> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    command = command.mut_args(|arg| match is_global(&arg) {
        true => arg.help_heading(None::<&'static str>).hide_short_help(false),
        false => arg,
    });
    verbs.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_globals))
}

fn without_globals(verb: clap::Command) -> clap::Command {
    let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    let below: Vec<_> = verb.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let verb = verb
        .after_long_help(format!("{text}\n@SH@ SEE ALSO\ndvol(1), for the options of all verbs."))
        .mut_args(|arg| if is_global(&arg) { arg.hide(true) } else { arg });
    below.into_iter().fold(verb, |verb, name| verb.mut_subcommand(name, without_globals))
}

fn is_global(arg: &clap::Arg) -> bool {
    arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str())
}
