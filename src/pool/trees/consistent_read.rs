//! Reading a working tree that an operation may change meanwhile.
//!
//! An operation that exchanges entries moves the working tree away for a moment, which grows with
//! the number of differences. A reader takes no lock: it waits until the tree is back, and
//! afterwards checks whether an operation came in between. If so, it reads again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, Move, Operation, Phase, VolumeName};
use crate::pool::Pool;
use crate::sys::error::{At as _, DiskError};

/// How long to wait for a working tree that is away.
const WAIT_LIMIT: Duration = Duration::from_secs(30);
/// How long to sleep between two looks for the tree.
const RETRY_AFTER: Duration = Duration::from_millis(5);
/// How many times to read a tree that operations change again and again.
const MAX_READS: u32 = 5;

/// State of a working tree's root: inode and time of change, which every move changes.
type Root = (u64, i64, i64);

/// A working tree that is being read.
struct ConsistentRead<'p> {
    pool: &'p Pool,
    volume: &'p VolumeName,
    place: PathBuf,
    root: Option<Root>,
    /// Number of the volume's last operation.
    last: Option<u64>,
}

impl Pool {
    /// Begins to read the working tree of a branch; waits while an operation has moved it away.
    fn begin_read<'p>(
        &'p self,
        volume: &'p VolumeName,
        branch: &BranchName,
    ) -> Result<ConsistentRead<'p>, Error> {
        let place = layout::working_tree(volume, branch);
        let mut read = ConsistentRead { pool: self, volume, place, root: None, last: None };
        let until = Instant::now() + WAIT_LIMIT;
        loop {
            read.root = read.look()?;
            if read.root.is_some() || !read.is_under_way()? || Instant::now() > until {
                read.last = read.last()?;
                return Ok(read);
            }
            self.check_interrupted()?;
            sleep(RETRY_AFTER);
        }
    }

    /// Reads the working tree of a branch with `read`, and again if an operation changed it
    /// meanwhile.
    ///
    /// # Errors
    /// Those of `read`; and when the metadata cannot be read.
    pub fn read_consistently<T>(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        mut read: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 1..MAX_READS {
            let begun = self.begin_read(volume, branch)?;
            let found = read();
            if !begun.was_changed()? {
                return found;
            }
        }
        read()
    }
}

impl ConsistentRead<'_> {
    /// Returns whether an operation has changed the tree since, or is changing it now, so that the
    /// result may mix two states.
    fn was_changed(&self) -> Result<bool, Error> {
        // Containers change the root too, so a changed root alone proves nothing. Every move of the
        // root changes its time, unless the file system keeps whole seconds only.
        let is_coarse = |root: Option<Root>| root.is_some_and(|(_, _, nanos)| nanos == 0);
        let root = self.look()?;
        Ok((root != self.root || is_coarse(root)) && (self.last()? != self.last || self.is_under_way()?))
    }

    /// Looks at the root; returns `None` if the tree is away.
    fn look(&self) -> Result<Option<Root>, DiskError> {
        let full = self.pool.layout.full(&self.place);
        match fs::symlink_metadata(&full) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => {
                let metadata = other.at("look at", &full)?;
                Ok(Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec())))
            }
        }
    }

    /// Returns the number of the volume's last operation.
    fn last(&self) -> Result<Option<u64>, Error> {
        let last = self.pool.store.read(|rows| rows.operations(self.volume, 1))?;
        Ok(last.first().map(|operation| operation.number))
    }

    /// Returns whether the journal has an operation that exchanges entries of this tree.
    fn is_under_way(&self) -> Result<bool, Error> {
        let exchanges =
            |step: &Move| matches!(step, Move::ExchangeEntries { place, .. } if *place == self.place);
        let is_it = |operation: &Operation| {
            operation.phase != Phase::Settled && operation.plan.install.iter().any(exchanges)
        };
        Ok(self.pool.store.read(|rows| rows.journal())?.iter().any(is_it))
    }
}
