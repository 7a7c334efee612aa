//! Operations on several volumes that hold all together or not at all.
//!
//! Each has an entry of its own in the journal, so each is undone or finished as any other. They hold
//! together because one transaction publishes them all. The containers are in the first one's entry.

use std::mem;
use std::ops::{Deref, DerefMut};

use crate::error::Error;
use crate::pool::containers::quiesce;
use crate::pool::{Pending, Purpose};

/// Operations in the journal that do not hold yet. Dropped, all are undone.
#[must_use = "operations that are not published are undone"]
pub struct Group<'p>(Vec<Pending<'p>>);

impl<'p> From<Vec<Pending<'p>>> for Group<'p> {
    fn from(pending: Vec<Pending<'p>>) -> Self {
        Group(pending)
    }
}

impl<'p> Group<'p> {
    /// Shuts the gates of all volumes and holds every container that runs on one of them, each once.
    ///
    /// # Errors
    /// As [`Pending::quiesce`].
    pub fn quiesce(&mut self, purpose: Purpose) -> Result<(), Error> {
        quiesce::quiesce(&mut self.0, purpose)
    }

    /// Whether a container is held, or left to go on, for one of them.
    pub fn holds_any(&self) -> bool {
        self.first().is_some_and(|first| !first.operation.held.is_empty())
    }

    pub(in crate::pool) fn take(mut self) -> Vec<Pending<'p>> {
        mem::take(&mut self.0)
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        // The first lets the containers go, so it comes last.
        while self.0.pop().is_some() {}
    }
}

impl<'p> Deref for Group<'p> {
    type Target = [Pending<'p>];

    fn deref(&self) -> &[Pending<'p>] {
        &self.0
    }
}

impl DerefMut for Group<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
