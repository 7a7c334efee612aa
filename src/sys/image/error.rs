//! Says why an image cannot be used.

use std::io;
use std::path::PathBuf;

use crate::sys::error::DiskError;

/// A failed action on an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A program that makes or checks the file system is missing.
    #[error("cannot {action}: {program} is not installed")]
    NoProgram {
        /// The action, as a verb phrase.
        action: &'static str,
        /// The program.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// The program failed.
    #[error("cannot {action}: {program} says: {words}")]
    Program {
        /// The action, as a verb phrase.
        action: &'static str,
        /// The program.
        program: &'static str,
        /// What the program said.
        words: String,
    },
    /// The image is mounted, here or in another mount namespace.
    #[error("cannot mount {}: it is in use{}", image.display(), place.as_ref().map(|place| format!(" at {}", place.display())).unwrap_or_default())]
    InUse {
        /// The image.
        image: PathBuf,
        /// Where it is mounted, if this process sees that.
        place: Option<PathBuf>,
    },
    /// The kernel, or the container of this process, gives no loop device.
    #[error("cannot mount {}: no loop device: {}: {source}", image.display(), device.display())]
    NoLoopDevice {
        /// The image.
        image: PathBuf,
        /// The device that cannot be opened.
        device: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The file is no file system that dvol makes.
    #[error("cannot mount {}: it holds neither XFS nor btrfs", .0.display())]
    NotAnImage(PathBuf),
    /// What would be mounted here would show in this mount namespace alone.
    #[error(
        "cannot mount {}: what is mounted in this container or service does not reach the engine",
        image.display()
    )]
    Hidden {
        /// The image.
        image: PathBuf,
    },
    /// Something in the image is open, or a container has it mounted.
    #[error("cannot unmount {}: it is in use", .0.display())]
    Busy(PathBuf),
    /// A call on a file failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
