//! What the library of the format only warns of: a push of which it passed over anything fails.

use std::path::Path;
use std::sync::Arc;

use dvol::model::{CommitRecord, Instant, RemoteUrl, Signature};
use dvol::remotes::{CloudAccess, CommitNote, Records, RemoteError, Repository, Secret, Sending};

use super::Team;

/// Sends a tree of one file in this process, and has `warn` called once while the file is read.
fn send(warn: fn()) -> (Result<(), RemoteError>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("file"), "content").unwrap();
    let url: RemoteUrl = dir.path().join("repository").to_str().unwrap().parse().unwrap();
    let (cloud, secret) = (CloudAccess::default(), Secret::new("x".to_owned()).unwrap());
    let repository = Repository::open_or_make(&url, &cloud, &secret, Path::new("/nowhere"), 0).unwrap();
    let note = CommitNote {
        record: CommitRecord {
            volume: "db".parse().unwrap(),
            id: format!("{:032x}", 1).parse().unwrap(),
            parent: None,
            message: "one".to_owned(),
            author: Signature { name: "Ada".to_owned(), email: String::new() },
            date: Instant { micros: 0, offset: 0 },
            code: None,
            size: None,
            forgotten: false,
            made_on: None,
        },
        entries: 2,
        bytes: 7,
        sums: String::new(),
        without_data: false,
        architecture: None,
    };
    let once = std::sync::Once::new();
    let sending = Sending {
        note: &note,
        tree: Some(&tree),
        manifest: b"{}",
        cancel: Arc::default(),
        progress: Box::new(move |_| once.call_once(warn)),
    };
    let sent = repository.send(&mut Records::default(), sending);
    (sent, repository.records().unwrap().commits(&note.record.volume).count())
}

// One after the other, as each listener in a process hears all warnings.
#[test]
fn a_warning_of_the_library_fails_the_push_and_no_other_does() {
    let (sent, records) = send(|| log::warn!(target: "rustic_core::archiver", "ignoring error: Error: x."));
    let error = sent.unwrap_err().to_string();
    assert_eq!((error.as_str(), records), ("cannot send commit 00000000: ignoring error: x", 0));
    for benign in [
        || log::warn!(target: "rustic_core::blob::packer", "couldn't get elapsed time from system time: x"),
        || log::info!(target: "rustic_core::archiver", "ignoring error: x"),
        || log::warn!(target: "rustic_core_of_another", "ignoring error: x"),
    ] {
        let (sent, records) = send(benign);
        sent.unwrap();
        assert_eq!(records, 1);
    }
}

#[test]
fn what_the_library_says_of_a_file_that_it_passed_over_is_what_the_push_says() {
    let team = Team::with_clone();
    team.here.commit("three");
    let push = team.here.command(["push"]).env("DVOL_FAULT", "source.read+0:EIO").output().unwrap();
    let said = crate::harness::Said::from(push);
    assert!(said.code == 1 && said.err.contains("cannot read state: Input/output error"), "{said:?}");
    team.here.ok(["push"]);
    team.there.ok(["pull"]);
    assert_eq!(team.there.read("db", "state"), "three");
}
