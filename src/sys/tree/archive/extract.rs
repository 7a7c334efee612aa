//! A tree out of a tar archive: one that `archive` wrote, or any other.
//!
//! The archive may be anybody's. Each entry is reached by the handles of its directories, and no
//! symlink on the way is followed, so nothing is written outside; a name with `..` in it is refused.

use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod, fchown,
    fsetxattr, ftruncate, futimens, linkat, makedev, mkdirat, mknodat, openat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;
use tar::{EntryType, Header};

use super::entries::{BLOCK, Entries, Item, bad, fill, has_right_sum};
use super::file_writer::{FileWriter, read_map};
use super::pax::Pax;
use super::write::ArchiveStats;
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes::magic_child;
use crate::sys::tree::entry::handle::{open_directory, open_root};

/// An archive's first file of the caller's own words is no longer than this.
const HEAD_MAX: u64 = 1 << 20;

/// Why an archive was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The archive itself.
    #[error("cannot read the archive: {0}")]
    Archive(io::Error),
    /// A compressed file where a plain archive is expected.
    #[error("cannot read the archive: it is compressed")]
    Compressed,
    /// An entry of it that cannot be made.
    #[error("cannot make the entry {name} of the archive: {source}")]
    Entry {
        /// Its name in the archive.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The directory that it goes to.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// The bytes of an archive's first file, where it is the caller's, and the archive as it is to be read on.
pub type Headed<'r> = (Option<Vec<u8>>, Box<dyn Read + 'r>);

/// Takes the first file off an archive when it has this name.
///
/// # Errors
/// When the archive cannot be read, is empty or compressed, or is none.
pub fn take_head<'r>(archive: &'r mut dyn Read, name: &str) -> Result<Headed<'r>, ExtractError> {
    let mut seen = Vec::new();
    loop {
        let start = seen.len();
        seen.resize(start + BLOCK, 0);
        let length = fill(archive, &mut seen[start..]).map_err(ExtractError::Archive)?;
        if start == 0 {
            check_kind(&seen[..length])?;
        }
        seen.truncate(start + length);
        let Some(header) = seen.get(start..start + BLOCK) else { break };
        let header = Header::from_byte_slice(header);
        let kind = header.entry_type();
        let is_extra = kind.is_pax_local_extensions() || kind.is_pax_global_extensions();
        let is_head = kind.is_file() && *header.path_bytes() == *name.as_bytes();
        let size = header.entry_size().unwrap_or(u64::MAX);
        if !(is_extra || is_head) || size > HEAD_MAX {
            break;
        }
        let start = seen.len();
        seen.resize(start + size.next_multiple_of(BLOCK as u64) as usize, 0);
        let length = fill(archive, &mut seen[start..]).map_err(ExtractError::Archive)?;
        seen.truncate(start + length);
        if is_head {
            let text = seen.get(start..start + size as usize);
            let text =
                text.ok_or_else(|| ExtractError::Archive(io::ErrorKind::UnexpectedEof.into()))?.to_vec();
            return Ok((Some(text), Box::new(archive)));
        }
    }
    Ok((None, Box::new(io::Cursor::new(seen).chain(archive))))
}

/// Refuses what does not begin like a plain tar archive, and says what it is instead.
fn check_kind(start: &[u8]) -> Result<(), ExtractError> {
    let packed = [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh"];
    if start.is_empty() {
        return Err(ExtractError::Archive(bad("it is empty")));
    }
    if packed.iter().any(|magic| start.starts_with(magic)) {
        return Err(ExtractError::Compressed);
    }
    match <&[u8; BLOCK]>::try_from(start) {
        Ok(block) if has_right_sum(block) || block.iter().all(|byte| *byte == 0) => Ok(()),
        _ => Err(ExtractError::Archive(bad("it is no tar archive"))),
    }
}

/// Fills the empty directory `target`, which nobody else writes to, from what an archive has below `prefix`
/// (empty for all of it).
///
/// # Errors
/// The first one ends it and leaves a part in `target`.
pub fn extract_archive(
    archive: &mut dyn Read,
    target: &Path,
    prefix: &str,
    cancel: &AtomicBool,
) -> Result<ArchiveStats, ExtractError> {
    let root = open_root(target)?;
    let mut extract = Extract {
        root,
        last: None,
        directories: Vec::new(),
        prefix: prefix.as_bytes().to_vec(),
        stats: ArchiveStats::default(),
    };
    let mut entries = Entries::new(archive);
    while let Some(item) = entries.next().map_err(ExtractError::Archive)? {
        if cancel.load(Ordering::Relaxed) {
            return Err(ExtractError::Archive(io::ErrorKind::Interrupted.into()));
        }
        let pax = Pax::of(&item).map_err(ExtractError::Archive)?;
        let name = pax.name.clone().unwrap_or_else(|| item.name.clone());
        extract.put(&name, &item, &mut entries, pax, cancel).map_err(|source| ExtractError::Entry {
            name: String::from_utf8_lossy(&name).into_owned(),
            source,
        })?;
    }
    extract.finish().map_err(ExtractError::Archive)?;
    Ok(extract.stats)
}

struct Extract {
    root: OwnedFd,
    /// The directory of the last entry, which most often is that of the next.
    last: Option<(Vec<CString>, OwnedFd)>,
    /// Directories get their attributes last: what is made in them would change their times.
    directories: Vec<(Vec<CString>, Attributes)>,
    prefix: Vec<u8>,
    stats: ArchiveStats,
}

struct Attributes {
    uid: u32,
    gid: u32,
    mode: Mode,
    times: Timestamps,
    extended: Vec<(CString, Vec<u8>)>,
}

impl Extract {
    fn put(
        &mut self,
        name: &[u8],
        item: &Item,
        data: &mut Entries<'_>,
        pax: Pax,
        cancel: &AtomicBool,
    ) -> io::Result<()> {
        let Some(parts) = parts(name, &self.prefix)? else {
            self.stats.left_out += 1;
            return Ok(());
        };
        fault::point("tree.extract")?;
        let header = &item.header;
        let kind = header.entry_type();
        let seconds = i64::try_from(header.mtime()?).unwrap_or(0);
        let mtime = pax.mtime.unwrap_or(Timespec { tv_sec: seconds, tv_nsec: 0 });
        let number = |value: u64| u32::try_from(value).map_err(|_| bad("an owner's number is too large"));
        let attributes = Attributes {
            uid: pax.uid.map_or_else(|| header.uid().and_then(number), Ok)?,
            gid: pax.gid.map_or_else(|| header.gid().and_then(number), Ok)?,
            mode: Mode::from_raw_mode(header.mode()? & 0o7777),
            times: Timestamps { last_access: pax.atime.unwrap_or(mtime), last_modification: mtime },
            extended: pax.extended,
        };
        self.stats.entries += 1;
        let Some((last, above)) = parts.split_last() else {
            self.directories.push((parts, attributes));
            return Ok(());
        };
        if matches!(kind, EntryType::Link) {
            let link = self::parts(&item.link, &self.prefix)?.ok_or_else(|| bad("a hard link to outside"))?;
            let (link_last, link_above) = link.split_last().ok_or_else(|| bad("a hard link to the root"))?;
            let from = self.open(link_above)?;
            let to = self.directory(above)?;
            let _ = unlinkat(to, last, AtFlags::empty());
            return Ok(linkat(&from, link_last, to, last, AtFlags::empty())?);
        }
        let directory = self.directory(above)?;
        if kind.is_dir() || kind == EntryType::new(b'D') {
            match mkdirat(directory, last, Mode::RWXU) {
                Err(Errno::EXIST) => drop(open_directory(directory.as_fd(), last)?),
                other => other?,
            }
            self.directories.push((parts, attributes));
            return Ok(());
        }
        // A later entry of the same name replaces the earlier one, as tar has it.
        let _ = unlinkat(directory, last, AtFlags::empty());
        let own = Mode::RUSR | Mode::WUSR;
        match kind {
            EntryType::Symlink => {
                symlinkat(item.link.as_slice(), directory, last)?;
            }
            EntryType::Fifo => mknodat(directory, last, rustix::fs::FileType::Fifo, own, 0)?,
            EntryType::Char | EntryType::Block => {
                let device =
                    makedev(header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0));
                let kind = if kind == EntryType::Char {
                    rustix::fs::FileType::CharacterDevice
                } else {
                    rustix::fs::FileType::BlockDevice
                };
                mknodat(directory, last, kind, own, device)?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = openat(directory, last, flags, own)?;
                let mut writer = FileWriter::new(&file, cancel);
                if pax.sparse {
                    let size = pax.size.ok_or_else(|| bad("a file with holes without its size"))?;
                    let map = read_map(data)?;
                    writer.mapped(data, &map, size)?;
                } else if let Some((map, size)) = &item.map {
                    writer.mapped(data, map, *size)?;
                } else {
                    writer.all(data)?;
                    ftruncate(&file, writer.offset)?;
                }
                self.stats.bytes += writer.bytes;
                return attributes.apply(&file);
            }
            _ => {
                self.stats.entries -= 1;
                self.stats.left_out += 1;
                return Ok(());
            }
        }
        attributes.apply_to_name(directory, last, kind == EntryType::Symlink)
    }

    /// The directory of these parts, made where it is missing, and kept for the next entry.
    fn directory(&mut self, parts: &[CString]) -> io::Result<&OwnedFd> {
        if self.last.as_ref().is_none_or(|(last, _)| last != parts) {
            let mut handle = self.root.try_clone()?;
            for part in parts {
                handle = match open_directory(handle.as_fd(), part) {
                    Err(Errno::NOENT) => {
                        mkdirat(&handle, part, Mode::from_raw_mode(0o755))?;
                        open_directory(handle.as_fd(), part)?
                    }
                    other => other?,
                };
            }
            self.last = Some((parts.to_vec(), handle));
        }
        Ok(self.last.as_ref().map(|(_, handle)| handle).expect("it was just set"))
    }

    fn open(&self, parts: &[CString]) -> io::Result<OwnedFd> {
        let mut handle = self.root.try_clone()?;
        for part in parts {
            handle = open_directory(handle.as_fd(), part)?;
        }
        Ok(handle)
    }

    /// The attributes of directories, the deepest first: a mode may shut us out of what is below.
    fn finish(&mut self) -> io::Result<()> {
        let mut directories = std::mem::take(&mut self.directories);
        directories.sort_by_key(|(parts, _)| std::cmp::Reverse(parts.len()));
        for (parts, attributes) in directories {
            attributes.apply(&self.open(&parts)?)?;
        }
        Ok(())
    }
}

/// The parts of a name of the archive below `prefix`; none when it is not below it.
fn parts(name: &[u8], prefix: &[u8]) -> io::Result<Option<Vec<CString>>> {
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(bad("its name leads out of the tree")),
            part => parts.push(CString::new(part).map_err(|_| bad("its name has a NUL"))?),
        }
    }
    if prefix.is_empty() {
        return Ok(Some(parts));
    }
    match parts.first() {
        Some(first) if first.as_bytes() == prefix => Ok(Some(parts.split_off(1))),
        _ => Ok(None),
    }
}

impl Attributes {
    fn owner(&self) -> (Option<Uid>, Option<Gid>) {
        (Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))
    }

    /// In the order that `attributes` explains.
    fn apply(&self, to: &OwnedFd) -> io::Result<()> {
        let (owner, group) = self.owner();
        fchown(to, owner, group)?;
        for (name, value) in &self.extended {
            fsetxattr(to, name, value, XattrFlags::empty()).map_err(|errno| named(name, errno))?;
        }
        fchmod(to, self.mode)?;
        Ok(futimens(to, &self.times)?)
    }

    fn apply_to_name(&self, directory: &OwnedFd, name: &CString, symlink: bool) -> io::Result<()> {
        let (owner, group) = self.owner();
        chownat(directory, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
        let path = magic_child(directory, name);
        for (key, value) in &self.extended {
            rustix::fs::lsetxattr(&*path, key, value, XattrFlags::empty())
                .map_err(|errno| named(key, errno))?;
        }
        if !symlink {
            chmodat(directory, name, self.mode, AtFlags::empty())?;
        }
        Ok(utimensat(directory, name, &self.times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

fn named(name: &CString, errno: Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("extended attribute {}: {error}", name.to_string_lossy()))
}
