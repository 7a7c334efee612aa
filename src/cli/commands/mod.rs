//! The verbs, one file each: its flags, its help, and what it prints. [`crate::ops`] does the work.

mod branch;
mod checkout;
mod clone;
mod commit;
pub(super) mod completion;
mod config;
mod diff;
mod doctor;
mod du;
mod export;
mod fsck;
mod gc;
mod help;
mod hook;
mod import;
mod init;
mod inspect;
mod list;
mod log;
mod plugin;
mod reflog;
mod rename;
mod reset;
mod rev_parse;
mod rm;
mod run;
mod show;
mod status;
mod switch;
mod tag;
mod undo;

use clap::Subcommand;

use super::Outcome;
use super::session::Session;

/// Names a verb, with what was typed behind it.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
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
    Help(help::Args),
    #[command(hide = true)]
    Man(completion::ManArgs),
}

impl Verb {
    /// Returns whether the verb prints commits by a template (`--format '{short} {subject}'`).
    pub(super) fn takes_template(&self) -> bool {
        matches!(self, Verb::Log(_) | Verb::Show(_))
    }

    /// Returns whether the verb works on the pool, so that an older layout is imported first.
    pub(super) fn needs_pool(&self) -> bool {
        !matches!(self, Verb::Completion(_) | Verb::Man(_) | Verb::Help(_) | Verb::Doctor(_))
    }

    /// Runs the verb and returns its exit code.
    pub(super) fn run(&self, session: &Session) -> Outcome {
        match self {
            Verb::Init(args) => init::run(session, args),
            Verb::List(args) => list::run(session, args),
            Verb::Switch(args) => switch::run(session, args),
            Verb::Commit(args) => commit::run(session, args),
            Verb::Log(args) => log::run(session, args),
            Verb::Doctor(args) => doctor::run(session, args),
            Verb::Completion(args) => completion::run(args),
            Verb::Man(args) => completion::man(args),
            Verb::Help(args) => help::run(args),
            Verb::Show(args) => show::run(session, args),
            Verb::Status(args) => status::run(session, args),
            Verb::Diff(args) => diff::run(session, args),
            Verb::Du(args) => du::run(session, args),
            Verb::Branch(args) => branch::run(session, args),
            Verb::Checkout(args) => checkout::run(session, args),
            Verb::Clone(args) => clone::run(session, args),
            Verb::Export(args) => export::run(session, args),
            Verb::Import(args) => import::run(session, args),
            Verb::Rename(args) => rename::run(session, args),
            Verb::Inspect(args) => inspect::run(session, args),
            Verb::Reset(args) => reset::run(session, args),
            Verb::Undo(args) => undo::run(session, args),
            Verb::Reflog(args) => reflog::run(session, args),
            Verb::Gc(args) => gc::run(session, args),
            Verb::Tag(args) => tag::run(session, args),
            Verb::RevParse(args) => rev_parse::run(session, args),
            Verb::Rm(args) => rm::run(session, args),
            Verb::Run(args) => run::run(session, args),
            Verb::Hook(args) => hook::run(session, args),
            Verb::Config(args) => config::run(session, args),
            Verb::Plugin(args) => plugin::run(session, args),
            Verb::Fsck(args) => fsck::run(session, args),
        }
    }
}
