//! A database of schema 1 with rows of every table and kind, as it was written when that was new:
//! what is read of it now is compared with what was put in. So a change of a key, of a value or of
//! how they are encoded is noticed here, and not by a user's pool.
//!
//! The database is made once: `cargo test --test it make_the_database -- --ignored`. A field that a
//! record gets since shows in `rows.txt` with its default; with `UPDATE_SNAPSHOTS` set that is
//! written anew. A new schema gets a directory and a database of its own, and this one stays.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dvol::layout::{self, Layout};
use dvol::model::{
    Binding, BranchRecord, CodeState, CommitId, CommitRecord, HeldContainer, HoldMode, Instant, Joint, Move,
    Operation, Phase, Plan, Reach, Row, RowChange, Signature, TagRecord, TreeIndexRecord, Verb, VolumeName,
    VolumeRecord,
};
use dvol::store::{Rows, Store, StoreError, Writer, piece_key};
use dvol::sys::spool::Spool;
use redb::ReadableDatabase as _;
use serde::Serialize;

use crate::harness::Pool;

const VERBS: [Verb; 17] = [
    Verb::Init,
    Verb::Commit,
    Verb::Reset,
    Verb::Checkout,
    Verb::CreateBranch,
    Verb::RenameBranch,
    Verb::DeleteBranch,
    Verb::Tag,
    Verb::Amend,
    Verb::Rename,
    Verb::Clone,
    Verb::Import,
    Verb::Rollback,
    Verb::Remove,
    Verb::Config,
    Verb::Undo,
    Verb::Repair,
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1").join(name)
}

/// An empty pool, or one with these files of the fixture.
fn pool(files: &[&str]) -> (Pool, Layout, Store) {
    let pool = Pool::empty();
    let layout = Layout::new(pool.root());
    fs::create_dir_all(layout.locks()).unwrap();
    for name in files {
        fs::copy(fixture(name), layout.private().join(name)).unwrap();
    }
    let store = Store::new(&layout, Duration::from_secs(10));
    (pool, layout, store)
}

// What is put in.

pub(super) fn id(digit: char) -> CommitId {
    digit.to_string().repeat(32).parse().unwrap()
}

pub(super) fn at(micros: i64, offset: i32) -> Instant {
    Instant { micros, offset }
}

pub(super) fn db() -> VolumeName {
    "db".parse().unwrap()
}

fn ada() -> Signature {
    Signature { name: "Ada Lovelace".to_owned(), email: "ada@example.org".to_owned() }
}

fn volumes() -> [VolumeRecord; 2] {
    let options = BTreeMap::from([("from".to_owned(), "db:v1".to_owned())]);
    [
        VolumeRecord::new(db(), at(1_714_557_600_000_001, 7200), "master".parse().unwrap()),
        VolumeRecord {
            options,
            ..VolumeRecord::new(
                "worker.1".parse().unwrap(),
                at(1_714_557_600_000_002, -12_600),
                "tests/one".parse().unwrap(),
            )
        },
    ]
}

fn branch(name: &str, head: Option<char>) -> BranchRecord {
    BranchRecord {
        volume: db(),
        name: name.parse().unwrap(),
        head: head.map(id),
        created: at(3, 0),
        protected: false,
    }
}

fn commit(digit: char, parent: Option<char>, code: Option<CodeState>) -> CommitRecord {
    CommitRecord {
        volume: db(),
        id: id(digit),
        parent: parent.map(id),
        message: format!("Größe {digit}\n\nand more"),
        author: ada(),
        date: at(-4, 3600),
        code,
        size: None,
        forgotten: false,
        made_on: None,
    }
}

fn tag() -> TagRecord {
    TagRecord {
        volume: db(),
        name: "v1".parse().unwrap(),
        commit: id('a'),
        created: at(5, 0),
        tagger: Signature { name: "Grace".to_owned(), email: String::new() },
        message: "the first".to_owned(),
        protected: false,
    }
}

fn setting(value: &str) -> Row {
    Row::Setting { volume: db(), key: "user.name".to_owned(), value: value.to_owned() }
}

fn rows() -> Vec<Row> {
    let code = CodeState {
        remote: Some("https://example.org/shop.git".to_owned()),
        branch: Some("main".to_owned()),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        dirty: true,
    };
    let bare = CodeState { remote: None, branch: None, commit: "ff".repeat(20), dirty: false };
    let other = BranchRecord { volume: "worker.1".parse().unwrap(), ..branch("tests/one", None) };
    volumes()
        .map(Row::Volume)
        .into_iter()
        .chain([
            Row::Branch(branch("master", Some('b'))),
            Row::Branch(branch("dev/new", None)),
            Row::Branch(other),
            Row::Commit(commit('a', None, Some(code))),
            Row::Commit(commit('b', Some('a'), Some(bare))),
            Row::Commit(commit('c', Some('b'), None)),
            Row::Tag(tag()),
            setting("Ada"),
            Row::CurrentVolume(db()),
        ])
        .collect()
}

/// An operation with all that there can be in one.
fn operation(number: u64, verb: Verb, phase: Phase) -> Operation {
    let rename = |from: &str, to: &str, inode| Move::Rename { from: from.into(), to: to.into(), inode };
    let (staged, place) = (".dvol/staging/x/new-1".into(), "db/branches/master".into());
    let held = |hold, n: u32| HeldContainer {
        id: format!("{n:064x}"),
        name: format!("shop_{n}"),
        hold,
        was_paused: n == 1,
        stop_timeout: Some(n),
        has_health: n == 2,
        ready: Vec::new(),
        after_healthy: vec!["0".repeat(64)],
        post: vec!["sync; true".to_owned()],
    };
    let operation = format!("{number:032x}").parse().unwrap();
    Operation {
        number,
        id: operation,
        verb,
        volume: db(),
        worktree_of: None,
        reach: Reach::Volume,
        summary: format!("{verb}: as {number}"),
        pid: 4711,
        started: at(6, 0),
        head_before: Some(id('a')),
        head_after: None,
        phase,
        plan: Plan {
            install: vec![rename("a", "b", u64::MAX), Move::Exchange { staged, place, inode: 7 }],
            changes: Vec::new(),
            retire: vec![rename("db/commits/c", ".dvol/trash/x/old-1", 8)],
            renames: None,
            undoes: Some(9),
            made_of: Some(id('b')),
        },
        held: [HoldMode::Stop, HoldMode::Pause, HoldMode::Restart, HoldMode::Leave]
            .into_iter()
            .zip(0..)
            .map(|(hold, n)| held(hold, n))
            .collect(),
        attempts: 2,
        joint: Some(Joint {
            id: "f".repeat(32).parse().unwrap(),
            project: "shop".parse().unwrap(),
            volumes: vec![db(), "worker.1".parse().unwrap()],
        }),
        line: 0,
    }
}

pub(super) fn write(writer: &Writer<'_>, layout: &Layout) -> Result<(), StoreError> {
    for row in rows() {
        writer.apply(&RowChange::insert(row))?;
    }
    writer.set_setting(None, "trash.keep", Some("3d"))?;
    writer.set_rebuilt(true)?;
    for (mount, volume) in [("0".repeat(64), db()), ("seen:1".to_owned(), "worker.1".parse().unwrap())] {
        writer.bind(&Binding { volume, id: mount, since: at(10, 0) })?;
    }
    let mut pieces = Spool::new(&layout.private());
    for (directory, piece, hashes) in [("", 0, "12345678"), ("", 1, "abcdefgh"), ("dir\0two", 0, "87654321")]
    {
        pieces.put(&piece_key(directory.as_bytes(), piece), hashes.as_bytes()).unwrap();
    }
    let index = TreeIndexRecord { commit: id('b'), modified: (11, 12), changed: (-13, 999_999_999) };
    writer.set_tree_index(&db(), &"master".parse().unwrap(), Some((&index, &mut pieces)))?;
    writer.set_changed(&db(), &id('b'), Some(b"one\0dir/\xff two\0"))?;
    for (verb, number) in VERBS.into_iter().zip(1..) {
        assert_eq!(writer.next_operation()?, number);
        writer.log_operation(&operation(number, verb, Phase::Published))?;
    }
    for phase in [Phase::Intended, Phase::Published, Phase::Settled] {
        let mut unfinished = operation(writer.next_operation()?, Verb::Reset, phase);
        let moved =
            RowChange::update(Row::Branch(branch("master", None)), Row::Branch(branch("master", Some('b'))));
        unfinished.plan.changes = rows().into_iter().map(RowChange::insert).collect();
        unfinished.plan.changes.extend([moved, RowChange::delete(setting("Grace"))]);
        writer.journal_put(&unfinished)?;
    }
    Ok(())
}

// What is read.

pub(super) fn line<T: Serialize>(text: &mut String, table: &str, record: &T) {
    writeln!(text, "{table} {}", serde_json::to_string(record).unwrap()).unwrap();
}

/// The rows that the second copy has too.
pub(super) fn copied(rows: &Rows<'_>) -> Result<String, StoreError> {
    let mut text = String::new();
    line(&mut text, "current volume", &rows.current_volume()?);
    line(&mut text, "config", &rows.settings(None)?);
    for volume in rows.volumes()? {
        line(&mut text, "volume", &volume);
        rows.branches(&volume.name)?.iter().for_each(|row| line(&mut text, "branch", row));
        rows.commits(&volume.name)?.iter().for_each(|row| line(&mut text, "commit", row));
        rows.tags(&volume.name)?.iter().for_each(|row| line(&mut text, "tag", row));
        rows.bindings(&volume.name)?.iter().for_each(|row| line(&mut text, "binding", row));
        line(&mut text, "config", &rows.settings(Some(&volume.name))?);
        rows.operations(&volume.name, usize::MAX)?.iter().for_each(|row| line(&mut text, "operation", row));
    }
    rows.journal()?.iter().for_each(|row| line(&mut text, "journal", row));
    Ok(text)
}

/// The others.
fn uncopied(rows: &Rows<'_>) -> Result<String, StoreError> {
    let mut text = String::new();
    line(&mut text, "rebuilt", &rows.is_rebuilt()?);
    for volume in rows.volumes()? {
        for branch in rows.branches(&volume.name)? {
            line(&mut text, "index", &rows.tree_index(&volume.name, &branch.name)?);
            for (directory, hashes) in
                rows.tree_index_page(&volume.name, &branch.name, b"", usize::MAX)?.directories
            {
                let (directory, hashes) = (directory.escape_ascii(), hashes.escape_ascii());
                writeln!(text, "index directory {directory} {hashes}").unwrap();
            }
        }
        for commit in rows.commits(&volume.name)? {
            let changed = rows.changed(&volume.name, &commit.id)?;
            writeln!(text, "changed {:?}", changed.map(|paths| paths.escape_ascii().to_string())).unwrap();
        }
    }
    Ok(text)
}

#[test]
#[ignore = "makes the fixture"]
fn make_the_database() {
    let (_dir, layout, store) = pool(&[]);
    store.write(|writer| write(writer, &layout)).unwrap();
    fs::create_dir_all(fixture("")).unwrap();
    for name in ["metadata.redb", "records.log"] {
        fs::copy(layout.private().join(name), fixture(name)).unwrap();
    }
}

#[test]
fn every_row_of_schema_1_is_read_as_it_was_written() {
    let (_dir, _, store) = pool(&["metadata.redb"]);
    let text = store.read(|rows| Ok::<_, StoreError>(copied(&rows)? + &uncopied(&rows)?)).unwrap();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(fixture("rows.txt"), &text).unwrap();
    }
    let expected = fs::read_to_string(fixture("rows.txt")).unwrap();
    for (found, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(text, expected);
    let mut next = 0;
    store.write(|writer| writer.next_operation().map(|number| next = number)).unwrap();
    assert_eq!(next, VERBS.len() as u64 + 4);
    // What is put in now is the same.
    let (_other, now, fresh) = pool(&[]);
    fresh.write(|writer| write(writer, &now)).unwrap();
    let fresh = fresh.read(|rows| Ok::<_, StoreError>(copied(&rows)? + &uncopied(&rows)?)).unwrap();
    assert_eq!(fresh, expected);
}

#[test]
fn the_second_copy_of_schema_1_brings_all_back_that_it_is_to() {
    let (_dir, layout, store) = pool(&["records.log"]);
    fs::create_dir_all(layout.lost_and_found()).unwrap();
    store.rebuild().unwrap();
    let text = store.read(|rows| copied(&rows)).unwrap();
    let expected = fs::read_to_string(fixture("rows.txt")).unwrap();
    assert!(expected.starts_with(&text), "{text}");
    assert!(text.lines().count() > 30);
}

#[test]
fn a_newer_store_is_refused_with_what_to_do_and_left_alone() {
    let (pool, layout, _) = pool(&["metadata.redb"]);
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    let database = redb::Database::open(layout.metadata()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("schema", 3).unwrap();
    transaction.commit().unwrap();
    drop(database);
    // The schema, and how often anything was changed.
    let numbers = || {
        let database = redb::Database::open(layout.metadata()).unwrap();
        let table = database.begin_read().unwrap().open_table(meta).unwrap();
        ["schema", "generation", "next_operation"]
            .map(|key| redb::ReadableTable::get(&table, key).unwrap().unwrap().value())
    };
    let before = numbers();
    for words in [
        &["list"][..],
        &["init", "more"],
        &["commit", "-m", "x", "db"],
        &["gc", "--all", "-f"],
        &["fsck"],
        &["fsck", "--repair", "--yes"],
    ] {
        let told = pool.fails(if words[0] == "fsck" { 8 } else { 1 }, words, "schema 3");
        assert!(told.contains("a newer dvol wrote it"), "{words:?}: {told}");
        assert_eq!(numbers(), before, "{words:?} changed it");
    }
    assert!(!layout.full(&layout::volume(&"more".parse().unwrap())).exists());
}
