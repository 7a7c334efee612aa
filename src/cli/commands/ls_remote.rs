//! `dvol ls-remote`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::remotes::{PasswordArgs, is_made, meant, unnamed};
use crate::cli::session::Session;
use crate::model::{RefName, RemoteUrl, VolumeName};
use crate::ops;

/// The exit code for a list without an entry, which git has too.
const NOTHING: u8 = 2;

/// List the volumes of a remote with their branches and tags
///
/// Reads no data: a catalogue of many volumes is listed at the cost of its records.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol ls-remote
  dvol ls-remote /mnt/team/catalog
  dvol ls-remote --tags /mnt/team/catalog/shop")]
pub(in crate::cli) struct LsRemoteArgs {
    /// Only branches
    #[arg(long)]
    heads: bool,
    /// Only tags
    #[arg(long)]
    tags: bool,
    /// Exit with 2 if there is nothing to list
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// Remote, or its address, optionally with a volume [default: origin]
    #[arg(value_name = "REMOTE|URL[/VOLUME]", add = crate::cli::complete::remotes())]
    remote: Option<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &LsRemoteArgs) -> Outcome {
    let volume = session.volume(None)?;
    let (remote, of_url) = match args.remote.as_deref().filter(|word| RemoteUrl::is_meant(word)) {
        Some(word) => address(session, word)?,
        None => (meant(session, volume.as_ref(), args.remote.as_deref())?, None),
    };
    let access = args.password.access(remote, false)?;
    let wanted = |reference: &RefName| match reference {
        RefName::Head(_) => args.heads || !args.tags,
        RefName::Tag(_) => args.tags || !args.heads,
    };
    let refs = ops::ls_remote(&session.pool, &access, of_url.or(volume).as_ref(), &wanted)?;
    let is_empty = refs.refs.is_empty();
    session.print(&refs)?;
    Ok(if is_empty && args.exit_code { ExitCode::from(NOTHING) } else { ExitCode::SUCCESS })
}

/// Reads `URL` or `URL/VOLUME`: the last part is a volume if a repository lies above it.
fn address(
    session: &Session,
    word: &str,
) -> Result<(crate::model::RemoteRecord, Option<VolumeName>), crate::cli::output::Failure> {
    let remote = unnamed(session, word.parse()?)?;
    if !is_made(&remote)?
        && let Ok((above, volume)) = RemoteUrl::split_volume(word)
    {
        let above = unnamed(session, above)?;
        if is_made(&above)? {
            return Ok((above, Some(volume)));
        }
    }
    Ok((remote, None))
}
