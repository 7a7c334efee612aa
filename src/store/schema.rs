//! The schema of a database: found, and brought up step by step.

use redb::{Database, ReadableDatabase as _};

use super::migrations::STEPS;
use super::tables::{META, SCHEMA_KEY};

/// Returns the schema of a database; 0 of an empty one.
pub(super) fn schema_of(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(META) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    Ok(redb::ReadableTable::get(&table, SCHEMA_KEY)?.map_or(0, |value| value.value()))
}

/// Runs the steps that lead from schema `found` to `wanted`, in one transaction.
pub(super) fn run_steps(database: &Database, found: u64, wanted: u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let number = |schema| usize::try_from(schema).unwrap_or(usize::MAX);
    for step in STEPS.iter().take(number(wanted)).skip(number(found)) {
        step(&transaction)?;
    }
    transaction.open_table(META)?.insert(SCHEMA_KEY, wanted)?;
    transaction.commit()?;
    Ok(())
}
