//! The reports, one file a verb: each renders what [`crate::ops`] returned as text and as JSON.

mod archive;
mod branch;
mod checkout;
mod clone;
mod commit;
mod config;
mod deleted;
mod diff;
mod doctor;
mod du;
mod ensure;
mod forget;
mod fsck;
mod gc;
mod init;
mod inspect;
mod list;
mod log;
mod ls_tree;
mod reflog;
mod rename;
mod reset;
mod restore;
mod rev_parse;
mod rm;
mod stash;
mod status;
mod tag;
mod undo;

pub use branch::{BranchStyle, BranchView};
pub use config::ConfigView;
pub use diff::{DiffStat, diff_json, diff_name, diff_name_status, diff_patch};
pub use log::{LogStyle, LogView, LogWriter, Template, log_json};
pub use ls_tree::{list_entry, list_json, list_name};
pub use rev_parse::Parsed;
pub use status::StatusView;
