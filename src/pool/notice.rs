//! What a person should hear while an operation runs. The library says it, the command line words it.

use crate::model::{BranchName, Verb, VolumeName};

/// Something worth a line on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A lock is held by somebody else for long.
    Waiting {
        /// What the lock guards.
        what: String,
        /// Who holds it: pid and verb.
        holder: String,
    },
    /// A container did not end after its stop signal and had to be killed.
    Killed {
        /// Its name.
        container: String,
    },
    /// A dead operation was finished.
    Finished {
        /// What it did.
        verb: Verb,
        /// The volume.
        volume: String,
    },
    /// A dead operation was undone.
    Undone {
        /// What it would have done.
        verb: Verb,
        /// The volume.
        volume: String,
    },
    /// Undoing or finishing failed; whoever comes next tries again.
    NotRecovered {
        /// The volume.
        volume: String,
        /// Why.
        reason: String,
    },
    /// A command that comes after a commit failed inside a container.
    PostFailed {
        /// The container's name.
        container: String,
        /// The command.
        command: String,
        /// Its exit code and what it said, or why it did not run.
        reason: String,
    },
    /// A volume of an older tool was taken over.
    Adopted {
        /// The volume.
        volume: VolumeName,
    },
    /// A volume of an older tool could not be taken over.
    NotAdopted {
        /// The name of its directory.
        volume: String,
        /// Why.
        reason: String,
    },
    /// An empty working tree was made where an older tool left none.
    EmptyTree {
        /// The volume.
        volume: VolumeName,
        /// The branch.
        branch: BranchName,
        /// Whether the branch has a commit to fill the tree from.
        has_commit: bool,
    },
    /// Something that an older tool left is missing or wrong.
    Flawed {
        /// What.
        flaw: String,
    },
    /// A container could not be let go.
    NotReleased {
        /// Its name.
        container: String,
        /// Why.
        reason: String,
    },
}
