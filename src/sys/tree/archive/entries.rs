//! Reads the entries of a tar archive one after the other, with all that the headers before an
//! entry say about it.

use std::io::{self, Read};

use rustix::fs::{Dev, Timespec};

use super::error::{Compression, ExtractError};
use super::header::{BLOCK, Format, HeaderBlock, bad, until_nul};
use super::pax::{self, Extension, Record};
use super::sparse::{Form, SparseMap, read_map};

/// Headers that stand before an entry's own are no longer than this, in bytes.
const EXTRA_MAX: u64 = 1 << 24;
/// Bytes after the end of an archive that are looked at. No program pads an archive with more.
const PADDING_MAX: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Directory,
    Regular,
    HardLink,
    Symlink,
    Fifo,
    CharacterDevice(Dev),
    BlockDevice(Dev),
    /// The name of the archive itself, which makes no entry.
    Label,
}

/// One entry.
pub(super) struct Item {
    pub(super) kind: ItemKind,
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timespec,
    /// What only pax records say.
    pub(super) extension: Extension,
    /// Bytes of content that the archive stores.
    pub(super) size: u64,
    /// Where they go in a file with holes.
    pub(super) map: Option<SparseMap>,
    /// Whether the type is unknown, and the entry a regular file for want of a better one.
    pub(super) is_unknown: bool,
}

/// An archive that is being read. Reading from it gives the content of the entry that came last.
pub(super) struct Entries<'r> {
    from: &'r mut dyn Read,
    /// The first block, which was read to see what the archive is.
    first: Option<HeaderBlock>,
    /// Bytes of content that were not read yet, and of padding behind them.
    left: u64,
    padding: u64,
    /// The records of the last global header.
    global: Vec<Record>,
    is_over: bool,
}

/// What the headers before an entry's own say.
#[derive(Default)]
struct Before {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Option<Vec<Record>>,
}

impl Before {
    /// Returns the name for an error, where the records may not be understood.
    fn shown_name(&self, header: &HeaderBlock) -> Vec<u8> {
        let records = self.records.iter().flatten().rev();
        let path = records.filter(|(key, _)| matches!(key.as_slice(), b"path" | b"GNU.sparse.name"));
        let path = path.map(|(_, value)| value.clone()).next();
        path.or_else(|| self.name.clone()).unwrap_or_else(|| header.name())
    }
}

impl<'r> Entries<'r> {
    /// Looks at the first block, which must be that of a tar archive.
    pub(super) fn open(from: &'r mut dyn Read) -> Result<Self, ExtractError> {
        let mut block = [0; BLOCK];
        let length = read_full(from, &mut block).map_err(ExtractError::Archive)?;
        let header = HeaderBlock::from(block);
        if length == 0 {
            return Err(ExtractError::Archive(bad("it is empty")));
        }
        if length < BLOCK || !(header.is_zero() || header.has_right_checksum()) {
            return Err(match Compression::of(&block[..length]) {
                Some(compression) => ExtractError::Compressed(compression),
                None => ExtractError::Archive(bad("it is not a tar archive")),
            });
        }
        Ok(Entries { from, first: Some(header), left: 0, padding: 0, global: Vec::new(), is_over: false })
    }

    /// Returns the next entry, or `None` at the end of the archive, which must be marked as such:
    /// an archive without its end may have been cut off.
    pub(super) fn next(&mut self) -> Result<Option<Item>, ExtractError> {
        let mut before = Before::default();
        loop {
            let Some(header) = self.header()? else {
                return match before {
                    Before { name: None, link: None, records: None } => Ok(None),
                    _ => Err(ExtractError::Archive(bad("it ends after a header without an entry"))),
                };
            };
            if !self.is_extra(&header, &mut before).map_err(ExtractError::Archive)? {
                let name = before.shown_name(&header);
                return self
                    .item(&header, before)
                    .map(Some)
                    .map_err(|source| ExtractError::entry(&name, source));
            }
        }
    }

    /// Returns whether anything but zeros follows the end of the archive.
    pub(super) fn has_more(&mut self) -> bool {
        let mut rest = Vec::new();
        // What cannot be read does not matter any more.
        let _ = (&mut *self.from).take(PADDING_MAX).read_to_end(&mut rest);
        rest.iter().any(|byte| *byte != 0)
    }

    /// Passes over what is left of the entry before and returns the next header, or `None` at the
    /// end.
    fn header(&mut self) -> Result<Option<HeaderBlock>, ExtractError> {
        if self.is_over {
            return Ok(None);
        }
        self.pass_over().map_err(ExtractError::Archive)?;
        let header = match self.first.take() {
            Some(header) => header,
            None => self.block().map_err(ExtractError::Archive)?.ok_or(ExtractError::Endless)?,
        };
        let damaged = |how| ExtractError::Archive(bad(how));
        if header.is_zero() {
            self.is_over = true;
            return match self.block().map_err(ExtractError::Archive)? {
                Some(second) if !second.is_zero() => Err(damaged("it is damaged: a header has only zeros")),
                _ => Ok(None),
            };
        }
        if header.has_right_checksum() {
            Ok(Some(header))
        } else {
            Err(damaged("it is damaged: the checksum of a header is wrong"))
        }
    }

    fn pass_over(&mut self) -> io::Result<()> {
        let rest = self.left + self.padding;
        if io::copy(&mut (&mut *self.from).take(rest), &mut io::sink())? < rest {
            return Err(cut_off());
        }
        self.start(0);
        Ok(())
    }

    /// Takes a header that stands before an entry's own; false if `header` is the entry's own.
    fn is_extra(&mut self, header: &HeaderBlock, before: &mut Before) -> io::Result<bool> {
        match header.type_flag() {
            b'L' => before.name = Some(until_nul(&self.extra(header)?).to_vec()),
            b'K' => before.link = Some(until_nul(&self.extra(header)?).to_vec()),
            b'x' | b'X' => before.records = Some(pax::parse(&self.extra(header)?)?),
            b'g' => {
                self.global = pax::parse(&self.extra(header)?)?;
                pax::check_global(&self.global)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn extra(&mut self, header: &HeaderBlock) -> io::Result<Vec<u8>> {
        let size = header.size()?;
        if size > EXTRA_MAX {
            return Err(bad("a header is too long"));
        }
        self.start(size);
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn item(&mut self, header: &HeaderBlock, before: Before) -> io::Result<Item> {
        let records = before.records.as_deref().unwrap_or_default();
        let mut extension = Extension::read(self.global.iter().chain(records))?;
        let name = extension.name.take().or(before.name).unwrap_or_else(|| header.name());
        let link = extension.link.take().or(before.link).unwrap_or_else(|| header.link());
        let (kind, is_unknown) = kind_of(header, &name)?;
        let has_content = match header.type_flag() {
            b'D' | b'V' => true,
            _ => kind == ItemKind::Regular,
        };
        // Other types may have a size, which says nothing about content.
        let size = if header.type_flag() == b'1' { 0 } else { extension.size.unwrap_or(header.size()?) };
        self.start(if has_content { size } else { 0 });
        let map = self.map(header, kind, &mut extension, before.records.is_some())?;
        // A field that is damaged is an error, also where a record takes its place.
        let (uid, gid, mtime) = (header.uid()?, header.gid()?, header.mtime()?);
        Ok(Item {
            kind,
            name,
            link,
            mode: header.mode()?,
            uid: extension.uid.unwrap_or(uid),
            gid: extension.gid.unwrap_or(gid),
            mtime: extension.mtime.unwrap_or(mtime),
            extension,
            size: self.left,
            map,
            is_unknown,
        })
    }

    /// Reads the map of a file with holes. GNU tar looks at the format before it looks at the
    /// records.
    fn map(
        &mut self,
        header: &HeaderBlock,
        kind: ItemKind,
        extension: &mut Extension,
        has_records: bool,
    ) -> io::Result<Option<SparseMap>> {
        let form = std::mem::take(&mut extension.sparse).form()?;
        let is_gnu = header.type_flag() == b'S';
        let map = match form {
            Form::Plain if is_gnu && header.format() == Format::Gnu => {
                let mut runs = Vec::new();
                let mut more = header.runs(&mut runs)?;
                while more {
                    more = self.block()?.ok_or_else(cut_off)?.more_runs(&mut runs)?;
                }
                SparseMap::new(runs, header.real_size()?, self.left)?
            }
            Form::Plain if is_gnu => return Err(bad("it has holes in a form that GNU tar does not read")),
            Form::Plain => return Ok(None),
            _ if kind != ItemKind::Regular || is_gnu || !has_records || header.format() != Format::Ustar => {
                return Err(bad("it has a map of holes where GNU tar reads none"));
            }
            Form::Runs(runs, size) => SparseMap::new(runs, size, self.left)?,
            Form::MapFirst(size) => {
                let runs = read_map(self)?;
                SparseMap::new(runs, size, self.left)?
            }
        };
        Ok(Some(map))
    }

    fn start(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    /// Reads a block; `None` at the end of the file.
    fn block(&mut self) -> io::Result<Option<HeaderBlock>> {
        let mut block = [0; BLOCK];
        match read_full(self.from, &mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(HeaderBlock::from(block))),
            _ => Err(cut_off()),
        }
    }
}

impl Read for Entries<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (&mut *self.from).take(self.left).read(buffer)?;
        self.left -= length as u64;
        if length == 0 && self.left > 0 && !buffer.is_empty() { Err(cut_off()) } else { Ok(length) }
    }
}

/// Returns the kind of an entry, and whether its type is one that GNU tar does not know.
fn kind_of(header: &HeaderBlock, name: &[u8]) -> io::Result<(ItemKind, bool)> {
    let kind = match header.type_flag() {
        // BSD's older tar told a directory by the slash only.
        0 | b'0' | b'7' if name.ends_with(b"/") => ItemKind::Directory,
        0 | b'0' | b'7' | b'S' => ItemKind::Regular,
        b'1' => ItemKind::HardLink,
        b'2' => ItemKind::Symlink,
        b'3' => ItemKind::CharacterDevice(header.device()?),
        b'4' => ItemKind::BlockDevice(header.device()?),
        b'5' | b'D' => ItemKind::Directory,
        b'6' => ItemKind::Fifo,
        b'V' => ItemKind::Label,
        b'M' => return Err(bad("it is continued from another archive")),
        _ => return Ok((ItemKind::Regular, true)),
    };
    Ok((kind, false))
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early: it may have been cut off")
}

/// Reads until the buffer is full or the end is reached.
pub(super) fn read_full(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match from.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(length) => done += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn no_bytes_panic(bytes: Vec<u8>) -> bool {
            let mut archive = bytes.as_slice();
            let first = Entries::open(&mut archive).and_then(|mut entries| entries.next());
            first.is_ok_and(|item| item.is_none()) || bytes.len() < BLOCK || bytes.iter().any(|byte| *byte != 0)
        }
    }
}
