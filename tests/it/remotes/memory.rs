//! The limits that a push sets to the memory of the C library.

use std::fs;

use super::Team;
use super::cheap::PASSWORD;
use crate::harness::Said;

/// The variable that says to glibc what it keeps.
const TUNABLES: &str = "GLIBC_TUNABLES";

#[test]
fn a_push_limits_what_freed_memory_is_kept_and_no_other_program_hears_of_it() {
    let team = Team::new();
    let (of_dvol, of_child) = (team.here.dir().join("of-dvol"), team.here.dir().join("of-child"));
    let command = format!(
        "tr '\\0' '\\n' </proc/$PPID/environ >'{}'; env >'{}'; echo {}",
        of_dvol.display(),
        of_child.display(),
        PASSWORD.trim_end()
    );
    let url = team.url();
    let push = |set: Option<&str>| {
        let words = ["push", "-y", &url, "master", "--password-command", &command];
        let mut push = team.here.command(words);
        if let Some(set) = set {
            push.env(TUNABLES, set);
        }
        Said::from(push.output().unwrap()).ok();
        [&of_dvol, &of_child].map(|file| {
            let variables = fs::read_to_string(file).unwrap();
            let find = |line: &str| Some(line.strip_prefix(TUNABLES)?.strip_prefix('=')?.to_owned());
            variables.lines().find_map(find)
        })
    };
    let [of_dvol, of_child] = push(None);
    let limits = of_dvol.expect("dvol has limits");
    assert!(limits.contains("glibc.malloc.mmap_threshold="), "{limits}");
    assert_eq!(of_child, None);
    let own = "glibc.malloc.tcache_count=5";
    assert_eq!(push(Some(own)), [Some(own.to_owned()), Some(own.to_owned())]);
}
