//! `dvol hook`

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::git::{Git, Repository};
use crate::cli::output::{self, Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::error::Error;
use crate::model::{BranchName, Revision, Verb, VolumeName};
use crate::ops::{self, CheckoutRequest, Target};
use crate::sys::disk;

/// The second line of the hook, which tells it from other hooks.
const MARK: &str = "# Made by dvol hook install, format 1.";

/// Keep a volume on the branch of the code with a git hook
///
/// After git checks out a branch, the hook switches the volume to the branch of the same name and,
/// on first use, creates it from the volume's HEAD. Uncommitted changes stay in their branch. The
/// hook never makes a git command fail. If the repository has several work trees, the volume
/// follows the one where the hook was installed.
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
    /// Delete the hook that dvol installed
    #[command(after_help = "Example:\n  dvol hook uninstall")]
    Uninstall,
    /// Switch the volume to the branch of the code; the hook runs this
    #[command(hide = true)]
    PostCheckout {
        /// Linked work tree that the volume follows [default: the main one]
        #[arg(long, value_name = "NAME")]
        work_tree: Option<OsString>,
        /// Arguments from git: previous HEAD, new HEAD, whether a branch was checked out
        #[arg(num_args = 0..)]
        words: Vec<String>,
    },
}

pub(in crate::cli) fn run(session: &Session, args: &HookArgs) -> Outcome {
    match &args.verb {
        HookVerb::Install { sudo, volume } => install(session, *sudo, volume.as_ref()),
        HookVerb::Uninstall => uninstall(&Git::here(&session.pool)),
        HookVerb::PostCheckout { work_tree, words } => {
            if let Err(failure) = post_checkout(session, work_tree.as_deref(), words) {
                // git must not seem to fail because the hook did.
                crate::cli::errors::exit(&failure, Some(&session.pool), crate::report::Format::Text);
                say("note", "the volume does not change; git is not affected");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Returns the repository around the current directory and the path of its hook.
fn find(git: &Git) -> Result<(Repository, PathBuf), Failure> {
    let path = git.look_up(&["rev-parse", "--git-path", "hooks/post-checkout"]);
    let (repository, path) = git.repository().zip(path).ok_or_else(|| {
        Failure::Failed("not in a git repository: run dvol hook in the work tree of the code".to_owned())
    })?;
    let path = std::path::absolute(path).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok((repository, path))
}

fn is_ours(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.lines().nth(1) == Some(MARK))
}

fn install(session: &Session, sudo: bool, volume: Option<&VolumeName>) -> Outcome {
    let volume = session.pool.select(session.volume(volume)?.as_ref())?;
    let (repository, path) = find(&Git::here(&session.pool))?;
    let root = quoted(session.pool.layout().root().as_os_str());
    let alone = if session.globals.disable_docker_integration { " --disable-docker-integration" } else { "" };
    let sudo = if sudo { "sudo -n " } else { "" };
    let linked = repository.linked_name().map(|name| format!(" --work-tree {}", quoted(name)));
    let linked = linked.unwrap_or_default();
    let line = format!(
        "{sudo}dvol --pool {root} -C {volume} --lock-timeout 10{alone} hook post-checkout{linked} -- \"$@\" </dev/null || :"
    );
    if path.exists() && !is_ours(&path) {
        say("error", &format!("cannot install the hook: {} exists already", path.display()));
        say("hint", &format!("add this line to it: {line}"));
        return Ok(ExitCode::FAILURE);
    }
    let text = format!(
        "#!/bin/sh\n{MARK}\n# Keeps volume {volume} on the branch of the code.\n\
         # To disable: dvol config hook.enabled off. To delete: dvol hook uninstall.\n\
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
        let mut out = output::out();
        writeln!(out, "Volume {volume} follows the branches of the code ({})", path.display())
            .and_then(|()| out.flush())
            .map_err(Failure::Output)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Quotes a word for the shell.
fn quoted(word: &OsStr) -> String {
    format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))
}

fn uninstall(git: &Git) -> Outcome {
    let (_, path) = find(git)?;
    if !is_ours(&path) {
        return Err(Failure::Failed(format!(
            "cannot uninstall the hook: {} was not installed by dvol",
            path.display()
        )));
    }
    disk::remove_file(&path)?;
    Ok(ExitCode::SUCCESS)
}

/// Switches the volume to the branch of the code. git runs the hook for every work tree of a
/// repository; the volume follows one of them.
fn post_checkout(session: &Session, followed: Option<&OsStr>, words: &[String]) -> Result<(), Failure> {
    let pool = &session.pool;
    let git = Git::here(pool);
    if git.repository().is_none_or(|repository| repository.linked_name() != followed) {
        return Ok(());
    }
    // git passes 0 as the third argument when it checked out single files.
    if words.get(2).is_some_and(|flag| flag == "0") {
        return Ok(());
    }
    let volume = pool.select(session.volume(None)?.as_ref())?;
    if ops::setting(pool, Some(&volume), "hook.enabled")?.value == "off" {
        return Ok(());
    }
    // A detached HEAD has no branch to follow.
    let Some(name) = git.look_up(&["symbolic-ref", "--short", "-q", "HEAD"]) else { return Ok(()) };
    let name = name.trim();
    let Ok(branch) = name.parse::<BranchName>() else {
        say("note", &format!("dvol: volume {volume} does not change: '{name}' is not a valid branch name"));
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
            session.note_containers(&done.disruption);
            let made = if done.created { "the new branch" } else { "branch" };
            say("dvol", &format!("volume {volume} is on {made} {branch}"));
            session.end(Verb::Checkout, [&volume], &done.disruption).map(drop)
        }
        Err(Error::NoCommits { .. }) => {
            say(
                "note",
                &format!(
                    "dvol: volume {volume} does not change: it has no commit to start branch {branch} from"
                ),
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
