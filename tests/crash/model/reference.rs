//! The model: what a pool should be, in memory, with no regard for how.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Ended;
use super::command::{Command, What, branch, volume};

/// The content of a tree: that of its only file.
type Tree = Option<u8>;
/// A volume and one of its branches.
type Place = (String, String);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Commit {
    parent: Option<usize>,
    tree: Tree,
}

/// What the metadata have on a volume. Commits go by the number of the command that made them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Volume {
    branch: String,
    heads: BTreeMap<String, Option<usize>>,
    tag: Option<usize>,
    /// All that ever were; those that nothing holds are not there.
    commits: BTreeMap<usize, Commit>,
}

/// The last operation on a volume: all that taking it back needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    volumes: Vec<(String, Option<Volume>, Option<Volume>)>,
    /// Working trees that changed places with others, and those others.
    trees: Vec<(Place, Option<Tree>)>,
    /// Working trees that moved.
    moves: Vec<(Place, Place)>,
    /// The name before and after.
    renamed: Option<(String, String)>,
    /// The setting of a volume that is gone.
    setting: Option<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pool {
    volumes: BTreeMap<String, Volume>,
    trees: BTreeMap<Place, Tree>,
    settings: BTreeMap<String, usize>,
    last: BTreeMap<String, Operation>,
}

struct Refused;
type Outcome = Result<(), Refused>;

impl Volume {
    fn new(commit: Option<(usize, Tree)>) -> Self {
        let head = commit.map(|(number, _)| number);
        let commits = commit.map(|(number, tree)| (number, Commit { parent: None, tree }));
        Volume {
            branch: "master".to_owned(),
            heads: BTreeMap::from([("master".to_owned(), head)]),
            tag: None,
            commits: commits.into_iter().collect(),
        }
    }

    fn head(&self) -> Result<usize, Refused> {
        self.heads[&self.branch].ok_or(Refused)
    }

    fn chain(&self, from: Option<usize>) -> Vec<usize> {
        std::iter::successors(from, |number| self.commits[number].parent).collect()
    }

    /// The commits that a branch, other than `without`, or the tag holds.
    fn held(&self, without: Option<&str>) -> BTreeSet<usize> {
        let heads = self.heads.iter().filter(|(name, _)| Some(name.as_str()) != without);
        let starts = heads.map(|(_, head)| *head).chain([self.tag]);
        starts.flat_map(|start| self.chain(start)).collect()
    }
}

impl Pool {
    /// A container writes; false when there is no such volume.
    pub(super) fn write(&mut self, name: &str, value: u8) -> bool {
        let Some(volume) = self.volumes.get(name) else { return false };
        let place = (name.to_owned(), volume.branch.clone());
        self.trees.insert(place, Some(value));
        true
    }

    /// Collects every state that these commands can give, whatever their order.
    pub(super) fn in_any_order(
        &self,
        commands: &[Command],
        ended: &[Ended],
        first: usize,
        all: &mut Vec<Pool>,
    ) {
        let rest: Vec<usize> = (0..commands.len()).collect();
        self.after(&rest, commands, ended, first, all);
        told_apart(all);
    }

    fn after(
        &self,
        rest: &[usize],
        commands: &[Command],
        ended: &[Ended],
        first: usize,
        all: &mut Vec<Pool>,
    ) {
        if rest.is_empty() {
            all.push(self.clone());
        }
        for &n in rest {
            let others: Vec<usize> = rest.iter().copied().filter(|other| *other != n).collect();
            let mut next = self.clone();
            let done = next.run(&commands[n], first + n + 1).is_ok();
            if !done {
                next = self.clone();
            }
            if ended[n] == Ended::Killed || done == (ended[n] == Ended::Done) {
                next.after(&others, commands, ended, first, all);
            }
            if ended[n] == Ended::Killed && done {
                self.after(&others, commands, ended, first, all);
            }
        }
    }

    fn get(&self, name: &str) -> Result<Volume, Refused> {
        self.volumes.get(name).cloned().ok_or(Refused)
    }

    fn run(&mut self, command: &Command, number: usize) -> Outcome {
        let name = volume(command.volume);
        match command.what {
            What::Init => self.make(name, Volume::new(None), None),
            What::Import => self.make(name, Volume::new(Some((0, Some(0)))), Some(0)),
            What::Clone(to) => {
                let source = self.get(name)?;
                let head = source.head()?;
                let tree = source.commits[&head].tree;
                self.make(volume(to), Volume::new(Some((head, tree))), tree)
            }
            What::Commit => {
                let mut now = self.get(name)?;
                let tree = self.trees[&(name.to_owned(), now.branch.clone())];
                let parent = now.heads[&now.branch];
                now.commits.insert(number, Commit { parent, tree });
                now.heads.insert(now.branch.clone(), Some(number));
                self.change(name, now, Operation::default())
            }
            What::Amend => {
                let mut now = self.get(name)?;
                let old = now.commits[&now.head()?].clone();
                now.commits.insert(number, old);
                now.heads.insert(now.branch.clone(), Some(number));
                self.change(name, now, Operation::default())
            }
            What::Reset(back) => {
                let mut now = self.get(name)?;
                let head = now.head()?;
                let to = *now.chain(Some(head)).get(usize::from(back)).ok_or(Refused)?;
                now.heads.insert(now.branch.clone(), Some(to));
                let place = (name.to_owned(), now.branch.clone());
                let old = self.trees.insert(place.clone(), now.commits[&to].tree);
                self.change(name, now, Operation { trees: vec![(place, old)], ..Operation::default() })
            }
            What::CheckoutNew(to) => self.new_branch(name, branch(to), true),
            What::Branch(to) => self.new_branch(name, branch(to), false),
            What::Checkout { branch: to, force } => {
                let mut now = self.get(name)?;
                if !now.heads.contains_key(branch(to)) {
                    return Err(Refused);
                }
                if now.branch == branch(to) {
                    return Ok(());
                }
                let committed = now.heads[&now.branch].and_then(|head| now.commits[&head].tree);
                if !force && self.trees[&(name.to_owned(), now.branch.clone())] != committed {
                    return Err(Refused);
                }
                now.branch = branch(to).to_owned();
                self.change(name, now, Operation::default())
            }
            What::BranchDelete { branch: which, force } => {
                let mut now = self.get(name)?;
                let which = branch(which);
                let head = *now.heads.get(which).ok_or(Refused)?;
                let held = now.held(Some(which));
                let is_held = head.is_none_or(|head| held.contains(&head));
                if now.branch == which || !(is_held || force) {
                    return Err(Refused);
                }
                now.heads.remove(which);
                let place = (name.to_owned(), which.to_owned());
                let old = self.trees.remove(&place);
                self.change(name, now, Operation { trees: vec![(place, old)], ..Operation::default() })
            }
            What::BranchRename(to) => {
                let mut now = self.get(name)?;
                let to = branch(to).to_owned();
                if now.heads.contains_key(&to) {
                    return Err(Refused);
                }
                let from = std::mem::replace(&mut now.branch, to.clone());
                let head = now.heads.remove(&from).flatten();
                now.heads.insert(to.clone(), head);
                let moves = vec![((name.to_owned(), from), (name.to_owned(), to))];
                self.relocate(&moves);
                self.change(name, now, Operation { moves, ..Operation::default() })
            }
            What::Tag { force } => {
                let mut now = self.get(name)?;
                let head = now.head()?;
                if now.tag.is_some() && !force {
                    return Err(Refused);
                }
                now.tag = Some(head);
                self.change(name, now, Operation::default())
            }
            What::TagDelete => {
                let mut now = self.get(name)?;
                now.tag.take().ok_or(Refused)?;
                self.change(name, now, Operation::default())
            }
            What::Undo => self.undo(name),
            What::Rename(to) => {
                let now = self.get(name)?;
                let (from, to) = (name.to_owned(), volume(to).to_owned());
                if self.volumes.contains_key(&to) {
                    return Err(Refused);
                }
                let moves =
                    now.heads.keys().map(|b| ((from.clone(), b.clone()), (to.clone(), b.clone()))).collect();
                let volumes = vec![(from.clone(), Some(now.clone()), None), (to.clone(), None, Some(now))];
                let operation =
                    Operation { volumes, moves, renamed: Some((from, to)), ..Operation::default() };
                self.apply(operation);
                Ok(())
            }
            What::Remove => {
                let now = self.get(name)?;
                let trees = now.heads.keys().map(|b| ((name.to_owned(), b.clone()), None)).collect();
                let volumes = vec![(name.to_owned(), Some(now), None)];
                self.exchange(name, Operation { volumes, trees, ..Operation::default() });
                Ok(())
            }
            What::Config => {
                self.get(name)?;
                self.settings.insert(name.to_owned(), number);
                Ok(())
            }
            What::Switch => self.get(name).map(drop),
            What::Gc => Ok(()),
        }
    }

    fn make(&mut self, name: &str, new: Volume, tree: Tree) -> Outcome {
        if self.volumes.contains_key(name) {
            return Err(Refused);
        }
        let place = (name.to_owned(), new.branch.clone());
        let volumes = vec![(name.to_owned(), None, Some(new))];
        self.exchange(name, Operation { volumes, trees: vec![(place, Some(tree))], ..Operation::default() });
        Ok(())
    }

    fn new_branch(&mut self, name: &str, to: &str, switch: bool) -> Outcome {
        let mut now = self.get(name)?;
        let head = now.head()?;
        if now.heads.contains_key(to) {
            return Err(Refused);
        }
        now.heads.insert(to.to_owned(), Some(head));
        if switch {
            to.clone_into(&mut now.branch);
        }
        let place = (name.to_owned(), to.to_owned());
        self.trees.insert(place.clone(), now.commits[&head].tree);
        self.change(name, now, Operation { trees: vec![(place, None)], ..Operation::default() })
    }

    /// One volume has new records; its trees are as they shall be.
    fn change(&mut self, name: &str, now: Volume, operation: Operation) -> Outcome {
        let before = self.volumes.insert(name.to_owned(), now.clone());
        let volumes = vec![(name.to_owned(), before, Some(now))];
        self.last.insert(name.to_owned(), Operation { volumes, ..operation });
        Ok(())
    }

    fn relocate(&mut self, moves: &[(Place, Place)]) {
        for (from, to) in moves {
            if let Some(tree) = self.trees.remove(from) {
                self.trees.insert(to.clone(), tree);
            }
        }
    }

    /// Does an operation that moves a volume to another name.
    fn apply(&mut self, operation: Operation) {
        let Some((from, to)) = operation.renamed.clone() else { return };
        self.relocate(&operation.moves);
        for (name, _, after) in &operation.volumes {
            match after {
                Some(after) => self.volumes.insert(name.clone(), after.clone()),
                None => self.volumes.remove(name),
            };
        }
        if let Some(setting) = self.settings.remove(&from) {
            self.settings.insert(to.clone(), setting);
        }
        self.last.remove(&from);
        self.last.insert(to, operation);
    }

    /// Does an operation whose `trees` are those that come; keeps those that go.
    fn exchange(&mut self, name: &str, mut operation: Operation) {
        for (place, tree) in &mut operation.trees {
            let old = self.trees.remove(place);
            if let Some(new) = tree.take() {
                self.trees.insert(place.clone(), new);
            }
            *tree = old;
        }
        self.relocate(&operation.moves);
        for (volume, before, after) in &operation.volumes {
            let kept = operation.setting.take();
            match after {
                Some(after) => {
                    self.volumes.insert(volume.clone(), after.clone());
                    if let (None, Some(setting)) = (before, kept) {
                        self.settings.insert(volume.clone(), setting);
                    }
                }
                None => {
                    self.volumes.remove(volume);
                    operation.setting = self.settings.remove(volume);
                }
            }
        }
        self.last.insert(name.to_owned(), operation);
    }

    fn undo(&mut self, name: &str) -> Outcome {
        let last = self.last.get(name).cloned().ok_or(Refused)?;
        if last.volumes.iter().any(|(name, _, after)| self.volumes.get(name) != after.as_ref()) {
            return Err(Refused);
        }
        let volumes = last.volumes.into_iter().rev().map(|(name, before, after)| (name, after, before));
        let moves = last.moves.into_iter().map(|(from, to)| (to, from));
        let renamed = last.renamed.map(|(from, to)| (to, from));
        let back = Operation {
            volumes: volumes.collect(),
            trees: last.trees,
            moves: moves.collect(),
            renamed,
            setting: last.setting,
        };
        if back.renamed.is_some() {
            self.apply(back);
        } else {
            self.exchange(name, back);
        }
        Ok(())
    }

    /// As `observe` gives it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let word = |commit: Option<usize>| commit.map_or("-".to_owned(), |number| format!("m{number}"));
        let content = |tree: Tree| tree.map_or("-".to_owned(), |value| value.to_string());
        for (name, volume) in &self.volumes {
            let on = &volume.branch;
            writeln!(text, "volume {name} on {on} running at branches/{on}").unwrap();
            for (branch, head) in &volume.heads {
                let tree = content(self.trees[&(name.clone(), branch.clone())]);
                writeln!(text, " branch {branch} at {} holds {tree}", word(*head)).unwrap();
            }
            let mut lines: Vec<String> = volume
                .held(None)
                .into_iter()
                .map(|number| {
                    let commit = &volume.commits[&number];
                    let (own, parent) = (word(Some(number)), word(commit.parent));
                    format!(" commit {own} of {parent} holds {}\n", content(commit.tree))
                })
                .collect();
            lines.sort();
            text.push_str(&lines.concat());
            if let Some(tag) = volume.tag {
                writeln!(text, " tag t at {}", word(Some(tag))).unwrap();
            }
            if let Some(setting) = self.settings.get(name) {
                writeln!(text, " user.name = n{setting}").unwrap();
            }
        }
        text
    }
}

/// Leaves each once.
pub(super) fn told_apart(pools: &mut Vec<Pool>) {
    pools.sort();
    pools.dedup();
}
