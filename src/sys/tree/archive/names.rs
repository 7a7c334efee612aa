//! Takes the names of an archive apart.

use std::io;

use super::header::bad;
use crate::sys::tree::build::path::EntryPath;

/// Returns the path that a name means below `prefix`, or `None` if it is not below that. Slashes at
/// the start and dots do not count: an absolute name means one inside of the tree.
pub(super) fn path_of(name: &[u8], prefix: &[u8]) -> io::Result<Option<EntryPath>> {
    if name.is_empty() {
        return Err(bad("its name is empty"));
    }
    let (mut path, mut is_below) = (EntryPath::root(), prefix.is_empty());
    let mut is_outside = false;
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(bad("its name leads out of the tree")),
            part if is_below || is_outside => path = path.join(part)?,
            part => (is_below, is_outside) = (part == prefix, part != prefix),
        }
    }
    Ok(is_below.then_some(path))
}

/// Returns whether a name can only be that of a directory: `.`, `a/.` and nothing but slashes.
pub(super) fn names_directory(name: &[u8]) -> bool {
    let end = name.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    matches!(name[..end].rsplit(|byte| *byte == b'/').next(), None | Some(b"" | b"."))
}

/// Returns each directory above an entry as the entry's name spells it, without slashes at the
/// start: `./a` and `./a//b` for `/./a//b/c`.
pub(super) fn spelled_directories(name: &[u8]) -> Vec<&[u8]> {
    let name = without_outer_slashes(name);
    let (mut found, mut at) = (Vec::new(), 0);
    for part in name.split(|byte| *byte == b'/') {
        if !matches!(part, b"" | b".") {
            found.push(&name[..at + part.len()]);
        }
        at += part.len() + 1;
    }
    found.pop();
    found
}

/// Returns a name as GNU tar compares it with others.
pub(super) fn without_outer_slashes(name: &[u8]) -> &[u8] {
    let start = name.iter().position(|byte| *byte != b'/').unwrap_or(name.len());
    let end = name.iter().rposition(|byte| *byte != b'/').map_or(start, |last| last + 1);
    if start == end { b"." } else { &name[start..end] }
}

/// Returns whether GNU tar makes a symlink to `target` only after all other entries, since the
/// entries could lead out of the tree by it.
pub(super) fn is_delayed(target: &[u8]) -> bool {
    target.starts_with(b"/") || target.split(|byte| *byte == b'/').any(|part| part == b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_always_one_below_the_tree() {
        let of =
            |name: &str, prefix: &str| Some(path_of(name.as_bytes(), prefix.as_bytes()).ok()??.to_string());
        for (name, wanted) in [("a/b", "a/b"), ("./a//b/", "a/b"), ("/a", "a"), (".", "."), ("/", ".")] {
            assert_eq!(of(name, "").as_deref(), Some(wanted), "{name}");
        }
        for name in ["", "..", "a/../b", "a\0b"] {
            assert!(path_of(name.as_bytes(), b"").is_err(), "{name}");
        }
        assert_eq!(of("data/a", "data").as_deref(), Some("a"));
        assert_eq!(of("database/a", "data"), None);
    }

    #[test]
    fn directories_are_spelled_as_the_name_spells_them() {
        assert_eq!(spelled_directories(b"/./a//b/c/"), [&b"./a"[..], b"./a//b"]);
        assert!(spelled_directories(b"a").is_empty());
        assert_eq!(without_outer_slashes(b"//a/b/"), b"a/b");
        assert_eq!(without_outer_slashes(b"/"), b".");
    }

    #[test]
    fn some_names_are_those_of_directories_only() {
        for (name, wanted) in
            [("a", false), ("a/", false), ("a/.", true), (".", true), ("./", true), ("//", true)]
        {
            assert_eq!(names_directory(name.as_bytes()), wanted, "{name}");
        }
    }
}
