//! Tells what is mounted where: `/proc/self/mountinfo`, and what `/sys/block` says of loop devices.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::model::ImageKind;
use crate::sys::mounts::{Mount, holder, mounts, namespace};
use crate::sys::own_container;

/// Where XFS and btrfs have the words by which they are known.
const XFS_MAGIC: (u64, &[u8]) = (0, b"XFSB");
const BTRFS_MAGIC: (u64, &[u8]) = (0x1_0040, b"_BHRfS_M");

/// A file system that is mounted from a loop device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The loop device.
    pub device: PathBuf,
    /// The file that the device stands on, as this process sees it.
    pub file: PathBuf,
    /// Whether the device goes past the host's page cache.
    pub is_direct: bool,
    /// Whether deleted data gives its space back to the host.
    pub discards: bool,
}

/// Returns whether something is mounted at `path`, which need not be there.
pub fn is_mount_point(path: &Path) -> bool {
    mounts("self").is_ok_and(|all| all.iter().any(|mount| mount.at == path))
}

/// Looks up the loop device of what is mounted at `path`, a path without symlinks.
pub fn attached_at(path: &Path) -> Option<Attached> {
    let all = mounts("self").ok()?;
    let mount = all.iter().rfind(|mount| mount.at == path)?;
    let device = mount.source.clone();
    let folder = Path::new("/sys/block").join(device.file_name()?);
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok().map(|text| text.trim_end().to_owned());
    Some(Attached {
        file: read("loop/backing_file")?.into(),
        is_direct: read("loop/dio").as_deref() == Some("1"),
        discards: read("queue/discard_max_bytes").is_some_and(|bytes| bytes != "0") && discards(mount),
        device,
    })
}

/// Returns whether the file system was mounted so that it passes on what is deleted.
fn discards(mount: &Mount) -> bool {
    mount.options.split(',').any(|option| option == "discard" || option.starts_with("discard="))
}

/// Returns where the loop devices of `image` are mounted; `None` if it has none. A place that this
/// process does not see is empty.
pub(super) fn places_of(image: &Path) -> Option<Vec<PathBuf>> {
    let devices = fs::read_dir("/sys/block").ok()?.flatten().map(|entry| entry.path());
    let stands_on_it = |device: &PathBuf| {
        fs::read_to_string(device.join("loop/backing_file"))
            .is_ok_and(|file| Path::new(file.trim_end_matches('\n')) == image)
    };
    let names: Vec<PathBuf> = devices
        .filter(stands_on_it)
        .filter_map(|device| Some(Path::new("/dev").join(device.file_name()?)))
        .collect();
    let all = mounts("self").unwrap_or_default();
    let places = all.into_iter().filter(|mount| names.contains(&mount.source)).map(|mount| mount.at);
    (!names.is_empty()).then(|| places.collect())
}

/// Reads which file system a file holds; `None` if it is neither of ours.
pub fn kind_of(image: &Path) -> Option<ImageKind> {
    let file = File::open(image).ok()?;
    let has = |(at, magic): (u64, &[u8])| {
        let mut found = vec![0; magic.len()];
        file.read_exact_at(&mut found, at).is_ok() && found == magic
    };
    if has(XFS_MAGIC) {
        Some(ImageKind::Xfs)
    } else if has(BTRFS_MAGIC) {
        Some(ImageKind::Btrfs)
    } else {
        None
    }
}

/// Returns whether the host sees what this process mounts at `path`: in the host's own mount
/// namespace, or because mounts are propagated there. Without `/proc`, it may.
pub fn is_seen_outside(path: &Path) -> bool {
    let Ok(all) = mounts("self") else { return true };
    if holder(path, &all).is_some_and(|mount| mount.is_shared) {
        return true;
    }
    // Only root may look at the first process, and in some sandboxes not even root.
    let is_first = match (namespace("1"), namespace("self")) {
        (Some(first), Some(own)) => first == own,
        _ => true,
    };
    is_first && own_container::ids().is_empty()
}
