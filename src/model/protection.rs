//! What can be protected: a branch, a tag, a worktree or a whole volume.

use std::fmt;

use super::{BranchName, TagName, VolumeName};

/// What can be protected in a volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protectable {
    /// The volume, with all its branches, tags and commits.
    Volume,
    /// The worktree of this name, with the branch that it shows.
    Worktree(VolumeName),
    /// A branch, with the commits that lead to its head.
    Branch(BranchName),
    /// A tag, with its commit.
    Tag(TagName),
}

impl Protectable {
    /// Returns the kind: "volume", "worktree", "branch" or "tag".
    pub fn kind(&self) -> &'static str {
        match self {
            Protectable::Volume => "volume",
            Protectable::Worktree(_) => "worktree",
            Protectable::Branch(_) => "branch",
            Protectable::Tag(_) => "tag",
        }
    }

    /// Returns the name of the branch or tag.
    pub fn name(&self) -> Option<&str> {
        match self {
            Protectable::Volume | Protectable::Worktree(_) => None,
            Protectable::Branch(branch) => Some(branch.as_str()),
            Protectable::Tag(tag) => Some(tag.as_str()),
        }
    }

    /// Returns the word that `dvol protect` takes for it.
    pub fn operand(&self, volume: &VolumeName) -> String {
        match (self, self.name()) {
            (_, Some(name)) => format!("{volume}:{name}"),
            (Protectable::Worktree(worktree), None) => worktree.to_string(),
            (_, None) => volume.to_string(),
        }
    }
}

impl fmt::Display for Protectable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.name()) {
            (_, Some(name)) => write!(f, "{} {name}", self.kind()),
            (Protectable::Worktree(worktree), None) => write!(f, "worktree {worktree}"),
            (_, None) => f.write_str("the whole volume"),
        }
    }
}
