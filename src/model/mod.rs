//! Pure values: names, ids, revisions, records, operations. No file, no clock, no environment.
//!
//! A value that exists is valid: the code that reads input parses it once, and everything else
//! carries the newtype.

mod changes;
mod date;
mod globs;
mod id;
mod image;
mod keep;
mod made_on;
mod names;
mod operation;
mod pattern;
mod plain;
mod protection;
mod quiesce;
mod records;
mod remote;
mod remote_url;
mod revision;
mod words;

pub use changes::{Row, RowChange};
pub use date::{DateError, Daytime};
pub use globs::Globs;
pub use id::{CommitId, IdError, OperationId};
pub use image::ImageKind;
pub use keep::{Age, Keep};
pub use made_on::{ImageUse, MadeOn};
pub use names::{BranchName, NameError, ProjectName, TagName, VolumeName};
pub use operation::{HeldContainer, HoldMode, Joint, Move, Operation, Phase, Plan, Reach, Renaming, Verb};
pub use pattern::matches;
pub use plain::{escape, is_control, plain, plain_lines};
pub use protection::Protectable;
pub use quiesce::{Quiesce, QuiesceError};
pub use records::{
    Binding, BranchRecord, CodePlace, CodeState, CommitRecord, Instant, Signature, TagRecord,
    TreeIndexRecord, VolumeRecord,
};
pub use remote::{
    LinkRecord, PasswordSource, RefName, RemoteName, RemoteRecord, RemoteWordError, TrackingRecord,
    UpstreamRecord,
};
pub use remote_url::{BucketUrl, RemoteUrl, SshUrl};
pub use revision::{Base, Range, Revision, RevisionError, Step};
pub use words::{age, count, entries, format_size, named, one_of};
