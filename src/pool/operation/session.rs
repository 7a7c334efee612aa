//! The first half of an operation: lock the volume, then write the plan into the journal.

use std::collections::BTreeSet;

use super::group::{Group, Member};
use super::locks::Locks;
use super::plan::PlanBuilder;
use super::worktrees::{check_overlaps, check_worktrees};
use crate::error::Error;
use crate::layout;
use crate::model::{
    CommitId, Joint, Operation, Phase, Plan, ProjectName, Reach, Row, RowChange, Verb, VolumeName,
};
use crate::pool::Pool;
use crate::store::Rows;
use crate::sys::tree;

/// The right to operate on one volume or worktree: its locks, held until the operation is over.
#[must_use = "dropping a session releases its locks"]
pub struct Session<'p> {
    pool: &'p Pool,
    volume: VolumeName,
    verb: Verb,
    joint: Option<Joint>,
    locks: Locks,
}

/// The sessions of several volumes that one command operates on.
#[must_use = "dropping sessions releases their locks"]
pub struct Sessions<'p>(Vec<Session<'p>>);

impl<'p> Sessions<'p> {
    /// Takes the session of `volume` out.
    ///
    /// # Panics
    /// When `volume` is not one of those that were locked, or its session was taken before.
    pub fn take(&mut self, volume: &VolumeName) -> Session<'p> {
        let at = self.0.iter().position(|session| session.volume == *volume);
        self.0.swap_remove(at.expect("each volume of the command is locked once"))
    }
}

impl Pool {
    /// Locks a volume and all its worktrees; or the volume of a worktree, and all other worktrees
    /// of that. The volume need not exist. Finishes or undoes what dead operations left.
    ///
    /// # Errors
    /// When the wait for a lock exceeds its limit, or recovery fails.
    pub fn begin(&self, verb: Verb, volume: &VolumeName) -> Result<Session<'_>, Error> {
        self.begin_with(Reach::Volume, verb, volume)
    }

    /// Locks what an operation of that reach on one volume or worktree needs.
    ///
    /// # Errors
    /// As [`Pool::begin`].
    pub fn begin_with(&self, reach: Reach, verb: Verb, volume: &VolumeName) -> Result<Session<'_>, Error> {
        Ok(self.begin_all(reach, verb, std::slice::from_ref(volume), None)?.take(volume))
    }

    /// Locks several volumes or worktrees whole; a name may come twice.
    ///
    /// # Errors
    /// As [`Pool::begin`].
    pub fn begin_whole<'n>(
        &self,
        verb: Verb,
        names: impl IntoIterator<Item = &'n VolumeName>,
    ) -> Result<Sessions<'_>, Error> {
        let names: BTreeSet<&VolumeName> = names.into_iter().collect();
        let names: Vec<VolumeName> = names.into_iter().cloned().collect();
        self.begin_all(Reach::Volume, verb, &names, None)
    }

    /// Locks several volumes or worktrees in the order of their names, so that no two commands wait
    /// for each other. With `project`, their operations are recorded as one of that compose
    /// project.
    ///
    /// # Errors
    /// As [`Pool::begin`].
    pub fn begin_all(
        &self,
        reach: Reach,
        verb: Verb,
        volumes: &[VolumeName],
        project: Option<&ProjectName>,
    ) -> Result<Sessions<'_>, Error> {
        debug_assert!(volumes.is_sorted(), "volumes are locked in the order of their names");
        self.prepare_directories()?;
        let mut locks = self.lock_all(reach, &verb.to_string(), volumes)?;
        if reach == Reach::Branch && self.are_blocked(&locks)? {
            drop(locks);
            locks = self.lock_all(Reach::Volume, &verb.to_string(), volumes)?;
        }
        for (volume, locks) in volumes.iter().zip(&locks) {
            self.recover_locked(volume, locks)?;
        }
        self.clear_staging();
        let joint = project.map(|project| Joint {
            id: self.new_operation_id(),
            project: project.clone(),
            volumes: volumes.to_vec(),
        });
        let session = |(volume, locks): (&VolumeName, Locks)| Session {
            pool: self,
            volume: volume.clone(),
            verb,
            joint: joint.clone(),
            locks,
        };
        Ok(Sessions(volumes.iter().zip(locks).map(session).collect()))
    }

    /// Returns whether one of the volumes has a dead operation that only the lock of the whole
    /// volume allows to recover. With any lock of the volume, no live one holds that.
    fn are_blocked(&self, locks: &[Locks]) -> Result<bool, Error> {
        if !self.store.is_there()? {
            return Ok(false);
        }
        let journal = self.store.read(|rows| rows.journal())?;
        Ok(journal.iter().any(|operation| {
            operation.reach == Reach::Volume
                && operation.phase != Phase::Settled
                && locks.iter().any(|locks| locks.owner == *operation.owner())
        }))
    }
}

impl<'p> Session<'p> {
    /// Writes the plan that `draft` makes into the journal. Gives the operation, alone in its
    /// group, and what `draft` returned.
    ///
    /// `draft` reads rows of the transaction that writes the plan, so what it checks still holds
    /// when the plan is recorded.
    ///
    /// # Errors
    /// What `draft` refuses, and failures of metadata or disk; nothing is left then.
    pub fn intend<V>(
        self,
        summary: String,
        draft: impl FnOnce(&Rows<'_>, &mut PlanBuilder<'_>) -> Result<V, Error>,
    ) -> Result<(Group<'p, ()>, V), Error> {
        let mut group = Group::new(self.pool);
        let (operation, value) = self.journal(summary, draft)?;
        group.push(Member::new(self, operation, ()));
        Ok((group, value))
    }

    fn journal<V>(
        &self,
        summary: String,
        draft: impl FnOnce(&Rows<'_>, &mut PlanBuilder<'_>) -> Result<V, Error>,
    ) -> Result<(Operation, V), Error> {
        self.pool.check_interrupted()?;
        let id = self.pool.new_operation_id();
        let clear = || {
            let _ = tree::remove_what_goes(&self.pool.layout.full(&layout::staging_of(&id)));
        };
        let result = self.pool.store.write(|writer| {
            let head_before = head(writer, &self.volume)?;
            let mut plan = PlanBuilder::new(&self.pool.layout, &id)?;
            // Inside the transaction, so that no other process sees a directory without an owner.
            let value = draft(writer, &mut plan).inspect_err(|_| clear())?;
            let worktree_of = worktree_of(writer, &self.volume, &plan.plan)?;
            let owner = worktree_of.as_ref().unwrap_or(&self.volume);
            check_worktrees(writer, (owner, &self.volume), self.verb, &plan.plan)?;
            if self.locks.reach == Reach::Branch {
                check_overlaps(writer, (owner, &self.volume), &plan)?;
            }
            let number = writer.next_operation()?;
            let line = match plan.line {
                Some(line) => line,
                None => line_of(writer, &self.volume, &plan.plan, number)?,
            };
            let operation = Operation {
                number,
                id: id.clone(),
                verb: self.verb,
                volume: self.volume.clone(),
                worktree_of,
                reach: self.locks.reach,
                summary,
                pid: std::process::id(),
                started: self.pool.now(),
                head_after: plan.head_after.unwrap_or_else(|| head_before.clone()),
                head_before,
                phase: Phase::Intended,
                plan: plan.plan,
                held: Vec::new(),
                attempts: 0,
                joint: self.joint.clone(),
                line,
            };
            writer.journal_put(&operation)?;
            Ok::<_, Error>((operation, value))
        });
        result.inspect_err(|_| clear())
    }
}

impl<'p, T> Group<'p, T> {
    /// Adds an operation on one more volume: writes the plan that `draft` makes into the journal,
    /// as [`Session::intend`] does, and keeps what it returns with the volume.
    ///
    /// # Errors
    /// As [`Session::intend`].
    pub fn intend(
        &mut self,
        session: Session<'p>,
        summary: String,
        draft: impl FnOnce(&Rows<'_>, &mut PlanBuilder<'_>) -> Result<T, Error>,
    ) -> Result<(), Error> {
        let (operation, work) = session.journal(summary, draft)?;
        self.push(Member::new(session, operation, work));
        Ok(())
    }
}

/// Returns the line of an operation that undoes no other: its own number if it makes the volume,
/// else that of the operation before it.
fn line_of(rows: &Rows<'_>, volume: &VolumeName, plan: &Plan, number: u64) -> Result<u64, Error> {
    let makes = |change: &RowChange| matches!((&change.before, &change.after), (None, Some(Row::Volume(made))) if made.name == *volume);
    if plan.changes.iter().any(makes) {
        return Ok(number);
    }
    Ok(rows.operations(volume, 1)?.first().map_or(number, |last| last.line))
}

/// Returns the volume whose worktree an operation makes, removes or works on.
fn worktree_of(rows: &Rows<'_>, volume: &VolumeName, plan: &Plan) -> Result<Option<VolumeName>, Error> {
    match plan.volumes().find(|record| record.name == *volume) {
        Some(planned) => Ok(planned.worktree_of.clone()),
        None => Ok(rows.volume(volume)?.and_then(|record| record.worktree_of)),
    }
}

fn head(rows: &Rows<'_>, volume: &VolumeName) -> Result<Option<CommitId>, Error> {
    let Some(record) = rows.volume(volume)? else { return Ok(None) };
    Ok(rows.branch(record.owner(), &record.branch)?.and_then(|branch| branch.head))
}
