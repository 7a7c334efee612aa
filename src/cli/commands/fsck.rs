//! `dvol fsck`

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::confirm::ask;
use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{errors, missing, output};
use crate::error::Error;
use crate::fsck::{self, Report, Severity};
use crate::model::VolumeName;

/// Exit code of fsck(8) for an operational error.
const COULD_NOT_CHECK: u8 = 8;
/// How often to check and repair: a repair may reveal the next error.
const MAX_ROUNDS: u32 = 5;

/// Check the pool or one volume for errors
///
/// Finishes or undoes operations that died, then reports every error. Exits like fsck(8): 0 clean,
/// 1 errors corrected, 4 errors left, 8 could not check.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol fsck\n  dvol fsck frob_mysql --format json\n  dvol fsck --repair --yes\n  dvol fsck --deep"
)]
pub(in crate::cli) struct FsckArgs {
    /// Repair errors; on a terminal, show the plan and ask first. Files that belong to no record
    /// move to lost+found in the pool's .dvol and are never deleted
    #[arg(long)]
    repair: bool,
    /// Repair without asking
    #[arg(short, long, requires = "repair")]
    yes: bool,
    /// Compare the contents of all commits with their checksums, and compute missing checksums;
    /// reads every file
    #[arg(long)]
    deep: bool,
    /// Volume [default: the whole pool]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &FsckArgs) -> Outcome {
    let volume = session.volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    catch_interrupts(&session.pool)?;
    let found = match missing::check(session) {
        Err(error) => Err(error),
        Ok(()) if args.repair => repair(session, args, volume)?,
        Ok(()) => fsck::check(&session.pool, volume, args.deep),
    };
    outcome(session, found)
}

/// Prints what was found, or why nothing could be checked.
pub(super) fn outcome(session: &Session, found: Result<Report, Error>) -> Outcome {
    match found {
        Ok(report) => {
            session.print(&report)?;
            Ok(ExitCode::from(report.exit_code()))
        }
        Err(error) => {
            let failure: Failure = error.into();
            errors::exit(&failure, Some(&session.pool), session.globals.format());
            output::say("error", "could not check");
            Ok(ExitCode::from(COULD_NOT_CHECK))
        }
    }
}

/// Checks and repairs until nothing more can be repaired.
fn repair(
    session: &Session,
    args: &FsckArgs,
    volume: Option<&VolumeName>,
) -> Result<Result<Report, Error>, Failure> {
    let mut corrected = Vec::new();
    for round in 1.. {
        let mut report = match fsck::check(&session.pool, volume, args.deep) {
            Ok(report) => report,
            Err(error) => return Ok(Err(error)),
        };
        let goes_on = round < MAX_ROUNDS && report.plan().next().is_some() && agreed(session, args, &report)?;
        if goes_on {
            fsck::repair(&session.pool, &mut report);
        }
        let (done, left): (Vec<_>, Vec<_>) =
            report.findings.into_iter().partition(|finding| finding.severity == Severity::Corrected);
        let progress = !done.is_empty();
        corrected.extend(done);
        if !goes_on || !progress {
            report.findings = corrected;
            report.findings.extend(left);
            return Ok(Ok(report));
        }
    }
    unreachable!("the last round returns")
}

/// Shows the plan and, on a terminal, asks whether to carry it out.
fn agreed(session: &Session, args: &FsckArgs, report: &Report) -> Result<bool, Failure> {
    for finding in report.plan().filter(|_| !session.globals.quiet) {
        output::say("plan", &format!("{}: {}: {}", finding.subject, finding.what, finding.remedy));
    }
    if args.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    ask("Repair this?")
}
