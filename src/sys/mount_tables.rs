//! Finds file systems that should be mounted and are not.
//!
//! Two tables say what is mounted where at boot: `/etc/fstab` (fstab(5)), and the mount units in
//! `/etc/systemd/system` (systemd.mount(5)).

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::mounts::{MountPoints, unescaped};

const FSTAB: &str = "/etc/fstab";
const UNITS: &str = "/etc/systemd/system";
/// How many symlinks in a path are followed, as in the kernel.
const MAX_LINKS: u32 = 40;

/// A mount point where nothing is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmounted {
    /// The mount point.
    pub at: PathBuf,
    /// The file that says what should be mounted there.
    pub table: PathBuf,
}

/// Returns a mount point at `path` or above it where nothing is mounted, though a table names it.
/// What cannot be read names none.
pub fn unmounted_above(path: &Path) -> Option<Unmounted> {
    let real = real(path, MAX_LINKS);
    let mounted = MountPoints::default();
    let is_unmounted = |point: &Unmounted| real.starts_with(&point.at) && !mounted.has(&point.at);
    let points = fstab().into_iter().chain(units());
    points.map(|(at, table)| Unmounted { at: self::real(&at, MAX_LINKS), table }).find(is_unmounted)
}

fn fstab() -> Vec<(PathBuf, PathBuf)> {
    let text = fs::read(FSTAB).unwrap_or_default();
    let points = text.split(|byte| *byte == b'\n').filter_map(mount_point);
    points.map(|point| (point, FSTAB.into())).collect()
}

/// Parses a line of fstab: `/dev/sdb1 /data ext4 defaults 0 2`.
fn mount_point(line: &[u8]) -> Option<PathBuf> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    fields.next().filter(|device| !device.starts_with(b"#"))?;
    // Swap space has none.
    Some(unescaped(fields.next()?)).filter(|point| point.is_absolute())
}

fn units() -> Vec<(PathBuf, PathBuf)> {
    let entries = fs::read_dir(UNITS).into_iter().flatten().flatten().map(|entry| entry.path());
    let units = entries.filter(|path| path.extension().is_some_and(|extension| extension == "mount"));
    units.filter_map(|unit| Some((place_of(&fs::read(&unit).ok()?)?, unit))).collect()
}

/// Finds `Where=/data` in a mount unit.
fn place_of(unit: &[u8]) -> Option<PathBuf> {
    let lines = unit.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let place = lines.filter_map(|line| line.strip_prefix(b"Where=")).next_back()?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(place.trim_ascii().to_owned())))
}

/// Returns `path` without symlinks as far as it exists: a link may lead into a file system that is
/// not mounted.
fn real(path: &Path, links: u32) -> PathBuf {
    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let (Err(error), Some(parent)) = (fs::canonicalize(path), path.parent()) else {
        return fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    };
    match fs::read_link(path) {
        Ok(target) if links > 0 => real(&parent.join(target), links - 1),
        _ if missing(&error) => real(parent, links).join(path.file_name().unwrap_or_default()),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_name_mount_points() {
        let point = |line: &str| mount_point(line.as_bytes());
        assert_eq!(point("/dev/sdb1\t/my\\040data  ext4 defaults 0 2"), Some("/my data".into()));
        for none in ["", "  ", "# /dev/sdb1 /data ext4", "/dev/sdb2 none swap sw 0 0", "UUID=7"] {
            assert_eq!(point(none), None, "{none}");
        }
        let unit = b"[Unit]\nDescription=Data\n[Mount]\nWhat=/dev/sdb1\n Where=/data \n";
        assert_eq!(place_of(unit), Some("/data".into()));
        assert_eq!(place_of(b"[Mount]\nWhat=/dev/sdb1\n"), None);
    }

    #[test]
    fn a_link_into_what_is_not_there_is_followed() {
        let home = tempfile::tempdir().unwrap();
        let home = fs::canonicalize(home.path()).unwrap();
        std::os::unix::fs::symlink(home.join("point/pool"), home.join("link")).unwrap();
        assert_eq!(real(&home.join("link/db"), MAX_LINKS), home.join("point/pool/db"));
        std::os::unix::fs::symlink("circle", home.join("circle")).unwrap();
        assert_eq!(real(&home.join("circle"), MAX_LINKS), home.join("circle"));
    }
}
