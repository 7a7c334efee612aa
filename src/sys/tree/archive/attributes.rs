//! Turns what an archive says about an entry into the attributes that the entry gets.
//!
//! Access lists that come as text win over those that come as attributes, as they do for GNU tar.

use std::io;

use rustix::fs::Mode;

use super::access_list;
use super::entries::{Item, ItemKind};
use crate::sys::tree::build::attributes::{ACCESS, DEFAULT, is_access_list};
use crate::sys::tree::entry::flags::Flags;
use crate::sys::tree::entry::values::EntryAttributes;

/// Takes the attributes out of `item`. Archives know no flags.
pub(super) fn take_attributes(item: &mut Item) -> io::Result<EntryAttributes> {
    let extension = &mut item.extension;
    let mut extended = std::mem::take(&mut extension.attributes);
    let list = |text: Option<Vec<u8>>| match text {
        Some(text) => access_list::from_text(&text, known),
        None => Ok(None),
    };
    let (access, default) = (list(extension.access.take())?, list(extension.default.take())?);
    if access.is_some() || default.is_some() {
        extended.retain(|(name, _)| !is_access_list(name));
    }
    // Only a directory has a default list.
    let default = default.filter(|_| item.kind == ItemKind::Directory);
    for (name, list) in [(ACCESS, access), (DEFAULT, default)] {
        extended.extend(list.map(|list| (name.to_owned(), list)));
    }
    let modified = item.mtime.into();
    Ok(EntryAttributes {
        uid: item.uid,
        gid: item.gid,
        mode: Mode::from_raw_mode(item.mode),
        accessed: extension.atime.map_or(modified, Into::into),
        modified,
        extended,
        flags: Flags::none(),
    })
}

fn known(kind: &str, name: &str) -> Option<u32> {
    let file = if kind == "user" { "/etc/passwd" } else { "/etc/group" };
    access_list::number_in(&std::fs::read_to_string(file).ok()?, name)
}
