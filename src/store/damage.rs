//! Tests that every kind of damage to the database's file is noticed before a wrong answer is
//! given, and that the records come back.

use std::fs;
use std::time::Duration;

use super::*;
use crate::layout::Layout;
use crate::model::{
    BranchName, BranchRecord, CommitRecord, Instant, Row, RowChange, Signature, VolumeRecord,
};
use crate::sys::disk;

struct Scene {
    _dir: tempfile::TempDir,
    layout: Layout,
    store: Store,
    before: String,
    bytes: Vec<u8>,
}

fn volume(number: u32) -> (VolumeRecord, BranchRecord, CommitRecord) {
    let name: crate::model::VolumeName = format!("volume-{number}").parse().unwrap();
    let id: crate::model::CommitId = format!("{number:032x}").parse().unwrap();
    let created = Instant { micros: i64::from(number), offset: 0 };
    let branch = BranchName::master();
    let volume = VolumeRecord::new(name.clone(), created, branch.clone());
    let branch = BranchRecord {
        volume: name.clone(),
        name: branch,
        head: Some(id.clone()),
        created,
        protected: false,
    };
    let author = Signature { name: "Ada".to_owned(), email: String::new() };
    let message = format!("number {number}");
    let commit = CommitRecord {
        volume: name,
        id,
        parent: None,
        message,
        author,
        date: created,
        code: None,
        size: None,
        forgotten: false,
        made_on: None,
    };
    (volume, branch, commit)
}

fn put(store: &Store, number: u32) {
    let (volume, branch, commit) = volume(number);
    let changes = [Row::Volume(volume), Row::Branch(branch), Row::Commit(commit)].map(RowChange::insert);
    store.write(|w| changes.iter().try_for_each(|change| w.apply(change))).unwrap();
}

/// Reads everything that a reader can ask for.
fn contents(store: &Store) -> Result<String, StoreError> {
    store.read(|rows| {
        let mut text = format!("{:?}", rows.current_volume()?);
        for volume in rows.volumes()? {
            text += &format!("{volume:?}{:?}{:?}", rows.branches(&volume.name)?, rows.commits(&volume.name)?);
        }
        Ok(text)
    })
}

fn scene(volumes: u32) -> Scene {
    // In memory where the machine has that.
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let layout = Layout::new(dir.path());
    disk::ensure_directory(&layout.locks(), 0o700).unwrap();
    let store = Store::new(&layout, Duration::from_secs(5));
    (0..volumes).for_each(|number| put(&store, number));
    let (before, bytes) = (contents(&store).unwrap(), fs::read(layout.metadata()).unwrap());
    Scene { _dir: dir, layout, store, before, bytes }
}

impl Scene {
    /// Checks that the store gives right answers, or reports damage and can be rebuilt.
    fn check(&self, what: &str) {
        match contents(&self.store) {
            Ok(text) => assert!(text == self.before, "{what}: wrong answers"),
            Err(error) => assert!(error.is_damage(), "{what}: {error}"),
        }
        if let Err(error) = self.store.examine() {
            assert!(error.is_damage(), "{what}: {error}");
            self.store.rebuild().unwrap_or_else(|error| panic!("{what}: {error}"));
            self.store.renew_second_copy().unwrap();
        }
        assert_eq!(contents(&self.store).unwrap(), self.before, "{what}");
        assert_eq!(self.store.examine().unwrap(), SecondCopy::Good, "{what}");
        let _ = fs::remove_dir_all(self.layout.lost_and_found());
    }

    fn write(&self, bytes: &[u8]) {
        use std::os::unix::fs::FileExt as _;
        let file = fs::OpenOptions::new().write(true).open(self.layout.metadata()).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    }
}

#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    flip(&scene(12), |bits| Box::new((0..250).map(move |n: usize| n * 7_368_787 % bits)));
}

/// Flips every bit: `cargo test --release --lib every_bit -- --ignored`
#[test]
#[ignore = "takes 40 minutes"]
fn every_bit_is_noticed_or_harmless() {
    flip(&scene(2), |bits| Box::new(0..bits));
}

fn flip(scene: &Scene, bits: impl Fn(usize) -> Box<dyn Iterator<Item = usize>>) {
    let (sums, log) =
        (fs::read(scene.layout.metadata_sums()).unwrap(), fs::read(scene.layout.records()).unwrap());
    let used = |bit: &usize| scene.bytes[bit / 8 / 4096 * 4096..][..4096].iter().any(|byte| *byte != 0);
    let mut noticed = 0;
    for bit in bits(scene.bytes.len() * 8).filter(used) {
        let mut flipped = scene.bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        scene.write(&flipped);
        fs::write(scene.layout.metadata_sums(), &sums).unwrap();
        fs::write(scene.layout.records(), &log).unwrap();
        noticed += usize::from(contents(&scene.store).is_err());
        scene.check(&format!("bit {bit}"));
    }
    assert!(noticed > 10, "only {noticed} flips were in what is read");
}

#[test]
fn a_flipped_bit_is_noticed_without_checksums_too() {
    let scene = scene(3);
    let log = fs::read(scene.layout.records()).unwrap();
    for n in 0..60_usize {
        let bit = n * 7_368_787 % (scene.bytes.len() * 8);
        let mut flipped = scene.bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        scene.write(&flipped);
        fs::write(scene.layout.records(), &log).unwrap();
        let _ = fs::remove_file(scene.layout.metadata_sums());
        scene.check(&format!("bit {bit}"));
    }
}

#[test]
fn a_truncated_a_strange_and_a_missing_file_are_rebuilt() {
    let scene = scene(5);
    for length in [0, 1, 100, 4096, scene.bytes.len() / 2, scene.bytes.len() - 1] {
        scene.write(&scene.bytes[..length]);
        assert!(contents(&scene.store).unwrap_err().is_damage(), "{length} bytes");
        scene.check(&format!("{length} bytes"));
    }
    let noise: Vec<u8> = (0..scene.bytes.len() as u32)
        .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..1].to_vec())
        .collect();
    for bytes in [noise, vec![0; 5000], b"not a database at all".to_vec()] {
        scene.write(&bytes);
        assert!(contents(&scene.store).unwrap_err().is_damage());
        scene.check("strange bytes");
    }
    fs::remove_file(scene.layout.metadata()).unwrap();
    assert!(matches!(contents(&scene.store), Err(StoreError::Missing { .. })));
    let refused = scene.store.write(|_| Ok::<_, StoreError>(()));
    assert!(matches!(refused, Err(StoreError::Missing { .. })), "no empty database takes its place");
    scene.check("missing");
}

#[test]
fn an_older_database_is_not_taken_for_the_newest() {
    let scene = scene(2);
    put(&scene.store, 7);
    let now = contents(&scene.store).unwrap();
    scene.write(&scene.bytes);
    fs::remove_file(scene.layout.metadata_sums()).unwrap();
    assert!(contents(&scene.store).unwrap_err().to_string().contains("second copy"));
    scene.store.rebuild().unwrap();
    assert_eq!(contents(&scene.store).unwrap(), now);
}

#[test]
fn without_a_second_copy_the_database_goes_on_and_makes_one() {
    let scene = scene(2);
    fs::write(scene.layout.records(), "some other file").unwrap();
    assert!(matches!(scene.store.examine().unwrap(), SecondCopy::Bad(_)));
    put(&scene.store, 9);
    assert_eq!(scene.store.examine().unwrap(), SecondCopy::Good);
    fs::remove_file(scene.layout.metadata()).unwrap();
    assert_eq!(scene.store.rebuild().unwrap().volumes, 3);
}

/// Tries what a power cut can leave of a transaction that was not synced: each block old or new.
#[test]
fn a_commit_of_which_a_part_reached_the_disk_is_the_one_before() {
    const MARK: usize = 48;
    let scene = scene(12);
    let sums = fs::read(scene.layout.metadata_sums()).unwrap();
    put(&scene.store, 12);
    let (whole, mut new) = (contents(&scene.store).unwrap(), fs::read(scene.layout.metadata()).unwrap());
    // A writer has the file open, and the log has no mark for the transaction yet.
    new[9] |= 2;
    let mut log = fs::read(scene.layout.records()).unwrap();
    log.truncate(log.len() - MARK);
    let mut old = scene.bytes.clone();
    old.resize(new.len().max(old.len()), 0);
    new.resize(old.len(), 0);
    let (mut before, mut after) = (0, 0);
    for n in 0..200_u64 {
        let luck = blake3::hash(&n.to_le_bytes());
        let blocks = old.chunks(4096).zip(new.chunks(4096)).enumerate();
        let torn = blocks.flat_map(|(block, (old, new))| {
            // The new header is there in most rounds; of the other blocks few to all.
            let is_new =
                if block == 0 { n % 8 != 0 } else { u64::from(luck.as_bytes()[block % 32] % 8) < n % 10 };
            if is_new { new } else { old }
        });
        scene.write(&torn.copied().collect::<Vec<u8>>());
        fs::write(scene.layout.metadata_sums(), &sums).unwrap();
        fs::write(scene.layout.records(), &log).unwrap();
        let found = contents(&scene.store).unwrap_or_else(|error| panic!("{n}: {error}"));
        assert!(found == scene.before || found == whole, "{n}: {found}");
        *if found == whole { &mut after } else { &mut before } += 1;
        put(&scene.store, 50);
        assert_eq!(scene.store.examine().unwrap(), SecondCopy::Good, "{n}");
    }
    assert!(before > 50 && after > 10, "{before} before, {after} after");
}
