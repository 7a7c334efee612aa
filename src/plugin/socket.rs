//! The driver's socket in the file system.
//!
//! A new socket is bound in a private directory and renamed into place, so that it appears already
//! listening and accessible only to its owner. At the end, the driver removes the path if it still
//! is this socket. A socket that systemd passed (socket activation) is used as it is and left in
//! place. None of this is durable or part of a pool, so it passes no fault point.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, RenameFlags};
use tokio::net::{UnixListener, UnixStream};

use crate::sys::error::{At, DiskError};

/// How long to wait for another driver to accept a connection; on a timeout it counts as alive.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another driver listens there.
    #[error("another driver serves {}", path.display())]
    Served {
        /// The socket.
        path: PathBuf,
    },
    /// The path exists and is not a socket.
    #[error("cannot listen at {}: the path exists and is not a socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The file system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Where the driver listens.
#[derive(Debug)]
pub enum Place {
    /// At a path, which the driver claims and releases at the end.
    Path(PathBuf),
    /// At a socket that listens already and whose path belongs to systemd.
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

/// The path of a listening socket; [`Claim::release`] removes it.
#[derive(Debug)]
#[must_use = "the socket's path stays until it is released"]
pub(super) struct Claim {
    path: PathBuf,
    /// Device and inode; `None` if the path is not ours to remove.
    identity: Option<(u64, u64)>,
}

/// Listens at `place`. Must be called inside a runtime.
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

/// Listens at `path`, and replaces the socket of a dead driver.
async fn claim(path: &Path) -> Result<(UnixListener, Claim), SocketError> {
    // The parent of a relative path of one part is empty.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o755).create(parent).at("create the directory", parent)?;
    remove_stale(path).await?;

    // Keep the name short: a socket's path is limited to 107 bytes.
    let private = parent.join(format!(".dvol{}", std::process::id()));
    let _ = remove_private(&private);
    std::fs::DirBuilder::new().mode(0o700).create(&private).at("create the socket", path)?;
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
        // Another driver started at the same time and was faster.
        Err(rustix::io::Errno::EXIST) => Err(SocketError::Served { path: path.to_owned() }),
        Err(error) => Err(DiskError::new("put the socket in place at", path, error).into()),
    }
}

fn remove_private(private: &Path) -> rustix::io::Result<()> {
    let _ = rustix::fs::unlinkat(CWD, private.join("s"), AtFlags::empty());
    rustix::fs::unlinkat(CWD, private, AtFlags::REMOVEDIR)
}

/// Returns device and inode.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

/// Removes the socket of a dead driver; refuses if another driver is alive.
async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DiskError::new("look at", path, error).into()),
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
            return Err(DiskError::new("connect to", path, error).into());
        }
        // It connects, or its queue is full.
        _ => return Err(SocketError::Served { path: path.to_owned() }),
    }
    tracing::info!(socket = %path.display(), "replacing the socket of a dead driver");
    let removed = rustix::fs::unlinkat(CWD, path, AtFlags::empty());
    match removed {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(DiskError::new("remove", path, error).into()),
    }
}

impl Claim {
    /// Returns the path; empty for a socket without one.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the path if it is still this socket.
    pub(super) fn release(self) {
        let is_ours = self.identity.is_some_and(|ours| identity(&self.path).is_ok_and(|found| found == ours));
        if is_ours && let Err(error) = rustix::fs::unlinkat(CWD, &self.path, AtFlags::empty()) {
            tracing::warn!(socket = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}
