//! Turns a topic into a man page of section 7.

use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::markdown::{Block, Span, Text, parse};
use super::topics::Topic;

/// Returns the page's file name and its text.
pub(in crate::cli) fn page(topic: &Topic) -> (String, String) {
    let name = format!("dvol-{}", topic.name);
    let version = concat!("dvol ", env!("CARGO_PKG_VERSION"));
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "7", "", version]);
    roff.control("SH", ["NAME"]).text([roman(format!("{name} - {}", topic.about))]);
    roff.control("SH", ["DESCRIPTION"]);
    for block in &parse(topic.source) {
        add(&mut roff, block);
    }
    roff.control("SH", ["SEE ALSO"]).text([bold("dvol"), roman("(1), "), bold("dvol help")]);
    (format!("{name}.7"), roff.render())
}

fn add(roff: &mut Roff, block: &Block) {
    match block {
        // The name says it already.
        Block::Title(_) => {}
        Block::Heading(text) => {
            let title: String = text.iter().map(Span::text).collect();
            roff.control("SH", [title.to_uppercase().as_str()]);
        }
        Block::Paragraph(text) => {
            roff.control("PP", []).text(inlines(text));
        }
        Block::Code(lines) => {
            roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            for line in lines {
                roff.text([roman(line.as_str())]);
            }
            roff.control("fi", []).control("RE", []);
        }
        Block::List(items) => {
            for item in items {
                roff.control("IP", ["*", "2"]).text(inlines(item));
            }
        }
        Block::Table { head, rows } => {
            for row in rows {
                add_row(roff, head, row);
            }
        }
    }
}

/// Adds a row as its first cell with the others indented below it.
fn add_row(roff: &mut Roff, head: &[Text], row: &[Text]) {
    let Some((first, others)) = row.split_first() else { return };
    roff.control("TP", []).text(inlines(first));
    let filled = others.iter().zip(head.iter().skip(1)).filter(|(cell, _)| !cell.is_empty());
    for (n, (cell, title)) in filled.enumerate() {
        if n > 0 {
            roff.control("br", []);
        }
        let mut line = inlines(cell);
        if others.len() > 1 {
            let title: String = title.iter().map(Span::text).collect();
            line.insert(0, roman(format!("{title}: ")));
        }
        roff.text(line);
    }
}

fn inlines(text: &Text) -> Vec<Inline> {
    text.iter()
        .map(|span| match span {
            Span::Plain(text) => roman(text.as_str()),
            Span::Code(text) | Span::Bold(text) => bold(text.as_str()),
        })
        .collect()
}
