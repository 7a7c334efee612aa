//! Archives out of a pool and into it, against GNU tar: what it unpacks is what the importer makes,
//! or the importer says why not.

mod by_hand;
mod by_tools;
mod contest;
mod exported;
mod mutated;
mod mutation;
mod raw;
pub(crate) mod tree_state;
mod verbs;
