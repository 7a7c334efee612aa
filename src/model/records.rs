//! The records that metadata consists of. Each is stored as a map with named fields, so that a
//! field can be added; a field that came later has a default.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::{BranchName, CommitId, TagName, VolumeName};

/// A point in time as a person saw it: microseconds since 1970-01-01T00:00:00Z, and how many
/// seconds east of UTC the clock on the wall stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Instant {
    /// Microseconds since the epoch.
    pub micros: i64,
    /// Offset from UTC in seconds, east is positive.
    pub offset: i32,
}

impl Instant {
    /// The point in time with the offset that it was seen at.
    pub fn to_zoned(self) -> Zoned {
        let timestamp = Timestamp::from_microsecond(self.micros).unwrap_or_default();
        timestamp.to_zoned(Offset::from_seconds(self.offset).unwrap_or(Offset::UTC).to_time_zone())
    }

    /// As RFC 3339 has it: `2024-05-01T10:00:00+02:00`, to the second.
    pub fn to_rfc3339(self) -> String {
        let zoned = self.to_zoned();
        let (date, offset) = (zoned.strftime("%Y-%m-%dT%H:%M:%S"), zoned.offset().seconds());
        match offset {
            0 => format!("{date}Z"),
            _ => format!("{date}{}", zoned.strftime("%:z")),
        }
    }
}

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// A person's name.
    pub name: String,
    /// An e-mail address; may be empty.
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

/// The state of the code that a commit was made beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeState {
    /// The URL of the remote, where there is one.
    pub remote: Option<String>,
    /// The branch, unless HEAD was detached.
    pub branch: Option<String>,
    /// The commit, in hex.
    pub commit: String,
    /// Whether the work tree had changes.
    pub dirty: bool,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRecord {
    /// Its name.
    pub name: VolumeName,
    /// When it was made.
    pub created: Instant,
    /// The branch that its running point names.
    pub branch: BranchName,
    /// The options that the driver was given when it made the volume.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// A branch of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRecord {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Its name.
    pub name: BranchName,
    /// The newest commit; none at first.
    pub head: Option<CommitId>,
    /// When it was made.
    pub created: Instant,
}

/// A commit. Never changes once it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Its id; also the name of its tree's directory.
    pub id: CommitId,
    /// The commit before it on its branch.
    pub parent: Option<CommitId>,
    /// What the author said.
    pub message: String,
    /// Who made it.
    pub author: Signature,
    /// When it was made.
    pub date: Instant,
    /// The code that it was made beside, where that was known.
    #[serde(default)]
    pub code: Option<CodeState>,
}

/// A name for one commit, which holds it: no reset and no deleted branch drops it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// Its name.
    pub name: TagName,
    /// The commit.
    pub commit: CommitId,
    /// When it was made.
    pub created: Instant,
    /// Who made it.
    pub tagger: Signature,
    /// What that person said of it; may be empty.
    #[serde(default)]
    pub message: String,
}

/// One live mount of a volume, as the driver was told by Mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The volume.
    pub volume: VolumeName,
    /// The engine's id for this mount.
    pub id: String,
    /// When it was mounted.
    pub since: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn a_commit_survives_the_way_to_disk_and_back(message: String, name: String, micros: i64, offset: i32, parent: bool) -> bool {
            let id: CommitId = "0123456789abcdef0123456789abcdef".parse().unwrap();
            let record = CommitRecord {
                volume: "db".parse().unwrap(),
                id: id.clone(),
                parent: parent.then_some(id),
                message,
                author: Signature { name, email: String::new() },
                date: Instant { micros, offset },
                code: None,
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
        // A damaged record is shown wrong, but shown.
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
