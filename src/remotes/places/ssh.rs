//! Repositories on another machine, through the user's own `ssh`: its configuration, its agent and
//! its known hosts are what `ssh` uses for any other command.
//!
//! A file is written under a name of its own, made durable where the server can do that, and
//! renamed. A connection that breaks is made again once for each call; one that a busy server
//! drops at its start, a few times more.

use std::ffi::OsString;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use openssh_sftp_client::error::SftpErrorKind;
use openssh_sftp_client::{Error, Sftp, SftpOptions};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::credentials::CloudAccess;
use super::transport::{Object, Transport, UNFINISHED, pause, refuse_large, unless};
use crate::model::SshUrl;

/// How often a connection is tried, and the first pause after a try, which doubles each time.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long a server may take to answer one request. `ssh` itself asks for passwords before that.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of what `ssh` says that an error repeats.
const SAID_MAX: usize = 500;

/// A directory on another machine.
pub(super) struct RemoteDirectory {
    url: SshUrl,
    access: CloudAccess,
    connection: Mutex<Option<Arc<Connection>>>,
    runtime: Runtime,
    interrupted: Arc<AtomicBool>,
}

impl std::fmt::Debug for RemoteDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteDirectory").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One running `ssh`. It ends when its input does, that is when this is dropped.
struct Connection {
    sftp: Sftp,
    _ssh: Child,
}

impl RemoteDirectory {
    /// Prepares for the directory at `url`; connects with the first call.
    pub(super) fn new(url: &SshUrl, access: &CloudAccess) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(RemoteDirectory {
            url: url.clone(),
            access: access.clone(),
            connection: Mutex::default(),
            runtime,
            interrupted: access.interrupted(),
        })
    }

    fn path(&self, key: &str) -> PathBuf {
        if key.is_empty() { self.url.path.clone() } else { self.url.path.join(key) }
    }

    /// Makes a call. Does it again on a new connection if this one has broken: every call here can
    /// be repeated.
    fn call<T>(&self, mut act: impl AsyncFnMut(&Sftp) -> Result<T, Error>) -> io::Result<T> {
        let mut is_last = false;
        loop {
            let connection = self.connected()?;
            let answer = async { Ok(timeout(PATIENCE, act(&connection.sftp)).await) };
            let error = match self.runtime.block_on(unless(&self.interrupted, answer))? {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error @ Error::SftpError(..))) => return Err(failed(&error)),
                Ok(Err(error)) => failed(&error),
                Err(_) => io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"),
            };
            *self.lock() = None;
            if std::mem::replace(&mut is_last, true) {
                return Err(error);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection, made anew if there is none. Other threads wait meanwhile.
    fn connected(&self) -> io::Result<Arc<Connection>> {
        let mut connection = self.lock();
        if let Some(connection) = &*connection {
            return Ok(Arc::clone(connection));
        }
        let mut time = FIRST_PAUSE;
        for left in (0..TRIES).rev() {
            match self.runtime.block_on(unless(&self.interrupted, self.connect())) {
                Ok(made) => return Ok(Arc::clone(connection.insert(Arc::new(made)))),
                Err(error) if left == 0 || error.kind() != io::ErrorKind::ConnectionReset => {
                    return Err(error);
                }
                Err(_) => {}
            }
            if !pause(&self.interrupted, time) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            time *= 2;
        }
        unreachable!("the last try returns")
    }

    async fn connect(&self) -> io::Result<Connection> {
        let mut command = Command::from(self.access.command("ssh"));
        command.args(arguments(&self.url)).kill_on_drop(true);
        let mut ssh = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start ssh: {error}")))?;
        let pipes = (ssh.stdin.take(), ssh.stdout.take(), ssh.stderr.take());
        let (Some(input), Some(output), Some(mut errors)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        match Sftp::new(input, output, SftpOptions::new()).await {
            Ok(sftp) => {
                // Read to its end, as `ssh` must not wait for a reader.
                tokio::spawn(async move { tokio::io::copy(&mut errors, &mut tokio::io::sink()).await });
                Ok(Connection { sftp, _ssh: ssh })
            }
            Err(error) => {
                let mut said = Vec::new();
                let mut errors = errors.take(1 << 16);
                let _ = timeout(FIRST_PAUSE, errors.read_to_end(&mut said)).await;
                Err(refused(&String::from_utf8_lossy(&said), &error))
            }
        }
    }

    /// Writes a file under a name of its own.
    #[expect(clippy::disallowed_methods, reason = "the name must differ each time, in tests too")]
    async fn write(sftp: &Sftp, folder: &Path, parts: &[Bytes]) -> Result<PathBuf, Error> {
        let unfinished = folder.join([(); 2].map(|()| uuid::Uuid::new_v4().simple().to_string()).concat());
        let mut options = sftp.options();
        let options = options.write(true).create_new(true);
        let mut file = match options.open(&unfinished).await {
            Err(error) if is_missing(&error) => {
                make_folders(sftp, folder).await?;
                options.open(&unfinished).await?
            }
            opened => opened?,
        };
        for part in parts {
            file.write_all(part).await?;
        }
        if sftp.support_fsync() {
            file.sync_all().await?;
        }
        file.close().await?;
        Ok(unfinished)
    }
}

impl Transport for RemoteDirectory {
    fn put(&self, key: &str, parts: &[Bytes]) -> io::Result<()> {
        let (path, folder) = (self.path(key), self.path(UNFINISHED));
        self.call(async |sftp| {
            let unfinished = Self::write(sftp, &folder, parts).await?;
            let mut fs = sftp.fs();
            if !sftp.support_posix_rename() {
                // A plain rename does not replace.
                present(fs.remove_file(&path).await)?;
            }
            // Most folders are there: they are only made when one is missing.
            match fs.rename(&unfinished, &path).await {
                Err(error) if is_missing(&error) => {
                    make_folders(sftp, path.parent().unwrap_or(Path::new("/"))).await?;
                    fs.rename(&unfinished, &path).await
                }
                renamed => renamed,
            }
        })
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (path, folder) = (self.path(key), self.path(UNFINISHED));
        let parts = [Bytes::copy_from_slice(bytes)];
        self.call(async |sftp| {
            let unfinished = Self::write(sftp, &folder, &parts).await?;
            make_folders(sftp, path.parent().unwrap_or(Path::new("/"))).await?;
            let mut fs = sftp.fs();
            // Servers say no more than "failure" where there is one already.
            let linked = fs.hard_link(&unfinished, &path).await;
            present(fs.remove_file(&unfinished).await)?;
            match linked {
                Ok(()) => Ok(true),
                Err(Error::SftpError(..)) if present(fs.metadata(&path).await)?.is_some() => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.path(key);
        self.call(async |sftp| {
            let Some(mut file) = present(sftp.open(&path).await)? else { return Ok(Ok(None)) };
            let size = file.metadata().await?.len().unwrap_or(0);
            match refuse_large(size) {
                Ok(()) => Ok(Ok(Some(file.read_all(size as usize, BytesMut::new()).await?.into()))),
                Err(refused) => Ok(Err(refused)),
            }
        })?
    }

    fn get_range(&self, key: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let path = self.path(key);
        self.call(async |sftp| {
            let mut file = sftp.open(&path).await?;
            file.seek(SeekFrom::Start(offset)).await?;
            match file.read_all(length, BytesMut::new()).await {
                // The file is shorter; the connection has not broken.
                Err(Error::IOError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Err(error)),
                read => Ok(Ok(read?.into())),
            }
        })?
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Object>> {
        let folder = self.path(folder);
        self.call(async |sftp| {
            let (mut objects, mut folders) = (Vec::new(), vec![folder.clone()]);
            while let Some(folder) = folders.pop() {
                let Some(opened) = present(sftp.fs().open_dir(&folder).await)? else { continue };
                let mut entries = Box::pin(opened.read_dir());
                while let Some(entry) = entries.next().await.transpose()? {
                    let name = entry.filename().to_string_lossy().into_owned();
                    let stat = entry.metadata();
                    if stat.file_type().is_some_and(|kind| kind.is_dir()) {
                        if name != "." && name != ".." {
                            folders.push(folder.join(name));
                        }
                    } else {
                        let modified = stat.modified().map_or(0, |time| time.as_duration().as_millis());
                        objects.push(Object {
                            name,
                            size: stat.len().unwrap_or(0),
                            modified: i64::try_from(modified).unwrap_or(i64::MAX),
                        });
                    }
                }
            }
            Ok(objects)
        })
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        let path = self.path(key);
        self.call(async |sftp| present(sftp.fs().remove_file(&path).await).map(drop))
    }
}

/// Returns the words after `ssh`.
fn arguments(url: &SshUrl) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["-oClearAllForwardings=yes".into(), "-oForwardAgent=no".into()];
    if let Some(port) = url.port {
        words.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(user) = &url.user {
        words.extend(["-l".into(), user.into()]);
    }
    words.extend(["-s".into(), "--".into(), (&url.host).into(), "sftp".into()]);
    words
}

async fn make_folders(sftp: &Sftp, folder: &Path) -> Result<(), Error> {
    let mut fs = sftp.fs();
    let mut missing = Vec::new();
    for at in folder.ancestors().filter(|at| !at.as_os_str().is_empty()) {
        if present(fs.metadata(at).await)?.is_some() {
            break;
        }
        missing.push(at);
    }
    for at in missing.into_iter().rev() {
        // Another process may have made it meanwhile.
        if let Err(error) = fs.create_dir(at).await
            && present(fs.metadata(at).await)?.is_none()
        {
            return Err(error);
        }
    }
    Ok(())
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::SftpError(SftpErrorKind::NoSuchFile, _))
}

/// Turns "there is none" into `None`.
fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if is_missing(&error) => Ok(None),
        other => other.map(Some),
    }
}

fn failed(error: &Error) -> io::Error {
    match error {
        Error::SftpError(SftpErrorKind::NoSuchFile, _) => io::ErrorKind::NotFound.into(),
        Error::SftpError(SftpErrorKind::PermDenied, _) => io::ErrorKind::PermissionDenied.into(),
        Error::SftpError(kind, said) => io::Error::other(format!("the server refuses it ({kind:?}): {said}")),
        other => io::Error::other(format!("the connection broke: {other}")),
    }
}

/// Makes the error of a connection that was not made: what `ssh` says last. The kind tells whether
/// the server dropped it, as a busy one does.
fn refused(said: &str, error: &Error) -> io::Error {
    let said = said.trim();
    let is_dropped = ["Connection reset", "Connection closed by", "kex_exchange_identification"];
    let kind = if is_dropped.iter().any(|words| said.contains(words)) {
        io::ErrorKind::ConnectionReset
    } else {
        io::ErrorKind::Other
    };
    let last = &said[said.ceil_char_boundary(said.len().saturating_sub(SAID_MAX))..];
    let text = match last.is_empty() {
        true => format!("ssh gave no connection: {error}"),
        false => format!("ssh gave no connection: {}", last.lines().collect::<Vec<_>>().join("; ")),
    };
    io::Error::new(kind, text)
}
