//! File systems of other kinds, in loop images.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::skip;

/// A file system in a sparse image, mounted until it is dropped.
pub struct LoopImage {
    home: TempDir,
}

impl LoopImage {
    /// Makes a file system with `mkfs.<kind>` and `options`, of `megabytes`, and mounts it. Skips
    /// the test where this user or this machine cannot.
    pub fn new(kind: &str, options: &[&str], megabytes: u64) -> Option<LoopImage> {
        match Self::try_new(tempfile::tempdir(), kind, options, megabytes) {
            Ok(image) => Some(image),
            Err(why) => {
                skip(&format!("there is no {kind}: {why}"));
                None
            }
        }
    }

    /// Makes a file system with its image in memory, for many syncs. Returns `None`, and skips
    /// nothing, where this user or this machine cannot.
    pub fn fast(kind: &str, options: &[&str], megabytes: u64) -> Option<LoopImage> {
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { TempDir::new_in(memory) } else { tempfile::tempdir() };
        Self::try_new(home, kind, options, megabytes).ok()
    }

    fn try_new(
        home: std::io::Result<TempDir>,
        kind: &str,
        options: &[&str],
        megabytes: u64,
    ) -> Result<LoopImage, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root".to_owned());
        }
        let home = home.map_err(|error| error.to_string())?;
        let image = home.path().join("image");
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(megabytes << 20).map_err(|error| error.to_string())?;
        run(Command::new(format!("mkfs.{kind}")).args(options).arg(&image))?;
        let mounted = LoopImage { home };
        rustix::fs::mkdir(mounted.path(), rustix::fs::Mode::RWXU).map_err(|error| error.to_string())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(mounted.path()))?;
        Ok(mounted)
    }

    /// Mounts a tmpfs. Skips the test where this user or this machine cannot.
    pub fn in_memory() -> Option<LoopImage> {
        let home = tempfile::tempdir().expect("a directory");
        let mounted = LoopImage { home };
        rustix::fs::mkdir(mounted.path(), rustix::fs::Mode::RWXU).expect("a new directory has room");
        match run(Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(mounted.path())) {
            Ok(()) => Some(mounted),
            Err(why) => {
                skip(&format!("there is no tmpfs: {why}"));
                None
            }
        }
    }

    /// Returns where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.home.path().join("mounted")
    }

    /// Makes the directory `name` in it.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        rustix::fs::mkdir(&path, rustix::fs::Mode::RWXU).expect("a new file system has room");
        path
    }
}

impl Drop for LoopImage {
    fn drop(&mut self) {
        // Not mounted yet, it says so, and that is all.
        let _ = Command::new("umount").arg(self.path()).stderr(Stdio::null()).status();
    }
}

/// Unmounts everything at `place`. A process that another thread has just forked may have files
/// open there for a moment.
pub fn unmount(place: &Path) {
    for _ in 0..200 {
        if !is_mounted(place) {
            return;
        }
        if run(Command::new("umount").arg(place)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let away = run(Command::new("umount").arg("--lazy").arg(place));
    eprintln!("{} was still in use; unmounted all the same: {away:?}", place.display());
}

/// Returns whether something is mounted at `place`.
pub fn is_mounted(place: &Path) -> bool {
    run(Command::new("mountpoint").arg("--quiet").arg(place)).is_ok()
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| format!("{}: {error}", Path::new(command.get_program()).display()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
