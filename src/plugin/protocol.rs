//! The bodies of requests and answers: JSON, whatever the headers say.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::service::VolumeInfo;
use crate::model::Instant;

/// The content type of answers.
pub(super) const CONTENT_TYPE: &str = "application/vnd.docker.plugins.v1.2+json";

/// What the content type of requests begins with, where they have one.
pub(super) const REQUEST_TYPE: &[u8] = b"application/vnd.docker.plugins.";

/// A request. Unknown fields are ignored, and `null` means absent.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Request {
    /// The name of a volume, not validated yet.
    pub name: Option<String>,
    /// The engine's id of one mount.
    #[serde(rename = "ID")]
    pub id: Option<String>,
    /// The options of `docker volume create -o KEY=VALUE`.
    pub opts: Option<BTreeMap<String, String>>,
}

/// Why a body is not a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request is empty: the name of the volume is missing")]
    Empty,
    #[error("cannot parse the request: {0}")]
    Malformed(String),
}

impl Request {
    /// Parses a body that must not be empty.
    pub(super) fn parse(body: &[u8]) -> Result<Self, BodyError> {
        match body.trim_ascii() {
            b"" | b"null" => Err(BodyError::Empty),
            // serde would accept a list as the fields in order.
            body if !body.starts_with(b"{") => Err(BodyError::Malformed("not an object".to_owned())),
            body => serde_json::from_slice(body).map_err(|error| BodyError::Malformed(error.to_string())),
        }
    }
}

/// An answer; its fields tell which kind it is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
pub(super) enum Answer {
    Activate {
        implements: [&'static str; 1],
    },
    Capabilities {
        capabilities: Capabilities,
    },
    Volume {
        volume: Volume,
        err: String,
    },
    Volumes {
        volumes: Vec<Volume>,
        err: String,
    },
    Mountpoint {
        mountpoint: String,
        err: String,
    },
    /// The answer of calls that return nothing, and every error.
    Plain {
        err: String,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Capabilities {
    pub scope: &'static str,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume {
    name: String,
    mountpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    status: BTreeMap<String, Value>,
}

impl Answer {
    pub(super) const ACTIVATE: Answer = Answer::Activate { implements: ["VolumeDriver"] };
    /// Volumes belong to this host only.
    pub(super) const CAPABILITIES: Answer =
        Answer::Capabilities { capabilities: Capabilities { scope: "local" } };

    pub(super) fn done() -> Self {
        Answer::Plain { err: String::new() }
    }

    pub(super) fn refused(err: impl Into<String>) -> Self {
        Answer::Plain { err: err.into() }
    }

    pub(super) fn volume(info: VolumeInfo) -> Self {
        Answer::Volume { volume: Volume::detailed(info), err: String::new() }
    }

    /// Lists only names and mount points; engines ask Get for the rest.
    pub(super) fn volumes(infos: Vec<VolumeInfo>) -> Self {
        let brief = |info| Volume { created_at: None, status: BTreeMap::new(), ..Volume::detailed(info) };
        Answer::Volumes { volumes: infos.into_iter().map(brief).collect(), err: String::new() }
    }

    /// Names the directory to mount. Refuses a path that is not UTF-8: JSON cannot hold it, and an
    /// engine would mount whatever path it got instead.
    pub(super) fn mountpoint(path: &Path) -> Self {
        match path.to_str() {
            Some("") => Answer::refused("the volume has no directory to mount"),
            Some(path) => Answer::Mountpoint { mountpoint: path.to_owned(), err: String::new() },
            None => Answer::refused(format!("cannot mount {}: the path is not UTF-8", path.display())),
        }
    }

    /// Returns the error, if the answer is one.
    pub(super) fn err(&self) -> Option<&str> {
        match self {
            Answer::Plain { err } if !err.is_empty() => Some(err),
            _ => None,
        }
    }
}

impl Volume {
    fn detailed(info: VolumeInfo) -> Self {
        Volume {
            name: info.name.into(),
            // Only shown, never mounted: a lossy path is better than no volume.
            mountpoint: info.mountpoint.to_string_lossy().into_owned(),
            created_at: rfc3339(info.created),
            status: info.status,
        }
    }
}

/// Formats a time as RFC 3339 in UTC. Returns `None` for a year that RFC 3339 cannot express:
/// engines treat a volume with an unreadable time as missing.
fn rfc3339(instant: Instant) -> Option<String> {
    let time = Timestamp::from_microsecond(instant.micros).ok()?;
    let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
    (0..=9999).contains(&year).then(|| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> VolumeInfo {
        VolumeInfo {
            name: "v1".parse().unwrap(),
            mountpoint: "/p".into(),
            created: Instant { micros: 1_714_557_600_000_000, offset: 7200 },
            status: BTreeMap::from([("branch".to_owned(), "master".into())]),
        }
    }

    fn json(answer: &Answer) -> String {
        serde_json::to_string(answer).unwrap()
    }

    #[test]
    fn answers_match_the_protocol() {
        assert_eq!(json(&Answer::ACTIVATE), r#"{"Implements":["VolumeDriver"]}"#);
        assert_eq!(json(&Answer::CAPABILITIES), r#"{"Capabilities":{"Scope":"local"}}"#);
        assert_eq!(json(&Answer::done()), r#"{"Err":""}"#);
        assert_eq!(
            json(&Answer::volume(info())),
            r#"{"Volume":{"Name":"v1","Mountpoint":"/p","CreatedAt":"2024-05-01T10:00:00Z","Status":{"branch":"master"}},"Err":""}"#
        );
        assert_eq!(
            json(&Answer::volumes(vec![info()])),
            r#"{"Volumes":[{"Name":"v1","Mountpoint":"/p"}],"Err":""}"#
        );
        assert_eq!(json(&Answer::mountpoint(Path::new("/p"))), r#"{"Mountpoint":"/p","Err":""}"#);
    }

    #[test]
    fn a_time_that_engines_cannot_read_is_left_out() {
        let at = |micros| rfc3339(Instant { micros, offset: 0 });
        assert_eq!(at(i64::MIN), None);
        assert_eq!(at(i64::MAX), None);
        assert_eq!(at(-62_167_219_200_000_001), None, "the year before the year 0");
        assert_eq!(at(1_500_000).as_deref(), Some("1970-01-01T00:00:01.5Z"));
    }

    #[test]
    fn a_directory_that_engines_cannot_mount_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let odd = Path::new(std::ffi::OsStr::from_bytes(b"/pool/\xff"));
        assert!(Answer::mountpoint(odd).err().is_some());
        assert!(Answer::mountpoint(Path::new("")).err().is_some());
    }

    #[test]
    fn null_absent_and_unknown_fields_mean_nothing() {
        let parse = |body: &str| Request::parse(body.as_bytes());
        let named = Request { name: Some("v1".into()), ..Request::default() };
        assert_eq!(parse(r#"{"Name":"v1","Opts":null,"Later":[1]}"#).unwrap(), named);
        assert_eq!(parse(r#"{"Name":"v1","ID":null}"#).unwrap(), named);
        assert_eq!(parse("{}").unwrap(), Request::default());
        let opts = parse(r#"{"Name":"v1","Opts":{"k":"v"}}"#).unwrap().opts.unwrap();
        assert_eq!(opts["k"], "v");
    }

    #[test]
    fn a_body_that_is_no_request_says_why() {
        for body in ["", " \n", "null"] {
            assert_eq!(Request::parse(body.as_bytes()), Err(BodyError::Empty), "{body:?}");
        }
        for body in [
            "{",
            "[]",
            "[\"v1\"]",
            "\"v1\"",
            r#"{"Name":1}"#,
            r#"{"Name":"v","Opts":{"a":1}}"#,
            "{}x",
            "\u{0}",
        ] {
            assert!(matches!(Request::parse(body.as_bytes()), Err(BodyError::Malformed(_))), "{body}");
        }
        assert!(matches!(Request::parse(b"\xff\xfe"), Err(BodyError::Malformed(_))));
    }
}
