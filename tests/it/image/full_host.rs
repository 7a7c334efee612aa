//! An image is sparse, so its host may be full before it is.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use support::eventually;

use super::Imaged;

#[test]
fn a_full_host_ends_writes_loses_nothing_that_was_reported_and_the_way_out_is_named() {
    let Some((host, pool)) = Imaged::on_ext4(320) else { return };
    pool.ok(["pool", "create", "--size", "1G"]);
    pool.ok(["init", "db"]);
    let first = pool.commit("first");
    // Another program fills the host: refused in time, with the reason.
    let beside = host.path().join("beside");
    let mut filler = fs::File::create(&beside).unwrap();
    let chunk = vec![0x5a; 1 << 20];
    while filler.write_all(&chunk).is_ok() {}
    drop(filler);
    let said = pool.fails(1, ["commit", "-m", "second", "db"], "not enough space on the host");
    assert!(said.contains("delete files beside the pool"), "{said}");
    let doctor = pool.run(["doctor"]).out;
    assert!(doctor.contains("host space") && doctor.contains("free space beside the image"), "{doctor}");
    // A container goes on writing, until the image takes no more.
    let mut table = fs::File::create(pool.file("db", "table")).unwrap();
    let failed = (0..400).any(|_| table.write_all(&chunk).and_then(|()| table.sync_data()).is_err());
    assert!(failed, "the host has space");
    drop(table);
    let said = pool.run(["commit", "-m", "third", "db"]);
    assert!(said.code == 1, "{said:?}");
    assert!(said.err.contains("dvol pool unmount && dvol pool mount"), "{said:?}");
    // The way out.
    fs::remove_file(&beside).unwrap();
    eventually("the host has space", || {
        let _ = Command::new("sync").arg("--file-system").arg(host.path()).status();
        pool.run(["pool", "unmount"]).code == 0
    });
    pool.ok(["pool", "mount"]);
    assert!(pool.run(["fsck"]).code <= 1);
    pool.ok(["fsck"]);
    assert_eq!(pool.ids("db"), [first]);
    fs::remove_file(pool.file("db", "table")).unwrap();
    pool.ok(["reset", "--hard", "HEAD", "db"]);
    assert_eq!(pool.read("db", "state"), "first");
    pool.commit("second");
}
