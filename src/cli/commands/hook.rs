//! `dvol hook`

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::errors;
use crate::cli::git::Git;
use crate::cli::hook::Bound;
use crate::cli::hook::file::{Places, Wanted, binding};
use crate::cli::hook::follow::{Line, follow};
use crate::cli::output::{self, Failure, say};
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::report::Format;

/// Keep a volume on the branch of the code with a git hook
///
/// After git checks out a branch, the hook switches the volume to the branch of the same name; the
/// code's branch at install stands for the volume's branch at install. On first use, it makes the
/// branch: from the volume's HEAD if the code goes on from the branch that was left, else from the
/// newest commit made at code of that branch. Uncommitted changes stay in their branch. The hook
/// never makes a git command fail. If the repository has several work trees, the volume follows the
/// one where the hook was installed; nothing moves in the others, unless --worktrees gives each
/// data of its own. dvol doctor tells whether git still runs the hook.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol hook install frob_mysql
  dvol hook install --worktrees --env .env frob_mysql
  dvol config hook.enabled off
  dvol hook uninstall")]
pub(in crate::cli) struct HookArgs {
    #[command(subcommand)]
    verb: HookVerb,
}

#[derive(Debug, clap::Subcommand)]
enum HookVerb {
    /// Install a post-checkout hook in the surrounding git repository; keep an existing hook
    #[command(after_help = "Example:\n  dvol hook install frob_mysql\n  dvol hook install --sudo")]
    Install {
        /// Run dvol with sudo -n in the hook
        #[arg(long)]
        sudo: bool,
        /// Give each linked worktree of git data of its own, from git worktree add until git
        /// worktree remove: as dvol worktree add --project does
        #[arg(long)]
        worktrees: bool,
        /// With --worktrees, keep variables in this file of each: the name of its compose project,
        /// and free ports
        #[arg(long, value_name = "FILE", requires = "worktrees", value_hint = clap::ValueHint::FilePath)]
        env: Option<PathBuf>,
        /// Volume [default: the current volume]
        #[arg(add = crate::cli::complete::volumes())]
        volume: Option<VolumeName>,
    },
    /// Delete the hook that dvol installed, also where git no longer looks for it
    #[command(after_help = "Example:\n  dvol hook uninstall")]
    Uninstall,
    /// Switch the volume to the branch of the code; the hook runs this
    #[command(hide = true)]
    PostCheckout {
        /// Linked work tree that the volume follows [default: the main one]
        #[arg(long, value_name = "NAME")]
        work_tree: Option<OsString>,
        /// Branch of code, and the branch of data that it stands for
        #[arg(long, num_args = 2, value_names = ["CODE", "DATA"])]
        bind: Vec<String>,
        /// Give linked worktrees of git data of their own
        #[arg(long)]
        worktrees: bool,
        /// File for their variables
        #[arg(long, value_name = "FILE")]
        env: Option<PathBuf>,
        /// Arguments from git: previous HEAD, new HEAD, whether a branch was checked out
        #[arg(num_args = 0..)]
        words: Vec<String>,
    },
}

pub(in crate::cli) fn run(session: &Session, args: &HookArgs) -> Outcome {
    match &args.verb {
        HookVerb::Install { sudo, worktrees, env, volume } => {
            let wanted = |volume| Wanted {
                volume,
                sudo: *sudo,
                bound: None,
                worktrees: *worktrees,
                env: env.as_deref(),
            };
            install(session, volume.as_ref(), wanted)
        }
        HookVerb::Uninstall => uninstall(&Git::here(&session.pool)),
        HookVerb::PostCheckout { work_tree, bind, worktrees, env, words } => {
            let bound = match bind.as_slice() {
                [code, data] => Some(Bound { code: code.clone(), data: data.clone() }),
                _ => None,
            };
            let (followed, worktrees, env) = (work_tree.clone(), *worktrees, env.clone());
            let line = Line { followed, bound, worktrees, env };
            if let Err(failure) = follow(session, &line, words) {
                // git must not seem to fail because the hook did.
                errors::exit(&failure, Some(&session.pool), Format::Text);
                say("note", "the volume does not change; git is not affected");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn install<'a>(
    session: &Session,
    volume: Option<&VolumeName>,
    wanted: impl FnOnce(VolumeName) -> Wanted<'a>,
) -> Outcome {
    let volume = session.pool.select(session.volume(volume)?.as_ref())?;
    let git = Git::here(&session.pool);
    let places = Places::need(&git)?;
    let wanted = Wanted { bound: binding(session, &git, &volume)?, ..wanted(volume.clone()) };
    let path = places.install(session, &wanted)?;
    if session.wants_remarks() {
        let bound = wanted.bound.map_or_else(String::new, |Bound { code, data }| {
            format!("; the code's branch {code} stands for its branch {data}")
        });
        let worktrees = if wanted.worktrees { "; each worktree of git gets data of its own" } else { "" };
        let path = path.display();
        let mut out = output::out();
        writeln!(out, "Volume {volume} follows the branches of the code ({path}){bound}{worktrees}")
            .and_then(|()| out.flush())
            .map_err(Failure::Output)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn uninstall(git: &Git) -> Outcome {
    for path in Places::need(git)?.uninstall()? {
        say("hint", &format!("{} has a line of dvol's that a person added: delete it", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
