//! `dvol hook`

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::errors;
use crate::cli::git::Git;
use crate::cli::hook::Bound;
use crate::cli::hook::file::{Places, Wanted, binding};
use crate::cli::hook::follow::follow;
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
/// one where the hook was installed; nothing moves in the others. dvol doctor tells whether git
/// still runs the hook.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol hook install frob_mysql
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
        /// Arguments from git: previous HEAD, new HEAD, whether a branch was checked out
        #[arg(num_args = 0..)]
        words: Vec<String>,
    },
}

pub(in crate::cli) fn run(session: &Session, args: &HookArgs) -> Outcome {
    match &args.verb {
        HookVerb::Install { sudo, volume } => install(session, *sudo, volume.as_ref()),
        HookVerb::Uninstall => uninstall(&Git::here(&session.pool)),
        HookVerb::PostCheckout { work_tree, bind, words } => {
            let bound = match bind.as_slice() {
                [code, data] => Some(Bound { code: code.clone(), data: data.clone() }),
                _ => None,
            };
            if let Err(failure) = follow(session, work_tree.as_deref(), bound.as_ref(), words) {
                // git must not seem to fail because the hook did.
                errors::exit(&failure, Some(&session.pool), Format::Text);
                say("note", "the volume does not change; git is not affected");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn install(session: &Session, sudo: bool, volume: Option<&VolumeName>) -> Outcome {
    let volume = session.pool.select(session.volume(volume)?.as_ref())?;
    let git = Git::here(&session.pool);
    let places = Places::need(&git)?;
    let wanted = Wanted { volume: &volume, sudo, bound: binding(session, &git, &volume)? };
    let path = places.install(session, &wanted)?;
    if session.is_text() {
        let bound = wanted.bound.map_or_else(String::new, |Bound { code, data }| {
            format!("; the code's branch {code} stands for its branch {data}")
        });
        let mut out = output::out();
        writeln!(out, "Volume {volume} follows the branches of the code ({}){bound}", path.display())
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
