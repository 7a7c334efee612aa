//! One page of the graph of a history, in the order of `log --graph`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::log::{Log, LogStart, Names, finished, starts};
use crate::error::Error;
use crate::model::{CommitId, VolumeName};
use crate::pool::{History, Lines, Pool, existing};

/// Some commits of a history, and what its graph needs of those before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The commits of the page.
    pub log: Log,
    /// Those before them in the same order, each with its parent.
    pub above: Vec<(CommitId, Option<CommitId>)>,
    /// Whether more come after them.
    pub is_more: bool,
}

/// Lists `most` commits of a volume's graph after the first `skip`. `lines` keeps what does not
/// change from one call to the next, so that a further call reads little more than it returns.
///
/// # Errors
/// When the volume or the start does not exist, or the metadata cannot be read.
pub fn log_page(
    pool: &Pool,
    volume: &VolumeName,
    start: &LogStart,
    (skip, most): (usize, usize),
    lines: &mut Lines,
) -> Result<LogPage, Error> {
    pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let names = Names::read(&rows, &record)?;
        let mut history = History::new(rows, record.owner());
        let (starts, hidden) = starts(pool, &rows, &mut history, &record, &names, start)?;
        debug_assert_eq!(hidden, BTreeSet::new(), "a page has no range");
        let (mut entries, mut above, mut is_more) = (Vec::new(), Vec::new(), false);
        lines.walk(&mut history, &starts, &hidden, &mut |history, id, parent| {
            if above.len() < skip {
                above.push((id.clone(), parent.cloned()));
            } else if entries.len() < most {
                entries.extend(history.get(id)?.map(|commit| names.entry(commit)));
            } else {
                is_more = true;
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let log = finished(&rows, &history, record, entries)?;
        Ok(LogPage { log, above, is_more })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::containers::NoContainers;
    use crate::layout::Layout;
    use crate::model::{Instant, Signature};
    use crate::ops::{self, CommitRequest, Surroundings};
    use crate::pool::Options;
    use crate::sys::clock::SystemClock;
    use crate::sys::ids::RandomIds;

    #[test]
    fn a_further_page_reads_only_what_is_new() {
        let home = tempfile::tempdir().unwrap();
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let options = Options::new(Arc::new(NoContainers), clock, ids);
        let pool = Pool::new(Layout::new(home.path().join("pool")), options);
        let volume: VolumeName = "db".parse().unwrap();
        ops::init(&pool, &volume).unwrap();
        let commit = |minute: i64| {
            let date = Some(Instant { micros: minute * 60_000_000, offset: 0 });
            let request = CommitRequest {
                volume: Some(volume.clone()),
                message: minute.to_string(),
                author: None,
                date,
            };
            let author = Signature { name: "Ada".to_owned(), email: String::new() };
            ops::commit(&pool, &request, || Surroundings { author, code: None }).unwrap();
        };
        let mut lines = Lines::default();
        let mut page = |skip, most| {
            let page = log_page(&pool, &volume, &LogStart::All, (skip, most), &mut lines).unwrap();
            let messages: Vec<String> = page.log.entries.into_iter().map(|entry| entry.message).collect();
            (messages.join(" "), page.above.len(), page.is_more, lines.reads())
        };
        assert_eq!(page(0, 2), (String::new(), 0, false, 0));
        (1..=5).for_each(&commit);
        assert_eq!(page(0, 2), ("5 4".to_owned(), 0, true, 5));
        assert_eq!(page(2, 2), ("3 2".to_owned(), 2, true, 5));
        assert_eq!(page(4, 2), ("1".to_owned(), 4, false, 5));
        commit(6);
        assert_eq!(page(0, 2), ("6 5".to_owned(), 0, true, 6));
    }
}
