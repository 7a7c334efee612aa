//! The driver's place in the file system.
//!
//! The socket appears under its name at once, listening and closed to all but its owner: it is
//! bound in a private directory beside, and renamed into place. It is removed at the end only if
//! it is still this one. A socket that listens already, given by whoever started the driver
//! (systemd's socket activation), is used as it is and left in place. None of this is durable or part of a pool, so it passes no fault point.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, RenameFlags};
use tokio::net::{UnixListener, UnixStream};

use crate::sys::error::{At, DiskError};

/// How long somebody may take to accept a connection and still be taken for alive without a doubt.
const CONNECT: Duration = Duration::from_secs(2);

/// Why a socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("another driver serves {}", path.display())]
    Served {
        /// The socket.
        path: PathBuf,
    },
    /// Something else stands in its place.
    #[error("{} is in the way: it is not a socket", path.display())]
    NotASocket {
        /// What stands there.
        path: PathBuf,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Where the driver listens.
#[derive(Debug)]
pub enum Place {
    /// At a path, which it claims and gives back at the end.
    Path(PathBuf),
    /// At a socket that listens already and whose name is somebody else's.
    Given(std::os::unix::net::UnixListener),
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Place::Path(path.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Place::Path(path.clone())
    }
}

/// A listening socket's name in the file system; [`Claim::release`] takes it away.
#[derive(Debug)]
#[must_use = "the socket's name stays until it is released"]
pub(super) struct Claim {
    path: PathBuf,
    /// None where the name is not ours to take away.
    identity: Option<(u64, u64)>,
}

/// Listens at `place`. Inside a runtime only.
pub(super) async fn listen_at(place: Place) -> Result<(UnixListener, Claim), SocketError> {
    let listener = match place {
        Place::Path(path) => return claim(&path).await,
        Place::Given(listener) => listener,
    };
    let address = listener.local_addr().ok();
    let path = address.and_then(|address| address.as_pathname().map(Path::to_owned)).unwrap_or_default();
    listener.set_nonblocking(true).at("use the given socket", &path)?;
    let listener = UnixListener::from_std(listener).at("use the given socket", &path)?;
    Ok((listener, Claim { path, identity: None }))
}

/// Listens at `path`, in place of whoever listened there and is dead.
async fn claim(path: &Path) -> Result<(UnixListener, Claim), SocketError> {
    // A relative path of one part has the empty parent.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o755).create(parent).at("make the directory", parent)?;
    remove_stale(path).await?;

    // The name is short because a socket's path has room for 107 bytes.
    let private = parent.join(format!(".dvol{}", std::process::id()));
    let _ = remove_private(&private);
    std::fs::DirBuilder::new().mode(0o700).create(&private).at("make the socket", path)?;
    let listening = listen(&private.join("s"), path);
    let _ = remove_private(&private);
    listening
}

fn listen(private: &Path, path: &Path) -> Result<(UnixListener, Claim), SocketError> {
    let listener = UnixListener::bind(private).at("listen at", private)?;
    std::fs::set_permissions(private, std::fs::Permissions::from_mode(0o600))
        .at("set the mode of", private)?;
    let claim = Claim { path: path.to_owned(), identity: Some(identity(private).at("look at", private)?) };
    match rustix::fs::renameat_with(CWD, private, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok((listener, claim)),
        // Another driver started at the same time, and was faster.
        Err(rustix::io::Errno::EXIST) => Err(SocketError::Served { path: path.to_owned() }),
        Err(error) => Err(DiskError::new("put the socket in place at", path, error).into()),
    }
}

fn remove_private(private: &Path) -> rustix::io::Result<()> {
    let _ = rustix::fs::unlinkat(CWD, private.join("s"), AtFlags::empty());
    rustix::fs::unlinkat(CWD, private, AtFlags::REMOVEDIR)
}

/// Device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

/// Makes room: what a dead driver left goes, a living one stays.
async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DiskError::new("look at", path, error).into()),
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match tokio::time::timeout(CONNECT, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
            return Err(DiskError::new("see who serves", path, error).into());
        }
        // It connects, or has so many waiting that it does not.
        _ => return Err(SocketError::Served { path: path.to_owned() }),
    }
    tracing::info!(socket = %path.display(), "replacing the socket of a driver that is gone");
    let removed = rustix::fs::unlinkat(CWD, path, AtFlags::empty());
    match removed {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(DiskError::new("remove", path, error).into()),
    }
}

impl Claim {
    /// Where that is; empty for a socket without a name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the name away, unless it is somebody else's, or has become so.
    pub(super) fn release(self) {
        let is_ours = self.identity.is_some_and(|ours| identity(&self.path).is_ok_and(|found| found == ours));
        if is_ours && let Err(error) = rustix::fs::unlinkat(CWD, &self.path, AtFlags::empty()) {
            tracing::warn!(socket = %self.path.display(), %error, "the socket stays behind");
        }
    }
}
