//! Hints for a pool without space: the commands that free some, each with how much.

use crate::model::{Keep, count, format_size};
use crate::ops::{self, Chosen};
use crate::pool::Pool;

/// Names the command that shows where space goes.
pub(super) const LOOK: &str = "see what takes the space: dvol du --all";

/// Names the commands that free space in the pool, those that lose least first.
pub(super) fn ways(pool: &Pool) -> Vec<String> {
    let mut found = Vec::new();
    let freed = |all| ops::gc(pool, None, all, true).map(|collected| collected.bytes).unwrap_or_default();
    let (expired, trash) = (freed(false), freed(true));
    if expired > 0 {
        found.push(format!("free {} of expired trash: dvol gc", format_size(expired)));
    }
    if trash > expired {
        let size = format_size(trash);
        found.push(format!("free {size}, after which no earlier operation can be undone: dvol gc --all"));
    }
    found.extend(old_commits(pool));
    if let Ok(image) = pool.layout().image().metadata() {
        let larger = typed_size(image.len().saturating_mul(2));
        found
            .push(format!("make the pool's image larger, while all goes on: dvol pool grow --size {larger}"));
    }
    found.push(format!("{LOOK}; free all of a volume: dvol rm --purge VOLUME"));
    found
}

/// Writes a size as a person types it: in whole units, rounded up.
fn typed_size(bytes: u64) -> String {
    let units = [(1_u64 << 40, 'T'), (1 << 30, 'G')];
    let whole = units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    let (unit, letter) = whole.unwrap_or((1 << 20, 'M'));
    format!("{}{letter}", bytes.div_ceil(unit))
}

/// Names the command that frees most by forgetting all but the newest commit of a volume.
fn old_commits(pool: &Pool) -> Option<String> {
    let keep = Chosen::Beyond(Keep { last: 1, ..Keep::default() });
    let volumes = pool.store().read(|rows| rows.volumes()).ok()?;
    let forgotten =
        volumes.iter().filter_map(|volume| ops::forget(pool, Some(&volume.name), &keep, true, false).ok());
    let most = forgotten.filter(|done| done.bytes > 0).max_by_key(|done| done.bytes)?;
    let (size, volume) = (format_size(most.bytes), most.volume);
    let commits = count(most.commits.len(), "old commit");
    Some(format!(
        "free {size} of {commits}; the log still shows them: \
         dvol forget --keep-last 1 {volume} && dvol gc --all {volume}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::parse_size;

    #[test]
    fn a_size_can_be_typed_back() {
        for (bytes, text) in [(100 << 30, "100G"), (2 << 40, "2T"), (5 << 39, "2560G"), (600 << 20, "600M")] {
            assert_eq!(typed_size(bytes), text);
            assert_eq!(parse_size(text), Some(bytes));
        }
        assert_eq!(typed_size((1 << 20) + 1), "2M");
    }
}
