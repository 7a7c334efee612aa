//! Parses the part of Markdown that topics use: headings, paragraphs, flat lists, tables and code
//! blocks; in a text, code and bold. Links are reduced to their text.

use std::mem::take;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A run of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    Plain(String),
    Code(String),
    Bold(String),
}

impl Span {
    /// Returns the text without its style.
    pub(super) fn text(&self) -> &str {
        match self {
            Span::Plain(text) | Span::Code(text) | Span::Bold(text) => text,
        }
    }
}

/// A line of text before it is wrapped.
pub(super) type Text = Vec<Span>;

/// A part of a page, from top to bottom.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    Title(Text),
    Heading(Text),
    Paragraph(Text),
    Code(Vec<String>),
    List(Vec<Text>),
    Table { head: Vec<Text>, rows: Vec<Vec<Text>> },
}

/// Parses a page.
pub(super) fn parse(source: &str) -> Vec<Block> {
    let mut page = Page::default();
    for event in Parser::new_ext(source, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.blocks
}

/// What was read of a page so far.
#[derive(Default)]
struct Page {
    blocks: Vec<Block>,
    text: Text,
    bold: bool,
    code: Option<String>,
    items: Option<Vec<Text>>,
    cells: Vec<Text>,
    rows: Vec<Vec<Text>>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None if self.bold => self.text.push(Span::Bold(text.into_string())),
                None => self.text.push(Span::Plain(text.into_string())),
            },
            Event::Code(text) => self.text.push(Span::Code(text.into_string())),
            Event::SoftBreak | Event::HardBreak => self.text.push(Span::Plain(" ".to_owned())),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => self.code = Some(String::new()),
            Tag::List(_) => self.items = Some(Vec::new()),
            Tag::Strong => self.bold = true,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(pulldown_cmark::HeadingLevel::H1) => {
                self.blocks.push(Block::Title(take(&mut self.text)));
            }
            TagEnd::Heading(_) => self.blocks.push(Block::Heading(take(&mut self.text))),
            TagEnd::Paragraph if self.items.is_none() => {
                self.blocks.push(Block::Paragraph(take(&mut self.text)));
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                self.blocks.push(Block::Code(code.lines().map(str::to_owned).collect()));
            }
            TagEnd::Strong => self.bold = false,
            TagEnd::Item => {
                let text = take(&mut self.text);
                self.items.get_or_insert_default().push(text);
            }
            TagEnd::List(_) => self.blocks.push(Block::List(self.items.take().unwrap_or_default())),
            TagEnd::TableCell => self.cells.push(take(&mut self.text)),
            TagEnd::TableHead | TagEnd::TableRow => self.rows.push(take(&mut self.cells)),
            TagEnd::Table => {
                let mut rows = take(&mut self.rows).into_iter();
                let head = rows.next().unwrap_or_default();
                self.blocks.push(Block::Table { head, rows: rows.collect() });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Span, parse};

    fn plain(text: &str) -> Span {
        Span::Plain(text.to_owned())
    }

    #[test]
    fn a_page_becomes_its_blocks() {
        let source = "# Title\n\nOne `two`\n**three**.\n\n* a\n* b\n\n```\nx\n  y\n```\n\n\
                      | h | i |\n| --- | --- |\n| `a \\| b` | |\n";
        let code = |text: &str| Span::Code(text.to_owned());
        assert_eq!(
            parse(source),
            [
                Block::Title(vec![plain("Title")]),
                Block::Paragraph(vec![
                    plain("One "),
                    code("two"),
                    plain(" "),
                    Span::Bold("three".to_owned()),
                    plain(".")
                ]),
                Block::List(vec![vec![plain("a")], vec![plain("b")]]),
                Block::Code(vec!["x".to_owned(), "  y".to_owned()]),
                Block::Table {
                    head: vec![vec![plain("h")], vec![plain("i")]],
                    rows: vec![vec![vec![code("a | b")], vec![]]]
                },
            ]
        );
    }
}
