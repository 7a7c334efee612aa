//! A disk that records what it receives: every write and every flush, in order.
//!
//! The disk is one file of a FUSE file system in this process. A loop device stands on that file,
//! and a real file system on the loop device. The kernel sends each write of the block layer, and a
//! sync for each flush. What a disk with a cache holds after a power cut is made of that: all
//! writes before the last flush, and of those after it any, each sector for itself.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite,
    Request, WriteFlags,
};
use tempfile::TempDir;

use support::random::Random;
use support::scene::workshop;
use support::unmount;

const IMAGE: INodeNo = INodeNo(2);
const NAME: &str = "image";
const TTL: Duration = Duration::from_secs(3600);
/// What a disk writes whole or not at all. Those of today write 4096 bytes so; ext4 needs 1024, for
/// its superblock has a checksum and is in no journal.
const SECTOR: usize = 1024;

enum Event {
    Write { at: u64, bytes: Vec<u8> },
    Flush,
}

type Log = Arc<Mutex<Vec<Event>>>;

struct Disk {
    file: File,
    size: u64,
    log: Log,
}

impl Disk {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let is_image = inode == IMAGE;
        FileAttr {
            ino: inode,
            size: if is_image { self.size } else { 0 },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_image { FileType::RegularFile } else { FileType::Directory },
            perm: 0o700,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME {
            reply.entry(&TTL, &self.attributes(IMAGE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attributes(inode));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut bytes = vec![0; size as usize];
        match self.file.read_at(&mut bytes, offset) {
            Ok(read) => reply.data(&bytes[..read]),
            Err(error) => reply.error(error.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut log = self.log.lock().unwrap();
        log.push(Event::Write { at: offset, bytes: data.to_vec() });
        match self.file.write_all_at(data, offset) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.log.lock().unwrap().push(Event::Flush);
        reply.ok();
    }
}

/// A file system on a disk that records what it receives; mounted until it is stopped.
pub(crate) struct Recorder {
    /// Stands on what the session serves, so it goes first.
    mounted: Option<Mounted>,
    session: Option<BackgroundSession>,
    log: Log,
    /// What it is mounted with.
    options: &'static str,
    home: TempDir,
}

impl Recorder {
    /// Makes a file system of `kind` and mounts it.
    pub(crate) fn new(kind: &str, options: &[&str], megabytes: u64) -> Result<Recorder, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root".to_owned());
        }
        if !Path::new("/dev/fuse").exists() {
            return Err("there is no /dev/fuse".to_owned());
        }
        let home = workshop();
        let path = |name: &str| home.path().join(name);
        let file = File::create_new(path("base")).unwrap();
        file.set_len(megabytes << 20).unwrap();
        run(Command::new(format!("mkfs.{kind}")).args(options).arg(path("base")))?;
        copy(&path("base"), &path("now"));
        let file = OpenOptions::new().read(true).write(true).open(path("now")).unwrap();
        let log = Log::default();
        let disk = Disk { file, size: megabytes << 20, log: Arc::clone(&log) };
        for name in ["disk", "mounted"] {
            fs::create_dir(path(name)).unwrap();
        }
        // A namespace that another process has made meanwhile keeps one that is unmounted here, and
        // XFS mounts none of the same name.
        let options = if kind == "xfs" { "loop,noatime,nouuid" } else { "loop,noatime" };
        let session =
            fuser::spawn_mount(disk, path("disk"), &Config::default()).map_err(|e| e.to_string())?;
        let mut recorder = Recorder { mounted: None, session: Some(session), log, options, home };
        let disk = recorder.path("disk").join(NAME);
        recorder.mounted = Some(Mounted::new(&disk, &recorder.path("mounted"), recorder.options)?);
        Ok(recorder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where the file system is mounted.
    pub(crate) fn mounted(&self) -> PathBuf {
        self.path("mounted")
    }

    /// How many writes and flushes there were up to now.
    pub(crate) fn position(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// Ends the recording; the cuts can be made then, in the order of their positions.
    pub(crate) fn stop(&mut self) -> Cuts {
        self.mounted = None;
        if let Some(session) = self.session.take() {
            session.umount_and_join().unwrap();
        }
        let events = std::mem::take(&mut *self.log.lock().unwrap());
        let safe = OpenOptions::new().write(true).open(self.path("base")).unwrap();
        Cuts { home: self.home.path().to_owned(), options: self.options, events, safe, flushed: 0 }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.mounted = None;
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// What a disk may hold after power cuts.
pub(crate) struct Cuts {
    home: PathBuf,
    options: &'static str,
    events: Vec<Event>,
    /// What every cut so far would have left.
    safe: File,
    /// The events that are in there.
    flushed: usize,
}

impl Cuts {
    /// A cut after `position` events, which is not before that of an earlier one: mounted at the
    /// path that `look` gets.
    pub(crate) fn cut<T>(
        &mut self,
        position: usize,
        random: &mut Random,
        look: impl FnOnce(&Path) -> T,
    ) -> T {
        let last = self.events[..position].iter().rposition(|event| matches!(event, Event::Flush));
        for event in &self.events[self.flushed..last.map_or(self.flushed, |last| last.max(self.flushed))] {
            if let Event::Write { at, bytes } = event {
                self.safe.write_all_at(bytes, *at).unwrap();
            }
        }
        self.flushed = last.map_or(self.flushed, |last| last.max(self.flushed));
        let image = self.home.join("cut");
        copy(&self.home.join("base"), &image);
        let file = OpenOptions::new().write(true).open(&image).unwrap();
        // A disk may have written all of it, none, most, or little.
        let luck = random.below(5);
        for event in &self.events[self.flushed..position] {
            let Event::Write { at, bytes } = event else { continue };
            for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                if random.below(4) < luck {
                    file.write_all_at(sector, at + (n * SECTOR) as u64).unwrap();
                }
            }
        }
        drop(file);
        let mounted = Mounted::new(&image, &self.home.join("mounted"), self.options).unwrap();
        let seen = look(&mounted.0);
        drop(mounted);
        fs::remove_file(&image).unwrap();
        seen
    }
}

/// An image that is mounted until it is dropped, also by a check that fails.
struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, place: &Path, options: &str) -> Result<Mounted, String> {
        run(Command::new("mount").args(["-o", options]).arg(image).arg(place))?;
        Ok(Mounted(place.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Holes stay holes.
fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("--sparse=always").args([from, to])).unwrap();
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
