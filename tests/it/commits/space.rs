//! A pool on a small file system of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::plain::Run;
use crate::loop_image::LoopImage;

fn dvol(pool: &Path, args: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dvol"));
    command.arg("-p").arg(pool).arg("--disable-docker-integration").args(args).output().unwrap().into()
}

#[test]
fn a_full_file_system_refuses_a_commit_and_a_reset_and_keeps_everything() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 16) else { return };
    let pool = small.directory("pool");
    dvol(&pool, &["init", "db"]).ok();
    let data = pool.join("db/running_point/data");
    fs::write(&data, vec![7_u8; 5 << 20]).unwrap();
    dvol(&pool, &["commit", "-m", "Fits"]).ok();
    fs::write(&data, vec![8_u8; 5 << 20]).unwrap();
    for args in [&["commit", "-m", "Does not fit"][..], &["checkout", "-b", "too-much"]] {
        dvol(&pool, args).fails(1, "pace");
        assert_eq!(fs::read(&data).unwrap(), vec![8_u8; 5 << 20]);
        assert_eq!(fs::read_dir(pool.join(".dvol/staging")).unwrap().count(), 0);
    }
    assert_eq!(dvol(&pool, &["log"]).ok().matches("commit ").count(), 1);
    dvol(&pool, &["fsck"]).ok();
}

#[test]
fn a_file_system_that_fills_up_during_the_copy_undoes_the_commit() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 16) else { return };
    let pool = small.directory("pool");
    dvol(&pool, &["init", "db"]).ok();
    // Empty files take no blocks, so the check before the copy sees room; the inodes run out.
    let tree = pool.join("db/running_point");
    for n in 0..2600 {
        fs::write(tree.join(n.to_string()), "").unwrap();
    }
    let run = dvol(&pool, &["commit", "-m", "No room"]);
    assert!(run.err.contains("No space left") && run.err.contains("hint"), "{}", run.err);
    run.fails(1, "staging");
    assert_eq!(dvol(&pool, &["log"]).ok(), "");
    assert_eq!(fs::read_dir(pool.join(".dvol/staging")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 2600 + usize::from(tree.join("lost+found").exists()));
}
