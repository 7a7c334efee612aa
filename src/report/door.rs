//! The door that text passes on its way to standard output: it lets dvol's own colours through and
//! escapes everything else that a terminal would act on.

use std::io::{self, Write};

use super::style::COLORS;
use crate::model::{escape, is_control};

/// What colours and styles begin with.
const STYLE: &str = "\u{1b}[";

/// A writer that escapes control characters line by line. Flush it at the end: the last line may
/// have no line end.
#[derive(Debug)]
pub struct Door<W> {
    to: W,
    /// The line so far.
    line: Vec<u8>,
}

impl<W: Write> Door<W> {
    /// Puts a door before `to`.
    pub fn new(to: W) -> Self {
        Door { to, line: Vec::new() }
    }

    fn pass(&mut self, length: usize) -> io::Result<()> {
        let rest = self.line.split_off(length);
        let text = String::from_utf8_lossy(&self.line);
        let written = self.to.write_all(passed(&text).as_bytes());
        self.line = rest;
        written
    }
}

impl<W: Write> Write for Door<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            self.pass(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(self.line.len())?;
        self.to.flush()
    }
}

/// Escapes what a terminal would act on, besides line ends and dvol's own styles.
fn passed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\n' | '\t' | '\u{c}' => 1,
            '\r' if ends_line(&rest[1..]) => 1,
            '\u{1b}' => own_style(rest).unwrap_or(0),
            c if is_control(c) => 0,
            c => c.len_utf8(),
        };
        if length == 0 {
            out.push_str(&escape(c));
        }
        let (kept, after) = rest.split_at(length.max(c.len_utf8()));
        if length > 0 {
            out.push_str(kept);
        }
        rest = after;
    }
    out
}

/// Returns whether nothing visible comes before the end of the line, as in files of DOS.
fn ends_line(mut rest: &str) -> bool {
    while let Some(length) = own_style(rest) {
        rest = &rest[length..];
    }
    rest.is_empty() || rest.starts_with('\n')
}

/// Returns the length of the style that `text` begins with, if dvol uses it.
fn own_style(text: &str) -> Option<usize> {
    let (codes, _) = text.strip_prefix(STYLE)?.split_once('m')?;
    let is_color = |code: &str| code.parse::<u8>().is_ok_and(|color| COLORS.contains(&color));
    let is_own = match codes.strip_prefix("38;5;") {
        Some(color) => is_color(color),
        // Those of the log: dim, italic, and the terminal's own colours.
        None => matches!(codes, "0" | "1" | "2" | "3" | "4" | "31" | "32" | "33" | "34" | "35"),
    };
    is_own.then_some(STYLE.len() + codes.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::style::{GREEN, label};

    fn through(pieces: &[&str]) -> String {
        let mut door = Door::new(Vec::new());
        pieces.iter().for_each(|piece| door.write_all(piece.as_bytes()).unwrap());
        door.flush().unwrap();
        String::from_utf8(door.to).unwrap()
    }

    #[test]
    fn styles_pass_and_control_characters_do_not() {
        let style = label("error");
        let own = format!("{style}error:{style:#} {GREEN}+a{GREEN:#}\tb\r{GREEN:#}\nc\r\n");
        assert_eq!(through(&[&own]), own);
        assert_eq!(through(&["a\u{1b}[8mb\u{1b}]0;x\u{7}c\rd\n"]), "a\\x1b[8mb\\x1b]0;x\\x07c\\x0dd\n");
        assert_eq!(through(&["\u{9b}2J\u{202e}\u{1b}[38;5;0m"]), "\\u{9b}2J\\u{202e}\\x1b[38;5;0m");
    }

    #[test]
    fn a_character_in_two_pieces_is_one() {
        let mut door = Door::new(Vec::new());
        for byte in "ä\u{1b}[1mb\u{9b}\nrest \u{1b}[0m".as_bytes() {
            door.write_all(&[*byte]).unwrap();
        }
        door.flush().unwrap();
        assert_eq!(String::from_utf8(door.to).unwrap(), "ä\u{1b}[1mb\\u{9b}\nrest \u{1b}[0m");
    }
}
