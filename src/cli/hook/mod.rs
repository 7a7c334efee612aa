//! The git hook that keeps a volume on the branch of the code.
//!
//! [`file`] finds, writes and deletes it; [`follow`] is what it runs; [`linked`] gives the linked
//! worktrees of git data of their own; [`start`] chooses where the data of a branch of code begins
//! that dvol has not met yet.
//!
//! What git or other programs have is theirs: a hook that dvol did not write is not changed, and
//! settings of git, such as husky's `core.hooksPath`, stay as they are.

pub(super) mod file;
pub(super) mod follow;
mod linked;
mod start;

/// A branch of code and the branch of data that it stands for, where their names differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) code: String,
    pub(super) data: String,
}
