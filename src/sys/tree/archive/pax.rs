//! The pax records of an archive's entry: what the fields of a tar header have no room for (pax(1), star(1)).

use std::ffi::CString;
use std::io;

use rustix::fs::Timespec;

use super::entries::{Item, bad};

/// What the pax records of one entry say.
#[derive(Default)]
pub(in crate::sys::tree) struct Pax {
    pub(in crate::sys::tree) name: Option<Vec<u8>>,
    pub(in crate::sys::tree) sparse: bool,
    pub(in crate::sys::tree) size: Option<u64>,
    pub(in crate::sys::tree) uid: Option<u32>,
    pub(in crate::sys::tree) gid: Option<u32>,
    pub(in crate::sys::tree) mtime: Option<Timespec>,
    pub(in crate::sys::tree) atime: Option<Timespec>,
    pub(in crate::sys::tree) extended: Vec<(CString, Vec<u8>)>,
}

impl Pax {
    pub(in crate::sys::tree) fn of(item: &Item) -> io::Result<Pax> {
        let mut pax = Pax::default();
        for (key, value) in &item.records {
            let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            let id = || number().and_then(|id| u32::try_from(id).ok());
            match key.as_str() {
                "GNU.sparse.major" if value.as_slice() == b"1" => pax.sparse = true,
                "GNU.sparse.name" => pax.name = Some(value.to_vec()),
                "GNU.sparse.realsize" => pax.size = number(),
                "uid" => pax.uid = id(),
                "gid" => pax.gid = id(),
                "mtime" => pax.mtime = time(value),
                "atime" => pax.atime = time(value),
                key => {
                    if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                        let name = CString::new(name).map_err(|_| bad("an attribute's name has a NUL"))?;
                        pax.extended.push((name, value.to_vec()));
                    }
                }
            }
        }
        Ok(pax)
    }
}

/// Reads seconds with a fraction.
fn time(text: &[u8]) -> Option<Timespec> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos = i128::from(seconds.parse::<u64>().ok()?);
    let nanos = sign * (nanos * 1_000_000_000 + fraction.parse::<i128>().ok()?);
    let (tv_sec, tv_nsec) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    Some(Timespec { tv_sec: tv_sec.try_into().ok()?, tv_nsec: tv_nsec.try_into().ok()? })
}
