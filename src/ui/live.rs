//! Tells open pages what changed. Whatever changes a pool, by this page, the command line or the
//! driver, writes the metadata: the kernel reports that, and nothing is polled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::sys::watch::{Seen, Watch};

/// How long to wait for further writes, since an operation writes the metadata several times.
const SETTLE_TIME: Duration = Duration::from_millis(80);
/// When to tell once more, since an engine reports a container as started a little later.
const AFTERMATH: Duration = Duration::from_millis(900);
/// How long to wait for a directory that is not there.
const MISSING_PAUSE: Duration = Duration::from_secs(1);
/// How many events a page that sleeps may miss before it is told to read everything again.
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

    /// Watches the metadata on a thread of its own until the process ends. `changed` runs there
    /// before each event.
    pub(super) fn watch(&self, metadata: &Path, changed: Arc<dyn Fn() + Send + Sync>) {
        let (live, metadata) = (self.clone(), metadata.to_owned());
        std::thread::spawn(move || live.follow(&metadata, &*changed));
    }

    fn follow(&self, metadata: &Path, changed: &dyn Fn()) {
        let directory = metadata.parent().map(PathBuf::from).unwrap_or_default();
        let tell = || {
            changed();
            self.tell(Event::Changed);
        };
        loop {
            let Ok(watch) = Watch::new(&directory) else {
                std::thread::sleep(MISSING_PAUSE);
                continue;
            };
            // It may have been written before the watch began.
            tell();
            let mut rest = None;
            loop {
                let Seen::Files(files) = watch.wait(rest) else { break };
                // No name means that events were lost.
                let is_written =
                    files.iter().any(|name| name.is_empty() || Some(&**name) == metadata.file_name());
                if is_written {
                    std::thread::sleep(SETTLE_TIME);
                    if watch.wait(Some(Duration::ZERO)) == Seen::Gone {
                        break;
                    }
                    tell();
                    rest = Some(AFTERMATH);
                } else if files.is_empty() && rest.take().is_some() {
                    tell();
                }
            }
            tell();
        }
    }
}
