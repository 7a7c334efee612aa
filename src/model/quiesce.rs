//! Ways to keep containers from writing.

use std::fmt;
use std::str::FromStr;

use super::words::one_of;

/// A way to keep containers from writing while a volume's trees are read or exchanged. A later
/// one is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quiesce {
    /// Containers go on writing.
    None,
    /// Containers are frozen: a copy holds what a power cut would leave.
    Pause,
    /// Containers are stopped, and started afterwards.
    Stop,
}

/// Says that a word names no way to quiesce.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a way to quiesce containers: use {rule}", rule = Quiesce::rule())]
pub struct QuiesceError(String);

impl Quiesce {
    /// Every way with its word and its explanation, the default first. The setting, the flag with
    /// its help and completion, and the messages all read this list.
    pub const CHOICES: [(&str, Quiesce, &str); 3] = [
        ("stop", Quiesce::Stop, "stop them, and start them again afterwards"),
        ("pause", Quiesce::Pause, "freeze them: a copy holds what a power cut would leave"),
        ("none", Quiesce::None, "let them go on writing"),
    ];

    /// Lists the words: `stop, pause or none`.
    pub fn rule() -> String {
        one_of(&Quiesce::CHOICES.map(|(word, ..)| word))
    }
}

impl FromStr for Quiesce {
    type Err = QuiesceError;

    fn from_str(text: &str) -> Result<Self, QuiesceError> {
        let found = Quiesce::CHOICES.iter().find(|(word, ..)| *word == text);
        found.map(|(_, way, _)| *way).ok_or_else(|| QuiesceError(text.to_owned()))
    }
}

impl fmt::Display for Quiesce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Quiesce::CHOICES.iter().find(|(_, way, _)| way == self);
        f.pad(found.map_or("", |(word, ..)| word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_a_word_of_its_own() {
        for way in [Quiesce::None, Quiesce::Pause, Quiesce::Stop] {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        let error = "freeze".parse::<Quiesce>().unwrap_err().to_string();
        assert_eq!(error, "'freeze' is not a way to quiesce containers: use stop, pause or none");
    }
}
