//! Sweeps of one verb on the pool of the sweeps, with containers and without.

use support::fake_engine::{Container, Containers, READY_AFTER, Status};

use crate::sweep::{Case, Points, sweep};

/// Sweeps a verb: every fault at every step, and a death at every step of the recovery from it.
pub(crate) fn check(before: &'static [&'static [&'static str]], words: &'static [&'static str]) {
    let runs = sweep(&Case {
        before,
        words,
        containers: Containers::new(),
        points: Points::Steps,
        deep: true,
        ready: None,
    });
    println!("{words:?}: {runs} faults");
}

/// Sweeps a verb that is made of parts that are swept in full elsewhere: a death at each point, and
/// no death in the recovery from it.
pub(crate) fn check_deaths(before: &'static [&'static [&'static str]], words: &'static [&'static str]) {
    let runs = sweep(&Case {
        before,
        words,
        containers: Containers::new(),
        points: Points::Deaths,
        deep: false,
        ready: None,
    });
    println!("{words:?}: {runs} deaths");
}

/// Sweeps a verb inside the transactions of redb.
pub(crate) fn check_inside(words: &'static [&'static str]) {
    let points = Points::InsideTransactions;
    let runs =
        sweep(&Case { before: &[], words, containers: Containers::new(), points, deep: true, ready: None });
    println!("{words:?} inside transactions: {runs} faults");
}

/// Sweeps a verb with containers: one that runs and has a health check, one that a person paused,
/// one that is stopped, and one on another volume. They are stopped and started.
pub(crate) fn check_with_containers(
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    deep: bool,
) {
    let container = |volume, status| Container { volume, status, auto_remove: false };
    let containers = Containers::from([
        (format!("{READY_AFTER}0"), container("db", Status::Running)),
        ("paused".to_owned(), container("db", Status::Paused)),
        ("stopped".to_owned(), container("db", Status::Stopped)),
        ("elsewhere".to_owned(), container("other", Status::Running)),
    ]);
    let runs = sweep(&Case { before, words, containers, points: Points::Steps, deep, ready: None });
    println!("{words:?} with containers: {runs} faults");
}

/// Sweeps a verb with a container that runs and one that the engine deletes when it stops: for
/// words that ask for `--pause`, without which the second is refused.
pub(crate) fn check_with_frozen(before: &'static [&'static [&'static str]], words: &'static [&'static str]) {
    let container = |auto_remove| Container { volume: "db", status: Status::Running, auto_remove };
    let containers =
        Containers::from([("runs".to_owned(), container(false)), ("fleeting".to_owned(), container(true))]);
    let runs = sweep(&Case { before, words, containers, points: Points::Steps, deep: true, ready: None });
    println!("{words:?} with frozen containers: {runs} faults");
}
