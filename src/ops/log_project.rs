//! `log` of a compose project: merge the logs of its volumes. A commit of several volumes is listed
//! once.

use std::collections::{HashMap, VecDeque};

use super::log::{Log, LogEntry, LogRequest, LogStart, log, named_volume};
use crate::error::Error;
use crate::model::{CommitId, ProjectName};
use crate::pool::Pool;

/// By what factor the search goes deeper when the newest few commits were not enough.
const DEPTH_FACTOR: usize = 8;

/// Lists the commits of all volumes of `project` that `request` asks for.
///
/// # Errors
/// As [`log`], and when no volume belongs to the project.
pub fn log_project(pool: &Pool, project: &ProjectName, request: &LogRequest) -> Result<Log, Error> {
    let volumes = pool.volumes_of_project(project)?;
    if let (Some(_), LogStart::Revision(revision)) = (named_volume(&request.start), &request.start) {
        return Err(Error::OtherVolume { revision: revision.to_string(), volume: volumes[0].clone() });
    }
    // The newest commits of each volume are enough, unless one of them lies deeper in another
    // volume.
    let mut depth = request.most;
    let (logs, merged) = loop {
        let logs = volumes.iter().map(|volume| {
            let request = LogRequest { volume: Some(volume.clone()), ..request.clone() };
            log(pool, &LogRequest { most: depth, reverse: false, detailed: false, ..request })
        });
        let logs = logs.collect::<Result<Vec<_>, _>>()?;
        let entries = logs.iter().map(|log| log.entries.iter().cloned().collect()).collect();
        let merged = merge(entries, request.most);
        match depth {
            Some(reached) if lies_deeper(pool, &merged, &logs, reached)? => {
                depth = reached.checked_mul(DEPTH_FACTOR);
            }
            _ => break (logs, merged),
        }
    };
    let current = logs[0].current.clone();
    let is_common = logs.iter().all(|log| log.current == current);
    let mut entries = Vec::new();
    for parts in merged {
        let mut entry = joined(&parts);
        entry.head &= is_common;
        entries.push(entry);
    }
    if request.reverse {
        entries.reverse();
    }
    Ok(Log { volume: volumes[0].clone(), current, entries })
}

/// Returns whether a volume whose log was cut off after `depth` commits has one of these commits
/// deeper.
fn lies_deeper(pool: &Pool, merged: &[Vec<LogEntry>], logs: &[Log], depth: usize) -> Result<bool, Error> {
    let cut: Vec<&Log> = logs.iter().filter(|log| log.entries.len() == depth).collect();
    pool.store().read(|rows| {
        for id in merged.iter().map(|parts| &parts[0].id) {
            for log in &cut {
                let is_shown = log.entries.iter().any(|entry| entry.id == *id);
                if !is_shown && rows.commit(&rows.owner(&log.volume)?, id)?.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    })
}

/// Merges logs: the newest commit of all first, but none before one that follows it in the log of a
/// volume. Commits with one id are merged.
fn merge(mut logs: Vec<VecDeque<LogEntry>>, most: Option<usize>) -> Vec<Vec<LogEntry>> {
    let mut waiting: HashMap<CommitId, usize> = HashMap::new();
    for entry in logs.iter().flatten() {
        *waiting.entry(entry.id.clone()).or_default() += 1;
    }
    let mut merged = Vec::new();
    while merged.len() < most.unwrap_or(usize::MAX) {
        let fronts = || logs.iter().filter_map(VecDeque::front);
        let is_free = |entry: &&LogEntry| {
            fronts().filter(|other| other.id == entry.id).count()
                == waiting.get(&entry.id).copied().unwrap_or(0)
        };
        let newest = fronts().filter(is_free).max_by_key(|entry| entry.date.micros);
        // The logs of a healthy pool never contradict each other; those of a damaged pool are shown
        // as well.
        let newest = newest.or_else(|| fronts().max_by_key(|entry| entry.date.micros));
        let Some(id) = newest.map(|entry| entry.id.clone()) else { break };
        let at_front = logs.iter_mut().filter(|log| log.front().is_some_and(|entry| entry.id == id));
        let parts: Vec<LogEntry> = at_front.filter_map(VecDeque::pop_front).collect();
        waiting.entry(id).and_modify(|count| *count -= parts.len());
        merged.push(parts);
    }
    merged
}

/// Merges a commit's parts in several volumes.
fn joined(parts: &[LogEntry]) -> LogEntry {
    let mut entry = parts[0].clone();
    entry.volumes = parts.iter().map(|part| part.volume.clone()).collect();
    entry.head = parts.iter().all(|part| part.head);
    for part in &parts[1..] {
        entry.branches.extend(part.branches.iter().cloned());
        entry.tags.extend(part.tags.iter().cloned());
    }
    entry.branches.sort();
    entry.branches.dedup();
    entry.tags.sort();
    entry.tags.dedup();
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Instant, Signature, VolumeName};

    /// Makes a log of `volume` from the number of each commit and the minute when it was made.
    fn entries(volume: &str, commits: &[(u8, i64)]) -> VecDeque<LogEntry> {
        let entry = |(id, minute): &(u8, i64)| LogEntry {
            volume: volume.parse().unwrap(),
            id: format!("{id:032x}").parse().unwrap(),
            parent: None,
            message: String::new(),
            author: Signature { name: String::new(), email: String::new() },
            date: Instant { micros: minute * 60_000_000, offset: 0 },
            code: None,
            made_on: None,
            branches: Vec::new(),
            tags: Vec::new(),
            head: false,
            dropped: false,
            forgotten: false,
            remote_refs: Vec::new(),
            at: Vec::new(),
            volumes: Vec::new(),
            changes: None,
            size: None,
            directory: None,
        };
        commits.iter().map(entry).collect()
    }

    fn merged(most: Option<usize>, logs: Vec<VecDeque<LogEntry>>) -> Vec<String> {
        let told = |parts: Vec<LogEntry>| {
            let entry = joined(&parts);
            let volumes: Vec<_> = entry.volumes.iter().map(VolumeName::as_str).collect();
            format!("{} {}", entry.id.as_str().trim_start_matches('0'), volumes.join(","))
        };
        merge(logs, most).into_iter().map(told).collect()
    }

    #[test]
    fn what_was_made_at_once_stands_once_and_in_the_order_of_each_volume() {
        let cache = || entries("cache", &[(5, 50), (3, 30), (1, 10)]);
        let db = || entries("db", &[(5, 50), (4, 40), (1, 10)]);
        assert_eq!(merged(None, vec![cache(), db()]), ["5 cache,db", "4 db", "3 cache", "1 cache,db"]);
        assert_eq!(merged(Some(2), vec![cache(), db()]), ["5 cache,db", "4 db"]);
        // An invented date does not move a commit before one that follows it.
        let late = entries("late", &[(4, 5), (1, 10)]);
        assert_eq!(merged(None, vec![entries("db", &[(1, 10)]), late]), ["4 late", "1 db,late"]);
        // Logs that contradict each other are merged all the same.
        let (one, two) = (entries("one", &[(1, 10), (2, 20)]), entries("two", &[(2, 20), (1, 10)]));
        assert_eq!(merged(None, vec![one, two]).len(), 3);
    }
}
