//! The second copy of the records: `.dvol/records.log`, from which the database can be rebuilt.
//!
//! Before a transaction commits, its changes are appended here; a transaction whose changes a
//! person can see is synced. After the commit a mark is appended. The first entry is a snapshot of
//! all records. A new snapshot replaces the log when the log has grown to more than twice the size
//! of its snapshot, and when it does not lead up to the database (a power cut came before the log
//! reached the disk). The stat index is not copied: only speed depends on it.
//!
//! The file is a sequence of entries. All numbers are little-endian.
//!
//! ```text
//! bytes
//!     4  magic "dvlE"
//!     1  kind: 1 snapshot, 2 changes, 3 mark
//!     1  1 if the entry was synced, with all before it, when its transaction committed; else 0
//!     2  schema of the records
//!     4  length of the body
//!     8  generation: number of the transaction
//!     8  length of the log's first entry
//!    12  BLAKE3 hash, shortened, of the 28 bytes before and the body
//!     n  body: an array of changes (MessagePack); empty in a mark
//!     4  length of the body
//!     4  magic "Elvd"
//! ```
//!
//! The last entry is found from the end of the file. A change is an array of table, key and value;
//! the value is nil if the row was deleted. Keys and values carry their kind, so that a reader
//! needs to know no table:
//!
//! ```text
//! ["branches", {"Owned": ["db", "master"]}, {"Record": <bytes of the row>}]
//! ```
//!
//! The rename of a volume is one change, which stands for those of all its rows
//! (`store/rename.rs`): `["rename of a volume", {"Owned": ["old", "new"]}, nil]`, and the same for
//! its operation log.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `change` | one row's change, as the log stores it |
//! | `entries` | head, body and foot of an entry |
//! | `snapshot` | writing the first entry |
//! | `log` | appending to the log, and its end |
//! | `records` | reading all of it, damaged or not |
//! | `copies` | which tables are copied, and the way back into tables |
//! | `rebuild` | comparing database and log, and making either from the other |

pub(super) mod change;
pub(super) mod copies;
pub(super) mod entries;
pub(super) mod log;
pub(super) mod rebuild;
pub(super) mod records;
pub(super) mod snapshot;
