//! Addresses of repositories: a directory, a bucket, a directory on another machine.

use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::VolumeName;
use super::remote::RemoteWordError;

/// The address of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RemoteUrl {
    /// A directory of this machine, which may lie on NFS.
    Directory(PathBuf),
    /// A part of a bucket of an S3-compatible store.
    Bucket(BucketUrl),
    /// A directory on another machine.
    Ssh(SshUrl),
}

/// `s3://BUCKET/PREFIX`, or `s3:https://HOST:PORT/BUCKET/PREFIX` as restic writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketUrl {
    /// Scheme, host and port of the store; `None` if the settings of the AWS tools say it.
    pub endpoint: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// Names of the repository's objects begin with this and a slash; may be empty.
    pub prefix: String,
}

/// `sftp://USER@HOST:PORT/PATH`; a path that begins with `/~/` is below the user's directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SshUrl {
    /// The user there; `None` if ssh's configuration says it.
    pub user: Option<String>,
    /// The machine, as ssh knows it.
    pub host: String,
    /// The port; `None` if ssh's configuration says it.
    pub port: Option<u16>,
    /// The directory; relative to the user's if it has no slash at its start.
    pub path: PathBuf,
}

impl RemoteUrl {
    /// Splits the address of a volume, `URL/VOLUME`.
    ///
    /// # Errors
    /// When the text is no address, or its last part no volume's name.
    pub fn split_volume(text: &str) -> Result<(Self, VolumeName), RemoteWordError> {
        let bad = || RemoteWordError::of_address(text);
        let (url, volume) = text.trim_end_matches('/').rsplit_once('/').ok_or_else(bad)?;
        Ok((url.parse()?, volume.parse().map_err(|_| bad())?))
    }

    /// Parses an address that may lead over plain HTTP to another machine.
    ///
    /// # Errors
    /// When the text is no address.
    pub fn parse_insecure(text: &str) -> Result<Self, RemoteWordError> {
        match text.strip_prefix("s3:") {
            Some(rest) => BucketUrl::parse(text, rest, true).map(RemoteUrl::Bucket),
            None => text.parse(),
        }
    }

    /// Splits `URL/VOLUME:REVISION`. The colon of a scheme or a port is none of a revision.
    pub fn split_revision(text: &str) -> (&str, Option<&str>) {
        let authority = text.find("://").map_or(0, |at| at + 3);
        let path = text[authority..].find('/').map_or(text.len(), |at| authority + at);
        match text[path..].rfind(':') {
            Some(at) => (&text[..path + at], Some(&text[path + at + 1..])),
            None => (text, None),
        }
    }

    /// Returns whether a word must be an address, as no name has a slash at its start or a scheme.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with('/') || text.contains("://")
    }
}

impl FromStr for RemoteUrl {
    type Err = RemoteWordError;

    fn from_str(text: &str) -> Result<Self, RemoteWordError> {
        let bad = || RemoteWordError::of_address(text);
        if text.contains(['\0', '\n', '\r']) {
            return Err(bad());
        }
        if let Some(rest) = text.strip_prefix("s3:") {
            return BucketUrl::parse(text, rest, false).map(RemoteUrl::Bucket);
        }
        if let Some(rest) = text.strip_prefix("sftp://").or_else(|| text.strip_prefix("ssh://")) {
            return SshUrl::parse(text, rest).map(RemoteUrl::Ssh);
        }
        if has_password(text) {
            return Err(RemoteWordError::Password);
        }
        let path = text.strip_prefix("file://").unwrap_or(text);
        if !path.starts_with('/') {
            return Err(bad());
        }
        Ok(RemoteUrl::Directory(plain_path(text, path)?))
    }
}

impl BucketUrl {
    fn parse(text: &str, rest: &str, insecure: bool) -> Result<Self, RemoteWordError> {
        let bad = || RemoteWordError::of_address(text);
        if rest.split("//").nth(1).is_some_and(|rest| authority(rest).0.contains('@')) {
            return Err(RemoteWordError::Password);
        }
        let (endpoint, path) = match rest.strip_prefix("//") {
            Some(path) => (None, path),
            None => {
                let (scheme, rest) = rest.split_once("://").ok_or_else(bad)?;
                let (host, path) = authority(rest);
                match scheme {
                    "https" => {}
                    "http" if insecure || is_loopback(host) => {}
                    "http" => return Err(RemoteWordError::Plain(text.to_owned())),
                    _ => return Err(bad()),
                }
                split_port(host).ok_or_else(bad)?;
                (Some(format!("{scheme}://{host}")), path.trim_start_matches('/'))
            }
        };
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(is_name) {
            return Err(bad());
        }
        let prefix = prefix.trim_end_matches('/');
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..") && part.bytes().all(|byte| is_name(byte) || byte == b'=')
        };
        if !prefix.is_empty() && !prefix.split('/').all(is_part) {
            return Err(RemoteWordError::Path(text.to_owned()));
        }
        Ok(BucketUrl { endpoint, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl SshUrl {
    fn parse(text: &str, rest: &str) -> Result<Self, RemoteWordError> {
        let bad = || RemoteWordError::of_address(text);
        let (authority, path) = authority(rest);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err(RemoteWordError::Password),
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = split_port(host).ok_or_else(bad)?;
        // ssh takes a word with a hyphen at its start for a flag.
        let is_word =
            |word: &str| !word.is_empty() && !word.starts_with('-') && !word.contains(char::is_whitespace);
        if !is_word(host) || !user.is_none_or(is_word) {
            return Err(bad());
        }
        let path = match path.strip_prefix("/~/") {
            Some(below) => plain_path(text, below)?,
            None if path == "/~" => return Err(bad()),
            None => plain_path(text, path)?,
        };
        Ok(SshUrl { user: user.map(str::to_owned), host: host.to_owned(), port, path })
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            RemoteUrl::Directory(path) => path.to_string_lossy().into_owned(),
            RemoteUrl::Bucket(BucketUrl { endpoint, bucket, prefix }) => {
                let start = endpoint.as_ref().map_or("s3:/".to_owned(), |endpoint| format!("s3:{endpoint}"));
                let slash = if prefix.is_empty() { "" } else { "/" };
                format!("{start}/{bucket}{slash}{prefix}")
            }
            RemoteUrl::Ssh(SshUrl { user, host, port, path }) => {
                let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                let home = if path.is_absolute() { "" } else { "/~/" };
                format!("sftp://{user}{host}{port}{home}{}", path.display())
            }
        };
        f.pad(&text)
    }
}

/// Reads an address that was allowed before.
impl TryFrom<String> for RemoteUrl {
    type Error = RemoteWordError;

    fn try_from(text: String) -> Result<Self, RemoteWordError> {
        Self::parse_insecure(&text)
    }
}

impl From<RemoteUrl> for String {
    fn from(url: RemoteUrl) -> String {
        url.to_string()
    }
}

/// Splits `HOST/PATH`; the path keeps its slash.
fn authority(text: &str) -> (&str, &str) {
    text.split_at(text.find('/').unwrap_or(text.len()))
}

/// Splits `HOST:PORT`; an address of IPv6 stands in brackets.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
        None if port.is_empty() => None,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

fn is_loopback(authority: &str) -> bool {
    let Some((host, _)) = split_port(authority) else { return false };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns whether an address of whatever kind has a password in it.
pub(super) fn has_password(text: &str) -> bool {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    authority(rest).0.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn plain_path(text: &str, path: &str) -> Result<PathBuf, RemoteWordError> {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    // `components` passes over `.`, which would make two addresses of one place.
    if !Path::new(path).components().all(is_plain) || path.contains("/./") || path.ends_with("/.") {
        return Err(RemoteWordError::Path(text.to_owned()));
    }
    let path: PathBuf = Path::new(path).components().collect();
    if path.file_name().is_none() {
        return Err(RemoteWordError::of_address(text));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_each_kind_prints_as_it_is_read() {
        for (text, printed) in [
            ("/srv/catalog/", "/srv/catalog"),
            ("file:///srv/catalog", "/srv/catalog"),
            ("s3://team/catalog/", "s3://team/catalog"),
            ("s3://team", "s3://team"),
            ("s3:https://s3.example.org/team/a/b", "s3:https://s3.example.org/team/a/b"),
            ("s3:http://127.0.0.1:9000/team", "s3:http://127.0.0.1:9000/team"),
            ("s3:http://[::1]:9000/team/x", "s3:http://[::1]:9000/team/x"),
            ("s3:http://localhost/team", "s3:http://localhost/team"),
            ("sftp://ada@example.org:2222/srv/catalog", "sftp://ada@example.org:2222/srv/catalog"),
            ("ssh://nas/~/catalog", "sftp://nas/~/catalog"),
            ("sftp://[2001:db8::1]/srv/x", "sftp://[2001:db8::1]/srv/x"),
        ] {
            let url: RemoteUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), printed);
            assert_eq!(printed.parse::<RemoteUrl>().unwrap(), url);
        }
    }

    #[test]
    fn the_last_part_of_an_address_may_be_a_volume_and_a_revision() {
        for (text, url, volume, revision) in [
            ("/srv/catalog/shop", "/srv/catalog", "shop", None),
            ("/srv/catalog/shop:feature/x", "/srv/catalog", "shop", Some("feature/x")),
            ("s3://team/catalog/shop:v1", "s3://team/catalog", "shop", Some("v1")),
            ("s3:http://127.0.0.1:9000/team/shop", "s3:http://127.0.0.1:9000/team", "shop", None),
            ("sftp://ada@nas:2222/srv/x/shop:v1", "sftp://ada@nas:2222/srv/x", "shop", Some("v1")),
        ] {
            let (place, found) = RemoteUrl::split_revision(text);
            let (at, name) = RemoteUrl::split_volume(place).unwrap();
            assert_eq!((at.to_string().as_str(), name.as_str(), found), (url, volume, revision));
        }
        for text in ["/shop", "shop", "/srv/catalog/-x", "s3://shop"] {
            assert!(RemoteUrl::split_volume(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for text in [
            "",
            "/",
            "catalog",
            "ftp://host/x",
            "/srv/../etc",
            "/srv/./x",
            "file://catalog",
            "/a\0b",
            "s3:",
            "s3://",
            "s3:///x",
            "s3://a b/c",
            "s3://team/../x",
            "s3://team//x",
            "s3:ftp://host/team",
            "s3:https://host",
            "s3:https:///team",
            "s3:https://host:x/team",
            "s3:https://host:0/team",
            "s3://te?am",
            "sftp://host",
            "sftp://host/",
            "sftp:///x",
            "sftp://-oProxyCommand=x/y",
            "sftp://-lx@host/y",
            "sftp://a b/y",
            "sftp://host/~",
            "sftp://host/x/../y",
            "sftp://@host/x",
        ] {
            assert!(text.parse::<RemoteUrl>().is_err(), "{text:?}");
        }
        for text in ["http://10.0.0.1:9000/team", "http://example.org/team", "http://127.0.0.1.example.org/t"]
        {
            let error = format!("s3:{text}").parse::<RemoteUrl>().unwrap_err();
            assert!(matches!(error, RemoteWordError::Plain(_)), "{text}");
        }
        for text in [
            "s3:https://key:geheim@host/team",
            "s3://key:geheim@team/x",
            "sftp://ada:geheim@host/x",
            "rest:https://ada:geheim@host/",
            "https://ada:geheim@host/x",
            "s3:https://geheim@host/team",
        ] {
            let error = text.parse::<RemoteUrl>().unwrap_err();
            assert!(error == RemoteWordError::Password && !error.to_string().contains("geheim"), "{text}");
        }
    }
}
