//! `dvol remote`

use std::process::ExitCode;

use super::fsck::outcome as fsck_outcome;
use crate::cli::Outcome;
use crate::cli::output::Failure;
use crate::cli::remotes::PasswordArgs;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::fsck;
use crate::model::{RemoteName, RemoteRecord, RemoteUrl, VolumeName};
use crate::ops;
use crate::report::RemoteList;

/// List, add and change remotes: repositories to share volumes through
///
/// A remote is a directory, a bucket of an S3 store or a directory that ssh reaches, in restic's
/// format: encrypted, and readable by restic. The pool knows a remote by its name; with -C, one
/// volume does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol remote add origin /mnt/team/catalog --password-file ~/.catalog-password
  dvol remote add team s3:https://s3.example.org/team/catalog
  dvol remote add --public samples s3:https://s3.example.org/samples
  dvol remote -v
  dvol remote set-url origin /mnt/new/catalog
  dvol remote rm origin
  dvol remote gc origin")]
pub(in crate::cli) struct RemoteArgs {
    #[command(subcommand)]
    verb: Option<RemoteVerb>,
}

#[derive(Debug, clap::Subcommand)]
enum RemoteVerb {
    /// Add a remote; nothing is read from it yet
    #[command(after_help = "Example:\n  dvol remote add origin /mnt/team/catalog")]
    Add {
        #[command(flatten)]
        password: PasswordArgs,
        /// Keep the key that the password opens in the pool, for its owner alone; whoever has it
        /// reads and writes the whole repository, without the password
        #[arg(long)]
        keep_key: bool,
        /// Allow http:// to another machine: whoever is on the way sees names and sizes, and can
        /// delete
        #[arg(long)]
        insecure_http: bool,
        /// Name of the remote
        name: RemoteName,
        /// Full path of a directory, s3://BUCKET/PATH, s3:https://HOST/BUCKET/PATH or
        /// sftp://USER@HOST/PATH
        #[arg(value_hint = clap::ValueHint::DirPath)]
        url: String,
    },
    /// Forget a remote; the repository stays as it is
    #[command(visible_alias = "remove", after_help = "Example:\n  dvol remote rm origin")]
    Rm {
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        name: RemoteName,
    },
    /// Rename a remote
    #[command(after_help = "Example:\n  dvol remote rename origin team")]
    Rename {
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        old: RemoteName,
        /// Its new name
        new: RemoteName,
    },
    /// Change the address of a remote
    #[command(after_help = "Example:\n  dvol remote set-url origin /mnt/new/catalog")]
    SetUrl {
        /// Allow http:// to another machine
        #[arg(long)]
        insecure_http: bool,
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        name: RemoteName,
        /// Full path of a directory, s3://BUCKET/PATH, s3:https://HOST/BUCKET/PATH or
        /// sftp://USER@HOST/PATH
        #[arg(value_hint = clap::ValueHint::DirPath)]
        url: String,
    },
    /// Print the address of a remote
    #[command(after_help = "Example:\n  dvol remote get-url origin")]
    GetUrl {
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        name: RemoteName,
    },
    /// Show what dvol knows of a remote, without looking there
    #[command(after_help = "Example:\n  dvol remote show origin")]
    Show {
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        name: RemoteName,
    },
    /// Delete what no branch and no tag of a remote needs any more
    ///
    /// Deletes commits that were given up, after 14 days, and old moves of branches and tags, after
    /// 30 days. Their data is marked, and deleted by a run a day later. Pushes and pulls wait
    /// meanwhile.
    #[command(after_help = "Example:\n  dvol remote gc -n origin\n  dvol remote gc origin")]
    Gc {
        /// Only report what would be deleted
        #[arg(short = 'n', long)]
        dry_run: bool,
        #[command(flatten)]
        password: PasswordArgs,
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        name: RemoteName,
    },
    /// Check the repository of a remote for errors
    ///
    /// Checks that all data of all commits is there, and that branches and tags lead to commits.
    /// Changes nothing. Exits like fsck(8): 0 clean, 4 errors found, 8 could not check.
    #[command(after_help = "Example:\n  dvol remote fsck origin\n  dvol remote fsck --deep origin")]
    Fsck {
        /// Read all data as well, and compare it with its checksums
        #[arg(long)]
        deep: bool,
        #[command(flatten)]
        password: PasswordArgs,
        /// Remote
        #[arg(add = crate::cli::complete::remotes())]
        name: RemoteName,
    },
}

/// Parses an address. clap would repeat one that is refused, with its password.
fn address(text: &str, insecure: bool) -> Result<RemoteUrl, Failure> {
    let parsed = if insecure { RemoteUrl::parse_insecure(text) } else { text.parse() };
    parsed.map_err(|error| Failure::Usage(error.to_string()))
}

fn check(
    session: &Session,
    volume: Option<&VolumeName>,
    name: &RemoteName,
    password: &PasswordArgs,
    deep: bool,
) -> Outcome {
    let access = password.access(ops::find_remote(&session.pool, volume, name)?, false)?;
    catch_interrupts(&session.pool)?;
    fsck_outcome(session, fsck::check_remote(&session.pool, &access, deep))
}

pub(in crate::cli) fn run(session: &Session, args: &RemoteArgs) -> Outcome {
    let (pool, volume) = (&session.pool, session.volume(None)?);
    let volume = volume.as_ref();
    match &args.verb {
        None => {
            let remotes = ops::remotes(pool, volume)?;
            session.print(&RemoteList { remotes, with_urls: session.globals.verbose > 0 })?;
        }
        Some(RemoteVerb::Add { password, keep_key, insecure_http, name, url }) => {
            let password = password.source()?;
            let (volume, name, url) = (volume.cloned(), name.clone(), address(url, *insecure_http)?);
            let kept_key = keep_key.then(|| ops::remote_key_file(pool, &url));
            let record = RemoteRecord { volume, name, url, password, kept_key };
            session.done(&ops::add_remote(pool, record)?)?;
        }
        Some(RemoteVerb::Rm { name }) => session.done(&ops::remove_remote(pool, volume, name)?)?,
        Some(RemoteVerb::Rename { old, new }) => {
            session.done(&ops::rename_remote(pool, volume, old, new)?)?;
        }
        Some(RemoteVerb::SetUrl { insecure_http, name, url }) => {
            let url = address(url, *insecure_http)?;
            session.done(&ops::set_remote_url(pool, volume, name, &url)?)?;
        }
        Some(RemoteVerb::GetUrl { name }) => {
            let remote = ops::find_remote(pool, volume, name)?;
            session.print(&crate::report::RemoteAddress { remote: remote.name, url: remote.url })?;
        }
        Some(RemoteVerb::Show { name }) => session.print(&ops::show_remote(pool, volume, name)?)?,
        Some(RemoteVerb::Gc { dry_run, password, name }) => {
            let access = password.access(ops::find_remote(pool, volume, name)?, false)?;
            catch_interrupts(pool)?;
            session.done(&ops::sweep_remote(pool, &access, *dry_run)?)?;
        }
        Some(RemoteVerb::Fsck { deep, password, name }) => {
            return check(session, volume, name, password, *deep);
        }
    }
    Ok(ExitCode::SUCCESS)
}
