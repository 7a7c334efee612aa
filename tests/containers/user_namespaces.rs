//! An engine whose containers run in user namespaces reaches the pool, and no other user does.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use support::containers::Engine;
use support::eventually;

#[test]
fn containers_in_a_user_namespace_use_volumes_that_other_users_cannot_reach() {
    let Some(engine) = Engine::with_user_namespaces() else { return };
    engine.volume_with("mapped", "hello");
    let access = || fs::metadata(engine.pool()).map(|pool| (pool.mode() & 0o7777, pool.gid())).ok();
    eventually("the group of the containers' root may pass the pool", || access() == Some((0o710, 300_000)));

    let run = "docker run --rm -v mapped:/data --volume-driver=dvol busybox";
    assert_eq!(engine.sh(&format!("{run} cat /data/file")).ok(), "hello");
    engine.sh(&format!("{run} sh -c 'echo new > /data/new && chmod 4755 /data/new'")).ok();
    let new = engine.running_point("mapped").join("new");
    assert_eq!(fs::metadata(&new).expect("the container made it").uid(), 300_000);
    engine.sh("dvol commit -m two mapped").ok();
    engine.sh("dvol reset --hard HEAD~1 mapped").ok();
    assert_eq!(engine.sh(&format!("{run} ls /data")).ok(), "file");

    let other = "setpriv --reuid 12345 --regid 12345 --clear-groups";
    let said = engine.sh(&format!("{other} ls $DVOL_POOL/mapped/branches/master/"));
    assert!(said.code != 0 && said.stderr.contains("Permission denied"), "{said}");
}
