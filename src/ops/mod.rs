//! What dvol does: one verb, one file. Each takes a pool and plain values, returns a plain struct,
//! prints nothing and reads no environment.

mod amend;
mod branch;
mod branch_change;
mod checkout;
mod clone;
mod commit;
mod config;
mod describe;
mod held;
mod init;
mod inspect;
mod list;
mod log;
mod mount;
mod remove;
mod rename;
mod reset;
mod rollback;
mod status;
mod switch;
mod tag;

pub use amend::{AmendRequest, Amended, amend};
pub use branch::{BranchEntry, BranchList, DeletedBranch, branches, delete_branch};
pub use branch_change::{CreatedBranch, RenamedBranch, create_branch, rename_branch};
pub use checkout::{CheckedOut, CheckoutRequest, Target, checkout};
pub use clone::{Cloned, clone};
pub use commit::{CommitRequest, Committed, commit};
pub use config::{SettingEntry, set_setting, setting, settings};
pub use describe::{Description, describe, describe_all};
pub use init::{Created, create, init};
pub use inspect::{Inspection, inspect};
pub use list::{Listing, VolumeEntry, list};
pub use log::{Log, LogEntry, LogRequest, LogStart, log, rev_parse};
pub use mount::{mount, path, unmount};
pub use remove::{Guard, Removed, remove};
pub use rename::{Renamed, rename};
pub use reset::{ResetDone, ResetRequest, reset};
pub use rollback::{Snapshot, rollback, snapshot};
pub use status::{Status, StatusChange, status};
pub use switch::switch;
pub use tag::{DeletedTag, TagEntry, TagRequest, Tagged, delete_tag, tag, tags};
