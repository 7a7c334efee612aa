//! `dvol clone`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::{Session, catch_interrupts};
use crate::model::{Revision, VolumeName};
use crate::ops;

/// Make a volume from a commit of another
///
/// The new volume has a branch master with that commit; the two share no history and no file. The
/// current volume stays.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol clone frob_mysql frob_test\n  dvol clone frob_mysql:HEAD~2 frob_test"
)]
pub(in crate::cli) struct Args {
    /// The volume, with :REVISION when it is another commit than its HEAD
    #[arg(value_name = "SRC[:REVISION]", add = crate::cli::complete::volumes())]
    source: String,
    /// The name of the new volume
    new: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let (source, revision) = source(session, &args.source)?;
    catch_interrupts(&session.pool)?;
    session.done(&ops::clone(&session.pool, &source, &revision, &args.new)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads `VOLUME[:REVISION]`.
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
