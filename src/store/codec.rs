//! Records to bytes and back: MessagePack maps with named fields.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// Encodes a record.
pub(super) fn encode<T: Serialize>(table: &str, key: &str, record: &T) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec_named(record).map_err(|error| bad(table, key, &error))
}

/// Decodes a record.
pub(super) fn decode<T: DeserializeOwned>(table: &str, key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(|error| bad(table, key, &error))
}

fn bad(table: &str, key: &str, error: &dyn std::error::Error) -> StoreError {
    StoreError::Record { table: table.to_owned(), key: key.to_owned(), reason: error.to_string() }
}
