//! The mounts that the engine reports to the driver.
//!
//! A transaction waits for the disk. So changes that arrive during one are written together by the
//! next: of many mounts at once, all but the first share one wait. Each is answered once it is
//! durable. If a shared transaction fails, each of its changes gets a transaction of its own, and
//! its own error.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::layout;
use crate::model::{Binding, Phase, VolumeName, VolumeRecord};
use crate::pool::{Pool, existing};
use crate::store::Writer;

/// A mount or an unmount.
#[derive(Debug, Clone)]
enum Change {
    Bind { binding: Binding, ignore_journal: bool },
    Unbind { volume: VolumeName, id: String },
}

/// The result of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mounted {
    /// The mount is recorded. The current branch has this working tree, relative to the pool.
    On(PathBuf),
    /// The volume does not exist, or the mount was forgotten.
    NoVolume,
    /// Nothing is recorded: an operation is in the journal, and may be dead.
    Busy,
}

/// The answer to a change; `None` for a change that must be made alone.
type Answer = Option<Mounted>;

/// The changes that wait for a transaction.
#[derive(Debug, Default)]
pub(in crate::pool) struct Bindings {
    queue: Mutex<Queue>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether a transaction is under way.
    is_busy: bool,
}

#[derive(Debug)]
struct Waiting {
    change: Change,
    answer: Arc<Mutex<Option<Answer>>>,
}

impl Bindings {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a change to the queue and waits until it is durable. `write` makes many changes in one
    /// transaction, and runs here or in another thread that waits.
    fn submit(
        &self,
        change: &Change,
        write: impl Fn(&[&Change]) -> Result<Vec<Mounted>, Error>,
    ) -> Result<Mounted, Error> {
        let answer = Arc::new(Mutex::new(None));
        let mut queue = self.queue();
        queue.waiting.push(Waiting { change: change.clone(), answer: Arc::clone(&answer) });
        loop {
            if let Some(answer) = taken(&answer) {
                drop(queue);
                return match answer {
                    Some(mounted) => Ok(mounted),
                    None => write(&[change]).map(|mut mounted| mounted.swap_remove(0)),
                };
            }
            if queue.is_busy {
                queue = self.answered.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.is_busy = true;
            let round = Round { bindings: self, members: std::mem::take(&mut queue.waiting) };
            drop(queue);
            let changes: Vec<&Change> = round.members.iter().map(|member| &member.change).collect();
            match write(&changes) {
                Ok(mounted) => round.answer(mounted),
                // The only change gets its error right here.
                Err(error) if changes.len() == 1 => return Err(error),
                Err(_) => {}
            }
            drop(round);
            queue = self.queue();
        }
    }
}

fn taken(answer: &Mutex<Option<Answer>>) -> Option<Answer> {
    answer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Changes whose transaction is under way. Dropping the round, also by a panic, answers those that
/// have no answer.
struct Round<'b> {
    bindings: &'b Bindings,
    members: Vec<Waiting>,
}

impl Round<'_> {
    fn answer(&self, mounted: Vec<Mounted>) {
        for (member, mounted) in self.members.iter().zip(mounted) {
            *member.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Some(mounted));
        }
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        for member in &self.members {
            member.answer.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(None);
        }
        self.bindings.queue().is_busy = false;
        self.bindings.answered.notify_all();
    }
}

impl Pool {
    /// Records a mount; unless `ignore_journal`, only if the volume has no operation in the
    /// journal.
    ///
    /// # Errors
    /// When the metadata cannot be written.
    pub fn bind(&self, volume: &VolumeName, id: &str, ignore_journal: bool) -> Result<Mounted, Error> {
        let binding = Binding { volume: volume.clone(), id: id.to_owned(), since: self.now() };
        self.bindings
            .submit(&Change::Bind { binding, ignore_journal }, |changes| self.write_bindings(changes))
    }

    /// Forgets a mount. A mount that is not on record is not an error.
    ///
    /// # Errors
    /// When the metadata cannot be written.
    pub fn unbind(&self, volume: &VolumeName, id: &str) -> Result<(), Error> {
        let change = Change::Unbind { volume: volume.clone(), id: id.to_owned() };
        self.bindings.submit(&change, |changes| self.write_bindings(changes)).map(drop)
    }

    fn write_bindings(&self, changes: &[&Change]) -> Result<Vec<Mounted>, Error> {
        self.store.write(|writer| {
            let mut under_way = writer.journal()?;
            under_way.retain(|operation| operation.phase != Phase::Settled);
            let is_busy = |record: &VolumeRecord| {
                under_way.iter().any(|one| one.owner() == record.owner() && one.touches(&record.name))
            };
            changes.iter().map(|change| write_one(writer, change, is_busy)).collect()
        })
    }
}

fn write_one(
    writer: &Writer<'_>,
    change: &Change,
    is_busy: impl Fn(&VolumeRecord) -> bool,
) -> Result<Mounted, Error> {
    match change {
        Change::Bind { binding, ignore_journal } => {
            let record = match existing(writer, &binding.volume) {
                Err(Error::NoVolume(_)) => return Ok(Mounted::NoVolume),
                found => found?,
            };
            if !ignore_journal && is_busy(&record) {
                return Ok(Mounted::Busy);
            }
            writer.bind(binding)?;
            Ok(Mounted::On(layout::working_tree(record.owner(), &record.branch)))
        }
        Change::Unbind { volume, id } => {
            writer.unbind(volume, id)?;
            Ok(Mounted::NoVolume)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn unbind(id: usize) -> Change {
        Change::Unbind { volume: "db".parse().unwrap(), id: id.to_string() }
    }

    /// Answers with the id as a tree, so that a mixed-up answer shows.
    fn answers(changes: &[&Change]) -> Vec<Mounted> {
        let name = |change: &&Change| match change {
            Change::Unbind { id, .. } => Mounted::On(PathBuf::from(id)),
            Change::Bind { .. } => unreachable!("none is made here"),
        };
        changes.iter().map(name).collect()
    }

    fn submit_all(
        count: usize,
        write: impl Fn(&[&Change]) -> Result<Vec<Mounted>, Error> + Sync,
    ) -> Vec<Result<Mounted, Error>> {
        let bindings = Bindings::default();
        std::thread::scope(|scope| {
            let submit = |n| {
                let (bindings, write) = (&bindings, &write);
                scope.spawn(move || bindings.submit(&unbind(n), write))
            };
            let threads: Vec<_> = (0..count).map(submit).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn those_that_come_meanwhile_share_one_transaction_and_get_each_its_own_answer() {
        let transactions = AtomicUsize::new(0);
        let answered = submit_all(64, |changes| {
            transactions.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            Ok(answers(changes))
        });
        for (n, mounted) in answered.into_iter().enumerate() {
            assert_eq!(mounted.unwrap(), Mounted::On(PathBuf::from(n.to_string())));
        }
        assert!(transactions.load(Ordering::SeqCst) < 32, "{transactions:?}");
    }

    #[test]
    fn a_change_that_fails_fails_no_other() {
        let answered = submit_all(16, |changes| {
            std::thread::sleep(Duration::from_millis(20));
            let bad = |change: &&Change| matches!(change, Change::Unbind { id, .. } if id == "7");
            if changes.iter().any(bad) { Err(Error::NoCurrentVolume) } else { Ok(answers(changes)) }
        });
        let failed = |(n, mounted): (usize, Result<Mounted, Error>)| mounted.is_err().then_some(n);
        assert_eq!(answered.into_iter().enumerate().filter_map(failed).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn a_panic_leaves_no_thread_waiting() {
        let bindings = Bindings::default();
        std::thread::scope(|scope| {
            let panics = || bindings.submit(&unbind(0), |_| panic!("something that cannot be")).is_ok();
            assert!(scope.spawn(panics).join().is_err());
            assert!(bindings.submit(&unbind(1), |changes| Ok(answers(changes))).is_ok());
        });
    }
}
