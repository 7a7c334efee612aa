//! What a pull receives: nothing that this machine has, under whatever name, and of a pack little
//! more than it needs.

use std::fs;

use serde_json::Value;

use super::Team;
use crate::harness::{Pool, json_lines};

/// Makes bytes that do not pack and do not repeat.
fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let words =
        (0..bytes as u32 / 4).map(|n| (n ^ seed << 22).wrapping_mul(2_654_435_761).rotate_left(n % 31));
    words.flat_map(|word| (word ^ word >> 15).wrapping_mul(2_246_822_519).to_le_bytes()).collect()
}

fn pull(pool: &Pool) -> Value {
    json_lines(&pool.ok(["pull", "--format", "json"])).remove(0)
}

#[track_caller]
fn same_files(team: &Team, names: &[&str]) {
    for name in names {
        let (here, there) = (team.here.file("db", name), team.there.file("db", name));
        assert_eq!(fs::read(here).unwrap(), fs::read(there).unwrap(), "{name}");
    }
}

#[test]
fn a_renamed_file_is_taken_from_the_files_that_are_here() {
    let team = Team::with_clone();
    let here = |name: &str| team.here.file("db", name);
    fs::write(here("log.1"), noise(1, 4 << 20)).unwrap();
    fs::write(here("table"), noise(2, 2 << 20)).unwrap();
    team.here.commit("a log and a table");
    team.here.ok(["push"]);
    team.there.ok(["pull"]);
    // Into a directory that comes before it, and with its first pages written anew.
    fs::create_dir(here("archive")).unwrap();
    let mut log = fs::read(here("log.1")).unwrap();
    log[..100_000].fill(7);
    fs::write(here("archive/log.2"), log).unwrap();
    fs::remove_file(here("log.1")).unwrap();
    let mut table = fs::read(here("table")).unwrap();
    table[1_000_000] ^= 1;
    fs::write(here("table"), &table).unwrap();
    // A copy of what stays.
    fs::write(here("copy"), &table).unwrap();
    team.here.commit("renamed and changed");
    let sent = json_lines(&team.here.ok(["push", "--format", "json"])).remove(0)["sent"].as_u64().unwrap();
    let pulled = pull(&team.there);
    let received = pulled["received"].as_u64().unwrap();
    assert!(received < sent * 3 / 2, "{received} bytes received, {sent} sent");
    let came: u64 = (8 << 20) - pulled["data"]["here"].as_u64().unwrap();
    // Four pieces of the log, and the piece of the table twice.
    assert!(came < 7 * 32_768, "{came}");
    same_files(&team, &["archive/log.2", "table", "copy"]);
}

#[test]
fn a_few_pieces_of_an_old_pack_come_without_the_rest_of_it() {
    let team = Team::new();
    let here = |name: &str| team.here.file("db", name);
    let old = noise(3, 8 << 20);
    fs::write(here("old"), &old).unwrap();
    team.here.commit("large");
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    fs::remove_file(here("old")).unwrap();
    team.here.commit("small");
    team.here.ok(["push"]);
    team.there.ok(["clone", &team.volume("db")]);
    team.there.ok(["switch", "db"]);
    // Pieces of the file that only the oldest pack has.
    let piece = 32 << 10;
    let kept: Vec<u8> = [&old[..2 * piece], &old[200 * piece..203 * piece]].concat();
    fs::write(here("kept"), kept).unwrap();
    team.here.commit("a few pieces");
    team.here.ok(["push"]);
    let pulled = pull(&team.there);
    let received = pulled["received"].as_u64().unwrap();
    assert!(received < 1 << 20, "{received} bytes received");
    same_files(&team, &["kept"]);
}
