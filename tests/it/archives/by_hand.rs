//! Archives that no program writes today, or that none should: GNU tar and the importer make the
//! same of each, or the importer says why not.

use std::process::Command;

use super::contest::{Arena, Verdict, can_run, import};
use super::raw::{Block, Raw};
use super::tree_state::take_down;

/// Unpacks `archive`; the importer must refuse it with these words.
#[track_caller]
fn refuse(words: &str, archive: Raw) {
    match Arena::new().judge(&archive.end()) {
        Verdict::Refused(why, _) if why.contains(words) => {}
        other => panic!("{words}: {other:?}"),
    }
}

#[track_caller]
fn accept(archive: Raw) -> dvol::sys::tree::ArchiveStats {
    Arena::new().accept("by hand", &archive.end())
}

#[test]
fn a_later_entry_takes_the_place_of_an_earlier_one() {
    if !can_run(&["tar"]) {
        return;
    }
    let first = || Raw::new().directory("d").file("f", "first").symlink("l", "f");
    accept(first().file("f", "second"));
    accept(first().symlink("f", "l"));
    accept(first().directory("f").file("f/x", "x"));
    accept(first().file("d", "an empty directory makes way"));
    accept(first().symlink("d", "f"));
    accept(first().file("l", "not written to f"));
    accept(first().directory("l").file("l/x", "x"));
    accept(first().hard_link("l", "f").hard_link("f", "f"));
    accept(first().file("d/x", "x").directory("d"));
    accept(first().add(Block::new(b"f", b'6'), b"").add(Block::new(b"l", b'6'), b""));
    accept(first().hard_link("h", "f").file("f", "h keeps the first"));
    accept(first().hard_link("h", "l").file("l", "h stays a symlink"));
    refuse("not empty", first().file("d/x", "x").file("d", "data"));
    refuse("not empty", first().file("d/x", "x").hard_link("d", "f"));
}

#[test]
fn a_symlink_is_never_followed() {
    if !can_run(&["tar"]) {
        return;
    }
    let link = || Raw::new().directory("d").symlink("in", "d").symlink("out", "/tmp").symlink("up", "../x");
    for name in ["in/x", "out/x", "up/x"] {
        refuse("is not a directory", link().file(name, "x"));
        refuse("is not a directory", link().directory(name));
        refuse("is not a directory", link().hard_link("h", name));
    }
    accept(link().hard_link("h", "in").hard_link("i", "out").hard_link("j", "up"));
    accept(link().symlink("in", "up").symlink("in", "../x"));
    accept(link().symlink("out", "/tmp"));
    // GNU tar sets the attributes of the directories of these last, once for each spelling.
    let spelled = |first: &str, second: &str| {
        let other = Block::new(second.as_bytes(), b'5').with(100, b"0000700\0");
        Raw::new().symlink(&format!("{first}/up"), "../x").add(other, b"")
    };
    accept(spelled("a", "a"));
    accept(spelled("./a/b", "./a"));
    refuse("in two ways", spelled("a", "./a"));
    refuse("in two ways", spelled("./a/b", "a"));
    refuse("in two ways", Raw::new().directory("./").directory("././"));
    // GNU tar makes these last, and of the first only.
    refuse("different targets", link().symlink("out", "/etc"));
    refuse("different targets", link().hard_link("out", "up"));
    refuse("several names", link().hard_link("h", "out").file("out", "x"));
}

#[test]
fn names_lead_nowhere_else() {
    if !can_run(&["tar"]) {
        return;
    }
    accept(Raw::new().file("/absolute", "x").file("//a//./b", "x").hard_link("h", "/absolute"));
    accept(Raw::new().directory("a/b/c").file("a/b/f", "x").directory("./").directory("a/."));
    accept(Raw::new().file("slash/", "").file("slash/f", "x"));
    accept(Raw::new().add(Block::new(b"link/", b'2').link(b"x"), b""));
    accept(Raw::new().add(Block::new(b"not-\xff-text", b'0'), b"x"));
    for name in ["../f", "a/../f", "a/..", ".."] {
        refuse("out of the tree", Raw::new().file(name, "x"));
        refuse("outside of the tree", Raw::new().file("f", "x").hard_link("h", name));
    }
    for name in [".", "./", "/", "a/.", "a/./"] {
        refuse("is that of a directory", Raw::new().add(Block::new(name.as_bytes(), b'6'), b""));
    }
    refuse("its name is empty", Raw::new().add(Block::new(b"", b'0'), b"x"));
    refuse("its name is empty", Raw::new().add(Block::new(b"", b'5').with(100, b"0000700\0"), b""));
    refuse("File name too long", Raw::new().pax(b'x', &[("path", &[b'n'; 300])]).file("f", ""));
    refuse("no entry nosuch", Raw::new().hard_link("h", "nosuch"));
    refuse("no entry no/such", Raw::new().hard_link("h", "no/such"));
    refuse("hard link to a directory", Raw::new().directory("d").hard_link("h", "d"));
    refuse("hard link to a directory", Raw::new().file("f", "").hard_link("h", "f/"));
}

#[test]
fn names_come_from_wherever_they_fit() {
    if !can_run(&["tar"]) {
        return;
    }
    let long = "n".repeat(90);
    let prefixed = Block::new(long.as_bytes(), b'0').with(345, b"a/prefix");
    accept(Raw::new().add(prefixed.clone(), b"x").add(prefixed.gnu().with(0, b"m"), b"y"));
    // GNU's long names, and pax above both.
    let name = |text: &[u8], kind| (Block::new(b"././@LongLink", kind).gnu(), text.to_vec());
    let ((name, n), (link, l)) = (name(b"a/long/name\0", b'L'), name(b"a/long/target\0rest", b'K'));
    let long = || Raw::new().add(name.clone(), &n).add(link.clone(), &l);
    accept(long().symlink("short", "x"));
    accept(long().pax(b'x', &[("path", b"pax"), ("linkpath", b"to")]).symlink("short", "x"));
    accept(Raw::new().pax(b'x', &[("path", b"one")]).pax(b'x', &[("mtime", b"5")]).file("two", "x"));
    accept(Raw::new().pax(b'x', &[("path", b"one"), ("path", b"two/")]).file("three", ""));
}

#[test]
fn global_headers_are_for_all_entries_until_the_next() {
    if !can_run(&["tar"]) {
        return;
    }
    let archive = Raw::new().pax(b'g', &[("comment", b"x"), ("mtime", b"1234567890.5"), ("uid", b"7")]);
    let archive = archive.file("a", "x").pax(b'x', &[("uid", b"8")]).file("b", "x");
    accept(archive.pax(b'g', &[("gid", b"9")]).file("c", "x").directory("d"));
    accept(Raw::new().pax(b'g', &[("GNU.volume.label", b"label")]).file("a", "x"));
    refuse("belongs to one entry", Raw::new().pax(b'g', &[("SCHILY.xattr.user.a", b"x")]).file("a", "x"));
    refuse("larger archive", Raw::new().pax(b'g', &[("GNU.volume.offset", b"5")]).file("a", "x"));
}

#[test]
fn numbers_are_those_that_gnu_tar_reads() {
    if !can_run(&["tar"]) {
        return;
    }
    let file = |at, bytes: &[u8]| Raw::new().add(Block::new(b"f", b'0').with(at, bytes), b"");
    const MODE: usize = 100;
    const UID: usize = 108;
    const SIZE: usize = 124;
    const MTIME: usize = 136;
    for (at, bytes) in [
        (MODE, &b"0104755\0"[..]),
        (MODE, b"   755 \0"),
        (MODE, b"\x80\0\0\0\0\0\x01\xed"),
        (MODE, b"\0\0\0\0\0\0\0\0"),
        (UID, b"\x80\0\0\0\x7f\xff\xff\xff"),
        (UID, b"\x80\0\0\0\xff\xff\xff\xfe"),
        (UID, b"77777777"),
        (SIZE, b"           \0".get(..0).unwrap()),
        (MTIME, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb"),
        (MTIME, b"\x80\0\0\0\0\0\0\0\0\0\0\x05"),
        (MTIME, b"000000000005"),
    ] {
        accept(file(at, bytes));
    }
    for (at, bytes) in [
        (MODE, &b"        "[..]),
        (MODE, b"rwxr-xr-"),
        (UID, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        (UID, b"\x80\0\0\0\xff\xff\xff\xff"),
        (UID, b"\x80\0\0\x01\0\0\0\0"),
        (UID, b"99999999"),
        (SIZE, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        (SIZE, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        (MTIME, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        (MTIME, b"yesterday   "),
        (MTIME, b"-123        "),
    ] {
        refuse("cannot extract f: its", file(at, bytes));
    }
    for (key, value) in [
        ("uid", "-1"),
        ("uid", "4294967295"),
        ("gid", "4294967296"),
        ("gid", "x"),
        ("mtime", "x"),
        ("mtime", "99999999999999999999"),
        ("atime", ""),
        ("size", "-1"),
    ] {
        refuse("cannot extract f: its", Raw::new().pax(b'x', &[(key, value.as_bytes())]).file("f", ""));
    }
    for time in ["-1.5", "0.000000001", "1234567890.1234567899", "-0.0000000001", "4000000000"] {
        accept(Raw::new().pax(b'x', &[("mtime", time.as_bytes())]).file("f", ""));
    }
}

#[test]
fn every_type_is_taken_as_gnu_tar_takes_it() {
    if !can_run(&["tar"]) {
        return;
    }
    let of = |kind: u8| Block::new(b"entry", kind);
    for kind in [0, b'0', b'7', b'A', b'N', b'Z', b'5', b'6'] {
        accept(Raw::new().add(of(kind), b"").file("after", "x"));
    }
    for kind in [0, b'0', b'7', b'A', b'Z'] {
        let stats = accept(Raw::new().add(of(kind), b"content").file("after", "x"));
        assert_eq!(stats.unknown, u64::from(kind.is_ascii_alphabetic()));
    }
    // Sizes of entries without content say nothing.
    for kind in [b'1', b'2', b'5', b'6'] {
        let entry = of(kind).link(b"before").with(124, b"00000001000\0");
        accept(Raw::new().file("before", "x").add(entry, b"").file("after", "x"));
    }
    for kind in [b'3', b'4'] {
        accept(Raw::new().add(of(kind).with(329, b"0000010\0").with(337, b"0000377\0"), b""));
        accept(Raw::new().add(of(kind).with(257, &[0; 8]).with(329, b"0000010\0"), b""));
        refuse("out of range", Raw::new().add(of(kind).with(329, b"7777777\0"), b""));
    }
    // A directory of an incremental archive has a list of names as content; a label has no entry.
    accept(
        Raw::new().add(of(b'D').gnu(), b"Yf\0\0").add(of(b'V').with(0, b"label").gnu(), b"").file("f", "x"),
    );
    refuse("continued", Raw::new().add(of(b'M').gnu(), b"x"));
    refuse("form that GNU tar does not read", Raw::new().add(of(b'S'), b"x"));
    refuse("No such file", Raw::new().symlink("l", ""));
}

#[test]
fn maps_of_holes_are_in_order_or_refused() {
    if !can_run(&["tar"]) {
        return;
    }
    let real = |size: &str, map: &str| {
        let blocks = (map.split(',').count() / 2).to_string();
        let records = [
            ("GNU.sparse.size", size.as_bytes()),
            ("GNU.sparse.numblocks", blocks.as_bytes()),
            ("GNU.sparse.map", map.as_bytes()),
        ];
        Raw::new().pax(b'x', &records).add(Block::new(b"f", b'0'), &[7; 1024]).file("after", "x")
    };
    accept(real("102400", "0,512,51200,512,102400,0"));
    accept(real("51712", "0,512,51200,512"));
    accept(real("51300", "0,512,51200,100"));
    for (size, map) in [
        ("102400", "0,512,51200,512"),
        ("51712", "51200,512,0,512"),
        ("1000", "0,512,256,512"),
        ("51712", "0,100,51200,512"),
        ("51712", "0,512,51200,5120"),
        ("51712", "0,512,51200"),
        ("51712", "0,512,51200,x"),
    ] {
        refuse("map of holes", real(size, map));
    }
    let newer = |map: &str, size: &[u8]| {
        let records =
            [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", size)];
        let mut content = map.as_bytes().to_vec();
        content.resize(512, 0);
        content.extend_from_slice(&[7; 512]);
        Raw::new().pax(b'x', &records).add(Block::new(b"f", b'0'), &content).file("after", "x")
    };
    accept(newer("2\n51200\n512\n102400\n0\n", b"102400"));
    accept(newer("1\n51200\n512\n", b"51712"));
    refuse("map of holes", newer("1\n51200\n512\n", b"102400"));
    refuse("map of holes", newer("2\n51200\n512\n", b"51712"));
    refuse("map of holes", newer("99999999\n51200\n512\n", b"51712"));
    // The format decides whether records are looked at.
    let records =
        [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9")];
    refuse("reads none", Raw::new().pax(b'x', &records).add(Block::new(b"f", b'0').gnu(), b"1\n0\n9\n"));
    refuse("reads none", Raw::new().pax(b'x', &records).directory("d"));
}

#[test]
fn an_archive_is_whole_or_refused() {
    if !can_run(&["tar"]) {
        return;
    }
    let whole = Raw::new().file("f", "content").end();
    let arena = Arena::new();
    arena.accept("one zero block", &whole[..1536]);
    for length in [0, 100, 512, 700, 1024] {
        let verdict = arena.judge(&whole[..length]);
        assert!(matches!(verdict, Verdict::Refused(..)), "{length}: {verdict:?}");
    }
    let mut zeros = whole[..1024].to_vec();
    zeros.resize(1536, 0);
    zeros.extend_from_slice(&Raw::new().file("g", "content").end());
    assert!(matches!(arena.judge(&zeros), Verdict::Refused(why, _) if why.contains("only zeros")));
    // What follows the end is not looked at.
    let stats = arena.accept("two archives", &[whole.clone(), Raw::new().file("g", "").end()].concat());
    assert!(stats.has_more && stats.entries == 1);
    assert!(!arena.accept("padded", &[whole.clone(), vec![0; 9216]].concat()).has_more);
    let mut damaged = whole.clone();
    damaged[0] = b'g';
    assert!(matches!(arena.judge(&damaged), Verdict::Refused(why, _) if why.contains("not a tar archive")));
    // Some old programs summed up signed bytes.
    let mut block = Block::new(b"\xe4", b'0');
    block.0 = block.clone().summed();
    let sum: i32 = block
        .0
        .iter()
        .enumerate()
        .map(|(at, byte)| match at {
            148..156 => 32,
            _ => i32::from(byte.cast_signed()),
        })
        .sum();
    block.set(148, format!("{sum:06o}\0 ").as_bytes());
    arena.accept("a signed sum", &[block.0.to_vec(), vec![0; 1024]].concat());
}

#[test]
fn access_lists_come_from_their_text() {
    if !can_run(&["tar"]) {
        return;
    }
    let list = |access: &str, name: &str| {
        let records = [("SCHILY.acl.access", access.as_bytes()), ("SCHILY.acl.default", access.as_bytes())];
        Raw::new()
            .pax(b'x', &records)
            .add(Block::new(name.as_bytes(), if name == "d" { b'5' } else { b'0' }), b"")
    };
    for access in [
        "user::rwx,user:1000:r-x,group::r--,group:4000:rwx,mask::rwx,other::---",
        "user::rw-\nuser:root:rwx\ngroup::r--\nmask::r-x\nother::r--\n",
        // The mode follows the list, if the two disagree.
        "u::rwx,g::rwx,o:rwx",
        "user::rw-,user:1000:rwx:1000,group::r--,mask:r--,other:r--\t#effective",
        "",
    ] {
        accept(list(access, "f"));
        accept(list(access, "d"));
    }
    refuse("does not know", list("user::rw-,user:no-such-user:rwx,group::r--,mask::rwx,other::r--", "f"));
    refuse("access list", list("user::rwx,user", "f"));
    // Without the others that it needs.
    refuse("posix_acl_access", list("user::rwx,user:5:rwx", "f"));
}

#[test]
fn nothing_is_inherited_from_the_directory_that_an_archive_goes_to() {
    if !can_run(&["setfacl"]) {
        return;
    }
    let target = tempfile::tempdir().unwrap();
    let list = ["-m", "d:u:7:rwx"];
    assert!(Command::new("setfacl").args(list).arg(target.path()).status().unwrap().success());
    import(&Raw::new().directory("d").file("d/f", "x").file("e/f", "x").end(), target.path()).unwrap();
    for (path, entry) in take_down(target.path()) {
        assert!(entry.attributes.is_empty(), "{}: {entry:?}", path.display());
    }
}

#[test]
fn attributes_that_linux_cannot_store_are_left_out_and_counted() {
    if !can_run(&["tar"]) {
        return;
    }
    let record = |key: &str| Raw::new().pax(b'x', &[(key, b"value")]);
    for (key, kept) in [
        ("SCHILY.xattr.user.colour", true),
        ("SCHILY.xattr.user.50%25%3D1", true),
        ("SCHILY.xattr.trusted.x", true),
        ("SCHILY.xattr.security.x", true),
        ("SCHILY.xattr.com.apple.provenance", false),
        ("SCHILY.xattr.system.nfs4_acl", false),
        ("SCHILY.xattr.", false),
        ("LIBARCHIVE.xattr.com.apple.quarantine", false),
        ("SCHILY.acl.ace", false),
    ] {
        let stats = accept(record(key).file("f", "x"));
        assert_eq!((stats.attributes, stats.first_attribute.is_some()), (u64::from(!kept), !kept), "{key}");
        accept(record(key).directory("d"));
    }
    assert_eq!(accept(record("SCHILY.xattr.user.colour").symlink("l", "x")).attributes, 1);
    assert_eq!(accept(record("RHT.security.selinux").file("f", "x")).labels, 1);
    refuse("user.", record("SCHILY.xattr.user.").file("f", "x"));
    // Which of two sets a directory has depends, for GNU tar, on what comes between.
    let twice = record("SCHILY.xattr.user.a").directory("d").directory("d");
    refuse("twice", twice);
}
