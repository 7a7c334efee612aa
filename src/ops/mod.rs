//! What dvol does: one verb, one file. Each takes a pool and plain values and returns a plain
//! struct; none prints or reads the environment.

mod amend;
mod branch;
mod branch_change;
mod capture;
mod checkout;
mod clone;
mod commit;
mod commit_sizes;
mod config;
mod create;
mod deleted;
mod describe;
mod diff;
mod doctor;
mod du;
mod du_pool;
mod ensure;
mod excused;
mod export;
mod forget;
mod gc;
mod host_path;
mod image;
mod import;
mod import_replace;
mod init;
mod inspect;
mod list;
mod log;
mod log_page;
mod log_project;
mod ls_tree;
mod missing;
mod mount;
mod next_steps;
mod paths;
mod protect;
mod quick_status;
mod reachable;
mod reflog;
mod remotes;
mod remove;
mod rename;
mod reset;
mod restore;
mod restore_paths;
mod rollback;
mod stash;
mod status;
mod switch;
mod tag;
mod undo;
mod undo_as;
mod undo_project;
mod worktree;
mod would_hold;

pub use amend::{AmendRequest, Amended, amend};
pub use branch::{BranchEntry, BranchList, DeletedBranch, branches, delete_branch};
pub use branch_change::{CreatedBranch, RenamedBranch, create_branch, rename_branch};
pub use checkout::{CheckedOut, CheckoutRequest, Target, checkout, checkout_project};
pub use clone::{Cloned, clone};
pub use commit::{CommitRequest, Committed, Surroundings, commit, commit_project};
pub use commit_sizes::commit_sizes;
pub use config::{SettingEntry, set_setting, setting, settings};
pub use create::{AccessOf, create};
pub use deleted::{DeletedVolume, deleted_volumes};
pub use describe::{Description, describe, describe_all, describe_from_disk, is_bare, volumes_on_disk};
pub use diff::{DiffEntry, DiffRequest, DiffSide, DiffXattr, diff, diff_of_commit, diff_project};
pub use doctor::{Check, Health, doctor, remote_health};
pub use du::{DuEntry, Measured, Sizes, du};
pub use du_pool::{VolumeUsage, du_pool};
pub use ensure::{EnsureRequest, Ensured, Looked, Seeding, ensure};
pub use export::{Exported, MetadataLine, export, metadata};
pub use forget::{Chosen, ForgetDone, ForgottenCommit, forget};
pub use gc::{Collected, gc};
pub use host_path::{PoolPath, host_path, host_path_remedy};
pub use image::{
    CheckedImage, Destination, ImageFacts, ImageRequest, KeptPool, MovedPool, PoolInfo, RemovedImage,
    check_image, create_image, grow_image, mount_image, mount_image_if_root, move_pool, pool_info,
    remove_image, remove_kept, shrink_image, unmount_image,
};
pub use import::{Imported, VolumeUser, import, import_volume};
pub use init::{Created, init};
pub use inspect::{Inspection, inspect};
pub use list::{Listing, ProjectHere, VolumeEntry, list};
pub use log::{Log, LogChanges, LogEntry, LogRequest, LogStart, log, rev_parse};
pub use log_page::{LogPage, log_page};
pub use log_project::log_project;
pub use ls_tree::{ListedEntry, OpenedEntry, TreePath, open_entry};
pub use missing::{check_mounted, check_unknown_to_engine};
pub use mount::{mount, path, unmount};
pub use next_steps::{NextSteps, PastStep, next_steps};
pub use paths::shown;
pub use protect::{ProtectDone, ProtectedEntry, protect, protected};
pub use quick_status::{Bytes, QuickStatus, StatusCache, quick_status};
pub use reflog::{ReflogEntry, reflog, reflog_of_all};
pub use remotes::{
    Access, CloneRequest, ClonedFrom, DataReceived, FetchRequest, Fetched, FetchedRef, Force, PullRequest,
    Pulled, PushRequest, PushSpec, Pushed, PushedRef, RefOutcome, RemoteAdded, RemoteBranch, RemoteChange,
    RemoteEntry, RemoteRef, RemoteRefs, RemoteShown, RemoteSwept, RemoteUse, Tags, UpstreamSet,
    UpstreamState, add_remote, clone_from, fetch, fetch_state, find_remote, ls_remote, pull, push,
    remote_branches, remote_key_file, remotes, remove_remote, rename_remote, set_remote_url, set_upstream,
    show_remote, sweep_remote, upstream_state,
};
pub use remove::{Guard, Removed, check_removable, check_unused, purge, remove};
pub use rename::{Renamed, rename};
pub use reset::{ResetDone, ResetRequest, reset, reset_project};
pub use restore_paths::{PathsRestored, RestoreRequest, restore_paths};
pub use rollback::{Snapshot, rollback, snapshot};
pub use stash::{StashEntry, Stashed, stash, stash_apply, stash_drop, stash_push, stashes};
pub use status::{Status, StatusChange, status, status_project};
pub use switch::switch;
pub use tag::{DeletedTag, TagEntry, TagRequest, Tagged, delete_tag, tag, tags};
pub use undo::{NextStep, Undone, redo, redo_project, undo, undo_project};
pub use undo_as::undo_as;
pub use worktree::{
    AddedWorktree, PruneScope, PrunedWorktrees, RemovedWorktree, WorktreeBranch, WorktreeEntry,
    WorktreeRequest, add_worktree, prune_worktrees, remove_worktree, worktrees,
};
pub use would_hold::{WouldHold, would_hold};
