//! Single changes on disk: each passes a fault point first and names its path when it fails. Whole
//! trees are the business of `tree`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, lstat, openat, utimensat,
};

use super::error::{At as _, DiskError};
use super::fault;

/// The number by which statfs(2) names btrfs.
const BTRFS_MAGIC: u32 = 0x9123_683e;

/// Returns the path beside `path` whose name is longer by `suffix`.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

/// Makes a directory of exactly this mode, whatever the umask says.
///
/// # Errors
/// When the kernel refuses, also when the directory exists.
pub fn make_directory(path: &Path, mode: u32) -> Result<(), DiskError> {
    fault::point("disk.mkdir").at("create the directory", path)?;
    // As close to the mode as the umask allows from the start, so that no other user gets in first.
    fs::DirBuilder::new().mode(mode).create(path).at("create the directory", path)?;
    set_mode(path, mode)
}

/// Makes a directory of this mode unless it exists; missing parents get mode 0711.
///
/// # Errors
/// When the kernel refuses, or something else has that name.
pub fn ensure_directory(path: &Path, mode: u32) -> Result<(), DiskError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        ensure_directory(parent, 0o711)?;
    }
    match make_directory(path, mode) {
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Sets the permission bits of `path`.
///
/// # Errors
/// When the kernel refuses.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), DiskError> {
    fault::point("disk.chmod").at("set the mode of", path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).at("set the mode of", path)
}

/// Gives `path` to a group.
///
/// # Errors
/// When the kernel refuses.
pub fn set_group(path: &Path, group: u32) -> Result<(), DiskError> {
    fault::point("disk.chown").at("set the group of", path)?;
    std::os::unix::fs::chown(path, None, Some(group)).at("set the group of", path)
}

/// Makes the symlink `path` that leads to `target`.
///
/// # Errors
/// When the kernel refuses, also when `path` exists.
pub fn make_symlink(target: &Path, path: &Path) -> Result<(), DiskError> {
    fault::point("disk.symlink").at("create the link", path)?;
    std::os::unix::fs::symlink(target, path).at("create the link", path)
}

/// Writes a new file `path` with these bytes and exactly this mode.
///
/// # Errors
/// When the kernel refuses, also when `path` exists.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut file = create_new(path)?;
    io::Write::write_all(&mut file, bytes).at("write the file", path)?;
    set_mode(path, mode)
}

/// Creates the empty file `path` and opens it to be written and read; only its owner may use it.
///
/// # Errors
/// When the kernel refuses, also when `path` exists.
pub fn create_new(path: &Path) -> Result<File, DiskError> {
    fault::point("disk.write").at("create the file", path)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .at("create the file", path)
}

/// Writes these bytes over the beginning of the file `path`, and makes the file if there is none.
/// Does not wait for the disk.
///
/// # Errors
/// When the kernel refuses.
pub fn write_over(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    fault::point("disk.write").at("write the file", path)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(path);
    file.and_then(|file| file.write_all_at(bytes, 0)).at("write the file", path)
}

/// Deletes a file or a symlink.
///
/// # Errors
/// When the kernel refuses, also when there is none.
#[expect(clippy::disallowed_methods, reason = "the one door to deleting a single file")]
pub fn remove_file(path: &Path) -> Result<(), DiskError> {
    fault::point("disk.unlink").at("delete", path)?;
    fs::remove_file(path).at("delete", path)
}

/// Renames `from` to `to`; never replaces anything.
///
/// # Errors
/// When the kernel refuses, also when `to` exists.
pub fn rename(from: &Path, to: &Path) -> Result<(), DiskError> {
    fault::point("disk.rename").at("rename", from)?;
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).at("rename into place", to)
}

/// Renames `from` into `folder` under the first free name of `name.1`, `name.2` and so on, and
/// returns its new path. Makes `folder` with `mode` if it is missing.
///
/// # Errors
/// When the kernel refuses.
pub fn rename_to_free(from: &Path, folder: &Path, mode: u32, name: &str) -> Result<PathBuf, DiskError> {
    ensure_directory(folder, mode)?;
    let mut number = 1;
    loop {
        let place = folder.join(format!("{name}.{number}"));
        match rename(from, &place) {
            Ok(()) => return Ok(place),
            Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Renames `from` to `to` and replaces what is there.
///
/// # Errors
/// When the kernel refuses.
pub fn replace(from: &Path, to: &Path) -> Result<(), DiskError> {
    fault::point("disk.rename").at("rename", from)?;
    rustix::fs::rename(from, to).at("rename into place", to)
}

/// Exchanges two paths in one step (renameat2(2), `RENAME_EXCHANGE`). Both keep their times: XFS
/// gives a directory that is exchanged across directories a new modification time, which this puts
/// back.
///
/// # Errors
/// When one is missing, or the file system cannot exchange.
pub fn exchange(a: &Path, b: &Path) -> Result<(), DiskError> {
    fault::point("disk.exchange").at("exchange", b)?;
    let (of_a, of_b) = (times(a)?, times(b)?);
    rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).at("exchange atomically", b)?;
    set_times_if_other(a, &of_b)?;
    set_times_if_other(b, &of_a)
}

/// Returns the access and modification times of `path` itself.
fn times(path: &Path) -> Result<Timestamps, DiskError> {
    let stat = lstat(path).at("read the attributes of", path)?;
    let time = |seconds, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or_default(),
    };
    Ok(Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    })
}

fn set_times_if_other(path: &Path, wanted: &Timestamps) -> Result<(), DiskError> {
    if times(path)?.last_modification == wanted.last_modification {
        return Ok(());
    }
    utimensat(CWD, path, wanted, AtFlags::SYMLINK_NOFOLLOW).at("set the times of", path)
}

/// Makes the names in a directory durable.
///
/// # Errors
/// When the kernel reports an earlier or present failure to write.
pub fn sync_directory(path: &Path) -> Result<(), DiskError> {
    fault::point("disk.sync").at("sync the directory", path)?;
    File::open(path).and_then(|directory| directory.sync_all()).at("sync the directory", path)
}

/// The inode number of the root of each subvolume of btrfs.
pub const SUBVOLUME_INODE: u64 = 256;

/// Returns a number for the subvolume of btrfs that `handle` is the root of, or `None` on another
/// file system. A restart does not change this number, as it may the device's.
///
/// # Errors
/// When the kernel refuses to tell.
pub fn subvolume_number(handle: impl AsFd) -> rustix::io::Result<Option<u64>> {
    let magic = i128::from(rustix::fs::fstatfs(&handle)?.f_type) & 0xffff_ffff;
    if magic != i128::from(BTRFS_MAGIC) {
        return Ok(None);
    }
    // btrfs mixes the number of the subvolume into the id of the file system.
    Ok(Some(rustix::fs::fstatvfs(&handle)?.f_fsid ^ SUBVOLUME_INODE))
}

/// Returns the inode number of `path` itself, or `None` when nothing is there. Follows no symlink.
/// The root of a subvolume has a number of its own ([`subvolume_number`]).
///
/// # Errors
/// When the kernel refuses to tell.
pub fn inode(path: &Path) -> Result<Option<u64>, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() && metadata.ino() == SUBVOLUME_INODE => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let number = openat(CWD, path, flags, Mode::empty()).and_then(subvolume_number);
            Ok(Some(number.at("read the attributes of", path)?.unwrap_or(SUBVOLUME_INODE)))
        }
        Ok(metadata) => Ok(Some(metadata.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::new("read the attributes of", path, error)),
    }
}

/// Returns the device and the inode number of what `path` leads to.
///
/// # Errors
/// When the kernel refuses to tell.
pub fn identity(path: &Path) -> Result<(u64, u64), DiskError> {
    let found = fs::metadata(path).at("read the attributes of", path)?;
    Ok((found.dev(), found.ino()))
}

/// Returns how many names a file has, and 1 for a directory; `None` if there is nothing.
///
/// # Errors
/// When it cannot be told.
pub fn links(path: &Path) -> Result<Option<u64>, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(if metadata.is_dir() { 1 } else { metadata.nlink() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::new("read the attributes of", path, error)),
    }
}

/// Returns whether both paths are on one device; the subvolumes of btrfs are different ones.
///
/// # Errors
/// When the kernel refuses to tell, also when one is missing.
pub fn is_same_device(one: &Path, other: &Path) -> Result<bool, DiskError> {
    let device = |path: &Path| lstat(path).map(|stat| stat.st_dev).at("read the attributes of", path);
    Ok(device(one)? == device(other)?)
}

/// Returns whether `path` itself is a directory. Follows no symlink.
///
/// # Errors
/// When the kernel refuses to tell.
pub fn is_directory(path: &Path) -> Result<bool, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DiskError::new("read the attributes of", path, error)),
    }
}

/// Returns the target of the symlink `path`, or `None` when there is no symlink.
///
/// # Errors
/// When the kernel refuses to tell.
pub fn read_symlink(path: &Path) -> Result<Option<PathBuf>, DiskError> {
    match fs::read_link(path) {
        Ok(target) => Ok(Some(target)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
            Ok(None)
        }
        Err(error) => Err(DiskError::new("read the link", path, error)),
    }
}

/// Returns when the file or directory was last modified, in microseconds since the epoch.
///
/// # Errors
/// When it cannot be looked at.
pub fn modified(path: &Path) -> Result<i64, DiskError> {
    let metadata = fs::symlink_metadata(path).at("look at", path)?;
    let time = metadata.modified().at("look at", path)?;
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Ok(i64::try_from(since).unwrap_or(i64::MAX))
}

/// Sets when the file or directory was last modified, in microseconds since the epoch.
///
/// # Errors
/// When the kernel refuses.
pub fn set_modified(path: &Path, micros: i64) -> Result<(), DiskError> {
    fault::point("disk.times").at("set the times of", path)?;
    let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification =
        Timespec { tv_sec: micros.div_euclid(1_000_000), tv_nsec: micros.rem_euclid(1_000_000) * 1000 };
    let times = Timestamps { last_access: keep, last_modification };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).at("set the times of", path)
}

/// Lists the names in a directory, sorted; an absent directory has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn names_in(path: &Path) -> Result<Vec<std::ffi::OsString>, DiskError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DiskError::new("read the directory", path, error)),
    };
    let mut names = entries
        .map(|entry| entry.map(|e| e.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .at("read the directory", path)?;
    names.sort();
    Ok(names)
}

/// Names the file system that holds `path`, for the common ones (statfs(2)).
pub fn file_system(path: &Path) -> Option<&'static str> {
    let known: [(u32, &str); 8] = [
        (0xef53, "ext4"),
        (0x5846_5342, "XFS"),
        (BTRFS_MAGIC, "btrfs"),
        (0x0102_1994, "tmpfs"),
        (0x794c_7630, "overlayfs"),
        (0x2fc1_2fc1, "ZFS"),
        (0x6969, "NFS"),
        (0xf2f5_2010, "F2FS"),
    ];
    // The kernel's number has 32 bits, in a field whose width and sign depend on the machine.
    let magic = i128::from(rustix::fs::statfs(path).ok()?.f_type) & 0xffff_ffff;
    known.iter().find(|(number, _)| i128::from(*number) == magic).map(|(_, name)| *name)
}

/// Returns false when the file system that holds `path` is known never to share blocks.
pub fn may_share_blocks(path: &Path) -> bool {
    !matches!(file_system(path), Some("ext4" | "tmpfs"))
}

/// Tests whether the file system that holds the directory `path` shares blocks between files
/// (`FICLONE`), with two small unnamed files: the kernel offers no query for it.
pub fn can_clone(path: &Path) -> bool {
    let unnamed = || {
        let flags = i32::try_from(rustix::fs::OFlags::TMPFILE.bits()).unwrap_or_default();
        OpenOptions::new().read(true).write(true).custom_flags(flags).mode(0o600).open(path)
    };
    let attempt = || -> io::Result<()> {
        let (from, to) = (unnamed()?, unnamed()?);
        io::Write::write_all(&mut &from, &[0_u8; 4096])?;
        Ok(rustix::fs::ioctl_ficlone(&to, &from)?)
    };
    attempt().is_ok()
}

/// Returns whether the file system that holds `path` is mounted read-only.
pub fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_never_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        make_directory(&a, 0o700).unwrap();
        make_directory(&b, 0o700).unwrap();
        assert!(rename(&a, &b).is_err());
        assert!(a.is_dir() && b.is_dir());
    }

    #[test]
    fn an_exchange_swaps_inodes_of_directories_and_of_symlinks() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        make_symlink(Path::new("one"), &a).unwrap();
        make_symlink(Path::new("two"), &b).unwrap();
        let before = inode(&a).unwrap();
        exchange(&a, &b).unwrap();
        assert_eq!(inode(&b).unwrap(), before);
        assert_eq!(read_symlink(&b).unwrap().unwrap(), Path::new("one"));
    }

    #[test]
    fn a_mode_is_not_narrowed_by_the_umask() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open");
        make_directory(&path, 0o777).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o777);
    }
}
