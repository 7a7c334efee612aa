//! Colours, as git has them. Whoever writes the text takes them out where nobody sees them.

use anstyle::{AnsiColor, Style};

const fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

/// A commit's id, and a tag.
pub(super) const COMMIT: Style = color(AnsiColor::Yellow);
/// A tag beside a commit.
pub(super) const TAG: Style = color(AnsiColor::Yellow).bold();
/// HEAD.
pub(super) const HEAD: Style = color(AnsiColor::Cyan).bold();
/// A branch.
pub(super) const BRANCH: Style = color(AnsiColor::Green).bold();
/// The current one of a list, and what is new.
pub(super) const GREEN: Style = color(AnsiColor::Green);
/// What is gone.
pub(super) const RED: Style = color(AnsiColor::Red);
/// Where in a file a part of a patch stands.
pub(super) const HUNK: Style = color(AnsiColor::Cyan);
