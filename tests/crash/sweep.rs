//! Faults at points of a verb, and kills at the points of the recovery from it. The gate tries each
//! third point, and one of the recoveries that do the same; `DVOL_SWEEP=all` tries them all.
//!
//! A verb that is a row of operations, with a command of the user's among them, may stop between
//! two of these. What the pool is there the command shows: it leaves a copy of it in the directory
//! [`STAGES`] beside the pool, where that is.

use std::collections::{BTreeSet, VecDeque};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dvol::layout::Layout;
use dvol::model::{Binding, Instant};
use dvol::store::Store;

use crate::driver;
use crate::workshop::Workshop;
use support::fake_engine::{Containers, FOREIGN, FakeEngine, Status};
use support::scene::{Run, copy_with_repository, prepare, remove, told};
use support::{difference, remains, state};

/// Beside a pool: where a command that runs in the middle of a verb leaves copies of the pool, in
/// the order of their names.
pub(crate) const STAGES: &str = "stages";

/// Which points are swept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Points {
    /// Every step of dvol's own.
    Steps,
    /// Every step of dvol's own, but with a death at each only: for what is made of parts that are
    /// swept with errors too.
    Deaths,
    /// As `Deaths`, at half of the points, and in the recovery at a third: for what takes long.
    FewDeaths,
    /// Every write and sync inside redb's transactions.
    InsideTransactions,
}

impl Points {
    /// What is done at a point. The errors take turns: what becomes of them is the same, and each
    /// kind of step is passed often enough to meet all of them.
    fn effects(self, point: usize) -> &'static [&'static str] {
        match self {
            Points::Steps => match point % 3 {
                0 => &["kill", "EIO"],
                1 => &["kill", "ENOSPC"],
                _ => &["kill", "EACCES"],
            },
            Points::Deaths | Points::FewDeaths => &["kill"],
            Points::InsideTransactions => &["kill:redb", "EIO:redb"],
        }
    }

    fn of(self, mut all: Vec<String>) -> Vec<String> {
        all.retain(|name| name.starts_with("redb.") == (self == Points::InsideTransactions));
        all
    }
}

/// A verb to be tried, after what must come before it.
pub(crate) struct Case {
    pub(crate) before: &'static [&'static [&'static str]],
    pub(crate) words: &'static [&'static str],
    pub(crate) containers: Containers,
    pub(crate) points: Points,
    /// Whether the recovery is killed at each of its points, too.
    pub(crate) deep: bool,
    /// Where the verb knows something of the very inodes.
    pub(crate) ready: Option<Ready>,
}

/// How each copy of a pool is made ready for a verb that knows something of it.
pub(crate) struct Ready {
    pub(crate) make: fn(&Path),
    /// What the verb does as it does nowhere else, by the name of its point. Recoveries are swept
    /// from there on.
    pub(crate) passes: &'static str,
}

struct Try {
    point: usize,
    effect: &'static str,
}

/// The recoveries that were swept already, of any verb, by what they did.
static RECOVERIES: Mutex<BTreeSet<Vec<String>>> = Mutex::new(BTreeSet::new());

struct Sweep<'a> {
    case: &'a Case,
    template: PathBuf,
    /// All states that there may be: that before the verb, those between its operations, that after
    /// it.
    stages: Vec<String>,
    points: Vec<String>,
    /// From which point on recoveries are swept.
    deep_from: usize,
    steps_of_recovery: Mutex<BTreeSet<String>>,
    killed_in_recovery: Mutex<BTreeSet<String>>,
    runs: AtomicUsize,
}

/// Sweeps one verb; gives how many runs it took.
pub(crate) fn sweep(case: &Case) -> usize {
    sweep_through(case, &[])
}

/// Sweeps a verb that is a row of operations. `parts` are commands that do these one after the
/// other, but for the last one: the pool may stop after each.
pub(crate) fn sweep_through(case: &Case, parts: &[&[&str]]) -> usize {
    let workshop = if case.ready.is_some() { Workshop::on_disk() } else { Workshop::new() };
    let engine = FakeEngine::new();
    engine.set(&case.containers);
    let template = prepare(workshop.path().join("template"));
    for (n, words) in case.before.iter().enumerate() {
        let ids = 100_000 + 1000 * u32::try_from(n).unwrap();
        let run = Run { pool: &template, engine: None, ids };
        let (output, _) = with_fault(&run, words, None, &workshop.path().join("trace"));
        assert!(output.status.success(), "{words:?}: {}", told(&output));
    }
    mount(&template, &case.containers);
    let done = workshop.path().join("done");
    case.copy(&template, &done);
    let before = state(&done);
    let between = workshop.path().join(STAGES);
    std::fs::create_dir(&between).unwrap();
    let trace = workshop.path().join("trace");
    let (output, points) = with_fault(&case.run(&done, &engine), case.words, None, &trace);
    assert!(output.status.success(), "{:?}: {}", case.words, told(&output));
    let after = state(&done);
    assert!(before != after, "{:?} changes nothing", case.words);
    assert_eq!(remains(&done), (0, 0), "{:?}", case.words);
    let mut between: Vec<_> = std::fs::read_dir(&between).unwrap().map(|e| e.unwrap().path()).collect();
    between.sort();
    let mut between: Vec<String> = between.iter().map(|pool| state(pool)).collect();
    for (n, words) in parts.iter().enumerate() {
        if n == 0 {
            remove(&done);
            case.copy(&template, &done);
        }
        let (output, _) = with_fault(&case.run(&done, &engine), words, None, &trace);
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        between.push(state(&done));
    }
    let stages: Vec<String> = [before].into_iter().chain(between).chain([after]).collect();
    let points = case.points.of(points);
    let passes = case.ready.as_ref().map_or(Some(0), |it| points.iter().position(|point| point == it.passes));
    let deep_from = passes.expect("the verb passes what it is made ready for");
    let each = |point| case.points.effects(point).iter().map(move |effect| Try { point, effect });
    let tries = (1..=points.len()).filter(|point| case.is_tried(*point)).flat_map(each);
    let queue = Mutex::new(tries.collect::<VecDeque<_>>());
    let sweep = Sweep {
        case,
        template,
        stages,
        points,
        deep_from,
        steps_of_recovery: Mutex::default(),
        killed_in_recovery: Mutex::default(),
        runs: AtomicUsize::new(0),
    };
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (sweep, queue, directory) =
                (&sweep, &queue, workshop.path().join(format!("worker-{worker}")));
            scope.spawn(move || {
                std::fs::create_dir(&directory).unwrap();
                let engine = FakeEngine::new();
                loop {
                    let Some(one) = queue.lock().unwrap().pop_front() else { break };
                    sweep.attempt(&one, &directory, &engine);
                }
            });
        }
    });
    let never = "some step of recovery was never reached";
    assert_eq!(
        sweep.steps_of_recovery.into_inner().unwrap(),
        sweep.killed_in_recovery.into_inner().unwrap(),
        "{never}"
    );
    sweep.runs.into_inner()
}

/// Records the mounts of the containers that run, as the driver would have long ago.
fn mount(pool: &Path, containers: &Containers) {
    let running = containers.iter().filter(|(_, container)| container.status != Status::Stopped);
    let store = Store::new(&Layout::new(pool), Duration::from_secs(10));
    for (name, container) in running {
        for volume in container.volume.split(' ').filter(|volume| *volume != FOREIGN) {
            let since = Instant { micros: 0, offset: 0 };
            let binding = Binding { volume: volume.parse().unwrap(), id: name.clone(), since };
            store.write(|writer| writer.bind(&binding)).unwrap();
        }
    }
}

/// Removes a pool that an earlier try left, if there is one.
fn clear(pool: &Path) {
    if pool.exists() {
        remove(pool);
    }
}

/// How a state differs from each that it may be.
fn differences(stages: &[String], now: &str) -> String {
    stages.iter().map(|stage| format!("since a state that it may be:\n{}", difference(stage, now))).collect()
}

/// Runs a command, or makes a call to the driver.
fn with_fault(run: &Run<'_>, words: &[&str], fault: Option<&str>, trace: &Path) -> (Output, Vec<String>) {
    match words[0] {
        "plugin" => driver::with_fault(run, words, fault, trace),
        _ => run.with_fault(words, fault, trace),
    }
}

/// How many points lie between two that are tried, unless all are asked for.
const STRIDE: usize = 3;

/// Returns whether every point is tried, of the recoveries too.
fn are_all_asked_for() -> bool {
    std::env::var("DVOL_SWEEP").is_ok_and(|asked| asked == "all")
}

/// Returns what makes a recovery another one than those that were swept: its steps in their order.
/// How often it repeats one, as for each file of a tree, counts only where all are asked for.
fn kind_of_recovery(points: &[String]) -> Vec<String> {
    let mut kind = points.to_vec();
    if !are_all_asked_for() {
        kind.dedup();
    }
    kind
}

/// Returns whether a recovery is killed at a step: at each where all are asked for, else at the
/// first and the last of a row of equal ones.
fn is_killed_at(points: &[String], index: usize) -> bool {
    let is_same = |other: Option<usize>| other.and_then(|it| points.get(it)) == Some(&points[index]);
    are_all_asked_for() || !is_same(index.checked_sub(1)) || !is_same(Some(index + 1))
}

impl Case {
    /// Returns whether a point is tried: each one with `DVOL_SWEEP=all`, else every third. Where
    /// they begin differs by verb, so that a kind of step is met somewhere.
    fn is_tried(&self, point: usize) -> bool {
        self.is_one_of(point, if self.points == Points::FewDeaths { 2 * STRIDE } else { STRIDE })
    }

    fn is_one_of(&self, point: usize, stride: usize) -> bool {
        let start: usize = self.words.iter().map(|word| word.len()).sum();
        are_all_asked_for() || point % stride == start % stride
    }

    fn copy(&self, template: &Path, pool: &Path) {
        copy_with_repository(template, pool);
        if let Some(ready) = &self.ready {
            (ready.make)(pool);
        }
    }

    fn run<'a>(&self, pool: &'a Path, engine: &'a FakeEngine) -> Run<'a> {
        Run { pool, engine: (!self.containers.is_empty()).then_some(engine), ids: 500_000 }
    }
}

impl Sweep<'_> {
    fn attempt(&self, one: &Try, directory: &Path, engine: &FakeEngine) {
        let (pool, trace) = (directory.join("pool"), directory.join("trace"));
        let fault = format!("{}:{}", one.point, one.effect);
        let what = format!("{:?} with {fault} ({})", self.case.words, self.points[one.point - 1]);
        let run = self.case.run(&pool, engine);
        // The threads of a copy race for the first name of a hard link, so its points may be one
        // fewer.
        let reached = (0..50).find_map(|_| {
            clear(&pool);
            self.case.copy(&self.template, &pool);
            engine.set(&self.case.containers);
            let (output, reached) = with_fault(&run, self.case.words, Some(&fault), &trace);
            (self.case.points.of(reached).len() >= one.point).then_some(output)
        });
        self.runs.fetch_add(1, Ordering::Relaxed);
        let Some(output) = reached else { panic!("{what}: the point was never reached") };
        let told = told(&output);
        if one.effect.starts_with("kill") {
            assert_eq!(output.status.signal(), Some(9), "{what}: {told}");
        } else {
            assert!(output.status.code().is_some_and(|code| code != 101), "{what}: {told}");
            let now = state(&pool);
            let is_done = told.contains(" is done, but ");
            let (after, others) = self.stages.split_last().unwrap();
            let right = if output.status.success() || is_done { std::slice::from_ref(after) } else { others };
            // What is done holds; dvol reports what it could not clear up, and the next command
            // does it.
            let is_left = told.contains("cannot recover volume")
                || told.contains("cannot recover an interrupted operation");
            assert!(right.contains(&now) || is_left, "{what}: {told}\n{}", differences(right, &now));
        }
        self.recovered(&run, &what);
        let (now, after) = (state(&pool), self.stages.last().unwrap());
        // A command that fails after a commit is only reported.
        if !told.contains("' failed in container ") {
            assert_eq!(engine.owed(), [""; 0], "{what}: {told}");
        }
        if output.status.success() {
            assert!(now == *after, "{what}: {told}\n{}", difference(after, &now));
        }
        remove(&pool);
        if one.effect.starts_with("kill") && self.case.deep && one.point > self.deep_from {
            self.sweep_recovery(&fault, directory, engine, &what);
        }
    }

    /// Recovery gives the state before or after, leaves nothing, and finds nothing a second time.
    fn recovered(&self, run: &Run<'_>, what: &str) {
        let (first, found) = run.fsck();
        assert!(matches!(first, 0 | 1), "{what}: fsck {found}");
        let (mut code, mut found) = run.fsck();
        if first == 0 && code == 1 {
            // A child that was forked just before the kill held the lock until it ran its program.
            (code, found) = run.fsck();
        }
        assert_eq!(code, 0, "{what}: second fsck {found}");
        let now = state(run.pool);
        assert!(self.stages.contains(&now), "{what}: between\n{}", differences(&self.stages, &now));
        assert_eq!(remains(run.pool), (0, 0), "{what}: journal and staging");
        if let Some(engine) = run.engine {
            assert_eq!(engine.now(), self.case.containers, "{what}: containers");
        }
    }

    /// Kills the recovery at its points; recoveries that do the same are swept once. The verb is
    /// killed anew for each: a copy of what it left would have other inodes.
    fn sweep_recovery(&self, fault: &str, directory: &Path, engine: &FakeEngine, what: &str) {
        let (pool, trace) = (directory.join("again"), directory.join("trace"));
        let run = self.case.run(&pool, engine);
        let die = || {
            self.case.copy(&self.template, &pool);
            engine.set(&self.case.containers);
            with_fault(&run, self.case.words, Some(fault), &trace);
        };
        die();
        let points = Points::Steps.of(run.with_fault(&["fsck"], None, &trace).1);
        remove(&pool);
        if points.is_empty() || !RECOVERIES.lock().unwrap().insert(kind_of_recovery(&points)) {
            return;
        }
        let few = self.case.points == Points::FewDeaths;
        let is_killed_at =
            |index| is_killed_at(&points, index) && (!few || self.case.is_one_of(index, STRIDE));
        for (index, name) in points.iter().enumerate().filter(|(index, _)| is_killed_at(*index)) {
            let number = points[..=index].iter().filter(|one| *one == name).count();
            let what = format!("{what}, recovery killed at {name} {number}");
            // How many files the threads of a copy have made when it is killed differs, so the
            // steps of a recovery are counted by name. A file less is one step of its kind less.
            let is_killed = (0..5).any(|_| {
                clear(&pool);
                die();
                let (output, _) = run.with_fault(&["fsck"], Some(&format!("{name}*{number}:kill")), &trace);
                output.status.signal() == Some(9)
            });
            self.runs.fetch_add(1, Ordering::Relaxed);
            self.steps_of_recovery.lock().unwrap().insert(name.clone());
            if is_killed {
                self.killed_in_recovery.lock().unwrap().insert(name.clone());
            }
            self.recovered(&run, &what);
            assert_eq!(engine.owed(), [""; 0], "{what}");
            remove(&pool);
        }
    }
}
