//! What several pages share: dates, sizes, names, links, buttons.

use std::fmt::Display;

use maud::{Markup, html};

use crate::containers::State;
use crate::model::{self, CommitId, Instant, format_size, plain};
use crate::sys::tree::ChangeKind;
use crate::ui::app::App;
use crate::ui::fields::address;

/// Writes an amount of bytes.
pub(super) fn size(bytes: u64) -> String {
    format_size(bytes)
}

/// Writes how long ago something was, with the date for those who point at it.
pub(super) fn ago(app: &App, then: Instant) -> Markup {
    let now = app.pool.now();
    let date = then.to_zoned().strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
    html! {
        time datetime=(then.to_rfc3339()) title=(date) {
            @if now.micros - then.micros < 1_000_000 { "now" } @else { (model::age(then, now)) " ago" }
        }
    }
}

/// Writes the first line of a message.
pub(super) fn subject(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    if line.trim().is_empty() { "(no message)".to_owned() } else { plain(line) }
}

/// Returns the address of a commit.
pub(super) fn commit_address(volume: impl Display, id: &CommitId) -> String {
    format!("/v/{volume}/c/{id}")
}

/// Links to a commit by its short id.
pub(super) fn commit_link(volume: impl Display, id: &CommitId) -> Markup {
    html! { a.id href=(commit_address(volume, id)) title=(id) { (id.short()) } }
}

/// Links to the form of a verb. The script shows it in front of the page.
pub(super) fn act(label: &str, verb: &str, fields: &[(&str, &str)]) -> Markup {
    html! { a.button href=(address(&format!("/do/{verb}"), fields)) data-dialog { (label) } }
}

/// Links to the form of a verb, in the middle of text or in a menu.
pub(super) fn act_link(label: &str, verb: &str, fields: &[(&str, &str)]) -> Markup {
    html! { a href=(address(&format!("/do/{verb}"), fields)) data-dialog { (label) } }
}

/// Shows the state of a container.
pub(super) fn container(name: &str, state: State) -> Markup {
    let (class, word) = match state {
        State::Running => ("up", "running"),
        State::Paused => ("frozen", "paused"),
        State::Stopped => ("down", "stopped"),
    };
    html! {
        span.container title=(format!("{name}: {word}")) {
            span.dot.(class) aria-hidden="true" {}
            span.name { (plain(name)) }
            span.unseen { " (" (word) ")" }
        }
    }
}

/// Shows how an entry changed.
pub(super) fn letter(kind: ChangeKind) -> Markup {
    let (letter, word) = match kind {
        ChangeKind::Added => ("A", "added"),
        ChangeKind::Deleted => ("D", "deleted"),
        ChangeKind::Modified => ("M", "modified"),
        ChangeKind::TypeChanged => ("T", "of another type"),
        ChangeKind::Attributes => ("P", "with other attributes"),
    };
    html! { abbr.kind.(letter) title=(word) { (letter) } }
}

/// Shows a command that can be copied.
pub(super) fn command(line: &str) -> Markup {
    html! { div.command { code { (line) } button type="button" data-copy=(line) hidden { "Copy" } } }
}

/// Writes a sentence with the command at its end as code: `undo this: dvol undo db`.
pub(super) fn prose(text: &str) -> Markup {
    let text = model::plain_lines(text);
    match text.split_once(": dvol ") {
        Some((words, command)) if !command.contains(['\n', ';', '(']) => {
            html! { (words) ": " code { "dvol " (command) } }
        }
        _ => html! { (text) },
    }
}

/// Says that a list is empty.
pub(super) fn nothing(text: &str) -> Markup {
    html! { p.nothing { (text) } }
}

/// A place that the script fills from another page, since what it shows takes a while to find out.
/// The script fills it again when `state` changes. Without the script it is a link.
pub(super) fn later(id: &str, label: &str, address: &str, state: &str) -> Markup {
    html! {
        div #(id) data-load=(address) data-state=(state) {
            p.nothing { a href=(address) { (label) } }
        }
    }
}
