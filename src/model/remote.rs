//! Remotes: their names and addresses, and the records of what is known of them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::remote_url::{RemoteUrl, has_password};
use super::{BranchName, CommitId, Instant, TagName, VolumeName};

/// Says why a text is not a remote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteWordError {
    /// The text is not a remote's name.
    #[error(
        "'{0}' is not a valid name for a remote: use 1 to 64 of A-Z a-z 0-9 _ . - and start with a letter or digit"
    )]
    Name(String),
    /// The address is of no kind that dvol knows.
    #[error(
        "'{0}' is not an address of a remote: use the full path of a directory, s3://BUCKET/PATH, s3:https://HOST/BUCKET/PATH or sftp://USER@HOST/PATH"
    )]
    Address(String),
    /// The address has a password, which is not repeated.
    #[error("an address of a remote has no password: ssh and the AWS tools know where to find one")]
    Password,
    /// Plain HTTP to another machine.
    #[error(
        "'{0}' is not an address of a remote: http:// is for this machine only, use https:// or --insecure-http"
    )]
    Plain(String),
    /// The path leads out of itself.
    #[error("'{0}' is not an address of a remote: the path must have neither . nor ..")]
    Path(String),
    /// The text is neither `heads/BRANCH` nor `tags/TAG`.
    #[error("'{0}' is not a ref: a ref is heads/BRANCH or tags/TAG")]
    Ref(String),
}

impl RemoteWordError {
    /// Says that a text is no address.
    pub(super) fn of_address(text: &str) -> Self {
        if has_password(text) { RemoteWordError::Password } else { RemoteWordError::Address(text.to_owned()) }
    }
}

/// The name of a remote, valid by construction; it follows the rule for volumes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteName(String);

impl RemoteName {
    /// Returns the name that a remote has if no person chooses one: `origin`.
    pub fn origin() -> Self {
        RemoteName("origin".to_owned())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RemoteName {
    type Err = RemoteWordError;

    fn from_str(text: &str) -> Result<Self, RemoteWordError> {
        match text.parse::<VolumeName>() {
            Ok(_) => Ok(RemoteName(text.to_owned())),
            Err(_) => Err(RemoteWordError::Name(text.to_owned())),
        }
    }
}

/// A branch or a tag of a volume in a repository: `heads/master`, `tags/v1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RefName {
    /// A branch.
    Head(BranchName),
    /// A tag.
    Tag(TagName),
}

impl RefName {
    /// Returns the name of the branch or tag alone.
    pub fn short(&self) -> &str {
        match self {
            RefName::Head(branch) => branch.as_str(),
            RefName::Tag(tag) => tag.as_str(),
        }
    }
}

impl FromStr for RefName {
    type Err = RemoteWordError;

    fn from_str(text: &str) -> Result<Self, RemoteWordError> {
        let parsed = match text.split_once('/') {
            Some(("heads", branch)) => branch.parse().ok().map(RefName::Head),
            Some(("tags", tag)) => tag.parse().ok().map(RefName::Tag),
            _ => None,
        };
        parsed.ok_or_else(|| RemoteWordError::Ref(text.to_owned()))
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            RefName::Head(_) => "heads",
            RefName::Tag(_) => "tags",
        };
        f.pad(&format!("{kind}/{}", self.short()))
    }
}

macro_rules! text_newtype {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = RemoteWordError;
            fn try_from(text: String) -> Result<Self, RemoteWordError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    )*};
}
text_newtype!(RemoteName, RefName);

impl fmt::Display for RemoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where the password of a repository comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordSource {
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a shell command prints.
    Command(String),
    /// The well-known password of repositories that anybody may read.
    Public,
}

/// A remote: a repository that this pool knows by a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRecord {
    /// The volume that alone knows it; `None` if the whole pool does.
    #[serde(default)]
    pub volume: Option<VolumeName>,
    /// Its name.
    pub name: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
    /// Where its password comes from; `None` if the environment or the person is to say it.
    #[serde(default)]
    pub password: Option<PasswordSource>,
    /// The full path of the file for its master key, if that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_key: Option<PathBuf>,
}

/// What a volume is called in a remote, and what a push to it has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The remote.
    pub remote: RemoteName,
    /// The volume's name there.
    pub volume: VolumeName,
    /// The commits that a push is sending, or was when it died. No operation drops them.
    #[serde(default)]
    pub sending: Vec<CommitId>,
}

/// A branch or a tag of a remote, as it was when dvol last looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingRecord {
    /// The remote.
    pub remote: RemoteName,
    /// The branch or the tag.
    pub reference: RefName,
    /// The commit.
    pub commit: CommitId,
    /// Further commits, where pushes crossed.
    #[serde(default)]
    pub others: Vec<CommitId>,
    /// When dvol looked.
    pub fetched: Instant,
}

/// The branch of a remote that a branch follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamRecord {
    /// The branch that follows.
    pub branch: BranchName,
    /// The remote.
    pub remote: RemoteName,
    /// The branch there.
    pub follows: BranchName,
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    #[test]
    fn a_ref_is_a_branch_or_a_tag() {
        assert!(matches!("heads/feature/x".parse(), Ok(RefName::Head(_))));
        assert_eq!("tags/v1".parse::<RefName>().unwrap().short(), "v1");
        for text in ["heads/", "heads/../x", "master", "notes/x", "heads/HEAD"] {
            assert!(text.parse::<RefName>().is_err(), "{text}");
        }
    }

    quickcheck! {
        fn any_text_is_a_ref_that_prints_as_it_was_or_is_refused(text: String) -> bool {
            text.parse::<RefName>().map_or(true, |parsed| parsed.to_string() == text)
        }
    }
}
