//! The metadata of an older tool, which had the same trees but kept its records in files:
//!
//! ```text
//! <pool>/<volume>/branches/<branch>.json  [{"id": <40 digits>, "message": <text>}], oldest first
//! <pool>/<volume>/current_branch.json     {"current_branch": <name>}
//! <pool>/current_volume.json              {"current_volume": <name>}; or beside the pool
//! <pool>/config.yml                       settings, as user: {name, email}; or beside the pool
//! ```
//!
//! This module only reads, and reports what it cannot read. A volume is refused if its files can be
//! corrected by hand. What no correction can bring back (a missing tree, the name of the current
//! branch) is reported, and the volume is imported without it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::layout::{self, Layout};
use crate::model::{BranchName, CommitId, Instant, VolumeName};
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};

/// Everything that an older tool left in a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Legacy {
    /// The volumes that can be imported.
    pub volumes: Vec<LegacyVolume>,
    /// The current volume, if it is one of these.
    pub current: Option<VolumeName>,
    /// The settings: keys with dots, and values.
    pub settings: Vec<(String, String)>,
    /// The volumes that cannot be imported as they are, and why.
    pub refused: Vec<(String, String)>,
    /// Missing or wrong things that do not keep the rest from being imported.
    pub flaws: Vec<String>,
}

/// A volume of an older tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyVolume {
    /// Name.
    pub name: VolumeName,
    /// The current branch.
    pub branch: BranchName,
    /// Time when it was made, as far as its directory tells.
    pub created: Instant,
    /// The branches, each with its newest commit.
    pub branches: Vec<(BranchName, Option<CommitId>)>,
    /// The commits of all branches, each once.
    pub commits: Vec<LegacyCommit>,
}

/// A commit of an older tool, which recorded neither author nor date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyCommit {
    /// Id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: Option<CommitId>,
    /// Message.
    pub message: String,
    /// Time when its tree was made.
    pub date: Instant,
}

/// A commit in an older tool's list of a branch's commits.
#[derive(Deserialize)]
struct ListedCommit {
    id: String,
    #[serde(default)]
    message: String,
}

/// Returns whether a directory is a volume of an older tool.
pub fn is_legacy_volume(directory: &Path) -> bool {
    directory.join(layout::OLDER_CURRENT_BRANCH).exists() || !lists(directory).is_empty()
}

/// Lists the names of a volume's lists of commits, without their ending.
fn lists(directory: &Path) -> Vec<String> {
    let branches = directory.join(layout::BRANCHES);
    let names = disk::names_in(&branches).unwrap_or_default();
    let names = names.iter().filter(|name| branches.join(name).is_file());
    names.filter_map(|name| Some(name.to_str()?.strip_suffix(layout::OLDER_COMMITS)?.to_owned())).collect()
}

/// Reads what an older tool left in the pool; returns `None` if it left no volume.
///
/// # Errors
/// When the pool's directory cannot be read.
pub fn read_legacy(layout: &Layout) -> Result<Option<Legacy>, DiskError> {
    let mut older = Legacy::default();
    for name in disk::names_in(layout.root())? {
        let directory = layout.root().join(&name);
        if name == layout::PRIVATE || !is_legacy_volume(&directory) {
            continue;
        }
        let text = name.to_string_lossy().into_owned();
        match volume(&directory, &text, &mut older.flaws) {
            Ok(volume) => older.volumes.push(volume),
            Err(why) => older.refused.push((text, why)),
        }
    }
    if older.volumes.is_empty() && older.refused.is_empty() {
        return Ok(None);
    }
    let places: Vec<&Path> = [Some(layout.root()), layout.root().parent()].into_iter().flatten().collect();
    let find = |name: &str| places.iter().map(|place| place.join(name)).find(|path| path.is_file());
    if let Some(path) = find(layout::OLDER_CURRENT_VOLUME) {
        let named = text_of(&path).and_then(|text| word(&text, "current_volume"));
        let known = |name: &String| older.volumes.iter().find(|volume| volume.name.as_str() == name);
        older.current = named.as_ref().ok().and_then(known).map(|volume| volume.name.clone());
        match named {
            Err(why) => older.flaws.push(format!("{}: {why}; no volume is current now", path.display())),
            Ok(name) if older.current.is_none() => {
                older.flaws.push(format!(
                    "{}: volume '{name}' does not exist; no volume is current now",
                    path.display()
                ));
            }
            Ok(_) => {}
        }
    }
    if let Some(path) = find(layout::OLDER_SETTINGS) {
        match text_of(&path).and_then(|text| settings(&text)) {
            Ok(settings) => older.settings = settings,
            Err(why) => older.flaws.push(format!("{}: {why}; its settings are ignored", path.display())),
        }
    }
    Ok(Some(older))
}

/// Reads one volume.
fn volume(directory: &Path, name: &str, flaws: &mut Vec<String>) -> Result<LegacyVolume, String> {
    let name: VolumeName = name.parse().map_err(|error| format!("{error}; rename its directory"))?;
    let directories = disk::names_in(&directory.join(layout::BRANCHES)).map_err(|error| error.to_string())?;
    let directories = directories.iter().filter(|name| directory.join(layout::BRANCHES).join(name).is_dir());
    let mut names: BTreeSet<String> = lists(directory).into_iter().collect();
    names.extend(directories.map(|name| name.to_string_lossy().into_owned()));
    let mut commits: BTreeMap<CommitId, LegacyCommit> = BTreeMap::new();
    let mut order = Vec::new();
    let mut branches = Vec::new();
    for text in names {
        let branch = BranchName::from_directory(&text)
            .map_err(|error| format!("{error}; rename branches/{text} and branches/{text}.json"))?;
        let list = directory.join(layout::BRANCHES).join(format!("{text}{}", layout::OLDER_COMMITS));
        let mut head: Option<CommitId> = None;
        let mut chain = BTreeSet::new();
        for entry in entries(&list)? {
            let id: CommitId = entry.id.parse().map_err(|error| format!("{}: {error}", list.display()))?;
            let tree = directory.join(layout::COMMITS).join(id.as_str());
            if !tree.is_dir() {
                flaws.push(format!("ignored commit {id} of {name}/{branch}: its tree is missing"));
                continue;
            }
            if !chain.insert(id.clone()) {
                flaws.push(format!("{}: commit {id} is listed twice", list.display()));
                continue;
            }
            match commits.get(&id) {
                Some(known) if known.parent != head => flaws.push(format!(
                    "commit {id} of {name}/{branch} has another parent on another branch, which it keeps"
                )),
                Some(_) => {}
                None => {
                    let (message, date) = (entry.message, changed(&tree)?);
                    let commit = LegacyCommit { id: id.clone(), parent: head.clone(), message, date };
                    commits.insert(id.clone(), commit);
                    order.push(id.clone());
                }
            }
            head = Some(id);
        }
        branches.push((branch, head));
    }
    if branches.is_empty() {
        return Err("it has no branch".to_owned());
    }
    let branch = current_branch(directory, &name, &branches, flaws);
    let commits = order.iter().filter_map(|id| commits.remove(id)).collect();
    Ok(LegacyVolume { name, branch, created: changed(directory)?, branches, commits })
}

/// Reads the list of a branch's commits; a missing or empty file has none.
fn entries(list: &Path) -> Result<Vec<ListedCommit>, String> {
    if !list.exists() {
        return Ok(Vec::new());
    }
    let text = text_of(list)?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&text).map_err(|error| {
        format!("{}: {error}; expected a list of {{\"id\": …, \"message\": …}}", list.display())
    })
}

/// Finds the current branch: the recorded one, else the running point's, else master, else the
/// first.
fn current_branch(
    directory: &Path,
    name: &VolumeName,
    branches: &[(BranchName, Option<CommitId>)],
    flaws: &mut Vec<String>,
) -> BranchName {
    let known =
        |text: &str| branches.iter().map(|(branch, _)| branch).find(|branch| branch.to_directory() == text);
    let written = text_of(&directory.join(layout::OLDER_CURRENT_BRANCH))
        .and_then(|text| word(&text, "current_branch"))
        .and_then(|name| known(&name).cloned().ok_or_else(|| format!("branch '{name}' does not exist")));
    let why = match written {
        Ok(branch) => return branch,
        Err(why) => why,
    };
    let point = disk::read_symlink(&directory.join(layout::RUNNING_POINT)).ok().flatten();
    let pointed = point.and_then(|path| known(path.file_name()?.to_str()?).cloned());
    let branch = pointed.or_else(|| known(BranchName::master().as_str()).cloned());
    let branch = branch.unwrap_or_else(|| branches[0].0.clone());
    flaws.push(format!("the current branch of {name} is unknown ({why}); {branch} is current now"));
    branch
}

/// Reads the text of a file.
fn text_of(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).at("read", path);
    text.map_err(|error: DiskError| error.to_string())
}

/// Reads a name in JSON: alone, or as `key` of an object.
fn word(text: &str, key: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let named = value.get(key).unwrap_or(&value).as_str();
    named.map(str::to_owned).ok_or_else(|| format!("it has no {key}"))
}

/// Reads the settings of a YAML file, as keys with dots.
fn settings(text: &str) -> Result<Vec<(String, String)>, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    let mut found = BTreeMap::new();
    match documents.as_slice() {
        [] => {}
        [document] => flatten("", document, &mut found),
        _ => return Err("it has more than one document".to_owned()),
    }
    Ok(found.into_iter().collect())
}

/// Adds the values below `key` under their whole keys; keeps a value that is set already.
fn flatten(key: &str, value: &Yaml, found: &mut BTreeMap<String, String>) {
    let Some(fields) = value.as_hash() else {
        if let Some(text) = scalar(value) {
            found.entry(key.to_owned()).or_insert(text);
        }
        return;
    };
    let is_merge = |name: &Yaml| name.as_str() == Some("<<");
    for (name, value) in fields.iter().filter(|(name, _)| !is_merge(name)) {
        let Some(name) = scalar(name) else { continue };
        let key = if key.is_empty() { name } else { format!("{key}.{name}") };
        flatten(&key, value, found);
    }
    // A field takes precedence over merged ones, and an earlier source over a later one.
    for (_, merged) in fields.iter().filter(|(name, _)| is_merge(name)) {
        let sources = merged.as_vec().map_or(std::slice::from_ref(merged), Vec::as_slice);
        sources.iter().filter(|source| source.is_hash()).for_each(|source| flatten(key, source, found));
    }
}

/// Formats a value that is no mapping; returns `None` for null.
fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(is_so) => Some(is_so.to_string()),
        Yaml::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(scalar).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        _ => None,
    }
}

/// Returns when a directory was last changed; the commit was made no later.
fn changed(path: &Path) -> Result<Instant, String> {
    let metadata = std::fs::symlink_metadata(path).at("look at", path);
    let metadata = metadata.map_err(|error: DiskError| error.to_string())?;
    Ok(Instant { micros: metadata.ctime() * 1_000_000 + metadata.ctime_nsec() / 1000, offset: 0 })
}

/// Lists the older tool's files in the pool's directory.
pub fn legacy_files(layout: &Layout) -> [PathBuf; 2] {
    [layout::OLDER_CURRENT_VOLUME, layout::OLDER_SETTINGS].map(|name| layout.root().join(name))
}

#[cfg(test)]
mod tests {
    use super::settings;

    fn said(text: &str) -> Vec<String> {
        settings(text).unwrap().into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn settings_are_read_by_their_whole_keys_whatever_yaml_spells_them_with() {
        let nested = "user:\n  name: Grace\n  email: grace@example.org\n";
        assert_eq!(said(nested), ["user.email=grace@example.org", "user.name=Grace"]);
        assert_eq!(said("user.name: Grace\nleft: ~\n"), ["user.name=Grace"]);
        let kinds = "a: 3\nb: true\nc: '007'\nd: 1.50\ne: [x, 1]\n5: five\n";
        assert_eq!(said(kinds), ["5=five", "a=3", "b=true", "c=007", "d=1.50", "e=[x, 1]"]);
        assert_eq!(said(""), [""; 0]);
    }

    #[test]
    fn anchors_and_merged_fields_count_as_if_written_out() {
        let text = "base: &base {name: Ada, email: ada@example.org}\nuser:\n  <<: *base\n  name: Grace\n";
        let user: Vec<_> = said(text).into_iter().filter(|line| line.starts_with("user")).collect();
        assert_eq!(user, ["user.email=ada@example.org", "user.name=Grace"]);
        let several = "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc:\n  <<: [*a, *b]\n";
        let merged: Vec<_> = said(several).into_iter().filter(|line| line.starts_with('c')).collect();
        assert_eq!(merged, ["c.x=1", "c.y=3"]);
    }

    #[test]
    fn what_is_no_single_document_is_refused() {
        assert!(settings("user: [").is_err());
        assert!(settings("a: 1\n---\nb: 2\n").is_err());
    }
}
