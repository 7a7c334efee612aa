//! Removing takes all of the tree, and nothing else.

use super::*;

#[test]
fn everything_goes() {
    let pair = Pair::new();
    fill(&pair.src);
    set_mode(&pair.src.join("sub/deeper"), 0);
    set_mode(&pair.src.join("sub"), 0o500);
    set_mode(&pair.src, 0);
    remove_tree(&pair.src).unwrap();
    assert!(pair.src.symlink_metadata().is_err());
    remove_tree(&pair.src).unwrap();
    remove_tree(&pair.src.join("nor/its/parents")).unwrap();
}

#[test]
fn a_symlink_is_removed_and_not_followed() {
    let pair = Pair::new();
    make_file(&pair.dst.join("precious"), b"");
    symlink(&pair.dst, pair.src.join("link")).unwrap();
    symlink(&pair.dst, pair.src.with_file_name("top")).unwrap();
    remove_tree(&pair.src).unwrap();
    remove_tree(&pair.src.with_file_name("top")).unwrap();
    assert!(pair.src.symlink_metadata().is_err());
    assert!(pair.src.with_file_name("top").symlink_metadata().is_err());
    assert!(pair.dst.join("precious").exists());
}

#[test]
fn a_single_file_goes_too() {
    let pair = Pair::new();
    make_file(&pair.src.join("file"), b"");
    remove_tree(&pair.src.join("file")).unwrap();
    assert!(!pair.src.join("file").exists());
    assert!(remove_tree(Path::new("/")).is_err());
    assert!(remove_tree(&pair.src.join("..")).is_err());
}

#[test]
fn an_ordinary_user_opens_up_what_is_his() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    fill(&pair.src);
    give_to_nobody(home);
    set_mode(&pair.src.join("sub/deeper"), 0);
    set_mode(&pair.src.join("sub"), 0o500);
    set_mode(&pair.src, 0);
    as_nobody(|| remove_tree(&pair.src)).unwrap();
    assert!(pair.src.symlink_metadata().is_err());

    make_dir(&pair.src);
    make_file(&pair.src.join("of-root"), b"");
    let error = as_nobody(|| remove_tree(&pair.src)).unwrap_err();
    assert_eq!(
        (error.path, error.source.kind()),
        (pair.src.join("of-root"), std::io::ErrorKind::PermissionDenied)
    );
}

#[test]
fn immutable_and_append_only_entries_go() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    fill(&pair.src);
    let flag = |flag: &str, name: &str| {
        let path = pair.src.join(name);
        Command::new("chattr").arg(flag).arg(&path).stderr(Stdio::null()).status().unwrap().success()
    };
    // Not on every file system.
    if !flag("+i", "small") {
        return;
    }
    assert!(flag("+a", "setuid") && flag("+i", "sub/deeper") && flag("+a", "sub") && flag("+i", "empty"));
    assert!(flag("+i", ""));
    remove_tree(&pair.src).unwrap();
    assert!(pair.src.symlink_metadata().is_err());
}
