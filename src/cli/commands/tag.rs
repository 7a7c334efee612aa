//! `dvol tag`

use std::process::ExitCode;

use crate::cli::git::Git;
use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, author, operands};
use crate::model::{Revision, TagName, VolumeName};
use crate::ops::{self, TagRequest};

/// Create, list or delete tags; a commit with a tag is never dropped
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol tag before-migration
  dvol tag -m 'The state that shows the bug' bug-42 HEAD~2 frob_mysql
  dvol tag -l 'v1.*'
  dvol tag -d before-migration")]
pub(in crate::cli) struct TagArgs {
    /// Delete a tag; drop its commit if it is not reachable otherwise
    #[arg(short, long, conflicts_with_all = ["list", "message"])]
    delete: bool,
    /// List the tags, or only those that match a pattern (* and ?)
    #[arg(short, long, conflicts_with_all = ["message", "force"])]
    list: bool,
    /// Message of the tag
    #[arg(short, long, value_name = "MESSAGE")]
    message: Vec<String>,
    /// Accepted for compatibility with git; every tag has a date and its author
    #[arg(short, long, hide = true)]
    annotate: bool,
    /// Move the tag if it exists; with -d, delete it even if it is protected
    #[arg(short, long)]
    force: bool,
    /// Tag (with -l, pattern)
    #[arg(add = crate::cli::complete::tags())]
    name: Option<String>,
    /// Commit [default: HEAD] and volume
    #[arg(num_args = 0..=2, value_names = ["REVISION", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &TagArgs) -> Outcome {
    let pool = &session.pool;
    let last_word = || -> Result<Option<VolumeName>, Failure> {
        match args.operands.as_slice() {
            [] => Ok(session.volume(None)?),
            [word] => Ok(session.volume(Some(&word.parse()?))?),
            _ => Err(Failure::Usage("only a new tag takes a revision".to_owned())),
        }
    };
    match &args.name {
        Some(name) if args.delete => {
            let volume = last_word()?;
            catch_interrupts(pool)?;
            session.done(&ops::delete_tag(pool, volume.as_ref(), &name.parse()?, args.force)?)?;
        }
        None if args.delete => return Err(Failure::Usage("-d takes the name of a tag".to_owned())),
        None => session.print(&ops::tags(pool, session.volume(None)?.as_ref(), None)?)?,
        Some(pattern) if args.list => {
            session.print(&ops::tags(pool, last_word()?.as_ref(), Some(pattern))?)?;
        }
        Some(name) => {
            let name: TagName = name.parse()?;
            let operands = operands::read(session, &args.operands)?;
            let request = TagRequest {
                volume: operands.volume,
                name,
                revision: operands.revision.unwrap_or_else(Revision::head),
                message: args.message.join("\n\n"),
                fallback: author::from_surroundings(&Git::here(pool)),
                force: args.force,
            };
            catch_interrupts(pool)?;
            session.done(&ops::tag(pool, &request)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
