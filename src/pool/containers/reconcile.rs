//! Bringing the mounts that are on record in line with the engine.
//!
//! A driver that was down has missed mounts and unmounts, and an engine that was killed sent none. The engine says which
//! containers run on which volume, but not which mount is whose. So of a volume with more mounts than containers
//! that run on it the oldest are forgotten, unless, as the kernel tells, another engine's container is there; and where
//! containers run on a volume without any mount, each gets one, by the container's id, until it stops or the engine mounts again.
//! A record is read before the engine is asked and changed only if it is still the same afterwards; one that
//! is young may be of a container that is just being started. An engine that does not answer changes nothing.

use std::collections::BTreeMap;

use crate::containers::{Container, State};
use crate::error::Error;
use crate::model::{Binding, VolumeName};
use crate::pool::Pool;
use crate::store::Writer;

/// A mount that is younger may be of a container that is just being started, in microseconds.
const YOUNG: i64 = 10_000_000;
/// Before the container's id in the record of a mount that the engine did not tell of.
const SEEN: &str = "seen:";

/// What was brought in line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Mounts that were forgotten.
    pub forgotten: usize,
    /// Mounts that were recorded for containers that run.
    pub added: usize,
    /// Whether to look again soon: something is young, or on record without the engine's telling, so that it will
    /// not tell the end of it.
    pub is_settling: bool,
}

/// What is to be changed.
#[derive(Default)]
struct Changes {
    forget: Vec<Binding>,
    add: Vec<Binding>,
}

impl Pool {
    /// Brings the mounts of all volumes in line with the engine, if there is one.
    ///
    /// # Errors
    /// When the engine does not answer, or the metadata cannot be read or written. Nothing is changed then.
    pub fn reconcile_mounts(&self) -> Result<Reconciled, Error> {
        let mut alignment = Reconciled::default();
        if !self.containers().is_enabled() || !self.store.is_there()? {
            return Ok(alignment);
        }
        let bindings = self.store.read(|rows| {
            let volumes = rows.volumes()?.into_iter();
            let of = |volume: VolumeName| Ok::<_, Error>((rows.bindings(&volume)?, volume));
            volumes.map(|record| of(record.name)).collect::<Result<Vec<_>, _>>()
        })?;
        let running = running(self.containers().users()?);
        let mut changes = Changes::default();
        for (bindings, volume) in &bindings {
            let running = running.get(volume.as_str()).map_or(&[][..], Vec::as_slice);
            self.compare(volume, bindings, running, &mut changes, &mut alignment)?;
        }
        if !changes.forget.is_empty() || !changes.add.is_empty() {
            self.store.write(|writer| changes.make(writer, &mut alignment))?;
        }
        Ok(alignment)
    }

    fn compare(
        &self,
        volume: &VolumeName,
        bindings: &[Binding],
        running: &[Container],
        changes: &mut Changes,
        alignment: &mut Reconciled,
    ) -> Result<(), Error> {
        let (seen, told): (Vec<_>, Vec<_>) =
            bindings.iter().partition(|binding| binding.id.starts_with(SEEN));
        let now = self.now();
        let is_old = |binding: &&Binding| now.micros.saturating_sub(binding.since.micros) >= YOUNG;
        let surplus = told.len().saturating_sub(running.len());
        let mut old: Vec<&Binding> = told.iter().copied().filter(is_old).collect();
        alignment.is_settling |= surplus > old.len();
        old.sort_by_key(|binding| binding.since);
        old.truncate(surplus);
        if !old.is_empty() && self.unmanaged_containers(&[volume], false)?.is_empty() {
            changes.forget.extend(old.into_iter().cloned());
        }
        for binding in &seen {
            let runs = running.iter().any(|container| binding.id.strip_prefix(SEEN) == Some(&container.id));
            if runs && told.len() < running.len() {
                alignment.is_settling = true;
            } else {
                changes.forget.push((*binding).clone());
            }
        }
        if bindings.is_empty() {
            changes.add.extend(running.iter().map(|container| Binding {
                volume: volume.clone(),
                id: format!("{SEEN}{}", container.id),
                since: now,
            }));
        }
        Ok(())
    }
}

/// The containers that run, by volume.
fn running(mut users: BTreeMap<String, Vec<Container>>) -> BTreeMap<String, Vec<Container>> {
    for containers in users.values_mut() {
        containers.retain(|container| container.state != State::Stopped);
    }
    users
}

impl Changes {
    /// Makes those that nobody has made void meanwhile.
    fn make(&self, writer: &Writer<'_>, alignment: &mut Reconciled) -> Result<(), Error> {
        for binding in &self.forget {
            if writer.bindings(&binding.volume)?.contains(binding) {
                writer.unbind(&binding.volume, &binding.id)?;
                alignment.forgotten += 1;
            }
        }
        let mut is_free = BTreeMap::new();
        for binding in &self.add {
            let free = match is_free.get(&binding.volume) {
                Some(free) => *free,
                None => {
                    let there = writer.volume(&binding.volume)?.is_some();
                    let free = there && writer.bindings(&binding.volume)?.is_empty();
                    is_free.insert(&binding.volume, free);
                    free
                }
            };
            if free {
                writer.bind(binding)?;
                alignment.added += 1;
                alignment.is_settling = true;
            }
        }
        Ok(())
    }
}
