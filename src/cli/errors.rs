//! From errors to words, hints and exit codes: 1 refused or failed, 2 usage, 3 waited too long for
//! a lock.

use std::io;
use std::process::ExitCode;

use super::output::{Failure, say};
use super::similar;
use crate::containers::ContainerError;
use crate::error::Error;
use crate::ops::host_path_remedy;
use crate::pool::{Pool, SETTINGS};
use crate::store::StoreError;
use crate::sys::error::DiskError;
use crate::sys::locks::LockError;
use crate::sys::obstacle::Obstacle;
use crate::sys::tree::{Compression, ExtractError};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const LOCKED: u8 = 3;
const NO_SPACE: &str = "free space on the pool's file system: dvol rm VOLUME moves a volume to trash, dvol gc --all deletes all trash for good";
/// As a shell counts a death by SIGINT.
const INTERRUPTED: u8 = 130;

/// Tells why, and gives the exit code. The pool, where there is one, knows what may have been meant.
pub(super) fn exit(failure: &Failure, pool: Option<&Pool>) -> ExitCode {
    match failure {
        Failure::Pool(error) => {
            // Which file was being copied when Ctrl-C came helps nobody.
            let text = if is_interrupt(error) { "interrupted".to_owned() } else { error.to_string() };
            say("error", &text);
            for hint in hints(error, pool) {
                say("hint", &hint);
            }
            ExitCode::from(code(error))
        }
        Failure::Usage(message) => usage(message),
        Failure::NotConfirmed { action } => {
            say("error", &format!("refusing to {action} without confirmation"));
            say("hint", "-f does it without asking");
            ExitCode::from(FAILED)
        }
        Failure::Failed(message) => {
            say("error", message);
            ExitCode::from(FAILED)
        }
        Failure::Serve(error) => {
            say("error", &error.to_string());
            ExitCode::from(FAILED)
        }
        // Whoever read our output has had enough: a clean end.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Failure::Output(error) => {
            say("error", &format!("cannot write the output: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// What may help, the likeliest first.
fn hints(error: &Error, pool: Option<&Pool>) -> Vec<String> {
    // Where a name is that of another thing, that is all there is to say.
    if let Some(other) = pool.and_then(|pool| similar::of_another_kind(pool, error)) {
        return vec![other];
    }
    let meant = pool.and_then(|pool| similar::hint(pool, error));
    let candidates = pool.and_then(|pool| similar::candidates(pool, error));
    let missing = pool.and_then(|pool| missing(pool, error));
    [meant, candidates, hint(error), missing].into_iter().flatten().collect()
}

/// What is not where the metadata says: somebody else has been at the pool.
fn missing(pool: &Pool, error: &Error) -> Option<String> {
    let Error::Disk(error) = error else { return None };
    let is_ours = error.path.starts_with(pool.layout().root());
    let is_gone = error.source.kind() == io::ErrorKind::NotFound;
    (is_ours && is_gone).then(|| "dvol fsck tells what else is missing in the pool".to_owned())
}

/// Tells what is wrong with the command line.
pub(super) fn usage(message: &str) -> ExitCode {
    say("error", message);
    ExitCode::from(USAGE)
}

/// Tells what clap found wrong with the command line.
pub(super) fn command_line(error: &clap::Error) -> ExitCode {
    let (text, hints) = super::usage::words(error);
    usage_with(&text, hints)
}

/// Reports a fault of the command line, with hints.
pub(super) fn usage_with(message: &str, hints: impl IntoIterator<Item = String>) -> ExitCode {
    say("error", message);
    for hint in hints {
        say("hint", &hint);
    }
    ExitCode::from(USAGE)
}

/// The exit code of an error.
pub(super) fn code(error: &Error) -> u8 {
    match error {
        Error::Lock(LockError::TimedOut { .. })
        | Error::Store(StoreError::Lock(LockError::TimedOut { .. })) => LOCKED,
        Error::NoMessage
        | Error::Name(_)
        | Error::Revision(_)
        | Error::UnknownSetting(_)
        | Error::GlobalSetting(_)
        | Error::BadSetting { .. } => USAGE,
        Error::Interrupted => INTERRUPTED,
        error if is_interrupt(error) => INTERRUPTED,
        _ => FAILED,
    }
}

/// Whether a copy was ended by Ctrl-C.
fn is_interrupt(error: &Error) -> bool {
    let kind = match error {
        Error::Disk(error) | Error::Extract(ExtractError::Disk(error)) => error.source.kind(),
        Error::Extract(ExtractError::Archive(source) | ExtractError::Entry { source, .. }) => source.kind(),
        _ => return matches!(error, Error::Interrupted),
    };
    kind == io::ErrorKind::Interrupted
}

/// Names the command that makes good what the driver found wrong with the pool, if one does.
pub(super) fn repair_hint(error: &Error) -> Option<String> {
    match error {
        Error::Store(StoreError::Damaged { .. } | StoreError::Missing { .. }) => {
            Some("dvol fsck --repair rebuilds it from its second copy".to_owned())
        }
        Error::Store(StoreError::Newer { .. }) => Some("use the newer dvol that wrote it".to_owned()),
        _ => host_path_remedy(error),
    }
}

/// Says how to clear what keeps an entry from being moved.
fn obstacle(error: &DiskError) -> Option<String> {
    let path = error.path.display();
    Some(match Obstacle::of(error)? {
        Obstacle::Mount => format!("umount {path}"),
        Obstacle::MountIn(mount) => format!("umount {}", mount.display()),
        Obstacle::Immutable => format!("chattr -i {path}"),
        Obstacle::AppendOnly => format!("chattr -a {path}"),
        Obstacle::Symlink | Obstacle::NotADirectory => {
            "dvol fsck --repair moves it to .dvol/lost+found and makes a tree from the head".to_owned()
        }
    })
}

/// What to do next, where there is something.
fn hint(error: &Error) -> Option<String> {
    let disk = |error: &DiskError| match error.source.kind() {
        _ if Obstacle::of(error).is_some() => obstacle(error),
        io::ErrorKind::PermissionDenied => {
            Some("dvol needs root, as the files of containers have many owners; try sudo".to_owned())
        }
        _ if error.is_no_space() => Some(NO_SPACE.to_owned()),
        _ => None,
    };
    let hint = match error {
        Error::NoVolume(_) | Error::NoVolumeToRemove(_) => "dvol list shows the volumes there are".to_owned(),
        Error::NoCurrentVolume => {
            "name a volume last or with -C, or choose one with dvol switch VOLUME".to_owned()
        }
        Error::VolumeExists(name) => format!("dvol switch {name} makes it the current one"),
        Error::NoBranch { volume, branch } => {
            format!("dvol branch {volume} lists those there are; dvol checkout -b {branch} {volume} makes it")
        }
        Error::NoTag { volume, .. } => format!("dvol tag -C {volume} lists those there are"),
        Error::TagExists { .. } => "-f moves it".to_owned(),
        Error::NameTaken { .. } => {
            "a branch and a tag of one name would be ambiguous: use another".to_owned()
        }
        Error::BranchExists { volume, branch } => format!("dvol checkout {branch} {volume} switches to it"),
        Error::NoCommits { volume, .. } => format!("dvol commit -m MESSAGE {volume} makes the first one"),
        Error::UnknownRevision { volume, .. } | Error::PastRoot { volume, .. } => {
            format!("dvol log {volume} lists the commits there are")
        }
        Error::Dropped { .. } => {
            "the settings trash.keep and trash.max-size say how long dropped commits are kept".to_owned()
        }
        Error::NoBranchBefore { volume, .. } => format!("dvol branch {volume} lists those there are"),
        Error::NoSuchPast { volume, .. } => format!("dvol reflog {volume} lists the operations there were"),
        Error::AmbiguousRevision { .. } => "give more digits".to_owned(),
        Error::Dirty { volume, .. } => format!(
            "dvol commit -m MESSAGE {volume} keeps them; -f switches all the same and leaves them in their branch"
        ),
        Error::DirtyTarget { .. } => "commit them there first; -f throws them away".to_owned(),
        Error::NothingToUndo(_) => "dvol reflog VOLUME lists what was done".to_owned(),
        Error::CannotUndo { volume, .. } => {
            format!("dvol reflog {volume} lists what was done; dvol reset --hard goes to any commit there is")
        }
        Error::StillTagged { volume, tag, .. } => {
            format!("dvol tag -C {volume} -d {tag} gives the snapshot up")
        }
        Error::HardRequired(_) => {
            "dvol reset --hard replaces it; uncommitted changes in it are lost then".to_owned()
        }
        Error::InUse { .. } => "remove those containers first: docker rm".to_owned(),
        Error::CurrentBranch { volume, .. } => format!("check out another branch of {volume} first"),
        Error::Unmerged { .. } => "-D deletes it all the same".to_owned(),
        Error::NoMessage => "dvol commit -m MESSAGE".to_owned(),
        Error::NoSpace { .. } => NO_SPACE.to_owned(),
        Error::TooLarge { volume, .. } => format!(
            "delete what need not be kept, or allow more: dvol config -C {volume} volume.max-size SIZE, or without -C \
             for all volumes that have no limit of their own"
        ),
        Error::NotJoint { .. } => {
            "dvol log --project NAME lists the commits, with their volumes; a branch, a tag and HEAD~N are looked \
             up in each volume"
                .to_owned()
        }
        Error::NoProject(_) => {
            "docker compose up makes those with driver: dvol; dvol list shows the volumes there are".to_owned()
        }
        Error::AmbiguousVolume { .. } => "name it in full".to_owned(),
        Error::GlobalSetting(key) => format!("dvol config {key} VALUE, without -C, sets it"),
        Error::UnknownSetting(_) => {
            let keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
            format!("the settings are {}", keys.join(", "))
        }
        Error::Extract(ExtractError::Endless) => {
            "if it is whole, add an end to it: { cat FILE; head -c 1024 /dev/zero; } | dvol import - VOLUME".to_owned()
        }
        Error::Extract(ExtractError::Entry { source, .. })
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
        {
            NO_SPACE.to_owned()
        }
        Error::Extract(ExtractError::Compressed(how)) => {
            format!("unpack it on the way: {} FILE | dvol import - VOLUME", unpack(*how))
        }
        Error::Container(ContainerError::Unreachable { endpoint, .. })
            if endpoint.starts_with("https://") || endpoint.starts_with("ssh://") =>
        {
            "run dvol on the engine's machine, where the volumes are, and name its socket: \
             DOCKER_HOST=unix:///var/run/docker.sock"
                .to_owned()
        }
        Error::Container(ContainerError::Unreachable { .. }) => {
            "start the engine, or use --disable-docker-integration when no container uses the volume"
                .to_owned()
        }
        Error::Container(ContainerError::Denied { .. }) => {
            "run it with sudo, or join the docker group: sudo usermod -aG docker $USER, then log in again"
                .to_owned()
        }
        Error::Container(ContainerError::WillNotStop { .. }) => {
            "nothing was changed; --stop-timeout SECONDS gives it another limit".to_owned()
        }
        Error::Lock(LockError::TimedOut { .. }) => "--lock-timeout SECONDS waits longer".to_owned(),
        Error::Unstoppable { freezable: true, .. } => {
            "--pause freezes them instead, and restarts them where a tree is swapped".to_owned()
        }
        Error::Unstoppable { .. } => {
            "this engine starts no such container on another tree: stop them, and run them again afterwards"
                .to_owned()
        }
        Error::NotQuiesced(_) => "--quiesce stop or --pause holds them".to_owned(),
        Error::OutOfReach(_) => {
            "stop them first, or use --disable-docker-integration and see to it that nothing writes meanwhile".to_owned()
        }
        Error::NotReleased { .. } => "docker logs and docker start tell more".to_owned(),
        Error::Disturbed(_) | Error::Changed(_) => "run it again, now that it is over".to_owned(),
        Error::Damaged(_) | Error::Store(StoreError::Database { .. } | StoreError::Record { .. }) => {
            "dvol fsck tells more".to_owned()
        }
        error if is_interrupt(error) => "nothing was changed".to_owned(),
        Error::OwnVolume(name) => format!("dvol clone {name} NEW makes another of it"),
        Error::NoForeignVolume(_) => "docker volume ls lists those there are".to_owned(),
        Error::Disk(error) | Error::Lock(LockError::Disk(error)) | Error::Store(StoreError::Disk(error)) => {
            return disk(error);
        }
        error => return repair_hint(error),
    };
    Some(hint)
}

/// Returns the command that unpacks a file so compressed to standard output.
fn unpack(how: Compression) -> &'static str {
    match how {
        Compression::Gzip | Compression::Compress => "gunzip -c",
        Compression::Zstd => "zstd -dc",
        Compression::Xz | Compression::Lzma => "xz -dc",
        Compression::Bzip2 => "bzip2 -dc",
        Compression::Lzip => "lzip -dc",
        Compression::Lzop => "lzop -dc",
    }
}
