//! The database's file, as redb reaches it for one transaction.
//!
//! There is a fault point before each call that changes it: a test can end the process between any two
//! writes of one transaction.
//!
//! redb is made to keep a file open, and opening and closing cost it five syncs beside the two of a
//! commit. Here each transaction opens and closes the file, so they are spared, where nothing is lost, and of the two
//! one is enough:
//!
//! * Opening marks the file as in use, closing takes the mark away. The mark tells the next process that
//!   this one died; it says nothing after a power cut, which only ever leaves committed pages and free
//!   ones. So it is written and not synced. A file that is found marked is synced before it is written
//!   to: what a dead process committed must be durable before its old pages are used again.
//! * Before it closes, redb makes another commit, to shrink the file and to record which pages are free. Our
//!   commits have recorded that already (quick repair), so once one is done, nothing more is written but
//!   that the mark is taken away.
//!
//! * A commit writes its pages, then the header that leads to them, and would sync each. Here both are synced at once, so a
//!   power cut meanwhile may leave the new header without its pages. The pages of the commit before are whole then, and
//!   were durable before this one began. So after a death redb is not told that there was a sync between: it checks
//!   every page, and goes back to the commit before where one is not what it should be. If the sync fails, the
//!   old header is put back: what is in memory alone must not be read as committed.
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

/// Where the byte of flags is (redb's file format), and the flags in it: which of two commits counts, whether a writer has
/// the file open, and whether pages were synced before the header that leads to them.
const FLAGS: usize = 9;
const PRIMARY: u8 = 1;
const IN_USE: u8 = 2;
const TWO_PHASES: u8 = 4;

#[derive(Debug)]
pub(super) struct Backend {
    file: FileBackend,
    /// The same file.
    plain: File,
    blocks: Mutex<Blocks>,
    /// Something was written that a sync must bring to the disk.
    unsynced: AtomicBool,
    /// The header as it was, while one that makes another commit count is written and not synced.
    replaced: Mutex<Option<Vec<u8>>>,
    state: State,
}

/// What a backend and the transaction that runs on it tell each other.
#[derive(Debug, Clone, Default)]
pub(super) struct State(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    committing: AtomicBool,
    done: AtomicBool,
    damaged: AtomicBool,
    unclean: AtomicBool,
}

impl State {
    /// Says that nothing but the commit is to come.
    pub(super) fn committing(&self) {
        self.0.committing.store(true, Ordering::SeqCst);
    }

    fn is_committing(&self) -> bool {
        self.0.committing.load(Ordering::SeqCst)
    }

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
        let (unsynced, replaced) = (AtomicBool::new(true), Mutex::default());
        let backend = Backend { file, plain, blocks, unsynced, replaced, state };
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

    fn replaced(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the header of the commit before, when that of the one at hand is about to be written.
    fn keep_header(&self, length: usize) -> io::Result<()> {
        let mut replaced = self.replaced();
        if replaced.is_none() {
            let mut header = vec![0; length];
            self.file.read(0, &mut header)?;
            *replaced = Some(header);
        }
        Ok(())
    }

    /// Whether the header in the file makes another commit count than the one that was kept.
    fn is_swapped(&self) -> io::Result<bool> {
        let replaced = self.replaced();
        let before = replaced.as_ref().and_then(|header| header.get(FLAGS));
        Ok(before.zip(self.flags()?).is_some_and(|(before, now)| (before ^ now) & PRIMARY != 0))
    }

    /// Makes the commit before count again.
    fn put_header_back(&self) -> io::Result<()> {
        let Some(header) = self.replaced().take() else { return Ok(()) };
        self.file.write(0, &header)?;
        self.file.sync_data()
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
        self.file.read(offset, out)?;
        if self.state.is_unclean()
            && let Some(flags) = FLAGS.checked_sub(usize::try_from(offset).unwrap_or(usize::MAX))
            && let Some(flags) = out.get_mut(flags)
        {
            *flags &= !TWO_PHASES;
        }
        Ok(())
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
        if self.state.is_committing() && !self.is_swapped()? {
            // The pages are synced with the header that leads to them.
            return Ok(());
        }
        if let Err(error) = fault::point("redb.sync").and_then(|()| self.file.sync_data()) {
            // The next one to look must not take for committed what only memory holds.
            let _ = self.put_header_back();
            return Err(error);
        }
        self.unsynced.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.state.check()?;
        fault::point("redb.write")?;
        if !self.only_marks(offset, data)? {
            self.unsynced.store(true, Ordering::SeqCst);
            if self.state.is_committing() && offset == 0 {
                self.keep_header(data.len())?;
            }
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
