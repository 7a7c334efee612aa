//! Checks a remote: the format of its repository, and what dvol keeps in it.

use super::{Report, Severity};
use crate::error::Error;
use crate::model::count;
use crate::ops::Access;
use crate::pool::Pool;
use crate::remotes::RemoteFault;

/// What to do about damaged data.
const MEND: &str = "push from a machine that has the data, or restore the repository from a copy";

/// Checks the repository of a remote; with `deep`, reads all its data. Changes nothing there.
///
/// # Errors
/// When the repository cannot be opened, or another process has it alone.
pub fn check_remote(pool: &Pool, access: &Access, deep: bool) -> Result<Report, Error> {
    let repository = access.open(pool)?;
    let found = repository.check(&access.holder, &pool.waiting(), deep)?;
    let mut report = Report { volumes: found.volumes, ..Report::default() };
    for fault in found.faults {
        add(&mut report, &access.remote.name.to_string(), fault);
    }
    Ok(report)
}

fn add(report: &mut Report, remote: &str, fault: RemoteFault) {
    match fault {
        RemoteFault::Damaged(what) => report.add(Severity::Error, None, remote, &what, MEND),
        RemoteFault::Unindexed(packs) => {
            let what = format!("{} of a push that died", count(packs, "pack"));
            report.add(Severity::Note, None, remote, &what, "the next push takes them up");
        }
        RemoteFault::Unread(snapshot) => {
            let subject = format!("snapshot {snapshot}");
            let what = "is of dvol and has no record that this dvol reads";
            report.add(
                Severity::Error,
                None,
                &subject,
                what,
                "a newer dvol may read it; see restic snapshots",
            );
        }
        RemoteFault::NoParent { volume, commit, parent } => {
            let subject = format!("{volume}:{}", commit.short());
            let what = format!("there is no record of its parent {}", parent.short());
            let remedy = "push from a machine that has it: its log ends there";
            report.add(Severity::Error, Some(&volume), &subject, &what, remedy);
        }
        RemoteFault::NoCommit { volume, reference, commit } => {
            let subject = format!("{volume} {reference}");
            let what = format!("leads to commit {}, of which there is no record", commit.short());
            let remedy = format!("dvol push --force {remote} COMMIT:{reference} -C {volume}");
            report.add(Severity::Error, Some(&volume), &subject, &what, &remedy);
        }
        RemoteFault::Crossed { volume, reference, commits } => {
            let subject = format!("{volume} {reference}");
            let what = format!("pushes crossed: it leads to {}", count(commits, "commit"));
            let remedy = format!("choose one: dvol push --force {remote} COMMIT:{reference} -C {volume}");
            report.add(Severity::Warning, Some(&volume), &subject, &what, &remedy);
        }
        RemoteFault::Ring { volume, reference } => {
            let subject = format!("{volume} {reference}");
            let what = "moves of it replace each other in a ring: another program wrote here";
            let remedy = format!("dvol push --force {remote} COMMIT:{reference} -C {volume}");
            report.add(Severity::Error, Some(&volume), &subject, what, &remedy);
        }
    }
}
