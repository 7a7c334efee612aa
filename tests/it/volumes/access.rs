//! Volumes hold setuid files and directories that anybody may write to: other users of the host
//! must not reach them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::{has_program, is_root};

use crate::harness::Pool;

#[test]
fn no_other_user_reaches_anything_beneath_the_pool() {
    if !is_root() || !has_program("setpriv") {
        return;
    }
    let pool = Pool::empty();
    let set_mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let mode = || fs::metadata(pool.root()).unwrap().permissions().mode() & 0o7777;
    set_mode(pool.dir(), 0o755);
    // Made by hand, as mkdir makes it.
    fs::create_dir(pool.root()).unwrap();
    set_mode(&pool.root(), 0o755);
    pool.ok(["init", "db"]);
    assert_eq!(mode(), 0o710);
    fs::copy("/bin/cat", pool.file("db", "cat")).unwrap();
    set_mode(&pool.file("db", "cat"), 0o4755);
    pool.write("db", "state", "secret");
    pool.ok(["commit", "-m", "one"]);
    let id = pool.ok(["rev-parse", "HEAD"]);

    let as_other = |script: &str| {
        let mut command = pool.command_of("setpriv");
        command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups", "sh", "-c", script]);
        command.current_dir("/").output().unwrap()
    };
    let root = pool.root().display().to_string();
    let tries = [
        format!("ls {root}"),
        format!("cat {root}/db/branches/master/state"),
        format!("cat {root}/db/running_point/state"),
        format!("cat {root}/db/commits/{}/state", id.trim()),
        format!("{root}/db/branches/master/cat /etc/shadow"),
        format!("echo > {root}/db/branches/master/new"),
        format!("ls {root}/.dvol"),
    ];
    for script in &tries {
        let tried = as_other(script);
        let said = String::from_utf8_lossy(&tried.stderr);
        assert!(!tried.status.success() && said.contains("ermission denied"), "{script}: {said}");
    }
    assert!(!pool.run(["doctor"]).out.contains("all users of the host"));

    // An open pool is the administrator's choice: it stays so, and doctor says what it means.
    set_mode(&pool.root(), 0o711);
    assert!(as_other(&tries[4]).status.success(), "the tries above prove nothing");
    pool.ok(["init", "another"]);
    assert_eq!(mode(), 0o711);
    let said = pool.run(["doctor"]).out;
    assert!(said.contains("all users of the host") && said.contains("chmod 0710"), "{said}");
}
