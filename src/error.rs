//! Says why an operation was refused or failed. The pool is as it was before, except where the
//! message says what was done.
//!
//! One enum serves the whole library, in blocks by concern. Rules for a message:
//!
//! * `cannot <verb> <thing>: <cause>`, in lower case; a refusal that names its cause alone (`volume
//!   db already exists`) is as good. No advice: the command line adds hints (`cli/errors.rs`).
//! * A name of something that exists stands bare. Text from outside that names nothing, or that
//!   need not be a name at all, stands in 'single quotes'.
//! * Sizes have binary units.
//! * Words that users of an older tool know stay to the letter: `Volume 'x' does not exist`,
//!   `Volume 'x' does not exist, cannot remove it`, `You must provide a commit message`.

use std::path::PathBuf;

use crate::containers::ContainerError;
use crate::model::{
    BranchName, CommitId, IdError, ImageKind, Instant, NameError, ProjectName, Protectable, RefName,
    RemoteName, RemoteUrl, RemoteWordError, RevisionError, TagName, Verb, VolumeName, count, format_size,
    named,
};
use crate::remotes::RemoteError;
use crate::store::StoreError;
use crate::sys::error::DiskError;
use crate::sys::image::ImageError;
use crate::sys::locks::LockError;
use crate::sys::tree::ExtractError;

/// A refused or failed operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // ---- Volumes, branches and tags ----
    /// The volume does not exist.
    #[error("Volume '{0}' does not exist")]
    NoVolume(VolumeName),
    /// The volume to remove does not exist.
    #[error("Volume '{0}' does not exist, cannot remove it")]
    NoVolumeToRemove(VolumeName),
    /// The command names no volume and none is current.
    #[error("no volume is chosen")]
    NoCurrentVolume,
    /// A volume of this name exists.
    #[error("volume {0} already exists")]
    VolumeExists(VolumeName),
    /// The engine has a volume of this name from another driver.
    #[error(
        "cannot use the name {volume}: the engine has a volume of that name from driver {driver}, \
         which containers would get"
    )]
    NameElsewhere {
        /// The name.
        volume: VolumeName,
        /// The other driver.
        driver: String,
    },
    /// The branch does not exist.
    #[error("branch '{branch}' does not exist in volume {volume}")]
    NoBranch {
        /// The volume.
        volume: VolumeName,
        /// The name as it was typed.
        branch: String,
    },
    /// A branch of this name exists.
    #[error("branch {branch} already exists in volume {volume}")]
    BranchExists {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// The tag does not exist.
    #[error("tag '{tag}' does not exist in volume {volume}")]
    NoTag {
        /// The volume.
        volume: VolumeName,
        /// The name as it was typed.
        tag: String,
    },
    /// A tag of this name exists.
    #[error("tag {tag} already exists in volume {volume}")]
    TagExists {
        /// The volume.
        volume: VolumeName,
        /// The tag.
        tag: TagName,
    },
    /// A branch and a tag of one name would make a revision ambiguous.
    #[error("cannot use the name {name}: volume {volume} has a {kind} of that name")]
    NameTaken {
        /// The volume.
        volume: VolumeName,
        /// The name.
        name: String,
        /// "branch" or "tag".
        kind: &'static str,
    },
    /// The current branch cannot be deleted.
    #[error("cannot delete branch {branch} of volume {volume}: it is the current branch")]
    CurrentBranch {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// Another place has the branch checked out.
    #[error("branch {branch} of volume {volume} is checked out in {}", place_of(volume, place))]
    CheckedOut {
        /// The volume that owns the branch.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
        /// The volume itself, or the worktree.
        place: VolumeName,
    },
    /// An operation on another worktree of the volume is in the way.
    #[error("an operation on another worktree of volume {0} is in the way")]
    Overlaps(VolumeName),
    /// The volume has worktrees.
    #[error("cannot delete volume {volume}: it has {}", worktrees_of(worktrees))]
    HasWorktrees {
        /// The volume.
        volume: VolumeName,
        /// The worktrees.
        worktrees: Vec<VolumeName>,
    },
    /// The name is that of a volume.
    #[error("{0} is a volume, not a worktree of one")]
    NotAWorktree(VolumeName),
    /// There is no worktree of this name.
    #[error("worktree '{0}' does not exist")]
    NoWorktree(VolumeName),
    /// Only this branch reaches some commits.
    #[error(
        "cannot delete branch {branch} of volume {volume}: {} would become unreachable",
        count(*commits, "commit")
    )]
    Unmerged {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
        /// How many commits would be dropped.
        commits: usize,
    },
    /// What the action would change or delete is protected.
    #[error("cannot {action}: {what} is protected")]
    Protected {
        /// The volume.
        volume: VolumeName,
        /// The action, as a verb phrase.
        action: String,
        /// What is protected.
        what: Protectable,
    },
    /// Only a branch, a tag or a volume can be protected.
    #[error("'{name}' names neither a branch nor a tag of volume {volume}")]
    NothingToProtect {
        /// The volume.
        volume: VolumeName,
        /// The name as it was typed.
        name: String,
    },
    /// No volume belongs to the compose project.
    #[error("no dvol volume belongs to the compose project '{0}'")]
    NoProject(ProjectName),
    /// Several volumes of a compose project have this short name.
    #[error("'{name}' is ambiguous in the compose project {project}: it may be {}", names(candidates))]
    AmbiguousVolume {
        /// The name as it was typed.
        name: VolumeName,
        /// The project.
        project: ProjectName,
        /// The volumes that the project knows by that name.
        candidates: Vec<VolumeName>,
    },
    /// A name breaks the rules for names.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An id is not one.
    #[error(transparent)]
    Id(#[from] IdError),

    // ---- Revisions ----
    /// A revision cannot be parsed.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The branch has no commit where one is needed.
    #[error("branch {branch} of volume {volume} has no commit yet")]
    NoCommits {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// No commit has this name.
    #[error("'{revision}' names no commit in volume {volume}")]
    UnknownRevision {
        /// The revision as it was typed.
        revision: String,
        /// The volume.
        volume: VolumeName,
    },
    /// The word names neither a commit nor a volume.
    #[error("'{word}' names neither a commit of volume {volume} nor a volume")]
    UnknownOperand {
        /// The word.
        word: String,
        /// The current volume.
        volume: VolumeName,
    },
    /// Several ids begin with this prefix.
    #[error("'{prefix}' is ambiguous: several commits in volume {volume} begin with it")]
    AmbiguousRevision {
        /// The prefix as it was typed.
        prefix: String,
        /// The volume.
        volume: VolumeName,
        /// Some of the commits.
        candidates: Vec<CommitId>,
    },
    /// An operation dropped the commit, and trash no longer holds it.
    #[error(
        "'{revision}' is gone: operation {operation} of volume {volume} ({summary}, {}) dropped commit {}, and \
         trash no longer holds it",
        date.to_minute(), id.short()
    )]
    Dropped {
        /// The revision as it was typed.
        revision: String,
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
        /// The number of the operation.
        operation: u64,
        /// What the operation did.
        summary: String,
        /// When it did that.
        date: Instant,
    },
    /// Only the record of the commit is left.
    #[error(
        "the data of {} is gone: operation {operation} of volume {volume} ({summary}, {}) moved it to trash, \
         and trash no longer holds it",
        id.short(), date.to_minute()
    )]
    Forgotten {
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
        /// The number of the operation.
        operation: u64,
        /// What the operation did.
        summary: String,
        /// When it did that.
        date: Instant,
    },
    /// The commit must keep its data.
    #[error("cannot forget commit {} of volume {volume}: {reason}", id.short())]
    CannotForget {
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
        /// What needs it.
        reason: String,
    },
    /// An id names several commits in a compose project, or one in some of its volumes only.
    #[error("'{revision}' does not name the same commit in all volumes of the project: {}", candidates.join(", "))]
    NotJoint {
        /// The revision as it was typed.
        revision: String,
        /// What the revision names in which volume.
        candidates: Vec<String>,
    },
    /// The revision asks for more ancestors than there are.
    #[error("'{revision}' goes past the root of volume {volume}: {}", before(start, *ancestors))]
    PastRoot {
        /// The revision as it was typed.
        revision: String,
        /// The volume.
        volume: VolumeName,
        /// The commit that the steps begin at.
        start: CommitId,
        /// How many commits come before it.
        ancestors: u64,
    },
    /// The revision asks for a second parent, as `^2` does.
    #[error("'{0}' asks for a second parent: a commit of dvol has at most one parent")]
    NoSuchParent(String),
    /// The operation log does not reach back so far.
    #[error("cannot resolve '{revision}': volume {volume} has no such operation in its log")]
    NoSuchPast {
        /// The revision as it was typed.
        revision: String,
        /// The volume.
        volume: VolumeName,
    },
    /// The operation log has no checkout so far back.
    #[error("volume {volume} has no {}", previous(*.checkouts))]
    NoBranchBefore {
        /// The volume.
        volume: VolumeName,
        /// How many checkouts back.
        checkouts: u32,
    },
    /// The revision names another volume than the command works on.
    #[error("'{revision}' names a commit of another volume, not of {volume}")]
    OtherVolume {
        /// The revision as it was typed.
        revision: String,
        /// The volume that the command works on.
        volume: VolumeName,
    },

    // ---- Remotes ----
    /// The remote does not exist.
    #[error("remote '{0}' does not exist")]
    NoRemote(RemoteName),
    /// A remote of this name exists.
    #[error("remote {0} already exists")]
    RemoteExists(RemoteName),
    /// A remote's name or address breaks the rules.
    #[error(transparent)]
    RemoteWord(#[from] RemoteWordError),
    /// The data of a commit is in remotes only.
    #[error("the data of {} is only at {}", id.short(), one_of_remotes(remotes))]
    Elsewhere {
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
        /// The remotes that had it when dvol last looked.
        remotes: Vec<RemoteName>,
    },
    /// The branch follows no branch of a remote.
    #[error("branch {branch} of volume {volume} follows no branch of a remote")]
    NoUpstream {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// The remote has no such branch or tag of the volume.
    #[error("{url} has no {reference} of volume {volume}")]
    NoRemoteRef {
        /// The address.
        url: Box<RemoteUrl>,
        /// The volume's name there.
        volume: VolumeName,
        /// The branch, the tag or the commit as it was typed.
        reference: String,
    },
    /// The remote has no such volume.
    #[error("{url} has no volume {volume}")]
    NoRemoteVolume {
        /// The address.
        url: Box<RemoteUrl>,
        /// The volume.
        volume: VolumeName,
    },
    /// Both the branch and the one that it follows have commits of their own.
    #[error(
        "cannot fast-forward branch {branch} of volume {volume}: it and {upstream} have diverged, with {} and \
         {} of their own",
        count(*ahead, "commit"), count(*behind, "commit")
    )]
    Diverged {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
        /// The branch of the remote.
        upstream: String,
        /// Commits that only the branch has.
        ahead: usize,
        /// Commits that only the remote has.
        behind: usize,
    },
    /// A branch or a tag of a remote leads to several commits, as pushes crossed.
    #[error("{reference} of volume {volume} leads to {} at {remote}: pushes crossed", count(*heads, "commit"))]
    CrossedRef {
        /// The volume.
        volume: VolumeName,
        /// The remote.
        remote: RemoteName,
        /// The branch or the tag.
        reference: RefName,
        /// How many commits.
        heads: usize,
    },
    /// What was received is not what was pushed.
    #[error("cannot receive commit {}: its checksum is not the one that it was pushed with", .0.short())]
    OtherSums(CommitId),
    /// A remote failed, or refused.
    #[error(transparent)]
    Remote(#[from] RemoteError),

    // ---- Working trees and commits ----
    /// The commit's tree has no such entry.
    #[error("path '{path}' does not exist in commit {} of volume {volume}", id.short())]
    NoPath {
        /// The path as it was typed.
        path: String,
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
    },
    /// Neither the commit nor the working tree has such an entry.
    #[error(
        "cannot restore '{path}': it is neither in commit {} nor in the working tree of volume {volume}",
        id.short()
    )]
    NoPathAnywhere {
        /// The path as it was typed.
        path: String,
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
    },
    /// The volume has no stash of this number.
    #[error("volume {volume} has no stash@{{{number}}}")]
    NoStash {
        /// The volume.
        volume: VolumeName,
        /// The number; 0 is the newest.
        number: usize,
    },
    /// Paths of a stash also changed in the working tree.
    #[error(
        "cannot bring the stash back: {} of it changed in volume {volume} as well: {}{}",
        count(*conflicts, "path"),
        paths.join(", "),
        if paths.len() < *conflicts { ", …" } else { "" }
    )]
    StashConflict {
        /// The volume.
        volume: VolumeName,
        /// Some of the paths.
        paths: Vec<String>,
        /// How many there are.
        conflicts: usize,
        /// The commit from which the stash was made.
        base: Option<CommitId>,
    },
    /// The entry is a FIFO, a socket or a device.
    #[error("cannot show '{path}' of commit {} of volume {volume}: it has no content", id.short())]
    NoContent {
        /// The path.
        path: String,
        /// The volume.
        volume: VolumeName,
        /// The commit.
        id: CommitId,
    },
    /// The commit has no message.
    #[error("You must provide a commit message")]
    NoMessage,
    /// A checkout would leave uncommitted changes behind.
    #[error("branch {branch} of volume {volume} has uncommitted changes")]
    Dirty {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// A pull would discard uncommitted changes.
    #[error("cannot pull: branch {branch} of volume {volume} has uncommitted changes")]
    DirtyPull {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// `checkout -B` would discard uncommitted changes.
    #[error("branch {branch} of volume {volume} has uncommitted changes, which -B would discard")]
    DirtyTarget {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
    },
    /// `reset` was called without `--hard`.
    #[error("cannot reset volume {} without --hard: a reset replaces the working tree", names(_0))]
    HardRequired(Vec<VolumeName>),
    /// Another operation changed the working tree while it was read.
    #[error("volume {0} changed while it was being read; the output may mix two states")]
    Disturbed(VolumeName),

    // ---- Undo ----
    /// The operation log has no operation to undo.
    #[error("nothing to undo in {0}")]
    NothingToUndo(String),
    /// No operation is undone, or another one came after the undo.
    #[error("nothing to redo in {what}{}", after(cut.as_ref()))]
    NothingToRedo {
        /// The volume or project.
        what: String,
        /// The operation that came after the last undo.
        cut: Option<(u64, String)>,
    },
    /// The operation is undone.
    #[error("operation {number} of volume {volume} ({summary}) is undone already")]
    AlreadyUndone {
        /// The volume.
        volume: VolumeName,
        /// The number of the operation.
        number: u64,
        /// What the operation did.
        summary: String,
    },
    /// Containers use a volume that the undo would delete or rename.
    #[error(
        "cannot undo operation {number} of volume {volume} ({summary}): the volume is used by {}",
        named("container", containers)
    )]
    UndoInUse {
        /// The volume.
        volume: VolumeName,
        /// The number of the operation.
        number: u64,
        /// What the operation did.
        summary: String,
        /// The names of the containers.
        containers: Vec<String>,
    },
    /// No volume of this name is in trash.
    #[error("trash has no deleted volume {0}")]
    NotDeleted(VolumeName),
    /// The operation can no longer be undone.
    #[error("cannot undo operation {number} of volume {volume} ({summary}): {reason}")]
    CannotUndo {
        /// The volume.
        volume: VolumeName,
        /// The number of the operation.
        number: u64,
        /// What the operation did.
        summary: String,
        /// Why it cannot be undone.
        reason: String,
    },
    /// The snapshot of a `run --rollback` or an `ensure` is needed until the volume is put back.
    #[error(
        "cannot undo operation {number} of volume {volume} ({summary}): tag {tag} still keeps its snapshot"
    )]
    StillTagged {
        /// The volume.
        volume: VolumeName,
        /// The number of the operation.
        number: u64,
        /// What the operation did.
        summary: String,
        /// The snapshot's tag.
        tag: TagName,
    },

    // ---- Space ----
    /// The copy would not fit.
    #[error("not enough space in the pool: the copy takes {}, {} is free", format_size(*needed), format_size(*free))]
    NoSpace {
        /// How much the copy takes, in bytes.
        needed: u64,
        /// How much is free, in bytes.
        free: u64,
    },
    /// The tree takes more than the setting `volume.max-size` allows.
    #[error("the tree takes {}, volume {volume} may take {}", format_size(*.size), format_size(*limit))]
    TooLarge {
        /// The volume of the tree, or the one that would be made of it.
        volume: VolumeName,
        /// How much is allocated to the tree, in bytes.
        size: u64,
        /// How much it may take, in bytes.
        limit: u64,
    },

    // ---- Archives and volumes of other drivers ----
    /// The archive is not one that dvol can import.
    #[error("cannot read the archive: {0}")]
    BadArchive(String),
    /// The archive cannot be unpacked.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The engine has no volume of this name to import.
    #[error("the container engine has no volume '{0}'")]
    NoForeignVolume(String),
    /// The volume to import is a dvol volume already.
    #[error("cannot import volume {0}: it is a dvol volume already")]
    OwnVolume(VolumeName),

    // ---- Settings and options ----
    /// No setting has this key.
    #[error("'{0}' is not a setting")]
    UnknownSetting(String),
    /// A setting of the whole pool cannot be set for one volume.
    #[error("cannot set {0} for one volume: it is a setting of the whole pool")]
    GlobalSetting(&'static str),
    /// The setting does not allow this value.
    #[error("invalid value '{value}' for {key}: use {rule}")]
    BadSetting {
        /// The setting.
        key: &'static str,
        /// The value as it was typed.
        value: String,
        /// Which values are allowed.
        rule: String,
    },
    /// A commit was made on a machine of another architecture.
    #[error("commit {} is of a machine with {theirs}, and this one has {own}", id.short())]
    OtherArchitecture {
        /// The commit.
        id: CommitId,
        /// That machine's architecture.
        theirs: String,
        /// This machine's.
        own: String,
    },
    /// The driver does not support this option.
    #[error("unsupported option {key}={value}: {reason}")]
    BadOption {
        /// The option's key.
        key: String,
        /// The option's value.
        value: String,
        /// Why, and what is supported.
        reason: String,
    },
    /// The driver is asked to create a volume that exists and was created with other options.
    #[error("volume {volume} already exists, created with {with}")]
    OtherOptions {
        /// The volume.
        volume: VolumeName,
        /// The options that it was created with.
        with: String,
    },

    // ---- Containers ----
    /// Containers use the volume.
    #[error("volume {volume} is used by {}", named("container", containers))]
    InUse {
        /// The volume.
        volume: VolumeName,
        /// The names of the containers.
        containers: Vec<String>,
    },
    /// The engine would delete these containers when they stop.
    #[error(
        "cannot stop {}: {} started with --rm and would be deleted",
        named("container", containers),
        if containers.len() == 1 { "it was" } else { "they were" }
    )]
    Unstoppable {
        /// The names of the containers.
        containers: Vec<String>,
        /// Whether pausing them instead would do.
        freezable: bool,
    },
    /// These containers run one command for compose, which a start would run again.
    #[error(
        "cannot stop {}: compose runs one command in {}, which would run again",
        named("container", containers),
        if containers.len() == 1 { "it" } else { "each" }
    )]
    RunsOnce {
        /// The names of the containers.
        containers: Vec<String>,
        /// Whether pausing them instead would do.
        freezable: bool,
    },
    /// The engine could not start containers again that would be stopped.
    #[error("cannot stop {}: the engine could not start {} again: {cause}", named("container", containers), if containers.len() == 1 { "it" } else { "them" })]
    DriverSilent {
        /// The names of the containers.
        containers: Vec<String>,
        /// Why not.
        #[source]
        cause: ContainerError,
    },
    /// Containers that are not held would keep the tree that is replaced.
    #[error("cannot replace the working tree: {} would keep the old one", named("running container", _0))]
    NotQuiesced(Vec<String>),
    /// Containers use the volume without the driver, or belong to another engine.
    #[error(
        "cannot stop or pause {}: {} the volume by its path or from another engine",
        named("container", _0),
        if _0.len() == 1 { "it uses" } else { "they use" }
    )]
    OutOfReach(Vec<String>),
    /// A verb that makes no pool found none.
    #[error("there is no pool at {}", .0.display())]
    NoPool(PathBuf),
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
    /// The driver knows volumes of the pool, and finds no pool.
    #[error("the pool {} is missing; its file system may not be mounted", pool.display())]
    PoolMissing {
        /// The pool.
        pool: PathBuf,
        /// The file in which the driver remembers its volumes.
        list: PathBuf,
    },
    /// A table of mounts names a file system for the pool that is not mounted.
    #[error("the pool {} is missing: nothing is mounted at {}, as {} says", pool.display(), at.display(), table.display())]
    PoolNotMounted {
        /// The pool.
        pool: PathBuf,
        /// The mount point.
        at: PathBuf,
        /// The table.
        table: PathBuf,
    },
    /// The pool is in an image that is not mounted.
    #[error("the pool {} is missing: its image {} is not mounted", pool.display(), image.display())]
    ImageNotMounted {
        /// The pool.
        pool: PathBuf,
        /// The image.
        image: PathBuf,
    },
    /// The pool lies in a plain directory.
    #[error("the pool {} has no image", .0.display())]
    NoImage(PathBuf),
    /// The pool has an image already.
    #[error("the pool has an image already: {}", .0.display())]
    ImageExists(PathBuf),
    /// A file system that is no pool image is mounted at the pool.
    #[error("cannot mount an image at {}: another file system is mounted there", .0.display())]
    OtherMount(PathBuf),
    /// A directory that an image would hide is not empty.
    #[error("cannot mount an image at {}: the directory is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The place where a move would keep the old pool is taken.
    #[error("cannot move the pool: {} is still there", .0.display())]
    OldPool(PathBuf),
    /// No move kept anything.
    #[error("no earlier move of the pool {} kept anything", .0.display())]
    NoOldPool(PathBuf),
    /// The image would be too small for its file system.
    #[error("cannot make an image of {}: {kind} needs at least {}", format_size(*bytes), format_size(*least))]
    ImageTooSmall {
        /// The file system.
        kind: ImageKind,
        /// The size that was asked for.
        bytes: u64,
        /// The smallest size that there is.
        least: u64,
    },
    /// The image cannot become smaller.
    #[error(
        "cannot shrink the image {} of {}: {}", image.display(), format_size(*bytes),
        match kind {
            ImageKind::Xfs => "XFS cannot be made smaller",
            ImageKind::Btrfs => "data may lie at its end, and an image cut too short is lost",
        }
    )]
    CannotShrink {
        /// The image.
        image: PathBuf,
        /// Its file system.
        kind: ImageKind,
        /// Its size.
        bytes: u64,
    },
    /// The file system cannot be checked while it is mounted.
    #[error("cannot check {} while it is mounted: {program} says: {words}", image.display())]
    NotOnline {
        /// The image.
        image: PathBuf,
        /// The program that refused.
        program: &'static str,
        /// What the program said.
        words: String,
    },
    /// The host of the image has too little space.
    #[error(
        "not enough space on the host of the pool's image: {} of {} needed in {}",
        format_size(*free), format_size(*needed), host.display()
    )]
    HostFull {
        /// The directory of the image.
        host: PathBuf,
        /// How much is needed, in bytes.
        needed: u64,
        /// How much is free, in bytes.
        free: u64,
    },
    /// Containers run that use volumes of the pool.
    #[error("cannot move the pool while {}: they would keep the old one", used_by(.0))]
    PoolInUse(Vec<String>),
    /// The copy of the pool differs from the pool.
    #[error("cannot move the pool: its copy differs at {}", paths.join(", "))]
    CopyDiffers {
        /// Some of the paths.
        paths: Vec<String>,
    },
    /// An image cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The engine has volumes of the pool, and there is no pool.
    #[error("the pool {} is missing, but the engine knows its volume {volume}", pool.display())]
    PoolOfEngine {
        /// The pool.
        pool: PathBuf,
        /// One of its volumes.
        volume: String,
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
    /// A command of `containers.pre-commit` failed.
    #[error("cannot commit: '{command}' failed in container {container} with exit code {code}: {output}")]
    PreCommit {
        /// The container's name.
        container: String,
        /// The command.
        command: String,
        /// The command's exit code.
        code: i64,
        /// The command's output.
        output: String,
    },
    /// The operation is done, but a container does not start.
    #[error("the {verb} of volume {} is done, but {}", names(volumes), problems.join("; "))]
    NotReleased {
        /// What was done.
        verb: Verb,
        /// The volumes.
        volumes: Vec<VolumeName>,
        /// What is wrong with which container.
        problems: Vec<String>,
    },
    /// A request to the container engine failed.
    #[error(transparent)]
    Container(#[from] ContainerError),

    // ---- The pool ----
    /// The records and the disk, or the records among themselves, contradict each other.
    #[error("the pool is damaged: {0}")]
    Damaged(String),
    /// Another process changed what the operation was about to change.
    #[error("another process changed {0} meanwhile")]
    Changed(String),
    /// Ctrl-C ended the operation.
    #[error("interrupted")]
    Interrupted,
    /// A transaction on the metadata failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or directory cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
}

fn used_by(containers: &[String]) -> String {
    let run = if containers.len() == 1 { "runs" } else { "run" };
    format!("{} {run} on its volumes", named("container", containers))
}

fn previous(checkouts: u32) -> String {
    if checkouts == 1 {
        "previous branch".to_owned()
    } else {
        format!("branch from {checkouts} checkouts ago")
    }
}

fn before(start: &CommitId, ancestors: u64) -> String {
    match ancestors {
        0 => format!("{} is the first commit", start.short()),
        1 => format!("{} has one commit before it", start.short()),
        n => format!("{} has {n} commits before it", start.short()),
    }
}

fn after(cut: Option<&(u64, String)>) -> String {
    cut.map_or_else(String::new, |(number, summary)| {
        format!(": operation {number} ({summary}) came after the last undo")
    })
}

fn place_of(volume: &VolumeName, place: &VolumeName) -> String {
    if place == volume { "the volume itself".to_owned() } else { format!("worktree {place}") }
}

fn worktrees_of(worktrees: &[VolumeName]) -> String {
    let word = if worktrees.len() == 1 { "the worktree" } else { "the worktrees" };
    format!("{word} {}", names(worktrees))
}

fn names(volumes: &[VolumeName]) -> String {
    volumes.iter().map(VolumeName::as_str).collect::<Vec<_>>().join(", ")
}

fn one_of_remotes(remotes: &[RemoteName]) -> String {
    match remotes {
        [] => "a remote that this pool does not know any more".to_owned(),
        remotes => remotes.iter().map(RemoteName::as_str).collect::<Vec<_>>().join(" and "),
    }
}
