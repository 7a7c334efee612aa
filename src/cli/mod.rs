//! The command line: one verb, one file. Flags and environment become a pool here and nowhere
//! else; errors become words and exit codes here and nowhere else.

mod author;
mod branch;
mod checkout;
mod clone;
mod code;
mod commit;
mod complete;
mod completion;
mod compose;
mod config;
mod diff;
mod doctor;
mod du;
mod errors;
mod export;
mod fsck;
mod gc;
mod globals;
mod help;
mod hook;
mod import;
mod init;
mod inspect;
mod list;
mod log;
mod message;
mod operands;
mod output;
mod pager;
mod plugin;
mod progress;
mod project;
mod reflog;
mod rename;
mod reset;
mod rev_parse;
mod rm;
mod run;
mod session;
mod show;
mod similar;
mod status;
mod switch;
mod tag;
mod undo;
mod usage;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{FromArgMatches as _, Parser, Subcommand};
use clap_complete::CompleteEnv;

use self::globals::Globals;
use self::output::Failure;
use self::session::Session;

/// Git for the data volumes of containers.
///
/// dvol commits the state of a volume, brings it back with `dvol reset --hard`, and keeps one
/// branch of data per piece of work. Containers on the volume are restarted around it.
#[derive(Debug, Parser)]
#[command(name = "dvol", version, max_term_width = 100, propagate_version = false)]
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

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    #[command(visible_alias = "ls")]
    List(list::Args),
    Switch(switch::Args),
    Commit(commit::Args),
    Log(log::Args),
    Show(show::Args),
    Status(status::Args),
    Diff(diff::Args),
    Du(du::Args),
    Branch(branch::Args),
    Checkout(checkout::Args),
    Reset(reset::Args),
    Undo(undo::Args),
    Reflog(reflog::Args),
    Gc(gc::Args),
    Clone(clone::Args),
    Rename(rename::Args),
    Export(export::Args),
    Import(import::Args),
    #[command(visible_alias = "describe")]
    Inspect(inspect::Args),
    Tag(tag::Args),
    Rm(rm::Args),
    RevParse(rev_parse::Args),
    Run(run::Args),
    Hook(hook::Args),
    Config(config::Args),
    Plugin(plugin::Args),
    Fsck(fsck::Args),
    Doctor(doctor::Args),
    Completion(completion::Args),
    #[command(hide = true)]
    Man(completion::ManArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    CompleteEnv::with_factory(completion::command).complete();
    let app = match parse() {
        Ok(app) => app,
        Err(code) => return code,
    };
    #[cfg(debug_assertions)]
    if let Err(message) = globals::arm_faults() {
        return errors::usage(&message);
    }
    let templated = matches!(app.verb, Verb::Log(_) | Verb::Show(_));
    if !templated && app.globals.template().is_some() {
        return errors::usage("a template goes with log and show only: use --format text or json");
    }
    let session = match Session::open(app.globals) {
        Ok(session) => session,
        Err(failure) => return errors::exit(&failure, None),
    };
    let needs_pool = !matches!(app.verb, Verb::Completion(_) | Verb::Man(_) | Verb::Doctor(_));
    if needs_pool && let Err(error) = session.pool.adopt_older() {
        return errors::exit(&error.into(), Some(&session.pool));
    }
    let result = match &app.verb {
        Verb::Init(args) => init::run(&session, args),
        Verb::List(args) => list::run(&session, args),
        Verb::Switch(args) => switch::run(&session, args),
        Verb::Commit(args) => commit::run(&session, args),
        Verb::Log(args) => log::run(&session, args),
        Verb::Doctor(args) => doctor::run(&session, args),
        Verb::Completion(args) => completion::run(args),
        Verb::Man(args) => completion::man(args),
        Verb::Show(args) => show::run(&session, args),
        Verb::Status(args) => status::run(&session, args),
        Verb::Diff(args) => diff::run(&session, args),
        Verb::Du(args) => du::run(&session, args),
        Verb::Branch(args) => branch::run(&session, args),
        Verb::Checkout(args) => checkout::run(&session, args),
        Verb::Clone(args) => clone::run(&session, args),
        Verb::Export(args) => export::run(&session, args),
        Verb::Import(args) => import::run(&session, args),
        Verb::Rename(args) => rename::run(&session, args),
        Verb::Inspect(args) => inspect::run(&session, args),
        Verb::Reset(args) => reset::run(&session, args),
        Verb::Undo(args) => undo::run(&session, args),
        Verb::Reflog(args) => reflog::run(&session, args),
        Verb::Gc(args) => gc::run(&session, args),
        Verb::Tag(args) => tag::run(&session, args),
        Verb::RevParse(args) => rev_parse::run(&session, args),
        Verb::Rm(args) => rm::run(&session, args),
        Verb::Run(args) => run::run(&session, args),
        Verb::Hook(args) => hook::run(&session, args),
        Verb::Config(args) => config::run(&session, args),
        Verb::Plugin(args) => plugin::run(&session, args),
        Verb::Fsck(args) => fsck::run(&session, args),
    };
    match result {
        Ok(code) => code,
        Err(failure) => errors::exit(&failure, Some(&session.pool)),
    }
}

/// What was typed; or help, or what is wrong with it, said, and the exit code.
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

/// What a verb's file returns.
type Outcome = Result<ExitCode, Failure>;
