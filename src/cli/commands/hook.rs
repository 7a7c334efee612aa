//! `dvol hook`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::code::git;
use crate::cli::output::{Failure, say};
use crate::cli::session::{Session, catch_interrupts};
use crate::error::Error;
use crate::model::{BranchName, Revision, VolumeName};
use crate::ops::{self, CheckoutRequest, Target};
use crate::sys::disk;

/// The first line of ours behind the shell's; tells our hook from another one.
const MARK: &str = "# Made by dvol hook install, format 1.";

/// Keep a volume's branch with the branch of the code, by a git hook
///
/// After git has checked out a branch, the volume is switched to the branch of the same name, which
/// is made from the volume's HEAD on first use. Uncommitted changes stay in their branch. Nothing of
/// it ever keeps git from its work.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol hook install frob_mysql
  dvol config hook.enabled off
  dvol hook uninstall")]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    verb: HookVerb,
}

#[derive(Debug, clap::Subcommand)]
enum HookVerb {
    /// Make the post-checkout hook in the git repository around; one that is there already is kept
    #[command(after_help = "Example:\n  dvol hook install frob_mysql\n  dvol hook install --sudo")]
    Install {
        /// Run dvol by sudo -n in the hook
        #[arg(long)]
        sudo: bool,
        /// The volume; the current one when none is named
        #[arg(add = crate::cli::complete::volumes())]
        volume: Option<VolumeName>,
    },
    /// Delete the hook that dvol made
    #[command(after_help = "Example:\n  dvol hook uninstall")]
    Uninstall,
    /// What the hook runs
    #[command(hide = true)]
    PostCheckout {
        /// What git says: HEAD before, HEAD after, whether a branch was checked out
        #[arg(num_args = 0..)]
        words: Vec<String>,
    },
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    match &args.verb {
        HookVerb::Install { sudo, volume } => install(session, *sudo, volume.as_ref()),
        HookVerb::Uninstall => uninstall(),
        HookVerb::PostCheckout { words } => {
            if let Err(failure) = post_checkout(session, words) {
                // A hook that fails must not look as if git had.
                crate::cli::errors::exit(&failure, Some(&session.pool));
                say("note", "the volume stays as it is; git is not affected");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn hook_path() -> Result<PathBuf, Failure> {
    let path = git(&["rev-parse", "--git-path", "hooks/post-checkout"]);
    let path = path.ok_or_else(|| {
        Failure::Failed("there is no git repository here: run it in the work tree of the code".to_owned())
    })?;
    std::path::absolute(path.trim_end()).map_err(|error| Failure::Failed(error.to_string()))
}

fn is_ours(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().nth(1) == Some(MARK))
}

fn install(session: &Session, sudo: bool, volume: Option<&VolumeName>) -> Outcome {
    let volume = session.pool.select(session.volume(volume)?.as_ref())?;
    let path = hook_path()?;
    let root = session.pool.layout().root().to_string_lossy().replace('\'', "'\\''");
    let alone = if session.globals.disable_docker_integration { " --disable-docker-integration" } else { "" };
    let sudo = if sudo { "sudo -n " } else { "" };
    let line = format!(
        "{sudo}dvol --pool '{root}' -C {volume} --lock-timeout 10{alone} hook post-checkout \"$@\" </dev/null || :"
    );
    if path.exists() && !is_ours(&path) {
        say("error", &format!("there is a hook already: {}", path.display()));
        say("hint", &format!("add this line to it: {line}"));
        return Ok(ExitCode::FAILURE);
    }
    let text = format!(
        "#!/bin/sh\n{MARK}\n# Keeps the branch of volume {volume} with the branch of the code.\n\
         # dvol config hook.enabled off turns it off, dvol hook uninstall deletes it.\n\
         command -v dvol >/dev/null 2>&1 || exit 0\n{line}\nexit 0\n"
    );
    if path.exists() {
        disk::remove_file(&path)?;
    }
    if let Some(folder) = path.parent() {
        disk::ensure_directory(folder, 0o755)?;
    }
    disk::write_new(&path, text.as_bytes(), 0o755)?;
    if session.is_text() {
        println!("Volume {volume} follows the branches of the code ({})", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn uninstall() -> Outcome {
    let path = hook_path()?;
    if !is_ours(&path) {
        return Err(Failure::Failed(format!("{} is no hook that dvol made", path.display())));
    }
    disk::remove_file(&path)?;
    Ok(ExitCode::SUCCESS)
}

/// Brings the volume to the branch of the code.
fn post_checkout(session: &Session, words: &[String]) -> Result<(), Failure> {
    let pool = &session.pool;
    // The third word is 0 when single files were checked out.
    if words.get(2).is_some_and(|flag| flag == "0") {
        return Ok(());
    }
    let volume = pool.select(session.volume(None)?.as_ref())?;
    if ops::setting(pool, Some(&volume), "hook.enabled")?.value == "off" {
        return Ok(());
    }
    // A detached HEAD has no branch to follow.
    let Some(name) = git(&["symbolic-ref", "--short", "-q", "HEAD"]) else { return Ok(()) };
    let name = name.trim();
    let Ok(branch) = name.parse::<BranchName>() else {
        say("note", &format!("dvol: '{name}' cannot name a branch of volume {volume}, which stays as it is"));
        return Ok(());
    };
    let mut request = CheckoutRequest {
        volume: Some(volume.clone()),
        branch: Target::Branch(branch.clone()),
        create: None,
        replace: false,
        force: true,
    };
    if pool.store().read(|rows| rows.branch(&volume, &branch))?.is_none() {
        request.create = Some(Revision::head());
    }
    catch_interrupts(pool)?;
    match ops::checkout(pool, &request) {
        Ok(done) if done.from == done.branch && !done.created => Ok(()),
        Ok(done) => {
            let made = if done.created { "the new branch" } else { "branch" };
            say("dvol", &format!("volume {volume} is on {made} {branch}"));
            Ok(())
        }
        Err(Error::NoCommits { .. }) => {
            say("note", &format!("dvol: volume {volume} has no commit to start branch {branch} from"));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
