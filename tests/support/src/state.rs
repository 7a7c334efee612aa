//! What a pool holds, as text that two pools can be compared by: records, trees and contents.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dvol::layout::{self, Layout};
use dvol::store::{Rows, Store, StoreError};

/// All that must be as before or as after.
pub fn state(pool: &Path) -> String {
    let mut text = all_records(pool);
    for volume in volumes(pool) {
        tree(pool, &volume, &mut text);
    }
    tree(pool, &Layout::new(pool).trash(), &mut text);
    text
}

/// What must outlast a power cut: records and commits, not what a
/// working tree holds that no process synced.
pub fn lasting(pool: &Path) -> String {
    let mut text = all_records(pool);
    for volume in volumes(pool) {
        let target = fs::read_link(volume.join(layout::RUNNING_POINT));
        writeln!(text, "{} on {target:?}", volume.strip_prefix(pool).unwrap().display()).unwrap();
        tree(pool, &volume.join(layout::COMMITS), &mut text);
    }
    text
}

/// What one tree holds.
pub fn tree_text(root: &Path) -> String {
    let mut text = String::new();
    tree(root, root, &mut text);
    text
}

fn all_records(pool: &Path) -> String {
    let layout = Layout::new(pool);
    let mut text = String::new();
    if layout.metadata().exists() {
        Store::new(&layout, Duration::from_secs(10)).read(|rows| records(&rows, &mut text)).unwrap();
    }
    text
}

fn volumes(pool: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(pool).into_iter().flatten().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    names.retain(|name| name.as_bytes() != layout::PRIVATE.as_bytes());
    names.iter().map(|name| pool.join(name)).collect()
}

fn records(rows: &Rows<'_>, text: &mut String) -> Result<(), StoreError> {
    if let Some(current) = rows.current_volume()? {
        writeln!(text, "current {current}").unwrap();
    }
    for (key, value) in rows.settings(None)? {
        writeln!(text, "setting {key}={value}").unwrap();
    }
    for volume in rows.volumes()? {
        let guard = |protected| if protected { " (protected)" } else { "" };
        let own = guard(volume.protected);
        let of = volume.worktree_of.as_ref().map_or_else(String::new, |owner| format!(" of {owner}"));
        writeln!(text, "volume {}{of} on {}{own}", volume.name, volume.branch).unwrap();
        for (key, value) in rows.settings(Some(&volume.name))? {
            writeln!(text, "  setting {key}={value}").unwrap();
        }
        for mount in rows.bindings(&volume.name)? {
            writeln!(text, "  mount {}", mount.id).unwrap();
        }
        if volume.is_worktree() {
            continue;
        }
        for branch in rows.branches(&volume.name)? {
            let own = guard(branch.protected);
            writeln!(text, "  branch {} at {:?}{own}", branch.name, branch.head).unwrap();
        }
        for commit in rows.commits(&volume.name)? {
            writeln!(text, "  commit {} of {:?}: {}", commit.id, commit.parent, commit.message).unwrap();
        }
        for tag in rows.tags(&volume.name)? {
            writeln!(text, "  tag {} at {}{}", tag.name, tag.commit, guard(tag.protected)).unwrap();
        }
        for known in rows.tracking(&volume.name, None)? {
            writeln!(text, "  {}/{} at {}", known.remote, known.reference, known.commit).unwrap();
        }
        for upstream in rows.upstreams(&volume.name)? {
            writeln!(text, "  {} follows {}/{}", upstream.branch, upstream.remote, upstream.follows).unwrap();
        }
    }
    Ok(())
}

/// How many operations are in the journal, and how many entries in staging.
pub fn remains(pool: &Path) -> (usize, usize) {
    let layout = Layout::new(pool);
    if !layout.metadata().exists() {
        return (0, 0);
    }
    let journal = Store::new(&layout, Duration::from_secs(10)).read(|rows| rows.journal()).unwrap();
    (journal.len(), fs::read_dir(layout.staging()).unwrap().count())
}

fn tree(pool: &Path, path: &Path, text: &mut String) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if is_trash_size(path) {
        return;
    }
    let name = path.strip_prefix(pool).unwrap().display().to_string();
    write!(text, "{name} {:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid()).unwrap();
    if metadata.is_symlink() {
        writeln!(text, " -> {}", fs::read_link(path).unwrap().display()).unwrap();
    } else if metadata.is_file() && path.extension().is_some_and(|extension| extension == "steps") {
        // It has inodes, which are others in each pool.
        writeln!(text, " a list").unwrap();
    } else if metadata.is_file() {
        let bytes = fs::read(path).unwrap();
        match bytes.len() {
            0..=100 => writeln!(text, " {:?}", String::from_utf8_lossy(&bytes)).unwrap(),
            many => writeln!(text, " {many} bytes, {}", blake3::hash(&bytes)).unwrap(),
        }
    } else if !metadata.is_dir() {
        writeln!(text, " {:?}", metadata.file_type()).unwrap();
    } else {
        text.push('\n');
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            tree(pool, &entry, text);
        }
    }
}

/// Whether dvol remembers here how large an entry of trash is: it may, or may measure it again.
fn is_trash_size(path: &Path) -> bool {
    let trash = Path::new(layout::TRASH);
    path.file_name().is_some_and(|name| name == "size")
        && path.parent().and_then(Path::parent).is_some_and(|folder| folder.ends_with(trash))
}

/// The lines that only one of two states has.
pub fn difference(a: &str, b: &str) -> String {
    let only = |a: &str, b: &str, mark: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    only(a, b, "-") + &only(b, a, "+")
}
