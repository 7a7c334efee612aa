//! The past of a volume: resolving a revision, walking to the root, choosing volume and branch, and
//! the stack of operations.

pub(super) mod commits;
pub(super) mod lines;
pub(super) mod project;
pub(super) mod resolve;
pub(super) mod select;
pub(super) mod undo_stack;
pub(super) mod walk;
