//! Renaming a volume: its rows move to the new name, a few at a time, so that memory does not grow
//! with the history. The second copy notes the two names and no row; whoever reads it moves the
//! rows again, by the same rules.

use redb::{ReadableTable as _, TableHandle as _};

use super::codec::{decode, encode};
use super::error::StoreError;
use super::records_log::change::{Blob, LoggedKey, LoggedRows, LoggedValue};
use super::tables::{
    BRANCHES, CHANGED, COMMITS, CONFIG, LINKS, OPERATIONS, Owned, REMOTES, TAGS, TRACKING, UPSTREAMS,
};
use super::write::Writer;
use crate::model::{BranchRecord, CommitRecord, Operation, RemoteRecord, Renaming, TagRecord, VolumeName};

/// How many bytes of records are in memory at once.
const BATCH_BYTES: usize = 1 << 20;

/// The second copy's word for the rename of a volume, in the place of a table.
const VOLUME_ROWS: &str = "rename of a volume";
/// The second copy's word for the move of a volume's operation log.
const OPERATION_ROWS: &str = "rename of operations";

/// Returns whether a change in the second copy moves rows that no person sees.
pub(super) fn moves_operations(table: &str) -> bool {
    table == OPERATION_ROWS
}

/// Returns whether an operation belongs to the volume that the operation `line` made. A damaged
/// record may.
fn is_of_line(bytes: &[u8], line: u64) -> bool {
    decode::<Operation>(OPERATIONS.name(), "", bytes).map_or(true, |operation| operation.line == line)
}

/// Returns a record with the name of its new volume, or its bytes if they are damaged.
fn recoded(table: &str, bytes: &[u8], to: &VolumeName) -> Vec<u8> {
    macro_rules! with_volume {
        ($record:ident) => {
            decode::<$record>(table, "", bytes)
                .and_then(|record| encode(table, "", &$record { volume: to.clone(), ..record }))
        };
    }
    let result = match table {
        name if name == BRANCHES.name() => with_volume!(BranchRecord),
        name if name == COMMITS.name() => with_volume!(CommitRecord),
        name if name == TAGS.name() => with_volume!(TagRecord),
        name if name == OPERATIONS.name() => with_volume!(Operation),
        name if name == REMOTES.name() => decode::<RemoteRecord>(table, "", bytes)
            .and_then(|record| encode(table, "", &RemoteRecord { volume: Some(to.clone()), ..record })),
        _ => return bytes.to_vec(),
    };
    result.unwrap_or_else(|_| bytes.to_vec())
}

impl Writer<'_> {
    /// Moves all rows that belong to a volume to its new name, but the volume's own row and its
    /// operation log. What the stat index knows of its working trees is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rename_volume(&self, Renaming { from, to }: &Renaming) -> Result<(), StoreError> {
        for branch in self.branches(from)? {
            self.set_tree_index(from, &branch.name, None)?;
        }
        for table in [BRANCHES, COMMITS, TAGS, CHANGED, REMOTES, LINKS, TRACKING, UPSTREAMS] {
            self.move_rows(table, from, to)?;
        }
        let settings = self.settings(Some(from))?;
        let mut config = self.transaction.open_table(CONFIG).map_err(|e| self.failed(e))?;
        for (key, value) in settings {
            config.remove((from.as_str(), key.as_str())).map_err(|e| self.failed(e))?;
            config.insert((to.as_str(), key.as_str()), value.as_str()).map_err(|e| self.failed(e))?;
        }
        self.note_rename(VOLUME_ROWS, from, to, None);
        Ok(())
    }

    /// Moves a volume's operation log to its new name. That of an earlier volume of the old name
    /// stays.
    pub(super) fn rename_operations(
        &self,
        from: &VolumeName,
        to: &VolumeName,
        line: u64,
    ) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(OPERATIONS).map_err(|e| self.failed(e))?;
        let mut first = 0;
        loop {
            let (mut batch, mut size) = (Vec::new(), 0);
            let range = (from.as_str(), first)..=(from.as_str(), u64::MAX);
            for row in table.range::<(&str, u64)>(range).map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                first = key.value().1.saturating_add(1);
                if !is_of_line(value.value(), line) {
                    continue;
                }
                batch.push((key.value().1, value.value().to_vec()));
                size += value.value().len();
                if size > BATCH_BYTES {
                    break;
                }
            }
            if batch.is_empty() {
                break;
            }
            for (number, bytes) in batch {
                let bytes = recoded(OPERATIONS.name(), &bytes, to);
                table.remove((from.as_str(), number)).map_err(|e| self.failed(e))?;
                table.insert((to.as_str(), number), bytes.as_slice()).map_err(|e| self.failed(e))?;
            }
        }
        self.note_rename(OPERATION_ROWS, from, to, Some(LoggedValue::Number(line)));
        Ok(())
    }

    fn move_rows(
        &self,
        definition: Owned<&'static str>,
        from: &VolumeName,
        to: &VolumeName,
    ) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(definition).map_err(|e| self.failed(e))?;
        loop {
            let (mut batch, mut size) = (Vec::new(), 0);
            for row in table.range::<(&str, &str)>((from.as_str(), "")..).map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let (owner, own) = key.value();
                if owner != from.as_str() || size > BATCH_BYTES {
                    break;
                }
                size += own.len() + value.value().len();
                batch.push((own.to_owned(), value.value().to_vec()));
            }
            if batch.is_empty() {
                return Ok(());
            }
            for (own, bytes) in batch {
                let bytes = recoded(definition.name(), &bytes, to);
                table.remove((from.as_str(), own.as_str())).map_err(|e| self.failed(e))?;
                table.insert((to.as_str(), own.as_str()), bytes.as_slice()).map_err(|e| self.failed(e))?;
            }
        }
    }

    fn note_rename(&self, what: &str, from: &VolumeName, to: &VolumeName, line: Option<LoggedValue>) {
        self.note(what, LoggedKey::Owned(from.to_string(), to.to_string()), line);
    }
}

/// Moves rows as the database moved them, if `table` and `key` say so and no row. Returns whether
/// they do.
pub(super) fn replay(
    rows: &mut LoggedRows,
    table: &str,
    key: &LoggedKey,
    value: Option<&LoggedValue>,
) -> bool {
    let tables: &[&str] = match table {
        VOLUME_ROWS => &[
            BRANCHES.name(),
            COMMITS.name(),
            TAGS.name(),
            CONFIG.name(),
            REMOTES.name(),
            LINKS.name(),
            TRACKING.name(),
            UPSTREAMS.name(),
        ],
        OPERATION_ROWS => &[OPERATIONS.name()],
        _ => return false,
    };
    let LoggedKey::Owned(from, to) = key else { return true };
    let Ok(volume) = to.parse::<VolumeName>() else { return true };
    let of_line = |row: &LoggedValue| match (value, row) {
        (Some(LoggedValue::Number(line)), LoggedValue::Record(bytes)) => is_of_line(&bytes.0, *line),
        _ => true,
    };
    for name in tables {
        let of_old = |(table, key): &(String, LoggedKey)| table == name && key.owner() == Some(from);
        let moved = rows.iter().filter(|(place, row)| of_old(place) && of_line(row));
        let moved: Vec<_> = moved.map(|(place, _)| place.clone()).collect();
        for place in moved {
            let value = match rows.remove(&place) {
                Some(LoggedValue::Record(bytes)) => {
                    LoggedValue::Record(Blob(recoded(name, &bytes.0, &volume)))
                }
                Some(other) => other,
                None => continue,
            };
            rows.insert((place.0, place.1.owned_by(to)), value);
        }
    }
    true
}
