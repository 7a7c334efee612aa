//! How containers are kept from writing.

use std::fmt;
use std::str::FromStr;

/// How containers are kept from writing while a volume's trees are read or swapped; the later, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quiesce {
    /// Not at all: somebody else sees to it.
    None,
    /// Frozen: what is copied is what a power cut would have left.
    Pause,
    /// Stopped, and started afterwards.
    Stop,
}

/// Not a way to quiesce.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no way to quiesce containers: use stop, pause or none")]
pub struct QuiesceError(String);

impl FromStr for Quiesce {
    type Err = QuiesceError;

    fn from_str(text: &str) -> Result<Self, QuiesceError> {
        match text {
            "stop" => Ok(Quiesce::Stop),
            "pause" => Ok(Quiesce::Pause),
            "none" => Ok(Quiesce::None),
            _ => Err(QuiesceError(text.to_owned())),
        }
    }
}

impl fmt::Display for Quiesce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Quiesce::Stop => "stop",
            Quiesce::Pause => "pause",
            Quiesce::None => "none",
        })
    }
}
