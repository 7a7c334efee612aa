//! Every table with its key, value and units, as schema 1 has them.
//!
//! Values that are bytes are MessagePack maps with named fields (rmp-serde) of the records in
//! `model`. A change of a key or of a value's meaning is a new schema number and a file in
//! `migrations/`; a field that is only added is not.

use redb::TableDefinition;

/// Bytes of a record.
pub(super) type Record = &'static [u8];
/// A table whose rows belong to a volume: key (volume, the row's own key).
pub(super) type Owned<K> = TableDefinition<'static, (&'static str, K), Record>;

/// The schema that this program reads and writes.
pub(super) const SCHEMA: u64 = 1;

/// Numbers of the whole pool. Key: [`SCHEMA_KEY`], [`NEXT_OPERATION_KEY`] or
/// [`GENERATION_KEY`].
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// In `META`: the schema number.
pub(super) const SCHEMA_KEY: &str = "schema";
/// In `META`: the number of the next operation.
pub(super) const NEXT_OPERATION_KEY: &str = "next_operation";
/// In `META`: how many transactions were committed.
pub(super) const GENERATION_KEY: &str = "generation";

/// Words of the whole pool. Key: [`CURRENT_VOLUME_KEY`] or [`REBUILT_KEY`].
pub(super) const STATE: TableDefinition<'static, &str, &str> = TableDefinition::new("state");
/// In `STATE`: the name of the current volume.
pub(super) const CURRENT_VOLUME_KEY: &str = "current_volume";

/// In `STATE`: there, with no word, from a rebuild until fsck has found nothing any more that only the directories show.
pub(super) const REBUILT_KEY: &str = "rebuilt";

/// Key: volume. Value: `VolumeRecord`.
pub(super) const VOLUMES: TableDefinition<'static, &str, Record> = TableDefinition::new("volumes");
/// Key: volume, branch. Value: `BranchRecord`.
pub(super) const BRANCHES: Owned<&str> = TableDefinition::new("branches");
/// Key: volume, commit id. Value: `CommitRecord`.
pub(super) const COMMITS: Owned<&str> = TableDefinition::new("commits");
/// Key: volume, tag. Value: `TagRecord`.
pub(super) const TAGS: Owned<&str> = TableDefinition::new("tags");
/// Key: volume, the engine's id of the mount. Value: `Binding`.
pub(super) const BINDINGS: Owned<&str> = TableDefinition::new("bindings");
/// Key: volume (empty for the whole pool), configuration key. Value: the setting as text.
pub(super) const CONFIG: TableDefinition<'static, (&str, &str), &str> = TableDefinition::new("config");
/// Key: volume, branch. Value: `TreeIndexRecord` of its working tree.
pub(super) const INDEX: Owned<&str> = TableDefinition::new("index");
/// Key: volume, branch, directory relative to the working tree (bytes, with 0 for /, so that rows stand in the order of
/// a walk), piece (from 0). Value: hashes of its entries, as `sys::tree::scan_tree` gives them.
pub(super) const INDEX_DIRECTORIES: TableDefinition<'static, (&str, &str, &[u8], u32), Record> =
    TableDefinition::new("index_directories");
/// Key: volume, commit id. Value: the paths of all entries, no directories, that may differ from the parent's; each
/// relative to the root, with a 0 behind it. A commit of which that is not known, or too much, has no row.
pub(super) const CHANGED: Owned<&str> = TableDefinition::new("changed");
/// Operations that are not done. Key: number. Value: `Operation`.
pub(super) const JOURNAL: TableDefinition<'static, u64, Record> = TableDefinition::new("journal");
/// Operations that were published and are done. Key: volume, number. Value: `Operation`.
pub(super) const OPERATIONS: Owned<u64> = TableDefinition::new("operations");
