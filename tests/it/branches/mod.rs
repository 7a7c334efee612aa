//! Branches and tags: making, listing, moving and deleting them.

mod branch;
mod checkout;
mod hook;
mod protect;
mod tag;
