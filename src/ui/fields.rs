//! Query strings and forms as pairs of names and values.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What needs no escape in the value of a query, nor in a path that a field holds.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'@');

/// The fields of a request, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Parses `a=1&b=2`, as browsers send queries and forms.
    pub(super) fn parse(text: &[u8]) -> Self {
        Fields(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Iterates over the names and values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds fields that are not there yet.
    pub(super) fn and(mut self, more: &[(&str, &str)]) -> Self {
        for (name, value) in more {
            if !self.is_set(name) {
                self.0.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        self
    }

    /// Returns the value of a field; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Returns the value of a field that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    /// Returns the number that a field holds.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }

    /// Returns whether a box is ticked.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns the path that a field holds, as [`path_text`] wrote it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        let bytes = percent_decode_str(self.text(name)).collect::<Vec<u8>>();
        PathBuf::from(std::ffi::OsString::from_vec(bytes))
    }
}

/// Writes a path as text that a field can hold: names are bytes, and fields are text.
pub(super) fn path_text(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), ESCAPED).to_string()
}

/// Joins an address and fields.
pub(super) fn address(path: &str, fields: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (n, (name, value)) in fields.iter().enumerate() {
        let value = percent_encode(OsStr::new(value).as_bytes(), ESCAPED);
        let _ = write!(text, "{}{name}={value}", if n == 0 { '?' } else { '&' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_survives_a_query() {
        for bytes in [&b"a/b c"[..], b"\xff%41&=+#?", "ä\"<>".as_bytes()] {
            let path = Path::new(OsStr::from_bytes(bytes));
            let address = address("/x", &[("a", "1"), ("path", &path_text(path))]);
            let (_, query) = address.split_once('?').unwrap();
            assert!(query.is_ascii() && !query.contains(['<', '"', ' ', '#']), "{query}");
            let fields = Fields::parse(query.as_bytes());
            assert_eq!((fields.text("a"), fields.path("path")), ("1", path.to_owned()));
        }
        assert_eq!((Fields::parse(b"a=&b=2").get("a"), Fields::parse(b"b=2").number("b")), (None, Some(2)));
    }
}
