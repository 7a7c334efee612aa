//! `dvol inspect`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Show everything about a volume as JSON; an array, like docker inspect
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol inspect\n  dvol inspect frob_mysql\n  dvol inspect a b --format json"
)]
pub(in crate::cli) struct InspectArgs {
    /// Volumes [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volumes: Vec<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &InspectArgs) -> Outcome {
    let found = if args.volumes.is_empty() {
        vec![ops::inspect(&session.pool, session.volume(None)?.as_ref())?]
    } else {
        let named = args
            .volumes
            .iter()
            .map(|volume| Ok::<_, Failure>(ops::inspect(&session.pool, Some(&session.find(volume)?))?));
        named.collect::<Result<_, _>>()?
    };
    session.page(&found)?;
    Ok(ExitCode::SUCCESS)
}
