//! Paths of entries as text. Names are bytes: those that are not UTF-8, or could write over a
//! terminal, are escaped.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::Serializer;

use crate::model::is_control;

/// Renders a path for scripts, with `\xNN` for each byte that is not UTF-8.
pub(super) fn printable<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&escaped(path, |_| false))
}

/// Renders a path for people; control characters are escaped as well.
pub fn shown(path: &Path) -> String {
    escaped(path, is_control)
}

/// Renders the path of a directory that stands for everything in it.
pub(super) fn folded(path: &Path) -> PathBuf {
    path.join("")
}

fn escaped(path: &Path, also: impl Fn(char) -> bool) -> String {
    let bytes = path.as_os_str().as_bytes();
    let mut text = String::with_capacity(bytes.len());
    let escape = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(text, "\\x{byte:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if also(c) {
                escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(c);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        let path = Path::new(OsStr::from_bytes(b"a\xffb\xc3\xa9\x1b[2J"));
        assert_eq!(shown(path), "a\\xffb\u{e9}\\x1b[2J");
        assert_eq!(escaped(path, |_| false), "a\\xffb\u{e9}\u{1b}[2J");
        assert_eq!(shown(Path::new("a\u{9b}\u{202e}b")), "a\\xc2\\x9b\\xe2\\x80\\xaeb");
        assert_eq!(shown(&folded(Path::new("a/b"))), "a/b/");
    }
}
