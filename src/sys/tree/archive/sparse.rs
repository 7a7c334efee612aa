//! Reads where the data of a file with holes lies, in each of the five forms that GNU tar writes.
//!
//! | form | where the map of the runs is |
//! | --- | --- |
//! | GNU | type `S`: in the header and in blocks behind it |
//! | 0.0 | pax: pairs of `GNU.sparse.offset` and `GNU.sparse.numbytes` |
//! | 0.1 | pax: `GNU.sparse.map` |
//! | 1.0 | pax: in lines before the data |
//!
//! GNU tar writes the runs one by one into the file and reads each from the start of a block, so a
//! map that is not in order gives a file that no other program makes of it. Such a map is refused.

use std::io::{self, Read};

use super::header::{BLOCK, bad};

/// A run of data: offset in the file and length.
pub(super) type Run = (u64, u64);

/// Bytes of a map in form 1.0 that are read into memory: three million runs.
const MAP_MAX: u64 = 1 << 26;

/// The runs of data of a file with holes, in order, and the size of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SparseMap {
    pub(super) runs: Vec<Run>,
    pub(super) size: u64,
}

impl SparseMap {
    /// Checks a map against the file's size and against the bytes that the archive holds of it.
    pub(super) fn new(runs: Vec<Run>, size: u64, stored: u64) -> io::Result<Self> {
        let (mut end, mut total) = (0_u64, 0_u64);
        for (start, length) in &runs {
            // Only the last run with data may end within a block.
            let is_whole = *length == 0 || total.is_multiple_of(BLOCK as u64);
            if *start < end || !is_whole {
                return Err(damaged());
            }
            end = start.checked_add(*length).ok_or_else(damaged)?;
            total += length;
        }
        if end == size && total <= stored { Ok(SparseMap { runs, size }) } else { Err(damaged()) }
    }
}

/// What the pax records of one entry say about holes.
#[derive(Debug, Default)]
pub(super) struct SparseRecords {
    major: Option<u64>,
    minor: Option<u64>,
    size: Option<u64>,
    count: Option<u64>,
    offset: Option<u64>,
    runs: Vec<Run>,
}

/// How the content of an entry is stored.
#[derive(Debug)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// In runs, of a file of this size.
    Runs(Vec<Run>, u64),
    /// In runs behind a map, of a file of this size.
    MapFirst(u64),
}

impl SparseRecords {
    /// Takes the record `GNU.sparse.{key}`.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let number = || decimal(value).ok_or_else(damaged);
        match key {
            b"major" => self.major = Some(number()?),
            b"minor" => self.minor = Some(number()?),
            b"size" | b"realsize" => self.size = Some(number()?),
            b"numblocks" => {
                self.count = Some(number()?);
                self.runs.clear();
            }
            b"offset" => self.offset = Some(number()?),
            b"numbytes" => self.runs.push((self.offset.take().ok_or_else(damaged)?, number()?)),
            b"map" => {
                let numbers: Option<Vec<u64>> = value.split(|byte| *byte == b',').map(decimal).collect();
                let (pairs, rest) = numbers.as_deref().ok_or_else(damaged)?.as_chunks();
                if !rest.is_empty() {
                    return Err(damaged());
                }
                self.runs = pairs.iter().map(|[offset, length]| (*offset, *length)).collect();
            }
            // GNU.sparse.name says nothing about holes.
            _ => {}
        }
        Ok(())
    }

    /// Decides what form the records describe. `self` is from an entry that may have holes.
    pub(super) fn form(self) -> io::Result<Form> {
        let SparseRecords { major, minor, size, count, offset, runs } = self;
        match (major, minor, size, count) {
            (None, None, None, None) if runs.is_empty() && offset.is_none() => Ok(Form::Plain),
            (Some(1), Some(0), Some(size), None) if runs.is_empty() => Ok(Form::MapFirst(size)),
            (None | Some(0), _, Some(size), Some(count))
                if count == runs.len() as u64 && count > 0 && offset.is_none() =>
            {
                Ok(Form::Runs(runs, size))
            }
            (Some(major), ..) if major > 1 => Err(bad("its map of holes is of an unknown version")),
            _ => Err(damaged()),
        }
    }
}

/// Reads the map before the data (1.0), up to the end of its last block.
pub(super) fn read_map(from: &mut dyn Read) -> io::Result<Vec<Run>> {
    let mut lines = Lines { from, block: [0; BLOCK], at: BLOCK, read: 0 };
    let count = lines.number()?;
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push((lines.number()?, lines.number()?));
    }
    Ok(runs)
}

struct Lines<'r> {
    from: &'r mut dyn Read,
    block: [u8; BLOCK],
    at: usize,
    read: u64,
}

impl Lines<'_> {
    fn number(&mut self) -> io::Result<u64> {
        let mut line = Vec::new();
        loop {
            if self.at == BLOCK {
                self.read += BLOCK as u64;
                if self.read > MAP_MAX {
                    return Err(bad("its map of holes is too long"));
                }
                self.from.read_exact(&mut self.block).map_err(|_| damaged())?;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'\n' => return decimal(&line).ok_or_else(damaged),
                // As many digits as GNU tar reads.
                byte if line.len() < 20 => line.push(byte),
                _ => return Err(damaged()),
            }
        }
    }
}

/// Reads a number of decimal digits that is no larger than a file can be.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number: u64 = std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()?;
    (number <= i64::MAX as u64).then_some(number)
}

fn damaged() -> io::Error {
    bad("its map of holes is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_is_not_in_order_is_refused() {
        let check = |runs: &[Run], size, stored| SparseMap::new(runs.to_vec(), size, stored).is_ok();
        assert!(check(&[(0, 512), (4096, 100), (8192, 0)], 8192, 612));
        assert!(check(&[(4096, 0)], 4096, 0));
        assert!(check(&[], 0, 0));
        // Out of order, overlapping, too long, beyond the stored bytes, in the middle of a block.
        assert!(!check(&[(4096, 512), (0, 512)], 4608, 1024));
        assert!(!check(&[(0, 512), (256, 512)], 768, 1024));
        assert!(!check(&[(0, 512)], 100, 512));
        assert!(!check(&[(0, 512)], 1024, 512));
        assert!(!check(&[(0, 512)], 512, 511));
        assert!(!check(&[(0, 100), (4096, 512)], 4608, 612));
        assert!(!check(&[(u64::MAX, 512)], 511, 512));
    }

    #[test]
    fn records_are_of_one_known_version() {
        let form = |records: &[(&str, &str)]| {
            let mut sparse = SparseRecords::default();
            for (key, value) in records {
                sparse.take(key.as_bytes(), value.as_bytes())?;
            }
            sparse.form()
        };
        let runs = vec![(0, 512), (4096, 0)];
        let pairs = [("offset", "0"), ("numbytes", "512"), ("offset", "4096"), ("numbytes", "0")];
        let head = [("size", "4096"), ("numblocks", "2")];
        assert!(matches!(form(&[]), Ok(Form::Plain)));
        assert!(matches!(form(&[&head[..], &pairs].concat()), Ok(Form::Runs(found, 4096)) if found == runs));
        let map = [("map", "0,512,4096,0")];
        assert!(matches!(form(&[&head[..], &map].concat()), Ok(Form::Runs(found, 4096)) if found == runs));
        let newer = [("major", "1"), ("minor", "0"), ("realsize", "4096")];
        assert!(matches!(form(&newer), Ok(Form::MapFirst(4096))));
        for wrong in [
            &[&head[..], &pairs[..2]].concat()[..],
            &[&head[..], &[("map", "0,512,4096")]].concat(),
            &[&head[..], &[("map", "0,x")]].concat(),
            &[("size", "4096")],
            &[("major", "1"), ("minor", "1"), ("realsize", "4096")],
            &[("major", "2"), ("minor", "0"), ("realsize", "4096")],
        ] {
            assert!(form(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_map_before_the_data_ends_with_its_block() {
        let mut stored = b"1\n4096\n512\n".to_vec();
        stored.resize(512, 0);
        stored.extend_from_slice(b"data");
        let mut rest = stored.as_slice();
        assert_eq!(read_map(&mut rest).unwrap(), [(4096, 512)]);
        assert_eq!(rest, b"data");
        for wrong in [&b"x\n"[..], b"1\n4096\n", b"-1\n", b"\n", b"111111111111111111111\n"] {
            let mut block = wrong.to_vec();
            block.resize(512, 0);
            assert!(read_map(&mut block.as_slice()).is_err(), "{wrong:?}");
        }
    }
}
