//! Reading trees that operations may move meanwhile.
//!
//! A reader takes no lock. An operation that exchanges entries has the working tree away while it
//! does so, and one that drops a commit moves its tree to trash. So a reader waits for a tree that
//! is away, looks afterwards whether an operation came in between, and reads again if it did.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, Move, Operation, Phase, VolumeName};
use crate::pool::Pool;
use crate::sys::error::{At as _, DiskError};

/// How long to wait for a tree that is away, and to read again what operations change again and
/// again.
const WAIT_LIMIT: Duration = Duration::from_secs(30);
/// How often to look for it.
const RETRY_AFTER: Duration = Duration::from_millis(5);
/// How many times a tree is read at least, however long that takes.
const MIN_READS: u32 = 5;

/// A working tree's root: its inode, and when that was last changed, which every move does.
type Root = (u64, i64, i64);

/// The operations on a volume: the number of the last one, and the numbers of those under way.
type Operations = (Option<u64>, Vec<u64>);

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
    /// Reads trees of a volume by `read`, and reads again if an entry was gone because an operation
    /// moved it.
    ///
    /// # Errors
    /// Those of `read`, and when the metadata cannot be read.
    pub fn read_again_if_moved<T>(
        &self,
        volume: &VolumeName,
        mut read: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let until = Instant::now() + WAIT_LIMIT;
        let mut before = None;
        loop {
            let error = match read() {
                Err(error) if self.may_have_moved(&error) => error,
                other => return other,
            };
            // The first time an operation may have been undone before this look at it.
            let now = self.operations_on(volume)?;
            let is_quiet = now.1.is_empty() && before.as_ref() == Some(&now);
            if is_quiet || Instant::now() > until {
                return Err(error);
            }
            before = Some(now);
            self.check_interrupted()?;
            sleep(RETRY_AFTER);
        }
    }

    /// Reads the working tree of a branch by `read`, and reads again if an operation changed it
    /// meanwhile.
    ///
    /// # Errors
    /// Those of `read`, and when the metadata cannot be read.
    pub fn read_consistently<T>(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        mut read: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let until = Instant::now() + WAIT_LIMIT;
        for tries in 1.. {
            let reading = self.begin_to_read(volume, branch)?;
            let found = read();
            if !reading.was_changed()? || tries >= MIN_READS && Instant::now() > until {
                return found;
            }
            self.check_interrupted()?;
        }
        unreachable!("some try is the last")
    }

    /// Begins to read the working tree of a branch; waits while an operation has it away.
    fn begin_to_read<'p>(
        &'p self,
        volume: &'p VolumeName,
        branch: &BranchName,
    ) -> Result<ConsistentRead<'p>, Error> {
        let place = layout::working_tree(volume, branch);
        let mut reading = ConsistentRead { pool: self, volume, place, root: None, last: None };
        let until = Instant::now() + WAIT_LIMIT;
        loop {
            reading.root = reading.look()?;
            if reading.root.is_some() || !reading.is_under_way()? || Instant::now() > until {
                reading.last = self.operations_on(volume)?.0;
                return Ok(reading);
            }
            self.check_interrupted()?;
            sleep(RETRY_AFTER);
        }
    }

    fn operations_on(&self, volume: &VolumeName) -> Result<Operations, Error> {
        self.store.read(|rows| {
            let owner = rows.owner(volume)?;
            let last = rows.last_operation(&owner)?;
            let is_under_way = |one: &Operation| *one.owner() == owner && one.phase != Phase::Settled;
            let under_way = rows.journal()?.into_iter().filter(is_under_way);
            Ok((last, under_way.map(|operation| operation.number).collect()))
        })
    }

    /// Returns whether an operation that moves trees may be the reason of an error.
    fn may_have_moved(&self, error: &Error) -> bool {
        match error {
            Error::Disk(error) => {
                matches!(error.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                    && error.path.starts_with(self.layout.root())
            }
            Error::Dropped { .. } => true,
            _ => false,
        }
    }
}

impl ConsistentRead<'_> {
    /// Returns whether an operation has changed the tree since, or does so now: what was read may
    /// be of two states.
    fn was_changed(&self) -> Result<bool, Error> {
        // Every move of the root changes its time, unless the file system keeps whole seconds only.
        let is_coarse = |root: Option<Root>| root.is_some_and(|(_, _, nanos)| nanos == 0);
        let root = self.look()?;
        if root == self.root && !is_coarse(root) {
            return Ok(false);
        }
        Ok(self.pool.operations_on(self.volume)?.0 != self.last || self.is_under_way()?)
    }

    fn look(&self) -> Result<Option<Root>, DiskError> {
        let full = self.pool.layout.full(&self.place);
        match fs::symlink_metadata(&full) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => {
                let metadata = other.at("read the attributes of", &full)?;
                Ok(Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec())))
            }
        }
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
