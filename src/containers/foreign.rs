//! Volumes of other drivers, for taking them over.

use std::path::PathBuf;

use super::Container;

/// A volume of another driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignVolume {
    /// Its driver: "local", most often.
    pub driver: String,
    /// Where its files are on this machine.
    pub mountpoint: PathBuf,
    /// The containers that use it, running or not, oldest first.
    pub users: Vec<Container>,
}
