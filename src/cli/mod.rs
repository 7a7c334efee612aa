//! The command line. Only here do flags and environment become a pool, and errors become text and
//! exit codes.
//!
//! [`commands`] has one file a verb. [`session`] is one run of the command; the other files are
//! what verbs share: flags, operands, output, errors.

#![expect(clippy::print_stderr, reason = "the terminal belongs to the command line")]

mod allocator;
mod author;
mod background;
mod child;
mod code;
mod code_worktree;
mod commands;
mod complete;
mod compose;
mod confirm;
mod environment;
mod error_codes;
mod errors;
mod file_hash;
mod git;
mod globals;
mod habits;
mod help;
mod hints;
mod hook;
mod log_changes;
mod message;
mod missing;
mod notices;
mod operands;
mod output;
mod pager;
mod pools;
mod programs;
mod progress;
mod project;
mod remotes;
mod rootless;
mod session;
mod signals;
mod similar;
mod space;
mod tree_paths;
mod usage;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{FromArgMatches as _, Parser};
use clap_complete::CompleteEnv;

use self::commands::{Verb, completion};
use self::globals::Globals;
use self::output::Failure;
use self::session::Session;

/// Git for the data volumes of containers.
///
/// dvol commits the state of a volume, returns to it with dvol reset --hard, and keeps a branch of
/// data for each piece of work. It stops and restarts the containers that use the volume.
#[derive(Debug, Parser)]
#[command(name = "dvol", version, max_term_width = 100, propagate_version = false)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "Example:
  dvol init frob_mysql
  docker run -v frob_mysql:/data --volume-driver=dvol busybox \\
    sh -c 'echo hello > /data/file'
  dvol commit -m 'Hello' frob_mysql
  dvol reset --hard HEAD frob_mysql")]
struct App {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // To complete `~/`, it would ask the C library for a missing home directory, and the static
    // program must not load what the C library then loads.
    if environment::variable("COMPLETE").is_some()
        && environment::variable("HOME").is_none()
        && std::env::args_os().any(|word| word.as_encoded_bytes().contains(&b'~'))
    {
        return ExitCode::SUCCESS;
    }
    CompleteEnv::with_factory(completion::command).complete();
    rootless::enter();
    signals::survive_file_limits();
    let app = match parse() {
        Ok(app) => app,
        Err(code) => return code,
    };
    if app.verb.sends_trees() {
        allocator::limit();
    }
    #[cfg(debug_assertions)]
    if let Err(message) = environment::arm_faults() {
        return errors::usage(&message);
    }
    if !app.verb.takes_template() && app.globals.template().is_some() {
        return errors::usage("only log and show take a template: use --format text or json");
    }
    let format = app.globals.format();
    let session = match Session::open(app.globals, app.verb.names_volume()) {
        Ok(session) => session,
        Err(failure) => return errors::exit(&failure, None, format),
    };
    if app.verb.needs_pool()
        && let Err(error) = missing::find_pool(&app.verb, &session)
    {
        return errors::exit(&error.into(), Some(&session.pool), format);
    }
    match app.verb.run(&session) {
        Ok(code) => code,
        Err(failure) => errors::exit(&failure, Some(&session.pool), format),
    }
}

/// Parses the command line; prints help or a usage error and returns the exit code otherwise.
fn parse() -> Result<App, ExitCode> {
    let parsed = help::command().try_get_matches().and_then(|matches| App::from_arg_matches(&matches));
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp => {
            help::show(&error);
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        _ => errors::command_line(&error),
    })
}

/// What a verb returns.
type Outcome = Result<ExitCode, Failure>;
