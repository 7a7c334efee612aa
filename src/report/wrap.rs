//! Wraps text to the width of a terminal. A row of a table is cut, so that columns stay aligned; a
//! sentence is broken between words.

use unicode_width::UnicodeWidthChar as _;

/// How to treat lines that are wider than the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// Leave them to the terminal, so that a copied line is complete.
    Free,
    /// Cut rows of a table, with an ellipsis.
    Table,
    /// Break sentences between words, and indent them to where the sentence starts.
    Prose,
}

/// Makes each line of `text` at most `width` columns wide. Colours take no columns.
pub fn wrap(text: &str, width: usize, mode: Wrap) -> String {
    let wrapped = text.split('\n').map(|line| match mode {
        Wrap::Free => line.to_owned(),
        _ if columns(line) <= width => line.to_owned(),
        Wrap::Table => cut(line, width),
        Wrap::Prose => fold(line, width),
    });
    wrapped.collect::<Vec<_>>().join("\n")
}

/// Splits a line into visible characters and escape sequences, with the width of each.
fn pieces(line: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '\u{1b}' => {
                let end = |c: char| c.is_ascii_alphabetic();
                rest.find(end).map_or(rest.len(), |at| at + 1)
            }
            _ => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some((piece, if first == '\u{1b}' { 0 } else { first.width().unwrap_or(0) }))
    })
}

fn columns(line: &str) -> usize {
    pieces(line).map(|(_, width)| width).sum()
}

fn cut(line: &str, width: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let mut used = 0;
    let mut is_cut = false;
    for (piece, wide) in pieces(line) {
        let is_escape = piece.starts_with('\u{1b}');
        if !is_escape && !is_cut && used + wide >= width {
            out.push('…');
            is_cut = true;
        }
        // Keep escape sequences after the cut: they end colours.
        if is_escape || !is_cut {
            out.push_str(piece);
            used += wide;
        }
    }
    out
}

fn fold(line: &str, width: usize) -> String {
    let indent = sentence(line);
    let mut out = String::with_capacity(line.len());
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let wide = columns(word.trim_end());
        if used > indent && used + wide > width {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        }
        out.push_str(word);
        used += columns(word);
    }
    out
}

/// Returns the column where the sentence of a line starts: after the last gap between columns.
fn sentence(line: &str) -> usize {
    let start = line.rfind("  ").map_or(0, |at| at + 2);
    let arrow = if line[start..].starts_with("-> ") { 3 } else { 0 };
    match columns(&line[..start]) + arrow {
        0 => 4,
        column => column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_cut_and_keeps_its_colours() {
        assert_eq!(wrap("name  value", 20, Wrap::Table), "name  value");
        assert_eq!(wrap("name  a long value", 12, Wrap::Table), "name  a lon…");
        assert_eq!(wrap("\u{1b}[1mname and more\u{1b}[0m", 5, Wrap::Table), "\u{1b}[1mname…\u{1b}[0m");
        // A character of two columns does not exceed the width.
        assert_eq!(wrap("日本語日本語", 6, Wrap::Table), "日本…");
        assert_eq!(wrap("name  a long value", 5, Wrap::Free), "name  a long value");
    }

    #[test]
    fn a_sentence_is_broken_between_words_below_its_beginning() {
        let text = "ok    space  there is room\n             -> leave it as it is\n";
        let folded =
            "ok    space  there is\n             room\n             -> leave it\n                as it is\n";
        assert_eq!(wrap(text, 24, Wrap::Prose), folded);
        assert_eq!(wrap("a-word-that-is-too-long x", 8, Wrap::Prose), "a-word-that-is-too-long\n    x");
    }
}
