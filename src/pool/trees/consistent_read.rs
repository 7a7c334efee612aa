//! Reading a working tree that an operation may change meanwhile.
//!
//! An operation that exchanges entries has the working tree away while it does so, for a moment that follows what differs. Who reads
//! the tree takes no lock, waits for that moment to be over, and looks afterwards whether it came while he read.

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
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look for it.
const STEP: Duration = Duration::from_millis(5);
/// How often a tree is read that is changed again and again.
const TRIES: u32 = 5;

/// What a working tree's root looks like: inode, and when that was last changed, which every move does.
type Root = (u64, i64, i64);

/// A working tree that is being read.
struct ConsistentRead<'p> {
    pool: &'p Pool,
    volume: &'p VolumeName,
    place: PathBuf,
    root: Option<Root>,
    /// The number of the volume's last operation.
    last: Option<u64>,
}

impl Pool {
    /// Begins to read the working tree of a branch; waits while an operation has it away.
    fn steady<'p>(
        &'p self,
        volume: &'p VolumeName,
        branch: &BranchName,
    ) -> Result<ConsistentRead<'p>, Error> {
        let place = layout::working_tree(volume, branch);
        let mut steady = ConsistentRead { pool: self, volume, place, root: None, last: None };
        let until = Instant::now() + PATIENCE;
        loop {
            steady.root = steady.look()?;
            if steady.root.is_some() || !steady.is_under_way()? || Instant::now() > until {
                steady.last = steady.last()?;
                return Ok(steady);
            }
            self.check_interrupted()?;
            sleep(STEP);
        }
    }

    /// Reads the working tree of a branch by `read`, once more when an operation changed it meanwhile.
    ///
    /// # Errors
    /// Those of `read`, and when the metadata cannot be read.
    pub fn read_consistently<T>(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        mut read: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 1..TRIES {
            let steady = self.steady(volume, branch)?;
            let found = read();
            if !steady.was_changed()? {
                return found;
            }
        }
        read()
    }
}

impl ConsistentRead<'_> {
    /// Whether an operation has changed the tree since, or does so now: what was read may be of two states.
    fn was_changed(&self) -> Result<bool, Error> {
        // Every move of the root changes its time, unless the file system keeps whole seconds only.
        let is_coarse = |root: Option<Root>| root.is_some_and(|(_, _, nanos)| nanos == 0);
        let root = self.look()?;
        Ok((root != self.root || is_coarse(root)) && (self.last()? != self.last || self.is_under_way()?))
    }

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

    fn last(&self) -> Result<Option<u64>, Error> {
        let last = self.pool.store.read(|rows| rows.operations(self.volume, 1))?;
        Ok(last.first().map(|operation| operation.number))
    }

    /// Whether the journal has an operation that exchanges entries of this tree.
    fn is_under_way(&self) -> Result<bool, Error> {
        let exchanges =
            |step: &Move| matches!(step, Move::ExchangeEntries { place, .. } if *place == self.place);
        let is_it = |operation: &Operation| {
            operation.phase != Phase::Settled && operation.plan.install.iter().any(exchanges)
        };
        Ok(self.pool.store.read(|rows| rows.journal())?.iter().any(is_it))
    }
}
