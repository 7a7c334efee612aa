//! Renders commits through `log --format TEMPLATE`: `{short} {subject}`, or git's `%h %s`.

use crate::model::{BranchName, plain_lines};
use crate::ops::LogEntry;

/// The fields in braces, with git's placeholders of the same meaning.
const FIELDS: [(&str, &str, Field); 21] = [
    ("id", "%H", |e, _| e.id.to_string()),
    ("short", "%h", |e, _| e.id.short().to_owned()),
    ("parent", "%P", |e, _| e.parent.as_ref().map(ToString::to_string).unwrap_or_default()),
    ("parent_short", "%p", |e, _| e.parent.as_ref().map(|id| id.short().to_owned()).unwrap_or_default()),
    ("subject", "%s", |e, _| subject(&e.message)),
    ("body", "%b", |e, _| body(&e.message)),
    ("message", "%B", |e, _| e.message.clone()),
    ("name", "%an", |e, _| e.author.name.clone()),
    ("email", "%ae", |e, _| e.author.email.clone()),
    ("author", "", |e, _| e.author.to_string()),
    ("date", "%aI", |e, _| e.date.to_rfc3339()),
    ("day", "%as", |e, _| e.date.to_zoned().strftime("%Y-%m-%d").to_string()),
    ("when", "%ad", |e, _| e.date.to_zoned().strftime("%a %b %-d %H:%M:%S %Y %z").to_string()),
    ("seconds", "%at", |e, _| e.date.micros.div_euclid(1_000_000).to_string()),
    ("refs", "%D", refs),
    ("branches", "", |e, _| join(&e.branches)),
    ("tags", "", |e, _| join(&e.tags)),
    ("volume", "", |e, _| e.volume.to_string()),
    ("code", "", |e, _| e.code.as_ref().map(|code| code.commit.clone()).unwrap_or_default()),
    ("code_branch", "", |e, _| e.code.as_ref().and_then(|code| code.branch.clone()).unwrap_or_default()),
    ("code_remote", "", |e, _| e.code.as_ref().and_then(|code| code.remote.clone()).unwrap_or_default()),
];

type Field = fn(&LogEntry, &BranchName) -> String;

/// A parsed template.
#[derive(Debug, Clone)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Field(Field),
}

fn subject(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

fn body(message: &str) -> String {
    message.split_once('\n').map(|(_, rest)| rest.trim_start_matches('\n').to_owned()).unwrap_or_default()
}

fn join<T: ToString>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Formats the names of a commit as git does: `HEAD -> master, tag: v1, experiment`.
pub(super) fn refs(entry: &LogEntry, current: &BranchName) -> String {
    let mut names = Vec::new();
    if entry.head {
        names.push(format!("HEAD -> {current}"));
    }
    names.extend(entry.tags.iter().map(|tag| format!("tag: {tag}")));
    let others = entry.branches.iter().filter(|branch| !(entry.head && *branch == current));
    names.extend(others.map(ToString::to_string));
    names.join(", ")
}

impl Template {
    /// Parses a template; `\n` and `\t` stand for a new line and a tab, `{{` and `%%` for `{` and
    /// `%`.
    ///
    /// # Errors
    /// With a message for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        // git's own words for a template that ends each commit's line, as all of dvol's do.
        let text = text.strip_prefix("tformat:").or_else(|| text.strip_prefix("format:")).unwrap_or(text);
        let text = text.replace("\\n", "\n").replace("\\t", "\t");
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some(next) = rest.chars().next() {
            let (field, length) = match next {
                '{' if rest.starts_with("{{") => (None, 2),
                '}' if rest.starts_with("}}") => (None, 2),
                '%' if rest.starts_with("%%") => (None, 2),
                '%' if rest.starts_with("%n") => {
                    plain.push('\n');
                    rest = &rest[2..];
                    continue;
                }
                '{' => {
                    let (name, _) = rest[1..].split_once('}').ok_or("the format has a { without a }")?;
                    let known = FIELDS.iter().find(|(known, _, _)| *known == name);
                    let known = known.ok_or_else(|| unknown(&format!("{{{name}}}")))?;
                    (Some(known.2), name.len() + 2)
                }
                '%' => {
                    let known = FIELDS.iter().find(|(_, git, _)| !git.is_empty() && rest.starts_with(git));
                    let wrong: String = rest.chars().take(3).collect();
                    let known = known.ok_or_else(|| unknown(&wrong))?;
                    (Some(known.2), known.1.len())
                }
                _ => (None, next.len_utf8()),
            };
            match field {
                Some(field) => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Field(field));
                }
                None => plain.push(next),
            }
            rest = &rest[length..];
        }
        pieces.push(Piece::Text(plain));
        Ok(Template(pieces))
    }

    pub(super) fn render(&self, entry: &LogEntry, current: &BranchName) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Field(field) => plain_lines(&field(entry, current)),
            })
            .collect()
    }
}

fn unknown(what: &str) -> String {
    let names: Vec<_> = FIELDS.iter().map(|(name, _, _)| *name).collect();
    format!("unknown field {what} in the format: use {{{}}}", names.join("}, {"))
}
