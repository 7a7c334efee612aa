//! The pool is not there, as where its file system is not mounted at boot: the engine must not make
//! local volumes of the same names, into which data would go from then on.

use std::fs;

use rustix::process::Signal;

use support::containers::{Container, Engine};

#[test]
fn while_the_pool_is_missing_the_engine_makes_no_local_volume_of_its_names() {
    let Some(engine) = Engine::of_its_own() else { return };
    engine.volume_with("kept", "hello");
    let server = Container::serve(&engine, "kept", "kept", "");
    engine.sh("docker stop kept").ok();
    let away = engine.dir().join("away");

    for restart in [false, true] {
        if restart {
            engine.end_driver(Signal::TERM);
        }
        fs::rename(engine.pool(), &away).expect("it can be renamed");
        fs::create_dir(engine.pool()).expect("it can be made");
        if restart {
            // As after a boot.
            engine.start_driver();
            engine.restart(&[]);
        }
        for line in [
            "docker run --rm -v kept:/data busybox touch /data/lost",
            "docker run --rm -v kept:/data --volume-driver=dvol busybox touch /data/lost",
            "docker start kept",
            "docker volume create -d dvol another",
        ] {
            let said = engine.sh(line);
            assert!(said.code != 0 && said.stderr.contains("may not be mounted"), "{line}: {}", said.stderr);
        }
        // Where the list of the driver is another's, the engine remembers.
        let said = engine.sh("STATE_DIRECTORY=$PWD/elsewhere dvol init another").refused();
        assert!(said.contains("the engine knows its volume kept") && said.contains("--new-pool"), "{said}");
        let listed = engine.sh("docker volume ls --format '{{.Driver}} {{.Name}}'").ok();
        assert_eq!(listed, "dvol kept");
        // Volumes of other drivers are not in the way.
        engine.sh("docker run --rm -v other:/data -v /anonymous busybox touch /data/file").ok();
        engine.sh("docker volume rm other").ok();
        fs::remove_dir(engine.pool()).expect("nothing was made in it");
        fs::rename(&away, engine.pool()).expect("it can be renamed");
        engine.sh("docker start kept").ok();
        assert_eq!(server.served(), "hello");
        engine.sh("docker stop kept").ok();
    }
    assert_eq!(engine.sh("ls $DVOL_POOL/kept/running_point/").ok(), "file");
}
