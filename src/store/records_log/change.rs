//! One row's change, as the log stores it.

use std::collections::BTreeMap;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::error::StoreError;

/// Bytes that MessagePack stores as such, not as an array of numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store) struct Blob(pub(in crate::store) Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;
        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Blob, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(Blob(bytes))
            }
        }
        deserializer.deserialize_bytes(BlobVisitor)
    }
}

/// The key of a row in any table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::store) enum LoggedKey {
    /// A name.
    Name(String),
    /// A volume and a name of its own.
    Owned(String, String),
    /// A number.
    Number(u64),
    /// A volume and a number of its own.
    OwnedNumber(String, u64),
}

impl LoggedKey {
    /// Returns the volume that the row belongs to; `None` for a row of no volume.
    pub(in crate::store) fn owner(&self) -> Option<&String> {
        match self {
            LoggedKey::Owned(owner, _) | LoggedKey::OwnedNumber(owner, _) => Some(owner),
            LoggedKey::Name(_) | LoggedKey::Number(_) => None,
        }
    }

    /// Returns the key of the same row of another volume.
    pub(in crate::store) fn owned_by(self, owner: &str) -> Self {
        match self {
            LoggedKey::Owned(_, own) => LoggedKey::Owned(owner.to_owned(), own),
            LoggedKey::OwnedNumber(_, own) => LoggedKey::OwnedNumber(owner.to_owned(), own),
            other => other,
        }
    }
}

/// Rows by table and key.
pub(in crate::store) type LoggedRows = BTreeMap<(String, LoggedKey), LoggedValue>;

/// The value of a row in any table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) enum LoggedValue {
    /// A record.
    Record(Blob),
    /// A word.
    Text(String),
    /// A number.
    Number(u64),
}

/// What becomes of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct LoggedChange {
    /// The table.
    pub(in crate::store) table: String,
    /// The row's key.
    pub(in crate::store) key: LoggedKey,
    /// The new value; `None` if the row is deleted.
    pub(in crate::store) value: Option<LoggedValue>,
}

/// Encodes the body of an entry.
pub(in crate::store) fn encode_changes(changes: &[LoggedChange]) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec(changes).map_err(|error| bad_entry(&error.to_string()))
}

/// Decodes the body of an entry; returns `None` if it holds something else.
pub(in crate::store) fn decode_changes(body: &[u8]) -> Option<Vec<LoggedChange>> {
    rmp_serde::from_slice(body).ok()
}

/// Makes the error for an entry that cannot be written.
pub(in crate::store) fn bad_entry(reason: &str) -> StoreError {
    let (table, key) = ("records.log".to_owned(), "entry".to_owned());
    StoreError::Record { table, key, reason: reason.to_owned() }
}
