//! A dvol that is killed while it holds containers stopped: the driver starts them again, soon and
//! without anybody looking.

use support::containers::{Container, Engine};
use support::{eventually, steps};

/// How often a command may die too early.
const TRIES: usize = 5;

#[test]
fn the_driver_starts_what_a_killed_command_left_stopped() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("orphan", "hello");
    let server = Container::serve(engine, "orphan", "orphan", "");
    let trace = engine.pool().join("trace-of-orphan");
    // As it will be found below, so that the same points are passed.
    engine.sh("docker exec orphan sh -c 'echo world > /data/file'").ok();
    engine.sh(&format!("DVOL_FAULT_TRACE={} dvol reset --hard HEAD orphan", trace.display())).ok();
    let points = steps(&trace);

    // Points are counted from 1: the one after the stop, the one before the start, one in between.
    let find = |word: &str| points.iter().position(|name| name.contains(word));
    let stop = find("stop").unwrap_or_else(|| panic!("no point is named stop: {points:?}")) + 1;
    let start = find("start").unwrap_or_else(|| panic!("no point is named start: {points:?}")) + 1;
    assert!(stop < start, "{points:?}");

    for point in [stop + 1, (stop + 1 + start) / 2, start] {
        // On a busy machine other points may come first, so that it dies before it has stopped
        // anything.
        let has_stopped = (0..TRIES).any(|_| {
            engine.sh("docker exec orphan sh -c 'echo world > /data/file'").ok();
            let _ = std::fs::remove_file(&trace);
            let faulty = format!("DVOL_FAULT_TRACE={} DVOL_FAULT={point}:kill", trace.display());
            let killed = engine.sh(&format!("{faulty} dvol reset --hard HEAD orphan"));
            assert_eq!(killed.code, 137, "{killed}");
            // The last one is where it died.
            steps(&trace).iter().rev().skip(1).any(|name| name.contains("stop"))
        });
        assert!(has_stopped, "nothing was stopped before the point {point}");

        let name = &points[point - 1];
        eventually(&format!("the container runs again after a kill at '{name}'"), || {
            server.state() == "running"
        });
        let (served, on_disk) = (server.served(), engine.on_disk("orphan"));
        assert_eq!(served, on_disk, "after a kill at '{name}'");
        assert!(["hello", "world"].contains(&on_disk.as_str()), "after a kill at '{name}': {on_disk}");
        engine.sh("dvol reset --hard HEAD orphan").ok();
        assert_eq!(server.served(), "hello", "after a kill at '{name}'");
    }
}
