//! Makes a working tree equal to another tree by exchanging the entries that differ.
//!
//! A reset stages copies of the entries that differ, writes a list of steps, and takes the steps:
//! each exchanges one entry of the tree with its staged counterpart. It costs what changed, not
//! what is stored. Afterwards the staged tree holds what left, which becomes trash; list and staged
//! tree together bring the old tree back.
//!
//! | file | what it does |
//! | --- | --- |
//! | `stage` | copies the entries that differ, writes the list; makes the old tree for an undo |
//! | `list` | reads and writes the list of steps, and draws its format |
//! | `list_filter` | asks a list which entries it brings |
//! | `apply` | takes the steps |
//! | `undo` | takes them back, whatever other processes did meanwhile |
//! | `lost` | takes entries that have no place in a tree any more |
//! | `written` | finds and keeps what other processes wrote into a tree that is taken back |
//! | `index_update` | updates the stat index afterwards |

pub(super) mod apply;
pub(super) mod index_update;
pub(super) mod list;
pub(super) mod list_filter;
pub(super) mod lost;
pub(super) mod stage;
pub(super) mod undo;
pub(super) mod written;
