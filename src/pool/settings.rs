//! The settings of `dvol config`: of the whole pool, or of one volume, which takes precedence.

use crate::error::Error;
use crate::model::{Globs, Keep, Quiesce, VolumeName, one_of};
use crate::store::Rows;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Key, as `dvol config` takes it.
    pub key: &'static str,
    /// What the setting does, in one line.
    pub about: &'static str,
    /// Value that holds if none is set.
    pub default: &'static str,
    /// Whether the setting belongs to the whole pool alone.
    pub is_global: bool,
    values: Values,
}

/// The values that a setting allows.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A way to quiesce containers.
    Quiesce,
    /// A text that fits a rule.
    Text(&'static str, fn(&str) -> bool),
}

const SIZE: Values = Values::Text(
    "a number of bytes, with or without K, M, G or T, such as 20G, or nothing for no limit",
    is_size,
);
const LINE: Values = Values::Text("any text in one line", is_line);
const COMMAND: Values = Values::Text("a command for sh -c in one line, or nothing", is_line);

/// All settings, sorted by key.
pub const SETTINGS: [Setting; 16] = [
    Setting {
        key: "checksums",
        about: "who takes the checksums of a commit for fsck --deep: the driver (background), or the \
                command after containers run again (commit)",
        default: "background",
        is_global: false,
        values: Values::Words(&["background", "commit", "off"]),
    },
    Setting {
        key: "commits.keep",
        about: "which commits keep their data when a new one is made; heads and tagged commits always do",
        default: "",
        is_global: false,
        values: Values::Text("rules such as last=20,daily=7,within=2d, or nothing to keep all", |text| {
            Keep::parse(text).is_some()
        }),
    },
    Setting {
        key: "containers.post-commit",
        about: "command to run in each running container after a commit",
        default: "",
        is_global: false,
        values: COMMAND,
    },
    Setting {
        key: "containers.pre-commit",
        about: "command to run in each running container before a commit; if it fails, the commit is refused",
        default: "",
        is_global: false,
        values: COMMAND,
    },
    Setting {
        key: "containers.quiesce",
        about: "how to keep containers from writing",
        default: "stop",
        is_global: false,
        values: Values::Quiesce,
    },
    Setting {
        key: "containers.ready",
        about: "command that succeeds in a container once that is ready, for containers without a health check",
        default: "",
        is_global: false,
        values: COMMAND,
    },
    Setting {
        key: "containers.reset",
        about: "how containers end before a reset: killed if all that they can write to is thrown away \
                (auto), stopped, or killed",
        default: "auto",
        is_global: false,
        values: Values::Words(&["auto", "stop", "kill"]),
    },
    Setting {
        key: "containers.stop-timeout",
        about: "seconds that a container may take to stop before it is killed",
        default: "",
        is_global: false,
        values: Values::Text(
            "a number of seconds, or nothing for the container's own stop timeout",
            |text| text.is_empty() || text.parse::<u32>().is_ok(),
        ),
    },
    Setting {
        key: "containers.wait",
        about: "seconds to wait until started containers are ready",
        default: "60",
        is_global: false,
        values: Values::Text("a number of seconds, 0 for no wait", |text| text.parse::<u32>().is_ok()),
    },
    Setting {
        key: "hook.enabled",
        about: "whether the hook of dvol hook install does anything",
        default: "on",
        is_global: false,
        values: Values::Words(&["on", "off"]),
    },
    Setting {
        key: "status.ignore",
        about: "paths that a program changes by itself: they do not count as changes in status, nor \
                for the refusal of a checkout",
        default: "",
        is_global: false,
        values: Values::Text("patterns such as *.pid,pg_stat/*, or nothing", |text| {
            is_line(text) && Globs::parse(text).is_some()
        }),
    },
    Setting {
        key: "trash.keep",
        about: "how long to keep what reset, rm and branch -d dropped",
        default: "7d",
        is_global: true,
        values: Values::Text("a number with d, h or m, such as 7d", |text| parse_age(text).is_some()),
    },
    Setting {
        key: "trash.max-size",
        about: "how much trash to keep, the newest first",
        default: "10%",
        is_global: true,
        values: Values::Text(
            "a part of the file system such as 10%, a number of bytes, with or without K, M, G or T, such as \
             20G, or nothing for no limit",
            |text| text.is_empty() || parse_share(text).is_some(),
        ),
    },
    Setting {
        key: "user.email",
        about: "e-mail address of the author of commits",
        default: "",
        is_global: false,
        values: LINE,
    },
    Setting {
        key: "user.name",
        about: "name of the author of commits",
        default: "",
        is_global: false,
        values: LINE,
    },
    Setting {
        key: "volume.max-size",
        about: "how large a working tree may be to be committed",
        default: "",
        is_global: false,
        values: SIZE,
    },
];

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_size(text: &str) -> bool {
    text.is_empty() || parse_size(text).is_some()
}

/// Parses `7d`, `36h` or `90m`; returns microseconds.
pub fn parse_age(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        _ => return None,
    };
    let count: u32 = text[..text.len() - 1].parse().ok()?;
    Some(i64::from(count) * unit * 1_000_000)
}

/// Parses `20G`, `512M` or `4096`, also in Docker's spelling `20gb` or `512MiB`; returns bytes.
/// Units are powers of 1024.
pub fn parse_size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match &*unit.to_ascii_lowercase() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// An amount of space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Bytes(u64),
    /// Hundredths of the file system.
    Percent(u64),
}

/// Parses a size, or a part of the file system such as `10%`.
pub(super) fn parse_share(text: &str) -> Option<Share> {
    let Some(digits) = text.strip_suffix('%') else { return parse_size(text).map(Share::Bytes) };
    let percent = digits.parse().ok().filter(|percent| *percent <= 100);
    percent.filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit())).map(Share::Percent)
}

impl Setting {
    /// Finds the setting of this key.
    ///
    /// # Errors
    /// [`Error::UnknownSetting`].
    pub fn find(key: &str) -> Result<&'static Setting, Error> {
        SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .ok_or_else(|| Error::UnknownSetting(key.to_owned()))
    }

    /// Lists the allowed values where they are a few words.
    pub fn choices(&self) -> Vec<&'static str> {
        match self.values {
            Values::Words(words) => words.to_vec(),
            Values::Quiesce => Quiesce::CHOICES.map(|(word, ..)| word).to_vec(),
            Values::Text(..) => Vec::new(),
        }
    }

    /// Says which values are allowed, in words that continue `use`.
    pub fn rule(&self) -> String {
        match self.values {
            Values::Words(words) => one_of(words),
            Values::Quiesce => Quiesce::rule(),
            Values::Text(rule, _) => rule.to_owned(),
        }
    }

    /// Refuses a value that the setting does not allow.
    ///
    /// # Errors
    /// [`Error::BadSetting`].
    pub fn check(&self, value: &str) -> Result<(), Error> {
        let is_valid = match self.values {
            Values::Words(words) => words.contains(&value),
            Values::Quiesce => value.parse::<Quiesce>().is_ok(),
            Values::Text(_, is_valid) => is_valid(value),
        };
        if is_valid {
            return Ok(());
        }
        Err(Error::BadSetting { key: self.key, value: value.to_owned(), rule: self.rule() })
    }

    /// Returns the value that holds for `volume`: its own, else that of the volume whose worktree
    /// it is, else the pool's, else the default.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn value(&self, rows: &Rows<'_>, volume: Option<&VolumeName>) -> Result<String, Error> {
        let mut value = volume.map(|volume| rows.setting(Some(volume), self.key)).transpose()?.flatten();
        if value.is_none()
            && let Some(volume) = volume
            && let Some(owner) = rows.volume(volume)?.and_then(|record| record.worktree_of)
        {
            value = rows.setting(Some(&owner), self.key)?;
        }
        if value.is_none() {
            value = rows.setting(None, self.key)?;
        }
        Ok(value.unwrap_or_else(|| self.default.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_sorted_and_their_defaults_are_allowed() {
        assert!(SETTINGS.windows(2).all(|pair| pair[0].key < pair[1].key));
        for setting in SETTINGS {
            setting.check(setting.default).unwrap();
        }
    }

    #[test]
    fn sizes_may_have_a_unit() {
        assert_eq!(parse_size("3K"), Some(3072));
        assert_eq!(parse_size("7"), Some(7));
        assert_eq!(parse_size("7b"), Some(7));
        for text in ["2G", "2g", "2GB", "2gb", "2GiB"] {
            assert_eq!(parse_size(text), Some(2 << 30), "{text}");
        }
        for text in ["", "K", "B", "1KK", "1iB", "1 G", "1.5G", "-1", "+1", "99999999999T", "1é"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn a_size_may_be_a_part_of_the_file_system() {
        assert_eq!(parse_share("10%"), Some(Share::Percent(10)));
        assert_eq!(parse_share("2K"), Some(Share::Bytes(2048)));
        for text in ["%", "101%", "+1%", "1.5%", "10 %", "10%%"] {
            assert_eq!(parse_share(text), None, "{text}");
        }
    }

    #[test]
    fn ages_have_a_unit() {
        assert_eq!(parse_age("2h"), Some(7_200_000_000));
        for text in ["", "7", "d", "-1d", "1w", "é"] {
            assert_eq!(parse_age(text), None, "{text}");
        }
    }
}
