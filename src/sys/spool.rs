//! Spooled records: in memory while they are few, in an unnamed file when they are many.

use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::Path;

use tempfile::SpooledTempFile;

/// Bytes of records that are kept in memory.
const MEMORY_BYTES: usize = 1 << 20;

/// Keeps records, each a key and a value, in the order of their arrival.
pub struct Spool {
    out: BufWriter<SpooledTempFile>,
}

impl Spool {
    /// Makes an empty spool; its file would lie in `directory`.
    pub fn new(directory: &Path) -> Self {
        Spool { out: BufWriter::new(tempfile::spooled_tempfile_in(MEMORY_BYTES, directory)) }
    }

    /// Adds a record. Must not follow [`Spool::records`].
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        for part in [key, value] {
            let length = u32::try_from(part.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
            self.out.write_all(&length.to_le_bytes())?;
        }
        self.out.write_all(key)?;
        self.out.write_all(value)
    }

    /// Returns the records from the first on; can be called again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn records(&mut self) -> io::Result<Records<'_>> {
        self.out.flush()?;
        let file = self.out.get_mut();
        file.rewind()?;
        Ok(Records { file: BufReader::new(file) })
    }
}

/// Reads the records of a spool.
pub struct Records<'s> {
    file: BufReader<&'s mut SpooledTempFile>,
}

impl Records<'_> {
    /// Takes the next record, or `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn take(&mut self) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let mut length = [0; 4];
        match self.file.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let key = u32::from_le_bytes(length);
        self.file.read_exact(&mut length)?;
        let value = u32::from_le_bytes(length);
        Ok(Some((self.bytes(key)?, self.bytes(value)?)))
    }

    fn bytes(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out_as_often_as_it_is_asked_for() {
        let home = tempfile::tempdir().unwrap();
        for each in [0, 10, 5000] {
            let mut spool = Spool::new(home.path());
            for number in 0..1000_u32 {
                spool.put(&number.to_le_bytes(), &vec![number as u8; each]).unwrap();
            }
            for _ in 0..2 {
                let mut records = spool.records().unwrap();
                for number in 0..1000_u32 {
                    let (key, value) = records.take().unwrap().unwrap();
                    assert_eq!(key, number.to_le_bytes());
                    assert!(value.len() == each && value.iter().all(|byte| *byte == number as u8));
                }
                assert!(records.take().unwrap().is_none());
            }
            assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
        }
    }
}
