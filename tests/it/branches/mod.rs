//! Branches and tags: making, listing, moving and deleting them.

mod branch;
mod checkout;
mod git_worktrees;
mod hook;
mod protect;
mod tag;
