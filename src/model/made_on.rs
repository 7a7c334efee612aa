//! What wrote a commit's files: one database, of one version, on one kind of machine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The machine that made a commit, and the containers that used the volume then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeOn {
    /// The machine's processor architecture.
    pub architecture: String,
    /// Name and version of the container engine; `None` if no container used the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The images of the containers, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageUse>,
}

/// The image of a container that uses a volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ImageUse {
    /// Its name, as the container's maker gave it.
    pub image: String,
    /// The engine's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The version of the program in it, where the image says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl MadeOn {
    /// Knows the architecture alone.
    pub fn machine(architecture: String) -> Self {
        MadeOn { architecture, engine: None, images: Vec::new() }
    }
}

impl ImageUse {
    /// Returns whether two images have the same program, as far as they say. Versions count where
    /// both are known, names elsewhere: an image of the same name may have been built anew.
    pub fn is_like(&self, other: &Self) -> bool {
        if self.id.is_some() && self.id == other.id {
            return true;
        }
        match (&self.version, &other.version) {
            (Some(own), Some(other)) => own == other,
            _ => self.image == other.image,
        }
    }
}

impl fmt::Display for ImageUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} ({version})", self.image),
            None => f.write_str(&self.image),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, id: &str, version: Option<&str>) -> ImageUse {
        let (id, version) = (Some(id.to_owned()), version.map(str::to_owned));
        ImageUse { image: name.to_owned(), id, version }
    }

    #[test]
    fn a_version_counts_more_than_a_name() {
        let old = image("postgres:15", "sha256:a", Some("15.4"));
        assert!(old.is_like(&image("db", "sha256:a", None)), "the same image by another name");
        assert!(old.is_like(&image("registry/postgres:15", "sha256:b", Some("15.4"))));
        assert!(!old.is_like(&image("postgres:15", "sha256:b", Some("15.5"))));
        assert!(old.is_like(&image("postgres:15", "sha256:b", None)));
        assert!(!old.is_like(&image("postgres:16", "sha256:b", None)));
    }
}
