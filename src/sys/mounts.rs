//! Finds the containers that have a directory of this machine mounted, under any engine.
//!
//! The kernel tells in `/proc` (proc(5), cgroups(7)) which mounts a process in another mount
//! namespace sees, each with its file system and the place in it that is mounted. A control group
//! identifies a container: every engine names it after the container's id, 64 hex digits. Only
//! processes show, so a stopped container does not; nor does any container from inside another PID
//! namespace. A process that cannot be read is skipped: it has ended, or this user may not know
//! about it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::{At as _, DiskError};

/// Length of a container's id in hex digits.
const ID_DIGITS: usize = 64;

/// A process in a container that has a directory mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharer {
    /// The ids of its container and of the containers around that, innermost last.
    pub containers: Vec<String>,
    /// The process id.
    pub pid: u32,
    /// Whether the process can write there.
    pub writes: bool,
}

/// A place in a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Major and minor number, as the kernel writes them.
    device: String,
    pub(super) path: PathBuf,
}

/// One line of `mountinfo`.
pub(super) struct Mount {
    /// The part of the file system that is mounted.
    pub(super) root: Place,
    pub(super) at: PathBuf,
    writes: bool,
    /// Whether what is mounted beneath shows in other mount namespaces.
    pub(super) is_shared: bool,
    /// The device that the file system is on.
    pub(super) source: PathBuf,
    /// The options of the mount and of the file system.
    pub(super) options: String,
}

/// Lists the containers in which one of `directories`, or something in it, is mounted: for each
/// directory, one process of every mount namespace. A mount of a directory above does not count.
///
/// # Errors
/// When the directories or the mounts of this process cannot be read.
pub fn sharers(directories: &[&Path]) -> Result<Vec<Vec<Sharer>>, DiskError> {
    let own = mounts("self").at("read the mounts of this process in", Path::new("/proc"))?;
    let places: Vec<Option<Place>> =
        directories.iter().map(|directory| place(directory, &own)).collect::<Result<_, _>>()?;
    let mut found = vec![Vec::new(); places.len()];
    for (pid, containers) in containers() {
        let Ok(theirs) = mounts(&pid.to_string()) else { continue };
        for (place, found) in places.iter().zip(&mut found) {
            let Some(place) = place else { continue };
            let mut of_place = theirs.iter().filter(|mount| mount.root.is_within(place)).peekable();
            if of_place.peek().is_some() {
                let writes = of_place.any(|mount| mount.writes);
                found.push(Sharer { containers: containers.clone(), pid, writes });
            }
        }
    }
    Ok(found)
}

/// The places where this process sees something mounted, read on first use.
#[derive(Debug, Default)]
pub struct MountPoints(OnceCell<Vec<PathBuf>>);

impl MountPoints {
    fn all(&self) -> &[PathBuf] {
        let read = || mounts("self").unwrap_or_default().into_iter().map(|mount| mount.at).collect();
        self.0.get_or_init(read)
    }

    /// Returns whether something is mounted at `path`, which has no symlink. Without `/proc`, it
    /// may be.
    pub fn has(&self, path: &Path) -> bool {
        self.all().is_empty() || self.all().iter().any(|at| at == path)
    }

    /// Returns a mount point at or beneath `path`. Without `/proc` there is none.
    pub fn within(&self, path: &Path) -> Option<PathBuf> {
        let (folder, name) = (fs::canonicalize(path.parent()?).ok()?, path.file_name()?);
        let real = folder.join(name);
        let inside = self.all().iter().find_map(|at| at.strip_prefix(&real).ok())?;
        Some(if inside.as_os_str().is_empty() { path.to_owned() } else { path.join(inside) })
    }
}

/// Lists the paths by which this process sees `directory`: its real path first, then those through
/// other mounts of the same file system.
pub fn paths_of(directory: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let mounts = mounts("self").unwrap_or_default();
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let (own, mut paths) = (identity(&real), vec![real.clone()]);
    if let Ok(Some(place)) = place(&real, &mounts) {
        let of_place = mounts.iter().filter(|mount| place.is_within(&mount.root));
        let inside = |mount: &Mount| Some(mount.at.join(place.path.strip_prefix(&mount.root.path).ok()?));
        // Another mount may hide what lies there.
        let seen = of_place.filter_map(inside).filter(|path| own.is_some() && identity(path) == own);
        paths.extend(seen.filter(|path| *path != real));
    }
    paths
}

/// Names the mount namespace of a process; `None` if it cannot be looked at.
pub(super) fn namespace(pid: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}

/// Lists one process of each mount namespace that belongs to a container.
fn containers() -> Vec<(u32, Vec<String>)> {
    let (mine, my_containers) = (namespace("self"), container_ids("self"));
    let mut found = BTreeMap::new();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in names.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        let Some(theirs) = namespace(&pid.to_string()) else { continue };
        if mine.as_ref() == Some(&theirs) || found.contains_key(&theirs) {
            continue;
        }
        let mut ids = container_ids(&pid.to_string());
        // If this process runs in a container itself, so does everything that it can see.
        ids.retain(|id| !my_containers.contains(id));
        if !ids.is_empty() {
            found.insert(theirs, (pid, ids));
        }
    }
    found.into_values().collect()
}

/// Extracts the ids of the containers around a process from its control groups, innermost last.
pub(super) fn container_ids(pid: &str) -> Vec<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    ids_of(&groups)
}

/// Extracts the ids from lines such as `4:memory:/docker/ID` and
/// `0::/machine.slice/libpod-ID.scope/container`.
fn ids_of(groups: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for path in groups.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
        for part in path.split('/') {
            let part = part.strip_suffix(".scope").unwrap_or(part);
            let id = part.rsplit('-').next().unwrap_or_default();
            if is_id(id) && !found.iter().any(|known| known == id) {
                found.push(id.to_owned());
            }
        }
    }
    found
}

/// Whether `text` is written as engines write a container's id.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Lists the mounts that a process sees.
pub(super) fn mounts(process: &str) -> io::Result<Vec<Mount>> {
    Ok(fs::read(format!("/proc/{process}/mountinfo"))?
        .split(|byte| *byte == b'\n')
        .filter_map(mount)
        .collect())
}

/// Parses a line of `mountinfo`: `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root
/// rw,errors=continue`.
pub(super) fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(2);
    let device = String::from_utf8(fields.next()?.to_owned()).ok()?;
    let (path, at) = (unescaped(fields.next()?), unescaped(fields.next()?));
    let own = fields.next()?;
    let writes = own.split(|byte| *byte == b',').all(|option| option != b"ro");
    let optional = fields.by_ref().take_while(|field| *field != b"-");
    // All of them, to come to what follows.
    let is_shared = optional.filter(|field| field.starts_with(b"shared:")).count() > 0;
    // The type of the file system comes before its device.
    let source = unescaped(fields.nth(1)?);
    let options = [own, fields.next().unwrap_or_default()].map(String::from_utf8_lossy).join(",");
    Some(Mount { root: Place { device, path }, at, writes, is_shared, source, options })
}

/// Undoes the kernel's escapes: `\040` for a space, and the like.
pub(super) fn unescaped(text: &[u8]) -> PathBuf {
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        let digits = text.get(at + 1..at + 4).filter(|_| text[at] == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(text[at]));
        at += if code.is_some() { 4 } else { 1 };
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// Locates `directory` in its file system; returns `None` when it does not exist.
fn place(directory: &Path, own: &[Mount]) -> Result<Option<Place>, DiskError> {
    let directory = match fs::canonicalize(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.at("find", directory)?,
    };
    let mount = holder(&directory, own);
    let mount = mount.ok_or(io::ErrorKind::NotFound).at("find the mount of", &directory)?;
    let inside = directory.strip_prefix(&mount.at).unwrap_or(&directory);
    Ok(Some(Place { device: mount.root.device.clone(), path: mount.root.path.join(inside) }))
}

/// Finds the mount that shows `directory`, which has no symlink in its path.
pub(super) fn holder<'m>(directory: &Path, mounts: &'m [Mount]) -> Option<&'m Mount> {
    // Of two mounts at one place, the later one hides the other.
    let holds = mounts.iter().filter(|mount| directory.starts_with(&mount.at));
    holds.max_by_key(|mount| mount.at.components().count())
}

impl Place {
    fn is_within(&self, other: &Place) -> bool {
        self.device == other.device && self.path.starts_with(&other.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTER: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const INNER: &str = "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd";

    #[test]
    fn containers_are_told_by_the_names_that_engines_give_their_control_groups() {
        for groups in [
            format!("5:devices:/docker/{OUTER}\n1:name=systemd:/docker/{OUTER}\n"),
            format!("0::/system.slice/docker-{OUTER}.scope\n"),
            format!("0::/machine.slice/libpod-{OUTER}.scope/container\n"),
            format!("0::/kubepods/pod7/cri-containerd-{OUTER}.scope\n"),
        ] {
            assert_eq!(ids_of(&groups), [OUTER], "{groups}");
        }
        assert_eq!(ids_of(&format!("0::/docker/{OUTER}/docker/{INNER}\n")), [OUTER, INNER]);
        let none = format!("0::/user.slice/x-{}.scope\n4:memory:/\nnonsense\n", &OUTER[1..]);
        assert_eq!(ids_of(&none), Vec::<String>::new());
    }

    #[test]
    fn a_line_of_the_kernels_is_read_with_its_spaces() {
        let line = br"36 35 98:0 /a\040b/c\134 /mnt rw,ro-not,noatime shared:1 - ext3 /dev/root rw";
        let read = mount(line).unwrap();
        assert_eq!(read.root, Place { device: "98:0".to_owned(), path: "/a b/c\\".into() });
        assert_eq!((read.at, read.writes, read.is_shared), ("/mnt".into(), true, true));
        assert_eq!((&*read.options, read.source), ("rw,ro-not,noatime,rw", "/dev/root".into()));
        assert!(!mount(b"36 35 98:0 / /mnt nosuid,ro - ext3 /dev/root rw").unwrap().writes);
        assert!(mount(b"").is_none());
    }

    #[test]
    fn a_directory_is_found_in_the_mount_that_shows_it() {
        let mounts = |lines: &[&[u8]]| lines.iter().filter_map(|line| mount(line)).collect::<Vec<_>>();
        let home = tempfile::tempdir().unwrap();
        let home = fs::canonicalize(home.path()).unwrap();
        let hidden = format!("2 1 0:9 /deep/x {} rw - x x rw", home.display());
        let shown = format!("3 1 0:7 /sub {} rw - x x rw", home.display());
        let own = mounts(&[b"1 0 8:1 / / rw - x x rw", hidden.as_bytes(), shown.as_bytes()]);
        assert!(place(&home.join("db"), &own).unwrap().is_none());
        fs::DirBuilder::new().create(home.join("db")).unwrap();
        let place = place(&home.join("db"), &own).unwrap().unwrap();
        assert_eq!(place, Place { device: "0:7".to_owned(), path: "/sub/db".into() });
        let at = |device: &str, path: &str| Place { device: device.to_owned(), path: path.into() };
        assert!(at("0:7", "/sub/db/branches/master").is_within(&place));
        assert!(!at("0:7", "/sub").is_within(&place) && !at("0:7", "/sub/db2").is_within(&place));
        assert!(!at("8:1", "/sub/db").is_within(&place));
    }
}
