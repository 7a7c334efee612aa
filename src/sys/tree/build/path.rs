//! Checks the names of entries that come from elsewhere.

use std::ffi::{CStr, CString};
use std::fmt;
use std::io;

/// The path of an entry in a tree: the names of the directories above it, then its own. That of the
/// root has no name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPath(Vec<CString>);

impl EntryPath {
    /// Returns the path of the root.
    pub fn root() -> Self {
        EntryPath(Vec::new())
    }

    /// Returns the path of the entry `name` in this directory.
    ///
    /// # Errors
    /// Of kind `InvalidData` when `name` is empty, `.` or `..`, or has a slash or a NUL.
    pub fn join(&self, name: &[u8]) -> io::Result<Self> {
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let name = match name {
            b"" => return Err(bad("its name is empty")),
            b"." | b".." => return Err(bad("its name is that of another directory")),
            name if name.contains(&b'/') => return Err(bad("its name has a slash")),
            name => CString::new(name).map_err(|_| bad("its name has a NUL"))?,
        };
        let mut names = self.0.clone();
        names.push(name);
        Ok(EntryPath(names))
    }

    /// Returns the names from the root down.
    pub(in crate::sys::tree) fn names(&self) -> &[CString] {
        &self.0
    }

    /// Returns the path of the directory above and the entry's name in it, or `None` for the root.
    pub(in crate::sys::tree) fn split(&self) -> Option<(EntryPath, &CStr)> {
        let (name, above) = self.0.split_last()?;
        Some((EntryPath(above.to_vec()), name))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (at, name) in self.0.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { "/" } else { "" }, name.to_string_lossy())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_makes_a_path_longer() {
        let root = EntryPath::root();
        for name in [&b""[..], b".", b"..", b"/", b"a/b", b"/etc", b"a/", b"a\0b", b"\0"] {
            assert_eq!(root.join(name).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name:?}");
        }
        let path = root.join(b"...").unwrap().join(b"\xff\n ").unwrap();
        let (above, name) = path.split().unwrap();
        assert_eq!((above.to_string().as_str(), name.to_bytes()), ("...", &b"\xff\n "[..]));
        assert_eq!(root.to_string(), ".");
        assert!(root.split().is_none());
    }
}
