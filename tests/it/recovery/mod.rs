//! Recovery: taking operations back, and what holds after a failure.

mod dropped;
mod failure;
mod fsck;
mod locks;
mod rollback;
mod trash;
mod undo;
