//! Tells whether directories are opened, which a walk cannot do without.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Room for the events of one read, in bytes.
const BUFFER_BYTES: usize = 4096;

/// A watch on directories.
#[derive(Debug)]
pub struct Opens {
    events: OwnedFd,
}

impl Opens {
    /// Begins to watch these directories.
    #[track_caller]
    pub fn of<'p>(directories: impl IntoIterator<Item = &'p Path>) -> Self {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify is there");
        for directory in directories {
            inotify::add_watch(&events, directory, WatchFlags::OPEN | WatchFlags::ONLYDIR)
                .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        }
        Opens { events }
    }

    /// Returns how often one of them, or an entry in one, was opened since the last look.
    pub fn count(&self) -> usize {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(&self.events, &mut buffer);
        let mut count = 0;
        loop {
            match reader.next() {
                Ok(_) => count += 1,
                Err(Errno::AGAIN) => return count,
                Err(error) => panic!("cannot read what was opened: {error}"),
            }
        }
    }
}
