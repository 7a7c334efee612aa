//! Volumes of other drivers, which an import copies.

use std::path::PathBuf;

use super::Container;

/// A volume of another driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignVolume {
    /// Its driver, usually "local".
    pub driver: String,
    /// The directory of its files on this host.
    pub mountpoint: PathBuf,
    /// The containers that use it, running or not, oldest first.
    pub users: Vec<Container>,
}
