//! `dvol push`

use std::process::ExitCode;

use crate::cli::confirm::confirmed;
use crate::cli::output::{Failure, say};
use crate::cli::project::ProjectArg;
use crate::cli::remotes::{PasswordArgs, is_made, meant};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, errors};
use crate::model::{VolumeName, count, format_size};
use crate::ops::{self, Access, Force, PushRequest, PushSpec, Pushed, RefOutcome, Tags};
use crate::remotes::Rejection;

/// Send commits to a remote, and move its branches and tags
///
/// Without names, the current branch goes to the branch that it follows, or to one of its name. The
/// remote gets what it does not have yet; containers go on running. A branch of the remote only
/// moves forward, unless --force or --force-with-lease is given. The first push makes the
/// repository.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol push -u origin master
  dvol push
  dvol push origin small
  dvol push --force-with-lease
  dvol push --delete origin experiment
  dvol push -n --tags origin -C frob_mysql
  dvol push --project . origin")]
pub(in crate::cli) struct PushArgs {
    /// From now on, let the branches follow those that they are pushed to
    #[arg(short = 'u', long)]
    set_upstream: bool,
    /// Only tell what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Move branches and tags in any case, and give up what they led to
    #[arg(long, conflicts_with = "force_with_lease")]
    force: bool,
    /// As --force, but only where they still lead to what was last seen there, or to COMMIT
    #[arg(long, value_name = "REF:COMMIT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    force_with_lease: Option<String>,
    /// Push all tags as well
    #[arg(long)]
    tags: bool,
    /// Push tags with a message as well, if they are on a commit that is pushed and the remote does
    /// not have them
    #[arg(long, conflicts_with = "tags")]
    follow_tags: bool,
    /// Delete these branches and tags of the remote
    #[arg(short, long, requires = "refs", conflicts_with_all = ["tags", "follow_tags", "set_upstream"])]
    delete: bool,
    /// Make a repository without a question; needed where there is no terminal to ask on
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    project: ProjectArg,
    #[command(flatten)]
    password: PasswordArgs,
    /// Remote [default: the one that the current branch follows, or origin]
    #[arg(add = crate::cli::complete::remotes())]
    remote: Option<String>,
    /// Branches, tags and commits: SRC, or SRC:DST for another name there
    #[arg(value_name = "SRC[:DST]", add = crate::cli::complete::remote_and_refs())]
    refs: Vec<String>,
}

/// What a push to a new repository means.
const NEW: &str = "everything in the volume goes there, personal data too";
/// What a push to a new public repository means as well.
const PUBLIC: &str = ", for all who can read its files";

pub(in crate::cli) fn run(session: &Session, args: &PushArgs) -> Outcome {
    let pool = &session.pool;
    let project = args.project.read(session, None)?;
    if project.is_some() && !args.refs.is_empty() {
        let text = "--project pushes the current branch of each volume: name no branches and tags";
        return Err(Failure::Usage(text.to_owned()));
    }
    let volumes = match &project {
        Some(project) => pool.volumes_of_project(project)?,
        None => vec![pool.select(session.volume(None)?.as_ref())?],
    };
    let mut pushes = Vec::new();
    for volume in volumes {
        let Some(access) = access(session, args, &volume)? else { return Ok(ExitCode::FAILURE) };
        let request = PushRequest {
            volume: Some(volume),
            specs: args.refs.iter().map(|text| spec(text, args.delete)).collect::<Result<_, _>>()?,
            tags: if args.tags {
                Tags::All
            } else if args.follow_tags {
                Tags::Follow
            } else {
                Tags::Named
            },
            dry_run: args.dry_run,
            force: force(session, args)?,
            set_upstream: args.set_upstream,
        };
        pushes.push((request, access));
    }
    catch_interrupts(pool)?;
    // Of a project, all that is refused is known before anything is sent.
    if pushes.len() > 1 && !args.dry_run {
        let mut rejected = Vec::new();
        for (request, access) in &pushes {
            let foreseen = ops::push(pool, access, &PushRequest { dry_run: true, ..request.clone() })?;
            rejected.extend(Some(foreseen).filter(Pushed::is_rejected));
        }
        if !rejected.is_empty() {
            rejected.iter().try_for_each(|pushed| session.done(pushed))?;
            rejected.iter().for_each(say_rejected);
            return Ok(ExitCode::from(errors::FAILED));
        }
    }
    let mut code = ExitCode::SUCCESS;
    for (request, access) in &pushes {
        let pushed = ops::push(pool, access, request)?;
        session.done(&pushed)?;
        if !pushed.commits.is_empty() && !pushed.dry_run && session.wants_remarks() {
            let (sent, bytes) = (format_size(pushed.sent), format_size(pushed.bytes));
            say("note", &format!("sent {sent} of {bytes} in {}", count(pushed.packs as usize, "pack")));
        }
        if pushed.is_rejected() {
            say_rejected(&pushed);
            code = ExitCode::from(errors::FAILED);
        }
    }
    Ok(code)
}

/// Joins the remote of a volume with its password. Before a repository is made, asks whether that
/// is meant; `None` if not.
fn access(session: &Session, args: &PushArgs, volume: &VolumeName) -> Result<Option<Access>, Failure> {
    let remote = meant(session, Some(volume), args.remote.as_deref())?;
    // To look whether there is one takes a connection.
    if !args.dry_run && !args.yes && !is_made(&remote)? {
        let readers = if args.password.is_public(&remote)? { PUBLIC } else { "" };
        let question = format!(
            "Everything in {volume}, personal data too, goes to a new repository at {}{readers}. Go on?",
            remote.url
        );
        match confirmed("push to a new repository", &question) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(Failure::NotConfirmed { .. }) => {
                let text = format!("cannot make a repository at {} without -y: {NEW}{readers}", remote.url);
                return Err(Failure::Failed(text));
            }
            Err(other) => return Err(other),
        }
    }
    args.password.access(remote, !args.dry_run).map(Some)
}

fn say_rejected(pushed: &Pushed) {
    say("error", &format!("failed to push some refs to '{}'", pushed.url));
    hints(pushed).iter().for_each(|hint| say("hint", hint));
}

/// Says what to do about refs that were not moved.
fn hints(pushed: &Pushed) -> Vec<String> {
    let has = |rejection| pushed.refs.iter().any(|one| one.outcome == RefOutcome::Rejected(rejection));
    let (remote, volume) = (&pushed.remote, &pushed.volume);
    let mut hints = Vec::new();
    if has(Rejection::FetchFirst) {
        hints.push("the remote has commits that are not here".to_owned());
        hints.push(format!("see them: dvol fetch {remote} -C {volume}"));
        hints.push(format!("go on from them: dvol pull {remote} -C {volume}"));
    }
    if has(Rejection::NonFastForward) {
        hints.push("the remote has commits that yours do not descend from".to_owned());
        hints.push(format!(
            "give them up, if no one else pushed meanwhile: dvol push --force-with-lease -C {volume}"
        ));
    }
    if has(Rejection::StaleInfo) {
        hints.push(format!("look at what the remote has now: dvol fetch {remote} -C {volume}"));
    }
    if has(Rejection::AlreadyExists) {
        hints.push(format!("move the remote's tag: dvol push --force {remote} TAG -C {volume}"));
    }
    if has(Rejection::NoSuchRef) {
        hints.push(format!("list what the remote has: dvol ls-remote {remote}"));
    }
    if pushed.refs.iter().any(|one| !one.crossed.is_empty()) {
        hints.push(
            "another push crossed this one, and both are kept; choose one with dvol push --force".to_owned(),
        );
    }
    hints
}

fn spec(text: &str, delete: bool) -> Result<PushSpec, Failure> {
    let some = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let spec = match text.split_once(':') {
        Some(_) if delete => return Err(Failure::Usage(format!("--delete takes names alone, not '{text}'"))),
        None if delete => PushSpec { source: None, destination: some(text) },
        None => PushSpec { source: some(text), destination: None },
        Some((source, destination)) => PushSpec { source: some(source), destination: some(destination) },
    };
    if spec.source.is_none() && spec.destination.is_none() {
        return Err(Failure::Usage(format!("'{text}' names nothing to push")));
    }
    Ok(spec)
}

fn force(session: &Session, args: &PushArgs) -> Result<Force, Failure> {
    Ok(match args.force_with_lease.as_deref() {
        None if args.force => Force::Yes,
        None => Force::No,
        Some("") => Force::Lease,
        Some(text) => match text.split_once(':') {
            Some((name, commit)) => Force::LeaseOf(name.to_owned(), session.revision(commit)?),
            None => {
                let text = format!("--force-with-lease takes REF:COMMIT, not '{text}'");
                return Err(Failure::Usage(text));
            }
        },
    })
}
