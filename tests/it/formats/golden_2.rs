//! A database of schema 2, which added remotes, as `golden` has one of schema 1: what the tables of
//! remotes hold is read as it was written, also from the second copy.
//!
//! Made once: `cargo test --test it make_the_second_database -- --ignored`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dvol::layout::Layout;
use dvol::model::{LinkRecord, PasswordSource, RemoteRecord, TrackingRecord, UpstreamRecord};
use dvol::store::{Rows, Store, StoreError, Writer};

use super::golden::{at, copied, db, id, line, write};
use crate::harness::Pool;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-2").join(name)
}

fn pool(files: &[&str]) -> (Pool, Layout, Store) {
    let pool = Pool::empty();
    let layout = Layout::new(pool.root());
    for directory in [layout.locks(), layout.lost_and_found()] {
        fs::create_dir_all(directory).unwrap();
    }
    for name in files {
        fs::copy(fixture(name), layout.private().join(name)).unwrap();
    }
    let store = Store::new(&layout, Duration::from_secs(10));
    (pool, layout, store)
}

fn remote(name: &str, url: &str, password: Option<PasswordSource>) -> RemoteRecord {
    RemoteRecord {
        volume: None,
        name: name.parse().unwrap(),
        url: url.parse().unwrap(),
        password,
        kept_key: None,
    }
}

fn write_remotes(writer: &Writer<'_>) -> Result<(), StoreError> {
    let file = PasswordSource::File("/etc/catalog password".into());
    writer.set_remote(&remote("origin", "/srv/catalog", Some(file)))?;
    let command = PasswordSource::Command("pass show catalog".to_owned());
    writer.set_remote(&remote("team", "s3:https://s3.example.org/team/catalog", Some(command)))?;
    writer.set_remote(&remote("public", "sftp://ada@nas:2222/~/catalog", Some(PasswordSource::Public)))?;
    let own = remote("origin", "s3://team/catalog", None);
    writer.set_remote(&RemoteRecord { volume: Some(db()), ..own })?;
    let origin = "origin".parse().unwrap();
    let link =
        LinkRecord { remote: origin, volume: "shop".parse().unwrap(), sending: vec![id('a'), id('b')] };
    writer.set_link(&db(), &link)?;
    for (reference, others) in [("heads/master", vec![id('b')]), ("tags/v1", Vec::new())] {
        let tracking = TrackingRecord {
            remote: "origin".parse().unwrap(),
            reference: reference.parse().unwrap(),
            commit: id('a'),
            others,
            fetched: at(14, -3600),
        };
        writer.set_tracked(&db(), &tracking)?;
    }
    let upstream = UpstreamRecord {
        branch: "master".parse().unwrap(),
        remote: "origin".parse().unwrap(),
        follows: "feature/x".parse().unwrap(),
    };
    writer.set_upstream(&db(), &upstream)
}

/// All rows that the second copy has too.
fn all(rows: &Rows<'_>) -> Result<String, StoreError> {
    let mut text = copied(rows)?;
    rows.remotes(None)?.iter().for_each(|row| line(&mut text, "remote", row));
    rows.remotes(Some(&db()))?.iter().for_each(|row| line(&mut text, "remote", row));
    rows.links(&db())?.iter().for_each(|row| line(&mut text, "link", row));
    rows.tracking(&db(), None)?.iter().for_each(|row| line(&mut text, "tracking", row));
    rows.upstreams(&db())?.iter().for_each(|row| line(&mut text, "upstream", row));
    Ok(text)
}

#[test]
#[ignore = "makes the fixture"]
fn make_the_second_database() {
    let (_pool, layout, store) = pool(&[]);
    store.write(|writer| write(writer, &layout).and_then(|()| write_remotes(writer))).unwrap();
    fs::create_dir_all(fixture("")).unwrap();
    for name in ["metadata.redb", "records.log"] {
        fs::copy(layout.private().join(name), fixture(name)).unwrap();
    }
}

#[test]
fn every_row_of_remotes_is_read_as_it_was_written() {
    let (_pool, _, store) = pool(&["metadata.redb"]);
    let text = store.read(|rows| all(&rows)).unwrap();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(fixture("rows.txt"), &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(fixture("rows.txt")).unwrap());
    let (_other, layout, fresh) = pool(&[]);
    fresh.write(|writer| write(writer, &layout).and_then(|()| write_remotes(writer))).unwrap();
    assert_eq!(fresh.read(|rows| all(&rows)).unwrap(), text, "what is put in now is the same");
}

#[test]
fn metadata_that_is_rebuilt_keeps_all_that_is_known_of_remotes() {
    let (_pool, _, store) = pool(&["records.log"]);
    store.rebuild().unwrap();
    let text = store.read(|rows| all(&rows)).unwrap();
    assert_eq!(text, fs::read_to_string(fixture("rows.txt")).unwrap());
    assert!(text.contains("pass show catalog") && text.lines().any(|line| line.starts_with("upstream ")));
}
