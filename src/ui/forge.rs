//! Links to the code beside a commit, where its remote is a forge whose addresses are known.

/// Returns the page of a commit of the code; `None` if the remote is no forge that is known.
pub(super) fn commit_page(remote: &str, commit: &str) -> Option<String> {
    let (host, path) = place(remote)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./~".contains(c);
    if !path.contains('/') || !path.chars().all(is_name) || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let middle = match host.as_str() {
        "github.com" | "codeberg.org" | "gitea.com" | "git.sr.ht" => "commit",
        "bitbucket.org" => "commits",
        host if host == "gitlab.com" || host.starts_with("gitlab.") => "-/commit",
        _ => return None,
    };
    Some(format!("https://{host}/{path}/{middle}/{commit}"))
}

/// Shows a remote without the name and the password in it.
pub(super) fn shown(remote: &str) -> String {
    place(remote).map_or_else(|| "a remote".to_owned(), |(host, path)| format!("{host}/{path}"))
}

/// Splits a remote into its host and the path of the repository.
fn place(remote: &str) -> Option<(String, String)> {
    let rest = match remote.split_once("://") {
        Some(("https" | "http" | "ssh" | "git", rest)) => rest.to_owned(),
        Some(_) => return None,
        // git@host:owner/name
        None => remote.replacen(':', "/", 1),
    };
    let (place, path) = rest.split_once('/')?;
    let host = place.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let path = path.trim_matches('/').trim_end_matches(".git");
    (!host.is_empty() && host.chars().all(is_host) && !path.is_empty()).then(|| (host, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_of_a_forge_has_a_page() {
        let id = "0a1b2c";
        for (remote, page) in [
            ("https://github.com/ada/shop.git", Some("https://github.com/ada/shop/commit/0a1b2c")),
            ("git@github.com:ada/shop.git", Some("https://github.com/ada/shop/commit/0a1b2c")),
            ("ssh://git@gitlab.com:22/a/b/c", Some("https://gitlab.com/a/b/c/-/commit/0a1b2c")),
            ("https://me:secret@bitbucket.org/a/b", Some("https://bitbucket.org/a/b/commits/0a1b2c")),
            ("https://example.org/a/b", None),
            ("https://github.com/a/b\"onclick=x", None),
            ("javascript://github.com/a/b", None),
            ("/srv/git/shop", None),
        ] {
            assert_eq!(commit_page(remote, id).as_deref(), page, "{remote}");
        }
        assert_eq!(commit_page("git@github.com:a/b", "../x"), None);
        assert_eq!(shown("https://me:secret@example.org/a/b.git"), "example.org/a/b");
    }
}
