//! An ordinary Docker volume is taken over, its container stopped meanwhile.

use support::containers::{Container, Engine};

#[test]
fn an_ordinary_volume_becomes_one_of_ours() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("taken_server", "hello");
    engine.sh("docker volume create taken_plain").ok();
    let server = Container::serve(
        engine,
        "taken",
        "taken_server",
        "--mount type=volume,src=taken_plain,dst=/plain,volume-driver=local",
    );
    engine.sh("docker exec taken sh -c 'echo kept > /plain/file'").ok();
    let before = server.started();

    let said = engine.sh("dvol import --from-docker taken_plain taken_over");
    assert_eq!(said.code, 0, "{}", said.stderr);
    for hint in [
        "recreate taken: docker run -v taken_over:PATH --volume-driver=dvol",
        "until then they write to the engine's volume taken_plain",
        "docker volume rm taken_plain",
    ] {
        assert!(said.stderr.contains(hint), "{}", said.stderr);
    }

    assert!(server.started() > before, "the container wrote while its volume was copied");
    assert_eq!(server.state(), "running");
    assert_eq!(engine.on_disk("taken_over"), "kept");
    let log = engine.sh("dvol log taken_over --format '{subject}'").ok();
    assert_eq!(log, "Import of volume taken_plain of driver local");
    assert!(engine.sh("docker volume ls -q").ok().contains("taken_plain"), "the old volume stays");
    let own = engine.sh("dvol import --from-docker taken_server other");
    assert_eq!(own.code, 1);
    assert!(own.stderr.contains("dvol clone taken_server"), "{}", own.stderr);
    engine.sh("dvol rm -f taken_over").ok();
}

/// What a container was made with, apart from its volume.
fn made_with(engine: &Engine, name: &str) -> String {
    let what = "{{.Config.Env}} {{.Config.Cmd}} {{.Config.Labels}} {{.HostConfig.RestartPolicy}} \
                {{.HostConfig.Memory}} {{.HostConfig.Binds}} {{.HostConfig.NetworkMode}}";
    let text = engine.sh(&format!("docker inspect -f '{what}' {name}")).ok();
    // An engine lists binds in any order.
    ["swap_old:/data ", " swap_old:/data"].iter().fold(text, |text, bind| text.replace(bind, ""))
}

#[test]
fn containers_are_made_again_on_the_new_volume() {
    let Some(engine) = Engine::shared() else { return };
    let run = "docker run -d --init --name swapped -e WHO=me --label own=yes --memory 32m --restart unless-stopped \
               -v swap_old:/data -v /tmp:/host:ro busybox sh -c 'while :; do date > /data/now; sleep 0.1; done'";
    engine.sh(run).ok();
    engine.sh("docker create --name swapped_idle --mount type=volume,src=swap_old,dst=/in,readonly busybox ls /in").ok();
    let before = made_with(engine, "swapped");

    let said = engine.sh("dvol import --from-docker swap_old swap_new --replace");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("container swapped uses volume swap_new"), "{}", said.stderr);
    assert!(
        said.stderr.contains("docker rm swapped_before_dvol swapped_idle_before_dvol")
            || said.stderr.contains("docker rm swapped_idle_before_dvol swapped_before_dvol"),
        "{}",
        said.stderr
    );
    assert_eq!(made_with(engine, "swapped"), before);
    let state = |name: &str| engine.sh(&format!("docker inspect -f '{{{{.State.Status}}}}' {name}")).ok();
    assert_eq!(
        ["swapped", "swapped_before_dvol", "swapped_idle"].map(state),
        ["running", "exited", "created"]
    );
    assert!(engine.sh("docker start -a swapped_idle").ok().contains("now"));
    assert!(
        engine.sh("docker inspect -f '{{range .Mounts}}{{.RW}} {{end}}' swapped_idle").ok().contains("false")
    );

    // What it writes is dvol's, and dvol holds it.
    engine.sh("dvol commit -m two swap_new").ok();
    engine.sh("docker exec swapped sh -c 'echo more > /data/more'").ok();
    assert!(engine.sh("dvol status --short swap_new").ok().contains("A more"));
    engine.sh("dvol reset --hard HEAD swap_new").ok();
    assert!(!engine.pool().join("swap_new/running_point/more").exists());

    engine.sh("docker rm -f swapped swapped_idle swapped_before_dvol swapped_idle_before_dvol").ok();
    engine.sh("dvol rm -f swap_new; docker volume rm swap_old").ok();
}

#[test]
fn no_container_is_made_again_where_one_cannot_be() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("docker run -d --init --name kept_plain -v kept_old:/data busybox sleep 1000").ok();
    let project = "--label com.docker.compose.project=shop --label com.docker.compose.service=db";
    engine
        .sh(&format!(
            "docker run -d --init --name kept_composed {project} -v kept_old:/data busybox sleep 1000"
        ))
        .ok();
    let said = engine.sh("dvol import --from-docker kept_old kept_new --replace");
    assert_eq!(said.code, 0, "{}", said.stderr);
    for text in [
        "cannot recreate container kept_composed: compose made it",
        "recreate kept_plain: docker run -v kept_new:PATH",
        "recreate kept_composed: in the compose file, give the volume 'name: kept_new'",
    ] {
        assert!(said.stderr.contains(text), "{}", said.stderr);
    }
    for name in ["kept_plain", "kept_composed"] {
        let what = "{{.State.Status}} {{range .Mounts}}{{.Name}}{{end}}";
        assert_eq!(engine.sh(&format!("docker inspect -f '{what}' {name}")).ok(), "running kept_old");
    }

    // The engine refuses: all is as it was.
    engine.sh("docker rm -f kept_composed && docker run -d --init --name kept_second -v kept_old:/data busybox sleep 1000").ok();
    engine.sh("docker create --name kept_plain_before_dvol busybox true").ok();
    let said = engine.sh("dvol import --from-docker kept_old kept_again --replace");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("cannot recreate container kept_plain"), "{}", said.stderr);
    for name in ["kept_plain", "kept_second"] {
        let what = "{{.State.Status}} {{range .Mounts}}{{.Name}}{{end}}";
        assert_eq!(engine.sh(&format!("docker inspect -f '{what}' {name}")).ok(), "running kept_old");
    }
    engine.sh("docker rm -f kept_plain kept_second kept_plain_before_dvol").ok();
    engine.sh("dvol rm -f kept_new; dvol rm -f kept_again; docker volume rm kept_old").ok();
}
