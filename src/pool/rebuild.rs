//! Metadata made anew from its second copy, and what of that the disk knows better.

use super::{Error, Pool, moves};
use crate::model::{Operation, Phase};
use crate::store::Rebuildable;

impl Pool {
    /// Makes the metadata anew from its second copy. What was lost with the end of that copy is on disk still: fsck
    /// makes records for it.
    ///
    /// # Errors
    /// When the copy cannot be read or the metadata not be written; it can be repeated.
    pub fn rebuild_metadata(&self) -> Result<Rebuildable, Error> {
        self.prepare_directories()?;
        let rebuilt = self.store.rebuild()?;
        // The copy may say of an operation that it holds although its transaction never was: then its process took it
        // back, and it is to be undone.
        for operation in self.store.read(|rows| rows.journal())? {
            if operation.phase == Phase::Published
                && moves::are_reverted(&self.layout, &operation.plan.install)?
            {
                self.take_back_publication(&operation)?;
            }
        }
        self.store.renew_second_copy()?;
        Ok(rebuilt)
    }

    fn take_back_publication(&self, operation: &Operation) -> Result<(), Error> {
        self.store.write(|writer| {
            for change in operation.plan.changes.iter().rev() {
                let back = change.reversed();
                let now = match back.before.as_ref().or(back.after.as_ref()) {
                    Some(row) => writer.row_like(row)?,
                    None => None,
                };
                if now == back.before {
                    writer.apply(&back)?;
                }
            }
            writer.journal_put(&Operation { phase: Phase::Intended, ..operation.clone() })
        })?;
        Ok(())
    }
}
