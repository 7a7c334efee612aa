//! Checking that a pool is as its metadata says, and repairing what is not.
//!
//! fsck first recovers the operations of dead processes. Then it checks everything and collects all
//! findings before it reports any. A finding that can be repaired carries its repair. All repairs
//! together are the plan, which [`repair`] carries out. No repair deletes data that no record
//! names: such data moves to lost+found.
//!
//! | file | what it checks |
//! | --- | --- |
//! | `metadata` | the database and its second copy |
//! | `records`, `survey` | a volume's records against its directories |
//! | `worktrees` | a worktree against its volume and its directory |
//! | `mounts` | recorded mounts against running containers; the stat index |
//! | `directories` | the pool's own directories: modes, and entries that no record names |
//! | `remote` | the repository of a remote, which `remote fsck` asks for |
//! | `deep` | the contents of commits against their checksums |
//! | `repair`, `mend` | carrying out the plan; repairing a volume in one operation |

mod deep;
mod directories;
mod mend;
mod metadata;
mod mounts;
mod records;
mod remote;
mod repair;
mod survey;
mod worktrees;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::model::{VolumeName, count, entries};
use crate::pool::Pool;
use crate::sys::obstacle::Obstacle;

use survey::freeing;

pub use deep::Deep;
pub use remote::check_remote;
pub use repair::{Repair, repair};

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the exit code is as without it.
    Note,
    /// The fault was repaired.
    Corrected,
    /// An entry has no record; nothing is lost.
    Warning,
    /// A recorded thing is missing or wrong.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Corrected => "corrected",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A fault that fsck found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Severity.
    pub severity: Severity,
    /// The volume, if the fault concerns one.
    pub volume: Option<VolumeName>,
    /// The commit, branch or path.
    pub subject: String,
    /// What is wrong with the subject.
    pub what: String,
    /// What to do, or what was done.
    pub remedy: String,
    /// The repair that `--repair` carries out.
    #[serde(skip)]
    pub repair: Option<Repair>,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Number of volumes checked.
    pub volumes: usize,
    /// All findings, in the order in which they were found.
    pub findings: Vec<Finding>,
    /// The result of comparing contents, if the caller asked for that.
    pub deep: Option<Deep>,
}

impl Report {
    /// Returns the exit code, as fsck(8) defines it: 0 clean, 1 errors corrected, 4 errors left.
    pub fn exit_code(&self) -> u8 {
        let has = |severity| self.findings.iter().any(|finding| finding.severity == severity);
        match (has(Severity::Error) || has(Severity::Warning), has(Severity::Corrected)) {
            (true, _) => 4,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// Lists the findings that [`repair`] would repair.
    pub fn plan(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.repair.is_some())
    }

    /// Adds a finding that cannot be repaired.
    fn add(
        &mut self,
        severity: Severity,
        volume: Option<&VolumeName>,
        subject: &str,
        what: &str,
        remedy: &str,
    ) {
        self.findings.push(Finding {
            severity,
            volume: volume.cloned(),
            subject: subject.to_owned(),
            what: what.to_owned(),
            remedy: remedy.to_owned(),
            repair: None,
        });
    }

    /// Adds a finding that can be repaired.
    fn add_repairable(
        &mut self,
        severity: Severity,
        volume: Option<&VolumeName>,
        subject: &str,
        what: &str,
        repair: Repair,
    ) {
        let remedy = format!("dvol fsck --repair {}", repair.about());
        self.add(severity, volume, subject, what, &remedy);
        if let Some(last) = self.findings.last_mut() {
            last.repair = Some(repair);
        }
    }
}

/// Checks the whole pool, or one volume of it. With `deep`, reads the contents of all commits too.
///
/// # Errors
/// When the volume does not exist, or the pool cannot be read.
pub fn check(pool: &Pool, volume: Option<&VolumeName>, deep: bool) -> Result<Report, Error> {
    let mut report = Report::default();
    directories::restore(pool, &mut report)?;
    if !metadata::check(pool, &mut report)? {
        return Ok(report);
    }
    if let Some(volume) = volume {
        pool.select(Some(volume))?;
    }
    recover(pool, &mut report)?;
    let (volumes, adopt) = pool.store().read(|rows| {
        let volumes = match volume {
            Some(volume) => rows.volume(volume)?.into_iter().collect(),
            None => rows.volumes()?,
        };
        Ok::<_, Error>((volumes, rows.is_rebuilt()?))
    })?;
    report.volumes = volumes.len();
    for record in &volumes {
        if record.is_worktree() {
            worktrees::check(pool, record, &mut report)?;
        } else {
            records::check(pool, &record.name, adopt, &mut report)?;
        }
        mounts::check(pool, &record.name, &mut report)?;
    }
    if deep {
        // A worktree has the commits of its volume.
        let names: BTreeSet<VolumeName> = volumes.iter().map(|record| record.owner().clone()).collect();
        deep::check(pool, &names, &mut report)?;
    }
    if volume.is_none() {
        directories::check(pool, adopt, &mut report)?;
        mounts::index(pool, &mut report)?;
        if adopt && report.plan().next().is_none() {
            // All that only the directories showed has records by now.
            pool.store().write(|writer| writer.set_rebuilt(false))?;
        }
    }
    Ok(report)
}

/// Recovers the operations of dead processes.
fn recover(pool: &Pool, report: &mut Report) -> Result<(), Error> {
    let sweep = pool.recover()?;
    for operation in &sweep.recovered {
        let what = if operation.finished {
            "its process died after the commit point; it was finished"
        } else {
            "its process died before the commit point; it was undone"
        };
        let subject = operation.verb.to_string();
        report.add(Severity::Corrected, Some(&operation.volume), &subject, what, "nothing is left to do");
    }
    if sweep.orphans > 0 {
        let what = format!("deleted what no operation owned: {}", entries(sweep.orphans as u64));
        report.add(Severity::Corrected, None, "staging", &what, "nothing is left to do");
    }
    if sweep.lost > 0 {
        let what =
            format!("holds {} of an operation whose record is lost", count(sweep.lost, "working tree"));
        report.add(Severity::Corrected, None, "staging", &what, "moved to .dvol/lost+found");
    }
    for left in &sweep.left {
        let (subject, path) = (left.reason.path.display().to_string(), &left.reason.path);
        let (severity, remedy) = match Obstacle::of(&left.reason) {
            // Nothing is lost, and nothing refers to it.
            Some(obstacle) => (Severity::Note, format!("{}, then dvol deletes it", freeing(obstacle, path))),
            None => (Severity::Warning, "remove the cause, then dvol deletes it".to_owned()),
        };
        report.add(severity, None, &subject, &left.to_string(), &remedy);
    }
    for (volume, reason) in &sweep.failed {
        let what = format!("cannot finish or undo the operation of a dead process: {reason}");
        report.add(Severity::Error, Some(volume), "journal", &what, "remove the cause and run fsck again");
    }
    Ok(())
}
