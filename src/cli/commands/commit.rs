//! `dvol commit`

use std::process::ExitCode;
use std::thread;

use super::log;
use crate::cli::git::Git;
use crate::cli::message::Message;
use crate::cli::project;
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, author, code};
use crate::model::{Daytime, Instant, ProjectName, Revision, Signature, Verb, VolumeName};
use crate::ops::{self, AmendRequest, CommitRequest, Surroundings};
use crate::pool::Pool;

/// Save the working tree of the current branch as a commit
///
/// Stops the containers that run on the volume, copies the working tree and starts them again. With
/// --pause, freezes them instead, which also works for containers that were started with --rm.
/// Prints the id of the commit last.
///
/// Inside a git work tree, the commit also records the state of the code: its remote, branch and
/// commit, and whether it had uncommitted changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol commit -m 'Before the migration'
  dvol commit -m 'Hello' frob_mysql
  dvol commit --project shop -m 'Before the migration'
  git log -1 --format=%B | dvol commit -F -
  dvol commit --amend -m 'Before the second migration'")]
pub(in crate::cli) struct CommitArgs {
    #[command(flatten)]
    message: Message,
    #[command(flatten)]
    project: ProjectArg,
    /// Author, as 'Name <email>'
    #[arg(long)]
    author: Option<String>,
    /// Date of the commit [default: now]: 2024-05-01, '2024-05-01 10:00', '2 hours ago'
    #[arg(long)]
    date: Option<String>,
    /// Replace the message of the newest commit (with --author and --date, those too); keep its
    /// tree
    #[arg(long, conflicts_with = "project")]
    amend: bool,
    /// Accepted for compatibility with git; empty commits are always allowed
    #[arg(long)]
    allow_empty: bool,
    /// Accepted for compatibility with git; a commit takes the whole working tree
    #[arg(short, long, hide = true)]
    all: bool,
    /// With --amend, keep the message
    #[arg(long, requires = "amend", conflicts_with_all = ["message", "file"])]
    no_edit: bool,
    /// Do not record the state of the code
    #[arg(long, conflicts_with = "amend")]
    no_code: bool,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &CommitArgs) -> Outcome {
    let pool = &session.pool;
    let author = args.author.as_deref().map(author::parse).transpose()?;
    let date = args.date.as_deref().map(|text| log::date(pool, text, Daytime::Start)).transpose()?;
    if let Some(project) = args.project.read(session, args.volume.as_ref())? {
        return commit_project(session, args, &project, author, date);
    }
    // Refuse before asking for a message.
    let volume = pool.select(session.volume(args.volume.as_ref())?.as_ref())?;
    if args.amend {
        let old = ops::rev_parse(pool, Some(&volume), &Revision::head())?;
        let about = format!("Change the message of commit {} of volume {volume}.", old.id.short());
        let message = if args.no_edit { old.message } else { args.message.get(&old.message, &about)? };
        catch_interrupts(pool)?;
        let amended = ops::amend(pool, &AmendRequest { volume: Some(volume), message, author, date })?;
        session.done(&amended)?;
        return Ok(ExitCode::SUCCESS);
    }
    let message = args.message.get("", &format!("Describe this state of volume {volume}."))?;
    let request = CommitRequest { volume: Some(volume), message, author, date };
    catch_interrupts(pool)?;
    let committed = ops::commit(pool, &request, ask_git(pool, args))?;
    session.note_containers(&committed.disruption);
    session.note_copy(&committed.copied, &committed.quiesced, &committed.disruption);
    session.done(&committed)?;
    session.end(Verb::Commit, [&committed.volume], &committed.disruption)
}

fn commit_project(
    session: &Session,
    args: &CommitArgs,
    project: &ProjectName,
    author: Option<Signature>,
    date: Option<Instant>,
) -> Outcome {
    let pool = &session.pool;
    // Refuse before asking for a message.
    pool.volumes_of_project(project)?;
    let message = args.message.get("", &format!("Describe this state of project {project}."))?;
    let request = CommitRequest { volume: None, message, author, date };
    catch_interrupts(pool)?;
    let committed = ops::commit_project(pool, project, &request, ask_git(pool, args))?;
    let disruption = committed.first().map(|first| first.disruption.clone()).unwrap_or_default();
    session.note_containers(&disruption);
    for one in &committed {
        session.note_copy(&one.copied, &one.quiesced, &one.disruption);
    }
    let volumes = || committed.iter().map(|one| &one.volume);
    project::note(session, project, volumes());
    session.done(&committed)?;
    session.end(Verb::Commit, volumes(), &disruption)
}

/// Asks git for the author and the state of the code on threads of their own, since git may be
/// slow; returns a function that waits for the answers.
fn ask_git(pool: &Pool, args: &CommitArgs) -> impl FnOnce() -> Surroundings + use<> {
    let (no_code, git) = (args.no_code, Git::here(pool));
    let for_author = git.clone();
    let code = thread::spawn(move || if no_code { None } else { code::state(&git) });
    let author = thread::spawn(move || author::from_surroundings(&for_author));
    move || Surroundings {
        author: author.join().expect("asking for the author does not panic"),
        code: code.join().unwrap_or_default(),
    }
}
