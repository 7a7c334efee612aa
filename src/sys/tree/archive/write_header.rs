//! Writes the headers of an archive: one of type `x` before an entry's own holds what that cannot.

use std::io::{self, Write};

use rustix::fs::{Dev, FileType};
use tar::{EntryType, Header};

use super::header::BLOCK;
use super::pax::{Records, decimal_time};
use crate::sys::tree::entry::handle::Stat;

/// The largest numbers that fit a field of 8 and one of 12 octal digits with their end.
const SHORT_MAX: u64 = 0o7_777_777;
const LONG_MAX: u64 = 0o77_777_777_777;

/// One entry as the archive describes it.
pub(super) struct EntryHeader<'e> {
    pub(super) kind: EntryType,
    pub(super) path: &'e [u8],
    pub(super) link: &'e [u8],
    /// Bytes of content behind the header.
    pub(super) size: u64,
    pub(super) records: Records,
}

/// Writes the header of an entry that `stat` describes.
pub(super) fn write_entry(out: &mut dyn Write, mut entry: EntryHeader<'_>, stat: &Stat) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(stat.mode.as_raw_mode() & 0o7777);
    let [uid, gid] = [("uid", stat.uid), ("gid", stat.gid)].map(|(key, id)| {
        let id = u64::from(id);
        // The first name of an inode has what all of them share.
        if id > SHORT_MAX && entry.kind != EntryType::Link {
            entry.records.put(key.as_bytes(), id.to_string().as_bytes());
        }
        if id > SHORT_MAX { 0 } else { id }
    });
    header.set_uid(uid);
    header.set_gid(gid);
    let seconds = u64::try_from(stat.times.last_modification.tv_sec).unwrap_or(0);
    header.set_mtime(if seconds <= LONG_MAX { seconds } else { 0 });
    if matches!(stat.kind, FileType::CharacterDevice | FileType::BlockDevice) && entry.kind != EntryType::Link
    {
        set_device(&mut header, stat.device)?;
    }
    if entry.kind != EntryType::Link {
        entry.records.put(b"mtime", decimal_time(stat.times.last_modification).as_bytes());
        entry.records.put(b"atime", decimal_time(stat.times.last_access).as_bytes());
    }
    write(out, entry, header)
}

/// Writes the header of a file of the caller's own, which has no inode.
pub(super) fn write_text(out: &mut dyn Write, name: &[u8], seconds: u64, size: u64) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(0o644);
    header.set_mtime(seconds);
    let records = Records::default();
    write(out, EntryHeader { kind: EntryType::Regular, path: name, link: b"", size, records }, header)
}

/// Fills the last block of `size` bytes of content.
pub(super) fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let rest = (size.next_multiple_of(BLOCK as u64) - size) as usize;
    out.write_all(&[0; BLOCK][..rest])
}

fn write(out: &mut dyn Write, mut entry: EntryHeader<'_>, mut header: Header) -> io::Result<()> {
    header.set_entry_type(entry.kind);
    let old = header.as_old_mut();
    let names = [(entry.path, &mut old.name, "path"), (entry.link, &mut old.linkname, "linkpath")];
    for (bytes, field, key) in names {
        if bytes.len() > field.len() {
            entry.records.put_name(key.as_bytes(), bytes);
        }
        let length = bytes.len().min(field.len());
        field[..length].copy_from_slice(&bytes[..length]);
    }
    if entry.size > LONG_MAX {
        entry.records.put(b"size", entry.size.to_string().as_bytes());
    }
    let records = entry.records.as_bytes();
    if !records.is_empty() {
        let mut extra = Header::new_ustar();
        extra.set_entry_type(EntryType::XHeader);
        extra.set_mode(0o644);
        extra.as_old_mut().name[..10].copy_from_slice(b"PaxHeaders");
        extra.set_size(records.len() as u64);
        extra.set_cksum();
        out.write_all(extra.as_bytes())?;
        out.write_all(records)?;
        pad(out, records.len() as u64)?;
    }
    header.set_size(if entry.size <= LONG_MAX { entry.size } else { 0 });
    header.set_cksum();
    out.write_all(header.as_bytes())
}

fn set_device(header: &mut Header, device: Dev) -> io::Result<()> {
    header.set_device_major(rustix::fs::major(device))?;
    header.set_device_minor(rustix::fs::minor(device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tree::archive::entries::Entries;
    use crate::sys::tree::entry::handle::open_root;
    use std::os::fd::AsFd as _;

    #[test]
    fn what_no_field_has_room_for_comes_back() {
        let root = open_root(std::path::Path::new("/")).unwrap();
        let mut stat = Stat::of(root.as_fd()).unwrap();
        (stat.uid, stat.gid) = (u32::MAX - 1, 0o7_777_777);
        stat.times.last_modification = rustix::fs::Timespec { tv_sec: 1 << 40, tv_nsec: 7 };
        let (path, size) = ([b'p'; 300], (1 << 40) + 5);
        let entry = EntryHeader {
            kind: EntryType::Regular,
            path: &path,
            link: b"",
            size,
            records: Records::default(),
        };
        let mut archive = Vec::new();
        write_entry(&mut archive, entry, &stat).unwrap();
        let mut from = archive.as_slice();
        let item = Entries::open(&mut from).unwrap().next().unwrap().unwrap();
        assert_eq!((item.uid, item.gid, item.size), (stat.uid, stat.gid, size));
        assert_eq!((item.mtime, item.name), (stat.times.last_modification, path.to_vec()));
    }
}
