//! A working tree becomes another by an exchange of the entries that differ.

pub(super) mod apply;
pub(super) mod index_update;
pub(super) mod list;
pub(super) mod list_filter;
pub(super) mod stage;
