//! Hears what the format's library warns of while it writes a tree. It passes over what it cannot
//! do, says so in the log alone, and still saves the snapshot.
//!
//! The library logs through the crate `log`, which has one logger in a process. A program that has
//! set one before its first push keeps it; then nothing is heard here, and only counts tell whether
//! a tree was read as a whole. Warnings do not say whose they are: of two pushes at once in one
//! process, each hears those of both.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// The crate whose warnings count.
const LIBRARY: &str = "rustic_core";
/// Warnings about the clock, as when it was set back meanwhile: the library then does not know how
/// long something took, and nothing else depends on it.
const OF_CLOCK: [&str; 2] = ["couldn't get elapsed time", "ignoring Datetime error"];

static SET: Once = Once::new();
static LOGGER: Logger = Logger { listeners: Mutex::new(Vec::new()) };

type Heard = Mutex<Vec<String>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The logger of this process, if it has no other.
struct Logger {
    listeners: Mutex<Vec<Weak<Heard>>>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().split("::").next() == Some(LIBRARY)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        if OF_CLOCK.iter().any(|words| text.starts_with(words)) {
            return;
        }
        for listener in lock(&self.listeners).iter().filter_map(Weak::upgrade) {
            lock(&listener).push(text.clone());
        }
    }

    fn flush(&self) {}
}

/// The warnings since this was made.
pub(in crate::remotes) struct Warnings(Arc<Heard>);

impl Warnings {
    /// Begins to listen.
    pub(in crate::remotes) fn listen() -> Self {
        SET.call_once(|| {
            if log::set_logger(&LOGGER).is_ok() {
                log::set_max_level(LevelFilter::Warn);
            }
        });
        let heard = Arc::default();
        let mut listeners = lock(&LOGGER.listeners);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&heard));
        Warnings(heard)
    }

    /// Ends it; returns what was heard.
    pub(in crate::remotes) fn end(self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}
