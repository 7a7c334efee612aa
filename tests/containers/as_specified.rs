//! The specification's own way to install: the pool in a volume of the engine, the driver and the
//! command line in containers that have it by `--volumes-from`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::installed::{make_image, static_dvol, walk_through};
use support::containers::Engine;
use support::eventually;

/// What both containers are run with.
fn options(engine: &Engine) -> String {
    format!(
        "--volumes-from dvol-volumes -v /run/docker/plugins:/run/docker/plugins \
         -v {}/docker.sock:/var/run/docker.sock",
        engine.dir().display()
    )
}

/// Runs a container named `driver`, and waits until it serves.
#[track_caller]
fn run_driver(engine: &Engine, options: &str) {
    engine.sh(&format!("docker run -d --restart=always {options} --name=driver dvol dvol plugin")).ok();
    eventually("the driver serves", || driver_log(engine).contains("serving"));
}

fn driver_log(engine: &Engine) -> String {
    engine.sh("docker logs driver 2>&1").stdout
}

/// Writes the wrapper, which wants a terminal, and returns how to run it without one.
fn wrapper(engine: &Engine, options: &str) -> String {
    let text = format!("#!/bin/sh\nexec docker run -ti {options} dvol dvol \"$@\"\n");
    let wrapper = write_script(&engine.dir().join("wrapper"), &text);
    let text = format!(
        "#!/bin/bash\nset -o pipefail\nprintf -v line '%q ' {} \"$@\"\n\
         script -qefc \"$line\" /dev/null </dev/null | sed 's/\\r//g; s/\\x1b\\[[0-9;]*m//g'\n",
        wrapper
    );
    write_script(&engine.dir().join("wrapper-in-terminal"), &text)
}

/// Writes a script, and returns its path.
fn write_script(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("it can be written");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("its mode can be set");
    path.display().to_string()
}

/// What was wrapped for a terminal, on one line.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_specifications_commands_give_a_driver_and_a_command_line_that_work() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    make_image(&engine, &dvol);
    engine.sh("docker create -v /var/lib/dvol --name=dvol-volumes dvol").ok();
    run_driver(&engine, &options(&engine));
    let dvol = wrapper(&engine, &options(&engine));
    let source = "{{range .Mounts}}{{.Source}}{{end}}";
    let source = engine.sh(&format!("docker inspect -f '{source}' dvol-volumes")).ok();
    let pool = PathBuf::from(source).join("volumes");

    walk_through(&engine, &dvol, &pool);

    // The engine and the doctor name the pool where the host has it.
    let point = engine.sh("docker volume inspect -f '{{.Mountpoint}}' shop").ok();
    assert_eq!(PathBuf::from(point), pool.join("shop/running_point"));
    let said = unwrapped(&engine.sh(&format!("{dvol} doctor")).ok());
    assert!(said.contains(&format!("the host has it at {}", pool.display())), "{said}");
    // A doctor on the host looks at a pool of its own.
    let said = engine.sh(&format!("dvol doctor --socket {}", engine.socket().display()));
    assert!(said.stdout.contains("the driver serves another pool"), "{said}");
    // The engine starts the driver again, and asks it before it can answer the driver.
    engine.sh("docker rm -f server").ok();
    engine.restart(&[]);
    let read = "docker run --rm --network none -v shop:/data --volume-driver=dvol busybox cat /data/file";
    eventually("the driver is back", || engine.sh(read).code == 0);
    assert_eq!(engine.sh(read).ok(), "hello");
}

/// The commands of `dvol help install` for containers: how to install, and the command line.
fn commands_of_help(engine: &Engine) -> [String; 2] {
    let page = include_str!("../../src/cli/help/topics/install.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Container\n"));
    let mut blocks = section.expect("the section is there").split("```\n").skip(1).step_by(2);
    let socket = format!("-v {}/docker.sock:", engine.dir().display());
    // Where this engine listens; and the image is made without the Dockerfile's build.
    [(); 2].map(|()| {
        let block = blocks.next().expect("a block of commands");
        let block = block.replace("-v /var/run/docker.sock:", &socket);
        block.replace("docker build -t dvol .\n", "")
    })
}

#[test]
fn the_commands_of_the_help_topic_and_the_readme_work() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    make_image(&engine, &dvol);
    let [install, script] = commands_of_help(&engine);
    engine.sh(&install).ok();
    let dvol = write_script(&engine.dir().join("wrapper"), &script);
    eventually("the driver serves", || engine.sh("docker logs dvol 2>&1").stdout.contains("serving"));
    engine.sh(&format!("{dvol} init shop")).ok();
    let run = "docker run --rm --network none -v shop:/data --volume-driver=dvol busybox";
    engine.sh(&format!("{run} sh -c 'echo hello > /data/file'")).ok();
    engine.sh(&format!("{dvol} commit -m Hello shop")).ok();
    // Its input and output need no terminal.
    assert!(engine.sh(&format!("{dvol} --format json log shop </dev/null")).ok().contains("Hello"));

    let words = |text: &str| text.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = words(include_str!("../../README.md"));
    let page = words(include_str!("../../src/cli/help/topics/install.md"));
    for command in ["docker create -v ", "docker run -d --restart=always ", "exec docker run --rm "] {
        let command_in = |text: &str| {
            let rest = text.split(command).nth(1).expect("the command is there");
            rest.split(" ```").next().unwrap_or_default().split(" docker run ").next().map(str::to_owned)
        };
        assert_eq!(command_in(&readme), command_in(&page), "{command}");
    }
}

#[test]
fn a_driver_whose_pool_no_container_can_reach_says_what_to_type() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    make_image(&engine, &dvol);
    engine.sh("docker create -v /var/lib/dvol --name=dvol-volumes dvol").ok();
    let whole = options(&engine);
    let without_volume = whole.replace("--volumes-from dvol-volumes", "");
    let without_socket = whole.split(" -v ").take(2).collect::<Vec<_>>().join(" -v ");
    for (options, reason, remedy) in [
        (without_volume, "alone, where the engine cannot mount", "docker create -v /var/lib/dvol"),
        (without_socket, "cannot find the pool", "-v /var/run/docker.sock:/var/run/docker.sock"),
    ] {
        run_driver(&engine, &options);
        let log = driver_log(&engine);
        assert!(log.contains(reason) && log.contains(remedy), "{log}");
        let said =
            engine.sh("docker run --rm --network none -v shop:/data --volume-driver=dvol busybox true");
        assert!(said.code != 0 && said.stderr.contains(reason) && said.stderr.contains(remedy), "{said}");
        let said = engine.sh(&format!("{} doctor", wrapper(&engine, &options)));
        assert_eq!(said.code, 1, "{said}");
        let words = unwrapped(&said.stdout);
        assert!(words.contains(reason) || words.contains("cannot reach the container engine"), "{said}");
        assert!(words.contains(remedy), "{said}");
        engine.sh("docker rm -f driver").ok();
    }
}
