//! What is done about findings. Each repair can be repeated, and a crash in one leaves it to be found again.

use super::{Report, Severity};
use crate::pool::{Error, Pool};

/// What is done about one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The database is made anew from its second copy.
    Metadata,
    /// The second copy is written anew from the database.
    SecondCopy,
}

impl Repair {
    /// What it does, in words that go on after "fsck --repair".
    pub(super) fn about(&self) -> String {
        match self {
            Repair::Metadata => "rebuilds it, and keeps what is there in .dvol/lost+found".to_owned(),
            Repair::SecondCopy => "writes it anew".to_owned(),
        }
    }

    fn run(&self, pool: &Pool) -> Result<String, Error> {
        match self {
            Repair::Metadata => {
                let rebuilt = pool.rebuild_metadata()?;
                Ok(format!("rebuilt with {} volume(s) and {} commit(s)", rebuilt.volumes, rebuilt.commits))
            }
            Repair::SecondCopy => {
                pool.store().renew_second_copy()?;
                Ok("written anew".to_owned())
            }
        }
    }
}

/// Carries out the plan of `report`. The findings say afterwards what became of them.
pub fn repair(pool: &Pool, report: &mut Report) {
    for finding in &mut report.findings {
        let Some(repair) = finding.repair.take() else { continue };
        match repair.run(pool) {
            Ok(done) => {
                finding.severity = Severity::Corrected;
                finding.remedy = done;
            }
            Err(error) => {
                finding.severity = Severity::Error;
                finding.remedy = format!("could not be repaired: {error}");
            }
        }
    }
}
