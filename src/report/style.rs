//! Colours, like git's: yellow ids, green branches. The writer removes them if the output is not a
//! terminal.
//!
//! They come from the fixed part of the 256 colours. Of a terminal's own sixteen, yellow and cyan
//! are hard to read on a light background, and bold makes them paler still.

use anstyle::{Ansi256Color, Color, Style};

const fn color(index: u8) -> Style {
    Style::new().fg_color(Some(Color::Ansi256(Ansi256Color(index))))
}

const YELLOW: u8 = 136;
const CYAN: u8 = 30;
const OLIVE: u8 = 64;
const CRIMSON: u8 = 160;

/// All colours in use.
pub(super) const COLORS: [u8; 4] = [YELLOW, CYAN, OLIVE, CRIMSON];

/// A commit's id, and a change to look at.
pub(super) const COMMIT: Style = color(YELLOW);
/// A tag beside a commit.
pub(super) const TAG: Style = color(YELLOW).bold();
/// HEAD.
pub(super) const HEAD: Style = color(CYAN).bold();
/// A branch.
pub(super) const BRANCH: Style = color(OLIVE).bold();
/// The current entry of a list, and additions.
pub(super) const GREEN: Style = color(OLIVE);
/// Deletions.
pub(super) const RED: Style = color(CRIMSON);
/// A branch that another place has checked out.
pub(super) const PLACE: Style = color(CYAN);
/// The header of a hunk.
pub(super) const HUNK: Style = color(CYAN);

/// Returns the colour of a label on standard error.
pub fn label(word: &str) -> Style {
    match word {
        "error" => color(CRIMSON).bold(),
        "warning" => color(YELLOW).bold(),
        _ => color(CYAN).bold(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes the relative luminance of one of the colours 16 to 231, as defined by WCAG 2.
    fn luminance(index: u8) -> f64 {
        let levels = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0];
        let linear = |part: u8| {
            let level: f64 = levels[usize::from(part)] / 255.0;
            if level <= 0.03928 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
        };
        let cube = index - 16;
        0.2126 * linear(cube / 36) + 0.7152 * linear(cube / 6 % 6) + 0.0722 * linear(cube % 6)
    }

    #[test]
    fn each_colour_can_be_read_on_black_and_on_white() {
        for index in COLORS {
            let own = luminance(index) + 0.05;
            let (black, white) = (own / 0.05, 1.05 / own);
            assert!(black > 3.0 && white > 3.0, "{index}: {black:.1} on black, {white:.1} on white");
        }
    }
}
