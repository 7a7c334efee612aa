//! Tells open pages what changed. Whatever changes a pool, by this page, the command line or the
//! driver, writes the metadata, and what a start of containers wrote is marked in a file: the
//! kernel reports both, and nothing is polled.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::layout::Layout;
use crate::sys::watch::{Seen, Watch};

/// How long to wait for further writes, since an operation writes the metadata several times.
const SETTLE_TIME: Duration = Duration::from_millis(80);
/// When to tell once more, since an engine reports a container as started a little later.
const AFTERMATH: Duration = Duration::from_millis(900);
/// How long to wait for a directory that is not there.
const MISSING_PAUSE: Duration = Duration::from_secs(1);
/// How many events a page that sleeps may miss before it has to read everything again.
const CAPACITY: usize = 64;

/// Something that an open page may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The metadata was written, or something was measured.
    Changed,
    /// The command of this number said something or ended.
    Job(u64),
    /// The server stops.
    Stopping,
}

/// Passes events to all who listen.
#[derive(Debug, Clone)]
pub(super) struct Live(broadcast::Sender<Event>);

impl Live {
    pub(super) fn new() -> Self {
        Live(broadcast::channel(CAPACITY).0)
    }

    /// Tells an event to all pages that are open; there may be none.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Watches a pool on a thread of its own until the process ends. `changed` runs there before
    /// each event.
    pub(super) fn watch(&self, layout: &Layout, changed: Arc<dyn Fn() + Send + Sync>) {
        let (live, layout) = (self.clone(), layout.clone());
        std::thread::spawn(move || live.follow(&layout, &*changed));
    }

    fn follow(&self, layout: &Layout, changed: &dyn Fn()) {
        let (metadata, marks) = (layout.metadata(), layout.started_marks());
        let tell = || {
            changed();
            self.tell(Event::Changed);
        };
        // No name means that events were lost.
        let is_written = |name: &OsString| {
            name.is_empty() || Some(&**name) == metadata.file_name() || name.as_bytes().contains(&b'%')
        };
        let has_marks = |name: &OsString| Some(&**name) == marks.file_name();
        loop {
            let Ok(watch) = Watch::new(&layout.private(), std::slice::from_ref(&marks)) else {
                std::thread::sleep(MISSING_PAUSE);
                continue;
            };
            // It may have been written before the watch began.
            tell();
            let mut rest = None;
            while let Seen::Files(files) = watch.wait(rest) {
                if files.iter().any(has_marks) {
                    // The folder of marks is made with the first one, and can be watched now.
                    break;
                } else if files.iter().any(is_written) {
                    std::thread::sleep(SETTLE_TIME);
                    match watch.wait(Some(Duration::ZERO)) {
                        Seen::Files(more) if !more.iter().any(has_marks) => tell(),
                        _ => break,
                    }
                    rest = Some(AFTERMATH);
                } else if files.is_empty() && rest.take().is_some() {
                    tell();
                }
            }
        }
    }
}
