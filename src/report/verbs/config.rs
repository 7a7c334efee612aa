//! Report of `config`.

use std::io::{self, Write};

use anstyle::Style;

use crate::ops::SettingEntry;
use crate::report::Lines;
use crate::report::json::{json_line, lines};
use crate::report::text::Text;

/// Settings and which of them to show as text; JSON has them all.
#[derive(Debug, Clone)]
pub struct ConfigView {
    /// All settings in effect.
    pub entries: Vec<SettingEntry>,
    /// Whether to show only those that are set.
    pub only_set: bool,
}

impl Text for SettingEntry {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.value)
    }
}

impl Text for ConfigView {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let dim = Style::new().dimmed();
        self.entries.iter().filter(|entry| entry.set || !self.only_set).try_for_each(|entry| {
            let SettingEntry { key, value, set, .. } = entry;
            match (set, value.as_str()) {
                (true, value) => writeln!(out, "{key}={value}"),
                (false, "") => writeln!(out, "{dim}{key}  (not set){dim:#}"),
                (false, value) => writeln!(out, "{dim}{key}={value}  (default){dim:#}"),
            }
        })
    }
}

impl Lines for ConfigView {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.entries)
    }
}

json_line!(SettingEntry);
