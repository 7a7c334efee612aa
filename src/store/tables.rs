//! Every table with its key, value and units, as schema 2 has them.
//!
//! Values that are bytes are MessagePack maps with named fields (rmp-serde) of the records in
//! `model`. A field that is only added, with a default, needs no new schema.
//!
//! A new table, or a change of a key or of a value's meaning, needs all of these:
//!
//! 1. here: the definition, and [`SCHEMA`] counted up;
//! 2. `migrations/`: a step of its own with frozen definitions, in `STEPS`;
//! 3. the second copy, unless the table can be computed again: `each_record` in
//!    `records_log/copies.rs`, and `are_visible` there if no person sees its changes; writes go
//!    through `Writer::put` or `Writer::note`, or they do not reach the log;
//! 4. fsck: `check_records` in `records_log/rebuild.rs` decodes each record;
//! 5. a table of a volume's rows: `Writer::apply` and `model::Row` if operations change them, and
//!    what becomes of them when the volume is removed or renamed;
//! 6. a golden database of the schema before, in `tests/fixtures`: `tests/it/formats/golden.rs`
//!    says how.

use redb::TableDefinition;

/// A record, encoded.
pub(super) type Record = &'static [u8];
/// A table whose rows belong to a volume. Key: volume, the row's own key.
pub(super) type Owned<K> = TableDefinition<'static, (&'static str, K), Record>;

/// The schema that this program reads and writes.
pub(super) const SCHEMA: u64 = 2;
/// The schema, in the width that the log's entries have for it.
pub(super) const LOG_SCHEMA: u16 = SCHEMA as u16;

/// Numbers of the whole pool. Key: [`SCHEMA_KEY`], [`NEXT_OPERATION_KEY`] or [`GENERATION_KEY`].
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// In `META`: the schema number.
pub(super) const SCHEMA_KEY: &str = "schema";
/// In `META`: the number of the next operation.
pub(super) const NEXT_OPERATION_KEY: &str = "next_operation";
/// In `META`: the generation, the number of the last committed transaction.
pub(super) const GENERATION_KEY: &str = "generation";

/// Words of the whole pool. Key: [`CURRENT_VOLUME_KEY`] or [`REBUILT_KEY`].
pub(super) const STATE: TableDefinition<'static, &str, &str> = TableDefinition::new("state");
/// In `STATE`: the name of the current volume.
pub(super) const CURRENT_VOLUME_KEY: &str = "current_volume";
/// In `STATE`: set, to an empty word, from a rebuild of the metadata until fsck has made records
/// for everything that only the directories show.
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
/// Key: volume, branch, directory, piece (from 0). Value: the hashes of the directory's entries, 16
/// bytes each; `index.rs` draws the rows.
pub(super) const INDEX_DIRECTORIES: TableDefinition<'static, (&str, &str, &[u8], u32), Record> =
    TableDefinition::new("index_directories");
/// Key: volume, commit id. Value: the paths of the entries, directories aside, that may differ from
/// the parent's, each relative to the root and ended by a 0. A commit whose paths are unknown or
/// too many has no row.
pub(super) const CHANGED: Owned<&str> = TableDefinition::new("changed");
/// Key: volume (empty for the whole pool), remote. Value: `RemoteRecord`.
pub(super) const REMOTES: Owned<&str> = TableDefinition::new("remotes");
/// Key: volume, remote. Value: `LinkRecord`.
pub(super) const LINKS: Owned<&str> = TableDefinition::new("links");
/// Key: volume, remote and ref with a slash between. Value: `TrackingRecord`.
pub(super) const TRACKING: Owned<&str> = TableDefinition::new("tracking");
/// Key: volume, branch. Value: `UpstreamRecord`.
pub(super) const UPSTREAMS: Owned<&str> = TableDefinition::new("upstreams");
/// Operations that are not done. Key: number. Value: `Operation`.
pub(super) const JOURNAL: TableDefinition<'static, u64, Record> = TableDefinition::new("journal");
/// The operation log: operations that were published and are done. Key: volume, number. Value:
/// `Operation`.
pub(super) const OPERATIONS: Owned<u64> = TableDefinition::new("operations");
