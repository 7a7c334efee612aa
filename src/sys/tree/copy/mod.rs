//! Copying a tree: one thread walks it, several work.

pub(super) mod content;
pub(super) mod directory;
pub(super) mod first_pass;
pub(super) mod links;
pub(super) mod options;
pub(super) mod patch;
pub(super) mod queue;
pub(super) mod reuse;
pub(super) mod run;
pub(super) mod tree;
pub(super) mod walker;
pub(super) mod worker;
