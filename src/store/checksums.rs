//! The file of a commit's checksums: `.dvol/checksums/<volume>.<commit id>`.
//!
//! Numbers are little-endian. An entry's key is its path inside the commit with 0 in place of each
//! `/`, so that keys compare in the order of a walk; the root's key is empty. A key is stored as
//! the number of bytes that it shares with the key before, and the rest.
//!
//! ```text
//! bytes
//!     8  magic "dvolchk2"
//! for each entry, in the order of their keys:
//!     2  how many bytes the key shares with the key before
//!     2  length of the rest
//!     n  the rest of the key
//!    16  checksum of the attributes
//!    16  checksum of the content
//! at the end:
//!     4  ff ff ff ff
//!    32  BLAKE3 hash of everything before it
//! ```
//!
//! [`sys::tree::EntrySums`](crate::sys::tree::EntrySums) says what the checksums cover. A file that
//! is cut short or altered is reported as [`InvalidData`](io::ErrorKind::InvalidData) or
//! [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), at the latest at its end.
//!
//! A change of this format, or of what the checksums cover, needs a new magic. A file with an
//! earlier magic counts as absent, so the checksums are taken again.
//!
//! | magic | what changed |
//! | --- | --- |
//! | `dvolchk1` | |
//! | `dvolchk2` | a file with holes is summed by its runs of data |

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use crate::sys::tree::EntrySums;

const MAGIC: &[u8; 8] = b"dvolchk2";
/// The magics of earlier formats.
const EARLIER: [&[u8; 8]; 1] = [b"dvolchk1"];
/// Stands where the two lengths of a further entry would.
const END: [u8; 4] = [0xff; 4];
/// The longest prefix of a key that is shared, in bytes: one more would look like [`END`].
const MAX_SHARED_BYTES: usize = 0xfffe;

/// Writes the checksums of one commit.
pub struct ChecksumWriter {
    out: BufWriter<File>,
    hasher: blake3::Hasher,
    last_key: Vec<u8>,
}

impl ChecksumWriter {
    /// Begins an empty file.
    ///
    /// # Errors
    /// When the file cannot be written; so for all methods here.
    pub fn new(file: File) -> io::Result<Self> {
        let (out, hasher) = (BufWriter::new(file), blake3::Hasher::new());
        let mut writer = ChecksumWriter { out, hasher, last_key: Vec::new() };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.out.write_all(bytes)
    }

    /// Adds an entry, whose key comes after the key before.
    ///
    /// # Errors
    /// As [`ChecksumWriter::new`].
    pub fn push(&mut self, entry: EntrySums) -> io::Result<()> {
        let shared = self.last_key.iter().zip(&entry.key).take_while(|(a, b)| a == b).count();
        let shared = shared.min(MAX_SHARED_BYTES);
        let number =
            |n: usize| u16::try_from(n).map(u16::to_le_bytes).map_err(|_| io::ErrorKind::InvalidInput);
        self.put(&number(shared)?)?;
        self.put(&number(entry.key.len() - shared)?)?;
        self.put(&entry.key[shared..])?;
        self.put(&entry.attributes)?;
        self.put(&entry.content)?;
        self.last_key = entry.key;
        Ok(())
    }

    /// Ends the file and makes it durable.
    ///
    /// # Errors
    /// As [`ChecksumWriter::new`].
    pub fn finish(mut self) -> io::Result<()> {
        self.put(&END)?;
        let hash = self.hasher.finalize();
        self.out.write_all(hash.as_bytes())?;
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// Returns whether the file at `path` is there and not of an earlier format. A file that cannot be
/// read counts as there: only fsck may replace it.
pub fn has_checksums(path: &Path) -> bool {
    let read = || {
        let mut magic = [0; MAGIC.len()];
        File::open(path)?.read_exact(&mut magic)?;
        Ok(magic)
    };
    match read() {
        Ok(magic) => !EARLIER.contains(&&magic),
        Err(error) => io::Error::kind(&error) != io::ErrorKind::NotFound,
    }
}

/// Reads the checksums of one commit, entry by entry.
pub struct ChecksumReader {
    input: BufReader<File>,
    hasher: blake3::Hasher,
    last_key: Vec<u8>,
}

impl ChecksumReader {
    /// Opens the file at `path`; returns `None` if there is none, or only one of an earlier format.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged; so for all methods here.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let (input, hasher) = (BufReader::new(file), blake3::Hasher::new());
        let mut reader = ChecksumReader { input, hasher, last_key: Vec::new() };
        let magic = reader.take::<8>()?;
        if EARLIER.contains(&&magic) {
            return Ok(None);
        }
        if magic != *MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(reader))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    /// Returns the next entry, or `None` at the end of a file that is whole.
    ///
    /// # Errors
    /// As [`ChecksumReader::open`].
    pub fn next_entry(&mut self) -> io::Result<Option<EntrySums>> {
        let head = self.take::<4>()?;
        if head == END {
            let expected = self.hasher.finalize();
            let mut hash = [0; 32];
            self.input.read_exact(&mut hash)?;
            return if expected == hash { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        let shared = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let rest = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let mut key = self.last_key.get(..shared).ok_or(io::ErrorKind::InvalidData)?.to_vec();
        key.resize(shared + rest, 0);
        self.input.read_exact(&mut key[shared..])?;
        self.hasher.update(&key[shared..]);
        let (attributes, content) = (self.take::<16>()?, self.take::<16>()?);
        self.last_key.clone_from(&key);
        Ok(Some(EntrySums { key, attributes, content }))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod tests {
    use super::*;

    fn entries() -> Vec<EntrySums> {
        let keys = ["", "base", "base\u{0}1", "base\u{0}1\u{0}2608", "postmaster.pid"];
        let entry = |(n, key): (usize, &&str)| {
            let sum = [u8::try_from(n).unwrap(); 16];
            EntrySums { key: key.as_bytes().to_vec(), attributes: sum, content: sum }
        };
        keys.iter().enumerate().map(entry).collect()
    }

    fn write(path: &Path) -> Vec<u8> {
        let mut writer = ChecksumWriter::new(File::create(path).unwrap()).unwrap();
        entries().into_iter().for_each(|entry| writer.push(entry).unwrap());
        writer.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    fn read(path: &Path) -> io::Result<Vec<EntrySums>> {
        let mut reader = ChecksumReader::open(path)?.ok_or(io::ErrorKind::NotFound)?;
        let mut found = Vec::new();
        while let Some(entry) = reader.next_entry()? {
            found.push(entry);
        }
        Ok(found)
    }

    #[test]
    fn a_file_is_laid_out_as_the_essay_draws_it() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = write(&dir.path().join("sums"));
        assert_eq!(bytes[..8], *b"dvolchk2");
        // The third entry, `base/1`, shares four bytes with `base`.
        let third = 8 + (4 + 32) + (4 + 4 + 32);
        assert_eq!(bytes[third..third + 6], [4, 0, 2, 0, 0, b'1']);
        let end = bytes.len() - 36;
        assert_eq!(bytes[end..end + 4], [0xff; 4]);
        assert_eq!(bytes[end + 4..], *blake3::hash(&bytes[..end + 4]).as_bytes());
    }

    #[test]
    fn a_file_of_an_earlier_format_counts_as_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sums");
        assert!(!has_checksums(&path));
        let mut bytes = write(&path);
        assert!(has_checksums(&path));
        bytes[..8].copy_from_slice(b"dvolchk1");
        std::fs::write(&path, &bytes).unwrap();
        assert!(!has_checksums(&path));
        assert!(ChecksumReader::open(&path).unwrap().is_none());
        // What is cut short is damaged, and not replaced unseen.
        std::fs::write(&path, "dvol").unwrap();
        assert!(has_checksums(&path));
        assert!(ChecksumReader::open(&path).is_err());
    }

    #[test]
    fn a_flipped_bit_or_a_missing_end_never_reads_as_a_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sums");
        let bytes = write(&path);
        assert_eq!(read(&path).unwrap(), entries());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, flipped).unwrap();
            assert!(read(&path).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path).is_err(), "{length} bytes");
        }
    }
}
