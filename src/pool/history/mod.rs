//! The commits of a volume: finding one, walking back from one, choosing the volume and the branch.

pub(super) mod commits;
pub(super) mod project;
pub(super) mod resolve;
pub(super) mod select;
pub(super) mod walk;
