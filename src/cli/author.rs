//! Finds the author of a commit when neither `--author` nor a setting names one: the environment,
//! git's own configuration, then user@host.

use super::environment;
use super::git::Git;
use super::output::Failure;
use crate::model::{Signature, is_control};

/// Parses `Name <email>` or a name alone.
pub(super) fn parse(text: &str) -> Result<Signature, Failure> {
    let bad = || Failure::Usage(format!("--author takes 'Name <email>', not '{text}'"));
    if text.trim().is_empty() || text.chars().any(is_control) {
        return Err(bad());
    }
    let Some((name, rest)) = text.split_once('<') else {
        return Ok(Signature { name: text.trim().to_owned(), email: String::new() });
    };
    let email = rest.trim_end().strip_suffix('>').ok_or_else(bad)?;
    if email.contains(['<', '>']) || name.trim().is_empty() {
        return Err(bad());
    }
    Ok(Signature { name: name.trim().to_owned(), email: email.trim().to_owned() })
}

/// Returns the author that the environment or git names.
pub(super) fn from_surroundings(git: &Git) -> Signature {
    let (name, email) =
        (environment::variable("DVOL_AUTHOR_NAME"), environment::variable("DVOL_AUTHOR_EMAIL"));
    if let (Some(name), Some(email)) = (&name, &email) {
        return Signature { name: name.clone(), email: email.clone() };
    }
    let git = from_git(git);
    let name = name.or(git.0);
    let email = email.or(git.1);
    match (name, email) {
        (Some(name), email) => Signature { name, email: email.unwrap_or_default() },
        (None, Some(email)) => Signature { name: user(), email },
        (None, None) => {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            Signature { name: user(), email: format!("{}@{host}", user()) }
        }
    }
}

pub(super) fn user() -> String {
    environment::variable("SUDO_USER")
        .or_else(|| environment::variable("USER"))
        .or_else(|| environment::variable("LOGNAME"))
        .unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

/// Returns `user.name` and `user.email` from git, if git is installed and knows them.
fn from_git(git: &Git) -> (Option<String>, Option<String>) {
    let settings = git.settings("^user\\.(name|email)$");
    let value =
        |key: &str| settings.iter().rfind(|(k, v)| k == key && !v.is_empty()).map(|(_, value)| value.clone());
    (value("user.name"), value("user.email"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_a_name_with_or_without_an_email() {
        let read = |text: &str| parse(text).map(|author| author.to_string()).ok();
        assert_eq!(read("Ada Lovelace <ada@example.org>").as_deref(), Some("Ada Lovelace <ada@example.org>"));
        assert_eq!(read("Ada").as_deref(), Some("Ada"));
        for text in ["", "<a@b>", "Ada <a@b", "Ada <a<b>", "A\nB <c>"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
