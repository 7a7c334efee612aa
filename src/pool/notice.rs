//! What a person should hear while an operation runs. The library sends notices; the command line
//! and the driver put them into words.

use std::path::PathBuf;

use super::history::select::Meant;
use crate::model::{BranchName, CommitId, ImageUse, Verb, VolumeName};
use crate::remotes::PushMemory;

/// An event worth a line on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The command names no volume and means this one.
    Meant {
        /// The volume.
        volume: VolumeName,
        /// Why it is the one.
        why: Meant,
    },
    /// The engine has the volume's name from another driver: no container reaches dvol's volume.
    Elsewhere {
        /// The volume.
        volume: VolumeName,
        /// The other driver.
        driver: String,
    },
    /// A commit came in from another machine, whose containers had other images.
    MadeElsewhere {
        /// The commit.
        commit: CommitId,
        /// The volume.
        volume: VolumeName,
        /// The images there that have no like here.
        images: Vec<ImageUse>,
        /// The images of the containers on the volume here; empty if there are none.
        users: Vec<ImageUse>,
    },
    /// A push is about to begin that takes much memory.
    PushMemory {
        /// The volume.
        volume: VolumeName,
        /// How much it takes.
        memory: PushMemory,
    },
    /// The operation waits for a lock that another process holds.
    Waiting {
        /// What the lock guards.
        what: String,
        /// The other process: pid and verb.
        holder: String,
    },
    /// A container did not stop in time and was killed.
    Killed {
        /// The container's name.
        container: String,
    },
    /// A container will have lost its network, or be gone, after an operation that starts another
    /// one anew; it cannot be stopped, as it would be deleted.
    CutOff {
        /// The container's name.
        container: String,
        /// The container whose network or processes it shares.
        with: String,
    },
    /// The operation waits for a container to stop.
    Stopping {
        /// The container's name.
        container: String,
    },
    /// The operation was interrupted while the engine was stopping a container. The engine starts
    /// it again as soon as it has stopped.
    StillStopping {
        /// The container's name.
        container: String,
    },
    /// The operation of a dead process was finished.
    Finished {
        /// What the operation did.
        verb: Verb,
        /// The volume.
        volume: String,
    },
    /// Other processes moved entries of a tree during an operation that is undone. What has no
    /// place in the tree any more was moved to lost+found.
    SetAside {
        /// The volume.
        volume: String,
        /// How many entries.
        entries: u64,
        /// The directory that they are in now.
        place: PathBuf,
    },
    /// The operation of a dead process was undone.
    Undone {
        /// What the operation would have done.
        verb: Verb,
        /// The volume.
        volume: String,
    },
    /// An operation could not be finished or undone; the next recovery tries again.
    NotRecovered {
        /// The volume.
        volume: String,
        /// Why it failed.
        reason: String,
    },
    /// A volume is as it was before an `ensure` that was killed.
    PutBack {
        /// The volume.
        volume: String,
        /// What was under way.
        next: String,
    },
    /// The oldest trash was deleted, because an operation needed its space.
    MadeRoom {
        /// How many operations cannot be undone any more.
        operations: usize,
        /// How much that gave back, in bytes of disk.
        bytes: u64,
    },
    /// Much was copied of large files of which little had changed, as the file system cannot share
    /// blocks.
    CopiedAlike {
        /// How much.
        bytes: u64,
    },
    /// Large files left a working tree. What they can serve for at the next reset is still to be
    /// made: [`Pool::prepare_next_spares`](crate::pool::Pool::prepare_next_spares).
    LargeFilesLeft {
        /// The volume.
        volume: VolumeName,
    },
    /// Some entries of a copy have not all flags of chattr(1) that they should have: the file
    /// system refused them.
    RefusedFlags {
        /// How many entries.
        entries: usize,
        /// The letters of the flags.
        flags: String,
    },
    /// A command of `containers.post-commit` failed in a container.
    PostFailed {
        /// The container's name.
        container: String,
        /// The command.
        command: String,
        /// The command's exit code and output, or why it did not run.
        reason: String,
    },
    /// A volume of an older tool was imported.
    Adopted {
        /// The volume.
        volume: VolumeName,
    },
    /// A volume of an older tool could not be imported.
    NotAdopted {
        /// The name of the volume's directory.
        volume: String,
        /// Why it failed.
        reason: String,
    },
    /// An older tool's volume had no working tree for a branch, so an empty one was made.
    EmptyTree {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
        /// Whether the branch has a commit to fill the tree from.
        has_commit: bool,
    },
    /// A file of an older tool is missing or wrong.
    Flawed {
        /// Which file, and what is wrong.
        flaw: String,
    },
    /// A container that the operation held does not run again.
    NotReleased {
        /// The container's name.
        container: String,
        /// Why it does not run.
        reason: String,
    },
}
