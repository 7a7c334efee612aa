//! The inner pieces of the tree engine, and the two ways to make a tree durable.
//!
//! ```text
//! cargo bench --bench tree -- [PATTERN]
//! ```
//!
//! Works in the current directory, so on the disk that is to be measured. A tree has 1,000 files of
//! a kilobyte in ten directories, unless the name says otherwise. Nothing is dropped from the
//! caches.

#![allow(missing_docs, reason = "criterion's macros make functions without")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement may panic")]

use std::cell::RefCell;
use std::fs::{self, File};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use dvol::layout::Layout;
use dvol::store::{Store, StoreError};
use dvol::sys::tree::{
    Bounds, CopyOptions, compare_trees, copy_tree, measure_tree, remove_tree, scan_tree, sync_filesystem,
};
use tempfile::TempDir;
use walkdir::WalkDir;

const FILES: usize = 1000;
const KILOBYTE: usize = 1024;

/// A directory of our own with a tree `src` and an empty `dst`.
struct Place {
    home: TempDir,
}

impl Place {
    fn new(files: usize, bytes: usize) -> Self {
        let place = Place { home: tempfile::tempdir_in(".").unwrap() };
        fs::create_dir(place.dst()).unwrap();
        for number in 0..files {
            let directory = place.src().join(format!("d{}", number % 10));
            fs::create_dir_all(&directory).unwrap();
            let content: Vec<u8> = (0..bytes).map(|at| ((at * (number + 7)) >> 3) as u8).collect();
            fs::write(directory.join(format!("f{number}")), content).unwrap();
        }
        sync_filesystem(place.home.path()).unwrap();
        place
    }

    /// With a copy that is not on the disk yet.
    fn copied(files: usize, bytes: usize) -> Self {
        let place = Place::new(files, bytes);
        place.copy();
        place
    }

    fn src(&self) -> PathBuf {
        self.home.path().join("src")
    }

    fn dst(&self) -> PathBuf {
        self.home.path().join("dst")
    }

    fn copy(&self) {
        copy_tree(&self.src(), &self.dst(), &CopyOptions::default()).unwrap();
    }
}

fn pieces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(30);
    let fresh = || Place::new(FILES, KILOBYTE);
    let each = BatchSize::PerIteration;
    // ext4 gives an inode away again after five seconds only, and until then passes over each one
    // that was deleted: nothing is deleted before all is measured.
    let kept = RefCell::new(Vec::new());
    group.bench_function("copy", |bencher| {
        bencher.iter_batched(
            fresh,
            |place| {
                place.copy();
                kept.borrow_mut().push(place);
            },
            each,
        );
    });
    drop(kept);
    group.bench_function("remove", |bencher| {
        bencher.iter_batched(
            || Place::copied(FILES, KILOBYTE),
            |place| {
                remove_tree(&place.dst()).unwrap();
                place
            },
            each,
        );
    });
    let place = Place::copied(FILES, KILOBYTE);
    group.bench_function("measure", |bencher| bencher.iter(|| measure_tree(&place.src()).unwrap()));
    group.bench_function("scan for an index", |bencher| {
        bencher.iter(|| {
            scan_tree(&place.src(), Bounds::now(), None, &mut |seen| {
                black_box(seen);
                Ok(())
            })
            .unwrap();
        });
    });
    group.bench_function("compare all bytes", |bencher| {
        bencher.iter(|| {
            let go_on = &mut |change| {
                black_box(change);
                ControlFlow::Continue(())
            };
            compare_trees(&place.src(), &place.dst(), go_on).unwrap();
        });
    });
    group.finish();
}

fn fsync_each(tree: &Path) {
    for entry in WalkDir::new(tree).contents_first(true) {
        File::open(entry.unwrap().path()).unwrap().sync_all().unwrap();
    }
}

/// Leaves 64 MB written but not synced, as another program would.
fn others(place: Place) -> Place {
    fs::write(place.home.path().join("other"), vec![7; 64 << 20]).unwrap();
    place
}

fn durable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(2));
    let each = BatchSize::PerIteration;
    for (files, bytes) in [(25, 24 * KILOBYTE), (FILES, KILOBYTE)] {
        let sync = |place: Place| {
            sync_filesystem(&place.dst()).unwrap();
            place
        };
        let fsync = |place: Place| {
            fsync_each(&place.dst());
            place
        };
        let copied = || Place::copied(files, bytes);
        group.bench_function(BenchmarkId::new("fsync each", files), |bencher| {
            bencher.iter_batched(copied, fsync, each);
        });
        group.bench_function(BenchmarkId::new("syncfs once", files), |bencher| {
            bencher.iter_batched(copied, sync, each);
        });
        group.bench_function(BenchmarkId::new("fsync each, others write", files), |bencher| {
            bencher.iter_batched(|| others(copied()), fsync, each);
        });
        group.bench_function(BenchmarkId::new("syncfs once, others write", files), |bencher| {
            bencher.iter_batched(|| others(copied()), sync, each);
        });
    }
    group.finish();
}

fn metadata(criterion: &mut Criterion) {
    let home = tempfile::tempdir_in(".").unwrap();
    let layout = Layout::new(home.path());
    fs::create_dir_all(layout.locks()).unwrap();
    let store = Store::new(&layout, Duration::from_secs(5));
    let mut group = criterion.benchmark_group("metadata");
    group.bench_function("write transaction", |bencher| {
        bencher.iter(|| store.write(|writer| Ok::<_, StoreError>(writer.next_operation()? + 1)).unwrap());
    });
    group.bench_function("read transaction", |bencher| {
        bencher.iter(|| store.read(|rows| Ok::<_, StoreError>(rows.volumes()?.len())).unwrap());
    });
    group.finish();
}

criterion_group!(benches, pieces, durable, metadata);
criterion_main!(benches);
