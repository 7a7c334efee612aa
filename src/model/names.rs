//! Names of volumes, branches and tags.
//!
//! A name has 1 to 64 of `A-Z a-z 0-9 _ . -` and starts with a letter or digit. So it can name a
//! directory, and can never leave the pool, hide, or look like an option. The name of a branch or a
//! tag may have `/` inside; then each part follows the rule, and on disk the slash is written
//! `%2F`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MAX_LENGTH: usize = 64;
/// Words that have another meaning where a branch may be named.
const RESERVED_BRANCHES: [&str; 2] = ["HEAD", "ORIG_HEAD"];

/// Says why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is not a volume's name.
    #[error(
        "'{0}' is not a valid volume name: use 1 to 64 of A-Z a-z 0-9 _ . - and start with a letter or digit"
    )]
    Volume(String),
    /// The text is not a branch's name.
    #[error(
        "'{0}' is not a valid branch name: use 1 to 64 of A-Z a-z 0-9 _ . - and / inside, each part starting with a letter or digit"
    )]
    Branch(String),
    /// The text is not a tag's name.
    #[error(
        "'{0}' is not a valid tag name: use 1 to 64 of A-Z a-z 0-9 _ . - and / inside, each part starting with a letter or digit"
    )]
    Tag(String),
    /// The text is not a compose project's name.
    #[error("'{0}' is not a valid project name: use a-z 0-9 _ and -, with a letter or digit among them")]
    Project(String),
    /// The word names a revision.
    #[error("'{0}' cannot name a branch or a tag: it names a revision")]
    Reserved(String),
}

fn is_valid_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphanumeric())
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// The name of a volume, valid by construction.
///
/// ```
/// use dvol::model::VolumeName;
/// assert!("frob_mysql".parse::<VolumeName>().is_ok());
/// assert!("../etc".parse::<VolumeName>().is_err());
/// ```
///
/// ```compile_fail
/// let unchecked = dvol::model::VolumeName("../etc".to_string());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeName(String);

/// The name of a compose project, valid by construction: a run of `a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

/// The name of a branch, valid by construction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

/// The name of a tag, valid by construction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagName(String);

impl TagName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ProjectName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes the name that compose makes of a directory's name or of `--project-name`: lower case,
    /// without the characters that a project's name cannot have.
    pub fn normalized(text: &str) -> Option<Self> {
        let kept = text.to_lowercase().chars().filter(|c| is_project_char(*c)).collect::<String>();
        kept.parse().ok()
    }

    /// Returns the beginning of the names of the volumes that compose makes for this project.
    pub fn volume_prefix(&self) -> String {
        format!("{}_", self.0.trim_start_matches(['-', '_']))
    }
}

fn is_project_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')
}

impl FromStr for ProjectName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.chars().all(is_project_char) && text.chars().any(|c| c.is_ascii_alphanumeric()) {
            Ok(ProjectName(text.to_owned()))
        } else {
            Err(NameError::Project(text.to_owned()))
        }
    }
}

impl VolumeName {
    /// Returns the name as text; also the name of the volume's directory.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether an engine made this name for an anonymous volume: 64 lowercase hex digits.
    pub fn is_anonymous(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}

impl BranchName {
    /// Returns the first branch of every volume.
    pub fn master() -> Self {
        BranchName("master".to_owned())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the branch's directory: each `/` becomes `%2F`.
    pub fn to_directory(&self) -> String {
        self.0.replace('/', "%2F")
    }

    /// Parses the name of a branch's directory; the inverse of [`BranchName::to_directory`].
    ///
    /// # Errors
    /// When no branch can have a directory of this name.
    pub fn from_directory(directory: &str) -> Result<Self, NameError> {
        let name: BranchName = directory.replace("%2F", "/").parse()?;
        if name.to_directory() == directory { Ok(name) } else { Err(NameError::Branch(directory.to_owned())) }
    }
}

impl FromStr for VolumeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() <= MAX_LENGTH && is_valid_part(text) {
            Ok(VolumeName(text.to_owned()))
        } else {
            Err(NameError::Volume(text.to_owned()))
        }
    }
}

impl FromStr for BranchName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        parse_path(text, NameError::Branch).map(BranchName)
    }
}

impl FromStr for TagName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        parse_path(text, NameError::Tag).map(TagName)
    }
}

fn parse_path(text: &str, bad: fn(String) -> NameError) -> Result<String, NameError> {
    if RESERVED_BRANCHES.contains(&text) {
        return Err(NameError::Reserved(text.to_owned()));
    }
    if text.len() <= MAX_LENGTH && text.split('/').all(is_valid_part) {
        Ok(text.to_owned())
    } else {
        Err(bad(text.to_owned()))
    }
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
text_newtype!(VolumeName);
text_newtype!(BranchName);
text_newtype!(TagName);
text_newtype!(ProjectName);

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn names_that_leave_the_pool_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "/etc", ".hidden", "-f", "a b", "é", "a\0", "a\n"] {
            assert!(name.parse::<VolumeName>().is_err(), "{name:?}");
        }
        for name in ["", "/", "a/", "/a", "a//b", "a/../b", "a/.b", "a/-b", "HEAD", "a%2Fb"] {
            assert!(name.parse::<BranchName>().is_err(), "{name:?}");
        }
        assert!("x".repeat(64).parse::<VolumeName>().is_ok());
        assert!("x".repeat(65).parse::<VolumeName>().is_err());
    }

    #[test]
    fn anonymous_volumes_are_told_by_their_64_hex_digits() {
        assert!("0a".repeat(32).parse::<VolumeName>().unwrap().is_anonymous());
        assert!(!"0A".repeat(32).parse::<VolumeName>().unwrap().is_anonymous());
        assert!(!"0a".parse::<VolumeName>().unwrap().is_anonymous());
    }

    #[test]
    fn a_project_is_called_as_compose_calls_it() {
        let project = |text| ProjectName::normalized(text).map(String::from);
        assert_eq!(project("My.Shop 2").as_deref(), Some("myshop2"));
        assert_eq!(project("_web-shop").as_deref(), Some("_web-shop"));
        assert_eq!(project("..."), None);
        assert_eq!("_web-shop".parse::<ProjectName>().unwrap().volume_prefix(), "web-shop_");
        for name in ["", "Shop", "a b", "-", "../x", "é"] {
            assert!(name.parse::<ProjectName>().is_err(), "{name:?}");
        }
    }

    quickcheck! {
        fn a_valid_volume_name_is_one_plain_path_component(text: String) -> bool {
            match text.parse::<VolumeName>() {
                Ok(name) => std::path::Path::new(name.as_str()).components().count() == 1
                    && !name.as_str().starts_with('.') && !text.contains('/'),
                Err(_) => true,
            }
        }

        fn a_branch_and_its_directory_name_are_inverse(parts: Vec<u16>) -> bool {
            let text = parts.iter().take(8).map(|n| format!("p{n}")).collect::<Vec<_>>().join("/");
            match text.parse::<BranchName>() {
                Ok(name) => {
                    let directory = name.to_directory();
                    !directory.contains('/') && BranchName::from_directory(&directory) == Ok(name)
                }
                Err(_) => parts.is_empty() || text.len() > 64,
            }
        }

        fn no_directory_name_panics(text: String) -> bool {
            match BranchName::from_directory(&text) {
                Ok(name) => name.to_directory() == text,
                Err(_) => true,
            }
        }
    }
}
