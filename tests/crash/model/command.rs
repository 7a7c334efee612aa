//! The commands of a scenario, in a form that can be shrunk and read.

use std::fmt;
use std::path::Path;

/// When a command is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Killed {
    No,
    /// At so many-th step of dvol's own.
    Step(u8),
    /// At so many-th write of redb.
    Inside(u8),
}

/// What a command does; numbers stand for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Init,
    Commit,
    Amend,
    Reset {
        back: u8,
        force: bool,
    },
    Restore(u8),
    Stash,
    StashPop,
    CheckoutNew(u8),
    Checkout {
        branch: u8,
        force: bool,
    },
    Branch(u8),
    BranchDelete {
        branch: u8,
        force: bool,
    },
    BranchRename(u8),
    Tag {
        force: bool,
    },
    TagDelete,
    Undo,
    Redo,
    Clone(u8),
    Rename(u8),
    Remove,
    Config,
    /// Protects the volume, or ends that.
    Protect {
        on: bool,
    },
    Switch,
    Import,
    Gc,
    /// To the state of the tag, which no SEED makes.
    Ensure,
    /// A worktree of the volume [`OWNER`].
    WorktreeAdd {
        branch: u8,
        new: bool,
    },
    WorktreeRemove,
}

/// The volume that worktrees belong to.
pub(super) const OWNER: &str = "a";

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) volume: u8,
    pub(super) what: What,
    pub(super) killed: Killed,
}

pub(super) fn volume(number: u8) -> &'static str {
    ["a", "b", "c"][usize::from(number) % 3]
}

pub(super) fn branch(number: u8) -> &'static str {
    ["master", "dev", "fix"][usize::from(number) % 3]
}

impl Command {
    /// What is typed. `number` is the command's own in its scenario, which its messages tell.
    pub(super) fn words(&self, number: usize, archive: &Path) -> Vec<String> {
        let name = volume(self.volume);
        let forced = |force: bool, yes: &'static str, no: &'static str| if force { yes } else { no };
        let line = match self.what {
            What::Init => format!("init {name}"),
            What::Commit => format!("commit -m m{number} {name}"),
            What::Amend => format!("commit --amend -m m{number} {name}"),
            What::Reset { back, force } => {
                format!("reset --hard {} HEAD~{back} {name}", forced(force, "--force", ""))
            }
            What::Restore(back) => format!("restore -f -C {name} --source HEAD~{back} -- data"),
            What::Stash => format!("stash push -m m{number} -C {name}"),
            What::StashPop => format!("stash pop -C {name}"),
            What::CheckoutNew(to) => format!("checkout -b {} {name}", branch(to)),
            What::Checkout { branch: to, force } => {
                format!("checkout {} {} {name}", forced(force, "-f", ""), branch(to))
            }
            What::Branch(to) => format!("branch -C {name} {}", branch(to)),
            What::BranchDelete { branch: which, force } => {
                format!("branch -C {name} {} {}", forced(force, "-D", "-d"), branch(which))
            }
            What::BranchRename(to) => format!("branch -C {name} -m {}", branch(to)),
            What::Tag { force } => format!("tag -C {name} {} t", forced(force, "-f", "")),
            What::TagDelete => format!("tag -C {name} -d t"),
            What::Undo => format!("undo {name}"),
            What::Redo => format!("redo {name}"),
            What::Clone(to) => format!("clone {name} {}", volume(to)),
            What::Rename(to) => format!("rename {name} {}", volume(to)),
            What::Remove => format!("rm -f {name}"),
            What::Config => format!("config -C {name} user.name n{number}"),
            What::Protect { on } => format!("{} {name}", forced(on, "protect", "unprotect")),
            What::Switch => format!("switch {name}"),
            What::Import => format!("import {} {name}", archive.display()),
            What::Gc => "gc".to_owned(),
            // Where there is no such tag, it is refused before SEED.
            What::Ensure => format!("ensure -f t {name} --from HEAD~1000 -- false"),
            What::WorktreeAdd { branch: which, new: false } => {
                format!("worktree add {name} {OWNER}:{}", branch(which))
            }
            What::WorktreeAdd { branch: which, new: true } => {
                format!("worktree add {name} -b {} {OWNER}:HEAD", branch(which))
            }
            What::WorktreeRemove => format!("worktree remove {name}"),
        };
        line.split_whitespace().map(str::to_owned).collect()
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words(0, Path::new("ARCHIVE")).join(" ");
        match self.killed {
            Killed::No => write!(f, "`{words}`"),
            Killed::Step(at) => write!(f, "`{words}` killed at {at}"),
            Killed::Inside(at) => write!(f, "`{words}` killed at {at}:redb"),
        }
    }
}
