//! `dvol stash`

use std::process::ExitCode;

use crate::cli::author;
use crate::cli::git::Git;
use crate::cli::output::{Failure, say, write_each};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, output};
use crate::model::Verb;
use crate::ops::{self, Stashed};
use crate::report::{DiffStat, diff_json, diff_patch};

/// Put uncommitted changes aside, and bring them back
///
/// A stash keeps the whole working tree as a commit beside the branch, and resets the working tree
/// to HEAD. Nothing deletes it but pop and drop. Restarts the containers that run on the volume;
/// dvol undo takes each step back.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example:
  dvol stash
  dvol stash push -m 'Half a migration'
  dvol stash list
  dvol stash pop
  dvol stash drop 1 -C frob_mysql")]
pub(in crate::cli) struct StashArgs {
    #[command(subcommand)]
    verb: Option<StashVerb>,
    #[command(flatten)]
    push: PushArgs,
}

#[derive(Debug, Default, clap::Args)]
struct PushArgs {
    /// Name of the stash [default: the head's message]
    #[arg(short, long)]
    message: Option<String>,
    /// Accepted for compatibility with git: dvol always takes all files
    #[arg(short = 'u', long, short_alias = 'a', alias = "all", hide = true)]
    include_untracked: bool,
}

#[derive(Debug, clap::Args)]
struct NumberArgs {
    /// Stash: N or stash@{N}; 0 is the newest
    #[arg(default_value = "0", value_parser = number)]
    stash: usize,
}

#[derive(Debug, clap::Subcommand)]
enum StashVerb {
    /// Put the changes aside; the default
    #[command(after_help = "Example:\n  dvol stash push -m 'Half a migration'")]
    Push(PushArgs),
    /// Bring a stash back, and drop it
    #[command(after_help = "Example:\n  dvol stash pop\n  dvol stash pop 1")]
    Pop(NumberArgs),
    /// Bring a stash back, and keep it
    #[command(after_help = "Example:\n  dvol stash apply")]
    Apply(NumberArgs),
    /// List the stashes, the newest first
    #[command(after_help = "Example:\n  dvol stash list")]
    List,
    /// Show what a stash changed: a table of counts, or with --patch all lines
    #[command(after_help = "Example:\n  dvol stash show --patch")]
    Show {
        /// Show the changed lines of text files
        #[arg(long)]
        patch: bool,
        #[command(flatten)]
        number: NumberArgs,
    },
    /// Delete a stash
    #[command(after_help = "Example:\n  dvol stash drop 1")]
    Drop(NumberArgs),
}

/// Parses `N` or `stash@{N}`.
fn number(text: &str) -> Result<usize, String> {
    let inside = text.strip_prefix("stash@{").and_then(|rest| rest.strip_suffix('}'));
    inside.unwrap_or(text).parse().map_err(|_| format!("'{text}' is no stash: use N or stash@{{N}}"))
}

pub(in crate::cli) fn run(session: &Session, args: &StashArgs) -> Outcome {
    let volume = session.volume(None)?;
    let (pool, volume) = (&session.pool, volume.as_ref());
    match &args.verb {
        None => push(session, &args.push),
        Some(StashVerb::Push(args)) => push(session, args),
        Some(StashVerb::List) => {
            session.page(&ops::stashes(pool, volume)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(StashVerb::Show { patch, number }) => show(session, number.stash, *patch),
        Some(StashVerb::Drop(number)) => end(session, &ops::stash_drop(pool, volume, number.stash)?),
        Some(StashVerb::Pop(number) | StashVerb::Apply(number)) => {
            let pops = matches!(args.verb, Some(StashVerb::Pop(_)));
            catch_interrupts(pool)?;
            end(session, &ops::stash_apply(pool, volume, number.stash, pops)?)
        }
    }
}

fn push(session: &Session, args: &PushArgs) -> Outcome {
    let author = author::from_surroundings(&Git::here(&session.pool));
    catch_interrupts(&session.pool)?;
    let volume = session.volume(None)?;
    match ops::stash_push(&session.pool, volume.as_ref(), args.message.as_deref(), &author)? {
        Some(done) => end(session, &done),
        None => {
            if session.wants_remarks() {
                say("note", "no uncommitted changes to put aside");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn end(session: &Session, done: &Stashed) -> Outcome {
    session.note_containers(&done.disruption);
    session.done(done)?;
    if session.wants_remarks() {
        output::say("hint", &format!("undo this: dvol undo {}", done.stash.volume));
    }
    session.end(Verb::Stash, [&done.stash.volume], &done.disruption)
}

fn show(session: &Session, number: usize, patch: bool) -> Outcome {
    let stash = ops::stash(&session.pool, session.volume(None)?.as_ref(), number)?;
    session.paged(&mut |out| {
        let mut stat = DiffStat::default();
        let of = (&stash.volume, &stash.commit);
        let write = |entry| match (session.is_text(), patch) {
            (false, _) => diff_json(out, &entry),
            (true, true) => diff_patch(out, &entry),
            (true, false) => {
                stat.add(&entry);
                Ok(())
            }
        };
        write_each(write, |visit| ops::diff_of_commit(&session.pool, of, false, visit))?;
        stat.write(out).map_err(Failure::Output)
    })?;
    Ok(ExitCode::SUCCESS)
}
