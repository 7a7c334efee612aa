//! Why an operation was refused or failed. Whatever it says, the pool is as it was before, except
//! where the message says what holds.

use std::path::PathBuf;

use crate::containers::ContainerError;
use crate::model::{
    BranchName, CommitId, IdError, NameError, ProjectName, RevisionError, TagName, Verb, VolumeName, count,
    named,
};
use crate::store::StoreError;
use crate::sys::error::DiskError;
use crate::sys::locks::LockError;
use crate::sys::tree::ExtractError;

/// A refused or failed operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such volume.
    #[error("Volume '{0}' does not exist")]
    NoVolume(VolumeName),
    /// `rm` of no such volume.
    #[error("Volume '{0}' does not exist, cannot remove it")]
    NoVolumeToRemove(VolumeName),
    /// No volume was named and none is current.
    #[error("no volume is chosen")]
    NoCurrentVolume,
    /// The name is taken.
    #[error("volume {0} already exists")]
    VolumeExists(VolumeName),
    /// No such branch.
    #[error("branch '{branch}' does not exist in volume {volume}")]
    NoBranch {
        /// The volume.
        volume: VolumeName,
        /// The name that was asked for.
        branch: String,
    },
    /// The name is taken.
    #[error("branch {branch} already exists in volume {volume}")]
    BranchExists {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// No such tag.
    #[error("tag '{tag}' does not exist in volume {volume}")]
    NoTag {
        /// The volume.
        volume: VolumeName,
        /// The name that was asked for.
        tag: String,
    },
    /// The name is taken.
    #[error("tag {tag} already exists in volume {volume}")]
    TagExists {
        /// The volume.
        volume: VolumeName,
        /// The tag.
        tag: TagName,
    },
    /// A branch and a tag of one name would be two meanings of one revision.
    #[error("{name} is the name of a {kind} of volume {volume} already")]
    NameTaken {
        /// The volume.
        volume: VolumeName,
        /// The name.
        name: String,
        /// "branch" or "tag".
        kind: &'static str,
    },
    /// There is no commit where one is needed.
    #[error("branch {branch} of volume {volume} has no commit yet")]
    NoCommits {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// Nothing has this name.
    #[error("'{revision}' names no commit in volume {volume}")]
    UnknownRevision {
        /// What was asked for.
        revision: String,
        /// Where.
        volume: VolumeName,
    },
    /// Several ids begin so.
    #[error("'{prefix}' is the beginning of more than one commit in volume {volume}")]
    AmbiguousRevision {
        /// What was asked for.
        prefix: String,
        /// Where.
        volume: VolumeName,
        /// Some of the commits that begin so.
        candidates: Vec<CommitId>,
    },
    /// A commit that an operation dropped and trash does not hold any more.
    #[error("'{revision}' is commit {}, which operation {operation} of volume {volume} dropped ({summary}); it is gone from trash", id.short())]
    Dropped {
        /// What was asked for.
        revision: String,
        /// Where.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
        /// The number of the operation.
        operation: u64,
        /// What it did.
        summary: String,
    },
    /// An id that names several commits in a compose project, or one in some of its volumes only.
    #[error("'{revision}' does not name the same commit in all volumes of the project: {}", candidates.join(", "))]
    NotJoint {
        /// What was asked for.
        revision: String,
        /// What it names in which volume.
        candidates: Vec<String>,
    },
    /// No volume belongs to a compose project.
    #[error("no volume of dvol's belongs to the compose project '{0}'")]
    NoProject(ProjectName),
    /// A short name that is one of several volumes'.
    #[error(
        "'{name}' may be one of several volumes of the compose project '{project}': {}",
        names(candidates)
    )]
    AmbiguousVolume {
        /// What was asked for.
        name: VolumeName,
        /// The project.
        project: ProjectName,
        /// The volumes that the project knows by that name.
        candidates: Vec<VolumeName>,
    },
    /// More parents were asked for than there are.
    #[error(
        "'{revision}' goes past the root of volume {volume}: {}", before(start, *ancestors)
    )]
    PastRoot {
        /// What was asked for.
        revision: String,
        /// Where.
        volume: VolumeName,
        /// Where the steps began.
        start: CommitId,
        /// How many commits come before that.
        ancestors: u64,
    },
    /// `^2`.
    #[error("'{0}' asks for a second parent: a commit of dvol has one parent at most")]
    NoSuchParent(String),
    /// A look back in the operation log that reaches nothing.
    #[error("'{revision}' looks further back than the operations on volume {volume} go")]
    NoSuchPast {
        /// What was asked for.
        revision: String,
        /// Where.
        volume: VolumeName,
    },
    /// A look back at the branches that were current reaches none.
    #[error("volume {volume} was on no other branch {}", ago(*.checkouts))]
    NoBranchBefore {
        /// Where.
        volume: VolumeName,
        /// How many checkouts back.
        checkouts: u32,
    },
    /// The revision names another volume where that cannot be.
    #[error("'{revision}' names a commit of another volume than {volume}")]
    OtherVolume {
        /// What was asked for.
        revision: String,
        /// The volume that the command works on.
        volume: VolumeName,
    },
    /// A checkout would leave uncommitted changes behind.
    #[error("branch {branch} of volume {volume} has uncommitted changes")]
    Dirty {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// `checkout -B` would throw uncommitted changes away.
    #[error("branch {branch} of volume {volume} has uncommitted changes, which -B would throw away")]
    DirtyTarget {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// `reset` without `--hard`.
    #[error("a reset replaces the working tree of volume {}, which only --hard may do", names(_0))]
    HardRequired(Vec<VolumeName>),
    /// Containers use the volume.
    #[error("volume {volume} is used by {}", named("container", containers))]
    InUse {
        /// The volume.
        volume: VolumeName,
        /// Their names.
        containers: Vec<String>,
    },
    /// The current branch cannot go.
    #[error("cannot delete branch {branch} of volume {volume}: it is the current branch")]
    CurrentBranch {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// Only this branch holds some commits.
    #[error(
        "cannot delete branch {branch} of volume {volume}: nothing else holds its last {}",
        count(*commits, "commit")
    )]
    Unmerged {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
        /// How many commits would go.
        commits: usize,
    },
    /// There is no operation to undo.
    #[error("nothing was done to {0} that could be undone")]
    NothingToUndo(String),
    /// An operation cannot be taken back any more.
    #[error("cannot undo operation {number} of volume {volume} ({summary}): {reason}")]
    CannotUndo {
        /// The volume.
        volume: VolumeName,
        /// The operation.
        number: u64,
        /// What it did.
        summary: String,
        /// Why not.
        reason: String,
    },
    /// The snapshot of a `run --rollback` is needed until that run has put the volume back.
    #[error(
        "cannot undo operation {number} of volume {volume} ({summary}): tag {tag} still keeps its snapshot"
    )]
    StillTagged {
        /// The volume.
        volume: VolumeName,
        /// The operation.
        number: u64,
        /// What it did.
        summary: String,
        /// The snapshot's tag.
        tag: TagName,
    },
    /// No message for a commit.
    #[error("You must provide a commit message")]
    NoMessage,
    /// `import --from-docker` of no such volume.
    #[error("the container engine has no volume '{0}'")]
    NoForeignVolume(String),
    /// `import --from-docker` of what is ours already.
    #[error("volume {0} is one of dvol's own")]
    OwnVolume(VolumeName),
    /// An archive that cannot be what it should.
    #[error("cannot read the archive: {0}")]
    BadArchive(String),
    /// An archive that cannot be unpacked.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The copy would not fit.
    #[error("not enough space in the pool: the tree takes {needed} bytes, {free} are free")]
    NoSpace {
        /// Bytes that the copy takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// More than the setting `volume.max-size` allows.
    #[error("the tree takes {size} bytes, volume {volume} may take {limit}")]
    TooLarge {
        /// The volume that it is of, or would become.
        volume: VolumeName,
        /// Bytes that are allocated to it.
        size: u64,
        /// Bytes that it may take.
        limit: u64,
    },
    /// No such setting.
    #[error("'{0}' is not a setting")]
    UnknownSetting(String),
    /// A setting of the pool, to be set for one volume.
    #[error("{0} is a setting of the whole pool: it cannot be set for one volume")]
    GlobalSetting(&'static str),
    /// Not a value of this setting.
    #[error("'{value}' is not a value of {key}: {rule}")]
    BadSetting {
        /// The setting.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// An option of the driver that cannot be had.
    #[error("the option {key}={value} cannot be had: {reason}")]
    BadOption {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
        /// Why not, and what there is.
        reason: String,
    },
    /// The driver is asked for a volume that is there and was made otherwise.
    #[error("volume {volume} is there already, made with {with}")]
    OtherOptions {
        /// The volume.
        volume: VolumeName,
        /// The options that it was made with.
        with: String,
    },
    /// Containers that cannot be stopped for a while.
    #[error("{} cannot be stopped: run with --rm, {} would be deleted", named("container", containers), if containers.len() == 1 { "it" } else { "they" })]
    Unstoppable {
        /// Their names.
        containers: Vec<String>,
        /// Whether freezing them instead would do.
        freezable: bool,
    },
    /// Containers would go on with a working tree that is another's by then.
    #[error("{} would go on with the old working tree if not held", named("running container", _0))]
    NotQuiesced(Vec<String>),
    /// Containers that dvol's engine does not know to use the volume.
    #[error(
        "dvol can neither stop nor freeze {}, on the volume by its path or from another engine",
        named("container", _0)
    )]
    OutOfReach(Vec<String>),
    /// This process runs in a container, and no other container can reach the pool.
    #[error(
        "the pool {} lies in container {container} alone, where the engine cannot mount its volumes from",
        pool.display()
    )]
    PoolInContainer {
        /// The pool, as this process sees it.
        pool: PathBuf,
        /// The container's id, shortened.
        container: String,
    },
    /// This process runs in a container, and the engine does not say where it has the pool from.
    #[error("cannot find the pool {} on the host: {cause}", pool.display())]
    PoolOnHost {
        /// The pool, as this process sees it.
        pool: PathBuf,
        /// Why not.
        #[source]
        cause: ContainerError,
    },
    /// A command that comes before a commit failed.
    #[error(
        "'{command}' failed in container {container}, so nothing is committed (exit code {code}): {output}"
    )]
    PreCommit {
        /// The container's name.
        container: String,
        /// The command.
        command: String,
        /// Its exit code.
        code: i64,
        /// What it said.
        output: String,
    },
    /// All is done but a container does not start.
    #[error("the {verb} of volume {} is done, but {}", names(volumes), problems.join("; "))]
    NotReleased {
        /// What was done.
        verb: Verb,
        /// The volumes.
        volumes: Vec<VolumeName>,
        /// What is wrong with which container.
        problems: Vec<String>,
    },
    /// The records and the disk, or the records among themselves, do not fit.
    #[error("the pool is damaged: {0}")]
    Damaged(String),
    /// Another process changed what an operation was about to change.
    #[error("another process changed {0} meanwhile")]
    Changed(String),
    /// A working tree was changed while it was told of.
    #[error(
        "another operation has changed volume {0} meanwhile: what was told of its working tree may be of two states"
    )]
    Disturbed(VolumeName),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A bad name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A bad id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A bad revision.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The metadata.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The container engine.
    #[error(transparent)]
    Container(#[from] ContainerError),
}

fn ago(checkouts: u32) -> String {
    if checkouts == 1 { "before".to_owned() } else { format!("{checkouts} checkouts ago") }
}

fn before(start: &CommitId, ancestors: u64) -> String {
    match ancestors {
        0 => format!("{} is the first commit", start.short()),
        1 => format!("{} has one commit before it", start.short()),
        n => format!("{} has {n} commits before it", start.short()),
    }
}

fn names(volumes: &[VolumeName]) -> String {
    volumes.iter().map(VolumeName::as_str).collect::<Vec<_>>().join(", ")
}
