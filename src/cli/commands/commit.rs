//! `dvol commit`

use std::process::ExitCode;
use std::thread;

use super::log;
use crate::cli::message::Message;
use crate::cli::project;
use crate::cli::project::ProjectArg;
use crate::cli::session::{Session, catch_interrupts};
use crate::cli::{Outcome, author, code};
use crate::model::{Daytime, Instant, ProjectName, Revision, Signature, VolumeName};
use crate::ops::{self, AmendRequest, CommitRequest, Surroundings};

/// Keep the state of the current branch as a commit
///
/// Containers that run on the volume are stopped for the copy and started again, or only frozen with --pause: the
/// one way for those that their engine would delete when they stop (--rm). The id of the commit is printed last.
///
/// A commit made inside a git work tree records the state of that code: its remote, branch, commit,
/// and whether it had changes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol commit -m 'Before the migration'
  dvol commit -m 'Hello' frob_mysql
  dvol commit --project shop -m 'Before the migration'
  git log -1 --format=%B | dvol commit -F -
  dvol commit --amend -m 'Before the second migration'")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    message: Message,
    #[command(flatten)]
    project: ProjectArg,
    /// Who commits, as 'Name <email>'
    #[arg(long)]
    author: Option<String>,
    /// When, if not now: 2024-05-01, '2024-05-01 10:00', '2 hours ago'
    #[arg(long)]
    date: Option<String>,
    /// Give the newest commit another message (and with --author and --date those); its tree stays as it is
    #[arg(long, conflicts_with = "project")]
    amend: bool,
    /// Taken for those who are used to it: a commit is allowed when nothing changed, as always
    #[arg(long)]
    allow_empty: bool,
    /// Do not record the state of the code around
    #[arg(long, conflicts_with = "amend")]
    no_code: bool,
    /// The volume; the current one when none is named
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let pool = &session.pool;
    let author = args.author.as_deref().map(author::parse).transpose()?;
    let date = args.date.as_deref().map(|text| log::date(pool, text, Daytime::Start)).transpose()?;
    if let Some(project) = args.project.read(session, args.volume.as_ref())? {
        return commit_project(session, args, &project, author, date);
    }
    // Refused before anybody is asked for a message.
    let volume = pool.select(session.volume(args.volume.as_ref())?.as_ref())?;
    if args.amend {
        let old = ops::rev_parse(pool, Some(&volume), &Revision::head())?;
        let about = format!("Other words for commit {} of volume {volume}.", old.id.short());
        let message = args.message.get(&old.message, &about)?;
        catch_interrupts(pool)?;
        let amended = ops::amend(pool, &AmendRequest { volume: Some(volume), message, author, date })?;
        session.done(&amended)?;
        return Ok(ExitCode::SUCCESS);
    }
    let message = args.message.get("", &format!("What is this state of volume {volume}?"))?;
    let request = CommitRequest { volume: Some(volume), message, author, date };
    catch_interrupts(pool)?;
    let committed = ops::commit(pool, &request, ask_git(args))?;
    session.note_containers("stopped and started", &committed.containers);
    let held = !committed.containers.is_empty();
    session.note_copy(&committed.copied, &committed.quiesced, held, committed.downtime_ms);
    session.done(&committed)?;
    Ok(ExitCode::SUCCESS)
}

fn commit_project(
    session: &Session,
    args: &Args,
    project: &ProjectName,
    author: Option<Signature>,
    date: Option<Instant>,
) -> Outcome {
    let pool = &session.pool;
    // Refused before anybody is asked for a message.
    pool.volumes_of_project(project)?;
    let message = args.message.get("", &format!("What is this state of project {project}?"))?;
    let request = CommitRequest { volume: None, message, author, date };
    catch_interrupts(pool)?;
    let committed = ops::commit_project(pool, project, &request, ask_git(args))?;
    if let Some(first) = committed.first() {
        session.note_containers("stopped and started", &first.containers);
    }
    for one in &committed {
        session.note_copy(&one.copied, &one.quiesced, !one.containers.is_empty(), one.downtime_ms);
    }
    project::note(session, project, committed.iter().map(|one| &one.volume));
    session.done(&committed)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks git for the author and the code, which takes its time, and gives what waits for the answers.
fn ask_git(args: &Args) -> impl FnOnce() -> Surroundings + use<> {
    let no_code = args.no_code;
    let code = thread::spawn(move || if no_code { None } else { code::state() });
    let author = thread::spawn(author::from_surroundings);
    move || Surroundings {
        author: author.join().expect("asking for the author does not panic"),
        code: code.join().unwrap_or_default(),
    }
}
