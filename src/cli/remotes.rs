//! What the verbs of remotes share: which remote is meant, and where its password comes from.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::output::Failure;
use super::session::Session;
use super::{author, environment, programs};
use crate::model::{PasswordSource, RemoteName, RemoteRecord, RemoteUrl, VolumeName};
use crate::ops::{self, Access};
use crate::remotes::{Holder, Repository, Secret};

/// The password of repositories that anybody may read; no secret at all.
const PUBLIC: &str = "public";

/// Where the password of a repository comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct PasswordArgs {
    /// Take the password from the first line of a file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "password_command")]
    password_file: Option<PathBuf>,
    /// Take the password from the first line that a shell command prints
    #[arg(long, value_name = "COMMAND")]
    password_command: Option<String>,
    /// Take the password `public`, which everybody knows: whoever can read the files of the remote
    /// can read its volumes
    #[arg(long, conflicts_with_all = ["password_file", "password_command"])]
    public: bool,
}

impl PasswordArgs {
    /// Returns what the flags say, with a full path, so that it holds in any directory.
    pub(super) fn source(&self) -> Result<Option<PasswordSource>, Failure> {
        Ok(match (&self.password_file, &self.password_command) {
            _ if self.public => Some(PasswordSource::Public),
            (Some(file), _) => Some(PasswordSource::File(std::path::absolute(file)?)),
            (None, Some(command)) => Some(PasswordSource::Command(command.clone())),
            (None, None) => None,
        })
    }

    /// Returns whether everybody knows the password of a remote.
    pub(super) fn is_public(&self, remote: &RemoteRecord) -> Result<bool, Failure> {
        Ok(self.source()?.as_ref().or(remote.password.as_ref()) == Some(&PasswordSource::Public))
    }

    /// Joins a remote with its password. A repository that may be `new` gets a password that is
    /// typed twice.
    pub(super) fn access(&self, remote: RemoteRecord, new: bool) -> Result<Access, Failure> {
        self.access_or(remote, &|remote| from_terminal(remote, new))
    }

    fn access_or(
        &self,
        remote: RemoteRecord,
        ask: &dyn Fn(&RemoteRecord) -> Result<String, Failure>,
    ) -> Result<Access, Failure> {
        let given = self.source()?;
        let cloud = environment::cloud();
        if let Some(file) = remote.kept_key.clone().filter(|file| given.is_none() && file.is_file()) {
            return Ok(Access { remote, cloud, secret: Secret::kept(file), holder: holder()? });
        }
        let source = given.or_else(|| remote.password.clone());
        let secret = match source {
            Some(PasswordSource::File(file)) => from_file(&file)?,
            Some(PasswordSource::Command(command)) => from_command(&command)?,
            Some(PasswordSource::Public) => PUBLIC.to_owned(),
            None => match from_environment()? {
                Some(password) => password,
                None => ask(&remote)?,
            },
        };
        let empty = || Failure::Failed(format!("the password of {} is empty", remote.url));
        let secret = Secret::new(secret).ok_or_else(empty)?.keeping(remote.kept_key.clone());
        Ok(Access { remote, cloud, secret, holder: holder()? })
    }
}

/// Joins a remote with its password for a program without a person, who could type it.
pub(super) fn unattended(remote: RemoteRecord) -> Result<Access, String> {
    let access = PasswordArgs::default().access_or(remote, &|remote| Err(no_password(remote)));
    access.map_err(|failure| match failure {
        Failure::Failed(text) | Failure::Usage(text) => text,
        Failure::Pool(error) => error.to_string(),
        _ => "its password cannot be found".to_owned(),
    })
}

fn no_password(remote: &RemoteRecord) -> Failure {
    Failure::Failed(format!(
        "no password for {}: give --password-file, or --public if it is a public one, or set \
         DVOL_REMOTE_PASSWORD_FILE",
        remote.url
    ))
}

fn holder() -> Result<Holder, Failure> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(Holder { host, user: author::user(), clock: environment::clock()? })
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next().unwrap_or_default().to_owned()
}

fn from_file(file: &Path) -> Result<String, Failure> {
    let failed =
        |error| Failure::Failed(format!("cannot read the password file {}: {error}", file.display()));
    Ok(first_line(&std::fs::read(file).map_err(failed)?))
}

/// Runs a command without the variables that hold passwords.
fn from_command(command: &str) -> Result<String, Failure> {
    let failed = |reason: String| Failure::Failed(format!("the password command '{command}' {reason}"));
    let output = programs::command("sh")
        .args(["-c", command])
        .env_remove("DVOL_REMOTE_PASSWORD")
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed: {}", output.status)));
    }
    Ok(first_line(&output.stdout))
}

fn from_environment() -> Result<Option<String>, Failure> {
    if let Some(file) = environment::variable("DVOL_REMOTE_PASSWORD_FILE") {
        return from_file(Path::new(&file)).map(Some);
    }
    Ok(environment::variable("DVOL_REMOTE_PASSWORD"))
}

fn from_terminal(remote: &RemoteRecord, new: bool) -> Result<String, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(no_password(remote));
    }
    let password = typed(&format!("Password of {}: ", remote.url))?;
    if new && !is_made(remote)? && typed("Once more, as the repository is new: ")? != password {
        return Err(Failure::Failed("the two passwords differ".to_owned()));
    }
    Ok(password)
}

/// Returns whether the repository of a remote is there.
pub(super) fn is_made(remote: &RemoteRecord) -> Result<bool, Failure> {
    Repository::is_at(&remote.url, &environment::cloud())
        .map_err(|error| crate::error::Error::from(error).into())
}

/// Reads a line from the terminal without showing it.
fn typed(question: &str) -> Result<String, Failure> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    write!(stderr, "{question}").and_then(|()| stderr.flush())?;
    let shown = tcgetattr(&stdin).map_err(io::Error::from)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &shown).map_err(io::Error::from)?;
    writeln!(stderr)?;
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Finds the remote that a word means: a name, or an address, which needs none. Without a word it
/// is the one that the current branch follows, else `origin`.
pub(super) fn meant(
    session: &Session,
    volume: Option<&VolumeName>,
    word: Option<&str>,
) -> Result<RemoteRecord, Failure> {
    let pool = &session.pool;
    let name = match word {
        Some(word) if RemoteUrl::is_meant(word) => return unnamed(session, word.parse()?),
        Some(word) => word.parse()?,
        None => followed(session, volume)?.unwrap_or_else(RemoteName::origin),
    };
    Ok(ops::find_remote(pool, volume, &name)?)
}

/// Returns the remote that the current branch follows.
fn followed(session: &Session, volume: Option<&VolumeName>) -> Result<Option<RemoteName>, Failure> {
    let Some(volume) = volume else { return Ok(None) };
    let upstream = session.pool.store().read(|rows| {
        let Some(record) = rows.volume(volume)? else { return Ok(None) };
        rows.upstream(record.owner(), &record.branch)
    });
    Ok(upstream.map_err(crate::error::Error::from)?.map(|upstream| upstream.remote))
}

/// Returns the remote of this address: one that the pool knows, else a new one.
pub(super) fn unnamed(session: &Session, url: RemoteUrl) -> Result<RemoteRecord, Failure> {
    let known = ops::remotes(&session.pool, None)?.into_iter().find(|one| one.url == url);
    let (name, password, kept_key) = match known {
        Some(known) => (known.remote, known.password, known.kept_key),
        None => (RemoteName::origin(), None, None),
    };
    Ok(RemoteRecord { volume: None, name, url, password, kept_key })
}
