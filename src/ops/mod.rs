//! What dvol does: one verb, one file. Each takes a pool and plain values, returns a plain struct,
//! prints nothing and reads no environment.

mod branch;
mod checkout;
mod commit;
mod config;
mod describe;
mod init;
mod list;
mod log;
mod mount;
mod remove;
mod reset;
mod status;
mod switch;
mod tag;

pub use branch::{BranchEntry, BranchList, DeletedBranch, branches, delete_branch};
pub use checkout::{CheckedOut, CheckoutRequest, checkout};
pub use commit::{CommitRequest, Committed, commit};
pub use config::{SettingEntry, set_setting, setting, settings};
pub use describe::{Description, describe, describe_all};
pub use init::{Created, create, init};
pub use list::{Listing, VolumeEntry, list};
pub use log::{Log, LogEntry, LogRequest, LogStart, log, rev_parse};
pub use mount::{mount, path, unmount};
pub use remove::{Guard, Removed, remove};
pub use reset::{ResetDone, ResetRequest, reset};
pub use status::{Status, StatusChange, status};
pub use switch::switch;
pub use tag::{DeletedTag, TagEntry, TagRequest, Tagged, delete_tag, tag, tags};
