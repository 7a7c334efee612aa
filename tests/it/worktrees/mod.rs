//! Worktrees: several branches of a volume checked out at the same time.

mod locks;
mod loops;
mod places;
mod served;
mod verbs;
