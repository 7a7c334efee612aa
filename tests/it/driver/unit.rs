//! The driver as a service of systemd: the unit takes away what the driver does not need, and
//! nothing that it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use support::{eventually, has_program, is_root, skip};

use crate::harness::{Driver, Pool};

const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/package");

/// Returns the values of a setting of the service, over all its lines.
fn setting(name: &str) -> Vec<String> {
    let unit = fs::read_to_string(Path::new(PACKAGE).join("systemd/dvol.service")).unwrap();
    let values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// Returns the system calls that systemd's filters `names` let through.
fn calls_of(names: &[String]) -> BTreeSet<String> {
    let listed = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut group = "";
    for line in listed.lines() {
        match line.strip_prefix("    ") {
            Some(member) => groups.entry(group).or_default().push(member.trim()),
            None => group = line.trim(),
        }
    }
    let mut calls = BTreeSet::new();
    let mut open: Vec<&str> = names.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        match groups.get(name) {
            Some(members) => open.extend(members),
            None => drop(calls.insert(name.to_owned())),
        }
    }
    calls
}

#[test]
fn the_driver_does_its_work_with_the_capabilities_and_system_calls_of_its_unit() {
    if !is_root() {
        return;
    }
    if !["strace", "setpriv", "systemd-analyze"].into_iter().all(has_program) {
        return;
    }
    let pool = Pool::with_volume();
    // Files of all kinds, which the driver copies.
    let script = "cd $1 && echo x > f && cp f setuid && chown 12345:12345 f && chmod 4755 setuid \
                  && mknod null c 1 3 && mkfifo fifo && ln f hard && ln -s f soft \
                  && mkdir -m 0 closed && chown 12345 closed && truncate -s 1M sparse";
    let mut shell = pool.command_of("sh");
    shell.args(["-c", script, "sh"]).arg(pool.file("db", ""));
    assert!(shell.status().unwrap().success());
    pool.ok(["commit", "-m", "all kinds"]);

    let capabilities = setting("CapabilityBoundingSet");
    let names = capabilities.iter().map(|name| format!(",+{}", name["CAP_".len()..].to_lowercase()));
    let bounding = format!("-all{}", names.collect::<String>());
    let trace = pool.dir().join("trace");
    let driver = pool.command(["plugin"]);
    let mut command = pool.command_of("strace");
    // The driver keeps the number of the process that is started.
    command.args(["-D", "-f", "-c", "-U", "name", "-o"]).arg(&trace);
    command.args(["setpriv", "--no-new-privs", "--bounding-set", &bounding]);
    command.arg(driver.get_program()).args(driver.get_args());
    let driver = Driver::start_as(&pool, command);
    for (call, body) in [
        ("Create", json!({"Name": "copy", "Opts": {"from": "db"}})),
        ("Get", json!({"Name": "copy"})),
        ("List", json!({})),
        ("Mount", json!({"Name": "copy", "ID": "m"})),
        ("Unmount", json!({"Name": "copy", "ID": "m"})),
        ("Remove", json!({"Name": "copy"})),
        ("Create", json!({"Name": "again", "Opts": {"from": "db"}})),
    ] {
        let answer = driver.call(&format!("VolumeDriver.{call}"), &body);
        assert_eq!(answer["Err"], "", "{call}: {answer}");
    }
    let sums = pool.root().join(".dvol/checksums");
    eventually("the driver has computed the checksums", || {
        fs::read_dir(&sums).is_ok_and(|all| all.count() > 0)
    });
    driver.stop();
    assert_eq!(pool.ok(["diff", "db:HEAD", "again"]), "");
    assert_eq!(fs::metadata(pool.file("again", "setuid")).unwrap().permissions().mode() & 0o7777, 0o4755);

    let text = || fs::read_to_string(&trace).unwrap_or_default();
    eventually("the tracer has ended", || text().contains("renameat2"));
    let allowed = calls_of(&setting("SystemCallFilter"));
    assert!(allowed.contains("renameat2") && !allowed.contains("mount"), "{allowed:?}");
    let used = text();
    // Of the other lines, some say what became of a thread.
    let is_call = |line: &&str| line.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let used = used.lines().map(str::trim).filter(is_call);
    let used = used.filter(|word| !["", "syscall", "total"].contains(word));
    let missing: Vec<&str> = used.filter(|call| !allowed.contains(*call)).collect();
    assert!(missing.is_empty(), "not allowed: {missing:?}");
}

/// Lists the files in a folder of the package, by their names.
fn units_in(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(PACKAGE).join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// Copies a file into a folder; returns where it is.
fn copied(file: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(file.file_name().unwrap());
    fs::copy(file, &copy).unwrap();
    copy
}

/// Asserts that systemd finds no fault with these units, and with the settings in folders beside
/// them.
#[track_caller]
fn verify(options: &[&str], units: &[PathBuf]) {
    let runtime = tempfile::tempdir().unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).args(options).args(units).env("XDG_RUNTIME_DIR", runtime.path());
    let said = String::from_utf8(verify.output().unwrap().stderr).unwrap();
    // The program is not installed here.
    let faults: Vec<&str> = said.lines().filter(|line| !line.contains("/usr/bin/dvol is not exec")).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn the_units_are_such_as_systemd_takes() {
    if !has_program("systemd-analyze") {
        skip("systemd-analyze is not installed");
        return;
    }
    let pool = Pool::empty();
    // The generator's settings go beside the units.
    fs::write(pool.dir().join("default"), "DVOL_POOL='/srv/my \"pool\" of 100%'\n").unwrap();
    let units: Vec<PathBuf> = units_in("systemd").iter().map(|unit| copied(unit, pool.dir())).collect();
    assert_eq!(units.len(), 3, "{units:?}");
    let mut generator = pool.command_of(Path::new(PACKAGE).join("dvol-pool"));
    generator.arg(pool.dir()).env("DVOL_SETTINGS", pool.dir().join("default"));
    assert!(generator.status().unwrap().success());
    assert!(pool.dir().join("dvol.service.d/pool.conf").exists());
    verify(&[], &units);
    let own = units_in("systemd/user");
    assert_eq!(own.len(), 1, "{own:?}");
    verify(&["--user"], &own);
    let service = Path::new(PACKAGE).join("systemd/dvol.service");
    let rated = Command::new("systemd-analyze").args(["security", "--offline=true"]).arg(&service).output();
    let rated = String::from_utf8(rated.unwrap().stdout).unwrap();
    if rated.is_empty() {
        skip("this systemd does not rate units");
        return;
    }
    let level = rated.lines().last().unwrap();
    assert!(level.contains("OK"), "{level}");
}

#[test]
fn the_service_waits_for_the_file_system_of_the_pool_that_is_set() {
    let pool = Pool::empty();
    assert_eq!(setting("RequiresMountsFor"), ["/var/lib/dvol/volumes"]);
    let settings = pool.dir().join("default");
    for (text, path) in [
        ("DVOL_POOL=/srv/dvol\n", Some("/srv/dvol")),
        ("# DVOL_POOL=/no\nDVOL_POOL=/no\nDVOL_LOG=debug\nDVOL_POOL='/srv/my pool' \n", Some("/srv/my pool")),
        ("DVOL_POOL=\"/srv/100%\"\n", Some("/srv/100%%")),
        ("DVOL_POOL=relative\n", None),
        ("DVOL_LOG=debug\n", None),
        ("", None),
    ] {
        fs::write(&settings, text).unwrap();
        let units = tempfile::tempdir_in(pool.dir()).unwrap();
        let mut generator = pool.command_of(Path::new(PACKAGE).join("dvol-pool"));
        generator.arg(units.path()).env("DVOL_SETTINGS", &settings);
        assert!(generator.status().unwrap().success());
        for service in ["dvol", "dvol-pool"] {
            let made = fs::read_to_string(units.path().join(format!("{service}.service.d/pool.conf"))).ok();
            assert_eq!(made, path.map(|path| format!("[Unit]\nRequiresMountsFor=\"{path}\"\n")), "{text}");
        }
    }
}
