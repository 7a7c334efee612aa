//! Finds the container that this process runs in, as `/proc` shows it (proc(5), cgroups(7)).
//!
//! Engines mount `/etc/hostname` and its like from a directory that has the container's id in its
//! path, and name control groups after that id; a process may see either, both or neither. Outside
//! a container it sees neither. Only the engine can say whether the id is one of its containers.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::mounts::{Mount, container_ids, holder, is_id, mounts};

/// Files that engines bring into each container by a mount.
const BROUGHT: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// Lists the ids that this process's container may have, the likeliest first. Empty outside a
/// container.
pub fn ids() -> Vec<String> {
    let mut ids: Vec<String> = ids_of(&mounts("self").unwrap_or_default());
    ids.extend(container_ids("self").into_iter().rev());
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}

/// Extracts the ids from the roots of mounts such as `/var/lib/docker/containers/ID/hostname`.
fn ids_of(mounts: &[Mount]) -> Vec<String> {
    let brought = mounts.iter().filter(|mount| BROUGHT.iter().any(|at| mount.at == Path::new(at)));
    // Directories above may be named after the container that the engine itself runs in.
    let id = |mount: &Mount| {
        let mut parts = mount.root.path.iter().rev().filter_map(|part| part.to_str());
        parts.find(|part| is_id(part)).map(str::to_owned)
    };
    brought.filter_map(id).collect()
}

/// Returns whether `directory` may have the same path outside this process's container.
///
/// The kernel tells which directory of a file system is mounted, but not where the host has that
/// file system. So true is a guess, and false is certain.
///
/// # Errors
/// When the directory does not exist, or the mounts cannot be read.
pub fn may_have_same_path_outside(directory: &Path) -> io::Result<bool> {
    let directory = std::fs::canonicalize(directory)?;
    Ok(holder(&directory, &mounts("self")?).is_none_or(may_be_at_its_own_path))
}

fn may_be_at_its_own_path(mount: &Mount) -> bool {
    let suffix = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
    // The host has the file system at a directory above, or mounts a subvolume of it.
    mount.at.ends_with(suffix(&mount.root.path)) || mount.root.path.ends_with(suffix(&mount.at))
}

#[cfg(test)]
mod tests {
    use super::super::mounts::mount;
    use super::*;

    const OUTER: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const OWN: &str = "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd";

    fn mounts(lines: &[String]) -> Vec<Mount> {
        lines.iter().filter_map(|line| mount(line.as_bytes())).collect()
    }

    #[test]
    fn the_container_is_told_by_the_files_that_its_engine_brings() {
        for root in [
            format!("/var/lib/docker/containers/{OWN}/hostname"),
            format!("/volumes/{OUTER}/_data/containers/{OWN}/hostname"),
            format!("/containers/storage/overlay-containers/{OWN}/userdata/hostname"),
        ] {
            let line = format!("36 35 98:0 {root} /etc/hostname rw - ext4 /dev/root rw");
            assert_eq!(ids_of(&mounts(&[line])), [OWN], "{root}");
        }
        // On a host, the files of other containers.
        let shm = format!("36 35 0:50 / /var/lib/docker/containers/{OWN}/mounts/shm rw - tmpfs shm rw");
        let own = "37 35 8:1 /my/resolv.conf /etc/resolv.conf rw - ext4 /dev/root rw".to_owned();
        assert_eq!(ids_of(&mounts(&[shm, own])), Vec::<String>::new());
    }

    #[test]
    fn a_mount_that_leads_elsewhere_is_told_from_one_that_may_not() {
        let same = |root: &str, at: &str| {
            let lines = mounts(&[format!("36 35 98:0 {root} {at} rw - ext4 /dev/root rw")]);
            may_be_at_its_own_path(&lines[0])
        };
        for (root, at) in [
            ("/var/lib/dvol", "/var/lib/dvol"),
            ("/lib/dvol", "/var/lib/dvol"),
            ("/", "/var/lib/dvol"),
            ("/@root/var/lib/dvol", "/var/lib/dvol"),
            ("/", "/"),
        ] {
            assert!(same(root, at), "{root} at {at}");
        }
        assert!(!same("/var/lib/docker/volumes/x/_data", "/var/lib/dvol"));
        assert!(!same("/dvol", "/var/lib/other"));
    }
}
