//! Operations on one or several volumes that hold all together or not at all.
//!
//! Each volume has a journal entry of its own, so each operation is undone or finished as any
//! other. They hold together because one transaction publishes them all. A container may be on
//! several of the volumes, so the group owns the containers that are held. In the journal, the
//! entry of the first volume lists them.

use super::session::Session;
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, Operation, Phase, RowChange, VolumeName};
use crate::pool::containers::gate::Gates;
use crate::pool::trees::index::TreeIndex;
use crate::pool::{Notice, Pool};

/// Operations in the journal that do not hold yet, with what the verb knows of each volume.
/// Dropping the group undoes all of them.
#[must_use = "dropping a group undoes its operations"]
pub struct Group<'p, T> {
    pub(in crate::pool) pool: &'p Pool,
    pub(in crate::pool) members: Vec<Member<'p, T>>,
    /// The containers to let go at the end, in the order in which they were held.
    pub(in crate::pool) held: Vec<HeldContainer>,
}

/// One volume of a group.
pub struct Member<'p, T> {
    /// What the verb knows of the volume.
    pub work: T,
    pub(in crate::pool) operation: Operation,
    /// What the working tree was seen to be while it was published.
    pub(in crate::pool) index: Option<TreeIndex>,
    _session: Session<'p>,
}

impl<'p, T> Member<'p, T> {
    pub(in crate::pool) fn new(session: Session<'p>, operation: Operation, work: T) -> Self {
        Member { work, operation, index: None, _session: session }
    }

    /// Changes a row when the operation is published, beside those of its plan.
    pub fn change(&mut self, change: RowChange) {
        self.operation.plan.changes.push(change);
    }
}

impl<'p, T> Group<'p, T> {
    /// Makes a group without operations.
    pub fn new(pool: &'p Pool) -> Self {
        Group { pool, members: Vec::new(), held: Vec::new() }
    }

    pub(in crate::pool) fn push(&mut self, member: Member<'p, T>) {
        self.members.push(member);
    }

    /// Iterates over what the verb knows of each volume.
    pub fn each(&self) -> impl Iterator<Item = &T> {
        self.members.iter().map(|member| &member.work)
    }

    /// Iterates over what the verb knows of each volume, to change it.
    pub fn each_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.members.iter_mut().map(|member| &mut member.work)
    }

    /// Changes plans that are in the journal already, by `change`.
    ///
    /// # Errors
    /// Those of `change`; and when the journal cannot be written.
    pub fn replan(
        &mut self,
        mut change: impl FnMut(&Pool, &mut Member<'p, T>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for member in &mut self.members {
            change(self.pool, member)?;
        }
        Ok(self.pool.store.write(|writer| self.entries().try_for_each(|entry| writer.journal_put(&entry)))?)
    }

    /// The volumes of the group.
    pub(in crate::pool) fn volumes(&self) -> impl Iterator<Item = &VolumeName> {
        self.members.iter().map(|member| &member.operation.volume)
    }

    /// The operations as the journal has them: the first entry lists the containers.
    fn entries(&self) -> impl Iterator<Item = Operation> {
        self.members.iter().enumerate().map(|(at, member)| {
            let held = if at == 0 { self.held.clone() } else { Vec::new() };
            Operation { held, ..member.operation.clone() }
        })
    }

    /// Turns the operations into what the journal has of them from the commit point on.
    pub(in crate::pool) fn mark_published(&mut self) {
        for member in &mut self.members {
            member.operation.phase = Phase::Published;
        }
        if let Some(first) = self.members.first_mut() {
            first.operation.held.clone_from(&self.held);
        }
    }

    /// Writes the containers that are about to be held into the journal.
    pub(in crate::pool) fn note(&mut self, found: &[HeldContainer]) -> Result<(), Error> {
        let is_new = |held: &&HeldContainer| self.held.iter().all(|known| known.id != held.id);
        let new: Vec<HeldContainer> = found.iter().filter(is_new).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        self.held.extend(new);
        self.write_containers()
    }

    /// Writes into the journal that a container is held in another way.
    pub(in crate::pool) fn rewrite(&mut self, id: &str, hold: HoldMode) -> Result<(), Error> {
        for held in self.held.iter_mut().filter(|held| held.id == id) {
            held.hold = hold;
            if hold == HoldMode::Leave {
                // It runs no longer, so no command can run inside it.
                held.post.clear();
            }
        }
        self.write_containers()
    }

    pub(in crate::pool) fn write_containers(&self) -> Result<(), Error> {
        let Some(first) = self.entries().next() else { return Ok(()) };
        Ok(self.pool.store.write(|writer| writer.journal_put(&first))?)
    }

    /// Undoes all operations. The first entry lists the containers, so it comes last: containers
    /// start when all trees are back.
    pub(in crate::pool) fn roll_back(&mut self, gates: &mut Gates) {
        while let Some(member) = self.members.pop() {
            let Operation { number, volume, .. } = &member.operation;
            if let Err(error) = self.pool.roll_back(*number, gates) {
                let (volume, reason) = (volume.to_string(), error.to_string());
                self.pool.tell(&Notice::NotRecovered { volume, reason });
            }
        }
    }
}

impl<'p> Group<'p, ()> {
    /// Adds what the verb knows of the only volume.
    pub fn with<T>(mut self, work: T) -> Group<'p, T> {
        let mut group = Group::new(self.pool);
        if let Some(Member { operation, index, _session, .. }) = self.members.pop() {
            group.push(Member { work, operation, index, _session });
        }
        group
    }
}

impl<T> Drop for Group<'_, T> {
    fn drop(&mut self) {
        self.roll_back(&mut Gates::default());
    }
}
