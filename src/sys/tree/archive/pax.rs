//! Reads and writes pax records: what the fields of a tar header have no room for (pax(1),
//! star(1)).
//!
//! A record is `LENGTH KEY=VALUE\n`; the length counts its own digits. Keys and values are bytes.
//! In a key, GNU tar writes `%` as `%25` and `=` as `%3D`, and so do we.
//!
//! A global header gives records to all entries after it, until the next global header.

use std::ffi::CString;
use std::io;

use rustix::fs::Timespec;

use super::header::{bad, until_nul};
use super::sparse::{SparseRecords, decimal};

pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";
pub(super) const ACCESS_LIST: &[u8] = b"SCHILY.acl.access";
pub(super) const DEFAULT_LIST: &[u8] = b"SCHILY.acl.default";
const SPARSE: &[u8] = b"GNU.sparse.";

pub(super) type Record = (Vec<u8>, Vec<u8>);

/// What the pax records of one entry say, in place of its header or beside it.
#[derive(Debug, Default)]
pub(super) struct Extension {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<Timespec>,
    pub(super) atime: Option<Timespec>,
    pub(super) sparse: SparseRecords,
    pub(super) attributes: Vec<(CString, Vec<u8>)>,
    /// Access lists as text.
    pub(super) access: Option<Vec<u8>>,
    pub(super) default: Option<Vec<u8>>,
    /// Attributes in records of other systems, which GNU tar leaves out as well.
    pub(super) foreign: Vec<String>,
    /// SELinux labels in a record of their own.
    pub(super) labels: u64,
}

impl Extension {
    /// Reads the records of an entry; where one comes twice, the last counts.
    pub(super) fn read<'r>(records: impl Iterator<Item = &'r Record>) -> io::Result<Self> {
        let mut extension = Extension::default();
        let mut has_sparse_name = false;
        let mut foreign = Vec::new();
        for (key, value) in records {
            if let Some(name) = key.strip_prefix(XATTR) {
                extension.attributes.push((attribute_name(name)?, value.clone()));
                continue;
            }
            if let Some(key) = key.strip_prefix(SPARSE) {
                if key == b"name" {
                    extension.name = Some(text(value)?);
                    has_sparse_name = true;
                }
                extension.sparse.take(key, value)?;
                continue;
            }
            match key.as_slice() {
                b"path" if !has_sparse_name => extension.name = Some(text(value)?),
                b"linkpath" => extension.link = Some(text(value)?),
                b"size" => extension.size = Some(decimal(value).ok_or_else(|| wrong("size", value))?),
                b"uid" => extension.uid = Some(id(value).ok_or_else(|| wrong("owner", value))?),
                b"gid" => extension.gid = Some(id(value).ok_or_else(|| wrong("group", value))?),
                b"mtime" => extension.mtime = Some(time(value).ok_or_else(|| wrong("mtime", value))?),
                b"atime" => extension.atime = Some(time(value).ok_or_else(|| wrong("atime", value))?),
                b"ctime" => drop(time(value).ok_or_else(|| wrong("ctime", value))?),
                ACCESS_LIST => extension.access = Some(value.clone()),
                DEFAULT_LIST => extension.default = Some(value.clone()),
                b"RHT.security.selinux" => extension.labels += 1,
                // The access lists of NFSv4, which macOS and the BSDs have as well.
                b"SCHILY.acl.ace" => extension.foreign.push("an NFSv4 access list".to_owned()),
                key => foreign.extend(key.strip_prefix(b"LIBARCHIVE.xattr.").map(String::from_utf8_lossy)),
            }
        }
        // bsdtar writes each attribute in two records, but can write one of them alone.
        if extension.attributes.is_empty() {
            extension.foreign.extend(foreign.into_iter().map(std::borrow::Cow::into_owned));
        }
        Ok(extension)
    }
}

/// Reads the records in the content of a pax header. A NUL ends them early, as it does for GNU tar.
pub(super) fn parse(mut bytes: &[u8]) -> io::Result<Vec<Record>> {
    let damaged = || bad("a pax header is damaged");
    let mut records = Vec::new();
    while bytes.first().is_some_and(|byte| *byte != 0) {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(damaged)?;
        let length = decimal(&bytes[..space]).and_then(|length| usize::try_from(length).ok());
        let record = bytes.get(space + 1..length.ok_or_else(damaged)?).ok_or_else(damaged)?;
        let record = record.strip_suffix(b"\n").ok_or_else(damaged)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(damaged)?;
        if record[..equals].contains(&0) {
            return Err(damaged());
        }
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = &bytes[space + 1 + record.len() + 1..];
    }
    Ok(records)
}

/// Refuses records of a global header that belong to one entry or to one of several volumes.
pub(super) fn check_global(records: &[Record]) -> io::Result<()> {
    for (key, _) in records {
        let is_volume = key.starts_with(b"GNU.volume.") && key.as_slice() != b"GNU.volume.label";
        if is_volume {
            return Err(bad("it is one volume of a larger archive"));
        }
        if key.starts_with(XATTR) || key.starts_with(SPARSE) {
            let key = String::from_utf8_lossy(key);
            return Err(bad(format!("a global header has {key}, which belongs to one entry")));
        }
    }
    Ok(())
}

/// Records on their way into a pax header.
#[derive(Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    has_bytes_for_names: bool,
}

impl Records {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a name. Names are UTF-8 in pax unless a record before them says otherwise.
    pub(super) fn put_name(&mut self, key: &[u8], name: &[u8]) {
        if !self.has_bytes_for_names && std::str::from_utf8(name).is_err() {
            self.put(b"hdrcharset", b"BINARY");
            self.has_bytes_for_names = true;
        }
        self.put(key, name);
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        let key = encode(key);
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        self.bytes.extend_from_slice(format!("{length} ").as_bytes());
        self.bytes.extend_from_slice(&key);
        self.bytes.push(b'=');
        self.bytes.extend_from_slice(value);
        self.bytes.push(b'\n');
    }
}

fn encode(key: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(key.len());
    for byte in key {
        match byte {
            b'%' => encoded.extend_from_slice(b"%25"),
            b'=' => encoded.extend_from_slice(b"%3D"),
            byte => encoded.push(*byte),
        }
    }
    encoded
}

fn attribute_name(mut key: &[u8]) -> io::Result<CString> {
    let mut name = Vec::with_capacity(key.len());
    while let Some((first, rest)) = key.split_first() {
        let (byte, rest) = match (first, rest) {
            (b'%', [b'3', b'D', rest @ ..]) => (b'=', rest),
            (b'%', [b'2', b'5', rest @ ..]) => (b'%', rest),
            (byte, rest) => (*byte, rest),
        };
        name.push(byte);
        key = rest;
    }
    CString::new(name).map_err(|_| bad("the name of an attribute has a NUL"))
}

/// Takes a value that is a name, which cannot have a NUL.
fn text(value: &[u8]) -> io::Result<Vec<u8>> {
    if value.contains(&0) { Err(bad("its name has a NUL")) } else { Ok(value.to_vec()) }
}

fn id(value: &[u8]) -> Option<u32> {
    // -1 means "no change" to chown(2).
    decimal(value).and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX)
}

fn wrong(what: &str, value: &[u8]) -> io::Error {
    bad(format!("its {what} {:?} is not valid", String::from_utf8_lossy(until_nul(value))))
}

/// Reads seconds with a fraction. Digits after the ninth round down, as they do for GNU tar.
fn time(value: &[u8]) -> Option<Timespec> {
    let (sign, digits) = value.strip_prefix(b"-").map_or((1, value), |digits| (-1, digits));
    let dot = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let fraction = digits.get(dot + 1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nine = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let mut nanos = i128::from(decimal(&digits[..dot])?);
    nanos = nine.fold(nanos, |nanos, digit| nanos * 10 + i128::from(digit - b'0')) * sign;
    if sign < 0 && fraction.iter().skip(9).any(|digit| *digit != b'0') {
        nanos -= 1;
    }
    let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    Some(Timespec { tv_sec: seconds.try_into().ok()?, tv_nsec: nanos.try_into().ok()? })
}

/// Writes seconds with a fraction: `-1.500000000` is half a second before -1.
pub(super) fn decimal_time(time: Timespec) -> String {
    let nanos = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    let (sign, size) = if nanos < 0 { ("-", -nanos) } else { ("", nanos) };
    format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[(&str, &[u8])]) -> io::Result<Extension> {
        let records: Vec<Record> =
            records.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.to_vec())).collect();
        Extension::read(records.iter())
    }

    #[test]
    fn a_value_may_hold_any_bytes() {
        assert_eq!(parse(b"7 k=\n\0\n9 path=a\n").unwrap().len(), 2);
        assert_eq!(parse(b"9 path=a\n\0\0\0rubbish").unwrap().len(), 1);
        for wrong in [
            &b"k=v\n"[..],
            b"9 k=v\n",
            b"0 k=v\n",
            b"3 k=v\n",
            b"6 k=v",
            b"6 k\0=\n",
            b"5 kv\n",
            b"+6 k=v\n",
            b"99999999999999999999 k=v\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in (0..20).chain(85..110).chain(980..1010) {
            let mut records = Records::default();
            records.put(b"SCHILY.xattr.user.%\xff=3D", &vec![b'\n'; value]);
            records.put_name(b"path", b"a=\xff");
            records.put_name(b"linkpath", b"\xfe");
            let parsed = parse(records.as_bytes()).unwrap();
            let extension = Extension::read(parsed.iter()).unwrap();
            assert_eq!((extension.name.unwrap(), parsed.len()), (b"a=\xff".to_vec(), 4));
            let (name, read) = &extension.attributes[0];
            assert_eq!((name.to_bytes(), read.len()), (&b"user.%\xff=3D"[..], value));
        }
    }

    #[test]
    fn times_are_read_and_written_in_nanoseconds() {
        for (text, seconds, nanos) in [
            ("1.000000005", 1, 5),
            ("12", 12, 0),
            ("1.5", 1, 500_000_000),
            ("-1.5", -2, 500_000_000),
            ("-1", -1, 0),
            ("1.0000000019", 1, 1),
            ("-1.0000000011", -2, 999_999_998),
        ] {
            let read = time(text.as_bytes()).unwrap();
            assert_eq!((read.tv_sec, read.tv_nsec), (seconds, nanos), "{text}");
            assert_eq!(time(decimal_time(read).as_bytes()).unwrap(), read, "{text}");
        }
        for wrong in ["", "-", "x", "1x", "1.x", "1.0x", ".5", "+1", " 1", "99999999999999999999"] {
            assert!(time(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_value_that_is_damaged_is_an_error() {
        for (key, value) in [
            ("uid", "-1"),
            ("uid", "4294967295"),
            ("gid", "1.5"),
            ("gid", ""),
            ("size", "-5"),
            ("size", "9223372036854775808"),
            ("mtime", "yesterday"),
            ("path", "a\0b"),
        ] {
            assert!(read(&[(key, value.as_bytes())]).is_err(), "{key}={value:?}");
        }
    }

    #[test]
    fn the_name_of_a_file_with_holes_comes_first() {
        let (path, name) = (("path", &b"GNUSparseFile.0/f"[..]), ("GNU.sparse.name", &b"f"[..]));
        assert_eq!(read(&[path, name]).unwrap().name.unwrap(), b"f");
        assert_eq!(read(&[name, path]).unwrap().name.unwrap(), b"f");
    }

    #[test]
    fn attributes_that_only_other_systems_write_are_named() {
        let ours = ("SCHILY.xattr.user.a", &b"x"[..]);
        let theirs = ("LIBARCHIVE.xattr.user.a", &b"eA"[..]);
        assert!(read(&[ours, theirs]).unwrap().foreign.is_empty());
        assert_eq!(read(&[theirs]).unwrap().foreign, ["user.a"]);
    }
}
