//! `dvol clone`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::Failure;
use crate::cli::remotes::{PasswordArgs, unnamed};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{RemoteUrl, Revision, VolumeName};
use crate::ops::{self, CloneRequest};

/// Create a volume from a commit of another, here or at a remote
///
/// From a volume of this pool, the new one has a branch master with a copy of that commit; the two
/// share neither history nor files. From a remote, it has all commits in its log, the data of one
/// of them, and its branch follows that of the remote. The current volume does not change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol clone frob_mysql frob_test
  dvol clone frob_mysql:HEAD~2 frob_test
  dvol clone /mnt/team/catalog/shop
  dvol clone /mnt/team/catalog/shop:small shop_test
  dvol clone --public s3:https://s3.example.org/samples/shop")]
pub(in crate::cli) struct CloneArgs {
    /// From a remote, bring the data of this many commits, the newest first [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    depth: Option<u32>,
    /// From a remote, bring the data of all commits
    #[arg(long)]
    all: bool,
    /// From a remote, clone from a machine of another processor architecture as well
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// Volume to copy, or URL/VOLUME, optionally with a commit [default: HEAD]
    #[arg(value_name = "SRC[:REVISION]", add = crate::cli::complete::sources())]
    source: String,
    /// Name of the new volume [default from a remote: the name that it has there]
    new: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &CloneArgs) -> Outcome {
    if RemoteUrl::is_meant(&args.source) {
        return from_remote(session, args);
    }
    if args.all || args.depth.is_some() {
        return Err(Failure::Usage("--all and --depth are for a clone from a remote".to_owned()));
    }
    let Some(new) = &args.new else {
        return Err(Failure::Usage("name the new volume: dvol clone SRC NEW".to_owned()));
    };
    let (source, revision) = source(session, &args.source)?;
    catch_interrupts(&session.pool)?;
    session.done(&ops::clone(&session.pool, &source, &revision, new)?)?;
    Ok(ExitCode::SUCCESS)
}

fn from_remote(session: &Session, args: &CloneArgs) -> Outcome {
    let (place, revision) = RemoteUrl::split_revision(&args.source);
    let revision = revision.map(str::to_owned);
    let (url, theirs) = RemoteUrl::split_volume(place)?;
    let volume = args.new.clone().unwrap_or_else(|| theirs.clone());
    let mut remote = unnamed(session, url)?;
    remote.password = args.password.source()?.or(remote.password);
    let access = args.password.access(remote, false)?;
    catch_interrupts(&session.pool)?;
    let depth = if args.all { usize::MAX } else { args.depth.unwrap_or(1) as usize };
    let request = CloneRequest { theirs, revision, volume, depth, force: args.force };
    session.done(&ops::clone_from(&session.pool, &access, &request)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Parses `VOLUME[:REVISION]`.
pub(in crate::cli) fn source(session: &Session, text: &str) -> Result<(VolumeName, Revision), Failure> {
    let (volume, revision) = match text.split_once(':') {
        Some((volume, revision)) => (volume, revision.parse()?),
        None => (text, Revision::head()),
    };
    Ok((session.find(&volume.parse()?)?, revision))
}
