//! A dvol that is killed while it holds containers stopped: the driver starts them again, soon and
//! without anybody looking.

use support::containers::{Container, Engine};
use support::{eventually, steps};

/// The point before the first container is stopped.
const STOP: &str = "container.stop";

#[test]
fn the_driver_starts_what_a_killed_command_left_stopped() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("orphan", "hello");
    let server = Container::serve(engine, "orphan", "orphan", "");
    let trace = engine.pool().join("trace-of-orphan");
    // As it will be found below, so that the same points are passed.
    engine.sh("docker exec orphan sh -c 'echo world > /data/file'").ok();
    engine.sh(&format!("DVOL_FAULT_TRACE={} dvol reset --hard HEAD orphan", trace.display())).ok();
    // From the point after the stop to the one before the start. Points are counted from the stop:
    // before it, dvol may clear up after what other journeys killed in this pool.
    let points: Vec<String> = steps(&trace).into_iter().skip_while(|name| name != STOP).collect();
    let start = points.iter().position(|name| name == "container.start");
    let start = start.unwrap_or_else(|| panic!("nothing was stopped and started: {points:?}"));

    for point in [1, start.div_ceil(2), start] {
        engine.sh("docker exec orphan sh -c 'echo world > /data/file'").ok();
        let killed = engine.sh(&format!("DVOL_FAULT={STOP}+{point}:kill dvol reset --hard HEAD orphan"));
        assert_eq!(killed.code, 137, "{killed}");

        let name = &points[point];
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
