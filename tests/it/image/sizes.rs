//! Making an image, its size, its file system, and its end.

use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::process::Command;

use support::eventually;

use super::Imaged;
use crate::harness::json;

fn allocated(pool: &Imaged) -> u64 {
    fs::metadata(pool.image()).unwrap().blocks() * 512
}

#[test]
fn commits_in_an_image_share_blocks_and_what_is_deleted_goes_back_to_the_host() {
    for kind in ["xfs", "btrfs"] {
        let Some(pool) = Imaged::new(kind) else { return };
        pool.ok(["init", "db"]);
        let empty = allocated(&pool);
        let bytes: Vec<u8> = (0_u32..16 << 20).map(|n| n.wrapping_mul(2_654_435_761) as u8).collect();
        fs::write(pool.file("db", "big"), &bytes).unwrap();
        for n in 0..4 {
            pool.ok(["commit", "-m", &n.to_string(), "db"]);
        }
        let full = allocated(&pool) - empty;
        assert!((bytes.len() as u64..2 * bytes.len() as u64).contains(&full), "{kind}: {full}");
        let info = pool.info();
        assert!(info["shares_blocks"] == true && info["image"]["discard"] == true, "{kind}: {info}");
        pool.ok(["rm", "--purge", "-f", "db"]);
        eventually("the host has its space again", || {
            let _ = Command::new("sync").arg("--file-system").arg(pool.root()).status();
            allocated(&pool) < empty + bytes.len() as u64 / 2
        });
        let doctor = pool.run(["doctor"]).out;
        assert!(doctor.contains("shares blocks") && doctor.contains("host space"), "{doctor}");
    }
}

#[test]
fn no_field_of_the_json_of_an_image_goes_away() {
    let Some(pool) = Imaged::none_yet() else { return };
    let look = |words: &[&str], place: &[&str], fields: &[&str]| {
        let said = json(&pool.ok([words, &["--format", "json"]].concat()));
        let object = place.iter().fold(&said, |object, name| &object[name]);
        for field in fields {
            assert!(object.get(field).is_some(), "{words:?} has no {field}: {said}");
        }
    };
    let image = [
        "path",
        "kind",
        "size_bytes",
        "allocated_bytes",
        "is_mounted",
        "device",
        "direct_io",
        "discard",
        "host_file_system",
        "host_free_bytes",
    ];
    look(&["pool", "create", "--size", "400M"], &["image"], &image);
    pool.ok(["init", "db"]);
    look(&["pool", "grow", "--size", "500M"], &["image"], &image);
    look(
        &["pool", "check", "--offline"],
        &[],
        &["image", "kind", "is_online", "is_clean", "program", "output"],
    );
    look(&["pool", "unmount"], &["image"], &image);
    look(&["pool", "mount"], &["image"], &image);
    let moved = ["volumes", "entries", "bytes", "shared_bytes", "kept", "now"];
    look(&["pool", "move", "directory"], &[], &moved);
    look(&["pool", "remove", "--old"], &[], &["removed"]);
}

#[test]
fn an_image_grows_while_it_is_in_use_and_never_shrinks() {
    for kind in ["xfs", "btrfs"] {
        let Some(pool) = Imaged::new(kind) else { return };
        pool.ok(["init", "db"]);
        let open = fs::File::create(pool.file("db", "open")).unwrap();
        let before = pool.info()["size_bytes"].as_u64().unwrap();
        pool.ok(["pool", "grow", "--size", "600M"]);
        // The size that it has: what a dead process began is finished.
        pool.ok(["pool", "grow", "--size", "600M"]);
        assert!(pool.info()["size_bytes"].as_u64().unwrap() > before + (100 << 20));
        let said = pool.fails(1, ["pool", "grow", "--size", "500M"], "cannot shrink");
        assert!(said.contains("dvol pool move directory"), "{said}");
        pool.fails(1, ["pool", "shrink"], "cannot shrink");
        drop(open);
        pool.ok(["pool", "unmount"]);
        pool.ok(["list"]);
        assert_eq!(pool.info()["image"]["size_bytes"].as_u64().unwrap(), 600 << 20);
    }
}

#[test]
fn an_image_is_checked_mounted_and_unmounted_and_damage_is_named() {
    let Some(pool) = Imaged::new("btrfs") else { return };
    pool.ok(["init", "db"]);
    assert!(pool.ok(["pool", "check"]).contains("is clean (btrfs, mounted)"));
    assert!(pool.ok(["pool", "check", "--offline"]).contains("unmounted"));
    let held = fs::File::open(pool.root()).unwrap();
    let said = pool.fails(1, ["pool", "check", "--offline"], "in use");
    assert!(said.contains("fuser"), "{said}");
    drop(held);
    let Some(pool) = Imaged::new("xfs") else { return };
    pool.ok(["pool", "unmount"]);
    assert!(pool.ok(["pool", "check"]).contains("is clean (xfs_repair, unmounted)"));
    // The header of the second allocation group.
    let image = fs::OpenOptions::new().write(true).open(pool.image()).unwrap();
    image.write_all_at(&[0xff; 4096], 100 << 20).unwrap();
    let said = pool.run(["pool", "check"]);
    assert!(said.code == 1 && said.out.contains("has errors"), "{said:?}");
}

#[test]
fn an_image_is_made_whole_or_refused_with_the_reason() {
    let Some(pool) = Imaged::none_yet() else { return };
    pool.fails(1, ["pool", "create", "--size", "100M"], "needs at least 300.0 MiB");
    pool.fails(2, ["pool", "create", "--size", "much"], "use a size such as 50G");
    pool.fails(2, ["pool", "create", "--size", "1G", "--fs", "zfs"], "xfs, btrfs");
    for verb in ["mount", "unmount", "check", "shrink"] {
        let said = pool.fails(1, ["pool", verb], "has no image");
        assert!(said.contains("dvol pool create"), "{said}");
    }
    pool.ok(["pool", "mount", "--if-any"]);
    let names = |pool: &Imaged| {
        let entries = fs::read_dir(pool.dir()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "pool.img.lock");
        names
    };
    assert!(names(&pool).is_empty(), "{:?}", names(&pool));
    // Where the program is missing.
    let dvol = pool.command(["pool", "create", "--size", "400M"]);
    let script = "for f in /usr/sbin/mkfs.xfs /sbin/mkfs.xfs; do [ ! -e $f ] || mount --bind /dev/null $f; done; exec \"$@\"";
    let mut hidden = pool.command_of("unshare");
    hidden.args(["--mount", "sh", "-c", script, "sh"]).arg(dvol.get_program()).args(dvol.get_args());
    let said = crate::harness::Said::from(hidden.output().unwrap()).fails(1, "mkfs.xfs is not installed");
    assert!(said.contains("apt install xfsprogs"), "{said}");
    assert!(!pool.image().exists());
    // What a dead process left is no obstacle.
    fs::write(pool.dir().join("pool.img.new"), "half").unwrap();
    pool.ok(["pool", "create", "--size", "400M"]);
    pool.fails(1, ["pool", "create", "--size", "400M"], "has an image already");
    pool.fails(1, ["pool", "move", "image", "--size", "400M"], "has an image already");
    pool.ok(["init", "db"]);
    pool.fails(1, ["pool", "remove"], "without confirmation");
    pool.ok(["pool", "remove", "-f"]);
    assert!(!pool.image().exists() && fs::read_dir(pool.root()).unwrap().next().is_none());
    pool.ok(["init", "plain"]);
    let said = pool.fails(1, ["pool", "create", "--size", "400M"], "the directory is not empty");
    assert!(said.contains("dvol pool move image"), "{said}");
}
