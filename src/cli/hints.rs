//! Hints: what to do next after an error, as an imperative with the command to type.

mod image;

use std::io;

use super::errors::is_interrupt;
use super::{similar, space};
use crate::containers::ContainerError;
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{self, DeletedVolume, host_path_remedy};
use crate::pool::{Pool, SETTINGS};
use crate::remotes::{RemoteError, Unreachable};
use crate::store::StoreError;
use crate::sys::error::DiskError;
use crate::sys::locks::LockError;
use crate::sys::obstacle::Obstacle;
use crate::sys::tree::{Compression, ExtractError};

/// Returns the hints for an error, the most likely first. The pool, if there is one, knows similar
/// names.
pub(super) fn hints(error: &Error, pool: Option<&Pool>) -> Vec<String> {
    let Some(pool) = pool else { return for_error(error) };
    // A name of another kind explains the error on its own.
    if let Some(other) = similar::of_another_kind(pool, error) {
        return vec![other];
    }
    let mut found: Vec<_> = similar::hint(pool, error).into_iter().collect();
    found.extend(similar::candidates(pool, error));
    found.extend(for_pool(pool, error).unwrap_or_else(|| for_error(error)));
    found
}

/// Says what to do about a host that cannot be reached, if that is why a remote failed.
fn unreachable(error: &io::Error) -> Option<String> {
    Some(match error.get_ref()?.downcast_ref()? {
        Unreachable::Name(_) => "check the host in the address: dvol remote -v".to_owned(),
        Unreachable::Tls { .. } => {
            "if an authority of your own signed its certificate, name that of the authority: \
             SSL_CERT_FILE=FILE"
                .to_owned()
        }
    })
}

/// Names the command that repairs what an error reports, if one does.
pub(super) fn repair(error: &Error) -> Option<String> {
    match error {
        Error::Store(StoreError::Damaged { .. } | StoreError::Missing { .. }) => {
            Some("rebuild the metadata from its second copy: dvol fsck --repair".to_owned())
        }
        Error::Store(StoreError::Newer { .. }) => Some("use the newer dvol that wrote it".to_owned()),
        Error::PoolMissing { list, .. } => Some(format!(
            "mount it, or, if you deleted the pool, make another: dvol init --new-pool NAME \
             (the driver's list is {})",
            list.display()
        )),
        Error::PoolNotMounted { at, .. } => Some(format!(
            "mount it: mount {}; to make another pool there all the same: dvol init --new-pool NAME",
            at.display()
        )),
        Error::PoolOfEngine { .. } => Some(
            "mount the file system of the pool; if you deleted the pool, make another: \
             dvol init --new-pool NAME"
                .to_owned(),
        ),
        // docker volume rm has no flag that gets past it.
        Error::Protected { volume, what, .. } => {
            Some(format!("end the protection: dvol unprotect {}", what.operand(volume)))
        }
        error => image::repair(error).or_else(|| host_path_remedy(error)),
    }
}

/// Returns the hints that depend on what is in the pool.
fn for_pool(pool: &Pool, error: &Error) -> Option<Vec<String>> {
    match error {
        Error::NoVolume(name) | Error::NoVolumeToRemove(name) => match deleted(pool, name) {
            Some(way) => Some([way].into_iter().chain(for_error(error)).collect()),
            None => no_volumes(pool),
        },
        Error::NoCurrentVolume => no_volumes(pool),
        Error::UndoInUse { volume, containers, .. } => {
            let mut found = vec![format!("remove the containers first: docker rm {}", containers.join(" "))];
            found.extend(deleted(pool, volume));
            Some(found)
        }
        error if image::is_of_host(pool, error) => Some(image::host_ways(pool)),
        error if is_no_space(error) => Some(space::ways(pool)),
        // Another program has been at the pool.
        Error::Disk(error) if error.source.kind() == io::ErrorKind::NotFound => {
            let is_ours = error.path.starts_with(pool.layout().root());
            is_ours.then(|| vec!["check what else is missing in the pool: dvol fsck".to_owned()])
        }
        _ => None,
    }
}

/// Says what to do about a pool without volumes.
fn no_volumes(pool: &Pool) -> Option<Vec<String>> {
    let is_empty = pool.store().read(|rows| rows.volumes()).is_ok_and(|volumes| volumes.is_empty());
    is_empty.then(|| vec!["the pool has no volumes; create one: dvol init NAME".to_owned()])
}

/// Says how a deleted volume of this name comes back.
fn deleted(pool: &Pool, name: &VolumeName) -> Option<String> {
    let found = ops::deleted_volumes(pool).ok()?.into_iter().find(|one| one.volume == *name)?;
    Some(format!("bring the deleted volume back: {}", way_back(&found)))
}

/// Returns the command that brings a deleted volume back.
pub(super) fn way_back(deleted: &DeletedVolume) -> String {
    let DeletedVolume { volume, operation, .. } = deleted;
    match deleted.taken {
        true => format!("dvol undo {volume} --as NEW --operation {operation}"),
        false => format!("dvol undo {volume}"),
    }
}

/// Returns the hints that depend on the error alone.
fn for_error(error: &Error) -> Vec<String> {
    match error {
        Error::NoPool(_) => vec![
            "create the pool and its first volume: dvol init NAME".to_owned(),
            "if it is elsewhere, name it with --pool or DVOL_POOL".to_owned(),
        ],
        Error::NoVolume(_) | Error::NoVolumeToRemove(_) => vec!["list the volumes: dvol list".to_owned()],
        Error::NoCurrentVolume => vec![
            "name a volume as the last operand or with -C".to_owned(),
            "choose a current volume: dvol switch VOLUME".to_owned(),
        ],
        Error::NameElsewhere { volume, .. } => vec![
            "choose another name".to_owned(),
            format!("keep what the engine's volume holds: dvol import --from-docker {volume} NEW"),
            format!("or delete the engine's volume: docker volume rm {volume}"),
        ],
        Error::VolumeExists(name) => vec![
            format!("make it the current volume: dvol switch {name}"),
            "or choose a name that is not taken; list the others: dvol list".to_owned(),
        ],
        Error::NoBranch { volume, branch } => vec![
            format!("list the branches: dvol branch {volume}"),
            format!("create the branch: dvol checkout -b {branch} {volume}"),
        ],
        Error::NoPath { id, volume, .. } | Error::NoPathAnywhere { id, volume, .. } => {
            vec![format!("list the files of the commit: dvol ls-tree -r {} -C {volume}", id.short())]
        }
        Error::NoStash { volume, .. } => vec![format!("list the stashes: dvol stash list -C {volume}")],
        Error::StashConflict { volume, base: Some(base), .. } => vec![format!(
            "bring it back where it was made: dvol checkout -b NAME {} {volume}, then dvol stash pop",
            base.short()
        )],
        Error::NoContent { id, volume, path } => {
            vec![format!("see what it is: dvol ls-tree {} '{path}' -C {volume}", id.short())]
        }
        Error::NoBranchBefore { volume, .. } => vec![format!("list the branches: dvol branch {volume}")],
        Error::BranchExists { volume, branch } => {
            vec![format!("switch to it: dvol checkout {branch} {volume}")]
        }
        Error::NoTag { volume, .. } => vec![format!("list the tags: dvol tag -C {volume}")],
        Error::TagExists { tag, volume } => {
            vec![format!("move the tag: dvol tag -f {tag} REVISION {volume}")]
        }
        Error::NameTaken { .. } => {
            vec!["choose another name: a branch and a tag cannot share one".to_owned()]
        }
        Error::NoCommits { volume, .. } => {
            vec![format!("create the first commit: dvol commit -m MESSAGE {volume}")]
        }
        Error::UnknownRevision { volume, .. } | Error::PastRoot { volume, .. } => {
            vec![format!("list the commits: dvol log {volume}")]
        }
        Error::UnknownOperand { volume, .. } => {
            vec![format!("list the commits: dvol log {volume}"), "list the volumes: dvol list".to_owned()]
        }
        Error::AmbiguousRevision { .. } => vec!["give more digits".to_owned()],
        Error::Elsewhere { volume, id, remotes } => match remotes.first() {
            Some(remote) => vec![format!("bring it here: dvol fetch {remote} {} -C {volume}", id.short())],
            None => vec!["add the remote that has it: dvol remote add NAME URL".to_owned()],
        },
        Error::NoRemote(_) => vec![
            "list the remotes: dvol remote -v".to_owned(),
            "add one: dvol remote add NAME URL".to_owned(),
        ],
        Error::RemoteExists(name) => vec![format!("change its address: dvol remote set-url {name} URL")],
        Error::NoUpstream { volume, branch } => {
            vec![format!("push it so that it follows one: dvol push -u origin {branch} -C {volume}")]
        }
        Error::NoRemoteRef { url, volume, .. } => {
            vec![format!("list what the remote has: dvol ls-remote {url}/{volume}")]
        }
        Error::NoRemoteVolume { url, .. } => {
            vec![format!("list what the remote has: dvol ls-remote {url}")]
        }
        Error::Diverged { volume, branch, upstream, .. } => vec![
            format!(
                "keep yours under another name, then go on with theirs: dvol branch mine {branch} {volume}, then dvol reset --hard {upstream} {volume}"
            ),
            format!("or give up theirs: dvol push --force-with-lease -C {volume}"),
        ],
        Error::OtherArchitecture { .. } => {
            vec!["a database may not start on these files; if it does not matter, add --force".to_owned()]
        }
        Error::CrossedRef { volume, remote, .. } => vec![
            format!("see the commits: dvol log --all {volume}"),
            format!("choose one of them: dvol push --force {remote} COMMIT:BRANCH -C {volume}"),
        ],
        Error::DirtyPull { volume, .. } => vec![
            format!("commit the changes, or put them aside: dvol stash -C {volume}"),
            format!("see what changed: dvol status {volume}"),
        ],
        Error::Remote(RemoteError::NoRepository(_)) => {
            vec!["check the address; the first dvol push makes the repository".to_owned()]
        }
        Error::Remote(RemoteError::WrongPassword(_)) => {
            vec!["name the file of the right one: --password-file FILE".to_owned()]
        }
        Error::Remote(RemoteError::KeptKey(_)) => {
            vec!["name the file of its password, and its key is kept anew: --password-file FILE".to_owned()]
        }
        Error::Remote(RemoteError::NotEmpty { .. }) => {
            vec!["name an empty directory, or one that does not exist yet".to_owned()]
        }
        Error::Remote(RemoteError::Storage { source, .. }) => unreachable(source).into_iter().collect(),
        Error::Remote(RemoteError::PushInterrupted(_)) => {
            vec!["push again: what was sent is not sent twice".to_owned()]
        }
        Error::Remote(RemoteError::SweepInterrupted) => {
            vec!["run it again: it goes on where it was".to_owned()]
        }
        Error::Remote(RemoteError::Uncertain { .. }) => {
            vec!["see where it is: dvol fetch".to_owned()]
        }
        Error::Forgotten { volume, .. } => {
            vec![format!("list the commits; those that are not marked have their data: dvol log {volume}")]
        }
        Error::CannotForget { volume, .. } => {
            vec![format!("list the commits with their branches and tags: dvol log {volume}")]
        }
        Error::Dropped { .. } => vec!["show how long trash is kept: dvol config trash.keep".to_owned()],
        Error::NothingToRedo { cut: Some(_), .. } => {
            vec!["list the operations, which dvol undo --operation takes: dvol reflog VOLUME".to_owned()]
        }
        Error::AlreadyUndone { volume, .. } => vec![format!("do it again: dvol redo {volume}")],
        Error::NotDeleted(_) => vec!["list the deleted volumes: dvol list --deleted".to_owned()],
        Error::NothingToUndo(_) => vec!["list the operations: dvol reflog VOLUME".to_owned()],
        Error::NoSuchPast { volume, .. } | Error::CannotUndo { volume, .. } => {
            vec![format!("list the operations: dvol reflog {volume}")]
        }
        Error::StillTagged { volume, tag, .. } => {
            vec![format!("give up the snapshot: dvol tag -C {volume} -d {tag}")]
        }
        Error::Dirty { volume, branch } => vec![
            format!("commit the changes: dvol commit -m MESSAGE {volume}"),
            format!("switch anyway with -f: the changes stay in branch {branch}, nothing is lost"),
            format!("see what changed: dvol status {volume}"),
        ],
        Error::DirtyTarget { .. } => vec![
            "switch to that branch and commit the changes first".to_owned(),
            "discard the changes with -f".to_owned(),
        ],
        Error::HardRequired(_) => vec![
            "replace it, uncommitted changes included: dvol reset --hard".to_owned(),
            "dvol undo brings uncommitted changes back".to_owned(),
        ],
        Error::InUse { containers, .. } => {
            vec![format!("remove the containers first: docker rm {}", containers.join(" "))]
        }
        Error::CheckedOut { branch, place, volume } => {
            let mut ways = vec![
                format!("work on it where it is: dvol status {place}"),
                format!("make another branch from it: dvol worktree add NAME -b NEW {volume}:{branch}"),
            ];
            if place != volume {
                ways.push(format!("remove that worktree; its branch stays: dvol worktree remove {place}"));
            }
            ways
        }
        Error::HasWorktrees { worktrees, .. } => worktrees
            .iter()
            .map(|name| format!("remove it first; its branch stays: dvol worktree remove {name}"))
            .collect(),
        Error::NoWorktree(_) => vec!["list the worktrees: dvol worktree list".to_owned()],
        Error::NotAWorktree(volume) => vec![format!("delete the volume: dvol rm {volume}")],
        Error::CurrentBranch { volume, .. } => {
            vec![format!("switch to another branch first: dvol checkout BRANCH {volume}")]
        }
        Error::Unmerged { volume, branch, .. } => {
            vec![format!("delete it anyway: dvol branch -D {branch} {volume}")]
        }
        Error::Protected { volume, what, .. } => vec![
            format!("end the protection: dvol unprotect {}", what.operand(volume)),
            "or do it all the same with --force".to_owned(),
        ],
        Error::NothingToProtect { volume, .. } => vec![
            format!("list the branches: dvol branch {volume}"),
            format!("list the tags: dvol tag -C {volume}"),
        ],
        Error::NoMessage => vec!["give a message: dvol commit -m MESSAGE".to_owned()],
        error if is_no_space(error) => vec![space::LOOK.to_owned()],
        Error::TooLarge { volume, .. } => vec![
            "delete files in the volume".to_owned(),
            format!("raise the limit: dvol config -C {volume} volume.max-size SIZE"),
        ],
        Error::NotJoint { .. } => vec![
            "list the commits of the project: dvol log --project NAME".to_owned(),
            "name a branch, a tag or HEAD~N instead, which each volume resolves for itself".to_owned(),
        ],
        Error::NoProject(_) => vec!["list the volumes: dvol list".to_owned()],
        Error::AmbiguousVolume { .. } => vec!["give the full name of the volume".to_owned()],
        Error::GlobalSetting(key) => vec![format!("set it for the whole pool: dvol config {key} VALUE")],
        Error::UnknownSetting(_) => {
            let keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
            vec![format!("use one of {}", keys.join(", "))]
        }
        Error::Extract(ExtractError::Endless) => vec![
            "append an end if the archive is complete: \
             { cat FILE; head -c 1024 /dev/zero; } | dvol import - VOLUME"
                .to_owned(),
        ],
        Error::Extract(ExtractError::Compressed(how)) => {
            vec![format!("decompress the archive: {} FILE | dvol import - VOLUME", decompressor(*how))]
        }
        Error::NotQuiesced(_) => vec!["stop or freeze the containers: --quiesce stop or --pause".to_owned()],
        Error::OutOfReach(_) => vec![
            "stop the containers first".to_owned(),
            "go ahead if nothing writes to the volume: --disable-docker-integration".to_owned(),
        ],
        Error::Unstoppable { freezable: true, .. } => {
            vec!["freeze the containers instead of stopping them: --pause".to_owned()]
        }
        Error::Unstoppable { .. } => {
            vec!["stop the containers first, and run new ones afterwards".to_owned()]
        }
        Error::RunsOnce { containers, freezable } => {
            let mut hints = vec![format!("wait for its end: docker wait {}", containers.join(" "))];
            if *freezable {
                hints.push("freeze the containers instead of stopping them: --pause".to_owned());
            }
            hints
        }
        Error::DriverSilent { .. } => vec![
            "start the driver again: sudo systemctl restart dvol, or as dvol help install says".to_owned(),
            "find out what is wrong: dvol doctor".to_owned(),
        ],
        Error::NotReleased { .. } => vec![
            "find the cause: docker logs CONTAINER".to_owned(),
            "start the container: docker start CONTAINER".to_owned(),
        ],
        Error::Disturbed(_) | Error::Changed(_) => vec!["run the command again".to_owned()],
        Error::Damaged(_) | Error::Store(StoreError::Database { .. } | StoreError::Record { .. }) => {
            vec!["check the pool: dvol fsck".to_owned()]
        }
        Error::OwnVolume(name) => vec![format!("copy it: dvol clone {name} NEW")],
        Error::NoForeignVolume(_) => vec!["list the volumes of the engine: docker volume ls".to_owned()],
        Error::Container(error) => for_engine(error),
        Error::Lock(LockError::TimedOut { .. })
        | Error::Store(StoreError::Lock(LockError::TimedOut { .. })) => {
            vec!["wait longer: --lock-timeout SECONDS".to_owned()]
        }
        error if is_interrupt(error) => Vec::new(),
        Error::Disk(error) | Error::Lock(LockError::Disk(error)) | Error::Store(StoreError::Disk(error)) => {
            for_disk(error)
        }
        error => repair(error).map_or_else(|| image::hints(error), |hint| vec![hint]),
    }
}

/// Returns whether the error reports that the pool has no space left.
fn is_no_space(error: &Error) -> bool {
    match error {
        Error::NoSpace { .. } => true,
        Error::Disk(error) => error.is_no_space(),
        Error::Extract(ExtractError::Entry { source, .. }) => {
            matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        }
        _ => false,
    }
}

/// Returns the hints that depend on what the disk refused.
pub(super) fn for_disk(error: &DiskError) -> Vec<String> {
    if let Some(obstacle) = Obstacle::of(error) {
        return vec![for_obstacle(obstacle, error)];
    }
    match error.source.kind() {
        // Root is refused for another reason, such as an immutable file.
        io::ErrorKind::PermissionDenied if !rustix::process::geteuid().is_root() => {
            vec!["run dvol as root, for example with sudo: files of containers have many owners".to_owned()]
        }
        _ if error.is_no_space() => vec![space::LOOK.to_owned()],
        _ => Vec::new(),
    }
}

/// Says how to clear what keeps an entry from being moved.
fn for_obstacle(obstacle: &Obstacle, error: &DiskError) -> String {
    let path = error.path.display();
    match obstacle {
        Obstacle::Mount => format!("unmount it: umount {path}"),
        Obstacle::MountIn(mount) => format!("unmount it: umount {}", mount.display()),
        Obstacle::Immutable => format!("clear the flag: chattr -i {path}"),
        Obstacle::AppendOnly => format!("clear the flag: chattr -a {path}"),
        Obstacle::ReadOnly => format!("make it writable: btrfs property set -ts {path} ro false"),
        Obstacle::Symlink | Obstacle::NotADirectory => {
            "move it to lost+found and make a tree from the head: dvol fsck --repair".to_owned()
        }
    }
}

fn for_engine(error: &ContainerError) -> Vec<String> {
    match error {
        ContainerError::Unreachable { endpoint, .. }
            if endpoint.starts_with("https://") || endpoint.starts_with("ssh://") =>
        {
            vec![
                "run dvol on the host of the engine, where the volumes are, and name the socket: \
                 DOCKER_HOST=unix:///var/run/docker.sock"
                    .to_owned(),
            ]
        }
        ContainerError::Denied { .. } => vec![
            "run dvol with sudo".to_owned(),
            "join the docker group, then log in again: sudo usermod -aG docker $USER".to_owned(),
        ],
        ContainerError::Unreachable { .. } => vec![
            "start the engine: sudo systemctl start docker".to_owned(),
            "go ahead if no container uses the volume: --disable-docker-integration".to_owned(),
        ],
        ContainerError::WillNotStop { .. } => {
            vec!["nothing changed; give the container more time: --stop-timeout SECONDS".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// Returns the command that decompresses a file to standard output.
fn decompressor(how: Compression) -> &'static str {
    match how {
        Compression::Gzip | Compression::Compress => "gunzip -c",
        Compression::Zstd => "zstd -dc",
        Compression::Xz | Compression::Lzma => "xz -dc",
        Compression::Bzip2 => "bzip2 -dc",
        Compression::Lzip => "lzip -dc",
        Compression::Lzop => "lzop -dc",
    }
}
