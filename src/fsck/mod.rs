//! `fsck`: is the pool what its metadata says?
//!
//! What dead operations left is finished or undone first. Then everything is looked at, and all findings are collected
//! before any is reported. A finding that can be mended carries its repair; together these are the plan, which
//! [`repair`] carries out. No repair deletes data that no record explains.

mod deep;
mod directories;
mod mend;
mod metadata;
mod mounts;
mod records;
mod repair;
mod survey;

use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::model::{VolumeName, count};
use crate::pool::Pool;

pub use deep::Deep;
pub use repair::{Repair, repair};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It was put right.
    Corrected,
    /// Something lies about that no record names; nothing is lost.
    Warning,
    /// Something that a record names is missing or wrong.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Corrected => "corrected",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The volume, where it belongs to one.
    pub volume: Option<VolumeName>,
    /// The commit, branch or path.
    pub subject: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do, or what was done.
    pub remedy: String,
    /// What `--repair` does about it.
    #[serde(skip)]
    pub repair: Option<Repair>,
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// How many volumes were looked at.
    pub volumes: usize,
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
    /// What was compared with checksums, where that was asked for.
    pub deep: Option<Deep>,
}

impl Report {
    /// The exit code as fsck(8) has it: 0 clean, 1 errors corrected, 4 errors left.
    pub fn exit_code(&self) -> u8 {
        let has = |severity| self.findings.iter().any(|finding| finding.severity == severity);
        match (has(Severity::Error) || has(Severity::Warning), has(Severity::Corrected)) {
            (true, _) => 4,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// The findings that [`repair`] would mend.
    pub fn plan(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.repair.is_some())
    }

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

    /// Adds one that can be mended.
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

/// Checks the whole pool, or one volume of it; `deep` reads the contents of all commits too.
///
/// # Errors
/// When there is no such volume, or it cannot be looked at.
pub fn check(pool: &Pool, volume: Option<&VolumeName>, deep: bool) -> Result<Report, Error> {
    let mut report = Report::default();
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
        records::check(pool, &record.name, adopt, &mut report)?;
        mounts::check(pool, &record.name, &mut report)?;
    }
    if deep {
        let names: Vec<VolumeName> = volumes.iter().map(|record| record.name.clone()).collect();
        deep::check(pool, &names, &mut report)?;
    }
    if volume.is_none() {
        directories::check(pool, adopt, &mut report)?;
        mounts::index(pool, &mut report)?;
        if adopt && report.plan().next().is_none() {
            // Nothing is left that only the directories show.
            pool.store().write(|writer| writer.set_rebuilt(false))?;
        }
    }
    Ok(report)
}

fn recover(pool: &Pool, report: &mut Report) -> Result<(), Error> {
    let sweep = pool.recover()?;
    for operation in &sweep.recovered {
        let what = if operation.finished {
            "had died after its commit point and was finished"
        } else {
            "had died before its commit point and was undone"
        };
        let subject = operation.verb.to_string();
        report.add(Severity::Corrected, Some(&operation.volume), &subject, what, "nothing is left to do");
    }
    if sweep.orphans > 0 {
        let what = format!("{} director(ies) that no operation owned were deleted", sweep.orphans);
        report.add(Severity::Corrected, None, "staging", &what, "nothing is left to do");
    }
    if sweep.lost > 0 {
        let what = format!(
            "{} that an operation had away when its record was lost",
            count(sweep.lost, "working tree")
        );
        report.add(Severity::Corrected, None, "staging", &what, "is in .dvol/lost+found now");
    }
    for (volume, reason) in &sweep.failed {
        let what = format!("a dead operation cannot be finished or undone: {reason}");
        report.add(Severity::Error, Some(volume), "journal", &what, "mend the cause and run fsck again");
    }
    Ok(())
}
