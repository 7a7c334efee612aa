//! What a pool is, in the words of the model.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use dvol::layout::{self, Layout};
use dvol::model::CommitId;
use dvol::store::{Store, StoreError};

/// The pool as text, the same as `Pool::text` of the model gives. Commits go by their messages.
pub(super) fn observe(pool: &Path) -> Result<String, String> {
    let layout = Layout::new(pool);
    let mut text = String::new();
    if !layout.metadata().exists() {
        return Ok(text);
    }
    let store = Store::new(&layout, Duration::from_secs(10));
    let content = |relative: &Path| match fs::read_to_string(layout.full(relative).join("data")) {
        Ok(content) => content,
        Err(_) if layout.full(relative).is_dir() => "-".to_owned(),
        Err(error) => format!("({error})"),
    };
    let read = store.read(|rows| {
        for volume in rows.volumes()? {
            let name = &volume.name;
            let point = fs::read_link(layout.full(&layout::running_point(name)));
            let point = point.map_or_else(|error| error.to_string(), |path| path.display().to_string());
            let settings = rows.settings(Some(name))?;
            let settings =
                settings.iter().map(|(key, value)| format!(" {key} = {value}\n")).collect::<String>();
            if let Some(owner) = &volume.worktree_of {
                writeln!(text, "worktree {name} of {owner} on {} running at {point}", volume.branch).unwrap();
                text.push_str(&settings);
                continue;
            }
            // A stash says on which branch it was made, too.
            let words = |message: &str| message.rsplit(": ").next().unwrap_or_default().to_owned();
            let commits: BTreeMap<CommitId, String> =
                rows.commits(name)?.into_iter().map(|commit| (commit.id, words(&commit.message))).collect();
            let word = |id: &Option<CommitId>| match id {
                Some(id) => commits.get(id).cloned().unwrap_or_else(|| format!("(no record of {id})")),
                None => "-".to_owned(),
            };
            let protected = if volume.protected { " protected" } else { "" };
            writeln!(text, "volume {name} on {}{protected} running at {point}", volume.branch).unwrap();
            for branch in rows.branches(name)? {
                let tree = content(&layout::working_tree(name, &branch.name));
                writeln!(text, " branch {} at {} holds {tree}", branch.name, word(&branch.head)).unwrap();
            }
            let mut lines: Vec<String> = rows
                .commits(name)?
                .iter()
                .map(|commit| {
                    let tree = content(&layout::commit_tree(name, &commit.id));
                    format!(" commit {} of {} holds {tree}\n", words(&commit.message), word(&commit.parent))
                })
                .collect();
            lines.sort();
            text.push_str(&lines.concat());
            for tag in rows.tags(name)? {
                writeln!(text, " tag {} at {}", tag.name, word(&Some(tag.commit))).unwrap();
            }
            text.push_str(&settings);
        }
        Ok::<_, StoreError>(())
    });
    read.map_err(|error| error.to_string())?;
    Ok(text)
}
