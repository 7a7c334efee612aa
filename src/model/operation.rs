//! An operation as the journal stores it: everything that is needed to finish or undo it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{CommitId, Instant, OperationId, ProjectName, Row, RowChange, VolumeName, VolumeRecord};

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Makes a volume.
    Init,
    /// Copies a working tree into a commit.
    Commit,
    /// Makes a working tree equal to a commit.
    Reset,
    /// Switches a volume to another branch, which it may make.
    Checkout,
    /// Makes a branch without switching to it.
    CreateBranch,
    /// Renames a branch.
    RenameBranch,
    /// Deletes a branch.
    DeleteBranch,
    /// Makes, moves or deletes a tag.
    Tag,
    /// Replaces the newest commit.
    Amend,
    /// Renames a volume.
    Rename,
    /// Makes a volume from a commit of another volume.
    Clone,
    /// Makes a volume from an archive or another driver's volume.
    Import,
    /// Puts a volume back as it was before a command ran.
    Rollback,
    /// Has a command make the state that a tag names.
    Ensure,
    /// Deletes a volume.
    Remove,
    /// Changes a setting of a volume; never in the journal.
    Config,
    /// Undoes another operation.
    Undo,
    /// Undoes an undo.
    Redo,
    /// Moves the trees of old commits to trash.
    Forget,
    /// Brings single paths back into the working tree.
    Restore,
    /// Puts changes aside, or brings them back.
    Stash,
    /// Protects a branch, a tag or a volume, or ends that.
    Protect,
    /// Brings the data of commits in from a remote.
    Fetch,
    /// Moves a branch forward to what the branch that it follows has.
    Pull,
    /// Makes a worktree, and the branch that it shows if need be.
    AddWorktree,
    /// Removes a worktree. Its branch stays.
    RemoveWorktree,
    /// Repairs what fsck found.
    Repair,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verb::Init => "init",
            Verb::Commit => "commit",
            Verb::Reset => "reset",
            Verb::Checkout => "checkout",
            Verb::CreateBranch => "branch",
            Verb::RenameBranch => "branch -m",
            Verb::DeleteBranch => "branch -d",
            Verb::Tag => "tag",
            Verb::Amend => "commit --amend",
            Verb::Rename => "rename",
            Verb::Clone => "clone",
            Verb::Import => "import",
            Verb::Rollback => "run --rollback",
            Verb::Ensure => "ensure",
            Verb::Remove => "rm",
            Verb::Config => "config",
            Verb::Undo => "undo",
            Verb::Redo => "redo",
            Verb::Forget => "forget",
            Verb::Restore => "restore",
            Verb::Stash => "stash",
            Verb::Protect => "protect",
            Verb::Fetch => "fetch",
            Verb::Pull => "pull",
            Verb::AddWorktree => "worktree add",
            Verb::RemoveWorktree => "worktree remove",
            Verb::Repair => "fsck --repair",
        })
    }
}

/// What an operation may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Every branch of the volume: no other operation on it or on a worktree runs at the same time.
    #[default]
    Volume,
    /// The current branch: operations on other worktrees of the volume run at the same time.
    Branch,
}

/// The progress of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The commit point is not reached: recovery undoes the operation.
    Intended,
    /// The commit point is passed: recovery finishes the operation.
    Published,
    /// Trees and metadata are in their final state; containers may still have to be released.
    Settled,
}

/// The way in which one container is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldMode {
    /// Stopped, and started afterwards.
    Stop,
    /// Killed, and started afterwards: what it has not written yet would be thrown away anyway.
    Kill,
    /// Frozen, and thawed afterwards.
    Pause,
    /// Frozen, then thawed and restarted: for a container that its engine would delete if it
    /// stopped.
    Restart,
    /// Left running; only its post-commit commands are to be run.
    Leave,
}

/// A container that an operation holds, recorded before the container is touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldContainer {
    /// The engine's id.
    pub id: String,
    /// The container's name.
    pub name: String,
    /// How it is held.
    pub hold: HoldMode,
    /// Whether it was paused before the operation.
    #[serde(default)]
    pub was_paused: bool,
    /// Seconds that it may take to stop before it is killed; `None` for its own stop timeout.
    #[serde(default)]
    pub stop_timeout: Option<u32>,
    /// Whether to wait for its health check afterwards.
    #[serde(default)]
    pub has_health: bool,
    /// Commands that succeed inside it once it is ready, if it has no health check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<String>,
    /// Ids of the containers that must be healthy before it is started.
    #[serde(default)]
    pub after_healthy: Vec<String>,
    /// Commands to run in it afterwards, whether or not the operation succeeded.
    #[serde(default)]
    pub post: Vec<String>,
}

impl HeldContainer {
    /// Returns whether dvol waits afterwards until it is ready.
    pub fn is_awaited(&self) -> bool {
        self.has_health || !self.ready.is_empty()
    }

    /// Returns whether its processes start anew afterwards, so that what needs it has to wait.
    pub fn starts_anew(&self) -> bool {
        matches!(self.hold, HoldMode::Stop | HoldMode::Kill | HoldMode::Restart)
    }
}

/// One step on disk. Paths are relative to the pool. The inode number of what moves tells whether
/// the step was done, so that each step can be repeated and reversed after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// Renames `from` to `to`, which does not exist.
    Rename {
        /// The place before.
        from: PathBuf,
        /// The place after.
        to: PathBuf,
        /// The inode that moves.
        inode: u64,
    },
    /// Exchanges `staged` and `place` in one step.
    Exchange {
        /// Place of the new tree before, and of the old one after.
        staged: PathBuf,
        /// Place of the old tree before, and of the new one after.
        place: PathBuf,
        /// The inode of the new tree.
        inode: u64,
    },
    /// Exchanges the entries that differ between the directories at `staged` and `place`, as a list
    /// says. If the list is not whole, no entry was exchanged. Meanwhile the tree is moved away, so
    /// that no reader finds a mixture at `place`. `staged` and the list stay where they are.
    ExchangeEntries {
        /// Directory of the new entries before, and of the old ones after.
        staged: PathBuf,
        /// The working tree.
        place: PathBuf,
        /// Place of the working tree during the exchange.
        away: PathBuf,
        /// The list.
        steps: PathBuf,
        /// The inode of the working tree.
        inode: u64,
    },
}

/// A new name for a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renaming {
    /// The old name.
    pub from: VolumeName,
    /// The new name.
    pub to: VolumeName,
}

impl Renaming {
    /// Returns the way back.
    pub fn reversed(&self) -> Self {
        Renaming { from: self.to.clone(), to: self.from.clone() }
    }
}

/// The plan of an operation, made before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Steps on disk before the metadata changes; reversible.
    pub install: Vec<Move>,
    /// Changes of metadata, made in one transaction: the commit point.
    pub changes: Vec<RowChange>,
    /// Steps on disk after the commit point: what no record names any more moves to trash.
    pub retire: Vec<Move>,
    /// The volume whose rows all move to another name, after the changes. The changes have the
    /// volume's own row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renames: Option<Renaming>,
    /// Number of the operation that this one undoes.
    #[serde(default)]
    pub undoes: Option<u64>,
    /// The commit that the new working trees were made from, if it is not HEAD afterwards.
    #[serde(default)]
    pub made_of: Option<CommitId>,
}

impl Plan {
    /// Iterates over the rows that the changes have, before and after.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.changes.iter().flat_map(|change| [&change.before, &change.after]).flatten()
    }

    /// Iterates over the records of volumes and worktrees among these.
    pub fn volumes(&self) -> impl Iterator<Item = &VolumeRecord> {
        self.rows().filter_map(|row| match row {
            Row::Volume(record) => Some(record),
            _ => None,
        })
    }
}

/// A group of operations that were made together: all of them are published, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joint {
    /// Id of the group.
    pub id: OperationId,
    /// The compose project of the volumes.
    pub project: ProjectName,
    /// All volumes, sorted.
    pub volumes: Vec<VolumeName>,
}

/// An operation in the journal, and later in the operation log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Number in the journal: operations are numbered as they begin.
    pub number: u64,
    /// Id, which names its directories in staging and trash.
    pub id: OperationId,
    /// The kind of the operation.
    pub verb: Verb,
    /// The volume that the operation works on.
    pub volume: VolumeName,
    /// The volume that owns the branches, if `volume` is a worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_of: Option<VolumeName>,
    /// How much of the volume the operation may change.
    #[serde(default, skip_serializing_if = "is_of_volume")]
    pub reach: Reach,
    /// One line for people: "reset: moving to HEAD~1".
    pub summary: String,
    /// Id of the process that runs it.
    pub pid: u32,
    /// Time when it began.
    pub started: Instant,
    /// HEAD before it.
    #[serde(default)]
    pub head_before: Option<CommitId>,
    /// HEAD after it.
    #[serde(default)]
    pub head_after: Option<CommitId>,
    /// Progress.
    pub phase: Phase,
    /// The plan.
    pub plan: Plan,
    /// Containers to release at its end, in the order in which they were held.
    pub held: Vec<HeldContainer>,
    /// How many times recovery has tried to release the containers.
    #[serde(default)]
    pub attempts: u32,
    /// The group that the operation belongs to.
    #[serde(default)]
    pub joint: Option<Joint>,
    /// Number of the operation that made the volume: a name may have had several volumes, and a
    /// volume several names.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub line: u64,
}

fn is_of_volume(reach: &Reach) -> bool {
    *reach == Reach::Volume
}

/// Returns whether an operation has no line: those that were logged before there were lines.
fn is_unknown(line: &u64) -> bool {
    *line == 0
}

impl Operation {
    /// Returns the volume whose branches, commits and tags the operation works on.
    pub fn owner(&self) -> &VolumeName {
        self.worktree_of.as_ref().unwrap_or(&self.volume)
    }

    /// Lists the volumes and worktrees that it makes, changes or deletes, sorted.
    pub fn names(&self) -> BTreeSet<VolumeName> {
        self.plan.volumes().map(|record| record.name.clone()).chain([self.volume.clone()]).collect()
    }

    /// Returns whether it may be about the working tree of this volume or worktree, which has the
    /// same owner.
    pub fn touches(&self, name: &VolumeName) -> bool {
        self.volume == *name || self.reach == Reach::Volume
    }

    /// Returns whether nothing is left to do after the commit point: no tree to move to trash, no
    /// container to release.
    pub fn leaves_nothing(&self) -> bool {
        self.plan.retire.is_empty() && self.held.is_empty()
    }
}
