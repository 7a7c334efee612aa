//! The records of the metadata. Each is stored as a map with named fields, so that a field can be
//! added later; an added field has a default.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::{BranchName, CommitId, MadeOn, TagName, VolumeName};

/// A point in time with the offset from UTC that the clock on the wall had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instant {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
    /// Offset from UTC in seconds, positive in the east.
    pub offset: i32,
}

impl Instant {
    /// Returns the time in its own offset.
    pub fn to_zoned(self) -> Zoned {
        let timestamp = Timestamp::from_microsecond(self.micros).unwrap_or_default();
        timestamp.to_zoned(Offset::from_seconds(self.offset).unwrap_or(Offset::UTC).to_time_zone())
    }

    /// Formats the time for people, to the minute: `2024-05-01 10:00`.
    pub fn to_minute(self) -> String {
        self.to_zoned().strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Formats the time by RFC 3339, to the second: `2024-05-01T10:00:00+02:00`.
    pub fn to_rfc3339(self) -> String {
        let zoned = self.to_zoned();
        let (date, offset) = (zoned.strftime("%Y-%m-%dT%H:%M:%S"), zoned.offset().seconds());
        match offset {
            0 => format!("{date}Z"),
            _ => format!("{date}{}", zoned.strftime("%:z")),
        }
    }
}

/// The author of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Name of the person.
    pub name: String,
    /// E-mail address; may be empty.
    pub email: String,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), self.email.as_str()) {
            (name, "") => f.write_str(name),
            (name, email) => write!(f, "{name} <{email}>"),
        }
    }
}

/// The state of the code in the work tree where a commit was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeState {
    /// URL of the remote, if there is one.
    pub remote: Option<String>,
    /// The branch; `None` if HEAD was detached.
    pub branch: Option<String>,
    /// The commit, in hex.
    pub commit: String,
    /// Whether the work tree had changes.
    pub dirty: bool,
}

/// A name under which engines find a branch: a volume, or a worktree of one. A worktree has a
/// current branch and settings of its own; the branches, commits and tags are its volume's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRecord {
    /// Name of the volume or worktree.
    pub name: VolumeName,
    /// Time when it was made.
    pub created: Instant,
    /// The current branch, which the running point names.
    pub branch: BranchName,
    /// The options that the driver got when it created the volume.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Whether a reset, a forget, an expiry or a deletion needs `--force`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub protected: bool,
    /// The volume that this is a worktree of; `None` for a volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_of: Option<VolumeName>,
    /// When a worktree may be removed without being asked for, if nothing uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// The worktree of git that a worktree was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodePlace>,
}

/// A linked worktree of git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePlace {
    /// Its directory.
    pub directory: PathBuf,
    /// git's own directory for it, which goes with it.
    pub git_dir: PathBuf,
    /// The file that has variables for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<PathBuf>,
}

impl VolumeRecord {
    /// Makes the record of a volume that was made without options.
    pub fn new(name: VolumeName, created: Instant, branch: BranchName) -> Self {
        let (worktree_of, expires, code) = (None, None, None);
        VolumeRecord {
            name,
            created,
            branch,
            options: BTreeMap::new(),
            protected: false,
            worktree_of,
            expires,
            code,
        }
    }

    /// Returns the volume whose branches, commits and tags these are: this one, or that of a
    /// worktree.
    pub fn owner(&self) -> &VolumeName {
        self.worktree_of.as_ref().unwrap_or(&self.name)
    }

    /// Returns whether this is a worktree.
    pub fn is_worktree(&self) -> bool {
        self.worktree_of.is_some()
    }
}

/// A branch of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRecord {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Name of the branch.
    pub name: BranchName,
    /// The newest commit; `None` at first.
    pub head: Option<CommitId>,
    /// Time when it was made.
    pub created: Instant,
    /// Whether a reset, a forget, an expiry or a deletion needs `--force`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub protected: bool,
}

/// A commit. Never changes once it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Id, which also names the directory of its tree.
    pub id: CommitId,
    /// The commit before it; `None` for a first commit.
    pub parent: Option<CommitId>,
    /// The author's message.
    pub message: String,
    /// The person who made it.
    pub author: Signature,
    /// Time when it was made.
    pub date: Instant,
    /// The state of the code, if it was known.
    #[serde(default)]
    pub code: Option<CodeState>,
    /// Sum of the sizes of its files in bytes, holes included; `None` if an older dvol made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether only the record is left: its tree went to trash, and may be gone from there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forgotten: bool,
    /// What wrote its files; `None` if an older dvol made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_on: Option<MadeOn>,
}

impl CommitRecord {
    /// Returns the first line of its message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// Orders commits, the newest first.
    pub fn newest_first(&self, other: &Self) -> Ordering {
        (other.date, &other.id).cmp(&(self.date, &self.id))
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A name for one commit, which keeps the commit reachable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Name of the tag.
    pub name: TagName,
    /// The commit.
    pub commit: CommitId,
    /// Time when it was made.
    pub created: Instant,
    /// The person who made it.
    pub tagger: Signature,
    /// That person's message; may be empty.
    #[serde(default)]
    pub message: String,
    /// Whether a reset, a forget, an expiry or a deletion needs `--force`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub protected: bool,
}

/// A live mount of a volume, as the engine reported it to the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The volume.
    pub volume: VolumeName,
    /// The engine's id for this mount.
    pub id: String,
    /// Time of the mount.
    pub since: Instant,
}

/// The head of a stat index: which commit the indexed entries of a working tree equal. Times are
/// seconds since the epoch and nanoseconds, by the file system's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeIndexRecord {
    /// The commit.
    pub commit: CommitId,
    /// Entries that were modified at this time or later are not trusted.
    pub modified: (i64, u32),
    /// Entries that were changed at this time or later are not trusted.
    pub changed: (i64, u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn a_commit_survives_the_way_to_disk_and_back(message: String, name: String, micros: i64, offset: i32, parent: bool, made_on: bool) -> bool {
            let id: CommitId = "0123456789abcdef0123456789abcdef".parse().unwrap();
            let record = CommitRecord {
                volume: "db".parse().unwrap(),
                id: id.clone(),
                parent: parent.then_some(id),
                message,
                author: Signature { name, email: String::new() },
                date: Instant { micros, offset },
                code: None,
                size: None,
                forgotten: false,
                made_on: made_on.then(|| MadeOn::machine("x86_64".to_owned())),
            };
            let bytes = rmp_serde::to_vec_named(&record).unwrap();
            rmp_serde::from_slice::<CommitRecord>(&bytes).unwrap() == record
        }
    }

    #[test]
    fn an_instant_is_written_with_its_offset() {
        let micros = 1_714_550_400_000_000;
        assert_eq!(Instant { micros, offset: 0 }.to_rfc3339(), "2024-05-01T08:00:00Z");
        assert_eq!(Instant { micros, offset: 7200 }.to_rfc3339(), "2024-05-01T10:00:00+02:00");
        // A damaged record is shown with a wrong date, but it is shown.
        assert!(!Instant { micros: i64::MAX, offset: i32::MAX }.to_rfc3339().is_empty());
    }

    #[test]
    fn a_record_written_before_a_field_was_added_is_read() {
        #[derive(Serialize)]
        struct Older {
            name: &'static str,
            created: Instant,
            branch: &'static str,
        }
        let older = Older { name: "db", created: Instant { micros: 1, offset: 0 }, branch: "master" };
        let record: VolumeRecord = rmp_serde::from_slice(&rmp_serde::to_vec_named(&older).unwrap()).unwrap();
        assert!(record.options.is_empty());
    }
}
