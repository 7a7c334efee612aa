//! Watches directories: which of their files were written, as the kernel reports it (inotify).

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::error::{At as _, DiskError};

/// Room for the events of one read.
const BUFFER_BYTES: usize = 4096;

/// A watch on directories.
#[derive(Debug)]
pub struct Watch {
    events: OwnedFd,
}

/// What happened in the directories since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// These files were written, made or moved here; empty if the time was over.
    Files(Vec<OsString>),
    /// A directory is gone, or another one has its name: this watch does not see it any more.
    Gone,
}

impl Watch {
    /// Begins to watch a directory, and `others` as far as they are there.
    ///
    /// # Errors
    /// When there is no such directory, or the kernel has no watch left.
    pub fn new(directory: &Path, others: &[PathBuf]) -> Result<Self, DiskError> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).at("watch", directory)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&events, directory, flags).at("watch", directory)?;
        for other in others {
            match inotify::add_watch(&events, other, flags) {
                Err(Errno::NOENT) => {}
                watched => {
                    watched.at("watch", other)?;
                }
            }
        }
        Ok(Watch { events })
    }

    /// Waits until something happens, for `most` at the longest; `None` means for ever.
    pub fn wait(&self, most: Option<Duration>) -> Seen {
        let most = most.map(|most| Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(most.subsec_nanos()),
        });
        let mut ready = [PollFd::new(&self.events, PollFlags::IN)];
        match poll(&mut ready, most.as_ref()) {
            Ok(_) | Err(Errno::INTR) => self.read(),
            Err(_) => Seen::Gone,
        }
    }

    fn read(&self) -> Seen {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(&self.events, &mut buffer);
        let mut files = Vec::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Seen::Files(files),
                Err(Errno::INTR) => continue,
                Err(_) => return Seen::Gone,
            };
            let ends = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED;
            if event.events().intersects(ends) {
                return Seen::Gone;
            }
            // Events were lost: any file may have been written.
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
            files.push(name.unwrap_or_default());
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test stands outside the program and its doors")]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_seen_and_a_read_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        let watch = Watch::new(dir.path(), &[dir.path().join("none")]).unwrap();
        let now = Some(Duration::ZERO);
        assert_eq!(watch.wait(now), Seen::Files(Vec::new()));
        std::fs::read(dir.path().join("a")).unwrap();
        assert_eq!(watch.wait(now), Seen::Files(Vec::new()));
        std::fs::write(dir.path().join("a"), "2").unwrap();
        assert_eq!(watch.wait(now), Seen::Files(vec!["a".into()]));
        std::fs::rename(dir.path(), dir.path().with_extension("away")).unwrap();
        assert_eq!(watch.wait(now), Seen::Gone);
        std::fs::rename(dir.path().with_extension("away"), dir.path()).unwrap();
    }
}
