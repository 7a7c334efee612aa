//! `dvol show`

use std::process::ExitCode;

use super::log::Look;
use crate::cli::session::Session;
use crate::cli::{Outcome, operands};
use crate::model::Revision;
use crate::ops::{self, LogRequest, LogStart};
use crate::report::LogView;

/// Show one commit and what it changed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol show\n  dvol show HEAD~2 frob_mysql\n  dvol show v1 --format json")]
pub(in crate::cli) struct ShowArgs {
    #[command(flatten)]
    look: Look,
    /// Commit [default: HEAD] and volume
    #[arg(num_args = 0..=2, value_names = ["REVISION", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &ShowArgs) -> Outcome {
    let style = args.look.style(session)?;
    let operands = operands::read(session, &args.operands)?;
    let request = LogRequest {
        volume: operands.volume,
        start: LogStart::Revision(operands.revision.unwrap_or_else(Revision::head)),
        most: Some(1),
        stat: true,
        ..LogRequest::default()
    };
    let log = ops::log(&session.pool, &request)?;
    session.page(&LogView { log, style, decorate: args.look.decorates(), graph: false })?;
    Ok(ExitCode::SUCCESS)
}
