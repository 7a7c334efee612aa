//! Turns POSIX access lists from the text that archives hold into the kernel's form, and back.
//!
//! The text is that of acl(5), one entry a line or between commas: `user:1000:rw-`. A user or group
//! may be a number, or a name with its number as a fourth field (star and bsdtar write that), or a
//! name alone (GNU tar writes that), which is looked up in /etc/passwd or /etc/group. The files are
//! read here and not by the C library: a static program cannot load its modules for names.
//!
//! The kernel's form (linux/posix_acl_xattr.h), little endian: a version of four bytes, then tag,
//! permissions (two bytes each) and id (four bytes) of each entry, ordered by tag.

use std::io;

use super::header::bad;

const VERSION: u32 = 2;
const ENTRY: usize = 8;
const NO_ID: u32 = u32::MAX;
/// Tags and how text names them, in the kernel's order. Odd ones have an id.
const TAGS: [(u16, &str, bool); 6] = [
    (0x01, "user", false),
    (0x02, "user", true),
    (0x04, "group", false),
    (0x08, "group", true),
    (0x10, "mask", false),
    (0x20, "other", false),
];

/// Reads a list; `None` if it has no entry. `known` finds the number of a name: "user" or "group".
pub(super) fn from_text(
    text: &[u8],
    known: impl Fn(&str, &str) -> Option<u32>,
) -> io::Result<Option<Vec<u8>>> {
    let text = std::str::from_utf8(text).map_err(|_| bad("its access list is not text"))?;
    let lines = text.split('\n').map(|line| line.split('#').next().unwrap_or_default());
    let mut entries = Vec::new();
    for entry in lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty()) {
        entries.push(entry_of(entry, &known)?);
    }
    if entries.is_empty() {
        return Ok(None);
    }
    entries.sort_unstable();
    let mut value = VERSION.to_le_bytes().to_vec();
    for (tag, id, permissions) in entries {
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&permissions.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    Ok(Some(value))
}

fn entry_of(entry: &str, known: impl Fn(&str, &str) -> Option<u32>) -> io::Result<(u16, u32, u16)> {
    let wrong = || bad(format!("its access list has the entry {entry:?}"));
    let mut fields: Vec<&str> = entry.split(':').map(str::trim).collect();
    let kind = match fields[0] {
        "u" | "user" => "user",
        "g" | "group" => "group",
        "m" | "mask" => "mask",
        "o" | "other" => "other",
        _ => return Err(wrong()),
    };
    if fields.len() == 2 && matches!(kind, "mask" | "other") {
        fields.insert(1, "");
    }
    let (name, permissions, number) = match fields[..] {
        [_, name, permissions] => (name, permissions, None),
        [_, name, permissions, number] => (name, permissions, Some(number)),
        _ => return Err(wrong()),
    };
    let has_id = !name.is_empty();
    let (tag, ..) = TAGS.iter().find(|(_, text, with)| (*text, *with) == (kind, has_id)).ok_or_else(wrong)?;
    let id = if has_id {
        let id = number.unwrap_or(name).parse().ok().or_else(|| known(kind, name));
        id.filter(|id| *id != NO_ID).ok_or_else(|| {
            bad(format!("its access list names the {kind} {name:?}, which this machine does not know"))
        })?
    } else {
        NO_ID
    };
    let bits = permissions.chars().try_fold(0, |bits, letter| match letter {
        'r' => Some(bits | 4),
        'w' => Some(bits | 2),
        'x' => Some(bits | 1),
        '-' => Some(bits),
        _ => None,
    });
    Ok((*tag, id, bits.ok_or_else(wrong)?))
}

/// Writes a list as text with numbers only; `None` if `value` is not in the kernel's form.
pub(super) fn to_text(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_first_chunk()?;
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if u32::from_le_bytes(*version) != VERSION || !rest.is_empty() {
        return None;
    }
    let mut text = String::new();
    for [t0, t1, p0, p1, id @ ..] in entries {
        let (_, name, has_id) = TAGS.iter().find(|(tag, ..)| *tag == u16::from_le_bytes([*t0, *t1]))?;
        let id = if *has_id { u32::from_le_bytes(*id).to_string() } else { String::new() };
        let bits = u16::from_le_bytes([*p0, *p1]);
        let letter = |bit, letter| if bits & bit == 0 { '-' } else { letter };
        let (read, write, execute) = (letter(4, 'r'), letter(2, 'w'), letter(1, 'x'));
        text.push_str(&format!("{name}:{id}:{read}{write}{execute}\n"));
    }
    Some(text)
}

/// Finds the number of a user or a group in the text of /etc/passwd or /etc/group.
pub(super) fn number_in(file: &str, name: &str) -> Option<u32> {
    let fields = file.lines().map(|line| line.split(':'));
    let mut found = fields.filter_map(|mut fields| (fields.next()? == name).then_some(fields));
    found.next()?.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(kind: &str, name: &str) -> Option<u32> {
        let files = [
            ("user", "root:x:0:0:root:/root:/bin/sh\nada:x:1815:100::/:/bin/sh\n"),
            ("group", "wheel:x:10:\n"),
        ];
        files.iter().find(|(of, _)| *of == kind).and_then(|(_, file)| number_in(file, name))
    }

    fn text(list: &str) -> Option<String> {
        from_text(list.as_bytes(), known).unwrap().map(|value| to_text(&value).unwrap())
    }

    #[test]
    fn every_way_of_writing_a_list_is_read() {
        let wanted =
            "user::rw-\nuser:0:r-x\nuser:1815:rwx\ngroup::r--\ngroup:10:---\nmask::rwx\nother::---\n";
        for list in [
            wanted,
            "user::rw-,user:0:r-x,user:ada:rwx,group::r--,group:wheel:---,mask::rwx,other::---",
            "u::rw\nu:root:rx\nu:1815:rwx\ng::r\ng:10:\nm:rwx\no:-\n",
            "user::rw-\nuser:ada:rwx\t#effective:rw-\n# a remark\nuser:0:r-x\ngroup::r--\ngroup:10:---\nmask::rwx\nother::---\n",
            "user::rw-,user:no-such-user:r-x:0,user:other:rwx:1815,group::r--,group:staff:---:10,mask::rwx,other::---",
        ] {
            assert_eq!(text(list).as_deref(), Some(wanted), "{list}");
        }
        assert_eq!(text(" \n"), None);
    }

    #[test]
    fn a_list_that_is_not_understood_is_an_error() {
        for list in
            ["user", "user::rwz", "user:no-such-user:rwx", "default:user::rwx", "mask:5:rwx", "x::rwx"]
        {
            assert!(from_text(list.as_bytes(), known).is_err(), "{list}");
        }
        assert_eq!(to_text(b"\x01\0\0\0"), None);
        assert_eq!(to_text(b"\x02\0\0\0\x01"), None);
    }
}
