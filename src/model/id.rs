//! Ids of commits and operations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Says that a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an id: an id has 32 lowercase hex digits (40 in older pools)")]
pub struct IdError(String);

/// The id of a commit: 32 lowercase hex digits, a version 4 UUID (RFC 9562). An older tool's ids of
/// 40 digits are accepted too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// The id of an operation: 32 lowercase hex digits. Names its directories in staging and trash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationId(String);

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl CommitId {
    /// Returns the first eight digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

macro_rules! id_newtype {
    ($name:ident, $lengths:pat) => {
        impl $name {
            /// Returns all digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                match text.len() {
                    $lengths if is_hex(text) => Ok($name(text.to_owned())),
                    _ => Err(IdError(text.to_owned())),
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
id_newtype!(CommitId, 32 | 40);
id_newtype!(OperationId, 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lowercase_hex_of_a_known_length_is_an_id() {
        assert!("0123456789abcdef0123456789abcdef".parse::<CommitId>().is_ok());
        assert!("0123456789abcdef0123456789abcdef01234567".parse::<CommitId>().is_ok());
        for text in ["", "abcd", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg"] {
            assert!(text.parse::<CommitId>().is_err(), "{text}");
        }
    }
}
