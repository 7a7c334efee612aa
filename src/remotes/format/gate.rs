//! Holds the reading of a tree back while uploads are behind.
//!
//! Between what reads a tree and the uploads, the library fills one pack, and up to four more wait
//! in it once it may not hand one over. A reader that waits here instead leaves it with the one, so
//! a push has few packs in memory however slow its place is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many packs are uploaded at once; each is up to 16 MiB of memory.
pub(super) const UPLOADS: usize = 3;
/// How often a waiting reader looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Counts the uploads that are under way.
#[derive(Debug, Default)]
pub(in crate::remotes) struct Gate {
    under_way: Mutex<usize>,
    changed: Condvar,
    /// Set once an upload has failed: there is no use in reading on.
    failed: AtomicBool,
}

/// An upload that is under way until this is dropped.
#[must_use]
pub(super) struct UnderWay(Arc<Gate>);

impl Gate {
    fn under_way(&self) -> MutexGuard<'_, usize> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more upload.
    pub(super) fn enter(self: &Arc<Self>) -> UnderWay {
        *self.under_way() += 1;
        UnderWay(Arc::clone(self))
    }

    /// Waits until another pack may be filled, an upload has failed, or `cancel` is set.
    pub(in crate::remotes) fn wait(&self, cancel: &AtomicBool) {
        let mut under_way = self.under_way();
        while *under_way >= UPLOADS && !self.has_failed() && !cancel.load(Ordering::Relaxed) {
            let waited = self.changed.wait_timeout(under_way, LOOK);
            under_way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn set_failed(&self, failed: bool) {
        self.failed.store(failed, Ordering::Relaxed);
        self.changed.notify_all();
    }

    pub(in crate::remotes) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.under_way() -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_reader_waits_while_uploads_are_behind_and_not_for_ever() {
        let (gate, cancel) = (Arc::new(Gate::default()), AtomicBool::new(false));
        gate.wait(&cancel);
        let mut under_way: Vec<_> = (0..UPLOADS).map(|_| gate.enter()).collect();
        thread::scope(|scope| {
            let (passed, hears) = mpsc::channel();
            let (gate, cancel) = (&gate, &cancel);
            let reader = |passed: mpsc::Sender<()>| {
                scope.spawn(move || {
                    gate.wait(cancel);
                    passed.send(())
                })
            };
            let first = reader(passed.clone());
            assert!(hears.recv_timeout(LOOK * 3).is_err(), "it waits");
            drop(under_way.pop());
            hears.recv().unwrap();
            first.join().unwrap().unwrap();
            under_way.push(gate.enter());
            for end in [
                |gate: &Gate, _: &AtomicBool| gate.set_failed(true),
                |gate: &Gate, cancel: &AtomicBool| {
                    gate.set_failed(false);
                    cancel.store(true, Ordering::Relaxed);
                },
            ] {
                end(gate, cancel);
                reader(passed.clone());
                hears.recv().unwrap();
            }
        });
    }
}
