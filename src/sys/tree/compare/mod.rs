//! Finds what differs between two trees.
//!
//! | file | what it does |
//! | --- | --- |
//! | `walk` | walks two trees side by side and reports the entries that differ |
//! | `difference` | decides whether two entries differ, and how |
//! | `diff` | describes each difference in full, with texts |
//! | `alike` | estimates how much of the large files is the same |
//! | `path_set` | names the entries that an exchange may touch |
//! | `index_diff` | finds what differs by a stat index alone, for an exchange of entries |

pub(super) mod alike;
pub(super) mod diff;
pub(super) mod difference;
pub(super) mod index_diff;
pub(super) mod path_set;
pub(super) mod walk;
