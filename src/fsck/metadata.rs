//! Checking the database and its second copy.

use super::{Repair, Report, Severity};
use crate::error::Error;
use crate::model::count;
use crate::pool::Pool;
use crate::store::SecondCopy;

/// Checks both. Returns whether the records can be read.
pub(super) fn check(pool: &Pool, report: &mut Report) -> Result<bool, Error> {
    match pool.store().examine() {
        Ok(SecondCopy::Good) => Ok(true),
        Ok(SecondCopy::Mended) => {
            let what = "a power cut tore it; it was written again";
            report.add(Severity::Corrected, None, "records.log", what, "nothing is left to do");
            Ok(true)
        }
        Ok(SecondCopy::Bad(why)) => {
            let what = format!("the second copy of the metadata is not usable: {why}");
            report.add_repairable(Severity::Warning, None, "records.log", &what, Repair::SecondCopy);
            Ok(true)
        }
        Err(error) if error.is_damage() => {
            let what = match pool.store().rebuildable() {
                Ok(copy) if copy.volumes > 0 => {
                    let lacks = if copy.is_whole { "" } else { " in its readable part" };
                    let (volumes, commits) = (count(copy.volumes, "volume"), count(copy.commits, "commit"));
                    format!("{error}; its second copy holds {volumes} and {commits}{lacks}")
                }
                _ => format!(
                    "{error}; there is no second copy, so only the directories can tell what there was"
                ),
            };
            report.add_repairable(Severity::Error, None, "metadata", &what, Repair::Metadata);
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
