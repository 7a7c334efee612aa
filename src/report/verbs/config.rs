//! Report of `config`.

use std::io::{self, Write};

use crate::ops::SettingEntry;
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

impl Text for SettingEntry {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.value)
    }
}

impl Text for Vec<SettingEntry> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter()
            .filter(|entry| entry.set)
            .try_for_each(|entry| writeln!(out, "{}={}", entry.key, entry.value))
    }
}

json_line!(SettingEntry);
json_lines!(SettingEntry);
