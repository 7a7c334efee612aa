//! A tree becomes equal to another by an exchange of what differs, and comes back.

#![allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]

use std::collections::HashMap;
use std::sync::Arc;

use super::*;

/// An index of a tree, all of it in memory.
#[derive(Default)]
pub(super) struct Known(HashMap<PathBuf, Arc<DirectoryIndex>>);

impl Index for Known {
    fn directory(&self, path: &Path) -> Option<Arc<DirectoryIndex>> {
        self.0.get(path).cloned()
    }
}

impl Known {
    pub(super) fn of(tree: &Path) -> Self {
        let bounds = {
            let now = FileTime::a_tick_after(FileTime::fine());
            Bounds { modified: now, changed: now }
        };
        let mut hashes: HashMap<PathBuf, Vec<u8>> = HashMap::new();
        scan_tree(tree, bounds, None, &mut |seen| {
            if let ScanEvent::Piece(path, _, piece) = seen {
                hashes.entry(path.to_owned()).or_default().extend_from_slice(piece);
            }
            Ok(())
        })
        .unwrap();
        Known(
            hashes.into_iter().map(|(path, of)| (path, Arc::new(DirectoryIndex::new(bounds, of)))).collect(),
        )
    }
}

/// `src` is what `dst` must become.
struct Scene {
    pair: Pair,
    staged: PathBuf,
    list: PathBuf,
    early: PathBuf,
    known: Known,
}

impl Scene {
    /// Makes a tree with everything, and its copy, which is indexed and then changed.
    fn new(make: impl FnOnce(&Path), disturb: impl FnOnce(&Path)) -> Self {
        let pair = Pair::new();
        fill(&pair.src);
        make(&pair.src);
        set_times(&pair.src);
        pair.copy().unwrap();
        let known = Known::of(&pair.dst);
        disturb(&pair.dst);
        let [staged, list, early] = ["staged", "list", "early"].map(|name| pair.dst.with_file_name(name));
        make_dir(&staged);
        Scene { pair, staged, list, early, known }
    }

    fn change(&self) -> Retarget<'_> {
        let Pair { src, dst, .. } = &self.pair;
        Retarget {
            source: src,
            tree: dst,
            index: &self.known,
            staged: &self.staged,
            first_pass: &self.early,
            spares: &[],
        }
    }

    fn stage(&self) -> CopyStats {
        self.change().stage(&self.list, &CopyOptions::default()).unwrap()
    }

    fn exchange(&self) {
        exchange_entries(&self.pair.dst, &self.staged, &self.list, &RefusedFlags::default()).unwrap();
    }

    fn give_back(&self) {
        let lost = self.pair.dst.with_file_name("lost");
        assert_eq!(return_entries(&self.pair.dst, &self.staged, &self.list, &lost).unwrap(), 0);
    }

    fn left(&self) -> LeftTree {
        let spares = self.pair.dst.with_file_name("spares");
        LeftTree { tree: self.staged.clone(), list: self.list.clone(), spares }
    }

    /// Makes the old tree again.
    fn before(&self) -> BTreeMap<PathBuf, String> {
        let target = self.pair.dst.with_file_name("before");
        make_dir(&target);
        copy_before(&self.pair.src, &self.left(), &target, &CopyOptions::default()).unwrap();
        snapshot(&target)
    }

    /// Checks the exchange, the old tree, and the return.
    fn goes_both_ways(&self) {
        let (wanted, before) = (snapshot(&self.pair.src), snapshot(&self.pair.dst));
        self.stage();
        self.exchange();
        assert_same(&wanted, &snapshot(&self.pair.dst));
        self.exchange();
        assert_same(&wanted, &snapshot(&self.pair.dst));
        assert_same(&before, &self.before());
        assert_same(&wanted, &snapshot(&self.pair.src));
        self.give_back();
        assert_same(&before, &snapshot(&self.pair.dst));
        self.give_back();
        assert_same(&before, &snapshot(&self.pair.dst));
        self.exchange();
        assert_same(&wanted, &snapshot(&self.pair.dst));
    }
}

fn remove_dir(path: &Path) {
    fs::remove_dir_all(path).unwrap();
}

/// Makes differences of every kind.
fn disturb(tree: &Path) {
    let at = |name: &str| tree.join(name);
    make_file(&at("new"), b"new");
    make_file(&tree.join(OsStr::from_bytes(b"new \xfe")), b"new");
    make_file(&at("setuid"), b"changed");
    delete_file(&at("open-to-all"));
    // An empty directory goes, another comes.
    fs::remove_dir(at("empty")).unwrap();
    make_dir(&at("another"));
    set_mode(&at("another"), 0o1711);
    // One of the names of a group, and a new one.
    delete_file(&at("sub/small-again"));
    fs::hard_link(at("sub/large"), at("sub/deeper/large-too")).unwrap();
    // File, symlink and directory take each other's place.
    delete_file(&at("nothing"));
    make_dir(&at("nothing"));
    make_dir(&at("nothing/in"));
    make_file(&at("nothing/in/it"), b"something");
    delete_file(&at("fifo"));
    symlink("sub", at("fifo")).unwrap();
    delete_file(&at("sub/dangling"));
    make_file(&at("sub/dangling"), b"a file");
    set_xattr(&at("sub"), "user.of.another", b"1");
    rustix::fs::lremovexattr(at("sub"), "user.of.directory").unwrap();
    set_times(tree);
}

#[test]
fn differences_of_every_kind_go_both_ways() {
    let made = |root: &Path| {
        make_dir(&root.join("was"));
        make_file(&root.join("was/in"), b"it");
        make_dir(&root.join("gone"));
        make_dir(&root.join("gone/with"));
        make_file(&root.join("gone/with/all"), b"in it");
        make_file(&root.join("gone/twin"), b"two");
        fs::hard_link(root.join("gone/twin"), root.join("gone/with/twin")).unwrap();
    };
    let scene = Scene::new(made, |tree| {
        disturb(tree);
        remove_dir(&tree.join("was"));
        make_file(&tree.join("was"), b"now a file");
        remove_dir(&tree.join("gone"));
        set_times(tree);
    });
    scene.goes_both_ways();
}

#[test]
fn what_did_not_change_is_not_touched() {
    let scene = Scene::new(|_| (), |tree| make_file(&tree.join("setuid"), b"changed"));
    let look = |name: &str| {
        let meta = scene.pair.dst.join(name).symlink_metadata().unwrap();
        (meta.ino(), meta.ctime(), meta.ctime_nsec())
    };
    let names = ["nothing", "sub/large", "sub/read-only", "sub/dangling", "open-to-all", "fifo"];
    let before = names.map(look);
    let stats = scene.stage();
    // An inode with several names is always made anew.
    assert_eq!((stats.files, stats.reused, stats.hard_links), (2, 5, 3));
    scene.exchange();
    assert_eq!(names.map(look), before);
    assert_same(&snapshot(&scene.pair.src), &snapshot(&scene.pair.dst));
}

#[test]
fn nothing_is_done_where_nothing_differs() {
    let pair = Pair::new();
    make_dir(&pair.src.join("sub"));
    make_file(&pair.src.join("sub/file"), b"1");
    set_times(&pair.src);
    pair.copy().unwrap();
    let known = Known::of(&pair.dst);
    let [staged, list, early] = ["staged", "list", "early"].map(|name| pair.dst.with_file_name(name));
    make_dir(&staged);
    assert_eq!(list_state(&list).unwrap(), ListState::NotWhole);
    let change = Retarget {
        source: &pair.src,
        tree: &pair.dst,
        index: &known,
        staged: &staged,
        first_pass: &early,
        spares: &[],
    };
    change.stage(&list, &CopyOptions::default()).unwrap();
    assert_eq!(list_state(&list).unwrap(), ListState::Empty);
    assert!(fs::read_dir(&staged).unwrap().next().is_none());
}

#[test]
fn only_the_attributes_of_directories() {
    let closed = |root: &Path| set_mode(&root.join("sub/deeper"), 0o500);
    let scene = Scene::new(closed, |tree| {
        set_mode(&tree.join("sub/deeper"), 0o700);
        set_xattr(tree, "user.root", b"1");
        set_times(&tree.join("empty"));
    });
    scene.goes_both_ways();
    if !root_or_skip() {
        return;
    }
    let acl = |path: &Path, who: &str| {
        run("setfacl", &[OsStr::new("-m"), OsStr::new(who), path.as_os_str()]);
    };
    let scene = Scene::new(
        |root| {
            acl(&root.join("sub"), "d:u:1234:rwx");
            acl(&root.join("empty"), "u:1234:rwx");
        },
        |tree| {
            run("setfacl", &[OsStr::new("-k"), tree.join("sub").as_os_str()]);
            acl(&tree.join("sub"), "u:7:r");
            make_file(&tree.join("sub/new"), b"");
            run("setfacl", &[OsStr::new("-b"), tree.join("empty").as_os_str()]);
            rustix::fs::chown(tree.join("empty"), Some(Uid::from_raw(7)), None).unwrap();
            set_times(tree);
        },
    );
    scene.goes_both_ways();
}

#[test]
fn the_way_back_begins_wherever_the_way_forth_ended() {
    let (mut done, mut steps) = (0, usize::MAX);
    while done <= steps {
        let scene = Scene::new(|_| (), disturb);
        let before = snapshot(&scene.pair.dst);
        scene.stage();
        let ([first, _], count) = split_list(&scene.list, done);
        exchange_entries(&scene.pair.dst, &scene.staged, &first, &RefusedFlags::default()).unwrap();
        scene.give_back();
        assert_same(&before, &snapshot(&scene.pair.dst));
        scene.exchange();
        assert_same(&snapshot(&scene.pair.src), &snapshot(&scene.pair.dst));
        (done, steps) = (done + 1, count);
    }
    assert!(steps > 15, "{steps}");
}

/// If a directory takes part, the old entry is set aside first: a process may have died in between.
#[test]
fn a_step_by_way_of_the_side_goes_on_from_anywhere() {
    for stopped in 0..4 {
        for forth in [true, false] {
            let scene = Scene::new(
                |_| (),
                |tree| {
                    delete_file(&tree.join("setuid"));
                    make_dir(&tree.join("setuid"));
                    set_times(tree);
                },
            );
            let before = snapshot(&scene.pair.dst);
            scene.stage();
            let (tree, staged) = (scene.pair.dst.join("setuid"), scene.staged.join("setuid"));
            let aside = scene.pair.dst.with_file_name("dst.aside");
            make_dir(&aside);
            if !forth {
                scene.exchange();
            }
            let inode = tree.symlink_metadata().unwrap().ino();
            let waiting = aside.join(format!("{inode:x}"));
            let renames = [(&tree, &waiting), (&staged, &tree), (&waiting, &staged)];
            renames[..stopped].iter().for_each(|(from, to)| rustix::fs::rename(*from, *to).unwrap());
            if forth {
                scene.give_back();
                assert_same(&before, &snapshot(&scene.pair.dst));
            } else {
                scene.give_back();
                assert_same(&before, &snapshot(&scene.pair.dst));
                scene.exchange();
                assert_same(&snapshot(&scene.pair.src), &snapshot(&scene.pair.dst));
            }
        }
    }
}

#[test]
fn what_was_copied_early_is_taken_where_it_still_differs() {
    let made = |root: &Path| {
        make_dir(&root.join("gone"));
        make_file(&root.join("gone/file"), b"in it");
    };
    let scene = Scene::new(made, |tree| {
        remove_dir(&tree.join("gone"));
        make_file(&tree.join("setuid"), b"changed");
        delete_file(&tree.join("open-to-all"));
    });
    let early = scene.change().stage_first_pass(&CopyOptions::default()).unwrap();
    assert_eq!(early.files, 4, "{early:?}");
    // Meanwhile some entries change further, some appear, and some differ no more.
    make_dir(&scene.pair.dst.join("gone"));
    make_file(&scene.pair.dst.join("gone/other"), b"mine");
    delete_file(&scene.pair.dst.join("nothing"));
    set_times(&scene.pair.dst);
    let before = snapshot(&scene.pair.dst);
    let stats = scene.stage();
    assert!(stats.kept >= 3, "{stats:?}");
    scene.exchange();
    assert_same(&snapshot(&scene.pair.src), &snapshot(&scene.pair.dst));
    assert_same(&before, &scene.before());
}

#[test]
fn an_entry_that_another_process_replaced_is_refused_and_all_comes_back() {
    let scene = Scene::new(|_| (), |tree| make_file(&tree.join("setuid"), b"changed"));
    scene.stage();
    let data = scene.pair.dst.join("setuid");
    symlink("/etc/passwd", scene.pair.dst.join("other")).unwrap();
    fs::rename(scene.pair.dst.join("other"), &data).unwrap();
    let error =
        exchange_entries(&scene.pair.dst, &scene.staged, &scene.list, &RefusedFlags::default()).unwrap_err();
    assert!(error.to_string().contains("setuid"), "{error}");
    scene.give_back();
    assert_eq!(fs::read_link(&data).unwrap(), Path::new("/etc/passwd"));
}

#[test]
fn a_symlink_in_place_of_a_directory_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    make_dir(&outside.path().join("deeper"));
    make_file(&outside.path().join("read-only"), b"theirs");
    let scene = Scene::new(|_| (), |tree| make_file(&tree.join("sub/read-only"), b"mine"));
    scene.stage();
    fs::rename(scene.pair.dst.join("sub"), scene.pair.dst.join("hidden")).unwrap();
    symlink(outside.path(), scene.pair.dst.join("sub")).unwrap();
    exchange_entries(&scene.pair.dst, &scene.staged, &scene.list, &RefusedFlags::default()).unwrap_err();
    assert_eq!(fs::read(outside.path().join("read-only")).unwrap(), b"theirs");
    // And while the differences are being found.
    let scene = Scene::new(
        |_| (),
        |tree| {
            fs::rename(tree.join("sub"), tree.join("hidden")).unwrap();
            symlink(outside.path(), tree.join("sub")).unwrap();
            set_times(tree);
        },
    );
    scene.goes_both_ways();
    assert_eq!(fs::read(outside.path().join("read-only")).unwrap(), b"theirs");
}

#[test]
fn directories_that_their_owner_may_not_write_change_and_are_closed_again() {
    if !root_or_skip() {
        return;
    }
    let scene = Scene::new(
        |root| set_mode(&root.join("sub"), 0o555),
        |tree| {
            make_file(&tree.join("sub/large"), b"small");
            make_file(&tree.join("sub/new"), b"new");
            set_times(tree);
        },
    );
    give_to_nobody(scene.pair.src.parent().unwrap());
    for root in [&scene.pair.src, &scene.pair.dst] {
        // Another owner clears them.
        set_mode(&root.join("setuid"), 0o6755);
    }
    as_nobody(|| scene.goes_both_ways());
}

#[test]
fn paths_may_be_longer_than_the_kernel_takes() {
    let dig = |root: &Path| {
        let name = std::ffi::CString::new("d".repeat(200)).unwrap();
        let mut at = fs::File::open(root).unwrap();
        for _ in 0..30 {
            rustix::fs::mkdirat(&at, &name, Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
            at = fs::File::from(rustix::fs::openat(&at, &name, flags, Mode::empty()).unwrap());
        }
        at
    };
    let pair = Pair::new();
    rustix::fs::mknodat(dig(&pair.src), "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
    pair.copy().unwrap();
    let known = Known::of(&pair.dst);
    let mut at = fs::File::open(&pair.dst).unwrap();
    for _ in 0..30 {
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        at = fs::File::from(rustix::fs::openat(&at, "d".repeat(200), flags, Mode::empty()).unwrap());
    }
    rustix::fs::unlinkat(&at, "fifo", AtFlags::empty()).unwrap();
    rustix::fs::mkdirat(&at, "fifo", Mode::RWXU).unwrap();
    let [staged, list, early] = ["staged", "list", "early"].map(|name| pair.dst.with_file_name(name));
    make_dir(&staged);
    let change = Retarget {
        source: &pair.src,
        tree: &pair.dst,
        index: &known,
        staged: &staged,
        first_pass: &early,
        spares: &[],
    };
    change.stage(&list, &CopyOptions::default()).unwrap();
    exchange_entries(&pair.dst, &staged, &list, &RefusedFlags::default()).unwrap();
    assert_eq!(pair.changes(), []);
    return_entries(&pair.dst, &staged, &list, &pair.dst.with_file_name("lost")).unwrap();
    let before = pair.dst.with_file_name("before");
    make_dir(&before);
    exchange_entries(&pair.dst, &staged, &list, &RefusedFlags::default()).unwrap();
    let left =
        LeftTree { tree: staged.clone(), list: list.clone(), spares: pair.dst.with_file_name("spares") };
    copy_before(&pair.src, &left, &before, &CopyOptions::default()).unwrap();
    return_entries(&pair.dst, &staged, &list, &pair.dst.with_file_name("lost")).unwrap();
    assert_eq!(changes(&pair.dst, &before), []);
}
