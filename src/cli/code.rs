//! Asks git for the state of the code in the current directory, which a commit records. Without
//! git, a work tree or a commit, there is none.

use std::process::{Command, Stdio};

use super::output::Failure;
use crate::model::CodeState;

/// Returns the state of the code, if the current directory has any.
pub(super) fn state() -> Option<CodeState> {
    // Ignore untracked files, as `git describe --dirty` does.
    let text = git(&["status", "--porcelain=v2", "--branch", "--untracked-files=no"])?;
    let header = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(key));
        line.map(|value| value.trim().to_owned())
    };
    let commit = header("branch.oid").filter(|oid| !oid.starts_with('('))?;
    let branch = header("branch.head").filter(|branch| !branch.starts_with('('));
    let upstream = header("branch.upstream").and_then(|name| name.split('/').next().map(str::to_owned));
    let remote =
        git(&["config", "--get", &format!("remote.{}.url", upstream.as_deref().unwrap_or("origin"))]);
    let remote = remote.map(|url| without_secret(url.trim())).filter(|url| !url.is_empty());
    Some(CodeState { remote, branch, commit, dirty: text.lines().any(|line| !line.starts_with("# ")) })
}

/// Returns the ids of `revision` and its ancestors, newest first.
pub(super) fn history(revision: &str) -> Result<Vec<String>, Failure> {
    let known = (!revision.starts_with('-')).then(|| git(&["rev-list", revision, "--"])).flatten();
    let known = known.ok_or_else(|| {
        Failure::Usage(format!("git finds no commit '{revision}': run dvol in the work tree of the code"))
    })?;
    Ok(known.lines().map(str::to_owned).collect())
}

/// Runs git and returns its standard output if it succeeds.
pub(super) fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(words)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Removes the user and password from a URL: `https://me:token@host/x` becomes `https://host/x`.
fn without_secret(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once('@') {
        // The URL of an ssh remote needs its user, which is no secret.
        Some((user, _)) if scheme == "ssh" && !user.contains(':') => url.to_owned(),
        Some((user, _)) => format!("{scheme}://{}", &rest[user.len() + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_secret;

    #[test]
    fn a_token_in_a_url_is_not_kept() {
        assert_eq!(without_secret("https://me:token@host.org/x.git"), "https://host.org/x.git");
        assert_eq!(without_secret("https://token@host.org/x@y"), "https://host.org/x@y");
        for url in ["https://host.org/x@y", "git@host.org:x.git", "ssh://git@host.org/x", "/srv/x"] {
            assert_eq!(without_secret(url), url);
        }
    }
}
