//! Schema 1: the first tables, empty. `src/store/tables.rs` describes keys and values.

use redb::{Error, TableDefinition, WriteTransaction};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const STATE: TableDefinition<'_, &str, &str> = TableDefinition::new("state");
const VOLUMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("volumes");
const BRANCHES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("branches");
const COMMITS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("commits");
const TAGS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("tags");
const BINDINGS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("bindings");
const CONFIG: TableDefinition<'_, (&str, &str), &str> = TableDefinition::new("config");
const INDEX: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("index");
const INDEX_DIRECTORIES: TableDefinition<'_, (&str, &str, &[u8], u32), &[u8]> =
    TableDefinition::new("index_directories");
const CHANGED: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("changed");
const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
const OPERATIONS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("operations");

/// Makes the tables of schema 1.
pub(super) fn run(transaction: &WriteTransaction) -> Result<(), Error> {
    transaction.open_table(META)?.insert("next_operation", 1)?;
    transaction.open_table(STATE)?;
    transaction.open_table(VOLUMES)?;
    transaction.open_table(BRANCHES)?;
    transaction.open_table(COMMITS)?;
    transaction.open_table(TAGS)?;
    transaction.open_table(BINDINGS)?;
    transaction.open_table(CONFIG)?;
    transaction.open_table(INDEX)?;
    transaction.open_table(INDEX_DIRECTORIES)?;
    transaction.open_table(CHANGED)?;
    transaction.open_table(JOURNAL)?;
    transaction.open_table(OPERATIONS)?;
    Ok(())
}
