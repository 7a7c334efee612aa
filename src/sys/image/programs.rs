//! Runs programs from the system's own directories, whatever `PATH` says: dvol runs them as root.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::ImageError;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// Where the programs are; the last one is NixOS's.
const FOLDERS: [&str; 6] =
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/run/current-system/sw/bin"];
/// How many bytes of what a program says are kept.
const MAX_WORDS: usize = 2000;

/// A program, and Debian's package that has it.
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
}

impl Program {
    pub(super) const MKFS_XFS: Program = Program { name: "mkfs.xfs", package: "xfsprogs" };
    pub(super) const XFS_GROWFS: Program = Program { name: "xfs_growfs", package: "xfsprogs" };
    pub(super) const XFS_REPAIR: Program = Program { name: "xfs_repair", package: "xfsprogs" };
    pub(super) const XFS_SCRUB: Program = Program { name: "xfs_scrub", package: "xfsprogs" };
    pub(super) const MKFS_BTRFS: Program = Program { name: "mkfs.btrfs", package: "btrfs-progs" };
    pub(super) const BTRFS: Program = Program { name: "btrfs", package: "btrfs-progs" };

    fn find(self) -> Option<PathBuf> {
        FOLDERS.iter().map(|folder| Path::new(folder).join(self.name)).find(|path| path.is_file())
    }

    /// Makes sure that the program is there.
    pub(super) fn require(self, action: &'static str) -> Result<PathBuf, ImageError> {
        let Program { name: program, package } = self;
        self.find().ok_or(ImageError::NoProgram { action, program, package })
    }

    /// Runs the program to its end, however it ends.
    pub(super) fn output<S: AsRef<OsStr>>(
        self,
        action: &'static str,
        words: impl IntoIterator<Item = S>,
    ) -> Result<Output, ImageError> {
        let path = self.require(action)?;
        let run = || -> Result<Output, DiskError> {
            fault::point("image.program").at("run", &path)?;
            // xfs_scrub starts others of its package.
            let mut command = Command::new(&path);
            command.args(words).stdin(Stdio::null()).env("PATH", FOLDERS.join(":")).env("LC_ALL", "C");
            command.output().at("run", &path)
        };
        Ok(run()?)
    }

    /// Runs the program, which must succeed.
    pub(super) fn run<S: AsRef<OsStr>>(
        self,
        action: &'static str,
        words: impl IntoIterator<Item = S>,
    ) -> Result<(), ImageError> {
        let output = self.output(action, words)?;
        if output.status.success() {
            return Ok(());
        }
        Err(ImageError::Program { action, program: self.name, words: said(&output) })
    }
}

/// Returns what a program printed, the end of it if that is long.
pub(super) fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    let text = both.iter().filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return output.status.to_string();
    }
    text[text.ceil_char_boundary(text.len().saturating_sub(MAX_WORDS))..].to_owned()
}
