//! Three machines that commit, push, pull and clean up at random, and die at random: no push that
//! was said to have succeeded is lost.

use std::process::Command;

use super::Team;
use crate::harness::Pool;

/// How many steps of each run.
const STEPS: usize = 80;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Runs a command, which dies in a third of all cases. Returns whether it ended well.
fn run(mut command: Command, numbers: &mut Numbers) -> bool {
    if numbers.below(3) == 0 {
        command.env("DVOL_FAULT", format!("{}:kill", 1 + numbers.below(60)));
    }
    command.arg("--lock-timeout").arg("60");
    command.output().unwrap().status.success()
}

/// Returns how many pushes were said to have succeeded.
fn play(seed: u64) -> usize {
    let team = Team::with_clone();
    let third = Pool::elsewhere(5);
    third.ok(["clone", &team.volume("db"), "--password-file", &team.password()]);
    third.ok(["switch", "db"]);
    let pools = [&team.here, &team.there, &third];
    let mut numbers = Numbers(seed);
    // The newest commit that each machine was told is pushed.
    let mut acknowledged = Vec::new();
    for step in 0..STEPS {
        let pool = pools[numbers.below(3) as usize];
        match numbers.below(8) {
            0..=2 => {
                pool.write("db", "state", &format!("{seed} {step}"));
                run(pool.command(["commit", "-m", "random", "db"]), &mut numbers);
            }
            3..=4 => {
                let head = pool.ids("db").into_iter().next();
                if run(pool.command(["push"]), &mut numbers) {
                    acknowledged.extend(head);
                } else if numbers.below(8) > 0 {
                    // The others wait a minute for what a dead one announced; mostly it is over.
                    super::upkeep::let_pass(&team);
                }
            }
            5..=6 => {
                if !run(pool.command(["pull"]), &mut numbers) && numbers.below(2) == 0 {
                    // It may have diverged: what is not pushed is given up, as its hint says.
                    run(pool.command(["reset", "--hard", "origin/master", "db"]), &mut numbers);
                }
            }
            _ => {
                super::upkeep::age(&team, "locks", super::upkeep::DAY);
                super::upkeep::age(&team, "snapshots", 40 * super::upkeep::DAY);
                run(pool.command(["remote", "gc", "origin"]), &mut numbers);
            }
        }
    }
    super::upkeep::age(&team, "locks", super::upkeep::DAY);
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n", "{seed}");
    let fourth = Pool::elsewhere(7);
    fourth.ok(["clone", "--all", &team.volume("db"), "--password-file", &team.password()]);
    let there = fourth.ids("db");
    for id in &acknowledged {
        assert!(there.contains(id), "{seed}: commit {id} was pushed and is lost");
    }
    assert_eq!(fourth.ok(["fsck", "--deep"]).lines().next(), Some("1 volume: clean"), "{seed}");
    for pool in pools {
        // The last command on it may have died with a tree that it was making.
        let said = pool.run(["fsck"]);
        let is_left = said.out.starts_with("corrected: staging: ") && said.out.lines().count() == 2;
        assert!(said.code == 0 || said.code == 1 && is_left, "{seed}: {said:?}");
        assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n", "{seed}");
    }
    acknowledged.len()
}

#[test]
fn three_machines_that_die_at_random_lose_nothing_that_was_pushed() {
    let seeds = [0x9e37_79b9, 0x85eb_ca6b, 0xc2b2_ae35, 0x27d4_eb2f];
    let pushed: Vec<usize> = seeds.into_iter().map(play).collect();
    println!("{pushed:?} pushes");
    assert!(pushed.iter().sum::<usize>() > 12, "{pushed:?}");
}
