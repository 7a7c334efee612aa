//! The first half of an operation: lock, intend, prepare.

use super::plan::PlanBuilder;
use crate::error::Error;
use crate::model::{Joint, Operation, Phase, ProjectName, Verb, VolumeName};
use crate::pool::containers::release::Released;
use crate::pool::trees::index::TreeIndex;
use crate::pool::{Notice, Pool};
use crate::store::Rows;
use crate::sys::locks::{LockFile, LockGuard, Wait};

/// The right to operate on one volume: its lock, held until the operation is over.
#[must_use = "a session that is not kept gives its lock back"]
pub struct Session<'p> {
    pub(in crate::pool) pool: &'p Pool,
    pub(in crate::pool) volume: VolumeName,
    pub(in crate::pool) verb: Verb,
    pub(in crate::pool) joint: Option<Joint>,
    pub(in crate::pool) _lock: LockGuard,
}

/// An operation in the journal that does not hold yet. Dropped, it is undone.
#[must_use = "an operation that is not published is undone"]
pub struct Pending<'p> {
    pub(in crate::pool) session: Session<'p>,
    pub(in crate::pool) operation: Operation,
    pub(in crate::pool) gate: Option<LockGuard>,
    pub(in crate::pool) published: bool,
    pub(in crate::pool) quiesced: Option<std::time::Instant>,
    /// Whether a container that will be restarted is only frozen.
    pub(in crate::pool) has_frozen: bool,
    /// Whether containers go on writing while trees are read.
    pub(in crate::pool) is_written_to: bool,
    /// What is known of the working tree, written with the operation log.
    pub(in crate::pool) index: Option<TreeIndex>,
    /// The containers that were let go already.
    pub(in crate::pool) released: Option<Released>,
}

impl Pool {
    /// Takes the volume's lock and finishes or undoes what a dead operation left on it. The
    /// volume need not exist.
    ///
    /// # Errors
    /// When the lock is not had in time, or the remains cannot be cleared.
    pub fn begin(&self, verb: Verb, volume: &VolumeName) -> Result<Session<'_>, Error> {
        self.prepare_directories()?;
        let what = format!("volume {volume}");
        let lock = LockFile::new(self.layout.volume_lock(volume)).exclusive(&Wait {
            what: &what,
            verb: &verb.to_string(),
            limit: self.options.lock_timeout,
            notice: &|holder| self.tell(&Notice::Waiting { what: what.clone(), holder: holder.to_owned() }),
        })?;
        self.recover_locked(volume, &lock)?;
        self.clear_staging();
        Ok(Session { pool: self, volume: volume.clone(), verb, joint: None, _lock: lock })
    }

    /// The same for several volumes, sorted by name, so that nobody who locks some of them waits in a circle;
    /// for a compose project where one is named.
    ///
    /// # Errors
    /// As [`Pool::begin`].
    pub fn begin_all(
        &self,
        verb: Verb,
        volumes: &[VolumeName],
        project: Option<&ProjectName>,
    ) -> Result<Vec<Session<'_>>, Error> {
        debug_assert!(volumes.is_sorted(), "volumes are locked in the order of their names");
        let joint = project.map(|project| Joint {
            id: self.new_operation_id(),
            project: project.clone(),
            volumes: volumes.to_vec(),
        });
        let begin = |volume| Ok(Session { joint: joint.clone(), ..self.begin(verb, volume)? });
        volumes.iter().map(begin).collect()
    }
}

impl<'p> Session<'p> {
    /// The volume that is locked.
    pub fn volume(&self) -> &VolumeName {
        &self.volume
    }

    /// Writes the plan that `draft` makes into the journal. Its rows are those of the same
    /// transaction, so what it checks still holds when the plan is recorded.
    ///
    /// # Errors
    /// What `draft` refuses, and failures of metadata or disk; nothing is left then.
    pub fn intend<T>(
        self,
        summary: String,
        draft: impl FnOnce(&Rows<'_>, &mut PlanBuilder<'_>) -> Result<T, Error>,
    ) -> Result<(Pending<'p>, T), Error> {
        self.pool.check_interrupted()?;
        let id = self.pool.new_operation_id();
        let result = self.pool.store.write(|writer| {
            let head_before = head(writer, &self.volume)?;
            let mut plan = PlanBuilder::new(&self.pool.layout, &id)?;
            let value = draft(writer, &mut plan)?;
            let operation = Operation {
                number: writer.next_operation()?,
                id: id.clone(),
                verb: self.verb,
                volume: self.volume.clone(),
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
            };
            writer.journal_put(&operation)?;
            Ok::<_, Error>((operation, value))
        });
        match result {
            Ok((operation, value)) => Ok((
                Pending {
                    session: self,
                    operation,
                    gate: None,
                    published: false,
                    quiesced: None,
                    has_frozen: false,
                    is_written_to: false,
                    index: None,
                    released: None,
                },
                value,
            )),
            Err(error) => {
                // The journal does not know it, so the sweep would clear it; no need to wait for that.
                let staging = self.pool.layout.full(&crate::layout::staging_of(&id));
                let _ = crate::sys::tree::remove_tree(&staging);
                Err(error)
            }
        }
    }
}

fn head(rows: &Rows<'_>, volume: &VolumeName) -> Result<Option<crate::model::CommitId>, Error> {
    let Some(record) = rows.volume(volume)? else { return Ok(None) };
    Ok(rows.branch(volume, &record.branch)?.and_then(|branch| branch.head))
}

impl Pending<'_> {
    /// The pool that it works on.
    pub fn pool(&self) -> &Pool {
        self.session.pool
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        if let Err(error) = self.session.pool.undo(&mut self.operation, self.gate.take()) {
            let volume = self.session.volume.to_string();
            self.session.pool.tell(&Notice::NotRecovered { volume, reason: error.to_string() });
        }
    }
}
