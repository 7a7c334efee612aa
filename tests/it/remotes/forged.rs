//! Repositories whose files are whole and whose makers are not honest.

use std::fs;

use serde_json::{Value, json};

use super::Team;
use super::forge::{Forge, hash};
use super::hostile::{clone_is_right_or_not_there, files};
use crate::harness::{Pool, Said, json_lines};

fn pushed() -> (Team, Forge) {
    let team = Team::new();
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let forge = Forge::of(&team);
    (team, forge)
}

/// Clones into a new pool with at most 1.5 GiB of memory. Nothing comes of it.
#[track_caller]
fn refused(team: &Team, what: &str, said: &str) {
    let pool = Pool::elsewhere(9);
    let mut command = pool.command_of("prlimit");
    command.args(["--as=1610612736", env!("CARGO_BIN_EXE_dvol"), "clone", &team.volume("db")]);
    let output = command.args(["--password-file", &team.password()]).output().unwrap();
    let heard = Said::from(output);
    assert!(heard.code == 1 && heard.err.contains(said), "{what}: {heard:?}");
    assert!(!heard.err.contains("panicked"), "{what}: {heard:?}");
    assert_eq!(pool.ok(["list", "--format", "json"]), "", "{what}");
    assert!(!pool.root().join("db").exists() && pool.staging().is_empty(), "{what}");
}

fn directory(name: &str, subtree: &Value) -> Value {
    json!({"name": name, "type": "dir", "mode": 0x8000_01ed_u32, "uid": 0, "gid": 0,
        "subtree": subtree, "content": null})
}

fn file(name: &str, size: u64, content: &Value) -> Value {
    json!({"name": name, "type": "file", "mode": 0o600, "uid": 0, "gid": 0, "size": size,
        "content": content})
}

/// Puts `nodes` in place of what a commit's tree has. The record says what the caller says.
fn replace_tree(forge: &Forge, nodes: &Value, entries: u64, bytes: u64) {
    let data = forge.write_tree(&json!({"nodes": nodes}));
    put_data(forge, &data, entries, bytes);
}

fn put_data(forge: &Forge, data: &Value, entries: u64, bytes: u64) {
    forge.change_commits(&|snapshot, commit| {
        let mut top = forge.tree(&snapshot["tree"]);
        for node in top["nodes"].as_array_mut().unwrap() {
            if node["name"] == "data" {
                node["subtree"] = data.clone();
            }
        }
        snapshot["tree"] = forge.write_tree(&top);
        (commit["entries"], commit["bytes"]) = (entries.into(), bytes.into());
    });
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let (team, forge) = pushed();
    let empty = forge.write_tree(&json!({"nodes": []}));
    for name in ["../escaped", "..", ".", "", "a/b", "/tmp/escaped", "a\\x00b"] {
        let is_odd = name.len() % 2 == 1;
        let node = if is_odd { file(name, 0, &json!([])) } else { directory(name, &empty) };
        replace_tree(&forge, &json!([node]), 2, 0);
        refused(&team, name, "error: ");
    }
    // A symlink is no directory that another entry of its name may lie in.
    let inner = forge.write_tree(&json!({"nodes": [file("escaped", 0, &json!([]))]}));
    let outside = team.here.dir().join("outside");
    fs::create_dir(&outside).unwrap();
    let link = json!({"name": "a", "type": "symlink", "linktarget": outside.to_str().unwrap(),
        "mode": 0x0800_01ff, "uid": 0, "gid": 0});
    replace_tree(&forge, &json!([link, directory("a", &inner)]), 4, 0);
    refused(&team, "a symlink", "error: ");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_directory_that_holds_itself_is_refused() {
    let (team, forge) = pushed();
    // Its name cannot be its checksum, which its content has.
    let id = hash(b"a name");
    let text = json!({"nodes": [directory("a", &id.clone().into()), directory("b", &id.clone().into())]});
    let text = text.to_string();
    forge.piece("tree", &id, text.as_bytes(), text.len() as u64);
    put_data(&forge, &id.into(), 1 << 60, 0);
    refused(&team, "more entries than fit", "not enough space");
    forge.change_commits(&|_, commit| commit["entries"] = 1_000_000.into());
    refused(&team, "a cycle", "is damaged");
    let said = team.here.run(["remote", "fsck", "origin"]);
    assert!([1, 4].contains(&said.code) && !said.err.contains("panicked"), "{said:?}");
    // Directories that share what they hold are as large as their record says, and no larger.
    let (team, forge) = pushed();
    let mut inner = forge.write_tree(&json!({"nodes": []}));
    for _ in 0..40 {
        inner = forge.write_tree(&json!({"nodes": [directory("a", &inner), directory("b", &inner)]}));
    }
    put_data(&forge, &inner, 3000, 0);
    refused(&team, "2^40 directories", "more entries than its record says");
}

#[test]
fn sizes_that_lie_are_refused_before_they_take_memory_or_space() {
    let (team, forge) = pushed();
    forge.change_commits(&|_, commit| commit["bytes"] = (1_u64 << 62).into());
    refused(&team, "a huge record", "not enough space");
    let (team, forge) = pushed();
    let piece = hash(b"piece");
    forge.piece("data", &piece, b"piece", 5);
    let content = json!([piece]);
    for (size, bytes, said) in [
        (1_u64 << 40, 5, "more bytes than its record says"),
        (1 << 30, 1 << 30, "has 5 bytes, not 1073741824"),
        (3, 3, "has 5 bytes, not 3"),
    ] {
        replace_tree(&forge, &json!([file("a", size, &content)]), 2, bytes);
        refused(&team, said, said);
    }
    // Pieces that unpack to more than they say, or say that they are huge.
    let zeros = vec![0; 256 << 20];
    for (number, length, said) in
        [(0, 5, "is damaged"), (1, 256 << 20, "larger than any"), (2, u64::from(u32::MAX), "larger than any")]
    {
        let id = hash(&[number]);
        forge.piece("data", &id, &zeros, length);
        replace_tree(&forge, &json!([file("a", 5, &json!([id]))]), 2, 5);
        refused(&team, said, said);
    }
}

#[test]
fn a_million_entries_in_a_directory_come_in_or_are_refused_within_bounded_memory() {
    let (team, forge) = pushed();
    let nodes: Vec<String> = (0..1_000_000)
        .map(|n| {
            format!(r#"{{"name":"{n}","type":"file","mode":384,"uid":0,"gid":0,"size":0,"content":[]}}"#)
        })
        .collect();
    let text = format!(r#"{{"nodes":[{}]}}"#, nodes.join(","));
    let id = hash(text.as_bytes());
    forge.piece("tree", &id, text.as_bytes(), text.len() as u64);
    put_data(&forge, &id.into(), 1000, 0);
    refused(&team, "a million entries", "more entries than its record says");
}

/// Adds a snapshot or an index file that takes all memory to unpack.
#[test]
fn files_that_unpack_to_gigabytes_are_refused() {
    let team = Team::without_repository();
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let forge = Forge::of(&team);
    let mut bomb = vec![2];
    let spaces = vec![b' '; 1 << 20];
    let mut packer = zstd::Encoder::new(&mut bomb, 1).unwrap();
    std::io::Write::write_all(&mut packer, b"{").unwrap();
    for _ in 0..4096 {
        std::io::Write::write_all(&mut packer, &spaces).unwrap();
    }
    packer.finish().unwrap();
    let snapshot = forge.put("snapshots", &bomb);
    clone_is_right_or_not_there(&team, "beside a snapshot of four gigabytes");
    fs::remove_file(snapshot).unwrap();
    let lock = forge.put("locks", &bomb);
    clone_is_right_or_not_there(&team, "beside a lock of four gigabytes");
    fs::remove_file(lock).unwrap();
    let index = forge.put("index", &bomb);
    refused(&team, "an index", "would take more memory than any");
    fs::remove_file(index).unwrap();
    // A key is not encrypted: whoever can write there can say what opening it takes.
    for key in files(&team.repository().join("keys")) {
        let text: Value = serde_json::from_slice(&fs::read(&key).unwrap()).unwrap();
        for (name, value) in [("N", 1_u64 << 30), ("r", 1 << 28), ("p", 1 << 28), ("N", 3), ("N", 0)] {
            let mut forged = text.clone();
            forged[name] = value.into();
            fs::write(&key, forged.to_string()).unwrap();
            refused(&team, "a key", "error: ");
        }
        fs::write(key, text.to_string()).unwrap();
    }
    // A file that never ends.
    let config = team.repository().join("config");
    fs::File::options().write(true).open(config).unwrap().set_len(1 << 40).unwrap();
    refused(&team, "a config file of a terabyte", "error: ");
}

#[test]
fn moves_that_replace_each_other_in_a_ring_lose_no_commit_and_can_be_mended() {
    let (team, forge) = pushed();
    let moves: Vec<(_, Value)> =
        forge.texts("snapshots").into_iter().filter(|(_, one)| one["tags"][1] == "heads/master").collect();
    let [(path, one)] = &moves[..] else { panic!("{moves:?}") };
    let mut description: Value = serde_json::from_str(one["description"].as_str().unwrap()).unwrap();
    let first = description["move"]["id"].clone();
    let commits = team.here.ids("db");
    for (id, to, replaces) in [
        (first.clone(), &commits[0], json!(["second"])),
        (json!("second"), &commits[1], json!([first, "third"])),
        (json!("third"), &commits[0], json!(["third", "second", "nowhere"])),
    ] {
        description["move"]["id"] = id;
        description["move"]["to"] = to.as_str().into();
        description["move"]["replaces"] = replaces;
        let mut forged = one.clone();
        forged["description"] = description.to_string().into();
        forge.put("snapshots", forged.to_string().as_bytes());
    }
    fs::remove_file(path).unwrap();
    let refs = json_lines(&team.there.ok(["ls-remote", "--format", "json"]));
    assert!(refs.len() == 3 && refs.iter().all(|one| one["crossed"] == true), "{refs:?}");
    clone_is_right_or_not_there(&team, "a ring of moves");
    let said = team.here.run(["remote", "fsck", "origin"]);
    assert!(said.code == 4 && said.out.contains("in a ring"), "{said:?}");
    team.here.ok(["fetch"]);
    team.here.commit("three");
    team.here.ok(["push", "--force", "origin", "master"]);
    team.there.ok(["clone", &team.volume("db")]);
    assert_eq!(team.there.read("db", "state"), "three");
    team.here.ok(["remote", "gc", "origin"]);
    assert_eq!(json_lines(&team.here.ok(["ls-remote", "--format", "json"])).len(), 1);
}

#[test]
fn a_lock_with_a_flipped_byte_holds_no_process_up() {
    let (team, forge) = pushed();
    let text = json!({"time": "2026-01-01T00:00:00Z", "exclusive": true, "hostname": "h", "username": "u",
        "pid": 1, "uid": 0, "gid": 0});
    let path = forge.put("locks", text.to_string().as_bytes());
    team.here.commit("three");
    let said = team.here.run(["push", "--lock-timeout", "0"]);
    assert!(said.code == 3 && said.err.contains("u on h (process 1)"), "{said:?}");
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    team.here.ok(["push", "--lock-timeout", "0"]);
}
