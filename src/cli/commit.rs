//! `dvol commit`

use std::process::ExitCode;

use super::session::{Session, catch_interrupts};
use super::{Outcome, author};
use crate::model::VolumeName;
use crate::ops::{self, CommitRequest};

/// Keep the state of the current branch as a commit
///
/// Containers that run on the volume are stopped for the copy and started again; one that its
/// engine would delete when it stops (--rm) is paused. The id of the commit is printed last.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol commit -m 'Before the migration'\n  dvol commit -m 'Hello' frob_mysql"
)]
pub(super) struct Args {
    /// What the commit is; may be given several times, one paragraph each
    #[arg(short, long, value_name = "MESSAGE")]
    message: Vec<String>,
    /// Who commits, as 'Name <email>'
    #[arg(long)]
    author: Option<String>,
    /// The volume; the current one when none is named
    #[arg(add = super::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let author = args.author.as_deref().map(author::parse).transpose()?;
    let request = CommitRequest {
        volume: session.volume(args.volume.as_ref())?.cloned(),
        message: args.message.join("\n\n"),
        author,
        fallback: author::from_surroundings(),
        code: None,
    };
    catch_interrupts(&session.pool)?;
    let committed = ops::commit(&session.pool, &request)?;
    session.note_containers("stopped and started", &committed.containers);
    session.note_copy(&committed.copied);
    session.print(&committed)?;
    Ok(ExitCode::SUCCESS)
}
