//! `dvol forget`

use std::process::ExitCode;

use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, operands};
use crate::model::{Age, Keep};
use crate::ops::{self, Chosen};

/// Forget the data of old commits: name them, or say which to keep
///
/// The commits stay in the log, and their data goes to trash: dvol undo brings it back, and dvol gc
/// frees its disk space. A commit is kept if any rule keeps it; the head of a branch and a commit
/// with a tag always are, and so is what
/// dvol protect names. The setting commits.keep applies such rules after each commit.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol forget HEAD~3\n  dvol forget --keep-last 10 --keep-daily 7 -n frob_mysql\n  dvol config -C frob_mysql commits.keep last=10,daily=7"
)]
pub(in crate::cli) struct ForgetArgs {
    #[command(flatten)]
    keep: KeepArgs,
    /// Only report what would be forgotten
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Forget protected commits as well
    #[arg(short, long)]
    force: bool,
    /// Commits to forget; the volume may stand last
    #[arg(value_name = "REVISION", add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

/// The rules, in restic's words.
#[derive(Debug, clap::Args)]
struct KeepArgs {
    /// Keep the newest N commits
    #[arg(short = 'l', long, value_name = "N", value_parser = at_least_one())]
    keep_last: Option<u32>,
    /// Keep the newest commit of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    keep_hourly: Option<u32>,
    /// Keep the newest commit of each of the last N days that have one
    #[arg(short = 'd', long, value_name = "N", value_parser = at_least_one())]
    keep_daily: Option<u32>,
    /// Keep the newest commit of each of the last N weeks that have one
    #[arg(short = 'w', long, value_name = "N", value_parser = at_least_one())]
    keep_weekly: Option<u32>,
    /// Keep the newest commit of each of the last N months that have one
    #[arg(short = 'm', long, value_name = "N", value_parser = at_least_one())]
    keep_monthly: Option<u32>,
    /// Keep the newest commit of each of the last N years that have one
    #[arg(short = 'y', long, value_name = "N", value_parser = at_least_one())]
    keep_yearly: Option<u32>,
    /// Keep commits that are at most so much older than the newest one, such as 2d or 1y5m7d2h
    #[arg(long, value_name = "DURATION")]
    keep_within: Option<Age>,
    /// Keep commits with a tag that the pattern matches, such as 'v*'
    #[arg(long, value_name = "PATTERN")]
    keep_tag: Vec<String>,
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

impl KeepArgs {
    fn rules(&self) -> Keep {
        Keep {
            last: self.keep_last.unwrap_or_default(),
            hourly: self.keep_hourly.unwrap_or_default(),
            daily: self.keep_daily.unwrap_or_default(),
            weekly: self.keep_weekly.unwrap_or_default(),
            monthly: self.keep_monthly.unwrap_or_default(),
            yearly: self.keep_yearly.unwrap_or_default(),
            within: self.keep_within,
            tags: self.keep_tag.clone(),
        }
    }
}

pub(in crate::cli) fn run(session: &Session, args: &ForgetArgs) -> Outcome {
    let keep = args.keep.rules();
    let (volume, chosen) = if keep.is_empty() {
        let (mut revisions, mut volume) = (Vec::new(), None);
        if let Some((last, first)) = args.operands.split_last() {
            let last = operands::last(session, last)?;
            revisions = first.iter().map(|word| session.revision(word)).collect::<Result<_, _>>()?;
            revisions.extend(last.revision);
            volume = last.volume;
        }
        if revisions.is_empty() {
            let text = "name the commits to forget, or say which to keep: --keep-last N and others";
            return Err(Failure::Usage(text.to_owned()));
        }
        let named = revisions.iter().find_map(|revision| revision.volume.clone());
        (volume.or(named), Chosen::Revisions(revisions))
    } else {
        (operands::only_volume(session, &args.operands)?, Chosen::Beyond(keep))
    };
    catch_interrupts(&session.pool)?;
    let done = ops::forget(&session.pool, volume.as_ref(), &chosen, args.dry_run, args.force)?;
    session.done(&done)?;
    if !done.commits.is_empty() && !done.dry_run && session.wants_remarks() {
        say("hint", &format!("undo this: dvol undo {}", done.volume));
        say("hint", &format!("free the space: dvol gc --all {}", done.volume));
    }
    Ok(ExitCode::SUCCESS)
}
