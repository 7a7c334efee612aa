//! Reads the fields of one header block by GNU tar's rules.
//!
//! Numbers are octal digits between blanks and NULs, or binary behind a byte of 0x80 (0xff where
//! negative). What GNU tar reports as an error is an error here. It is also an error where GNU tar
//! only warns and guesses: numbers in base 64, and octal numbers in two's complement.

use std::io;
use std::ops::{Range, RangeInclusive};

use rustix::fs::{Dev, Timespec, makedev};

use super::sparse::Run;

/// Bytes of a header, and the unit in which content is stored.
pub(super) const BLOCK: usize = 512;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
/// Where the formats of star have two times and GNU's older one has its map of a file with holes.
const STAR_ATIME: Range<usize> = 476..488;
const STAR_CTIME: Range<usize> = 488..500;
const GNU_RUNS: usize = 386;
const GNU_MORE: usize = 482;
const GNU_REAL_SIZE: Range<usize> = 483..495;
/// Bytes of one run in GNU's map, runs in a block that continues it, and that block's mark.
const GNU_RUN: usize = 24;
const GNU_RUNS_MORE: usize = 21;
const GNU_MORE_MORE: usize = 504;

/// The largest ids of Linux: -1 means "no change" to chown(2).
const ID_MAX: i128 = u32::MAX as i128 - 1;
/// The largest device numbers that mknod(2) takes.
const MAJOR_MAX: i128 = 0xfff;
const MINOR_MAX: i128 = 0xf_ffff;

/// Which rules a header follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Before POSIX: no device numbers, no prefix.
    V7,
    /// POSIX: ustar and pax.
    Ustar,
    /// Schilling's star.
    Star,
    /// GNU tar before pax.
    Gnu,
}

/// One block of the archive that is a header, or that may be one.
#[derive(Clone)]
pub(super) struct HeaderBlock([u8; BLOCK]);

impl From<[u8; BLOCK]> for HeaderBlock {
    fn from(block: [u8; BLOCK]) -> Self {
        HeaderBlock(block)
    }
}

impl HeaderBlock {
    /// Returns whether the block has nothing but zeros, which ends an archive.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Returns whether the checksum is right. Old programs summed up signed bytes.
    pub(super) fn has_right_checksum(&self) -> bool {
        let bytes = || self.0[..CHECKSUM.start].iter().chain(&self.0[CHECKSUM.end..]);
        let blanks = 32 * CHECKSUM.len() as i128;
        let unsigned: i128 = blanks + bytes().map(|byte| i128::from(*byte)).sum::<i128>();
        let signed: i128 = blanks + bytes().map(|byte| i128::from(byte.cast_signed())).sum::<i128>();
        octal(&self.0[CHECKSUM]).is_some_and(|sum| sum == unsigned || sum == signed)
    }

    /// Returns the type of the entry, a letter or a digit.
    pub(super) fn type_flag(&self) -> u8 {
        self.0[TYPE]
    }

    pub(super) fn format(&self) -> Format {
        let magic = &self.0[MAGIC];
        let is_time = |time: Range<usize>| {
            let (first, last) = (self.0[time.start], self.0[time.end - 1]);
            matches!(first, b'0'..=b'7') && last == b' '
        };
        if magic == b"ustar  \0" {
            Format::Gnu
        } else if !magic.starts_with(b"ustar\0") {
            Format::V7
        } else if self.0[STAR_ATIME.start - 1] == 0 && is_time(STAR_ATIME) && is_time(STAR_CTIME) {
            Format::Star
        } else {
            Format::Ustar
        }
    }

    pub(super) fn name(&self) -> Vec<u8> {
        let (prefix, name) = (until_nul(&self.0[PREFIX]), until_nul(&self.0[NAME]));
        if matches!(self.format(), Format::Ustar | Format::Star) && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        until_nul(&self.0[LINK]).to_vec()
    }

    pub(super) fn size(&self) -> io::Result<u64> {
        self.length(SIZE, "size")
    }

    /// Returns the permissions, with setuid, setgid and sticky. Other bits are not looked at.
    pub(super) fn mode(&self) -> io::Result<u32> {
        let mode = self.number(MODE, "mode", i128::from(i64::MIN)..=i128::from(u64::MAX))?;
        Ok(u32::try_from(mode & 0o7777).unwrap_or_default())
    }

    pub(super) fn uid(&self) -> io::Result<u32> {
        self.id(UID, "owner")
    }

    pub(super) fn gid(&self) -> io::Result<u32> {
        self.id(GID, "group")
    }

    pub(super) fn mtime(&self) -> io::Result<Timespec> {
        let allowed = i128::from(i64::MIN)..=i128::from(i64::MAX);
        let seconds = self.number(MTIME, "time of modification", allowed)?;
        Ok(Timespec { tv_sec: i64::try_from(seconds).unwrap_or_default(), tv_nsec: 0 })
    }

    pub(super) fn device(&self) -> io::Result<Dev> {
        if self.format() == Format::V7 {
            return Ok(makedev(0, 0));
        }
        let part = |field, most| self.number(field, "device number", 0..=most);
        let (major, minor) = (part(MAJOR, MAJOR_MAX)?, part(MINOR, MINOR_MAX)?);
        Ok(makedev(u32::try_from(major).unwrap_or_default(), u32::try_from(minor).unwrap_or_default()))
    }

    /// Returns the whole size of a file with holes in GNU's older form.
    pub(super) fn real_size(&self) -> io::Result<u64> {
        self.length(GNU_REAL_SIZE, "whole size")
    }

    /// Adds the runs in the header of a file with holes to `runs`; true if a block with more
    /// follows.
    pub(super) fn runs(&self, runs: &mut Vec<Run>) -> io::Result<bool> {
        self.runs_at(GNU_RUNS, (GNU_MORE - GNU_RUNS) / GNU_RUN, GNU_MORE, runs)
    }

    /// Does what `runs` does for a block that continues the map.
    pub(super) fn more_runs(&self, runs: &mut Vec<Run>) -> io::Result<bool> {
        self.runs_at(0, GNU_RUNS_MORE, GNU_MORE_MORE, runs)
    }

    fn runs_at(&self, start: usize, count: usize, more: usize, runs: &mut Vec<Run>) -> io::Result<bool> {
        let more = self.0[more] != 0;
        for at in (start..start + count * GNU_RUN).step_by(GNU_RUN) {
            let (offset, length) = (at..at + GNU_RUN / 2, at + GNU_RUN / 2..at + GNU_RUN);
            if self.0[length.start] == 0 {
                // GNU tar would read the blocks that continue the map as headers.
                return if more { Err(bad("its map of holes is damaged")) } else { Ok(false) };
            }
            runs.push((self.length(offset, "map of holes")?, self.length(length, "map of holes")?));
        }
        Ok(more)
    }

    fn id(&self, field: Range<usize>, what: &str) -> io::Result<u32> {
        Ok(u32::try_from(self.number(field, what, 0..=ID_MAX)?).unwrap_or_default())
    }

    fn length(&self, field: Range<usize>, what: &str) -> io::Result<u64> {
        Ok(u64::try_from(self.number(field, what, 0..=i128::from(i64::MAX))?).unwrap_or_default())
    }

    fn number(&self, field: Range<usize>, what: &str, allowed: RangeInclusive<i128>) -> io::Result<i128> {
        match number(&self.0[field]) {
            Some(number) if allowed.contains(&number) => Ok(number),
            Some(number) => Err(bad(format!("its {what} {number} is out of range"))),
            None => Err(bad(format!("its {what} is not a number"))),
        }
    }
}

/// Returns an error about the archive itself.
pub(super) fn bad(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// Returns the bytes before the first NUL.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Reads a number in any of the forms that a field may have.
fn number(field: &[u8]) -> Option<i128> {
    match field.split_first()? {
        (0x80, rest) => Some(rest.iter().fold(0, |value, byte| value << 8 | i128::from(*byte))),
        (0xff, rest) => Some(rest.iter().fold(-1, |value, byte| value << 8 | i128::from(*byte))),
        _ => octal(field),
    }
}

/// Reads octal digits between blanks and NULs; a field of NULs is zero, one of blanks no number.
fn octal(field: &[u8]) -> Option<i128> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    // Some old programs put a NUL first where the field before has no room for its own.
    let field = field.strip_prefix(b"\0").unwrap_or(field);
    let field = &field[field.iter().position(|byte| !is_blank(byte))?..];
    let digits = field.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    let ends = field.get(digits).is_none_or(|byte| *byte == 0 || is_blank(byte));
    ends.then(|| field[..digits].iter().fold(0, |value, byte| value * 8 + i128::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_gnu_tar_reads_them() {
        for (field, wanted) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"  644 \0\0", Some(0o644)),
            (b"00000644", Some(0o644)),
            (b"\x000000644", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", None),
            (b"000064x\0", None),
            (b"0000649\0", None),
            (b"-0000644", None),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Some((1 << 88) - 1)),
        ] {
            assert_eq!(number(field), wanted, "{field:?}");
        }
    }

    #[test]
    fn a_number_out_of_range_is_an_error() {
        let mut block = [0; BLOCK];
        block[UID].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff");
        block[GID].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xfe");
        block[SIZE].copy_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        let header = HeaderBlock(block);
        assert!(header.uid().is_err() && header.size().is_err());
        assert_eq!(header.gid().unwrap(), u32::MAX - 1);
    }

    #[test]
    fn a_sum_of_signed_bytes_is_right_too() {
        let mut block = [0; BLOCK];
        block[..2].copy_from_slice(b"\xe4x");
        for (sum, right) in [(256 + 0xe4 + 0x78, true), (0xe4 + 0x78, true), (0xe4, false)] {
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert_eq!(HeaderBlock(block).has_right_checksum(), right, "{sum}");
        }
    }
}
