//! `dvol pool`

use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::Outcome;
use crate::cli::confirm::confirmed;
use crate::cli::missing;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{ImageKind, count, format_size};
use crate::ops::{self, Destination, ImageRequest};
use crate::pool::parse_size;

/// Keep the pool in an image whose file system shares blocks
///
/// An image is one sparse file with XFS or btrfs in it, beside the pool and mounted there. In it,
/// commits, clones and resets share blocks on every host, and take the space of what changes. The
/// driver and commands of root mount it when they need it. See dvol help space.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true)]
#[command(after_help = "Example:
  sudo dvol pool create --size 50G
  sudo dvol pool move image --size 50G
  dvol pool info
  sudo dvol pool grow --size 100G")]
pub(in crate::cli) struct PoolArgs {
    #[command(subcommand)]
    verb: PoolVerb,
}

#[derive(Debug, Clone, clap::Args)]
struct ImageArgs {
    /// Size of the image; it takes space from the host only as it fills
    #[arg(long, value_name = "SIZE", value_parser = size)]
    size: u64,
    /// File system of the image
    #[arg(long, value_name = "KIND", default_value = "xfs", value_parser = kinds())]
    fs: ImageKind,
}

#[derive(Debug, clap::Subcommand)]
enum PoolVerb {
    /// Make an image for a pool that is not there yet
    #[command(
        after_help = "Example:\n  sudo dvol pool create --size 50G\n  sudo dvol pool create --size 50G --fs btrfs"
    )]
    Create(ImageArgs),
    /// Show where the pool lies, and how much space it and its host have
    #[command(after_help = "Example:\n  dvol pool info\n  dvol pool info --format json")]
    Info,
    /// Mount the image, if it is not mounted
    #[command(after_help = "Example:\n  sudo dvol pool mount")]
    Mount {
        /// Do nothing for a pool without an image
        #[arg(long)]
        if_any: bool,
    },
    /// Unmount the image; the next command of root mounts it again
    #[command(after_help = "Example:\n  sudo dvol pool unmount")]
    Unmount {
        /// Do nothing for a pool without an image
        #[arg(long)]
        if_any: bool,
    },
    /// Make the image larger, while everything goes on
    #[command(after_help = "Example:\n  sudo dvol pool grow --size 100G")]
    Grow {
        /// New size of the image
        #[arg(long, value_name = "SIZE", value_parser = size)]
        size: u64,
    },
    /// Say why an image cannot be made smaller, and what helps
    #[command(after_help = "Example:\n  dvol pool shrink")]
    Shrink {
        /// Accepted, and refused with the reason
        #[arg(long, value_name = "SIZE", value_parser = size)]
        size: Option<u64>,
    },
    /// Check the file system of the image; dvol fsck checks the pool in it
    #[command(after_help = "Example:\n  sudo dvol pool check\n  sudo dvol pool check --offline")]
    Check {
        /// Unmount the image for that time; nothing may use it
        #[arg(long)]
        offline: bool,
    },
    /// Move the pool into a new image, or back into a directory
    ///
    /// Copies the pool, compares each entry of the copy, and then switches at once. No container
    /// may run on its volumes. The old pool is kept until dvol pool remove --old.
    #[command(
        after_help = "Example:\n  sudo dvol pool move image --size 50G\n  sudo dvol pool move directory\n  sudo dvol pool remove --old"
    )]
    Move {
        #[command(subcommand)]
        to: MoveTo,
    },
    /// Delete the image with all volumes in it, or what a move kept
    #[command(after_help = "Example:\n  sudo dvol pool remove --old\n  sudo dvol pool remove -f")]
    Remove {
        /// Delete only what the last move kept
        #[arg(long)]
        old: bool,
        /// Delete without asking
        #[arg(short, long)]
        force: bool,
    },
}

#[derive(Debug, clap::Subcommand)]
enum MoveTo {
    /// Into a new image
    #[command(after_help = "Example:\n  sudo dvol pool move image --size 50G")]
    Image(ImageArgs),
    /// Out of the image, into a plain directory
    #[command(after_help = "Example:\n  sudo dvol pool move directory")]
    Directory,
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "use a size such as 50G or 1T".to_owned())
}

fn kinds() -> impl TypedValueParser<Value = ImageKind> {
    let words = ImageKind::CHOICES.map(|(word, _)| PossibleValue::new(word));
    let kind = |word: String| {
        let found = ImageKind::CHOICES.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, kind)| kind).ok_or("an unknown file system")
    };
    PossibleValuesParser::new(words).try_map(kind)
}

impl ImageArgs {
    fn request(&self) -> ImageRequest {
        ImageRequest { kind: self.fs, bytes: self.size }
    }
}

pub(in crate::cli) fn run(session: &Session, args: &PoolArgs) -> Outcome {
    let pool = &session.pool;
    let has_image = pool.layout().image().exists();
    match &args.verb {
        PoolVerb::Info => {
            let info = ops::pool_info(pool)?;
            session.print(&info)?;
            if !info.kept.is_empty() && session.wants_remarks() {
                say("hint", "delete what the last move kept: dvol pool remove --old");
            }
        }
        PoolVerb::Mount { if_any: true } | PoolVerb::Unmount { if_any: true } if !has_image => {}
        PoolVerb::Mount { .. } => session.done(&ops::mount_image(pool)?)?,
        PoolVerb::Unmount { .. } => session.done(&ops::unmount_image(pool)?)?,
        PoolVerb::Create(args) => {
            missing::check_before_making(session)?;
            let info = ops::create_image(pool, args.request())?;
            session.done(&info)?;
            if session.wants_remarks() {
                say("hint", "create the first volume: dvol init NAME");
            }
        }
        PoolVerb::Grow { size } => session.done(&ops::grow_image(pool, *size)?)?,
        PoolVerb::Shrink { .. } => session.done(&ops::shrink_image(pool)?)?,
        PoolVerb::Check { offline } => {
            let checked = ops::check_image(pool, *offline)?;
            session.print(&checked)?;
            return Ok(if checked.is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        PoolVerb::Move { to } => {
            missing::check(session)?;
            catch_interrupts(pool)?;
            let destination = match to {
                MoveTo::Image(args) => Destination::Image(args.request()),
                MoveTo::Directory => Destination::Directory,
            };
            session.done(&ops::move_pool(pool, destination)?)?;
            if session.wants_remarks() {
                say("hint", "delete the old pool, once the new one serves: dvol pool remove --old");
            }
        }
        PoolVerb::Remove { old: true, .. } => session.done(&ops::remove_kept(pool)?)?,
        PoolVerb::Remove { force, .. } => {
            missing::check(session)?;
            if !force && !agreed(session)? {
                return Ok(ExitCode::FAILURE);
            }
            session.done(&ops::remove_image(pool)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks whether to delete the image with its volumes.
fn agreed(session: &Session) -> Result<bool, crate::cli::output::Failure> {
    let volumes = session.pool.store().read(|rows| rows.volumes())?.len();
    let bytes = ops::pool_info(&session.pool)?.image.map_or(0, |image| image.allocated_bytes);
    let what = format!("the pool's image with {}", count(volumes, "volume"));
    confirmed(&format!("delete {what}"), &format!("Delete {what}, {}, for good?", format_size(bytes)))
}
