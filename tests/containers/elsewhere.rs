//! A name that the engine has from another driver: no container would reach a volume of dvol's.

use support::containers::Engine;

#[test]
fn a_name_of_another_driver_is_refused_or_told() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("docker volume create oldpg").ok();
    engine.sh("docker run --rm -v oldpg:/x busybox sh -c 'echo kept > /x/file'").ok();
    engine.volume_with("elsewhere", "hello");
    engine.sh("dvol export elsewhere $DVOL_POOL/../elsewhere.tar").ok();

    for command in [
        "dvol init oldpg",
        "dvol clone elsewhere oldpg",
        "dvol import --from-docker oldpg",
        "dvol import $DVOL_POOL/../elsewhere.tar oldpg",
        "dvol rename elsewhere oldpg",
    ] {
        let said = engine.sh(command);
        assert_eq!(said.code, 1, "{command}: {}", said.stderr);
        assert!(said.stderr.contains("of that name from driver local"), "{command}: {}", said.stderr);
        assert!(said.stderr.contains("dvol import --from-docker oldpg NEW"), "{command}: {}", said.stderr);
        assert!(!engine.sh("dvol list").ok().contains("oldpg"), "{command}");
    }
    // What dvol's own driver has is no other's.
    let own = engine.sh("dvol init elsewhere");
    assert!(own.stderr.contains("volume elsewhere already exists"), "{}", own.stderr);

    // Where no engine was asked, commit, status and doctor say so.
    engine.sh("docker volume create hidden_pg; dvol --disable-docker-integration init hidden_pg").ok();
    for command in ["dvol commit -m one hidden_pg", "dvol status hidden_pg"] {
        let said = engine.sh(command);
        assert_eq!(said.code, 0, "{command}: {}", said.stderr);
        let warning = "warning: the engine has a volume hidden_pg of driver local: containers use that one";
        assert!(said.stderr.contains(warning), "{command}: {}", said.stderr);
        assert!(said.stderr.contains("dvol rename hidden_pg NEW"), "{command}: {}", said.stderr);
    }
    assert!(engine.sh("dvol doctor").stdout.contains("a volume hidden_pg of driver local"));
    // A second import of what is still the engine's is no volume of dvol's.
    engine.sh("dvol import --from-docker hidden_pg other").ok();
    engine.sh("for name in other hidden_pg elsewhere; do dvol rm -f $name; done").ok();
    engine.sh("docker volume rm oldpg hidden_pg").ok();
}
