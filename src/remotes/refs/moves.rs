//! Moves refs of a repository, on a place that can only put, get, list and delete.
//!
//! ```text
//! 1 read the moves; refuse what is not allowed
//! 2 put an announcement      its name has a keyed hash of volume and ref
//! 3 list the announcements   another one for this ref → delete mine, wait a random while, go to 1
//! 4 read the moves again     changed → delete mine, go to 1
//! 5 more than 20 s since 2   → delete mine, go to 1
//! 6 put the move, which replaces the heads seen in 4
//! 7 delete mine
//! 8 read the moves once more: the caller hears of a second head
//! ```
//!
//! Two cannot pass at once: each puts before it lists, so the later list has the other's
//! announcement, or its move. An announcement that is older than mine by 60 s of the place's own
//! clock is one of a dead process. A process that stands still inside of 6 for 40 s breaks the
//! exclusion and no data: there are two heads then, and both are kept.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::fold::{MoveReason, RefMove, TagNote};
use super::records::Records;
use crate::model::{CommitId, RefName, VolumeName};
use crate::remotes::error::RemoteError;
use crate::remotes::format::cache::hex;
use crate::remotes::format::lock::{Holder, uuid_bytes};
use crate::remotes::format::repository::Repository;
use crate::remotes::places::storage::ANNOUNCEMENTS;

/// How long after its announcement a process may still move a ref.
const OWN_LIMIT: Duration = Duration::from_secs(20);
/// How much older than mine an announcement is that a dead process left, in milliseconds.
const STALE_MS: i64 = 60_000;
/// The first random wait is up to this long; the longest up to 64 times as long.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// What a ref may be moved away from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Only what the new commit descends from; a tag only from nothing.
    FastForward,
    /// Only exactly this commit, or nothing.
    Exactly(Option<CommitId>),
    /// Anything.
    Any,
}

/// A wish to move a ref.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The volume's name in the repository.
    pub volume: VolumeName,
    /// The ref.
    pub reference: RefName,
    /// The commit, which the repository has; `None` to delete the ref.
    pub to: Option<CommitId>,
    /// Says which heads the move may replace.
    pub rule: Rule,
    /// What the tag says, if it is one.
    pub tag: Option<TagNote>,
    /// The commit and all that it descends from.
    pub chain: BTreeSet<CommitId>,
}

/// Why a ref may not be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejection {
    /// The ref leads to a commit that this machine does not know.
    FetchFirst,
    /// The ref leads to a commit that the new one does not descend from.
    NonFastForward,
    /// The ref does not lead to the commit that the caller expected.
    StaleInfo,
    /// The tag exists.
    AlreadyExists,
    /// There is no such ref to delete.
    NoSuchRef,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The ref leads there already.
    UpToDate,
    /// The ref may not be moved.
    Rejected(Rejection),
    /// The ref was moved.
    Done {
        /// Where it led before.
        from: Vec<CommitId>,
        /// Whether the commit before was given up.
        forced: bool,
        /// Commits of others that it leads to as well, as pushes crossed.
        crossed: Vec<CommitId>,
    },
}

/// How one try ended.
enum Attempt {
    Done(Moved),
    /// Something changed meanwhile.
    Again,
    /// Another process has announced a move of the same ref.
    Rival,
    /// The place does not list the announcement that was just written.
    Unlisted,
}

/// Decides whether a ref may be moved away from `heads`; `is_known` tells which commits this
/// machine has.
pub fn judge(
    wish: &Wish,
    heads: &[RefMove],
    is_known: &dyn Fn(&CommitId) -> bool,
) -> Result<MoveReason, Moved> {
    let now: Vec<&CommitId> = heads.iter().filter_map(|head| head.to.as_ref()).collect();
    let Some(to) = &wish.to else {
        return match &wish.rule {
            _ if now.is_empty() => Err(Moved::Rejected(Rejection::NoSuchRef)),
            Rule::Exactly(expected) if now != expected.iter().collect::<Vec<_>>() => {
                Err(Moved::Rejected(Rejection::StaleInfo))
            }
            _ => Ok(MoveReason::Delete),
        };
    };
    if now == [to] {
        return Err(Moved::UpToDate);
    }
    let chain = &wish.chain;
    let forward = now.iter().all(|head| chain.contains(*head));
    let is_tag = matches!(wish.reference, RefName::Tag(_));
    match &wish.rule {
        Rule::FastForward if is_tag && !now.is_empty() => Err(Moved::Rejected(Rejection::AlreadyExists)),
        Rule::FastForward if !forward => {
            let known = now.iter().all(|head| chain.contains(*head) || is_known(head));
            let rejection = if known { Rejection::NonFastForward } else { Rejection::FetchFirst };
            Err(Moved::Rejected(rejection))
        }
        Rule::Exactly(expected) if now != expected.iter().collect::<Vec<_>>() => {
            Err(Moved::Rejected(Rejection::StaleInfo))
        }
        _ if forward && (!is_tag || now.is_empty()) => Ok(MoveReason::Push),
        _ => Ok(MoveReason::Force),
    }
}

impl Repository {
    /// Moves a ref. Waits for others that move it for at most `limit`.
    ///
    /// # Errors
    /// [`RemoteError::Busy`] when others go on moving it; [`RemoteError::Uncertain`] when it is not
    /// known whether the ref was moved; and when the place cannot be used.
    pub fn move_ref(
        &self,
        records: &mut Records,
        wish: &Wish,
        holder: &Holder,
        limit: Duration,
        is_known: &dyn Fn(&CommitId) -> bool,
    ) -> Result<Moved, RemoteError> {
        let mover = Mover { repository: self, wish, holder, is_known, announces: true };
        mover.run(records, limit)
    }

    /// Counts what dead processes left: locks and announcements. `now` is the place's own time, in
    /// milliseconds since 1970.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn stale(&self, now: i64) -> Result<usize, RemoteError> {
        let announced = self.storage.count_older(ANNOUNCEMENTS, now - STALE_MS)?;
        Ok(announced + crate::remotes::format::lock::count_stale(&self.storage, now)?)
    }

    /// Deletes the announcements of dead processes.
    pub(in crate::remotes) fn sweep_announcements(&self, now: i64) -> Result<(), RemoteError> {
        self.storage.delete_older(ANNOUNCEMENTS, now - STALE_MS)
    }

    /// Returns the beginning of the names of announcements for a ref: without the key it does not
    /// say which ref it is.
    fn announcement_prefix(&self, volume: &VolumeName, reference: &RefName) -> String {
        let mut key = [0; 32];
        key.copy_from_slice(&self.key.encrypt);
        let hash = blake3::keyed_hash(&key, format!("{volume}:{reference}").as_bytes());
        hash.to_hex()[..32].to_owned()
    }
}

/// Moves one ref.
struct Mover<'m> {
    repository: &'m Repository,
    wish: &'m Wish,
    holder: &'m Holder,
    is_known: &'m dyn Fn(&CommitId) -> bool,
    /// False only in a test, which shows what announcements are for.
    announces: bool,
}

impl Mover<'_> {
    fn run(&self, records: &mut Records, limit: Duration) -> Result<Moved, RemoteError> {
        let begun = Instant::now();
        let prefix = self.repository.announcement_prefix(&self.wish.volume, &self.wish.reference);
        // Announcements that could not be deleted; a place may list them for a while yet.
        let mut own = BTreeSet::new();
        let mut wait = FIRST_WAIT;
        loop {
            self.repository.refresh(records)?;
            let heads = records.heads(&self.wish.volume, &self.wish.reference);
            let reason = match judge(self.wish, &heads, self.is_known) {
                Ok(reason) => reason,
                Err(ended) => return Ok(ended),
            };
            let random = uuid_bytes();
            let name = format!("{prefix}-{}", hex(&random));
            own.insert(name.clone());
            let attempt = self.attempt(records, &name, &own, &heads, reason);
            if self.announces && self.repository.storage.delete(&format!("{ANNOUNCEMENTS}/{name}")).is_ok() {
                own.remove(&name);
            }
            match attempt? {
                Attempt::Done(moved) => return self.look(records, moved),
                Attempt::Again => {}
                Attempt::Rival if begun.elapsed() > limit => {
                    return Err(RemoteError::Busy { reference: self.wish.reference.clone() });
                }
                Attempt::Unlisted if begun.elapsed() > limit => {
                    let reason = "a file that was just written is not listed there, so who else pushes \
                                  cannot be seen"
                        .to_owned();
                    let url = self.repository.url().to_owned();
                    return Err(RemoteError::Repository { action: "push to", url, reason });
                }
                Attempt::Rival | Attempt::Unlisted => {
                    self.repository.storage.pause(wait.mul_f64(f64::from(random[0]) / 256.0))?;
                    wait = (wait * 2).min(FIRST_WAIT * 64);
                }
            }
        }
    }

    fn attempt(
        &self,
        records: &mut Records,
        name: &str,
        own: &BTreeSet<String>,
        heads: &[RefMove],
        reason: MoveReason,
    ) -> Result<Attempt, RemoteError> {
        let (storage, wish) = (&self.repository.storage, self.wish);
        let announced = Instant::now();
        if self.announces {
            storage.put(&format!("{ANNOUNCEMENTS}/{name}"), &[])?;
            let listed = storage.list(ANNOUNCEMENTS)?;
            let Some(mine) = listed.iter().find(|other| other.name == name) else {
                // Or another process took this one for dead.
                return Ok(Attempt::Unlisted);
            };
            let of_ref = &name[..name.len() - 32];
            for other in listed.iter().filter(|other| other.name.starts_with(of_ref)) {
                if mine.modified - other.modified > STALE_MS {
                    storage.delete(&format!("{ANNOUNCEMENTS}/{}", other.name))?;
                } else if !own.contains(&other.name) {
                    return Ok(Attempt::Rival);
                }
            }
            self.repository.refresh(records)?;
            if records.heads(&wish.volume, &wish.reference) != heads {
                return Ok(Attempt::Again);
            }
            if announced.elapsed() > OWN_LIMIT {
                return Ok(Attempt::Again);
            }
        }
        let from: Vec<CommitId> = heads.iter().filter_map(|head| head.to.clone()).collect();
        let tree = wish.to.as_ref().or(from.first()).and_then(|id| records.commit(&wish.volume, id)).cloned();
        let Some(tree) = tree else {
            let reason = format!("{} leads to a commit that it does not have", wish.reference);
            let url = self.repository.url().to_owned();
            return Err(RemoteError::Repository { action: "push to", url, reason });
        };
        let one = RefMove {
            id: hex(&uuid_bytes()),
            reference: wish.reference.clone(),
            to: wish.to.clone(),
            replaces: heads.iter().map(|head| head.id.clone()).collect(),
            by: format!("{} on {}", self.holder.user, self.holder.host),
            date: self.holder.now(),
            tag: wish.tag.clone(),
            reason,
        };
        self.repository.storage.check_interrupted()?;
        self.repository.save_move(&wish.volume, &one, &tree).map_err(|source| RemoteError::Uncertain {
            reference: wish.reference.clone(),
            source: Box::new(source),
        })?;
        let forced = reason == MoveReason::Force;
        Ok(Attempt::Done(Moved::Done { from, forced, crossed: Vec::new() }))
    }

    /// Looks whether another push crossed.
    fn look(&self, records: &mut Records, moved: Moved) -> Result<Moved, RemoteError> {
        match self.repository.refresh(records) {
            // The ref has moved, and that is what the caller must hear.
            Err(RemoteError::Interrupted) => return Ok(moved),
            read => read?,
        }
        let heads = records.heads(&self.wish.volume, &self.wish.reference);
        Ok(match moved {
            Moved::Done { from, forced, .. } if heads.len() > 1 => {
                let others = heads.into_iter().filter_map(|head| head.to);
                let crossed = others.filter(|id| Some(id) != self.wish.to.as_ref()).collect();
                Moved::Done { from, forced, crossed }
            }
            moved => moved,
        })
    }
}

#[cfg(test)]
pub(in crate::remotes) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::model::{CommitRecord, RemoteUrl, Signature};
    use crate::remotes::places::storage::jitter;
    use crate::remotes::{CloudAccess, CommitNote, Secret, Sending};
    use crate::sys::clock::SystemClock;

    const PUSHERS: u8 = 8;

    pub(in crate::remotes) fn holder() -> Holder {
        Holder { host: "here".to_owned(), user: "test".to_owned(), clock: Arc::new(SystemClock) }
    }

    pub(in crate::remotes) fn note(number: u8) -> CommitNote {
        let record = CommitRecord {
            volume: "db".parse().unwrap(),
            id: format!("{number:032x}").parse().unwrap(),
            parent: None,
            message: number.to_string(),
            author: Signature { name: "Ada".to_owned(), email: String::new() },
            date: holder().now(),
            code: None,
            size: None,
            forgotten: false,
            made_on: None,
        };
        let (entries, bytes, sums) = Default::default();
        CommitNote { record, entries, bytes, sums, without_data: true, architecture: None }
    }

    /// Has each pusher move a ref of its own round from nothing to its own commit, all at once.
    /// Returns how many did.
    fn race(url: &RemoteUrl, cache: &std::path::Path, round: u8, announces: bool) -> usize {
        let secret = Secret::new("x".to_owned()).unwrap();
        // Opening takes each of them another time; what is raced for comes after it.
        let all_have_read = std::sync::Barrier::new(PUSHERS.into());
        let push = |number: u8| {
            let repository = Repository::open(url, &CloudAccess::default(), &secret, cache).unwrap();
            let mut records = repository.records().unwrap();
            all_have_read.wait();
            let to: CommitId = format!("{number:032x}").parse().unwrap();
            let wish = Wish {
                volume: "db".parse().unwrap(),
                reference: format!("heads/round-{round}").parse().unwrap(),
                chain: BTreeSet::from([to.clone()]),
                to: Some(to),
                rule: Rule::FastForward,
                tag: None,
            };
            let (holder, is_known) = (holder(), |_: &CommitId| false);
            let mover = Mover {
                repository: &repository,
                wish: &wish,
                holder: &holder,
                is_known: &is_known,
                announces,
            };
            match mover.run(&mut records, Duration::from_secs(60)).unwrap() {
                Moved::Done { .. } => 1,
                other => {
                    assert_eq!(other, Moved::Rejected(Rejection::FetchFirst));
                    0
                }
            }
        };
        std::thread::scope(|scope| {
            let push = &push;
            let pushers: Vec<_> = (0..PUSHERS).map(|number| scope.spawn(move || push(number))).collect();
            pushers.into_iter().map(|pusher| pusher.join().unwrap()).sum()
        })
    }

    /// What announcements are for shows in the same race without them.
    #[test]
    fn of_many_who_move_a_ref_at_once_one_does_and_without_announcements_several_do() {
        let dir = tempfile::tempdir().unwrap();
        let url: RemoteUrl = dir.path().join("repository").to_str().unwrap().parse().unwrap();
        let cache = dir.path().join("cache");
        let secret = Secret::new("x".to_owned()).unwrap();
        let repository = Repository::open_or_make(&url, &CloudAccess::default(), &secret, &cache, 0).unwrap();
        let mut records = Records::default();
        for number in 0..PUSHERS {
            let note = note(number);
            let (tree, manifest, cancel) = (None, &b"{}"[..], Arc::default());
            let sending = Sending { note: &note, tree, manifest, cancel, progress: Box::new(|_| ()) };
            repository.send(&mut records, sending).unwrap();
        }
        jitter::MILLISECONDS.store(20, Ordering::Relaxed);
        for round in 0..3 {
            assert_eq!(race(&url, &cache, round, true), 1, "round {round}");
        }
        let without: Vec<usize> = (3..6).map(|round| race(&url, &cache, round, false)).collect();
        jitter::MILLISECONDS.store(0, Ordering::Relaxed);
        assert!(without.iter().any(|moved| *moved > 1), "{without:?}");
        // And even then nothing is lost: each of them is a head.
        let now = repository.records().unwrap();
        for (moved, round) in without.into_iter().zip(3..) {
            let reference: RefName = format!("heads/round-{round}").parse().unwrap();
            assert_eq!(now.heads(&"db".parse().unwrap(), &reference).len(), moved);
        }
    }
}
