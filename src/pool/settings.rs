//! The settings that `dvol config` knows: of the whole pool, or of one volume, which then wins.

use crate::error::Error;
use crate::model::{Quiesce, VolumeName};
use crate::store::Rows;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key, as `dvol config` takes it.
    pub key: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it is when nobody set it.
    pub default: &'static str,
    /// What values are allowed, in words.
    pub rule: &'static str,
    /// Whether it is of the whole pool alone.
    pub is_global: bool,
    is_valid: fn(&str) -> bool,
}

const SIZE: &str = "a number of bytes, or with K, M, G or T, such as 20G; nothing for no limit";

/// All settings, sorted by key.
pub const SETTINGS: [Setting; 12] = [
    Setting {
        key: "checksums",
        about: "when the checksums of a commit are taken, which fsck --deep compares",
        default: "background",
        rule: "background (by the driver), commit (before the command ends, after containers run again) or off",
        is_global: false,
        is_valid: |text| matches!(text, "background" | "commit" | "off"),
    },
    Setting {
        key: "containers.post-commit",
        about: "command that is run inside each running container after a commit",
        default: "",
        rule: "a command for sh -c, in one line, or nothing",
        is_global: false,
        is_valid: is_line,
    },
    Setting {
        key: "containers.pre-commit",
        about: "command that is run inside each running container before a commit, which its failure refuses",
        default: "",
        rule: "a command for sh -c, in one line, or nothing",
        is_global: false,
        is_valid: is_line,
    },
    Setting {
        key: "containers.quiesce",
        about: "how containers are kept from writing",
        default: "stop",
        rule: "stop, pause or none",
        is_global: false,
        is_valid: |text| text.parse::<Quiesce>().is_ok(),
    },
    Setting {
        key: "containers.stop-timeout",
        about: "seconds that a container may take to stop before it is killed",
        default: "",
        rule: "a number of seconds, or nothing for the container's own stop timeout",
        is_global: false,
        is_valid: |text| text.is_empty() || text.parse::<u32>().is_ok(),
    },
    Setting {
        key: "containers.wait",
        about: "seconds to wait for the health checks of containers that were started",
        default: "60",
        rule: "a number of seconds; 0 for not at all",
        is_global: false,
        is_valid: |text| text.parse::<u32>().is_ok(),
    },
    Setting {
        key: "hook.enabled",
        about: "whether the hook of dvol hook install does anything",
        default: "on",
        rule: "on or off",
        is_global: false,
        is_valid: |text| matches!(text, "on" | "off"),
    },
    Setting {
        key: "trash.keep",
        about: "how long what reset, rm and branch -d dropped is kept",
        default: "7d",
        rule: "a number with d, h or m, such as 7d",
        is_global: true,
        is_valid: |text| parse_age(text).is_some(),
    },
    Setting {
        key: "trash.max-size",
        about: "how much of it is kept, the newest first",
        default: "",
        rule: SIZE,
        is_global: true,
        is_valid: is_size,
    },
    Setting {
        key: "user.email",
        about: "e-mail address of the author of commits",
        default: "",
        rule: "any text in one line",
        is_global: false,
        is_valid: is_line,
    },
    Setting {
        key: "user.name",
        about: "name of the author of commits",
        default: "",
        rule: "any text in one line",
        is_global: false,
        is_valid: is_line,
    },
    Setting {
        key: "volume.max-size",
        about: "how much a working tree may take to be committed",
        default: "",
        rule: SIZE,
        is_global: false,
        is_valid: is_size,
    },
];

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_size(text: &str) -> bool {
    text.is_empty() || parse_size(text).is_some()
}

/// `7d`, `36h`, `90m` in microseconds.
pub(super) fn parse_age(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        _ => return None,
    };
    let count: u32 = text[..text.len() - 1].parse().ok()?;
    Some(i64::from(count) * unit * 1_000_000)
}

/// `20G`, `512M`, `4096` in bytes, or as Docker spells it: `20gb`, `512MiB`. Units are powers of 1024.
pub(super) fn parse_size(text: &str) -> Option<u64> {
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

impl Setting {
    /// The setting of this key.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(key: &str) -> Result<&'static Setting, Error> {
        SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .ok_or_else(|| Error::UnknownSetting(key.to_owned()))
    }

    /// Refuses what is no value of this setting.
    ///
    /// # Errors
    /// With the rule.
    pub fn check(&self, value: &str) -> Result<(), Error> {
        if (self.is_valid)(value) {
            return Ok(());
        }
        Err(Error::BadSetting { key: self.key, value: value.to_owned(), rule: self.rule })
    }

    /// The value that holds for `volume`: its own, else the pool's, else the default.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn value(&self, rows: &Rows<'_>, volume: Option<&VolumeName>) -> Result<String, Error> {
        let own = volume.map(|volume| rows.setting(Some(volume), self.key)).transpose()?.flatten();
        let value = match own {
            Some(value) => Some(value),
            None => rows.setting(None, self.key)?,
        };
        Ok(value.unwrap_or_else(|| self.default.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_sorted_and_their_defaults_allowed() {
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
    fn ages_have_a_unit() {
        assert_eq!(parse_age("2h"), Some(7_200_000_000));
        for text in ["", "7", "d", "-1d", "1w", "é"] {
            assert_eq!(parse_age(text), None, "{text}");
        }
    }
}
