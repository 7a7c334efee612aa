//! One entry of a tree, and the names in a directory.
//!
//! | file | what it does |
//! | --- | --- |
//! | `handle` | opens an entry beneath its directory; asks the kernel about it |
//! | `names` | reads directories in pieces; keeps lists of names |
//! | `attributes` | sets owner, mode, extended attributes and times on a copy |
//! | `values` | keeps the attributes of an entry as a value |
//! | `flags` | keeps the attributes that chattr(1) sets |
//! | `codec` | encodes numbers and byte strings for a file |
//! | `framed` | writes and reads files of records that are whole or count as absent |

pub(super) mod attributes;
pub(super) mod codec;
pub(super) mod flags;
pub(super) mod framed;
pub(super) mod handle;
pub(super) mod names;
pub(super) mod values;
