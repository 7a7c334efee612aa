//! Names each error for scripts: the code in the JSON of an error. A code never changes, whatever
//! becomes of the words.

use std::io;

use super::errors::is_interrupt;
use super::output::Failure;
use crate::containers::ContainerError;
use crate::error::Error;
use crate::remotes::RemoteError;
use crate::store::StoreError;
use crate::sys::error::DiskError;
use crate::sys::image::ImageError;
use crate::sys::locks::LockError;

/// The code of a command line that is wrong.
pub(super) const USAGE: &str = "usage";

/// Returns the code of a failure.
pub(super) fn of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Pool(error) if is_interrupt(error) => "interrupted",
        Failure::Pool(error) => of_error(error),
        Failure::Usage(_) => USAGE,
        Failure::NotConfirmed { .. } => "not_confirmed",
        Failure::Serve(_) | Failure::Ui(_) => "cannot_serve",
        Failure::Failed(_) => "failed",
        Failure::Named { code, .. } => code,
        Failure::Output(_) => "output",
    }
}

fn of_error(error: &Error) -> &'static str {
    match error {
        Error::NoVolume(_) | Error::NoVolumeToRemove(_) => "no_volume",
        Error::NoCurrentVolume => "no_current_volume",
        Error::VolumeExists(_) => "volume_exists",
        Error::NameElsewhere { .. } => "name_elsewhere",
        Error::NoBranch { .. } => "no_branch",
        Error::BranchExists { .. } => "branch_exists",
        Error::NoTag { .. } => "no_tag",
        Error::TagExists { .. } => "tag_exists",
        Error::NameTaken { .. } => "name_taken",
        Error::CurrentBranch { .. } => "current_branch",
        Error::CheckedOut { .. } => "checked_out",
        Error::Overlaps(_) => "overlaps",
        Error::HasWorktrees { .. } => "has_worktrees",
        Error::NotAWorktree(_) => "not_a_worktree",
        Error::NoWorktree(_) => "no_worktree",
        Error::Unmerged { .. } => "unmerged",
        Error::Protected { .. } => "protected",
        Error::NothingToProtect { .. } => "nothing_to_protect",
        Error::NoProject(_) => "no_project",
        Error::AmbiguousVolume { .. } => "ambiguous_volume",
        Error::Name(_) => "invalid_name",
        Error::Id(_) => "invalid_id",
        Error::Revision(_) => "invalid_revision",
        Error::NoCommits { .. } => "no_commits",
        Error::UnknownRevision { .. } => "unknown_revision",
        Error::UnknownOperand { .. } => "unknown_operand",
        Error::AmbiguousRevision { .. } => "ambiguous_revision",
        Error::Dropped { .. } => "dropped",
        Error::Forgotten { .. } => "forgotten",
        Error::CannotForget { .. } => "cannot_forget",
        Error::NotJoint { .. } => "not_joint",
        Error::PastRoot { .. } => "past_root",
        Error::NoSuchParent(_) => "no_such_parent",
        Error::NoSuchPast { .. } => "no_such_past",
        Error::NoBranchBefore { .. } => "no_branch_before",
        Error::OtherVolume { .. } => "other_volume",
        Error::NoRemote(_) => "no_remote",
        Error::RemoteExists(_) => "remote_exists",
        Error::RemoteWord(_) => "invalid_remote",
        Error::Elsewhere { .. } => "elsewhere",
        Error::NoUpstream { .. } => "no_upstream",
        Error::NoRemoteRef { .. } => "no_remote_ref",
        Error::NoRemoteVolume { .. } => "no_remote_volume",
        Error::Diverged { .. } => "diverged",
        Error::OtherArchitecture { .. } => "other_architecture",
        Error::CrossedRef { .. } => "crossed_ref",
        Error::OtherSums(_) => "other_sums",
        Error::Remote(error) => of_remote(error),
        Error::NoPath { .. } | Error::NoPathAnywhere { .. } => "no_path",
        Error::NoStash { .. } => "no_stash",
        Error::StashConflict { .. } => "stash_conflict",
        Error::NoContent { .. } => "no_content",
        Error::NoMessage => "no_message",
        Error::Dirty { .. } | Error::DirtyTarget { .. } | Error::DirtyPull { .. } => "uncommitted_changes",
        Error::HardRequired(_) => "hard_required",
        Error::Disturbed(_) => "disturbed",
        Error::NothingToUndo(_) => "nothing_to_undo",
        Error::NothingToRedo { .. } => "nothing_to_redo",
        Error::AlreadyUndone { .. } => "already_undone",
        Error::UndoInUse { .. } | Error::InUse { .. } => "in_use",
        Error::NotDeleted(_) => "not_deleted",
        Error::CannotUndo { .. } => "cannot_undo",
        Error::StillTagged { .. } => "still_tagged",
        Error::NoSpace { .. } => "no_space",
        Error::TooLarge { .. } => "too_large",
        Error::BadArchive(_) | Error::Extract(_) => "bad_archive",
        Error::NoForeignVolume(_) => "no_foreign_volume",
        Error::OwnVolume(_) => "own_volume",
        Error::UnknownSetting(_) => "unknown_setting",
        Error::GlobalSetting(_) => "global_setting",
        Error::BadSetting { .. } => "bad_setting",
        Error::BadOption { .. } => "bad_option",
        Error::OtherOptions { .. } => "other_options",
        Error::Unstoppable { .. } | Error::RunsOnce { .. } => "unstoppable",
        Error::DriverSilent { .. } => "driver_silent",
        Error::NotQuiesced(_) => "not_quiesced",
        Error::OutOfReach(_) => "out_of_reach",
        Error::NoPool(_) => "no_pool",
        Error::PoolInContainer { .. } => "pool_in_container",
        Error::PoolMissing { .. } | Error::PoolNotMounted { .. } | Error::PoolOfEngine { .. } => {
            "pool_missing"
        }
        Error::PoolOnHost { .. } => "pool_on_host",
        Error::ImageNotMounted { .. } => "image_not_mounted",
        Error::NoImage(_) => "no_image",
        Error::ImageExists(_) => "image_exists",
        Error::OtherMount(_) | Error::NotEmpty(_) => "place_taken",
        Error::OldPool(_) => "old_pool",
        Error::NoOldPool(_) => "no_old_pool",
        Error::ImageTooSmall { .. } => "image_too_small",
        Error::CannotShrink { .. } => "cannot_shrink",
        Error::NotOnline { .. } => "not_online",
        Error::HostFull { .. } => "no_space",
        Error::PoolInUse(_) => "in_use",
        Error::CopyDiffers { .. } => "disturbed",
        Error::Image(error) => of_image(error),
        Error::PreCommit { .. } => "pre_commit",
        Error::NotReleased { .. } => "not_released",
        Error::Container(error) => of_engine(error),
        Error::Damaged(_) => "damaged",
        Error::Changed(_) => "changed",
        Error::Interrupted => "interrupted",
        Error::Store(error) => of_store(error),
        Error::Disk(error) => of_disk(error),
        Error::Lock(error) => of_lock(error),
    }
}

fn of_engine(error: &ContainerError) -> &'static str {
    match error {
        ContainerError::Unreachable { .. } => "engine_unreachable",
        ContainerError::Denied { .. } => "engine_denied",
        ContainerError::DriverSilent { .. } => "driver_silent",
        ContainerError::WillNotStop { .. } => "will_not_stop",
        _ => "engine",
    }
}

fn of_remote(error: &RemoteError) -> &'static str {
    match error {
        RemoteError::NoRepository(_) => "no_repository",
        RemoteError::WrongPassword(_) => "wrong_password",
        RemoteError::KeptKey(_) => "kept_key",
        RemoteError::Locked { .. } => "remote_locked",
        RemoteError::Busy { .. } => "remote_busy",
        RemoteError::Uncertain { .. } => "uncertain",
        RemoteError::Interrupted | RemoteError::PushInterrupted(_) | RemoteError::SweepInterrupted => {
            "interrupted"
        }
        RemoteError::Disk(error) => of_disk(error),
        _ => "remote",
    }
}

fn of_image(error: &ImageError) -> &'static str {
    match error {
        ImageError::NoProgram { .. } => "no_program",
        ImageError::InUse { .. } | ImageError::Busy(_) => "in_use",
        ImageError::NoLoopDevice { .. } => "no_loop_device",
        ImageError::NotAnImage(_) => "no_image",
        ImageError::Hidden { .. } => "image_hidden",
        ImageError::Program { .. } => "image",
        ImageError::Disk(error) => of_disk(error),
    }
}

fn of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Newer { .. } => "newer_pool",
        StoreError::Conflict(_) => "changed",
        StoreError::Lock(error) => of_lock(error),
        StoreError::Disk(error) => of_disk(error),
        _ => "damaged",
    }
}

fn of_disk(error: &DiskError) -> &'static str {
    match error.source.kind() {
        io::ErrorKind::PermissionDenied => "permission_denied",
        _ if error.is_no_space() => "no_space",
        _ => "disk",
    }
}

fn of_lock(error: &LockError) -> &'static str {
    match error {
        LockError::TimedOut { .. } => "lock_timeout",
        LockError::Interrupted => "interrupted",
        LockError::Disk(error) => of_disk(error),
    }
}
