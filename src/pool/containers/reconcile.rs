//! Reconciling the mounts on record with the engine.
//!
//! A driver that was down has missed mounts and unmounts, and an engine that was killed sent none.
//! The engine says which containers run on which volume, but not which mount belongs to which. So
//! of a volume with more mounts than running containers, the oldest mounts are forgotten, unless
//! the kernel shows that another engine's container is there. Where containers run on a volume
//! without any mount, each gets one by the container's id, until it stops or the engine mounts
//! again.
//!
//! A record is read before the engine is asked, and changed only if it is still the same
//! afterwards. A young record may belong to a container that is just starting. If the engine does
//! not answer, nothing changes.

use std::collections::BTreeMap;

use crate::containers::{Container, State};
use crate::error::Error;
use crate::model::{Binding, VolumeName};
use crate::pool::Pool;
use crate::store::Writer;

/// How old a mount must be not to belong to a container that is just starting, in microseconds.
const YOUNG_MOUNT_MICROS: i64 = 10_000_000;
/// Prefix of a mount's id, before the container's id, if the engine did not report the mount.
const UNREPORTED: &str = "seen:";

/// What a reconciliation changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// How many mounts were forgotten.
    pub forgotten: usize,
    /// How many mounts were recorded for running containers.
    pub added: usize,
    /// Whether to look again soon: a mount is young, or on record without a report from the engine,
    /// which will not report its end either.
    pub look_again: bool,
}

/// The changes to make.
#[derive(Default)]
struct Changes {
    forget: Vec<Binding>,
    add: Vec<Binding>,
}

impl Pool {
    /// Reconciles the mounts of all volumes with the engine, if there is one.
    ///
    /// # Errors
    /// When the engine does not answer, or the metadata cannot be read or written. Nothing is
    /// changed then.
    pub fn reconcile_mounts(&self) -> Result<Reconciled, Error> {
        let mut reconciled = Reconciled::default();
        if !self.containers().is_enabled() || !self.store.is_there()? {
            return Ok(reconciled);
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
            self.compare(volume, bindings, running, &mut changes, &mut reconciled)?;
        }
        if !changes.forget.is_empty() || !changes.add.is_empty() {
            self.store.write(|writer| changes.make(writer, &mut reconciled))?;
        }
        Ok(reconciled)
    }

    fn compare(
        &self,
        volume: &VolumeName,
        bindings: &[Binding],
        running: &[Container],
        changes: &mut Changes,
        reconciled: &mut Reconciled,
    ) -> Result<(), Error> {
        let (unreported, reported): (Vec<_>, Vec<_>) =
            bindings.iter().partition(|binding| binding.id.starts_with(UNREPORTED));
        let now = self.now();
        let is_old =
            |binding: &&Binding| now.micros.saturating_sub(binding.since.micros) >= YOUNG_MOUNT_MICROS;
        let surplus = reported.len().saturating_sub(running.len());
        let mut old: Vec<&Binding> = reported.iter().copied().filter(is_old).collect();
        reconciled.look_again |= surplus > old.len();
        old.sort_by_key(|binding| binding.since);
        old.truncate(surplus);
        if !old.is_empty() && self.unmanaged_containers(&[volume], false)?.is_empty() {
            changes.forget.extend(old.into_iter().cloned());
        }
        for binding in &unreported {
            let runs =
                running.iter().any(|container| binding.id.strip_prefix(UNREPORTED) == Some(&container.id));
            if runs && reported.len() < running.len() {
                reconciled.look_again = true;
            } else {
                changes.forget.push((*binding).clone());
            }
        }
        if bindings.is_empty() {
            changes.add.extend(running.iter().map(|container| Binding {
                volume: volume.clone(),
                id: format!("{UNREPORTED}{}", container.id),
                since: now,
            }));
        }
        Ok(())
    }
}

/// Keeps the containers that run, by volume.
fn running(mut users: BTreeMap<String, Vec<Container>>) -> BTreeMap<String, Vec<Container>> {
    for containers in users.values_mut() {
        containers.retain(|container| container.state != State::Stopped);
    }
    users
}

impl Changes {
    /// Makes the changes that other processes have not made void meanwhile.
    fn make(&self, writer: &Writer<'_>, reconciled: &mut Reconciled) -> Result<(), Error> {
        for binding in &self.forget {
            if writer.bindings(&binding.volume)?.contains(binding) {
                writer.unbind(&binding.volume, &binding.id)?;
                reconciled.forgotten += 1;
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
                reconciled.added += 1;
                reconciled.look_again = true;
            }
        }
        Ok(())
    }
}
