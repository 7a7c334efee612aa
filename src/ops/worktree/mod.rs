//! `worktree`: have several branches of a volume checked out at the same time.
//!
//! A worktree is a further name under which engines find a branch of a volume. It has a current
//! branch, settings, mounts and an operation log of its own; branches, commits and tags are those
//! of its volume. Each branch has one working tree, so a branch is checked out in one place only,
//! by the volume or by one worktree: every operation that would change that says where it is.
//!
//! On disk a worktree is a directory with a running point that leads into the volume's directory;
//! in the metadata it is a `VolumeRecord` with an owner. So names are unique, verbs take either,
//! and a worktree comes and goes as volumes do: by an operation that a crash leaves done or not
//! begun, and that can be undone. Removing one leaves its branch, with commits and working tree.
//!
//! `pool/operation/locks.rs` says what runs side by side.

mod add;
mod list;
mod prune;
mod remove;

pub use add::{AddedWorktree, WorktreeBranch, WorktreeRequest, add_worktree};
pub use list::{WorktreeEntry, worktrees};
pub use prune::{PruneScope, PrunedWorktrees, prune_worktrees};
pub use remove::{RemovedWorktree, remove_worktree};
