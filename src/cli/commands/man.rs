//! `dvol man`: writes the pages that a package installs

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::{Outcome, help};
use crate::sys::disk;

/// Write the man pages of verbs and topics to a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol man /usr/share/man")]
pub(in crate::cli) struct ManArgs {
    /// Directory that holds the sections man1 and man7
    directory: PathBuf,
}

pub(in crate::cli) fn run(_session: &Session, args: &ManArgs) -> Outcome {
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

/// Writes the page of a verb and of each verb below it.
fn write_pages(command: &clap::Command, directory: &Path) -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(Failure::Output)?;
    // clap_mangen calls the part after the help EXTRA.
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

/// The sections of dvol(1) beyond its help.
const MORE: &str = "@SH@ EXIT STATUS
  0   done
  1   refused or failed; nothing changed
  2   usage error
  3   timed out waiting for a lock
  130 interrupted; nothing changed

  dvol fsck: 0 clean, 1 errors corrected, 4 errors left, 8 could not check.
@SH@ ENVIRONMENT
  DVOL_VOLUME volume of commands that name none
  DVOL_POOL   directory that holds all volumes, like --pool
  DOCKER_HOST address of the container engine
  DVOL_AUTHOR_NAME, DVOL_AUTHOR_EMAIL
              author of commits, unless a setting names one
  DVOL_EDITOR, VISUAL, EDITOR
              editor for commit messages
  DVOL_PAGER, PAGER
              pager for long output on a terminal [default: less -FRX]
  NO_COLOR    disables colours";

/// Returns the command line that the pages show: only dvol(1) has the options of all verbs.
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
