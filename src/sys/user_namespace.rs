//! The user namespace of this process.

use std::fs;

/// Returns whether this process runs in a user namespace of its own, where root is not the host's.
pub fn is_own() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_whole(&map))
}

/// Returns whether a map gives each number of the host to itself.
fn is_whole(map: &str) -> bool {
    map.split_whitespace().collect::<Vec<_>>() == ["0", "0", "4294967295"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_all_numbers_is_the_hosts() {
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!is_whole("         0       1000          1\n         1     100000      65536\n"));
    }
}
