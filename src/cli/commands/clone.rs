//! `dvol clone`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{Revision, VolumeName};
use crate::ops;

/// Create a volume from a commit of another volume
///
/// The new volume has a branch master with a copy of that commit. The two volumes share neither
/// history nor files. The current volume does not change.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol clone frob_mysql frob_test\n  dvol clone frob_mysql:HEAD~2 frob_test"
)]
pub(in crate::cli) struct CloneArgs {
    /// Volume to copy, optionally with a commit [default: HEAD]
    #[arg(value_name = "SRC[:REVISION]", add = crate::cli::complete::sources())]
    source: String,
    /// Name of the new volume
    new: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &CloneArgs) -> Outcome {
    let (source, revision) = source(session, &args.source)?;
    catch_interrupts(&session.pool)?;
    session.done(&ops::clone(&session.pool, &source, &revision, &args.new)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Parses `VOLUME[:REVISION]`.
pub(in crate::cli) fn source(
    session: &Session,
    text: &str,
) -> Result<(VolumeName, Revision), crate::cli::output::Failure> {
    let (volume, revision) = match text.split_once(':') {
        Some((volume, revision)) => (volume, revision.parse()?),
        None => (text, Revision::head()),
    };
    Ok((session.find(&volume.parse()?)?, revision))
}
