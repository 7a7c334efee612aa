//! Where everything lies under the pool. The only file that spells these names.
//!
//! ```text
//! <pool>/<volume>/branches/<branch>/     working tree, a plain directory
//! <pool>/<volume>/commits/<id>/          a commit's tree, a plain copy
//! <pool>/<volume>/running_point          symlink, relative: branches/<branch>
//! <pool>/.dvol/metadata.redb             all metadata
//! <pool>/.dvol/metadata.sums             a checksum of each of its blocks
//! <pool>/.dvol/records.log               a second copy of its records, to rebuild it from
//! <pool>/.dvol/adopted                   an older tool's volumes were taken over
//! <pool>/.dvol/locks/…                   lock files; made once, never deleted
//! <pool>/.dvol/staging/<operation>/      trees on their way in
//! <pool>/.dvol/trash/<operation>/        trees on their way out
//! <pool>/.dvol/trash.next                when trash is to be looked through again
//! <pool>/.dvol/checksums/<volume>.<id>   checksums of all that is in a commit
//! <pool>/.dvol/lost+found/               what fsck found and no record explains
//! ```

use std::path::{Path, PathBuf};

use crate::model::{BranchName, CommitId, OperationId, VolumeName};

/// Mode of the pool: passable for containers' users, not readable, so that a setuid file in a
/// volume is no gift to the host's users.
pub const POOL_MODE: u32 = 0o711;
/// Mode of `.dvol` and what is in it.
pub const PRIVATE_MODE: u32 = 0o700;
/// Mode of a volume's directory and of its `branches` and `commits`.
pub const VOLUME_MODE: u32 = 0o711;
/// Mode of a new volume's first working tree: a container's unprivileged user can write to it.
pub const WORKING_TREE_MODE: u32 = 0o777;
/// The directory of all that is not a volume.
pub const PRIVATE: &str = ".dvol";
/// In the pool, the directory of trees on their way out, one for each operation.
pub const TRASH: &str = ".dvol/trash";
/// The link to the current branch's working tree.
pub const RUNNING_POINT: &str = "running_point";
/// The directory of working trees in a volume.
pub const BRANCHES: &str = "branches";
/// The directory of commits in a volume.
pub const COMMITS: &str = "commits";

/// Where an older tool kept its metadata. These files are read once and stay until somebody removes them: in the pool
/// or beside it, which volume was current.
pub const OLDER_CURRENT_VOLUME: &str = "current_volume.json";
/// In the pool or beside it, the older tool's settings.
pub const OLDER_SETTINGS: &str = "config.yml";
/// In a volume, which branch was current.
pub const OLDER_CURRENT_BRANCH: &str = "current_branch.json";
/// What the name of a branch's list of commits ends in, which lies beside its working tree.
pub const OLDER_COMMITS: &str = ".json";

/// The paths of one pool.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The pool at `root`, which should be absolute.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Layout { root: root.into() }
    }

    /// The pool's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path that is relative to the pool, in full.
    pub fn full(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }

    /// The directory of all that is not a volume.
    pub fn private(&self) -> PathBuf {
        self.root.join(PRIVATE)
    }

    /// The metadata database.
    pub fn metadata(&self) -> PathBuf {
        self.private().join("metadata.redb")
    }

    /// The checksums of the database's blocks.
    pub fn metadata_sums(&self) -> PathBuf {
        self.private().join("metadata.sums")
    }

    /// The second copy of the database's records.
    pub fn records(&self) -> PathBuf {
        self.private().join("records.log")
    }

    /// Says that what an older tool left was taken over: its files are history.
    pub fn adopted(&self) -> PathBuf {
        self.private().join("adopted")
    }

    /// Checksums of commits, a file for each.
    pub fn checksums(&self) -> PathBuf {
        self.private().join("checksums")
    }

    /// What fsck found and no record explains.
    pub fn lost_and_found(&self) -> PathBuf {
        self.private().join("lost+found")
    }

    /// The folder of lock files.
    pub fn locks(&self) -> PathBuf {
        self.private().join("locks")
    }

    /// The lock of one metadata transaction.
    pub fn metadata_lock(&self) -> PathBuf {
        self.locks().join("metadata.lock")
    }

    /// The lock of operations on one volume.
    pub fn volume_lock(&self, volume: &VolumeName) -> PathBuf {
        self.locks().join("volume").join(volume.as_str())
    }

    /// The gate of one volume: shut while its trees are read or swapped.
    pub fn gate_lock(&self, volume: &VolumeName) -> PathBuf {
        self.locks().join("gate").join(volume.as_str())
    }

    /// Trees on their way in.
    pub fn staging(&self) -> PathBuf {
        self.private().join("staging")
    }

    /// Trees on their way out.
    pub fn trash(&self) -> PathBuf {
        self.root.join(TRASH)
    }

    /// When trash is to be looked through again.
    pub fn trash_next(&self) -> PathBuf {
        self.private().join("trash.next")
    }
}

/// One operation's place in staging, relative to the pool.
pub fn staging_of(operation: &OperationId) -> PathBuf {
    Path::new(PRIVATE).join("staging").join(operation.as_str())
}

/// One operation's place in trash, relative to the pool.
pub fn trash_of(operation: &OperationId) -> PathBuf {
    Path::new(TRASH).join(operation.as_str())
}

/// One operation's place in lost+found, relative to the pool.
pub fn lost_and_found_of(operation: &OperationId) -> PathBuf {
    Path::new(PRIVATE).join("lost+found").join(operation.as_str())
}

/// A volume's directory, relative to the pool.
pub fn volume(volume: &VolumeName) -> PathBuf {
    PathBuf::from(volume.as_str())
}

/// A branch's working tree, relative to the pool.
pub fn working_tree(name: &VolumeName, branch: &BranchName) -> PathBuf {
    volume(name).join(BRANCHES).join(branch.to_directory())
}

/// A commit's tree, relative to the pool.
pub fn commit_tree(name: &VolumeName, id: &CommitId) -> PathBuf {
    volume(name).join(COMMITS).join(id.as_str())
}

/// A volume's running point, relative to the pool.
pub fn running_point(name: &VolumeName) -> PathBuf {
    volume(name).join(RUNNING_POINT)
}

/// What a running point says for `branch`: relative, so that it holds in any mount of the pool.
pub fn running_point_target(branch: &BranchName) -> PathBuf {
    Path::new(BRANCHES).join(branch.to_directory())
}
