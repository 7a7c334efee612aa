//! Wraps styled text to a width. Code is broken only where it is wider than a line.

use unicode_width::UnicodeWidthStr as _;

use super::look::Look;
use super::markdown::{Span, Text};

/// Text between two blanks, with the escape codes that style it.
#[derive(Default)]
struct Word {
    shown: String,
    width: usize,
}

impl Word {
    fn add(&mut self, before: &str, text: &str, after: &str) {
        self.shown.push_str(before);
        self.shown.push_str(text);
        self.shown.push_str(after);
        self.width += text.width();
    }
}

/// Returns the lines of a text, each with its width.
pub(super) fn lines(text: &Text, width: usize, look: &Look) -> Vec<(String, usize)> {
    let mut lines = Vec::new();
    let mut line = Word::default();
    for word in words(text, width, look) {
        if line.width > 0 && line.width + 1 + word.width > width {
            lines.push((std::mem::take(&mut line.shown), std::mem::take(&mut line.width)));
        }
        if line.width > 0 {
            line.add("", " ", "");
        }
        line.shown.push_str(&word.shown);
        line.width += word.width;
    }
    if line.width > 0 || lines.is_empty() {
        lines.push((line.shown, line.width));
    }
    lines
}

fn words(text: &Text, width: usize, look: &Look) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word::default();
    for span in text {
        let (text, before, after, mark) = match span {
            Span::Plain(text) => (text.as_str(), String::new(), String::new(), ""),
            Span::Bold(text) => (text.as_str(), look.bold(), look.reset(), ""),
            Span::Code(text) => (text.as_str(), look.bold(), look.reset(), look.quote()),
        };
        let marked = format!("{mark}{text}{mark}");
        if matches!(span, Span::Code(_)) && marked.width() <= width {
            word.add(&before, &marked, &after);
            continue;
        }
        for (n, piece) in marked.split(' ').enumerate() {
            if n > 0 {
                words.push(std::mem::take(&mut word));
            }
            if !piece.is_empty() {
                word.add(&before, piece, &after);
            }
        }
    }
    words.push(word);
    words.retain(|word| word.width > 0);
    words
}
