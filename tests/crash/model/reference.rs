//! The model: what a pool should be, in memory, with no regard for how.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Ended;
use super::command::{Command, OWNER, What, branch, volume};

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
    protected: bool,
    heads: BTreeMap<String, Option<usize>>,
    tag: Option<usize>,
    /// The number of each stash and its commit, the newest last.
    stashes: Vec<(usize, usize)>,
    /// All that ever were; those that nothing holds are not there.
    commits: BTreeMap<usize, Commit>,
    /// The worktrees and the branches that they show.
    worktrees: BTreeMap<String, String>,
}

/// An operation on a volume: all that taking it back needs.
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
    /// The setting that came with a volume that was brought back.
    brought: Option<usize>,
}

/// The operations on one volume that can be undone and redone, the next one last.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    done: Vec<Operation>,
    undone: Vec<Operation>,
    /// Whether the last operation was neither an undo nor a redo.
    is_plain: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pool {
    volumes: BTreeMap<String, Volume>,
    trees: BTreeMap<Place, Tree>,
    settings: BTreeMap<String, usize>,
    /// What was done to the volumes that had a name, the one that was worked on last at the end.
    lines: BTreeMap<String, Vec<Line>>,
}

struct Refused;
type Outcome = Result<(), Refused>;

impl Volume {
    fn new(commit: Option<(usize, Tree)>) -> Self {
        let head = commit.map(|(number, _)| number);
        let commits = commit.map(|(number, tree)| (number, Commit { parent: None, tree }));
        Volume {
            branch: "master".to_owned(),
            protected: false,
            heads: BTreeMap::from([("master".to_owned(), head)]),
            tag: None,
            stashes: Vec::new(),
            commits: commits.into_iter().collect(),
            worktrees: BTreeMap::new(),
        }
    }

    /// Returns whether the volume or a worktree, other than `name`, has a branch checked out.
    fn shows(&self, which: &str, name: &str) -> bool {
        let worktrees = self.worktrees.iter().filter(|(worktree, _)| *worktree != name);
        worktrees.map(|(_, branch)| branch).any(|branch| branch == which)
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
        let starts = starts.chain(self.stashes.iter().map(|(_, commit)| Some(*commit)));
        starts.flat_map(|start| self.chain(start)).collect()
    }
}

impl Pool {
    /// A container writes; false when there is no such volume.
    pub(super) fn write(&mut self, name: &str, value: u8) -> bool {
        let Ok(volume) = self.get(name) else { return false };
        self.trees.insert((self.owner(name), volume.branch), Some(value));
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

    /// Returns the volume that has the branches of a volume or a worktree.
    fn owner(&self, name: &str) -> String {
        let is_worktree = |volume: &Volume| volume.worktrees.contains_key(name);
        let owner = self.volumes.iter().find(|(_, volume)| is_worktree(volume));
        owner.map_or_else(|| name.to_owned(), |(owner, _)| owner.clone())
    }

    /// Returns a volume as it is seen from there: a worktree has another current branch, and the
    /// volume's own is that of the worktree of the volume's name.
    fn get(&self, name: &str) -> Result<Volume, Refused> {
        let mut volume = self.volumes.get(&self.owner(name)).cloned().ok_or(Refused)?;
        if let Some(branch) = volume.worktrees.remove(name) {
            let own = std::mem::replace(&mut volume.branch, branch);
            volume.worktrees.insert(self.owner(name), own);
        }
        Ok(volume)
    }

    /// Puts back what `get` gave.
    fn put(&mut self, name: &str, mut now: Volume) -> (Option<Volume>, Volume) {
        let owner = self.owner(name);
        if let Some(own) = now.worktrees.remove(&owner) {
            let branch = std::mem::replace(&mut now.branch, own);
            now.worktrees.insert(name.to_owned(), branch);
        }
        (self.volumes.insert(owner, now.clone()), now)
    }

    fn is_taken(&self, name: &str) -> bool {
        self.volumes.contains_key(&self.owner(name))
    }

    fn run(&mut self, command: &Command, number: usize) -> Outcome {
        let name = volume(command.volume);
        let owner = self.owner(name);
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
                let tree = self.trees[&(owner.clone(), now.branch.clone())];
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
            What::Reset { back, force } => {
                let now = self.get(name)?;
                if now.protected && !force {
                    return Err(Refused);
                }
                let head = now.head()?;
                let to = *now.chain(Some(head)).get(usize::from(back)).ok_or(Refused)?;
                self.reset(name, now, to)
            }
            What::Restore(back) => {
                let now = self.get(name)?;
                let from = *now.chain(Some(now.head()?)).get(usize::from(back)).ok_or(Refused)?;
                let place = (owner.clone(), now.branch.clone());
                let wanted = now.commits[&from].tree;
                if wanted.is_none() && self.trees[&place].is_none() {
                    return Err(Refused);
                }
                let old = self.trees.insert(place.clone(), wanted);
                self.change(name, now, Operation { trees: vec![(place, old)], ..Operation::default() })
            }
            What::Stash => {
                let mut now = self.get(name)?;
                let head = now.head()?;
                let place = (owner.clone(), now.branch.clone());
                let tree = self.trees[&place];
                if tree == now.commits[&head].tree {
                    return Ok(());
                }
                now.commits.insert(number, Commit { parent: Some(head), tree });
                now.stashes.push((now.stashes.last().map_or(0, |(last, _)| last + 1), number));
                let old = self.trees.insert(place.clone(), now.commits[&head].tree);
                self.change(name, now, Operation { trees: vec![(place, old)], ..Operation::default() })
            }
            What::StashPop => {
                let mut now = self.get(name)?;
                let (_, commit) = now.stashes.pop().ok_or(Refused)?;
                let Commit { parent, tree } = now.commits[&commit];
                let place = (owner.clone(), now.branch.clone());
                if self.trees[&place] != parent.and_then(|base| now.commits[&base].tree) {
                    return Err(Refused);
                }
                let old = self.trees.insert(place.clone(), tree);
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
                if now.shows(branch(to), name) {
                    return Err(Refused);
                }
                let committed = now.heads[&now.branch].and_then(|head| now.commits[&head].tree);
                if !force && self.trees[&(owner.clone(), now.branch.clone())] != committed {
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
                if now.branch == which || now.shows(which, name) || !(is_held && !now.protected || force) {
                    return Err(Refused);
                }
                now.heads.remove(which);
                let place = (owner.clone(), which.to_owned());
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
                let moves = vec![((owner.clone(), from), (owner, to))];
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
                if now.protected {
                    return Err(Refused);
                }
                self.change(name, now, Operation::default())
            }
            What::Undo => self.step(name, false),
            What::Redo => self.step(name, true),
            What::Rename(to) => {
                let now = self.get(name)?;
                let (from, to) = (name.to_owned(), volume(to).to_owned());
                if self.volumes.contains_key(&to) {
                    return Err(Refused);
                }
                let moves =
                    now.heads.keys().map(|b| ((from.clone(), b.clone()), (to.clone(), b.clone()))).collect();
                let volumes = vec![(from.clone(), Some(now.clone()), None), (to.clone(), None, Some(now))];
                let renamed = Some((from.clone(), to.clone()));
                let operation = self.apply(Operation { volumes, moves, renamed, ..Operation::default() });
                let line = self.take_line(&from, |lines| lines.len() - 1);
                self.lines.entry(to.clone()).or_default().push(line);
                self.push(&to, operation);
                Ok(())
            }
            What::Remove if owner != name => self.remove_worktree(name),
            What::Remove => {
                let now = self.get(name)?;
                if !now.worktrees.is_empty() {
                    return Err(Refused);
                }
                let trees = now.heads.keys().map(|b| ((name.to_owned(), b.clone()), None)).collect();
                let volumes = vec![(name.to_owned(), Some(now), None)];
                let operation = self.exchange(Operation { volumes, trees, ..Operation::default() });
                self.push(name, operation);
                Ok(())
            }
            What::Protect { on } => {
                let mut now = self.get(name)?;
                if now.protected == on {
                    return Ok(());
                }
                now.protected = on;
                self.change(name, now, Operation::default())
            }
            What::Config => {
                self.get(name)?;
                self.settings.insert(name.to_owned(), number);
                Ok(())
            }
            What::Switch => self.get(name).map(drop),
            What::WorktreeAdd { branch: which, new } => {
                let mut now = self.get(OWNER)?;
                let which = branch(which);
                if self.is_taken(name) || now.heads.contains_key(which) == new {
                    return Err(Refused);
                }
                if new {
                    let head = now.head()?;
                    now.heads.insert(which.to_owned(), Some(head));
                    self.trees.insert((OWNER.to_owned(), which.to_owned()), now.commits[&head].tree);
                }
                if now.branch == which || now.shows(which, name) {
                    return Err(Refused);
                }
                now.worktrees.insert(name.to_owned(), which.to_owned());
                self.volumes.insert(OWNER.to_owned(), now);
                Ok(())
            }
            What::WorktreeRemove if owner != name => self.remove_worktree(name),
            What::WorktreeRemove => Err(Refused),
            What::Gc => Ok(()),
            What::Ensure => {
                let now = self.get(name)?;
                let to = now.tag.ok_or(Refused)?;
                let tree = self.trees[&(owner.clone(), now.branch.clone())];
                if now.heads[&now.branch] == Some(to) && tree == now.commits[&to].tree {
                    return Ok(());
                }
                self.reset(name, now, to)
            }
        }
    }

    fn remove_worktree(&mut self, name: &str) -> Outcome {
        let owner = self.owner(name);
        self.volumes.get_mut(&owner).and_then(|volume| volume.worktrees.remove(name)).ok_or(Refused)?;
        self.settings.remove(name);
        Ok(())
    }

    fn reset(&mut self, name: &str, mut now: Volume, to: usize) -> Outcome {
        let owner = self.owner(name);
        now.heads.insert(now.branch.clone(), Some(to));
        let place = (owner.clone(), now.branch.clone());
        let old = self.trees.insert(place.clone(), now.commits[&to].tree);
        self.change(name, now, Operation { trees: vec![(place, old)], ..Operation::default() })
    }

    fn make(&mut self, name: &str, new: Volume, tree: Tree) -> Outcome {
        if self.is_taken(name) {
            return Err(Refused);
        }
        let place = (name.to_owned(), new.branch.clone());
        let volumes = vec![(name.to_owned(), None, Some(new))];
        let operation =
            self.exchange(Operation { volumes, trees: vec![(place, Some(tree))], ..Operation::default() });
        self.lines.entry(name.to_owned()).or_default().push(Line::default());
        self.push(name, operation);
        Ok(())
    }

    fn new_branch(&mut self, name: &str, to: &str, switch: bool) -> Outcome {
        let (mut now, owner) = (self.get(name)?, self.owner(name));
        let head = now.head()?;
        if now.heads.contains_key(to) {
            return Err(Refused);
        }
        now.heads.insert(to.to_owned(), Some(head));
        if switch {
            to.clone_into(&mut now.branch);
        }
        let place = (owner.clone(), to.to_owned());
        self.trees.insert(place.clone(), now.commits[&head].tree);
        self.change(name, now, Operation { trees: vec![(place, None)], ..Operation::default() })
    }

    /// One volume has new records; its trees are as they shall be.
    fn change(&mut self, name: &str, now: Volume, operation: Operation) -> Outcome {
        let owner = self.owner(name);
        let (before, now) = self.put(name, now);
        let volumes = vec![(owner.clone(), before, Some(now))];
        self.push(&owner, Operation { volumes, ..operation });
        Ok(())
    }

    /// Adds an operation that is neither an undo nor a redo.
    fn push(&mut self, name: &str, operation: Operation) {
        let line = self.lines.get_mut(name).and_then(|lines| lines.last_mut()).expect("the volume was made");
        line.done.push(operation);
        line.undone.clear();
        line.is_plain = true;
    }

    /// Takes one of the lines of a name out.
    fn take_line(&mut self, name: &str, which: impl Fn(&[Line]) -> usize) -> Line {
        let lines = self.lines.get_mut(name).expect("the name has lines");
        let line = lines.remove(which(lines));
        if lines.is_empty() {
            self.lines.remove(name);
        }
        line
    }

    fn relocate(&mut self, moves: &[(Place, Place)]) {
        for (from, to) in moves {
            if let Some(tree) = self.trees.remove(from) {
                self.trees.insert(to.clone(), tree);
            }
        }
    }

    /// Does an operation that moves a volume to another name, with its setting.
    fn apply(&mut self, operation: Operation) -> Operation {
        let Some((from, to)) = operation.renamed.clone() else { return operation };
        self.relocate(&operation.moves);
        for (name, _, after) in &operation.volumes {
            match after {
                Some(after) => self.volumes.insert(name.clone(), after.clone()),
                None => self.volumes.remove(name),
            };
        }
        if let Some(setting) = self.settings.remove(&from) {
            self.settings.insert(to, setting);
        }
        operation
    }

    /// Does an operation whose `trees` are those that come; keeps those that go.
    fn exchange(&mut self, mut operation: Operation) -> Operation {
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
            operation.brought = None;
            match after {
                Some(after) => {
                    self.volumes.insert(volume.clone(), after.clone());
                    if let (None, Some(setting)) = (before, kept) {
                        self.settings.insert(volume.clone(), setting);
                        operation.brought = Some(setting);
                    }
                }
                None => {
                    self.volumes.remove(volume);
                    operation.setting = self.settings.remove(volume);
                }
            }
        }
        operation
    }

    /// Undoes the last operation on the volumes that had this name, or redoes the one that was
    /// undone last.
    fn step(&mut self, name: &str, redo: bool) -> Outcome {
        fn side(line: &Line, redo: bool) -> &[Operation] {
            if redo { &line.undone } else { &line.done }
        }
        let lines = self.lines.get(name).ok_or(Refused)?;
        if redo && lines.last().is_some_and(|line| line.is_plain) {
            return Err(Refused);
        }
        let at = lines.iter().rposition(|line| !side(line, redo).is_empty()).ok_or(Refused)?;
        let last = side(&lines[at], redo).last().cloned().ok_or(Refused)?;
        if last.volumes.iter().any(|(name, _, after)| self.volumes.get(name) != after.as_ref()) {
            return Err(Refused);
        }
        let owner = &last.volumes[0].0;
        if last.brought.is_some() && self.settings.get(owner).copied() != last.brought {
            return Err(Refused);
        }
        let volumes = last.volumes.into_iter().rev().map(|(name, before, after)| (name, after, before));
        let moves = last.moves.into_iter().map(|(from, to)| (to, from));
        let renamed = last.renamed.map(|(from, to)| (to, from));
        let to = renamed.as_ref().map_or_else(|| name.to_owned(), |(_, to)| to.clone());
        let back = Operation {
            volumes: volumes.collect(),
            trees: last.trees,
            moves: moves.collect(),
            renamed,
            setting: last.setting,
            brought: last.brought,
        };
        let back = if back.renamed.is_some() { self.apply(back) } else { self.exchange(back) };
        let mut line = self.take_line(name, |_| at);
        let (from_side, to_side) =
            if redo { (&mut line.undone, &mut line.done) } else { (&mut line.done, &mut line.undone) };
        from_side.pop();
        to_side.push(back);
        line.is_plain = false;
        self.lines.entry(to).or_default().push(line);
        Ok(())
    }

    /// As `observe` gives it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let word = |commit: Option<usize>| commit.map_or("-".to_owned(), |number| format!("m{number}"));
        let content = |tree: Tree| tree.map_or("-".to_owned(), |value| value.to_string());
        let worktrees = self.volumes.iter().flat_map(|(owner, volume)| {
            volume.worktrees.iter().map(move |(name, branch)| (name, (owner, branch)))
        });
        let worktrees: BTreeMap<&String, (&String, &String)> = worktrees.collect();
        for name in self.volumes.keys().chain(worktrees.keys().copied()).collect::<BTreeSet<_>>() {
            let setting = self.settings.get(name).map(|setting| format!(" user.name = n{setting}\n"));
            if let Some((owner, branch)) = worktrees.get(name) {
                writeln!(
                    text,
                    "worktree {name} of {owner} on {branch} running at ../{owner}/branches/{branch}"
                )
                .unwrap();
                text.push_str(&setting.unwrap_or_default());
                continue;
            }
            let volume = &self.volumes[name];
            let on = &volume.branch;
            let protected = if volume.protected { " protected" } else { "" };
            writeln!(text, "volume {name} on {on}{protected} running at branches/{on}").unwrap();
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
            for (number, commit) in &volume.stashes {
                writeln!(text, " tag dvol-stash/{number:06} at {}", word(Some(*commit))).unwrap();
            }
            if let Some(tag) = volume.tag {
                writeln!(text, " tag t at {}", word(Some(tag))).unwrap();
            }
            text.push_str(&setting.unwrap_or_default());
        }
        text
    }
}

/// Leaves each once.
pub(super) fn told_apart(pools: &mut Vec<Pool>) {
    pools.sort();
    pools.dedup();
}
