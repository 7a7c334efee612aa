//! The commits of a volume: resolving a revision, walking to the root, choosing volume and branch.

pub(super) mod commits;
pub(super) mod project;
pub(super) mod resolve;
pub(super) mod select;
pub(super) mod walk;
