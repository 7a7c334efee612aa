//! Draws the directories of a pool. No other file spells these names.
//!
//! ```text
//! <pool>/<volume>/branches/<branch>/     working tree, a plain directory
//! <pool>/<volume>/commits/<id>/          a commit's tree, a plain copy
//! <pool>/<volume>/running_point          symlink, relative: branches/<branch>
//! <pool>/<worktree>/running_point        symlink, relative: ../<volume>/branches/<branch>
//! <pool>/.dvol/metadata.redb             all metadata
//! <pool>/.dvol/metadata.sums             a checksum of each of its blocks
//! <pool>/.dvol/records.log               second copy of its records, to rebuild it from
//! <pool>/.dvol/adopted                   marks that an older tool's volumes were imported
//! <pool>/.dvol/locks/metadata.lock       lock of one metadata transaction
//! <pool>/.dvol/locks/checksums           lock of the process that takes checksums
//! <pool>/.dvol/locks/volume/<volume>     lock of the operations on a volume and its worktrees
//! <pool>/.dvol/locks/turn/<volume>       lock of the operation that is next for that
//! <pool>/.dvol/locks/worktree/<name>     lock of an operation on one volume or worktree
//! <pool>/.dvol/locks/gate/<volume>       closed while containers must not start on a volume
//! <pool>/.dvol/locks/ensure/<volume>     lock of an `ensure` on a volume
//! <pool>/.dvol/locks/seed/<volume>       the process that runs its SEED; empty if there is none
//! <pool>/.dvol/staging/<operation>/      trees on their way in
//!     new-N                              will move to its place
//!     link-N                             symlink that will move to its place
//!     away-N                             working tree while its entries are exchanged
//!     away-N.early                       files that the first pass copied for it
//!     old-N                              will be deleted
//! <pool>/.dvol/staging/<operation>.deleted/  trash that is being deleted
//! <pool>/.dvol/staging/<operation>.link  symlink that will replace another
//! <pool>/.dvol/trash/<operation>/        trees on their way out
//!     old-N                              what the operation removed
//!     old-N.steps                        list of the entries that were exchanged
//!     old-N.spares/                      large files of it, made equal to the commit's
//! <pool>/.dvol/trash.next                when to look for expired trash again
//! <pool>/.dvol/checksums/<volume>.<id>   checksums of a commit
//! <pool>/.dvol/started/<volume>%<branch> what the last start of containers wrote
//! <pool>/.dvol/lost+found/               what fsck found and no record names
//! <pool>/.dvol/moved-out                 marks a copy that an unfinished move out of an image made
//! <pool>.img                             image with the pool's file system, mounted at <pool>
//! <pool>.img.lock                        lock of a process that mounts it or moves the pool
//! <pool>.img.new, <pool>.new/            what an unfinished create or move has made
//! <pool>.img.old, <pool>.old/            what a move kept
//! ```
//!
//! Lock files are made once and never deleted. The tree engine (`sys::tree`) gives its own
//! temporary files names that end in a suffix and lie beside the tree that it works on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::model::{BranchName, CommitId, OperationId, RemoteName, VolumeName, VolumeRecord};
use crate::sys::disk;

/// Mode of the pool: closed to other users of the host, who could run the setuid files of volumes
/// and write into working trees otherwise. An engine mounts what lies in it as root. The group may
/// pass, for an engine that maps root to another user.
pub const POOL_MODE: u32 = 0o710;
/// Mode of `.dvol` and of the directories in it.
pub const PRIVATE_MODE: u32 = 0o700;
/// Mode of the files in `.dvol`.
pub const PRIVATE_FILE_MODE: u32 = 0o600;
/// Mode of a volume's directory and of its `branches` and `commits`: the pool keeps others out.
pub const VOLUME_MODE: u32 = 0o711;
/// Mode of a new volume's first working tree: a container's unprivileged user can write to it.
pub const WORKING_TREE_MODE: u32 = 0o777;
/// Name of the directory of everything that is not a volume.
pub const PRIVATE: &str = ".dvol";
/// Path of the trash in the pool.
pub const TRASH: &str = ".dvol/trash";
/// Name of the link to the current branch's working tree.
pub const RUNNING_POINT: &str = "running_point";
/// Name of the directory of a volume's working trees.
pub const BRANCHES: &str = "branches";
/// Name of the directory of a volume's commits.
pub const COMMITS: &str = "commits";

/// Name of an older tool's file in the pool, or beside it, that names the current volume. dvol
/// reads the older tool's files once and leaves them where they are.
pub const OLDER_CURRENT_VOLUME: &str = "current_volume.json";
/// Name of the older tool's settings, in the pool or beside it.
pub const OLDER_SETTINGS: &str = "config.yml";
/// Name of the older tool's file in a volume that names the current branch.
pub const OLDER_CURRENT_BRANCH: &str = "current_branch.json";
/// Ending of the older tool's list of a branch's commits, beside the branch's working tree.
pub const OLDER_COMMITS: &str = ".json";

const AWAY: &str = "away-";

/// The paths of one pool.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Lays out the pool at `root`, which should be absolute.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Layout { root: root.into() }
    }

    /// Returns the pool's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Completes a path that is relative to the pool.
    pub fn full(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns the directory of everything that is not a volume.
    pub fn private(&self) -> PathBuf {
        self.root.join(PRIVATE)
    }

    /// Returns the metadata database.
    pub fn metadata(&self) -> PathBuf {
        self.private().join("metadata.redb")
    }

    /// Returns the place where a new database is made before it gets its name.
    pub fn metadata_new(&self) -> PathBuf {
        self.private().join("metadata.new")
    }

    /// Returns the file of the checksums of the database's blocks.
    pub fn metadata_sums(&self) -> PathBuf {
        self.private().join("metadata.sums")
    }

    /// Returns the second copy of the database's records.
    pub fn records(&self) -> PathBuf {
        self.private().join("records.log")
    }

    /// Returns the place where a new second copy is made before it gets its name.
    pub fn records_new(&self) -> PathBuf {
        self.private().join("records.new")
    }

    /// Returns the file whose presence says that an older tool's volumes were imported.
    pub fn adopted(&self) -> PathBuf {
        self.private().join("adopted")
    }

    /// Returns the directory of the checksums of commits.
    pub fn checksums(&self) -> PathBuf {
        self.private().join("checksums")
    }

    /// Returns the file of a commit's checksums. The volume is part of its name because commits
    /// that were made together share an id.
    pub fn checksums_of(&self, volume: &VolumeName, commit: &CommitId) -> PathBuf {
        self.checksums().join(format!("{volume}.{commit}"))
    }

    /// Returns the place where a commit's checksums are written before they get their name.
    pub fn checksums_new(&self, volume: &VolumeName, commit: &CommitId) -> PathBuf {
        self.checksums().join(format!("{volume}.{commit}.new"))
    }

    /// Returns the directory of what fsck found and no record names.
    pub fn lost_and_found(&self) -> PathBuf {
        self.private().join("lost+found")
    }

    /// Returns the directory of what was read of remotes.
    pub fn remotes_cache(&self) -> PathBuf {
        self.private().join("remotes/cache")
    }

    /// Returns the directory of the kept keys of remotes.
    pub fn remotes_keys(&self) -> PathBuf {
        self.private().join("remotes/keys")
    }

    /// Returns the lock of the process that pushes a volume to a remote.
    pub fn push_lock(&self, volume: &VolumeName, remote: &RemoteName) -> PathBuf {
        self.locks().join(format!("push.{volume}.{remote}"))
    }

    /// Returns the directory of lock files.
    pub fn locks(&self) -> PathBuf {
        self.private().join("locks")
    }

    /// Returns the lock of one metadata transaction.
    pub fn metadata_lock(&self) -> PathBuf {
        self.locks().join("metadata.lock")
    }

    /// Returns the file of what the last start of the containers wrote to a branch.
    pub fn started(&self, volume: &VolumeName, branch: &BranchName) -> PathBuf {
        // No volume has a % in its name.
        self.started_marks().join(format!("{volume}%{}", branch.to_directory()))
    }

    /// Returns the directory of these files.
    pub fn started_marks(&self) -> PathBuf {
        self.private().join("started")
    }

    /// Returns the lock of the process that takes checksums.
    pub fn checksums_lock(&self) -> PathBuf {
        self.locks().join("checksums")
    }

    /// Returns the lock of the process that deletes expired trash.
    pub fn trash_lock(&self) -> PathBuf {
        self.locks().join("trash")
    }

    fn volume_locks(&self) -> PathBuf {
        self.locks().join("volume")
    }

    /// Returns the lock of operations on a volume and its worktrees.
    pub fn volume_lock(&self, volume: &VolumeName) -> PathBuf {
        self.volume_locks().join(volume.as_str())
    }

    /// Returns the lock of operations on one branch: on the current one of a volume or worktree.
    pub fn worktree_lock(&self, name: &VolumeName) -> PathBuf {
        self.locks().join("worktree").join(name.as_str())
    }

    /// Returns the lock of the operation that is next for the lock of a volume.
    pub fn turn_lock(&self, volume: &VolumeName) -> PathBuf {
        self.locks().join("turn").join(volume.as_str())
    }

    fn gate_locks(&self) -> PathBuf {
        self.locks().join("gate")
    }

    /// Returns the gate of one volume: closed while its trees are read or exchanged.
    pub fn gate_lock(&self, volume: &VolumeName) -> PathBuf {
        self.gate_locks().join(volume.as_str())
    }

    /// Returns the lock of an `ensure` on one volume, held while its SEED runs.
    pub fn ensure_lock(&self, volume: &VolumeName) -> PathBuf {
        self.locks().join("ensure").join(volume.as_str())
    }

    /// Returns the file that names the process that seeds a volume.
    pub fn seed_process(&self, volume: &VolumeName) -> PathBuf {
        self.locks().join("seed").join(volume.as_str())
    }

    /// Returns the directory of trees on their way in.
    pub fn staging(&self) -> PathBuf {
        self.private().join("staging")
    }

    /// Returns the directory of trees on their way out.
    pub fn trash(&self) -> PathBuf {
        self.root.join(TRASH)
    }

    /// Returns the place in staging where a symlink is made before it replaces another.
    pub fn link_new(&self, operation: &OperationId) -> PathBuf {
        self.staging().join(format!("{operation}.link"))
    }

    /// Returns the place in staging where an operation's trash lies while it is being deleted.
    pub fn trash_leaving(&self, operation: &OperationId) -> PathBuf {
        self.staging().join(format!("{operation}.deleted"))
    }

    /// Returns the file that says when to look for expired trash again.
    pub fn trash_next(&self) -> PathBuf {
        self.private().join("trash.next")
    }

    /// Returns the image whose file system is mounted at the pool, if there is one.
    pub fn image(&self) -> PathBuf {
        self.beside(".img")
    }

    /// Returns the lock of the process that makes or mounts the image, or moves the pool.
    pub fn image_lock(&self) -> PathBuf {
        self.beside(".img.lock")
    }

    /// Returns the place where a new image is made before it gets its name.
    pub fn image_new(&self) -> PathBuf {
        self.beside(".img.new")
    }

    /// Returns the image that a move out of it kept.
    pub fn image_old(&self) -> PathBuf {
        self.beside(".img.old")
    }

    /// Returns the place where a move makes a pool before it gets its name.
    pub fn pool_new(&self) -> PathBuf {
        self.beside(".new")
    }

    /// Returns the directory that a move into an image kept.
    pub fn pool_old(&self) -> PathBuf {
        self.beside(".old")
    }

    /// Returns the path beside the pool's real directory: the pool may be a symlink.
    fn beside(&self, suffix: &str) -> PathBuf {
        disk::beside(&self.real_root(), suffix)
    }

    /// Returns the pool's directory without symlinks, as far as it is there.
    pub fn real_root(&self) -> PathBuf {
        let target = || std::fs::read_link(&self.root).ok().map(|to| self.root.with_file_name(to));
        std::fs::canonicalize(&self.root).ok().or_else(target).unwrap_or_else(|| self.root.clone())
    }

    /// Returns the mark of a copy that an unfinished move out of an image made.
    pub fn moved_out(&self) -> PathBuf {
        self.private().join("moved-out")
    }

    /// Lists the directories that every pool has, each after the one that it lies in.
    pub fn own_directories(&self) -> [PathBuf; 6] {
        let (locks, volumes, gates) = (self.locks(), self.volume_locks(), self.gate_locks());
        [self.private(), self.staging(), self.trash(), locks, volumes, gates]
    }
}

/// A kind of entry in an operation's staging directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staged {
    /// A tree that will move to its place.
    New,
    /// A symlink that will move to its place.
    Link,
    /// A working tree while its entries are exchanged.
    Away,
    /// What the operation will delete.
    Old,
}

/// Returns an operation's place in staging, relative to the pool.
pub fn staging_of(operation: &OperationId) -> PathBuf {
    Path::new(PRIVATE).join("staging").join(operation.as_str())
}

/// Returns the place of an operation's staged entry, relative to the pool.
pub fn staged(operation: &OperationId, kind: Staged, number: u32) -> PathBuf {
    let kind = match kind {
        Staged::New => "new-",
        Staged::Link => "link-",
        Staged::Away => AWAY,
        Staged::Old => "old-",
    };
    staging_of(operation).join(format!("{kind}{number}"))
}

/// Returns the file whose time says when an operation's trees began to come into place, relative to
/// the pool.
pub fn installed_since(operation: &OperationId) -> PathBuf {
    staging_of(operation).join("since")
}

/// Returns whether a place, relative to the pool, is that of a commit's tree.
pub fn is_of_commit(place: &Path) -> bool {
    place.components().nth(1).is_some_and(|part| part.as_os_str() == COMMITS)
}

/// Returns whether an entry in an operation's staging directory is a [`Staged::Away`] tree.
pub fn is_away(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_prefix(AWAY));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the place beside a tree where the first pass puts the files that it copies for it.
pub fn first_pass_of(tree: &Path) -> PathBuf {
    disk::beside(tree, ".early")
}

/// Returns an operation's place in trash, relative to the pool.
pub fn trash_of(operation: &OperationId) -> PathBuf {
    Path::new(TRASH).join(operation.as_str())
}

/// Returns the place of an entry that an operation moves to trash, relative to the pool.
pub fn trashed(operation: &OperationId, number: u32) -> PathBuf {
    trash_of(operation).join(format!("old-{number}"))
}

/// Returns the place beside a tree in trash of the list of the entries that were exchanged.
pub fn steps_of(tree: &Path) -> PathBuf {
    disk::beside(tree, ".steps")
}

/// Returns the directory beside a tree in trash for large files of it that serve the next exchange.
pub fn spares_of(tree: &Path) -> PathBuf {
    disk::beside(tree, ".spares")
}

/// Returns an operation's place in lost+found, relative to the pool.
pub fn lost_and_found_of(operation: &OperationId) -> PathBuf {
    Path::new(PRIVATE).join("lost+found").join(operation.as_str())
}

/// Returns a volume's directory, relative to the pool.
pub fn volume(volume: &VolumeName) -> PathBuf {
    PathBuf::from(volume.as_str())
}

/// Returns a branch's working tree, relative to the pool.
pub fn working_tree(name: &VolumeName, branch: &BranchName) -> PathBuf {
    volume(name).join(BRANCHES).join(branch.to_directory())
}

/// Returns a commit's tree, relative to the pool.
pub fn commit_tree(name: &VolumeName, id: &CommitId) -> PathBuf {
    volume(name).join(COMMITS).join(id.as_str())
}

/// Returns a volume's running point, relative to the pool.
pub fn running_point(name: &VolumeName) -> PathBuf {
    volume(name).join(RUNNING_POINT)
}

/// Returns the target of the running point of a volume for its own `branch`: relative, so that it
/// holds in any mount of the pool.
pub fn running_point_target(branch: &BranchName) -> PathBuf {
    Path::new(BRANCHES).join(branch.to_directory())
}

/// Returns the target of the running point of a volume or a worktree for its current branch.
pub fn running_point_target_of(record: &VolumeRecord) -> PathBuf {
    let inside = running_point_target(&record.branch);
    match &record.worktree_of {
        Some(owner) => Path::new("..").join(owner.as_str()).join(inside),
        None => inside,
    }
}
