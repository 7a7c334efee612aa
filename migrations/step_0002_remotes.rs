//! Schema 2: remotes, and what is known of them. `src/store/tables.rs` describes keys and values.

use redb::{Error, TableDefinition, WriteTransaction};

const REMOTES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("remotes");
const LINKS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("links");
const TRACKING: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("tracking");
const UPSTREAMS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("upstreams");

/// Makes the tables that schema 2 adds.
pub(super) fn run(transaction: &WriteTransaction) -> Result<(), Error> {
    transaction.open_table(REMOTES)?;
    transaction.open_table(LINKS)?;
    transaction.open_table(TRACKING)?;
    transaction.open_table(UPSTREAMS)?;
    Ok(())
}
