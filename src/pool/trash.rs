//! Trash: what reset, `rm` and `branch -d` dropped, one directory an operation, kept for a while.

use super::settings::{Setting, parse_age};
use super::{Error, Pool};
use crate::model::OperationId;
use crate::sys::{disk, tree};

/// Deletes what has been in trash longer than `trash.keep`. Only clears up, so a failure is left
/// to the next time.
pub(super) fn expire(pool: &Pool) {
    let _ = try_expire(pool);
}

fn try_expire(pool: &Pool) -> Result<(), Error> {
    let trash = pool.layout.trash();
    let names = disk::names_in(&trash)?;
    if names.is_empty() {
        return Ok(());
    }
    let keep = pool.store.read(|rows| Setting::find("trash.keep")?.value(&rows, None))?;
    let keep = parse_age(&keep).unwrap_or(i64::MAX);
    for name in names {
        let path = trash.join(&name);
        // The directory was made when the operation retired its trees, and changed last then.
        let age = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
        let (Ok(time), true) = (age, name.to_str().is_some_and(|n| n.parse::<OperationId>().is_ok())) else {
            continue;
        };
        let since = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros());
        if i128::from(pool.now().micros) - i128::try_from(since).unwrap_or(0) > i128::from(keep) {
            tree::remove_tree(&path)?;
        }
    }
    Ok(())
}
