//! Asks git for the state of the code in the current directory, which a commit records. Without
//! git, a work tree or a commit, there is none; nor inside a pool.

use super::git::{Apart, Git};
use super::output::Failure;
use crate::model::CodeState;

/// Returns the state of the code, if the current directory has any.
pub(super) fn state(git: &Git) -> Option<CodeState> {
    let (repository, work_tree) = (git.repository()?, git.work_tree()?);
    let commit = git.look_up(&["rev-parse", "--verify", "-q", "HEAD"]).filter(|id| is_object(id))?;
    let branch = git.look_up(&["symbolic-ref", "--short", "-q", "HEAD"]);
    let settings = git.settings("^(branch|remote)\\..*\\.(remote|url)$");
    let setting = |wanted: String| {
        let found = settings.iter().rfind(|(key, _)| *key == wanted);
        found.map(|(_, value)| value.clone())
    };
    let upstream = branch.as_ref().and_then(|branch| setting(format!("branch.{branch}.remote")));
    let remote = setting(format!("remote.{}.url", upstream.as_deref().unwrap_or("origin")));
    let remote = remote.map(|url| without_secret(url.trim())).filter(|url| !url.is_empty());
    let apart = Apart::new(git, &repository, &commit).ok()?;
    // Ignore untracked files, as `git describe --dirty` does, and changes inside submodules, for
    // which git would read their settings. A file that only a filter can compare counts as changed.
    let words = ["status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=dirty"];
    let changes = apart.ask(Some(&work_tree), &[&words[..], &["--no-renames"]].concat())?;
    Some(CodeState { remote, branch, commit, dirty: !changes.is_empty() })
}

/// Returns the ids of `revision` and its ancestors, newest first.
pub(super) fn history(git: &Git, revision: &str) -> Result<Vec<String>, Failure> {
    let known = if revision.starts_with('-') { None } else { ancestors(git, revision) };
    let known = known.ok_or_else(|| {
        Failure::Usage(format!("git finds no commit '{revision}': run dvol in the work tree of the code"))
    })?;
    Ok(known.lines().map(str::to_owned).collect())
}

fn ancestors(git: &Git, revision: &str) -> Option<String> {
    let repository = git.repository()?;
    let commit = git.look_up(&["rev-parse", "--verify", "-q", &format!("{revision}^{{commit}}")]);
    let commit = commit.filter(|id| is_object(id))?;
    Apart::new(git, &repository, &commit).ok()?.ask(None, &["rev-list", &commit, "--"])
}

/// Returns whether `text` is an object's whole name.
fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
