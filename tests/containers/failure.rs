//! An operation that fails while containers are held: nothing is changed, and every container
//! that was stopped for it runs again.

use std::fs;
use std::time::{Duration, SystemTime};

use support::containers::{Container, Engine};
use support::{eventually, steps};

/// The point before the first container is stopped.
const STOP: &str = "container.stop";

/// A verb, and what undoes it when it succeeds.
const VERBS: [(&str, &str); 3] = [
    ("commit -m Failing", "dvol reset --hard HEAD~1 fails"),
    ("reset --hard HEAD", "true"),
    ("checkout -b failing HEAD", "dvol checkout master fails && dvol branch -D failing fails"),
];

#[test]
fn whatever_fails_the_containers_that_were_stopped_run_again() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("fails", "hello");
    let first = Container::serve(engine, "fails_first", "fails", "");
    let second = Container::serve(engine, "fails_second", "fails", "");
    // However long it takes until it is looked at, it is too young to be copied before the
    // containers are stopped, so that the same points are passed each time.
    let write = |text: &str| {
        engine.write("fails", text);
        let file = fs::File::options().write(true).open(engine.running_point("fails").join("file"));
        let late = SystemTime::now() + Duration::from_secs(3600);
        file.expect("it was just written").set_modified(late).expect("a file has a time");
    };
    for (verb, undo) in VERBS {
        // A change both times: a checkout from a clean tree passes more points.
        write("other");
        let trace = engine.pool().join("trace-of-fails");
        let _ = fs::remove_file(&trace);
        engine.sh(&format!("DVOL_FAULT_TRACE={} dvol {verb} -C fails", trace.display())).ok();
        engine.sh(undo).ok();
        write("world");
        let before = engine.sh("dvol log fails --format json").ok();

        // From the second stop to the commit point. A commit has started its containers by then.
        // Points are counted from the first stop: before it, dvol may clear up after what other
        // journeys killed in this pool.
        let points: Vec<String> = steps(&trace).into_iter().skip_while(|name| name != STOP).collect();
        assert!(!points.is_empty(), "a container was stopped");
        let publish = points.iter().position(|name| name == "records.sync").expect("it is published") + 1;
        assert_eq!(points[publish], "metadata.commit", "{points:?}");

        for point in [1, publish.div_ceil(2), publish] {
            let outcome = engine.sh(&format!("DVOL_FAULT={STOP}+{point}:EIO dvol {verb} -C fails"));
            let at = format!("{verb} at '{}'", points[point]);
            assert_eq!(outcome.code, 1, "{at}: {outcome}");
            assert_eq!((first.state().as_str(), second.state().as_str()), ("running", "running"), "{at}");
            assert_eq!(engine.sh("dvol log fails --format json").ok(), before, "{at}");
            assert_eq!(engine.sh("dvol branch fails").ok().trim(), "* master", "{at}");
            assert_eq!(engine.on_disk("fails"), "world", "{at}");
            // Both answer, whether or not they were stopped before it failed.
            first.served();
            second.served();
        }
    }
    // It also clears up after what other journeys kill in this pool, and says so the first time.
    eventually("fsck finds nothing", || engine.sh("dvol fsck fails").code == 0);
}
