//! The verbs, one file each: its flags, its help, and what it prints. [`crate::ops`] does the work.
//!
//! To add a verb: a file here with its arguments and `run`, and a line in `verbs!` below, under the
//! heading of `dvol --help` where it belongs. What it does is a file in `ops`; how its result is
//! printed, a file in `report/verbs`. Help, man pages and completion follow from the arguments.

mod branch;
mod checkout;
mod clone;
mod commit;
pub(super) mod completion;
mod config;
mod diff;
mod doctor;
mod du;
mod ensure;
mod export;
mod fetch;
mod forget;
mod fsck;
mod gc;
mod help;
mod hook;
mod import;
mod init;
mod inspect;
mod list;
mod log;
mod ls_remote;
mod ls_tree;
mod man;
mod plugin;
mod pool;
mod prepare_spares;
mod protect;
mod pull;
mod push;
mod redo;
mod reflog;
mod remote;
mod rename;
mod reset;
mod restore;
mod rev_parse;
mod rm;
mod run;
mod show;
mod stash;
mod status;
mod switch;
mod tag;
mod ui;
mod undo;
mod unprotect;
mod worktree;

use clap::Subcommand;

use super::Outcome;
use super::session::Session;

/// Declares the verbs under the headings of `dvol --help`: their modules, with their arguments.
macro_rules! verbs {
    ($($heading:literal { $($(#[$attribute:meta])* $verb:ident($module:ident::$args:ident),)* })*) => {
        /// A verb and its arguments.
        #[derive(Debug, Subcommand)]
        pub(super) enum Verb {
            $($($(#[$attribute])* $verb($module::$args),)*)*
        }

        impl Verb {
            /// Runs the verb and returns its exit code.
            pub(super) fn run(&self, session: &Session) -> Outcome {
                match self {
                    $($(Verb::$verb(args) => $module::run(session, args),)*)*
                }
            }
        }

        /// The headings of `dvol --help`, with the verbs under each in the spelling of their
        /// modules.
        pub(super) const HEADINGS: &[(&str, &[&str])] = &[$(($heading, &[$(stringify!($module)),*])),*];
    };
}

verbs! {
    "Make and choose volumes" {
        Init(init::InitArgs),
        #[command(visible_alias = "ls")]
        List(list::ListArgs),
        Switch(switch::SwitchArgs),
        Clone(clone::CloneArgs),
        Rename(rename::RenameArgs),
        Rm(rm::RmArgs),
    }
    "Work on a volume" {
        Status(status::StatusArgs),
        Diff(diff::DiffArgs),
        Commit(commit::CommitArgs),
        Reset(reset::ResetArgs),
        Restore(restore::RestoreArgs),
        Stash(stash::StashArgs),
        Undo(undo::UndoArgs),
        Redo(redo::RedoArgs),
        Run(run::RunArgs),
        Ensure(ensure::EnsureArgs),
    }
    "Look at history" {
        Log(log::LogArgs),
        Show(show::ShowArgs),
        LsTree(ls_tree::LsTreeArgs),
        Reflog(reflog::ReflogArgs),
        RevParse(rev_parse::RevParseArgs),
    }
    "Branches, tags and worktrees" {
        Branch(branch::BranchArgs),
        Checkout(checkout::CheckoutArgs),
        Tag(tag::TagArgs),
        Protect(protect::ProtectArgs),
        Unprotect(unprotect::UnprotectArgs),
        Worktree(worktree::WorktreeArgs),
    }
    "Move data in and out" {
        Export(export::ExportArgs),
        Import(import::ImportArgs),
    }
    "Share volumes with others" {
        Remote(remote::RemoteArgs),
        Push(push::PushArgs),
        Fetch(fetch::FetchArgs),
        Pull(pull::PullArgs),
        LsRemote(ls_remote::LsRemoteArgs),
    }
    "Look after the pool" {
        #[command(visible_alias = "describe")]
        Inspect(inspect::InspectArgs),
        Du(du::DuArgs),
        Forget(forget::ForgetArgs),
        Gc(gc::GcArgs),
        Fsck(fsck::FsckArgs),
        Doctor(doctor::DoctorArgs),
        Config(config::ConfigArgs),
        Ui(ui::UiArgs),
        Pool(pool::PoolArgs),
    }
    "Join dvol with other programs" {
        Plugin(plugin::PluginArgs),
        Hook(hook::HookArgs),
        Completion(completion::CompletionArgs),
    }
    // Not in the overview.
    "" {
        Help(help::HelpArgs),
        #[command(hide = true)]
        Man(man::ManArgs),
        #[command(hide = true)]
        PrepareSpares(prepare_spares::PrepareSparesArgs),
    }
}

impl Verb {
    /// Returns whether the verb prints commits by a template (`--format '{short} {subject}'`).
    pub(super) fn takes_template(&self) -> bool {
        matches!(self, Verb::Log(_) | Verb::Show(_))
    }

    /// Returns whether the verb's output names the volume that it worked on.
    pub(super) fn names_volume(&self) -> bool {
        matches!(self, Verb::Status(_) | Verb::Undo(_) | Verb::Redo(_) | Verb::Ensure(_))
    }

    /// Returns whether the verb sends trees to another machine, which takes memory.
    pub(super) fn sends_trees(&self) -> bool {
        matches!(self, Verb::Push(_))
    }

    /// Returns whether the verb makes the pool if there is none.
    pub(super) fn makes_pool(&self) -> bool {
        matches!(self, Verb::Init(_) | Verb::Import(_) | Verb::Config(_) | Verb::Clone(_) | Verb::Remote(_))
    }

    /// Returns whether the verb works on the pool, so that its image is mounted and an older layout
    /// is imported first. The driver does that for itself, and so does `pool`.
    pub(super) fn needs_pool(&self) -> bool {
        use Verb::{Completion, Doctor, Help, Man, Plugin, Pool};
        !matches!(self, Completion(_) | Man(_) | Help(_) | Doctor(_) | Plugin(_) | Pool(_))
    }
}
