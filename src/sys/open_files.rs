//! Files that a process on this machine holds, as `/proc` shows them: open, or mapped after the
//! file was closed.
//!
//! A lease (`F_SETLEASE`) would tell the same in one call, but no safe wrapper of it exists.
//! `/proc` tells it where this process sees all others: in the first PID namespace, as a user whom
//! no process hides from. Elsewhere nothing is known, and a file must count as held.
//!
//! Three kinds of open files are not seen: one that waits in a socket to be received, one that a
//! thread has open in a table of its own, and one beneath a device of the kernel, such as a loop
//! device.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The first PID namespace, whose number the kernel fixes (`PROC_PID_INIT_INO`).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";
/// The first process of that namespace.
const INIT: &str = "/proc/1";
/// What the kernel adds to the path of an open file that has no name any more.
const DELETED: &[u8] = b" (deleted)";
/// `ESRCH`: the process has ended.
const ENDED: i32 = 3;

/// All files that were held at one moment.
pub struct OpenFiles {
    /// The magic links of open files, by the name of the file.
    open: HashMap<OsString, Vec<PathBuf>>,
    /// The inodes of mapped files, on whatever file system.
    mapped: HashSet<u64>,
}

impl OpenFiles {
    /// Looks at all processes; returns `None` if this one does not see all others.
    pub fn of_all_processes() -> Option<Self> {
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        if namespace != Path::new(FIRST_NAMESPACE) {
            return None;
        }
        let mut files = OpenFiles { open: HashMap::new(), mapped: HashSet::new() };
        for entry in fs::read_dir("/proc").ok()? {
            let process = entry.ok()?.path();
            let is_process =
                process.file_name().is_some_and(|name| name.as_bytes().iter().all(u8::is_ascii_digit));
            if !is_process {
                continue;
            }
            if let Err(error) = files.add(&process)
                && !has_ended(&error)
                // The machine's init may be closed to root as well; it uses nothing of a volume.
                && process != Path::new(INIT)
            {
                return None;
            }
        }
        Some(files)
    }

    fn add(&mut self, process: &Path) -> io::Result<()> {
        for entry in fs::read_dir(process.join("fd"))? {
            let link = entry?.path();
            let target = match fs::read_link(&link) {
                // It was closed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other?,
            };
            if target.is_absolute()
                && let Some(name) = target.file_name()
            {
                let name = name.as_bytes();
                let name = OsStr::from_bytes(name.strip_suffix(DELETED).unwrap_or(name));
                self.open.entry(name.to_owned()).or_default().push(link);
            }
        }
        let maps = fs::read(process.join("maps"))?;
        self.mapped.extend(maps.split(|byte| *byte == b'\n').filter_map(mapped_inode));
        Ok(())
    }

    /// Returns whether a process held the file `name`, which has this inode of this device and one
    /// name. A file of that name that cannot be looked at counts as it. Processes of this program
    /// with the argument `except` do not count.
    pub fn has(&self, name: &OsStr, (device, inode): (u64, u64), except: &str) -> bool {
        // Only links with that name are followed: a file of a server that is down would not answer.
        let mut links = self.open.get(name).into_iter().flatten();
        self.mapped.contains(&inode)
            || links.any(|link| {
                let is_it = match fs::metadata(link) {
                    Ok(found) => (found.dev(), found.ino()) == (device, inode),
                    Err(error) => !has_ended(&error),
                };
                is_it && !link.ancestors().nth(2).is_some_and(|process| is_own(process, except))
            })
    }
}

/// Returns whether a process runs this program with the argument `argument`.
fn is_own(process: &Path, argument: &str) -> bool {
    let program =
        |process: &Path| fs::metadata(process.join("exe")).map(|file| (file.dev(), file.ino())).ok();
    let is_same = program(process).is_some_and(|other| Some(other) == program(Path::new("/proc/self")));
    is_same
        && fs::read(process.join("cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|it| it == argument.as_bytes()))
}

fn has_ended(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ENDED)
}

/// Reads the inode from a line of `maps` (proc(5)): range, permissions, offset, device, inode.
fn mapped_inode(line: &[u8]) -> Option<u64> {
    let field = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty()).nth(4)?;
    std::str::from_utf8(field).ok()?.parse().ok().filter(|inode| *inode > 0)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files of their own")]
mod tests {
    use std::fs::File;
    use std::process::{Command, Stdio};

    use super::*;

    fn is_held(path: &Path) -> bool {
        let found = fs::metadata(path).unwrap();
        let files = OpenFiles::of_all_processes().expect("tests see all processes");
        files.has(path.file_name().unwrap(), (found.dev(), found.ino()), "none")
    }

    #[test]
    fn a_file_is_held_while_a_process_has_it_open_or_mapped() {
        if fs::read_link("/proc/self/ns/pid").unwrap() != Path::new(FIRST_NAMESPACE)
            || !rustix::process::geteuid().is_root()
        {
            return;
        }
        let home = tempfile::tempdir().unwrap();
        let (path, moved) = (home.path().join("file"), home.path().join("moved"));
        fs::write(&path, vec![1; 8192]).unwrap();
        assert!(!is_held(&path));
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::from(file)).spawn().unwrap();
        assert!(is_held(&path));
        fs::rename(&path, &moved).unwrap();
        assert!(is_held(&moved), "by its new name");
        fs::write(&path, "another of that name").unwrap();
        assert!(!is_held(&path));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_held(&moved));

        let mut file = File::options().read(true).write(true).open(&moved).unwrap();
        let map = mmarinus::Map::bytes(4096).anywhere().from(&mut file, 0);
        let map =
            map.with_kind(mmarinus::Shared).with(mmarinus::perms::ReadWrite).map_err(|it| it.err).unwrap();
        drop(file);
        assert!(is_held(&moved), "mapped");
        drop(map);
        assert!(!is_held(&moved));
    }

    #[test]
    fn a_line_of_maps_names_an_inode() {
        let line = b"7f2c4e000000-7f2c4e021000 rw-s 00000000 fe:00 1234                       /a b";
        assert_eq!(mapped_inode(line), Some(1234));
        assert_eq!(mapped_inode(b"7f2c4e000000-7f2c4e021000 rw-p 00000000 00:00 0"), None);
        assert_eq!(mapped_inode(b""), None);
    }
}
