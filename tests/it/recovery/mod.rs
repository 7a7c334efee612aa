//! Recovery: taking operations back, and what holds after a failure.

mod dropped;
mod ensure;
mod failure;
mod forget;
mod fsck;
mod full_disk;
mod immovable;
mod left_behind;
mod locks;
mod missing_pool;
mod random_writers;
mod read_only;
mod readers;
mod restore;
mod rollback;
mod stash;
mod subvolumes;
mod trash;
mod undo;
mod writers;
