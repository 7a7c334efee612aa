//! Power cuts: what was reported before the cut holds after it, whatever the disk kept in its
//! cache.
//!
//! `DVOL_POWER_CUTS=200` makes so many on each file system instead of a few; `DVOL_TEST_SEED` gives
//! an earlier run again.

mod recorder;

use std::fs;
use std::path::{Path, PathBuf};

use recorder::{Cuts, Recorder};

use support::random::{Random, amount, seed};
use support::scene::{Run, told};
use support::{difference, lasting, remains, skip, tree_text, unmount};

/// Operations in one recording.
const OPERATIONS: usize = 30;
/// Cuts of one recording; then another one is made.
const CUTS: usize = 25;

/// What had been reported.
struct Step {
    words: String,
    /// The disk's position when it was.
    reported: usize,
    /// What a pool holds that lasts.
    state: String,
    /// The working tree, where it is known to be durable, and up to which position nothing else was
    /// begun.
    tree: Option<(String, usize)>,
}

fn line(random: &mut Random, step: usize) -> String {
    match random.below(22) {
        0..=6 => format!("commit -m step-{step} db"),
        7..=9 => "reset --hard HEAD db".to_owned(),
        10 => "reset --hard HEAD~1 db".to_owned(),
        11 => format!("checkout -f -b branch-{step} db"),
        12 => "checkout -f master db".to_owned(),
        13 => "checkout -f - db".to_owned(),
        14 => format!("branch -C db -D branch-{}", step.saturating_sub(random.below(8))),
        15 => format!("tag -C db tag-{step}"),
        16 | 17 => "undo db".to_owned(),
        18 => format!("clone db copy-{step}"),
        19 => format!("rm -f copy-{}", step.saturating_sub(random.below(6))),
        20 => format!("commit --amend -m again-{step} db"),
        _ => format!("config -C db user.name name-{step}"),
    }
}

/// Changes some files, as a container would, without a sync.
fn scribble(tree: &Path, random: &mut Random) {
    for _ in 0..=random.below(6) {
        let path = tree.join(format!("file-{}", random.below(8)));
        if random.one_in(5) {
            let _ = fs::remove_file(path);
        } else {
            let text = format!("{:x} ", random.number());
            fs::write(path, text.repeat(1 + random.below(2000))).unwrap();
        }
    }
}

/// Where a pool lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a directory of the file system whose power is cut.
    Directory,
    /// In an image there.
    Image,
}

/// Unmounts the image of a pool when it is dropped, so that the file system around it can go.
struct InImage(Option<PathBuf>);

impl InImage {
    fn of(pool: &Path, place: Place) -> Self {
        InImage((place == Place::Image).then(|| pool.to_owned()))
    }
}

impl Drop for InImage {
    fn drop(&mut self) {
        if let Some(pool) = &self.0 {
            unmount(pool);
        }
    }
}

/// Works on a fresh pool on the recorder's file system.
fn work(recorder: &Recorder, place: Place, random: &mut Random) -> Vec<Step> {
    let pool = recorder.mounted().join("pool");
    let _image = InImage::of(&pool, place);
    if place == Place::Image {
        Run { pool: &pool, engine: None, ids: 0 }.must(&["pool", "create", "--size", "300M"]);
    }
    let mut steps: Vec<Step> = Vec::new();
    let running = pool.join("db/running_point");
    for step in 0..OPERATIONS {
        if let Some((_, until)) = steps.last_mut().and_then(|last| last.tree.as_mut()) {
            *until = recorder.position();
        }
        let words = match step {
            0 => "init db".to_owned(),
            1 => "commit -m first db".to_owned(),
            _ => line(random, step),
        };
        if running.exists() && !random.one_in(3) {
            scribble(&running.canonicalize().unwrap(), random);
        }
        let ids = u32::try_from(step * 1000).unwrap();
        let output = Run { pool: &pool, engine: None, ids }.run(&words.split(' ').collect::<Vec<_>>());
        let reported = recorder.position();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{words:?}: {}", told(&output));
        let is_durable = words.starts_with("reset") && output.status.success();
        let tree = is_durable.then(|| (tree_text(&running.canonicalize().unwrap()), reported));
        steps.push(Step { words, reported, state: lasting(&pool), tree });
    }
    if let Some((_, until)) = steps.last_mut().and_then(|last| last.tree.as_mut()) {
        *until = recorder.position();
    }
    steps
}

/// After a cut at `position` all that was reported before it is there, and no half of what came
/// next.
fn check(mounted: &Path, place: Place, steps: &[Step], position: usize, about: &str) {
    let pool = mounted.join("pool");
    let _image = InImage::of(&pool, place);
    let Some(last) = steps.iter().rposition(|step| step.reported <= position) else { return };
    let next = steps.get(last + 1);
    let about = format!("{about}, after {:?}, in {:?}", steps[last].words, next.map(|step| &step.words));
    let run = Run { pool: &pool, engine: None, ids: 900_000 };
    let first = run.run(&["fsck"]);
    assert!(matches!(first.status.code(), Some(0 | 1)), "{about}: fsck {}", told(&first));
    let second = run.run(&["fsck"]);
    assert!(second.status.success(), "{about}: second fsck {}", told(&second));
    assert_eq!(remains(&pool), (0, 0), "{about}: journal and staging");
    let now = lasting(&pool);
    assert!(
        now == steps[last].state || next.is_some_and(|next| next.state == now),
        "{about}: lost or partial\n{}",
        difference(&steps[last].state, &now)
    );
    if let Some((tree, _)) = steps[last].tree.as_ref().filter(|(_, until)| position <= *until) {
        let now = tree_text(&pool.join("db/running_point").canonicalize().unwrap());
        assert!(now == *tree, "{about}: the working tree\n{}", difference(tree, &now));
    }
}

fn cut_power(kind: &str, options: &[&str], megabytes: u64, place: Place) {
    let seed = seed();
    let wanted = amount("DVOL_POWER_CUTS", 12);
    let around = if place == Place::Image { "an image on " } else { "" };
    let kind_and_place = format!("{around}{kind}");
    println!("{kind_and_place}: {wanted} power cuts, DVOL_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let mut done = 0;
    while done < wanted {
        let mut recorder = match Recorder::new(kind, options, megabytes) {
            Ok(recorder) => recorder,
            Err(why) => {
                skip(&format!("no power can be cut on {kind}: {why}"));
                return;
            }
        };
        let steps = work(&recorder, place, &mut random);
        let end = recorder.position();
        let begin = steps[0].reported;
        let count = CUTS.min(wanted - done);
        let mut positions: Vec<usize> = (0..count)
            .map(|n| match n % 2 {
                // Right after something was reported, when nothing has flushed what came after it.
                0 => (random.pick(&steps.iter().map(|step| step.reported).collect::<Vec<_>>())
                    + random.below(4))
                .min(end),
                _ => begin + random.below(end - begin + 1),
            })
            .collect();
        positions.sort_unstable();
        let mut cuts: Cuts = recorder.stop();
        for position in positions {
            let about = format!("{kind_and_place}, DVOL_TEST_SEED={seed}, cut at {position} of {end}");
            cuts.cut(position, &mut random, |mounted| check(mounted, place, &steps, position, &about));
            done += 1;
        }
    }
    println!("{kind_and_place}: {done} power cuts, nothing lost");
}

#[test]
fn a_power_cut_on_ext4_loses_nothing_that_was_reported() {
    cut_power("ext4", &["-q", "-F"], 48, Place::Directory);
}

#[test]
fn a_power_cut_on_xfs_loses_nothing_that_was_reported() {
    cut_power("xfs", &["-q"], 300, Place::Directory);
}

#[test]
fn a_power_cut_on_an_image_loses_nothing_that_was_reported() {
    cut_power("ext4", &["-q", "-F"], 400, Place::Image);
}
