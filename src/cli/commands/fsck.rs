//! `dvol fsck`

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::Failure;
use crate::cli::session::{Session, catch_interrupts};
use crate::cli::{errors, output};
use crate::error::Error;
use crate::fsck::{self, Report, Severity};
use crate::model::VolumeName;

/// What fsck(8) returns when it cannot check.
const COULD_NOT_CHECK: u8 = 8;
/// A repair may bring to light what is to be repaired next; so often at most.
const ROUNDS: u32 = 5;

/// Check the pool, or one volume: is everything there that the metadata says?
///
/// Finishes or undoes what dead operations left, then reports all it finds. Exit code: 0 clean,
/// 1 errors corrected, 4 errors left, 8 could not check.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol fsck\n  dvol fsck frob_mysql --format json\n  dvol fsck --repair --yes\n  dvol fsck --deep"
)]
pub(in crate::cli) struct Args {
    /// Mend what can be mended; on a terminal it shows its plan and asks first. What no record
    /// explains is moved to lost+found in the pool's .dvol, never deleted
    #[arg(long)]
    repair: bool,
    /// With --repair: do not ask
    #[arg(short, long, requires = "repair")]
    yes: bool,
    /// Compare the contents of all commits with their checksums, and take the checksums of those
    /// that have none yet: reads everything
    #[arg(long)]
    deep: bool,
    /// The volume; the whole pool when none is named
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let volume = session.volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    catch_interrupts(&session.pool)?;
    let found = if args.repair {
        mend(session, args, volume)?
    } else {
        fsck::check(&session.pool, volume, args.deep)
    };
    match found {
        Ok(report) => {
            session.print(&report)?;
            Ok(ExitCode::from(report.exit_code()))
        }
        Err(error) => {
            let failure: Failure = error.into();
            errors::exit(&failure, Some(&session.pool));
            output::say("error", "could not check");
            Ok(ExitCode::from(COULD_NOT_CHECK))
        }
    }
}

/// Checks and repairs until nothing is left that can be repaired.
fn mend(
    session: &Session,
    args: &Args,
    volume: Option<&VolumeName>,
) -> Result<Result<Report, Error>, Failure> {
    let mut corrected = Vec::new();
    for round in 1.. {
        let mut report = match fsck::check(&session.pool, volume, args.deep) {
            Ok(report) => report,
            Err(error) => return Ok(Err(error)),
        };
        let goes_on = round < ROUNDS && report.plan().next().is_some() && agreed(session, args, &report)?;
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

/// Shows the plan, and asks where somebody can answer.
fn agreed(session: &Session, args: &Args, report: &Report) -> Result<bool, Failure> {
    for finding in report.plan().filter(|_| !session.globals.quiet) {
        output::say("plan", &format!("{}: {}: {}", finding.subject, finding.what, finding.remedy));
    }
    if args.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    eprint!("Repair this? [y/N] ");
    io::stderr().flush().map_err(Failure::Output)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::Output)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
