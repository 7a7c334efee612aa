//! `dvol tag`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::session::{Session, catch_interrupts};
use crate::cli::{Outcome, author, operands};
use crate::model::{Revision, TagName, VolumeName};
use crate::ops::{self, TagRequest};

/// Give a commit a name that holds it; without a name, list the tags
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol tag before-migration
  dvol tag -m 'The state that shows the bug' bug-42 HEAD~2 frob_mysql
  dvol tag -l 'v1.*'
  dvol tag -d before-migration")]
pub(in crate::cli) struct Args {
    /// Delete the tag; its commit stays while a branch or another tag holds it
    #[arg(short, long, conflicts_with_all = ["list", "message", "force"])]
    delete: bool,
    /// List the tags, those that PATTERN matches (* and ?)
    #[arg(short, long, conflicts_with_all = ["message", "force"])]
    list: bool,
    /// What to say of it
    #[arg(short, long, value_name = "MESSAGE")]
    message: Vec<String>,
    /// Move the tag when there is one of that name
    #[arg(short, long)]
    force: bool,
    /// The tag (with -l a pattern)
    #[arg(add = crate::cli::complete::tags())]
    name: Option<String>,
    /// The commit (HEAD when none is named), and the volume
    #[arg(num_args = 0..=2, value_names = ["REVISION", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let pool = &session.pool;
    let last_word = || -> Result<Option<VolumeName>, Failure> {
        match args.operands.as_slice() {
            [] => Ok(session.volume(None)?),
            [word] => Ok(session.volume(Some(&word.parse()?))?),
            _ => Err(Failure::Usage("a revision goes with a new tag only".to_owned())),
        }
    };
    match &args.name {
        Some(name) if args.delete => {
            let volume = last_word()?;
            catch_interrupts(pool)?;
            session.done(&ops::delete_tag(pool, volume.as_ref(), &name.parse()?)?)?;
        }
        None if args.delete => return Err(Failure::Usage("-d wants the tag's name".to_owned())),
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
                fallback: author::from_surroundings(),
                force: args.force,
            };
            catch_interrupts(pool)?;
            session.done(&ops::tag(pool, &request)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
