//! A pool moves into an image and back, and is the same pool.

use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::Command;

use support::{difference, state};

use super::Imaged;

/// How many commits the pool has.
const COMMITS: u32 = 20;

/// Prints what `state` leaves out. The names of a directory count on some file systems only.
const FIND: &str = "cd \"$0\" && find . -mindepth 1 -path ./.dvol -prune -o -type d -printf '%P %T@\\n' \
                    -o -printf '%P %y %T@ %n %l\\n' | sort";

/// What a pool holds with what dvol's own comparison leaves out: times and holes.
fn everything(pool: &Path) -> String {
    let mut text = state(pool);
    let found = Command::new("sh").args(["-c", FIND]).arg(pool).output().unwrap();
    text.push_str(&String::from_utf8(found.stdout).unwrap());
    text
}

fn fill(pool: &Imaged) {
    pool.ok(["init", "db"]);
    let script = "cd $1 && echo x > f && cp f setuid && chown 12345:12345 f && chmod 4755 setuid && mknod null c 1 3 \
                  && mkfifo fifo && ln f hard && ln -s f soft && mkdir -m 0 closed && truncate -s 1M sparse \
                  && setfattr -n user.note -v kept f && touch -d '2001-02-03 04:05:06.789' old";
    let mut shell = pool.command_of("sh");
    shell.args(["-c", script, "sh"]).arg(pool.file("db", ""));
    assert!(shell.status().unwrap().success());
    let bytes: Vec<u8> = (0_u32..4 << 20).map(|n| n.wrapping_mul(2_654_435_761) as u8).collect();
    fs::write(pool.file("db", "table"), bytes).unwrap();
    for n in 0..COMMITS {
        let table = fs::OpenOptions::new().write(true).open(pool.file("db", "table")).unwrap();
        table.write_all_at(&n.to_le_bytes(), u64::from(n) * 8192).unwrap();
        pool.write("db", "state", &n.to_string());
        pool.ok(["commit", "-m", &format!("commit {n}"), "db"]);
        if n == COMMITS / 2 {
            pool.ok(["checkout", "-b", "dev", "db"]);
        }
    }
    pool.ok(["tag", "-C", "db", "here"]);
    pool.ok(["clone", "db", "copy"]);
    pool.ok(["worktree", "add", "feat", "-b", "side", "db:HEAD~3"]);
    pool.ok(["init", "gone"]);
    pool.ok(["rm", "-f", "gone"]);
    pool.write("db", "state", "uncommitted");
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    pool.write("db", "state", "uncommitted again");
}

#[test]
fn a_pool_with_twenty_commits_moves_into_an_image_and_back_byte_for_byte() {
    for kind in ["xfs", "btrfs"] {
        let Some(pool) = Imaged::none_yet() else { return };
        fill(&pool);
        let before = everything(&pool.root());
        let said = pool.ok(["pool", "move", "image", "--size", "600M", "--fs", kind]);
        assert!(said.contains("each compared"), "{said}");
        let now = everything(&pool.root());
        assert!(before == now, "{kind}\n{}", difference(&before, &now));
        assert!(before == everything(&pool.dir().join("pool.old")), "the old one was kept as it was");
        // Twenty copies of 4 MiB share what they have in common.
        let used = pool.info()["image"]["allocated_bytes"].as_u64().unwrap();
        let trees = u64::from(COMMITS) * (4 << 20);
        assert!(used < trees + (40 << 20), "{kind} takes {used}");
        pool.ok(["fsck", "--deep"]);

        pool.fails(1, ["pool", "move", "image", "--size", "600M"], "has an image already");
        pool.ok(["pool", "move", "directory"]);
        let now = everything(&pool.root());
        assert!(before == now, "back from {kind}\n{}", difference(&before, &now));
        assert!(!pool.image().exists() && pool.dir().join("pool.img.old").exists());
        let said = pool.fails(1, ["pool", "move", "image", "--size", "600M"], "is still there");
        assert!(said.contains("dvol pool remove --old"), "{said}");
        pool.ok(["pool", "remove", "--old"]);
        pool.fails(1, ["pool", "remove", "--old"], "kept anything");
        let left: Vec<_> = fs::read_dir(pool.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("old")), "{left:?}");
        // What was done before the moves can be undone after them.
        pool.ok(["undo", "db"]);
        assert_eq!(pool.read("db", "state"), "uncommitted");
        pool.ok(["undo", "gone"]);
        pool.ok(["fsck"]);
    }
}

#[test]
fn operations_wait_for_a_move_and_find_the_pool_where_it_is_then() {
    let Some(pool) = Imaged::none_yet() else { return };
    pool.ok(["init", "db"]);
    let mut commands = Vec::new();
    let mut moving = pool.command(["pool", "move", "image", "--size", "400M"]).spawn().unwrap();
    for n in 0..6 {
        let name = format!("volume-{n}");
        commands.push(pool.command(["init", &name]).spawn().unwrap());
        commands.push(pool.command(["tag", "-C", "db", &name]).spawn().unwrap());
    }
    let is_moved = moving.wait().unwrap().success();
    let made: Vec<bool> = commands.into_iter().map(|mut one| one.wait().unwrap().success()).collect();
    // A volume that is made at that very moment ends the move before it begins.
    assert_eq!(pool.image().exists(), is_moved);
    for (n, is_made) in made.iter().step_by(2).enumerate() {
        assert_eq!(pool.file(&format!("volume-{n}"), "").exists(), *is_made, "volume-{n}");
    }
    pool.ok(["fsck"]);
}

#[test]
fn a_move_without_space_leaves_the_pool_as_it_was() {
    let Some(pool) = Imaged::none_yet() else { return };
    pool.ok(["init", "db"]);
    fs::write(pool.file("db", "big"), vec![0x5a; 400 << 20]).unwrap();
    pool.fails(1, ["pool", "move", "image", "--size", "400M"], "not enough space");
    assert!(!pool.image().exists() && !pool.dir().join("pool.new").exists());
    assert!(!pool.dir().join("pool.img.new").exists());
    assert_eq!(fs::metadata(pool.file("db", "big")).unwrap().size(), 400 << 20);
    pool.ok(["fsck"]);
}
