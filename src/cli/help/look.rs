//! How a page looks: its width, and whether it has colours.

use std::io::{self, IsTerminal as _};

use anstyle::{Reset, Style};

/// Lines that are longer than this are hard to read.
const WIDEST: usize = 100;
/// The width of a page that goes to a file or another program.
const PIPED: usize = 80;
/// Narrower terminals get lines that they have to break.
const NARROWEST: usize = 40;

/// The width of a page in columns, and whether it is styled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) colour: bool,
}

impl Look {
    /// Returns the look of a page on standard output.
    pub(super) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal().then(terminal_size::terminal_size).flatten();
        let width = terminal.map_or(PIPED, |(width, _)| usize::from(width.0)).clamp(NARROWEST, WIDEST);
        Look { width, colour: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never }
    }

    /// Returns the escape code that begins a heading.
    pub(super) fn heading(&self) -> String {
        self.styled(Style::new().bold().underline())
    }

    /// Returns the escape code that begins code or bold text.
    pub(super) fn bold(&self) -> String {
        self.styled(Style::new().bold())
    }

    /// Returns the mark around code where no style tells it from text.
    pub(super) fn quote(&self) -> &'static str {
        if self.colour { "" } else { "`" }
    }

    /// Returns the escape code that ends a style.
    pub(super) fn reset(&self) -> String {
        if self.colour { Reset.render().to_string() } else { String::new() }
    }

    fn styled(&self, style: Style) -> String {
        if self.colour { style.render().to_string() } else { String::new() }
    }
}
