//! Credentials of S3-compatible stores, found as the AWS tools find them.
//!
//! In this order: variables of the environment; the profile that `AWS_PROFILE` names in
//! `~/.aws/credentials` and `~/.aws/config`, with its `credential_process`; and, by the library, a
//! web identity, the container's role and the machine's role.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use object_store::aws::AmazonS3ConfigKey as SettingKey;
use serde::Deserialize;

/// What the environment says about access to stores, and what ends requests to them. The library
/// itself asks no environment.
#[derive(Clone, Default)]
pub struct CloudAccess {
    variables: BTreeMap<OsString, OsString>,
    interrupted: Arc<AtomicBool>,
}

/// Prints no value: some are secrets.
impl std::fmt::Debug for CloudAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// Variables that a child needs: to find the user's files, agent and terminal. None is a secret.
const FOR_CHILDREN: [&str; 22] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "TZ",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_TTY",
    "KRB5CCNAME",
];

/// A profile of the AWS tools: keys and values of one section.
type Profile = BTreeMap<String, String>;

impl CloudAccess {
    /// Takes the variables of the environment.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        CloudAccess { variables: variables.into_iter().collect(), interrupted: Arc::default() }
    }

    /// Has requests end once `interrupted` is set.
    #[must_use]
    pub fn until(&self, interrupted: Arc<AtomicBool>) -> Self {
        CloudAccess { interrupted, ..self.clone() }
    }

    /// Returns the flag that ends requests.
    pub(in crate::remotes) fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Returns the value of a variable, if it is set and not empty.
    pub(in crate::remotes) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(std::ffi::OsStr::new(name))?.to_str().filter(|value| !value.is_empty())
    }

    /// Returns a command that gets nothing of the environment but what it needs, and no secret.
    pub(in crate::remotes) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in FOR_CHILDREN {
            if let Some(value) = self.variables.get(std::ffi::OsStr::new(name)) {
                command.env(name, value);
            }
        }
        command
    }

    /// Returns the settings of the store's client.
    pub(super) fn settings(&self) -> io::Result<Vec<(SettingKey, String)>> {
        let mut settings = Vec::new();
        let profile = self.profile()?;
        for (key, name) in [(SettingKey::Region, "region"), (SettingKey::Endpoint, "endpoint_url")] {
            settings.extend(profile.get(name).map(|value| (key, value.clone())));
        }
        for (name, value) in &self.variables {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
                && name.starts_with("AWS_")
                && !value.is_empty()
                && let Ok(key) = name.to_ascii_lowercase().parse::<SettingKey>()
            {
                settings.push((key, value.to_owned()));
            }
        }
        // As the AWS tools have it, keys of the environment win over a profile.
        if self.get("AWS_ACCESS_KEY_ID").is_none() {
            settings.extend(self.keys_of(&profile)?);
        }
        Ok(settings)
    }

    fn keys_of(&self, profile: &Profile) -> io::Result<Vec<(SettingKey, String)>> {
        let keys = [
            (SettingKey::AccessKeyId, "aws_access_key_id"),
            (SettingKey::SecretAccessKey, "aws_secret_access_key"),
            (SettingKey::Token, "aws_session_token"),
        ];
        let found = keys.map(|(key, name)| profile.get(name).map(|value| (key, value.clone())));
        if found[0].is_some() {
            return Ok(found.into_iter().flatten().collect());
        }
        match profile.get("credential_process") {
            Some(process) => self.ask(process),
            None => Ok(Vec::new()),
        }
    }

    /// Runs the command of a profile that prints credentials.
    fn ask(&self, process: &str) -> io::Result<Vec<(SettingKey, String)>> {
        let failed = |why: String| io::Error::other(format!("credential_process {process}: {why}"));
        let mut command = self.command("sh");
        let output = command.args(["-c", process]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(failed(format!("it ended with {}", output.status)));
        }
        let printed: Printed = serde_json::from_slice(&output.stdout)
            .map_err(|_| failed("it printed no credentials".to_owned()))?;
        let keys = [
            (SettingKey::AccessKeyId, Some(printed.access_key_id)),
            (SettingKey::SecretAccessKey, Some(printed.secret_access_key)),
            (SettingKey::Token, printed.session_token),
        ];
        Ok(keys.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }

    fn profile(&self) -> io::Result<Profile> {
        let name = self.get("AWS_PROFILE").or_else(|| self.get("AWS_DEFAULT_PROFILE"));
        let file = |variable: &str, name: &str| {
            let home = || self.get("HOME").map(|home| PathBuf::from(home).join(".aws").join(name));
            self.get(variable).map(PathBuf::from).or_else(home)
        };
        let mut found = None;
        for (file, prefix) in [
            (file("AWS_CONFIG_FILE", "config"), "profile "),
            (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ""),
        ] {
            let Some(file) = file else { continue };
            let text = match std::fs::read_to_string(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                read => read.map_err(|error| {
                    io::Error::new(error.kind(), format!("cannot read {}: {error}", file.display()))
                })?,
            };
            let name = name.unwrap_or("default");
            if let Some(section) = section(&text, name, prefix) {
                found.get_or_insert_with(Profile::new).extend(section);
            }
        }
        match (found, name) {
            (None, Some(name)) => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("there is no profile '{name}', which AWS_PROFILE names"),
            )),
            (found, _) => Ok(found.unwrap_or_default()),
        }
    }
}

/// What a credential process prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// Reads one section of a file of the AWS tools. In the file `config`, all but `default` have the
/// prefix `profile `.
fn section(text: &str, name: &str, prefix: &str) -> Option<Profile> {
    let (mut found, mut is_inside) = (None, false);
    for line in text.lines() {
        // Indented lines belong to the value before them; none that matters here has any.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(header) = line.trim_end().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let header = header.trim();
            is_inside = header.strip_prefix(prefix).map(str::trim) == Some(name)
                || header == name && name == "default";
            if is_inside {
                found.get_or_insert_with(Profile::new);
            }
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_inside) {
            found.get_or_insert_with(Profile::new).insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile team]\n# ours\nregion=eu-north-1\ns3 =\n  max_concurrent_requests = 20\nendpoint_url = https://s3.example.org\n[sso-session x]\nregion = us-west-2\n";

    fn access(pairs: &[(&str, &str)]) -> CloudAccess {
        CloudAccess::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[expect(clippy::disallowed_methods, reason = "a test sets up files of its own")]
    fn write(path: &std::path::Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn settings(access: &CloudAccess) -> BTreeMap<String, String> {
        let found = access.settings().unwrap().into_iter();
        found.map(|(key, value)| (key.as_ref().to_owned(), value)).collect()
    }

    #[test]
    fn a_profile_is_one_section_of_both_files() {
        let of = |name: &str| section(CONFIG, name, "profile ");
        assert_eq!(of("default").unwrap()["region"], "eu-west-1");
        let team = of("team").unwrap();
        assert_eq!((team["region"].as_str(), team.len()), ("eu-north-1", 3));
        assert!(of("x").is_none() && of("sso-session x").is_none() && of("eu").is_none());
    }

    #[test]
    fn keys_come_from_the_environment_then_from_the_profile_then_from_its_process() {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| write(&home.path().join(".aws").join(name), text);
        write(
            "config",
            &format!(
                "{CONFIG}[profile asks]\ncredential_process = printf '{{\"Version\":1,\"AccessKeyId\":\"A3\",\"SecretAccessKey\":\"%s\"}}' \"${{AWS_SECRET:-none}}\"\n"
            ),
        );
        write(
            "credentials",
            "[default]\naws_access_key_id = A1\naws_secret_access_key = S1\n[team]\naws_access_key_id=A2\naws_secret_access_key=S2\naws_session_token=T2\n",
        );
        let home = ("HOME", home.path().to_str().unwrap());

        let default = settings(&access(&[home]));
        assert_eq!(
            (default["aws_access_key_id"].as_str(), default["aws_region"].as_str()),
            ("A1", "eu-west-1")
        );
        let team = settings(&access(&[home, ("AWS_PROFILE", "team")]));
        assert_eq!(team["aws_access_key_id"], "A2");
        assert_eq!(team["aws_endpoint"], "https://s3.example.org");
        assert_eq!(team["aws_session_token"], "T2");
        let own = access(&[
            home,
            ("AWS_PROFILE", "team"),
            ("AWS_ACCESS_KEY_ID", "A0"),
            ("AWS_SECRET_ACCESS_KEY", "S0"),
        ]);
        assert_eq!(settings(&own)["aws_access_key_id"], "A0");
        assert!(!settings(&own).contains_key("aws_session_token"));
        // A child gets no secret.
        let asks = settings(&access(&[
            home,
            ("PATH", "/usr/bin:/bin"),
            ("AWS_PROFILE", "asks"),
            ("AWS_SECRET", "S"),
        ]));
        assert_eq!(
            (asks["aws_access_key_id"].as_str(), asks["aws_secret_access_key"].as_str()),
            ("A3", "none")
        );

        let error = access(&[home, ("AWS_PROFILE", "nosuch")]).settings().unwrap_err().to_string();
        assert!(error.contains("'nosuch'"), "{error}");
        assert!(!format!("{own:?}").contains("S0"));
    }
}
