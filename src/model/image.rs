//! The file systems that a pool image may have: those that share blocks between files.

use std::fmt;

use serde::Serialize;

/// The file system of a pool image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// XFS with reflink.
    #[default]
    Xfs,
    /// btrfs.
    Btrfs,
}

impl ImageKind {
    /// All of them, with the words that users type.
    pub const CHOICES: [(&'static str, ImageKind); 2] =
        [("xfs", ImageKind::Xfs), ("btrfs", ImageKind::Btrfs)];

    /// Returns the word that users type, which is also the kernel's name of the file system.
    pub fn word(self) -> &'static str {
        match self {
            ImageKind::Xfs => "xfs",
            ImageKind::Btrfs => "btrfs",
        }
    }

    /// Returns the size in bytes below which mkfs makes no such file system.
    pub fn min_bytes(self) -> u64 {
        match self {
            ImageKind::Xfs => 300 << 20,
            ImageKind::Btrfs => 256 << 20,
        }
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ImageKind::Xfs => "XFS",
            ImageKind::Btrfs => "btrfs",
        })
    }
}
