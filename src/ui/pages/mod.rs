//! The pages, one file each. [`frame`] is around each of them, [`parts`] are what they share.

pub(super) mod action;
mod beside;
pub(super) mod changes;
pub(super) mod commit;
pub(super) mod files;
mod frame;
mod graph;
pub(super) mod jobs;
pub(super) mod operations;
mod parts;
pub(super) mod pool;
mod trouble;
pub(super) mod volume;
pub(super) mod volumes;

pub(super) use trouble::Trouble;
