//! The database's file, as redb reaches it for one transaction.
//!
//! There is a fault point before each call that changes it: a test can end the process between any two
//! writes of one transaction.
//!
//! redb is made to keep a file open, and opening and closing cost it five syncs beside the two of a
//! commit. Here each transaction opens and closes the file, so they are spared, where nothing is lost:
//!
//! * Opening marks the file as in use, closing takes the mark away. The mark tells the next process that
//!   this one died; it says nothing after a power cut, which only ever leaves committed pages and free
//!   ones. So it is written and not synced. A file that is found marked is synced before it is written
//!   to: what a dead process committed must be durable before its old pages are used again.
//! * Before it closes, redb makes another commit, to shrink the file and to record which pages are free. Our
//!   commits have recorded that already (quick repair), so once one is done, nothing more is written but
//!   that the mark is taken away.
//!
//! Each block that is read is compared with its checksum (`blocks`), so that nothing damaged is ever used.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

use super::blocks::Blocks;
use crate::sys::fault;

/// Where the byte of flags is (redb's file format), and the flag in it that a writer has the file open.
const FLAGS: usize = 9;
const IN_USE: u8 = 2;

#[derive(Debug)]
pub(super) struct Backend {
    file: FileBackend,
    /// The same file.
    plain: File,
    blocks: Mutex<Blocks>,
    /// Something was written that a sync must bring to the disk.
    unsynced: AtomicBool,
    state: State,
}

/// What a backend and the transaction that runs on it tell each other.
#[derive(Debug, Clone, Default)]
pub(super) struct State(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    done: AtomicBool,
    damaged: AtomicBool,
    unclean: AtomicBool,
}

impl State {
    /// Says that the transaction is committed: the file stays as it is from there on.
    pub(super) fn done(&self) {
        self.0.done.store(true, Ordering::SeqCst);
    }

    fn is_done(&self) -> bool {
        self.0.done.load(Ordering::SeqCst)
    }

    /// Says that whoever wrote last did not come to its end.
    pub(super) fn found_unclean(&self) {
        self.0.unclean.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_unclean(&self) -> bool {
        self.0.unclean.load(Ordering::SeqCst)
    }

    /// Whether a block was met that is not what was written there.
    pub(super) fn is_damaged(&self) -> bool {
        self.0.damaged.load(Ordering::SeqCst)
    }

    /// Refuses a change of a file that is to stay as it is. redb then leaves its own closing steps out.
    fn check(&self) -> io::Result<()> {
        if self.is_done() { Err(io::Error::other("the transaction is over")) } else { Ok(()) }
    }
}

impl Backend {
    pub(super) fn new(file: File, blocks: Blocks, state: State) -> Result<Self, DatabaseError> {
        let plain = file.try_clone().map_err(|error| DatabaseError::Storage(error.into()))?;
        let (file, blocks) = (FileBackend::new(file)?, Mutex::new(blocks));
        let backend = Backend { file, plain, blocks, unsynced: AtomicBool::new(true), state };
        let flags = backend.flags().ok().flatten();
        backend.unsynced.store(flags.is_none_or(|flags| flags & IN_USE != 0), Ordering::SeqCst);
        Ok(backend)
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The byte of flags; none in a file that has none yet.
    fn flags(&self) -> io::Result<Option<u8>> {
        if self.file.len()? <= FLAGS as u64 {
            return Ok(None);
        }
        let mut flags = [0];
        self.file.read(FLAGS as u64, &mut flags)?;
        Ok(Some(flags[0]))
    }

    /// Whether `data` at `offset` changes nothing of what is in the file but the mark that it is in use.
    fn only_marks(&self, offset: u64, data: &[u8]) -> io::Result<bool> {
        if offset != 0 || data.len() <= FLAGS || data.len() as u64 > self.file.len()? {
            return Ok(false);
        }
        let mut there = vec![0; data.len()];
        self.file.read(0, &mut there)?;
        there[FLAGS] = there[FLAGS] & !IN_USE | data[FLAGS] & IN_USE;
        Ok(there == data)
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if !self.blocks().verify(&self.plain, offset, out.len())? {
            self.state.0.damaged.store(true, Ordering::SeqCst);
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a block is not what was written there"));
        }
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state.check()?;
        fault::point("redb.resize")?;
        let before = self.file.len()?;
        self.blocks().touch(before.min(len), before.max(len))?;
        self.unsynced.store(true, Ordering::SeqCst);
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state.check()?;
        if !self.unsynced.load(Ordering::SeqCst) {
            return Ok(());
        }
        fault::point("redb.sync")?;
        self.file.sync_data()?;
        self.unsynced.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.state.check()?;
        fault::point("redb.write")?;
        if !self.only_marks(offset, data)? {
            self.unsynced.store(true, Ordering::SeqCst);
        }
        self.blocks().touch(offset, offset + data.len() as u64)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        if self.state.is_done()
            && let Some(flags) = self.flags()?
        {
            fault::point("redb.write")?;
            self.blocks().touch(FLAGS as u64, FLAGS as u64 + 1)?;
            self.file.write(FLAGS as u64, &[flags & !IN_USE])?;
        }
        // Not known is no loss: then redb checks everything the next time.
        let _ = self.blocks().write(&self.plain);
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
