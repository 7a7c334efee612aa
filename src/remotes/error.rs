//! Says why something with a remote was refused or failed.

use std::io;

use crate::model::{CommitId, RefName, count};
use crate::sys::error::DiskError;

/// A refused or failed use of a remote.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// A call to where the repository lies failed.
    #[error("cannot {action} {what} at {url}: {source}")]
    Storage {
        /// A verb phrase: "write", "list".
        action: &'static str,
        /// The object that the call named.
        what: String,
        /// The address.
        url: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The address or what gives access to it cannot be used.
    #[error("cannot use {url}: {source}")]
    Place {
        /// The address.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// There is no repository.
    #[error("cannot open the repository at {0}: there is none")]
    NoRepository(String),
    /// Something else lies where a repository is to be made.
    #[error("cannot make a repository at {url}: {found} lies there already")]
    NotEmpty {
        /// The address.
        url: String,
        /// A name of what lies there.
        found: String,
    },
    /// The password opens no key.
    #[error("cannot open the repository at {0}: the password is wrong")]
    WrongPassword(String),
    /// The key that was kept opens the repository no more.
    #[error("cannot open the repository at {0}: the kept key is not its key")]
    KeptKey(String),
    /// The repository is damaged, or its library failed.
    #[error("cannot {action} the repository at {url}: {reason}")]
    Repository {
        /// A verb: "read", "check".
        action: &'static str,
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// Another process works alone on the repository.
    #[error(
        "cannot use the repository at {url}: {user} on {host} (process {pid}) has locked it since {since}"
    )]
    Locked {
        /// The address.
        url: String,
        /// Whose lock it is.
        user: String,
        /// That process's host.
        host: String,
        /// That process.
        pid: u32,
        /// When, in words.
        since: String,
    },
    /// Another process pushes to the same ref again and again.
    #[error("cannot move {reference}: others are pushing to it")]
    Busy {
        /// The ref.
        reference: RefName,
    },
    /// The last step of a push failed, but may have been done.
    #[error("not known whether {reference} was moved: {source}")]
    Uncertain {
        /// The ref.
        reference: RefName,
        /// What failed.
        source: Box<RemoteError>,
    },
    /// A person ended it.
    #[error("interrupted")]
    Interrupted,
    /// A person ended a push, which had moved these refs by then.
    #[error("interrupted{}", after(.0))]
    PushInterrupted(Vec<RefName>),
    /// A person ended a deletion of what nothing needs.
    #[error("interrupted")]
    SweepInterrupted,
    /// A tree could not be read as a whole while it was sent.
    #[error("cannot send commit {}: {}{}", id.short(), reasons.first().map_or("", String::as_str), more(reasons.len()))]
    Unread {
        /// The commit.
        id: CommitId,
        /// What could not be read, and why.
        reasons: Vec<String>,
    },
    /// What the repository has of a commit is not what its record says.
    #[error("cannot receive commit {}: {reason}", id.short())]
    Unlike {
        /// The commit.
        id: CommitId,
        /// What differs.
        reason: String,
    },
    /// A file of this machine failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

fn after(moved: &[RefName]) -> String {
    let moved: Vec<&str> = moved.iter().map(RefName::short).collect();
    if moved.is_empty() { String::new() } else { format!(" after {} had moved", moved.join(", ")) }
}

fn more(reasons: usize) -> String {
    if reasons > 1 { format!(", and {} more", count(reasons - 1, "error")) } else { String::new() }
}
