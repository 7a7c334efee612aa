//! Text for people, in the words that users of git and of the older tool know.

use std::io::{self, Write};

use super::Wrap;

/// Renders a report for people.
pub trait Text {
    /// Writes the report.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Returns how to treat lines that are wider than the terminal.
    fn wrap(&self) -> Wrap {
        Wrap::Free
    }
}

/// Writes the reports of several volumes, each line behind the volume's name.
pub(super) fn text_by_volume<'a, T: Text + 'a>(
    out: &mut dyn Write,
    reports: impl Iterator<Item = (&'a str, &'a T)>,
) -> io::Result<()> {
    for (volume, report) in reports {
        let mut text = Vec::new();
        report.text(&mut text)?;
        String::from_utf8_lossy(&text).lines().try_for_each(|line| writeln!(out, "{volume}: {line}"))?;
    }
    Ok(())
}
