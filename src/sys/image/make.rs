//! Makes an image, makes it larger, and checks it.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::path::Path;

use krataloopdev::LoopDevice;

use super::error::ImageError;
use super::facts::kind_of;
use super::programs::{Program, said};
use crate::model::ImageKind;
use crate::sys::error::At as _;
use crate::sys::{disk, fault};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The program that looked.
    pub program: &'static str,
    /// Whether it could look at everything.
    pub could_check: bool,
    /// Whether it found no error.
    pub is_clean: bool,
    /// What the program said.
    pub words: String,
}

/// Makes the file `image` of so many `bytes`, with an empty file system in it, durably.
///
/// # Errors
/// When the program that makes the file system is missing or fails, or the file exists.
pub fn make(image: &Path, kind: ImageKind, bytes: u64) -> Result<(), ImageError> {
    let action = "make the image";
    let program = match kind {
        ImageKind::Xfs => Program::MKFS_XFS,
        ImageKind::Btrfs => Program::MKFS_BTRFS,
    };
    program.require(action)?;
    let file = disk::create_new(image)?;
    set_length(image, bytes)?;
    let words: &[&str] = match kind {
        ImageKind::Xfs => &["-q", "-m", "crc=1,reflink=1", "-L", "dvol"],
        ImageKind::Btrfs => &["-q", "-L", "dvol"],
    };
    program.run(action, words.iter().map(OsStr::new).chain([image.as_os_str()]))?;
    fault::point("image.sync").at("sync", image)?;
    Ok(file.sync_all().at("sync", image)?)
}

fn set_length(image: &Path, bytes: u64) -> Result<(), ImageError> {
    fault::point("image.length").at("set the size of", image)?;
    let file = OpenOptions::new().write(true).open(image).at("open", image)?;
    file.set_len(bytes).at("set the size of", image)?;
    Ok(file.sync_all().at("sync", image)?)
}

/// Makes the image at least `bytes` large, and its file system, which `device` carries and which is
/// mounted at `mounted`, as large as the image. Each step can be repeated.
///
/// # Errors
/// When the program that does it is missing or fails, or the file cannot be made larger.
pub fn fit(image: &Path, device: &Path, mounted: &Path, bytes: u64) -> Result<(), ImageError> {
    let action = "grow the file system of the image";
    let kind = kind_of(image).ok_or_else(|| ImageError::NotAnImage(image.to_owned()))?;
    let program = match kind {
        ImageKind::Xfs => Program::XFS_GROWFS,
        ImageKind::Btrfs => Program::BTRFS,
    };
    program.require(action)?;
    let now = std::fs::metadata(image).at("look at", image)?.len();
    if now < bytes {
        set_length(image, bytes)?;
    }
    fault::point("image.capacity").at("grow", device)?;
    LoopDevice::open(device).and_then(|device| device.set_capacity()).at("grow", device)?;
    let words: &[&OsStr] = match kind {
        ImageKind::Xfs => &[OsStr::new("-d"), mounted.as_os_str()],
        ImageKind::Btrfs => {
            &[OsStr::new("filesystem"), OsStr::new("resize"), OsStr::new("max"), mounted.as_os_str()]
        }
    };
    program.run(action, words)
}

/// Checks an image that is not mounted; changes nothing.
///
/// # Errors
/// When the program that checks is missing.
pub fn check_offline(image: &Path) -> Result<Check, ImageError> {
    let kind = kind_of(image).ok_or_else(|| ImageError::NotAnImage(image.to_owned()))?;
    let file = image.as_os_str();
    match kind {
        ImageKind::Xfs => look(Program::XFS_REPAIR, [OsStr::new("-n"), OsStr::new("-f"), file]),
        ImageKind::Btrfs => look(Program::BTRFS, [OsStr::new("check"), OsStr::new("--readonly"), file]),
    }
}

/// Checks the file system that is mounted at `mounted`; changes nothing.
///
/// # Errors
/// When the program that checks is missing.
pub fn check_online(kind: ImageKind, mounted: &Path) -> Result<Check, ImageError> {
    let at = mounted.as_os_str();
    match kind {
        ImageKind::Xfs => look(Program::XFS_SCRUB, [OsStr::new("-n"), at]),
        ImageKind::Btrfs => look(
            Program::BTRFS,
            [OsStr::new("scrub"), OsStr::new("start"), OsStr::new("-B"), OsStr::new("-r"), at],
        ),
    }
}

fn look<'w>(program: Program, words: impl IntoIterator<Item = &'w OsStr>) -> Result<Check, ImageError> {
    let output = program.output("check the image", words)?;
    // xfs_scrub(8): 1 and 2 are findings, 4 and more mean that it could not look.
    let could_check = output.status.code().is_some_and(|code| code < 4);
    let mut words = said(&output);
    // xfs_scrub says more beside the reason.
    if let Some(reason) = words.lines().find_map(|line| line.strip_prefix("Error: ")).filter(|_| !could_check)
    {
        words = reason.to_owned();
    }
    Ok(Check { program: program.name, could_check, is_clean: output.status.success(), words })
}
