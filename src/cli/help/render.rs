//! Renders a page for a terminal or a file: bold headings, wrapped text, indented code.
//!
//! A table becomes columns where all but the last fit on the line, else a small list for each row.

use super::look::Look;
use super::markdown::{Block, Span, Text};
use super::wrap::lines;

const INDENT: usize = 2;
const CODE_INDENT: usize = 4;
/// The indent of the cells of a row that has become a list.
const BELOW: usize = 6;
const GAP: usize = 2;
/// Columns that the last cell of a row needs to be readable.
const NARROWEST: usize = 24;

/// Renders a page; the text ends with a newline.
pub(super) fn page(blocks: &[Block], look: &Look) -> String {
    let mut page = String::new();
    for (n, block) in blocks.iter().enumerate() {
        if n > 0 {
            page.push('\n');
        }
        match block {
            Block::Title(text) | Block::Heading(text) => {
                page.push_str(&format!("{}{}{}\n", look.heading(), plain(text), look.reset()));
            }
            Block::Paragraph(text) => hang(&mut page, "", 0, text, look),
            Block::Code(code) => {
                for line in code {
                    let line = format!("{:CODE_INDENT$}{line}", "");
                    page.push_str(line.trim_end());
                    page.push('\n');
                }
            }
            Block::List(items) => {
                for item in items {
                    hang(&mut page, "* ", INDENT, item, look);
                }
            }
            Block::Table { head, rows } => table(&mut page, head, rows, look),
        }
    }
    page
}

/// Writes a text whose first line begins with `first` and whose other lines are indented.
fn hang(page: &mut String, first: &str, indent: usize, text: &Text, look: &Look) {
    for (n, (line, _)) in lines(text, look.width.saturating_sub(indent), look).into_iter().enumerate() {
        let lead = if n == 0 { first } else { "" };
        page.push_str(&format!("{lead:<indent$}{line}\n"));
    }
}

fn table(page: &mut String, head: &[Text], rows: &[Vec<Text>], look: &Look) {
    let Some(last) = head.len().checked_sub(1) else { return };
    let head: Vec<Text> = head.iter().map(|title| vec![Span::Bold(plain(title).to_uppercase())]).collect();
    let widest = |column: usize| {
        let cells = std::iter::once(&head).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| on_one_line(cell, look).1).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..last).map(widest).collect();
    let before_last = INDENT + widths.iter().map(|width| width + GAP).sum::<usize>();
    if before_last + widest(last).min(NARROWEST) > look.width {
        return stacked(page, &head, rows, look);
    }
    for row in std::iter::once(&head).chain(rows) {
        let Some((cell, before)) = row.split_last() else { continue };
        let mut lead = " ".repeat(INDENT);
        for (cell, width) in before.iter().zip(&widths) {
            let (shown, taken) = on_one_line(cell, look);
            lead.push_str(&shown);
            lead.push_str(&" ".repeat(width - taken + GAP));
        }
        for (line, _) in lines(cell, look.width - before_last, look) {
            page.push_str(format!("{lead}{line}").trim_end());
            page.push('\n');
            lead = " ".repeat(before_last);
        }
    }
}

/// Writes each row as its first cell with the others indented below it.
fn stacked(page: &mut String, head: &[Text], rows: &[Vec<Text>], look: &Look) {
    for row in rows {
        let Some((first, others)) = row.split_first() else { continue };
        hang(page, "", INDENT, first, look);
        for (cell, title) in others.iter().zip(&head[1..]).filter(|(cell, _)| !cell.is_empty()) {
            let mut text = cell.clone();
            if others.len() > 1 {
                text.insert(0, Span::Plain(format!("{}: ", plain(title).to_lowercase())));
            }
            hang(page, "", BELOW, &text, look);
        }
    }
}

fn on_one_line(text: &Text, look: &Look) -> (String, usize) {
    lines(text, usize::MAX, look).pop().unwrap_or_default()
}

fn plain(text: &Text) -> String {
    text.iter().map(Span::text).collect()
}

#[cfg(test)]
mod tests {
    use super::{Look, page};
    use crate::cli::help::markdown::parse;

    const PAGE: &str = "# Title\n\nA text that is a little longer than a line of `forty columns`.\n\n* one\n\
        * two that goes on to the next line of them\n\n```\ndvol commit\n```\n\n\
        | mode | commit |\n| --- | --- |\n| `stop` | stops the containers and starts them again |\n";

    #[test]
    fn lines_are_wrapped_and_code_is_left_alone() {
        let look = Look { width: 40, colour: false };
        assert_eq!(
            page(&parse(PAGE), &look),
            "Title\n\nA text that is a little longer than a\nline of `forty columns`.\n\n\
             * one\n* two that goes on to the next line of\n  them\n\n    dvol commit\n\n  \
             MODE    COMMIT\n  `stop`  stops the containers and\n          starts them again\n"
        );
    }

    #[test]
    fn a_table_that_is_too_wide_becomes_lists() {
        let look = Look { width: 30, colour: false };
        let source = "| name | before | use |\n| --- | --- | --- |\n| Redis | `redis-cli save` | always |\n";
        assert_eq!(
            page(&parse(source), &look),
            "  Redis\n      before: `redis-cli save`\n      use: always\n"
        );
    }

    #[test]
    fn a_terminal_shows_code_in_bold_instead_of_quotes() {
        let shown = page(&parse("# T\n\n`a b` c"), &Look { width: 30, colour: true });
        assert!(shown.contains("\u{1b}[1ma b\u{1b}[0m c"), "{shown:?}");
    }
}
