//! The database's file, as redb reaches it for one transaction.
//!
//! A fault point stands before each call that changes the file, so that a test can end the process
//! between any two writes of a transaction.
//!
//! redb expects to keep a file open; opening and closing cost five syncs beside the two of a
//! commit. dvol opens and closes the file for each transaction, so it spares the five, and one of
//! the two:
//!
//! * Opening marks the file as in use, and closing clears the mark. The mark tells the next process
//!   that this one died. After a power cut it tells nothing, because a power cut leaves only
//!   committed and free pages. So the mark is written and not synced. A process that finds the mark
//!   syncs the file before it writes: what a dead process committed must be durable before the
//!   pages of the commit before are used again.
//! * Before it closes, redb makes another commit that shrinks the file and records the free pages.
//!   dvol's commits record them already (quick repair), so after a commit only the mark is cleared.
//! * A commit writes its pages, then the header that leads to them, and redb would sync each. Here
//!   one sync covers both, so a power cut may leave the new header without its pages. The pages of
//!   the commit before are whole then: they were durable before this commit began. Therefore, after
//!   a process died, redb is not told that there was a sync between: it checks every page, and goes
//!   back to the commit before if one is damaged. If the sync fails, the old header is put back: a
//!   commit that only the kernel's memory has must not be read as committed.
//!
//! Each block that is read is compared with its checksum (`blocks`), so damage is never used.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

use super::blocks::Blocks;
use crate::sys::fault;

/// Offset of the byte of flags in redb's file format.
const FLAGS: usize = 9;
/// Flag: which of two commits is the current one.
const PRIMARY: u8 = 1;
/// Flag: a writer has the file open.
const IN_USE: u8 = 2;
/// Flag: pages were synced before the header that leads to them.
const TWO_PHASES: u8 = 4;

/// The database's file for one transaction.
#[derive(Debug)]
pub(super) struct Backend {
    file: FileBackend,
    /// A second handle of the file, for reading blocks.
    plain: File,
    blocks: Mutex<Blocks>,
    /// Whether something was written that must be synced.
    unsynced: AtomicBool,
    /// The header of the commit before, while the new one is written and not synced.
    replaced: Mutex<Option<Vec<u8>>>,
    state: State,
}

/// What a transaction and its backend tell each other.
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
    /// Notes that only the commit is left to do.
    pub(super) fn committing(&self) {
        self.0.committing.store(true, Ordering::SeqCst);
    }

    fn is_committing(&self) -> bool {
        self.0.committing.load(Ordering::SeqCst)
    }

    /// Notes that the transaction is committed: the file must not change from here on.
    pub(super) fn done(&self) {
        self.0.done.store(true, Ordering::SeqCst);
    }

    fn is_done(&self) -> bool {
        self.0.done.load(Ordering::SeqCst)
    }

    /// Notes that the last writer died.
    pub(super) fn found_unclean(&self) {
        self.0.unclean.store(true, Ordering::SeqCst);
    }

    /// Returns whether the last writer died.
    pub(super) fn is_unclean(&self) -> bool {
        self.0.unclean.load(Ordering::SeqCst)
    }

    /// Returns whether a block differed from its checksum.
    pub(super) fn is_damaged(&self) -> bool {
        self.0.damaged.load(Ordering::SeqCst)
    }

    /// Refuses to change the file after the commit, so that redb leaves out its own closing steps.
    fn check(&self) -> io::Result<()> {
        if self.is_done() { Err(io::Error::other("the transaction is over")) } else { Ok(()) }
    }
}

impl Backend {
    /// Opens a file for redb.
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

    /// Reads the byte of flags; returns `None` if the file is too short to have one.
    fn flags(&self) -> io::Result<Option<u8>> {
        if self.file.len()? <= FLAGS as u64 {
            return Ok(None);
        }
        let mut flags = [0];
        self.file.read(FLAGS as u64, &mut flags)?;
        Ok(Some(flags[0]))
    }

    /// Returns whether writing `data` at `offset` changes only the mark that the file is in use.
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

    /// Keeps the header of the commit before, when the new one is about to be written.
    fn keep_header(&self, length: usize) -> io::Result<()> {
        let mut replaced = self.replaced();
        if replaced.is_none() {
            let mut header = vec![0; length];
            self.file.read(0, &mut header)?;
            *replaced = Some(header);
        }
        Ok(())
    }

    /// Returns whether the header in the file selects another commit than the kept one.
    fn is_swapped(&self) -> io::Result<bool> {
        let replaced = self.replaced();
        let before = replaced.as_ref().and_then(|header| header.get(FLAGS));
        Ok(before.zip(self.flags()?).is_some_and(|(before, now)| (before ^ now) & PRIMARY != 0))
    }

    /// Restores the kept header, which selects the commit before.
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
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a block differs from its checksum"));
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
            // The pages are synced together with the header that leads to them.
            return Ok(());
        }
        if let Err(error) = fault::point("redb.sync").and_then(|()| self.file.sync_data()) {
            // Another process must not read as committed what only the kernel's memory has.
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
        // Without checksums, redb checks everything the next time.
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
