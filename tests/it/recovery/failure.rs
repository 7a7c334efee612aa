//! What is refused is refused whole: a clear error, the right exit code, nothing changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use support::{dvol, steps};

use crate::harness::{Pool, Said};

#[test]
fn names_that_try_to_leave_the_pool_are_refused_before_the_disk_is_touched() {
    let pool = Pool::empty();
    let long = "x".repeat(65);
    for name in ["../evil", "a/b", "/etc", ".hidden", "", "a b", "é", &long] {
        let run = pool.run(["init", "--", name]);
        assert_eq!(run.code, 2, "{name}: {}", run.err);
        assert!(run.err.contains("1 to 64"), "{}", run.err);
    }
    assert!(!pool.root().exists());
}

#[test]
fn unknown_volumes_are_named() {
    let pool = Pool::with_commits(&["one"]);
    for args in [
        &["log", "nosuch", "-C", "nosuch"][..],
        &["status", "nosuch"],
        &["switch", "nosuch"],
        &["commit", "-m", "x", "nosuch"],
        &["reset", "--hard", "HEAD", "nosuch"],
        &["checkout", "master", "nosuch"],
        &["branch", "-C", "nosuch"],
    ] {
        pool.fails(1, args, "Volume 'nosuch' does not exist");
    }
    assert!(!pool.root().join("nosuch").exists());
}

#[test]
fn an_unreachable_engine_is_named_with_the_way_out_and_nothing_changes() {
    let pool = Pool::with_commits(&["one"]);
    let before = pool.ids("db");
    for args in [&["commit", "-m", "x"][..], &["reset", "--hard", "HEAD"], &["rm", "-f", "db"]] {
        let mut command = pool.command_with(Path::new("/nonexistent/docker.sock"), args);
        Said::from(command.output().unwrap()).fails(1, "--disable-docker-integration");
    }
    assert_eq!(pool.ids("db"), before);
    assert!(pool.staging().is_empty());
}

#[test]
fn an_engine_behind_tls_is_refused_with_the_way_out() {
    let pool = Pool::with_commits(&["one"]);
    for environment in [
        &[("DOCKER_HOST", "tcp://127.0.0.1:2376"), ("DOCKER_TLS_VERIFY", "1")][..],
        &[("CONTAINER_HOST", "ssh://root@127.0.0.1/run/podman/podman.sock")],
    ] {
        let mut command = pool.command_of(dvol());
        let output = command.envs(environment.iter().copied()).args(["commit", "-m", "x"]).output().unwrap();
        Said::from(output).fails(1, "run dvol on the host of the engine");
    }
    assert_eq!(pool.ids("db").len(), 1);
}

#[test]
fn an_unreadable_file_is_named_and_nothing_is_left_behind() {
    let pool = Pool::with_commits(&["one"]);
    if rustix::process::geteuid().is_root() {
        // Root reads everything: take the directory of a branch away instead.
        fs::rename(pool.root().join("db/branches/master"), pool.root().join("db/branches/away")).unwrap();
        pool.fails(1, ["commit", "-m", "x"], "branches/master");
        fs::rename(pool.root().join("db/branches/away"), pool.root().join("db/branches/master")).unwrap();
    } else {
        fs::set_permissions(pool.file("db", "state"), fs::Permissions::from_mode(0o000)).unwrap();
        pool.fails(1, ["commit", "-m", "x"], "state");
    }
    assert_eq!(pool.ids("db").len(), 1);
    assert!(pool.staging().is_empty());
}

#[test]
fn a_read_error_in_the_middle_of_a_copy_undoes_the_operation() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "two");
    for verb in [&["commit", "-m", "x"][..], &["reset", "--hard", "HEAD"], &["checkout", "-b", "exp"]] {
        let trace = pool.dir().join("trace");
        let _ = fs::remove_file(&trace);
        let probe = Pool::with_commits(&["one"]);
        probe.write("db", "state", "two");
        probe.command(verb).env("DVOL_FAULT_TRACE", &trace).status().unwrap();
        let copy = 1 + steps(&trace).iter().position(|point| point.starts_with("tree.copy")).unwrap();
        let run = Said::from(pool.command(verb).env("DVOL_FAULT", format!("{copy}:EIO")).output().unwrap());
        run.fails(1, "state");
        assert_eq!((pool.ids("db").len(), pool.read("db", "state").as_str()), (1, "two"));
        assert_eq!(pool.ok(["branch"]), "* master\n");
        assert!(pool.staging().is_empty());
    }
}

#[test]
fn what_a_killed_command_leaves_in_staging_goes_with_the_next_one() {
    let commit = ["commit", "-m", "x"];
    let pool = Pool::with_commits(&["one"]);
    let trace = pool.dir().join("trace");
    assert!(pool.command(commit).env("DVOL_FAULT_TRACE", &trace).status().unwrap().success());
    let points = steps(&trace).len();
    for point in 1..=points {
        let pool = Pool::with_commits(&["one"]);
        pool.command(commit).env("DVOL_FAULT", format!("{point}:kill")).output().unwrap();
        pool.ok(["tag", "next"]);
        assert!(pool.staging().is_empty(), "killed at {point} of {points}");
    }
}

#[test]
fn a_lock_wait_is_bounded_and_names_the_holder() {
    let pool = Pool::with_commits(&["one"]);
    let file = fs::OpenOptions::new().write(true).open(pool.root().join(".dvol/locks/volume/db")).unwrap();
    fs::write(pool.root().join(".dvol/locks/volume/db"), "pid 4711 (commit)").unwrap();
    fs2::FileExt::lock_exclusive(&file).unwrap();
    let run = pool.run(["commit", "-m", "x", "--lock-timeout", "1"]);
    assert!(run.err.contains("pid 4711 (commit)"), "{}", run.err);
    run.fails(3, "volume db");
    // Reading takes no lock that an operation holds.
    pool.ok(["log"]);
    pool.ok(["status"]);
    drop(file);
    pool.ok(["commit", "-m", "x", "--lock-timeout", "1"]);
}

#[test]
fn a_broken_pipe_is_a_quiet_end() {
    let pool = Pool::with_commits(&["one"]);
    let mut child = pool.command(["log"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    std::thread::sleep(Duration::from_millis(50));
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_killed_operation_is_undone_or_finished_by_the_next_one() {
    let verbs: [&[&str]; 6] = [
        &["commit", "-m", "x"],
        &["reset", "--hard", "HEAD"],
        &["checkout", "-b", "exp"],
        &["checkout", "other"],
        &["init", "new"],
        &["rm", "-f", "db"],
    ];
    for verb in verbs {
        let prepare = || {
            let pool = Pool::with_commits(&["one"]);
            pool.ok(["checkout", "-b", "other"]);
            pool.ok(["checkout", "master"]);
            pool.write("db", "extra", "kept by no commit");
            if verb[0] == "checkout" {
                fs::remove_file(pool.file("db", "extra")).unwrap();
            }
            pool
        };
        let pool = prepare();
        let trace = pool.dir().join("trace");
        assert!(pool.command(verb).env("DVOL_FAULT_TRACE", &trace).status().unwrap().success());
        let points = steps(&trace).len();
        assert!(points > 5, "{verb:?} passes only {points} points");
        // Every third point: the sweep over all of them is a test of its own.
        for point in (1..=points).step_by(3) {
            let pool = prepare();
            let fault = format!("{point}:kill");
            let status = pool.command(verb).env("DVOL_FAULT", &fault).output().unwrap().status;
            assert!(!status.success(), "{verb:?} survived {fault}");
            let fsck = pool.run(["fsck"]);
            assert!(matches!(fsck.code, 0 | 1), "{verb:?} {fault}: {}", fsck.out);
            let again = pool.run(["fsck"]);
            assert_eq!(again.code, 0, "{verb:?} {fault}: {}", again.out);
            assert!(pool.staging().is_empty());
        }
    }
}

#[test]
fn internal_directories_that_are_missing_or_a_file_are_made_again() {
    for name in ["staging", "trash", "locks"] {
        let pool = Pool::with_commits(&["one"]);
        let path = pool.root().join(".dvol").join(name);
        std::fs::remove_dir_all(&path).unwrap();
        pool.ok(["list"]);
        pool.ok(["commit", "-m", "two"]);
        std::fs::remove_dir_all(&path).unwrap();
        let said = pool.run(["fsck"]);
        assert!(said.code == 1 && said.out.contains("was missing"), "{name}: {said:?}");
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::write(&path, "in its place").unwrap();
        pool.ok(["list"]);
        pool.ok(["commit", "-m", "three"]);
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o7777, 0o700, "{name}");
    }
}

#[test]
fn a_pool_directory_made_by_hand_is_tightened_by_the_first_init() {
    let pool = Pool::empty();
    std::fs::create_dir(pool.root()).unwrap();
    pool.ok(["init", "db"]);
    pool.ok(["fsck"]);
}
