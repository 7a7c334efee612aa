//! The trees of commits, on their way out and in.
//!
//! `nodes` makes nodes of the format from the entries of a tree, and entries from nodes. `send`
//! sends a tree. `receive` writes one as `walk` finds it in a repository, with the pieces that
//! `local` finds on this machine.

mod local;
mod nodes;
pub(super) mod receive;
pub(super) mod send;
mod walk;
