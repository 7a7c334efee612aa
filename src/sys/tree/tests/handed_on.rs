//! A tree that is read entry by entry and built again entry by entry is the same tree.

use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::chown;

use super::*;

fn source(root: &Path) -> TreeSource {
    TreeSource::new(OpenTree::open(root).unwrap(), Arc::default())
}

fn entry_path(path: &Path) -> io::Result<EntryPath> {
    path.iter().try_fold(EntryPath::root(), |above, name| above.join(name.as_bytes()))
}

/// Reads `src` and builds it again in `dst`. The content of files is written by other threads.
fn hand_on(src: &Path, dst: &Path) -> LeftOut {
    let mut builder = TreeBuilder::new(dst).unwrap();
    for entry in source(src) {
        put(&mut builder, entry.unwrap()).unwrap();
    }
    builder.finish().unwrap()
}

fn put(builder: &mut TreeBuilder, entry: SourceEntry) -> io::Result<()> {
    let SourceEntry { kind, attributes, names, .. } = entry;
    let path = &entry_path(&entry.path)?;
    if let Some(first) = names.and_then(|names| names.first) {
        return builder.hard_link(path, &entry_path(&first)?);
    }
    let special = match kind {
        SourceKind::Directory => return builder.directory(path, attributes),
        SourceKind::File(content) => {
            let file = builder.file(path, attributes)?;
            return thread::spawn(move || write(&file, &content).and_then(|()| file.finish(content.size())))
                .join()
                .unwrap();
        }
        SourceKind::Symlink(target) => return builder.symlink(path, &target, &attributes),
        SourceKind::Fifo => SpecialKind::Fifo,
        SourceKind::Socket => SpecialKind::Socket,
        SourceKind::CharacterDevice(device) => SpecialKind::CharacterDevice(device),
        SourceKind::BlockDevice(device) => SpecialKind::BlockDevice(device),
    };
    builder.special(path, special, &attributes)
}

fn write(file: &NewFile, content: &SourceFile) -> io::Result<()> {
    // The last run first: the order does not matter.
    for run in content.runs()?.into_iter().rev() {
        let (start, mut bytes) = (run.start, Vec::new());
        content.reader(run).read_to_end(&mut bytes)?;
        file.write_at(&bytes, start)?;
    }
    Ok(())
}

fn sums(root: &Path) -> Vec<EntrySums> {
    let mut found = Vec::new();
    let mut each = |sums| {
        found.push(sums);
        Ok(())
    };
    sum_tree(root, &AtomicBool::new(false), &mut |_| Ok(None), &mut each).unwrap();
    found
}

/// Hands the tree on; checks with the snapshot, with `compare_trees` and with checksums.
fn is_handed_on_exactly(pair: &Pair) {
    set_times(&pair.src);
    let before = snapshot(&pair.src);
    assert_eq!(hand_on(&pair.src, &pair.dst), LeftOut::default());
    assert_same(&before, &snapshot(&pair.dst));
    assert_same(&before, &snapshot(&pair.src));
    assert_eq!(pair.changes(), []);
    assert_eq!(sums(&pair.src), sums(&pair.dst));
}

#[test]
fn everything_that_anybody_can_make_is_handed_on() {
    let pair = Pair::new();
    fill(&pair.src);
    for name in [&b"user.not-\xff-text"[..], b"user.a=b%", b"user.line\n"] {
        let flags = XattrFlags::empty();
        for entry in ["small", "sub"] {
            rustix::fs::setxattr(pair.src.join(entry), OsStr::from_bytes(name), b"\0\xff", flags).unwrap();
        }
    }
    is_handed_on_exactly(&pair);
}

#[test]
fn everything_that_only_root_can_make_is_handed_on() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    fill(&pair.src);
    let at = |name: &str| pair.src.join(name);
    super::exact::add_what_only_root_can_make(&pair.src);
    let mark = OsStr::from_bytes(b"trusted.\xff");
    for name in ["small", "link", "fifo", "null", "socket", "sub"] {
        rustix::fs::lsetxattr(at(name), mark, name.as_bytes(), XattrFlags::empty()).unwrap();
    }
    for (list, path) in [
        (&["-m", "u:1234:rwx,g:55:r"][..], at("small")),
        (&["-m", "u:1234:r"], at("fifo")),
        (&["-d", "-m", "u:1234:rwx"], at("empty")),
        (&["-d", "-m", "u:7:rwx"], pair.src.clone()),
        (&["-m", "u:8:rwx"], at("sub")),
        // What the target has of its own must go.
        (&["-d", "-m", "u:4321:rwx"], pair.dst.clone()),
    ] {
        let words: Vec<_> = list.iter().map(OsStr::new).chain([path.as_os_str()]).collect();
        run("setfacl", &words);
    }
    chown(&pair.src, Some(Uid::from_raw(5)), Some(Gid::from_raw(6))).unwrap();
    is_handed_on_exactly(&pair);
}

#[test]
fn holes_are_handed_on() {
    let pair = Pair::new();
    let file = fs::File::create(pair.src.join("sparse")).unwrap();
    file.write_all_at(&noise(10_000), 5_000_000).unwrap();
    file.write_all_at(&[0; 8192], 20_000_000 / 4096 * 4096).unwrap();
    file.set_len(50_000_000).unwrap();
    fs::File::create(pair.src.join("one-hole")).unwrap().set_len(1 << 40).unwrap();
    hand_on(&pair.src, &pair.dst);
    for name in ["sparse", "one-hole"] {
        assert_eq!(extents(&pair.src.join(name)), extents(&pair.dst.join(name)), "{name}");
    }
    assert_eq!(sums(&pair.src), sums(&pair.dst));
    // A reader of all bytes gives zeros for holes.
    for entry in source(&pair.src) {
        if let SourceKind::File(content) = entry.unwrap().kind {
            let end = content.size().min(6_000_000);
            let mut bytes = Vec::new();
            content.reader(0..end).read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, end);
        }
    }
}

#[test]
fn what_chattr_sets_is_handed_on() {
    let pair = Pair::new();
    fill(&pair.src);
    let chattr = |flags: &str, name: &str| {
        let path = pair.src.join(name);
        Command::new("chattr").arg(flags).arg(&path).stderr(Stdio::null()).status().unwrap().success()
    };
    // Not on every file system.
    if !chattr("+dA", "small") {
        return;
    }
    assert!(chattr("+S", "sub/large") && chattr("+d", "sub") && chattr("+A", ""));
    let flags = |root: &Path| -> Vec<(PathBuf, u32)> {
        source(root)
            .map(|entry| entry.map(|entry| (entry.path, entry.attributes.flags.bits())).unwrap())
            .collect()
    };
    let listed = flags(&pair.src);
    let of = |name: &str| listed.iter().find(|(path, _)| path == Path::new(name)).unwrap().1;
    assert!([of("small"), of("sub"), of("sub/large"), of("")].iter().all(|flags| *flags != 0));
    assert_eq!(of("setuid"), 0);
    hand_on(&pair.src, &pair.dst);
    assert_eq!(listed, flags(&pair.dst));
}

#[test]
fn equal_trees_give_equal_entries_in_the_order_of_a_walk() {
    let pair = Pair::new();
    fill(&pair.src);
    // Names of inodes lie in the order of neither their numbers nor their making.
    fs::hard_link(pair.src.join("setuid"), pair.src.join("a")).unwrap();
    pair.copy().unwrap();
    let listed = |root: &Path| -> Vec<_> {
        source(root).map(|entry| entry.map(|entry| (entry.path, entry.names)).unwrap()).collect()
    };
    let found = listed(&pair.src);
    assert_eq!(found, listed(&pair.dst));
    assert_eq!(found[0].0, Path::new(""));
    assert!(found.is_sorted_by_key(|(path, _)| path.clone()));
    let groups: Vec<_> = found.iter().filter_map(|(_, names)| names.clone()).collect();
    let numbers: Vec<_> = groups.iter().map(|names| (names.group, names.count)).collect();
    assert_eq!(numbers, [(1, 2), (2, 2), (1, 2), (3, 3), (3, 3), (2, 2), (3, 3)]);
    let firsts: Vec<_> = groups.iter().filter_map(|names| names.first.as_deref()).collect();
    assert_eq!(firsts, ["a", "small", "link", "small"].map(Path::new));
}

#[test]
fn a_source_says_what_it_could_not_read_and_ends() {
    let pair = Pair::new();
    fill(&pair.src);
    let mut entries = source(&pair.src);
    entries.next().unwrap().unwrap();
    // The names of the root have been read.
    delete_file(&pair.src.join("fifo"));
    let error = entries.find_map(Result::err).unwrap();
    assert_eq!((error.path, error.source.kind()), (pair.src.join("fifo"), io::ErrorKind::NotFound));
    assert!(entries.next().is_none());

    let cancel = Arc::new(AtomicBool::new(false));
    let mut entries = TreeSource::new(OpenTree::open(&pair.src).unwrap(), Arc::clone(&cancel));
    entries.next().unwrap().unwrap();
    cancel.store(true, Ordering::Relaxed);
    assert_eq!(entries.next().unwrap().err().unwrap().source.kind(), io::ErrorKind::Interrupted);
    assert!(entries.next().is_none());
}

#[test]
fn a_file_that_became_shorter_is_an_error_and_one_that_grew_is_read_to_its_old_end() {
    let pair = Pair::new();
    make_file(&pair.src.join("file"), &noise(10_000));
    let file = fs::File::options().write(true).open(pair.src.join("file")).unwrap();
    for (size, wanted) in [(20_000, Some(10_000)), (9_999, None)] {
        let Some(SourceKind::File(content)) = source(&pair.src).nth(1).map(|entry| entry.unwrap().kind)
        else {
            panic!("it is a file");
        };
        file.set_len(size).unwrap();
        let mut bytes = Vec::new();
        let read = content.reader(0..content.size()).read_to_end(&mut bytes);
        assert_eq!(read.map_err(|error| error.kind()).ok(), wanted, "{size}");
        file.set_len(10_000).unwrap();
    }
}

#[test]
fn nothing_is_built_outside_of_the_tree_or_in_place_of_another_entry() {
    let pair = Pair::new();
    let outside = pair.src.parent().unwrap().join("outside");
    make_dir(&outside);
    make_file(&outside.join("kept"), b"kept");
    make_dir(&pair.src.join("dir"));
    make_file(&pair.src.join("file"), b"x");
    let given: Vec<SourceEntry> = source(&pair.src).map(Result::unwrap).collect();
    let [root, dir, file] = [0, 1, 2].map(|at| given[at].attributes.clone());
    let path = |text: &str| entry_path(Path::new(text)).unwrap();

    let mut builder = TreeBuilder::new(&pair.dst).unwrap();
    builder.directory(&EntryPath::root(), root.clone()).unwrap();
    builder.directory(&path("dir"), dir.clone()).unwrap();
    builder.symlink(&path("way"), outside.as_os_str().as_bytes(), &file).unwrap();
    builder.symlink(&path("up"), b"..", &file).unwrap();
    builder.file(&path("file"), file.clone()).unwrap().finish(0).unwrap();
    // Through a symlink, through a file, into nothing.
    for (place, kind) in [
        ("way/new", io::ErrorKind::InvalidData),
        ("way/kept", io::ErrorKind::InvalidData),
        ("up/outside/new", io::ErrorKind::InvalidData),
        ("file/new", io::ErrorKind::InvalidData),
        ("nosuch/new", io::ErrorKind::NotFound),
        ("way", io::ErrorKind::AlreadyExists),
        ("dir", io::ErrorKind::AlreadyExists),
        ("file", io::ErrorKind::AlreadyExists),
    ] {
        let place = path(place);
        let refused = |result: io::Result<()>| assert_eq!(result.unwrap_err().kind(), kind, "{place}");
        refused(builder.file(&place, file.clone()).map(drop));
        refused(builder.directory(&place, dir.clone()));
        refused(builder.symlink(&place, b"x", &file));
        refused(builder.special(&place, SpecialKind::Fifo, &file));
        refused(builder.hard_link(&place, &path("file")));
    }
    for (earlier, kind) in [
        ("way/kept", io::ErrorKind::InvalidData),
        ("dir", io::ErrorKind::InvalidData),
        ("nosuch", io::ErrorKind::NotFound),
    ] {
        assert_eq!(builder.hard_link(&path("link"), &path(earlier)).unwrap_err().kind(), kind, "{earlier}");
    }
    assert!(builder.file(&EntryPath::root(), file).is_err());
    builder.finish().unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("kept")).unwrap(), b"kept");
    assert_eq!(fs::read_dir(&pair.dst).unwrap().count(), 4);
    assert_eq!(fs::read_link(pair.dst.join("way")).unwrap(), outside);
}

#[test]
fn a_source_follows_no_symlink_that_is_swapped_in() {
    let pair = Pair::new();
    super::hostile::while_a_trap_is_swapped_in(&pair, || {
        for _ in 0..300 {
            // A look-up that meets the exchange may fail.
            for entry in source(&pair.src).map_while(Result::ok) {
                assert!(!entry.path.ends_with("secret"));
            }
        }
    });
}
