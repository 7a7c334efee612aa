//! Other processes, as `/proc` shows them.

use std::fs;

/// Returns when a process started, in clock ticks since the machine did, if it still runs. With its
/// pid that names the process: no later one has both.
pub fn started(pid: u32) -> Option<u64> {
    start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads the start time from a process's `stat` (proc(5)); `None` if it has ended.
fn start_time(stat: &str) -> Option<u64> {
    // The name of the program may hold spaces and parentheses.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    // A dead one may wait forever for its parent.
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_is_read_and_a_dead_one_has_none() {
        let stat = |state: &str| {
            format!("7 (a) b) {state} 1 7 7 0 -1 4194304 103 0 0 0 0 0 0 0 20 0 1 0 4711 2355200 90 0")
        };
        assert_eq!(start_time(&stat("S")), Some(4711));
        assert_eq!(start_time(&stat("Z")), None);
        assert!(started(std::process::id()).is_some());
        assert_eq!(started(u32::MAX), None);
    }
}
