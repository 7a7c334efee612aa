//! Says why an archive was refused.

use std::fmt;
use std::io;

use crate::sys::error::DiskError;

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The archive itself.
    #[error("cannot read the archive: {0}")]
    Archive(io::Error),
    /// A compressed file where a plain archive is expected.
    #[error("cannot read the archive: it is compressed with {0}")]
    Compressed(Compression),
    /// An archive without the zeros that mark its end.
    #[error("cannot read the archive: it has no end, so it may have been cut off")]
    Endless,
    /// One entry of it.
    #[error("cannot extract {name}: {source}")]
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

impl ExtractError {
    pub(super) fn entry(name: &[u8], source: io::Error) -> Self {
        let name = match name {
            b"" => "an entry without a name".to_owned(),
            name => String::from_utf8_lossy(name).into_owned(),
        };
        ExtractError::Entry { name, source }
    }
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip(1).
    Gzip,
    /// zstd(1).
    Zstd,
    /// xz(1).
    Xz,
    /// bzip2(1).
    Bzip2,
    /// lzip(1).
    Lzip,
    /// lzop(1).
    Lzop,
    /// lzma(1), the older form of xz.
    Lzma,
    /// compress(1).
    Compress,
}

impl Compression {
    /// Recognizes a compressed file by its first bytes.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let known = [
            (&b"\x1f\x8b"[..], Compression::Gzip),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\xfd7zXZ", Compression::Xz),
            (b"BZh", Compression::Bzip2),
            (b"LZIP", Compression::Lzip),
            (b"\x89LZO", Compression::Lzop),
            (b"\x5d\0\0", Compression::Lzma),
            (b"\x1f\x9d", Compression::Compress),
        ];
        known.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, compression)| compression)
    }

    /// Returns the name of the program that compresses so.
    pub fn program(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
            Compression::Lzip => "lzip",
            Compression::Lzop => "lzop",
            Compression::Lzma => "lzma",
            Compression::Compress => "compress",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}
