//! A tree as a tar archive (pax, POSIX.1-2001), which `tar` itself reads.
//!
//! Kept: names as bytes, modes, numeric owners, times in nanoseconds (`mtime`, `atime`), extended attributes
//! without the host's labels (`SCHILY.xattr.*`), hard links, holes (`GNU.sparse` 1.0), symlinks, FIFOs, devices.
//! Not kept: sockets, which a tar archive cannot hold and which are nothing without the process that listens.
//!
//! Entries come in the order of their bytes, so one tree always makes one archive.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, Timespec, readlinkat};
use rustix::io::{Errno, pread};
use tar::{EntryType, Header};

use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::copy::content::next_data;
use crate::sys::tree::entry::attributes;
use crate::sys::tree::entry::attributes::XattrHolder;
use crate::sys::tree::entry::handle::{Node, Stat, open_root};
use crate::sys::tree::entry::names::{DirectoryReader, SortedNames};

const BLOCK: u64 = 512;
const BUFFER: usize = 256 * 1024;

/// What went into an archive, or came out of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveStats {
    /// Entries, the root included.
    pub entries: u64,
    /// Bytes of regular files, without holes.
    pub bytes: u64,
    /// Entries that were left out: sockets, or of a type that is not known.
    pub left_out: u64,
}

/// Writes one tree, and what else the caller puts before it, as an archive.
pub struct ArchiveWriter<'w> {
    out: &'w mut dyn Write,
    cancel: &'w AtomicBool,
    stats: ArchiveStats,
    linked: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    names: Vec<u8>,
    value: Vec<u8>,
}

struct Frame {
    stat: Stat,
    names: SortedNames,
    /// Length of the archive's path of the directory, with its slash.
    length: usize,
}

impl<'w> ArchiveWriter<'w> {
    /// An archive on `out`; `cancel` set to true ends it soon, with an error of kind `Interrupted`.
    pub fn new(out: &'w mut dyn Write, cancel: &'w AtomicBool) -> Self {
        ArchiveWriter {
            out,
            cancel,
            stats: ArchiveStats::default(),
            linked: HashMap::new(),
            buffer: vec![0; BUFFER],
            names: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Adds a file of the caller's own words.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn text(&mut self, name: &str, seconds: u64, text: &str) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(seconds);
        self.entry(header, name.as_bytes(), b"", text.len() as u64, &mut Pax::default())?;
        self.out.write_all(text.as_bytes())?;
        self.pad(text.len() as u64)
    }

    /// Adds the tree at the directory `root` as the directory `name`.
    ///
    /// # Errors
    /// Whatever cannot be read, with its path, and what cannot be written, with that of the archive.
    pub fn tree(&mut self, root: &Path, name: &str) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let handle = open_root(root)?;
        let stat = Stat::of(handle.as_fd()).at("read the attributes of", root)?;
        let mut reader = DirectoryReader::new();
        let mut path = format!("{name}/").into_bytes();
        let base = path.len();
        let xattrs = self.extended(XattrHolder::Open(handle.as_fd())).at("read the attributes of", root)?;
        self.head(&path, &stat, b"", 0, xattrs).at("write", archive)?;
        let names = SortedNames::read(handle, &mut reader).at("read", root)?;
        let mut stack = vec![Frame { stat, names, length: path.len() }];
        while let Some(frame) = stack.last_mut() {
            path.truncate(frame.length);
            let Some(name) = frame.names.peek().map(CStr::to_owned) else {
                stack.pop();
                continue;
            };
            path.extend_from_slice(name.to_bytes());
            let on_disk = || root.join(std::ffi::OsStr::from_bytes(&path[base..]));
            frame
                .names
                .advance(&mut reader, |_, _, _| Ok(true))
                .map_err(|errno| DiskError::new("read", on_disk(), errno))?;
            if self.cancel.load(Ordering::Relaxed) {
                return Err(DiskError::new("read", on_disk(), io::Error::from(io::ErrorKind::Interrupted)));
            }
            let node = match Node::open(frame.names.handle.as_fd(), &name) {
                Err(Errno::NOENT) => continue,
                other => other
                    .map_err(|errno| crate::sys::tree::entry::handle::refusal("open", on_disk(), errno))?,
            };
            if !node.stat.same_mount(&frame.stat) {
                return Err(crate::sys::tree::entry::handle::mounted(on_disk()));
            }
            let on_disk = on_disk();
            if node.stat.kind == FileType::Directory {
                let handle = node.reopen().at("open", &on_disk)?;
                path.push(b'/');
                let xattrs = self
                    .extended(XattrHolder::Open(handle.as_fd()))
                    .at("read the attributes of", &on_disk)?;
                self.head(&path, &node.stat, b"", 0, xattrs).at("write", archive)?;
                let names = SortedNames::read(handle, &mut reader).at("read", &on_disk)?;
                stack.push(Frame { stat: node.stat, names, length: path.len() });
            } else {
                self.leaf(&path, &node, &on_disk)?;
            }
        }
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn finish(self) -> io::Result<ArchiveStats> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        self.out.flush()?;
        Ok(self.stats)
    }

    fn leaf(&mut self, path: &[u8], node: &Node, on_disk: &Path) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let stat = &node.stat;
        if stat.links > 1 {
            let key = (stat.inode.device, stat.inode.number);
            if let Some(first) = self.linked.get(&key).cloned() {
                let mut header = Header::new_ustar();
                header.set_entry_type(EntryType::Link);
                fill(&mut header, stat);
                self.stats.entries += 1;
                return self.entry(header, path, &first, 0, &mut Pax::default()).at("write", archive);
            }
            self.linked.insert(key, path.to_vec());
        }
        match stat.kind {
            FileType::RegularFile => {
                let file = node.reopen().at("open", on_disk)?;
                let xattrs =
                    self.extended(XattrHolder::Open(file.as_fd())).at("read the attributes of", on_disk)?;
                let segments = segments(&file, stat).at("read", on_disk)?;
                self.file(path, stat, &file, segments, xattrs, on_disk)
            }
            FileType::Symlink => {
                let target = readlinkat(&node.handle, c"", Vec::new()).at("read the link", on_disk)?;
                let magic = node.magic_path();
                let xattrs =
                    self.extended(XattrHolder::Magic(&magic)).at("read the attributes of", on_disk)?;
                self.head(path, stat, target.to_bytes(), 0, xattrs).at("write", archive)
            }
            FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice => {
                let magic = node.magic_path();
                let xattrs =
                    self.extended(XattrHolder::Magic(&magic)).at("read the attributes of", on_disk)?;
                self.head(path, stat, b"", 0, xattrs).at("write", archive)
            }
            _ => {
                self.stats.left_out += 1;
                Ok(())
            }
        }
    }

    fn file(
        &mut self,
        path: &[u8],
        stat: &Stat,
        file: &OwnedFd,
        segments: Vec<(u64, u64)>,
        xattrs: Pax,
        on_disk: &Path,
    ) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let data: u64 = segments.iter().map(|(start, end)| end - start).sum();
        if data == stat.size {
            self.head(path, stat, b"", stat.size, xattrs).at("write", archive)?;
        } else {
            let mut map = format!("{}\n", segments.len() + 1);
            for (start, end) in &segments {
                map.push_str(&format!("{start}\n{}\n", end - start));
            }
            map.push_str(&format!("{}\n0\n", stat.size));
            let mut map = map.into_bytes();
            map.resize(map.len().next_multiple_of(BLOCK as usize), 0);
            let mut pax = xattrs;
            pax.put("GNU.sparse.major", b"1");
            pax.put("GNU.sparse.minor", b"0");
            pax.put("GNU.sparse.name", path);
            pax.put("GNU.sparse.realsize", stat.size.to_string().as_bytes());
            let shown = [b"GNUSparseFile.0/".as_slice(), path].concat();
            self.head(&shown, stat, b"", map.len() as u64 + data, pax).at("write", archive)?;
            self.out.write_all(&map).at("write", archive)?;
        }
        for (start, end) in segments {
            let mut offset = start;
            while offset < end {
                if self.cancel.load(Ordering::Relaxed) {
                    return Err(DiskError::new("read", on_disk, io::Error::from(io::ErrorKind::Interrupted)));
                }
                let wanted = (end - offset).min(BUFFER as u64) as usize;
                let length = match pread(file, &mut self.buffer[..wanted], offset) {
                    Err(Errno::INTR) => continue,
                    other => other.at("read", on_disk)?,
                };
                if length == 0 {
                    let shorter = io::Error::other("it became shorter while it was read");
                    return Err(DiskError::new("read", on_disk, shorter));
                }
                self.out.write_all(&self.buffer[..length]).at("write", archive)?;
                offset += length as u64;
            }
        }
        self.stats.bytes += data;
        self.pad(data).at("write", archive)
    }

    /// The header of an entry that `stat` describes, with `size` bytes behind it.
    fn head(&mut self, path: &[u8], stat: &Stat, link: &[u8], size: u64, mut pax: Pax) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(match stat.kind {
            FileType::Directory => EntryType::Directory,
            FileType::Symlink => EntryType::Symlink,
            FileType::Fifo => EntryType::Fifo,
            FileType::CharacterDevice => EntryType::Char,
            FileType::BlockDevice => EntryType::Block,
            _ => EntryType::Regular,
        });
        fill(&mut header, stat);
        if matches!(stat.kind, FileType::CharacterDevice | FileType::BlockDevice) {
            header.set_device_major(rustix::fs::major(stat.device))?;
            header.set_device_minor(rustix::fs::minor(stat.device))?;
        }
        pax.put("mtime", decimal(stat.times.last_modification).as_bytes());
        pax.put("atime", decimal(stat.times.last_access).as_bytes());
        self.stats.entries += 1;
        self.entry(header, path, link, size, &mut pax)
    }

    /// Writes a header, behind one of type `x` that holds what it cannot.
    fn entry(
        &mut self,
        mut header: Header,
        path: &[u8],
        link: &[u8],
        size: u64,
        pax: &mut Pax,
    ) -> io::Result<()> {
        let old = header.as_old_mut();
        for (bytes, field, key) in [(path, &mut old.name, "path"), (link, &mut old.linkname, "linkpath")] {
            if bytes.len() > field.len() {
                pax.put(key, bytes);
            }
            let length = bytes.len().min(field.len());
            field[..length].copy_from_slice(&bytes[..length]);
        }
        if !pax.0.is_empty() {
            let mut extra = Header::new_ustar();
            extra.set_entry_type(EntryType::XHeader);
            extra.set_mode(0o644);
            extra.as_old_mut().name[..10].copy_from_slice(b"PaxHeaders");
            extra.set_size(pax.0.len() as u64);
            extra.set_cksum();
            self.out.write_all(extra.as_bytes())?;
            self.out.write_all(&pax.0)?;
            self.pad(pax.0.len() as u64)?;
        }
        header.set_size(size);
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let rest = (size.next_multiple_of(BLOCK) - size) as usize;
        self.out.write_all(&[0; BLOCK as usize][..rest])
    }

    fn extended(&mut self, holder: XattrHolder<'_>) -> rustix::io::Result<Pax> {
        let mut pax = Pax::default();
        for name in
            attributes::names(holder.list(&mut self.names)?).filter(|name| !attributes::is_label(name))
        {
            if let Some(value) = holder.get(name, &mut self.value)? {
                pax.put(&format!("SCHILY.xattr.{}", name.to_string_lossy()), value);
            }
        }
        Ok(pax)
    }
}

/// Records of a pax header: `LENGTH KEY=VALUE\n`, the length with its own digits.
#[derive(Default)]
struct Pax(Vec<u8>);

impl Pax {
    fn put(&mut self, key: &str, value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        self.0.extend_from_slice(format!("{length} {key}=").as_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}

fn fill(header: &mut Header, stat: &Stat) {
    header.set_mode(stat.mode.as_raw_mode() & 0o7777);
    header.set_uid(stat.uid.into());
    header.set_gid(stat.gid.into());
    header.set_mtime(u64::try_from(stat.times.last_modification.tv_sec).unwrap_or(0));
}

/// The runs of data of a file; one run where it has no hole.
fn segments(file: &OwnedFd, stat: &Stat) -> rustix::io::Result<Vec<(u64, u64)>> {
    if stat.size == 0 || stat.allocated >= stat.size {
        return Ok(if stat.size == 0 { Vec::new() } else { vec![(0, stat.size)] });
    }
    let (mut found, mut offset) = (Vec::new(), 0);
    while let Some((start, end)) = next_data(file, offset, stat.size)? {
        found.push((start, end));
        offset = end;
    }
    Ok(found)
}

/// Seconds with their fraction, as pax has them: `-1.500000000` is half a second before -1.
fn decimal(time: Timespec) -> String {
    let nanos = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    let (sign, size) = if nanos < 0 { ("-", -nanos) } else { ("", nanos) };
    format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_digits() {
        for value in (1..20).chain(85..110).chain(980..1010) {
            let mut pax = Pax::default();
            pax.put("k", &vec![b'v'; value]);
            let text = String::from_utf8(pax.0).unwrap();
            let length: usize = text.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(length, text.len(), "{value}");
        }
    }

    #[test]
    fn times_before_the_epoch_are_written() {
        let time = |tv_sec, tv_nsec| decimal(Timespec { tv_sec, tv_nsec });
        assert_eq!(time(1, 5), "1.000000005");
        assert_eq!(time(-2, 500_000_000), "-1.500000000");
    }
}
