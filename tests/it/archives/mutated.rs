//! Damaged archives: the importer makes what GNU tar makes, or refuses.
//!
//! `DVOL_ARCHIVES=100000` tries so many instead of a few hundred, and `DVOL_TEST_SEED=7` others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::by_tools::{PROGRAMS, written};
use super::contest::{Arena, Verdict, can_run};
use super::mutation::{Series, mutate};
use super::raw::{Block, Raw};

const USUAL: usize = 300;

/// A tree of small files, so that most of an archive is headers.
fn fill(root: &Path) {
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::create_dir(root.join("d")).unwrap();
    for (name, text) in [("a/plain", "plain"), ("f", "some text"), ("d/f", ""), ("z", "last")] {
        fs::write(root.join(name), text).unwrap();
    }
    fs::hard_link(root.join("f"), root.join("g")).unwrap();
    for (name, target) in [("l", "d"), ("m", "/outside"), ("n", "../up"), ("o", &"x".repeat(150))] {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    }
    fs::hard_link(root.join("m"), root.join("mm")).unwrap();
    fs::write(root.join("a").join("long".repeat(40)), "x").unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    for hole in 0..6 {
        std::os::unix::fs::FileExt::write_all_at(&sparse, &[7; 4096], hole << 14).unwrap();
    }
    sparse.set_len(200_000).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(root.join("f"), "user.a", b"value", flags).unwrap();
    rustix::fs::setxattr(root.join("d"), "user.b", b"value", flags).unwrap();
    let list = ["setfacl", "-m", "u:7:rwx,d:u:7:rwx"];
    let done = std::process::Command::new(list[0]).args(&list[1..]).arg(root.join("a")).status().unwrap();
    assert!(done.success());
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let time = rustix::fs::Timespec { tv_sec: 1_000_000_000, tv_nsec: 5 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, entry.unwrap().path(), &times, flags).unwrap();
    }
}

fn seeds(arena: &Arena) -> Vec<Vec<u8>> {
    let tree = arena.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fill(&tree);
    let keep = ["--xattrs", "--xattrs-include=*", "--acls"];
    let mut seeds = Vec::new();
    for format in ["oldgnu", "gnu", "posix"] {
        seeds.push(written(&tree, "tar", &["-cS", &format!("--format={format}"), "."]));
    }
    for version in ["0.0", "0.1", "1.0"] {
        let version = format!("--sparse-version={version}");
        seeds.push(written(&tree, "tar", &[&["-cS", "--format=posix", &version, "."][..], &keep].concat()));
    }
    for format in ["pax", "gnutar"] {
        let words = ["--acls", "--xattrs", "--format", format, "-cf", "-", "."];
        seeds.push(written(&tree, "bsdtar", &words));
    }
    let program = "import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.PAX_FORMAT) as archive:
    archive.add('.')";
    seeds.push(written(&tree, "python3", &["-c", program]));
    let special = |kind| Block::new(b"special", kind).with(329, b"0000001\0").with(337, b"0000003\0");
    let by_hand = Raw::new().directory("d").file("d/f", "x").hard_link("h", "d/f").symlink("l", "d/f");
    seeds.push(by_hand.add(special(b'3'), b"").add(special(b'6'), b"").file("old/", "").end());
    seeds
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn damaged_archives_become_what_tar_makes_of_them_or_nothing() {
    if !can_run(&PROGRAMS) {
        return;
    }
    let arena = Arena::in_memory();
    let seeds = seeds(&arena);
    let seed = number("DVOL_TEST_SEED", 20_240_501).max(1);
    let mut series = Series(seed);
    let count = usize::try_from(number("DVOL_ARCHIVES", USUAL as u64)).unwrap();
    let (mut same, mut refused) = (0, 0);
    let mut different = Vec::new();
    let mut reasons = BTreeMap::<String, usize>::new();
    for round in 0..count {
        let mut archive = seeds[series.below(seeds.len())].clone();
        let other = seeds[series.below(seeds.len())].clone();
        for _ in 0..=series.below(3) {
            mutate(&mut archive, &other, &mut series);
        }
        match arena.judge(&archive) {
            Verdict::Same(_) => same += 1,
            Verdict::Refused(why, code) => {
                refused += 1;
                if code == 0 {
                    let why = why.rsplit(": ").next().unwrap().to_owned();
                    *reasons.entry(why).or_default() += 1;
                }
            }
            Verdict::Different(how) => {
                let kept = std::env::temp_dir().join(format!("dvol-archive-differs-{round}.tar"));
                fs::write(&kept, &archive).unwrap();
                different.push(format!("{}: {how}", kept.display()));
            }
        }
    }
    assert!(different.is_empty(), "{} of {count} differ\n{}", different.len(), different.join("\n\n"));
    println!(
        "{count} archives of seed {seed}: {same} the same, {refused} refused; of those tar takes {reasons:#?}"
    );
    assert!(same * 10 > count && refused * 10 > count, "{same} the same and {refused} refused of {count}");
}
