//! A bounded queue between the thread that walks and those that work.
//!
//! Only `push` waits for room: a worker that returns part of its work (`push_front`) must never
//! wait for another worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The most threads: more would only compete for one directory and one disk.
const WORKERS_MAX: usize = 4;

pub(in crate::sys::tree) struct Queue<T> {
    state: Mutex<QueueState<T>>,
    room: usize,
    /// Number of threads that wait for an item.
    hungry: AtomicUsize,
    filled: Condvar,
    emptied: Condvar,
}

struct QueueState<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(in crate::sys::tree) fn new(room: usize) -> Self {
        let state = Mutex::new(QueueState { items: VecDeque::new(), closed: false });
        Queue { state, room, hungry: AtomicUsize::new(0), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// Adds `item` once there is room; drops it if the queue is closed.
    pub(in crate::sys::tree) fn push(&self, item: T) {
        let mut state = self.lock();
        while state.items.len() >= self.room && !state.closed {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.closed {
            state.items.push_back(item);
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Adds `item` as the next one to be taken, even to a closed queue: the caller is still there
    /// to take it.
    pub(in crate::sys::tree) fn push_front(&self, item: T) {
        self.lock().items.push_front(item);
        self.filled.notify_one();
    }

    /// Takes the next item; waits for one until the queue is closed.
    pub(in crate::sys::tree) fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                drop(state);
                self.emptied.notify_one();
                return Some(item);
            }
            if state.closed {
                return None;
            }
            self.hungry.fetch_add(1, Ordering::Relaxed);
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            self.hungry.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns whether a thread waits for an item. Only a hint.
    pub(in crate::sys::tree) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed) > 0
    }

    /// Refuses further items; those in the queue can still be taken.
    pub(in crate::sys::tree) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the number of threads to use for this wish; 0 chooses by the number of processors.
pub(in crate::sys::tree) fn workers(wanted: usize) -> usize {
    match wanted {
        0 => thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX),
        wanted => wanted,
    }
}
