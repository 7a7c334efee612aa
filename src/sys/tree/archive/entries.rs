//! The entries of a tar archive, read one after the other: ustar, pax with any bytes in its records, and
//! what GNU tar adds (long names, files with holes).

use std::io::{self, Read};

use tar::Header;

pub(in crate::sys::tree) const BLOCK: usize = 512;
/// Headers that stand before an entry's own are no longer than this.
const EXTRA_MAX: u64 = 1 << 24;

pub(in crate::sys::tree) fn bad(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// An archive; reading from it reads the bytes of the entry that was told of last.
pub(in crate::sys::tree) struct Entries<'r> {
    from: &'r mut dyn Read,
    /// Bytes of the entry that were not read yet, and what fills up its last block.
    left: u64,
    padding: u64,
}

/// One entry, with all that the headers before its own said.
pub(in crate::sys::tree) struct Item {
    pub(in crate::sys::tree) header: Header,
    pub(in crate::sys::tree) name: Vec<u8>,
    pub(in crate::sys::tree) link: Vec<u8>,
    pub(in crate::sys::tree) records: Vec<(String, Vec<u8>)>,
    /// The runs of data (offset, length) and the whole size of a file with holes in GNU tar's older form.
    pub(in crate::sys::tree) map: Option<(Vec<(u64, u64)>, u64)>,
}

impl<'r> Entries<'r> {
    pub(in crate::sys::tree) fn new(from: &'r mut dyn Read) -> Self {
        Entries { from, left: 0, padding: 0 }
    }

    /// The next entry; none at the archive's end, which must be marked as such.
    pub(in crate::sys::tree) fn next(&mut self) -> io::Result<Option<Item>> {
        let (mut records, mut name, mut link) = (Vec::new(), None, None);
        loop {
            let rest = self.left + self.padding;
            if io::copy(&mut (&mut *self.from).take(rest), &mut io::sink())? < rest {
                return Err(early());
            }
            let block = self.block()?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !has_right_sum(&block) {
                return Err(bad("it is damaged: a header's checksum is wrong"));
            }
            let header = Header::from_byte_slice(&block).clone();
            let size = header.entry_size()?;
            self.start(size);
            let kind = header.entry_type();
            if kind.is_pax_local_extensions() {
                records = parse(&self.extra(size)?)?;
            } else if kind.is_gnu_longname() {
                name = Some(until_nul(self.extra(size)?));
            } else if kind.is_gnu_longlink() {
                link = Some(until_nul(self.extra(size)?));
            } else if !kind.is_pax_global_extensions() {
                let of = |key: &str| {
                    records
                        .iter()
                        .rev()
                        .find(|(k, _)| k == key)
                        .map(|(_, value): &(_, Vec<u8>)| value.clone())
                };
                if let Some(size) = of("size") {
                    let size = String::from_utf8(size).ok().and_then(|text| text.parse().ok());
                    self.start(size.ok_or_else(|| bad("a size is no number"))?);
                }
                let map = if kind.is_gnu_sparse() { Some(self.old_map(&header)?) } else { None };
                let name = of("path").or(name).unwrap_or_else(|| header.path_bytes().into_owned());
                let own = || header.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
                let link = of("linkpath").or(link).unwrap_or_else(own);
                return Ok(Some(Item { header, name, link, records, map }));
            }
        }
    }

    fn start(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn block(&mut self) -> io::Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.from.read_exact(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => early(),
            _ => error,
        })?;
        Ok(block)
    }

    fn extra(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTRA_MAX {
            return Err(bad("a header is too long"));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(early()) }
    }

    /// Reads the map in the header of GNU tar's older form, and in the blocks behind it.
    fn old_map(&mut self, header: &Header) -> io::Result<(Vec<(u64, u64)>, u64)> {
        let gnu = header.as_gnu().ok_or_else(|| bad("a file with holes without GNU's header"))?;
        let mut map = Vec::new();
        let mut add = |part: &tar::GnuSparseHeader| -> io::Result<()> {
            if !part.is_empty() {
                map.push((part.offset()?, part.length()?));
            }
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut add)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = tar::GnuExtSparseHeader::new();
            self.from.read_exact(block.as_mut_bytes())?;
            block.sparse().iter().try_for_each(&mut add)?;
            more = block.is_extended();
        }
        Ok((map, gnu.real_size()?))
    }
}

impl Read for Entries<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (&mut *self.from).take(self.left).read(buffer)?;
        self.left -= length as u64;
        if length == 0 && self.left > 0 && !buffer.is_empty() { Err(early()) } else { Ok(length) }
    }
}

fn early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early")
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

/// Whether the checksum of a header is that of its bytes, its own field taken as spaces.
pub(in crate::sys::tree) fn has_right_sum(block: &[u8; BLOCK]) -> bool {
    let sum = |range: &[u8]| range.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let told = Header::from_byte_slice(block).cksum();
    told.is_ok_and(|told| told == sum(&block[..148]) + 8 * 32 + sum(&block[156..]))
}

/// The records of a pax header: `LENGTH KEY=VALUE\n`, where the value may hold any bytes.
fn parse(mut bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
    let wrong = || bad("a pax header is damaged");
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length: usize =
            std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        let record =
            bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(wrong)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let key = std::str::from_utf8(&record[..equals]).map_err(|_| wrong())?;
        records.push((key.to_owned(), record[equals + 1..].to_vec()));
        bytes = &bytes[length..];
    }
    Ok(records)
}

/// Reads until the buffer is full or the end is reached.
pub(in crate::sys::tree) fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
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

    #[test]
    fn a_record_may_hold_any_bytes() {
        assert_eq!(parse(b"7 k=\n\0\n9 path=a\n").unwrap().len(), 2);
        for wrong in
            [&b"k=v\n"[..], b"9 k=v\n", b"0 k=v\n", b"3 k=v\n", b"6 k=v", b"99999999999999999999 k=v\n"]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    quickcheck! {
        fn no_bytes_panic(bytes: Vec<u8>) -> bool {
            let _ = parse(&bytes);
            let mut archive = bytes.as_slice();
            Entries::new(&mut archive).next().is_ok_and(|item| item.is_none()) || bytes.len() < BLOCK || bytes.iter().any(|b| *b != 0)
        }
    }
}
