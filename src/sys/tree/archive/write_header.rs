//! Writes the headers of an archive: one of type `x` before an entry's own holds what that cannot.

use std::io::{self, Write};

use rustix::fs::Dev;
use tar::{EntryType, Header};

use super::header::BLOCK;
use super::pax::{Records, decimal_time};
use crate::sys::tree::entry::values::EntryAttributes;

/// The largest numbers that fit a field of 8 and one of 12 octal digits with their end.
const SHORT_MAX: u64 = 0o7_777_777;
const LONG_MAX: u64 = 0o77_777_777_777;

/// One entry as the archive describes it.
pub(super) struct EntryHeader<'e> {
    pub(super) kind: EntryType,
    /// The number of a device.
    pub(super) device: Option<Dev>,
    pub(super) path: &'e [u8],
    pub(super) link: &'e [u8],
    /// Bytes of content behind the header.
    pub(super) size: u64,
    pub(super) records: Records,
}

/// Writes the header of an entry that has these attributes.
pub(super) fn write_entry(
    out: &mut dyn Write,
    mut entry: EntryHeader<'_>,
    attributes: &EntryAttributes,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(attributes.mode.as_raw_mode() & 0o7777);
    let [uid, gid] = [("uid", attributes.uid), ("gid", attributes.gid)].map(|(key, id)| {
        let id = u64::from(id);
        // The first name of an inode has what all of them share.
        if id > SHORT_MAX && entry.kind != EntryType::Link {
            entry.records.put(key.as_bytes(), id.to_string().as_bytes());
        }
        if id > SHORT_MAX { 0 } else { id }
    });
    header.set_uid(uid);
    header.set_gid(gid);
    let seconds = u64::try_from(attributes.modified.0).unwrap_or(0);
    header.set_mtime(if seconds <= LONG_MAX { seconds } else { 0 });
    if let Some(device) = entry.device {
        set_device(&mut header, device)?;
    }
    if entry.kind != EntryType::Link {
        let times = attributes.times();
        entry.records.put(b"mtime", decimal_time(times.last_modification).as_bytes());
        entry.records.put(b"atime", decimal_time(times.last_access).as_bytes());
    }
    write(out, entry, header)
}

/// Writes the header of a file of the caller's own, which has no inode.
pub(super) fn write_text(out: &mut dyn Write, name: &[u8], seconds: u64, size: u64) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(0o644);
    header.set_mtime(seconds);
    let (kind, records) = (EntryType::Regular, Records::default());
    write(out, EntryHeader { kind, device: None, path: name, link: b"", size, records }, header)
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
    use crate::sys::tree::entry::flags::Flags;
    use crate::sys::tree::times::FileTime;

    #[test]
    fn what_no_field_has_room_for_comes_back() {
        let modified = FileTime(1 << 40, 7);
        let attributes = EntryAttributes {
            uid: u32::MAX - 1,
            gid: 0o7_777_777,
            mode: rustix::fs::Mode::RWXU,
            accessed: modified,
            modified,
            extended: Vec::new(),
            flags: Flags::none(),
        };
        let (path, size) = ([b'p'; 300], (1 << 40) + 5);
        let entry = EntryHeader {
            kind: EntryType::Regular,
            device: None,
            path: &path,
            link: b"",
            size,
            records: Records::default(),
        };
        let mut archive = Vec::new();
        write_entry(&mut archive, entry, &attributes).unwrap();
        let mut from = archive.as_slice();
        let item = Entries::open(&mut from).unwrap().next().unwrap().unwrap();
        assert_eq!((item.uid, item.gid, item.size), (attributes.uid, attributes.gid, size));
        assert_eq!((FileTime::from(item.mtime), item.name), (modified, path.to_vec()));
    }
}
