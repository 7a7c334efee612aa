//! Text of unknown origin, made safe to show.
//!
//! Names, messages and the output of programs may hold characters that a terminal acts on: they
//! move the cursor, change the title, or let a line read as another one.

/// Returns whether a terminal acts on `c` instead of showing it: control characters, C1 included,
/// and characters that turn the direction of the text around them or tag it invisibly.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes a control character as text: `\x1b`, `\u{202e}`.
pub fn escape(c: char) -> String {
    if c.is_ascii() { format!("\\x{:02x}", u32::from(c)) } else { format!("\\u{{{:x}}}", u32::from(c)) }
}

/// Escapes control characters in one line of text; tabs stay.
pub fn plain(text: &str) -> String {
    replaced(text, |c| c == '\t')
}

/// Escapes control characters in each line; tabs and line ends stay.
pub fn plain_lines(text: &str) -> String {
    replaced(text, |c| matches!(c, '\t' | '\n'))
}

fn replaced(text: &str, stays: impl Fn(char) -> bool) -> String {
    let is_plain = |c: char| stays(c) || !is_control(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let piece = |c: char| if is_plain(c) { c.to_string() } else { escape(c) };
    text.chars().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_shown_as_text() {
        let text = "a\tb\n\u{1b}[2J\r\u{7f}\u{9b}31m\u{202e}c\u{2066}d\u{200f}";
        let shown = "\\x1b[2J\\x0d\\x7f\\u{9b}31m\\u{202e}c\\u{2066}d\\u{200f}";
        assert_eq!(plain(text), format!("a\tb\\x0a{shown}"));
        assert_eq!(plain_lines(text), format!("a\tb\n{shown}"));
        let letters = "Grüße, 日本, שלום, 👩\u{200d}💻";
        assert_eq!(plain(letters), letters);
    }
}
