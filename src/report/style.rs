//! Colours, as git has them: yellow ids, green branches. Whoever writes the text takes them out where
//! nobody sees them.
//!
//! They are fixed ones of the 256, not the terminal's own sixteen: its yellow and cyan vanish on a light
//! ground, and bold makes them paler still. These keep their distance from black and from white.

use anstyle::{Ansi256Color, Color, Style};

const fn color(index: u8) -> Style {
    Style::new().fg_color(Some(Color::Ansi256(Ansi256Color(index))))
}

const YELLOW: u8 = 136;
const CYAN: u8 = 30;
const OLIVE: u8 = 64;
const CRIMSON: u8 = 160;

/// A commit's id, and what wants a look.
pub(super) const COMMIT: Style = color(YELLOW);
/// A tag beside a commit.
pub(super) const TAG: Style = color(YELLOW).bold();
/// HEAD.
pub(super) const HEAD: Style = color(CYAN).bold();
/// A branch.
pub(super) const BRANCH: Style = color(OLIVE).bold();
/// The current one of a list, and what is new.
pub(super) const GREEN: Style = color(OLIVE);
/// What is gone.
pub(super) const RED: Style = color(CRIMSON);
/// Where in a file a part of a patch stands.
pub(super) const HUNK: Style = color(CYAN);

/// The label of a line on standard error.
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

    /// Relative luminance as WCAG 2 defines it, of one of the colours 16 to 231.
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
        for index in [YELLOW, CYAN, OLIVE, CRIMSON] {
            let own = luminance(index) + 0.05;
            let (black, white) = (own / 0.05, 1.05 / own);
            assert!(black > 3.0 && white > 3.0, "{index}: {black:.1} on black, {white:.1} on white");
        }
    }
}
