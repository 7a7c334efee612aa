//! Scenarios: how chance makes them, and how they are made shorter.

use std::fmt;

use quickcheck::{Arbitrary, Gen};

use super::command::{Command, Killed, What};

/// What happens at the same time, after some writes.
#[derive(Clone)]
pub(super) struct Round {
    /// Which value a container writes to which volume before.
    pub(super) writes: Vec<(u8, u8)>,
    pub(super) commands: Vec<Command>,
}

#[derive(Clone)]
pub(super) struct Scenario(pub(super) Vec<Round>);

/// A scenario on a volume and its worktrees. What is taken back there is left to the sweeps: the
/// model keeps no log of operations for each.
#[derive(Clone)]
pub(super) struct OnWorktrees(pub(super) Scenario);

fn below(random: &mut Gen, end: u8) -> u8 {
    u8::arbitrary(random) % end
}

impl Arbitrary for Command {
    fn arbitrary(random: &mut Gen) -> Self {
        let (one, force) = (below(random, 3), bool::arbitrary(random));
        let what = match below(random, 52) {
            0..=3 => What::Init,
            4..=10 => What::Commit,
            11 => What::Amend,
            12..=16 => What::Reset { back: one, force },
            17 | 18 => What::CheckoutNew(one),
            19 | 20 => What::Checkout { branch: one, force },
            21 => What::Branch(one),
            22 => What::BranchDelete { branch: one, force },
            23 => What::BranchRename(one),
            24 => What::Tag { force },
            25 => What::TagDelete,
            26..=29 => What::Undo,
            30 | 31 => What::Redo,
            32 => What::Clone(one),
            33 | 34 => What::Rename(one),
            35 => What::Remove,
            36 => What::Config,
            37 => What::Switch,
            38 => What::Import,
            39 | 40 => What::Restore(one),
            41 | 42 => What::Stash,
            43 | 44 => What::StashPop,
            45 => What::Gc,
            46..=48 => What::Protect { on: force },
            _ => What::Ensure,
        };
        let killed = match below(random, 4) {
            0 => Killed::Step(1 + below(random, 40)),
            1 => Killed::Inside(1 + below(random, 60)),
            _ => Killed::No,
        };
        // One volume is in demand.
        let volume = [0, 0, 0, 1, 2][usize::from(below(random, 5))];
        Command { volume, what, killed }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let Command { volume, what, killed } = self.clone();
        if killed == Killed::No {
            return quickcheck::empty_shrinker();
        }
        quickcheck::single_shrinker(Command { volume, what, killed: Killed::No })
    }
}

impl Arbitrary for Round {
    fn arbitrary(random: &mut Gen) -> Self {
        let writes = (0..below(random, 3)).map(|_| (below(random, 3), below(random, 100))).collect();
        let count = [1, 1, 2, 3][usize::from(below(random, 4))];
        Round { writes, commands: (0..count).map(|_| Command::arbitrary(random)).collect() }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let Round { writes, commands } = self.clone();
        let fewer = self.commands.shrink().map(move |commands| Round { writes: writes.clone(), commands });
        let drier = self.writes.shrink().map(move |writes| Round { writes, commands: commands.clone() });
        Box::new(fewer.chain(drier))
    }
}

impl Arbitrary for Scenario {
    fn arbitrary(random: &mut Gen) -> Self {
        // Something to work on comes first, most times.
        let begin = |what| Round {
            writes: vec![(0, 1)],
            commands: vec![Command { volume: 0, what, killed: Killed::No }],
        };
        let mut rounds = vec![begin(What::Init), begin(What::Commit)];
        rounds.extend((0..random.size()).map(|_| Round::arbitrary(random)));
        Scenario(rounds)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Scenario))
    }
}

/// Has a command be one on a volume with worktrees.
fn on_worktree(random: &mut Gen, command: &Command) -> Command {
    let (branch, new) = (below(random, 3), bool::arbitrary(random));
    let what = match command.what {
        What::Undo | What::Redo | What::Ensure => What::WorktreeAdd { branch, new },
        What::Rename(_) | What::Protect { .. } => What::Reset { back: branch, force: new },
        What::Remove => What::WorktreeRemove,
        What::Init | What::Import => What::Commit,
        other => other,
    };
    Command { volume: below(random, 3), what, killed: command.killed }
}

impl Arbitrary for OnWorktrees {
    fn arbitrary(random: &mut Gen) -> Self {
        let Scenario(mut rounds) = Scenario::arbitrary(random);
        for round in rounds.iter_mut().skip(2) {
            let commands = std::mem::take(&mut round.commands);
            round.commands = commands.iter().map(|command| on_worktree(random, command)).collect();
        }
        let add = |volume| Round {
            writes: Vec::new(),
            commands: vec![Command {
                volume,
                what: What::WorktreeAdd { branch: volume, new: true },
                killed: Killed::No,
            }],
        };
        rounds.splice(2..2, [add(1), add(2)]);
        OnWorktrees(Scenario(rounds))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(OnWorktrees))
    }
}

impl fmt::Debug for OnWorktrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (volume, value) in &self.writes {
            write!(f, "write {value} to {}; ", super::command::volume(*volume))?;
        }
        let commands: Vec<String> = self.commands.iter().map(|command| format!("{command:?}")).collect();
        f.write_str(&commands.join(" beside "))
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(n, round)| write!(f, "\n{:3}. {round:?}", n + 1))
    }
}
