//! An operation as the journal holds it: everything that finishing or undoing it needs.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{CommitId, Instant, OperationId, ProjectName, RowChange, VolumeName};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Makes a volume.
    Init,
    /// Copies a working tree into a commit.
    Commit,
    /// Makes a working tree equal to a commit.
    Reset,
    /// Switches a volume to another branch, and may make it.
    Checkout,
    /// Makes a branch without a switch to it.
    CreateBranch,
    /// Gives a branch another name.
    RenameBranch,
    /// Deletes a branch.
    DeleteBranch,
    /// Makes, moves or deletes a tag.
    Tag,
    /// Gives the newest commit other words.
    Amend,
    /// Gives a volume another name.
    Rename,
    /// Makes a volume from a commit of another.
    Clone,
    /// Makes a volume from an archive or another driver's volume.
    Import,
    /// Puts a volume back as it was before a command ran.
    Rollback,
    /// Deletes a volume.
    Remove,
    /// Sets a setting of a volume; never in the journal.
    Config,
    /// Takes another operation back.
    Undo,
    /// Puts right what fsck found.
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
            Verb::Remove => "rm",
            Verb::Config => "config",
            Verb::Undo => "undo",
            Verb::Repair => "fsck --repair",
        })
    }
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing of it holds yet: a crash undoes it.
    Intended,
    /// All of it holds: a crash finishes it.
    Published,
    /// Trees and metadata are as they shall be; only containers may still have to be let go.
    Settled,
}

/// How one container is kept from writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldMode {
    /// Stopped, and started afterwards.
    Stop,
    /// Frozen, and thawed afterwards.
    Pause,
    /// Frozen, and afterwards thawed and restarted: a container that its engine would delete when it stops.
    Restart,
    /// Left as it is; only its commands afterwards are owed to it.
    Leave,
}

/// A container that an operation took hold of, written down before it is touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldContainer {
    /// The engine's id.
    pub id: String,
    /// The name that people know it by.
    pub name: String,
    /// What was done to it.
    pub hold: HoldMode,
    /// Whether a person had paused it before.
    #[serde(default)]
    pub was_paused: bool,
    /// Seconds that it has to stop before it is killed, where somebody set them.
    #[serde(default)]
    pub stop_timeout: Option<u32>,
    /// Whether its health check is worth waiting for afterwards.
    #[serde(default)]
    pub has_health: bool,
    /// The ids of the containers that must be healthy before it is started.
    #[serde(default)]
    pub after_healthy: Vec<String>,
    /// What is to be run inside it afterwards, whatever becomes of the operation.
    #[serde(default)]
    pub post: Vec<String>,
}

/// One step on disk. Paths are relative to the pool. Whether it was done already is told by the
/// inode number of what moves, so that each step can be repeated and reversed after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Move {
    /// `from` is renamed to `to`, which is not there before.
    Rename {
        /// Where it is before.
        from: PathBuf,
        /// Where it is after.
        to: PathBuf,
        /// The inode that moves.
        inode: u64,
    },
    /// `staged` and `place` change places in one step.
    Exchange {
        /// Where the new one is before and the old one after.
        staged: PathBuf,
        /// Where the old one is before and the new one after.
        place: PathBuf,
        /// The inode of the new one.
        inode: u64,
    },
    /// The directories at `staged` and `place` exchange the entries that differ, as a list has it; a list that is not
    /// whole says that none has. `place` is away meanwhile: nobody finds a mixture there. `staged` and the list are where
    /// they stay.
    ExchangeEntries {
        /// Where the new entries are before and the old ones after.
        staged: PathBuf,
        /// The directory that keeps its place.
        place: PathBuf,
        /// Where it is while they are exchanged.
        away: PathBuf,
        /// The list.
        steps: PathBuf,
        /// The inode of the directory.
        inode: u64,
    },
}

/// What an operation will do, decided before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Steps on disk before the metadata changes; reversible.
    pub install: Vec<Move>,
    /// The metadata, changed in one transaction: the commit point.
    pub changes: Vec<RowChange>,
    /// Steps on disk after it: what no record names any more moves out of the way.
    pub retire: Vec<Move>,
    /// The number of the operation that this one takes back.
    #[serde(default)]
    pub undoes: Option<u64>,
    /// The commit that the working trees were made of which take the place of others, where that is not HEAD after it.
    #[serde(default)]
    pub made_of: Option<CommitId>,
}

/// What an operation is part of, when it was made together with others: all of them hold, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joint {
    /// The same in all of them.
    pub id: OperationId,
    /// The compose project whose volumes they are on.
    pub project: ProjectName,
    /// All volumes, sorted.
    pub volumes: Vec<VolumeName>,
}

/// An operation in the journal, and later in the operation log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Position in the journal: operations are numbered as they begin.
    pub number: u64,
    /// Names its staging and trash directories.
    pub id: OperationId,
    /// What it does.
    pub verb: Verb,
    /// The volume that it does it to.
    pub volume: VolumeName,
    /// One line for people: "reset: moving to HEAD~1".
    pub summary: String,
    /// The process that runs it.
    pub pid: u32,
    /// When it began.
    pub started: Instant,
    /// HEAD before it.
    #[serde(default)]
    pub head_before: Option<CommitId>,
    /// HEAD after it.
    #[serde(default)]
    pub head_after: Option<CommitId>,
    /// How far it is.
    pub phase: Phase,
    /// What it does, step by step.
    pub plan: Plan,
    /// The containers to be let go at its end, in the order in which they were taken hold of.
    pub held: Vec<HeldContainer>,
    /// How often recovery has tried to let containers go.
    #[serde(default)]
    pub attempts: u32,
    /// What it is part of.
    #[serde(default)]
    pub joint: Option<Joint>,
}

impl Operation {
    /// Whether nothing is left to do once all of it holds: no tree is to be moved away and no container to be let go.
    pub fn leaves_nothing(&self) -> bool {
        self.plan.retire.is_empty() && self.held.is_empty()
    }
}
