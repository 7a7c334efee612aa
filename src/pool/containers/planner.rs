//! Planning which containers to hold for an operation, how, and in which order.
//!
//! Everything that can be refused is refused here, before a container is touched.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::containers::{Container, ContainerError, Details, Health, Patience, Service, State, StopOutcome};
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, Quiesce, VolumeName};
use crate::pool::{Notice, Pool, Purpose, Setting};
use crate::store::Rows;

/// How long a command inside a container may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);
/// How long it may take once the user has interrupted the operation.
const OWED_COMMAND_LIMIT: Duration = Duration::from_secs(5);

/// How containers end whose working tree is swapped. A later one is more careful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    /// They are killed.
    Kill,
    /// Those are killed that write to nothing but what is thrown away.
    Auto,
    /// They are stopped.
    Stop,
}

/// How the containers of a volume are treated.
#[derive(Debug, Clone)]
pub(in crate::pool) struct QuiescePolicy {
    quiesce: Quiesce,
    ending: Ending,
    stop_timeout: Option<u32>,
    ready: Vec<String>,
    pre: Vec<String>,
    post: Vec<String>,
}

impl QuiescePolicy {
    /// Reads what the flags, the volume's settings and the pool's say, in this order.
    fn of(
        pool: &Pool,
        rows: &Rows<'_>,
        volume: Option<&VolumeName>,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        let setting = |key: &str| Setting::find(key)?.value(rows, volume);
        let command = |key: &str, runs: bool| {
            let value = if runs { setting(key)? } else { String::new() };
            Ok::<_, Error>(if value.is_empty() { Vec::new() } else { vec![value] })
        };
        let quiesce = match pool.options.quiesce {
            Some(quiesce) => quiesce,
            None => setting("containers.quiesce")?.parse().map_err(|error: crate::model::QuiesceError| {
                Error::Damaged(format!("setting containers.quiesce: {error}"))
            })?,
        };
        let ending = match setting("containers.reset")?.as_str() {
            "kill" => Ending::Kill,
            "stop" => Ending::Stop,
            _ => Ending::Auto,
        };
        let stop_timeout = match pool.options.stop_timeout {
            Some(timeout) => u32::try_from(timeout.as_secs()).ok(),
            None => setting("containers.stop-timeout")?.parse().ok(),
        };
        Ok(QuiescePolicy {
            quiesce,
            ending,
            stop_timeout,
            ready: command("containers.ready", true)?,
            pre: command("containers.pre-commit", purpose == Purpose::Copy)?,
            post: command("containers.post-commit", purpose == Purpose::Copy)?,
        })
    }

    /// Adds how another volume's containers are treated, for a container on both.
    fn and(&mut self, other: QuiescePolicy) {
        self.quiesce = self.quiesce.max(other.quiesce);
        self.ending = self.ending.max(other.ending);
        self.stop_timeout = self.stop_timeout.max(other.stop_timeout);
        // A command that both name, as when it is the pool's setting, runs once.
        let lists =
            [(&mut self.ready, other.ready), (&mut self.pre, other.pre), (&mut self.post, other.post)];
        for (own, theirs) in lists {
            own.extend(theirs.into_iter().filter(|command| !own.contains(command)).collect::<Vec<_>>());
        }
    }
}

/// Plans which containers an operation holds.
pub(in crate::pool) struct ContainerPlanner<'p> {
    pool: &'p Pool,
    purpose: Purpose,
    volumes: Vec<(VolumeName, QuiescePolicy)>,
    /// Details of containers, so that each is inspected once.
    known: BTreeMap<String, Details>,
    /// The commands to run inside a container before it is held, by its id.
    pre: BTreeMap<String, Vec<String>>,
}

impl<'p> ContainerPlanner<'p> {
    pub(in crate::pool) fn new<'v>(
        pool: &'p Pool,
        purpose: Purpose,
        volumes: impl Iterator<Item = &'v VolumeName>,
    ) -> Result<Self, Error> {
        let volumes = pool.store.read(|rows| {
            volumes
                .map(|volume| {
                    let policy = QuiescePolicy::of(pool, &rows, Some(volume), purpose)?;
                    Ok::<_, Error>((volume.clone(), policy))
                })
                .collect::<Result<_, _>>()
        })?;
        Ok(ContainerPlanner { pool, purpose, volumes, known: BTreeMap::new(), pre: BTreeMap::new() })
    }

    /// Returns whether all containers go on as they are.
    pub(in crate::pool) fn leaves_all(&self) -> bool {
        self.volumes.iter().all(|(volume, _)| self.leaves(volume))
    }

    /// Returns whether containers of this volume go on as they are, unless they are also on a
    /// volume that asks for more.
    pub(in crate::pool) fn leaves(&self, volume: &VolumeName) -> bool {
        let is_left = |policy: &QuiescePolicy| policy.quiesce == Quiesce::None;
        self.purpose == Purpose::Copy
            && self.volumes.iter().any(|(name, policy)| name == volume && is_left(policy))
    }

    /// Finds the running containers that have to be held, the first to hold first; `held` are held
    /// already.
    pub(in crate::pool) fn find(&mut self, held: &[HeldContainer]) -> Result<Vec<HeldContainer>, Error> {
        if held.is_empty() {
            self.refuse_unmanaged()?;
        }
        let mut users: Vec<(Container, QuiescePolicy)> = Vec::new();
        for (volume, policy) in &self.volumes {
            for container in self.pool.containers().users_of(volume)? {
                match users.iter_mut().find(|(known, _)| known.id == container.id) {
                    Some((_, whole)) => whole.and(policy.clone()),
                    None => users.push((container, policy.clone())),
                }
            }
        }
        let found = self.choose(users, held)?;
        if held.is_empty() {
            self.refuse_silent_driver(&found)?;
        }
        Ok(found)
    }

    pub(super) fn pool(&self) -> &'p Pool {
        self.pool
    }

    pub(super) fn volumes(&self) -> impl Iterator<Item = &VolumeName> {
        self.volumes.iter().map(|(volume, _)| volume)
    }

    /// Refuses if containers that cannot be held run on the volumes. One that only reads does not
    /// disturb a copy.
    fn refuse_unmanaged(&self) -> Result<(), Error> {
        let volumes = self.volumes.iter().map(|(volume, _)| volume).filter(|volume| !self.leaves(volume));
        let volumes: Vec<&VolumeName> = volumes.collect();
        let unmanaged = self.pool.unmanaged_containers(&volumes, self.purpose == Purpose::Copy)?;
        if unmanaged.is_empty() { Ok(()) } else { Err(Error::OutOfReach(unmanaged)) }
    }

    /// Plans which containers on a volume of another driver to hold.
    pub(in crate::pool) fn find_others(
        pool: &'p Pool,
        users: &[Container],
    ) -> Result<Vec<HeldContainer>, Error> {
        let mut policy = pool.store.read(|rows| QuiescePolicy::of(pool, &rows, None, Purpose::Copy))?;
        (policy.pre, policy.post) = (Vec::new(), Vec::new());
        let mut planner = ContainerPlanner {
            pool,
            purpose: Purpose::Copy,
            volumes: Vec::new(),
            known: BTreeMap::new(),
            pre: BTreeMap::new(),
        };
        planner.choose(users.iter().map(|user| (user.clone(), policy.clone())).collect(), &[])
    }

    fn choose(
        &mut self,
        users: Vec<(Container, QuiescePolicy)>,
        held: &[HeldContainer],
    ) -> Result<Vec<HeldContainer>, Error> {
        let users = in_start_order(users);
        let all: Vec<Container> = users.iter().map(|(container, _)| container.clone()).collect();
        let (mut holds, mut vanishing, mut misled) = (Vec::new(), Vec::new(), Vec::new());
        let mut once = Vec::new();
        for (container, policy) in users.into_iter().rev() {
            if container.state == State::Stopped {
                continue;
            }
            if let Some(known) = held.iter().find(|held| held.id == container.id) {
                // It runs again although it was held: another process started or thawed it.
                if container.state == State::Running && known.hold != HoldMode::Leave {
                    holds.push(known.clone());
                }
                continue;
            }
            let was_paused = container.state == State::Paused;
            let Some(details) = self.details(&container)? else { continue };
            let hold = match (self.purpose, policy.quiesce) {
                // A frozen container writes nothing: leave it as it is.
                (Purpose::Copy, _) if was_paused => continue,
                (Purpose::Copy, Quiesce::None) if policy.pre.is_empty() && policy.post.is_empty() => continue,
                (Purpose::Copy, Quiesce::None) => HoldMode::Leave,
                (Purpose::Swap | Purpose::Discard, Quiesce::None) => {
                    misled.push(container.name);
                    continue;
                }
                // A start would run its command again.
                (purpose, quiesce)
                    if container.runs_once() && (purpose, quiesce) != (Purpose::Copy, Quiesce::Pause) =>
                {
                    once.push(container.name);
                    continue;
                }
                _ if self.kills(&container, policy.ending) && !details.auto_remove => HoldMode::Kill,
                // A container that waits for its next start has nothing to freeze.
                (_, Quiesce::Pause) if container.restarting => HoldMode::Stop,
                (Purpose::Copy, Quiesce::Pause) => HoldMode::Pause,
                (Purpose::Swap | Purpose::Discard, Quiesce::Pause)
                    if self.pool.containers().restart_mounts_anew()? =>
                {
                    HoldMode::Restart
                }
                (_, Quiesce::Stop | Quiesce::Pause) if details.auto_remove => {
                    vanishing.push(container.name);
                    continue;
                }
                // This is also right if a restart would bring it up on the old tree.
                (_, Quiesce::Stop | Quiesce::Pause) => HoldMode::Stop,
            };
            let comes_up = hold != HoldMode::Leave && !was_paused;
            let expected = matches!(details.health, Some(Health::Starting | Health::Healthy));
            let ready = if comes_up && details.health.is_none() { policy.ready } else { Vec::new() };
            let after_healthy = dependencies(&container, &all).filter(|(_, healthy)| *healthy);
            let after_healthy = after_healthy.map(|(other, _)| other.id.clone()).collect();
            if !container.restarting {
                self.pre.insert(container.id.clone(), policy.pre);
            }
            holds.push(HeldContainer {
                hold,
                was_paused,
                stop_timeout: policy.stop_timeout,
                has_health: comes_up && expected,
                ready,
                after_healthy,
                post: if container.restarting { Vec::new() } else { policy.post },
                id: container.id,
                name: container.name,
            });
        }
        if !vanishing.is_empty() {
            let freezable = self.purpose == Purpose::Copy || self.pool.containers().restart_mounts_anew()?;
            return Err(Error::Unstoppable { containers: vanishing, freezable });
        }
        if !once.is_empty() {
            return Err(Error::RunsOnce { containers: once, freezable: self.purpose == Purpose::Copy });
        }
        if !misled.is_empty() {
            return Err(Error::NotQuiesced(misled));
        }
        Ok(holds)
    }

    /// Returns whether the container need not end in good order.
    fn kills(&self, container: &Container, ending: Ending) -> bool {
        let is_swapped = |volume: &String| self.volumes().any(|own| own.as_str() == volume);
        let writes = &container.writes;
        match (self.purpose, ending) {
            _ if container.restarting => false,
            (Purpose::Copy, _) | (_, Ending::Stop) | (Purpose::Swap, Ending::Auto) => false,
            (Purpose::Discard, Ending::Auto) => !writes.elsewhere && writes.volumes.iter().all(is_swapped),
            (Purpose::Swap | Purpose::Discard, Ending::Kill) => true,
        }
    }

    /// Inspects a container; `None` if it was removed since it was listed, and so writes nothing
    /// any more.
    fn details(&mut self, container: &Container) -> Result<Option<Details>, Error> {
        if let Some(known) = self.known.get(&container.id) {
            return Ok(Some(known.clone()));
        }
        let details = if container.restarting {
            // It may wait in Mount, and inspecting it would wait as well. Engines allow no restart
            // policy together with --rm.
            let (running, health, check, retries) = (false, None, None, 0);
            Details { auto_remove: false, running, restarting: true, health, check, retries }
        } else {
            match self.pool.containers().details(&container.id) {
                Err(ContainerError::Gone { .. }) => return Ok(None),
                other => other?,
            }
        };
        self.known.insert(container.id.clone(), details.clone());
        Ok(Some(details))
    }

    /// Runs the pre-commit commands, once in each container.
    pub(in crate::pool) fn run_before(&mut self, holds: &[HeldContainer]) -> Result<(), Error> {
        for held in holds {
            for command in self.pre.remove(&held.id).unwrap_or_default() {
                self.pool.check_interrupted()?;
                let patience = Patience { cancel: Some(&self.pool.options.interrupted), slow: &|| () };
                let done = self.pool.containers().exec(&held.id, &command, COMMAND_LIMIT, &patience);
                let done = match done {
                    Err(ContainerError::Gone { .. }) => break,
                    Err(ContainerError::GivenUp { .. }) => return Err(Error::Interrupted),
                    other => other?,
                };
                if done.code != 0 {
                    let (container, code, output) = (held.name.clone(), done.code, done.output);
                    return Err(Error::PreCommit { container, command, code, output });
                }
            }
        }
        Ok(())
    }

    /// Holds a container. Gives how it is held if that differs from the plan.
    pub(in crate::pool) fn hold(&self, held: &HeldContainer) -> Result<Option<HoldMode>, Error> {
        let containers = self.pool.containers();
        match held.hold {
            HoldMode::Stop | HoldMode::Kill => match stop(self.pool, held) {
                Err(Error::Container(ContainerError::Gone { .. })) => Ok(Some(HoldMode::Leave)),
                other => other,
            },
            HoldMode::Pause | HoldMode::Restart if held.was_paused => Ok(None),
            HoldMode::Pause | HoldMode::Restart => {
                let Err(error) = containers.pause(&held.id) else { return Ok(None) };
                match self.state_of(held)? {
                    Some(now) if now.restarting => Ok(Some(stop(self.pool, held)?.unwrap_or(HoldMode::Stop))),
                    // It has ended by itself meanwhile.
                    Some(now) if now.state == State::Stopped => Ok(Some(HoldMode::Leave)),
                    None if matches!(error, ContainerError::Gone { .. }) => Ok(Some(HoldMode::Leave)),
                    _ => Err(error.into()),
                }
            }
            HoldMode::Leave => Ok(None),
        }
    }

    fn state_of(&self, held: &HeldContainer) -> Result<Option<Container>, Error> {
        for (volume, _) in &self.volumes {
            let users = self.pool.containers().users_of(volume)?;
            if let Some(found) = users.into_iter().find(|user| user.id == held.id) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Stops a container. Gives how it is held if the user interrupts that: the engine goes on with the
/// stop, so only a restart brings the container back.
fn stop(pool: &Pool, held: &HeldContainer) -> Result<Option<HoldMode>, Error> {
    if held.was_paused {
        pool.containers().unpause(&held.id)?;
    }
    if held.hold == HoldMode::Kill {
        pool.containers().kill(&held.id)?;
        return Ok(None);
    }
    let slow = || pool.tell(&Notice::Stopping { container: held.name.clone() });
    let patience = Patience { cancel: Some(&pool.options.interrupted), slow: &slow };
    match pool.containers().stop(&held.id, stop_timeout(held), &patience) {
        Ok(StopOutcome::Killed) => pool.tell(&Notice::Killed { container: held.name.clone() }),
        Ok(StopOutcome::Ended) => {}
        Err(ContainerError::GivenUp { .. }) => {
            pool.note_stopping(&held.id);
            return Ok(Some(HoldMode::Restart));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Runs the container's post-commit commands, whether or not the operation succeeded. Failures are
/// only reported.
pub(in crate::pool) fn run_after(pool: &Pool, held: &HeldContainer) {
    for command in &held.post {
        // After an interrupt the container is still owed its command, but not for long.
        let (cancel, limit) = match pool.check_interrupted() {
            Ok(()) => (Some(pool.options.interrupted.as_ref()), COMMAND_LIMIT),
            Err(_) => (None, OWED_COMMAND_LIMIT),
        };
        let done = pool.containers().exec(&held.id, command, limit, &Patience { cancel, slow: &|| () });
        let reason = match done {
            Ok(done) if done.code == 0 => continue,
            Err(ContainerError::Gone { .. }) => return,
            Err(ContainerError::GivenUp { .. }) => "interrupted; it goes on in the container".to_owned(),
            Ok(done) => format!("exit code {}: {}", done.code, done.output),
            Err(error) => error.to_string(),
        };
        let (container, command) = (held.name.clone(), command.clone());
        pool.tell(&Notice::PostFailed { container, command, reason });
    }
}

/// Returns how long a container may take to stop; `None` means its own stop timeout.
pub(in crate::pool) fn stop_timeout(held: &HeldContainer) -> Option<Duration> {
    held.stop_timeout.map(|seconds| Duration::from_secs(u64::from(seconds)))
}

/// Lists the containers that must start before this one, and whether they must be healthy first.
fn dependencies<'a>(
    container: &'a Container,
    all: &'a [Container],
) -> impl Iterator<Item = (&'a Container, bool)> {
    container.service.iter().flat_map(move |own| {
        own.after.iter().flat_map(move |wanted| {
            let is_it = move |other: &&Container| {
                let theirs = other.service.as_ref();
                let is_named = |theirs: &Service| {
                    theirs.project == own.project && theirs.name == wanted.service && !theirs.runs_once
                };
                theirs.is_some_and(is_named)
            };
            all.iter().filter(is_it).map(move |other| (other, wanted.healthy))
        })
    })
}

/// Sorts containers by age, but each after those that it depends on.
fn in_start_order(mut users: Vec<(Container, QuiescePolicy)>) -> Vec<(Container, QuiescePolicy)> {
    users.sort_by_key(|(container, _)| container.created);
    let mut ordered = Vec::with_capacity(users.len());
    while !users.is_empty() {
        let waiting: Vec<Container> = users.iter().map(|(container, _)| container.clone()).collect();
        let is_free = |container: &Container| {
            dependencies(container, &waiting).all(|(other, _)| other.id == container.id)
        };
        // If they wait for each other, the oldest goes first.
        let next = waiting.iter().position(is_free).unwrap_or_default();
        ordered.push(users.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::{Dependency, Writes};

    fn container(name: &str, created: i64, after: &[&str]) -> (Container, QuiescePolicy) {
        let dependency = |name: &&str| Dependency { service: (*name).to_owned(), healthy: false };
        let service = Service {
            project: "shop".to_owned(),
            name: name.to_owned(),
            after: after.iter().map(dependency).collect(),
            runs_once: false,
        };
        let container = Container {
            id: name.to_owned(),
            name: name.to_owned(),
            state: State::Running,
            created,
            mounts: 1,
            restarting: false,
            service: Some(service),
            writes: Writes::default(),
        };
        let policy = QuiescePolicy {
            quiesce: Quiesce::Stop,
            ending: Ending::Auto,
            stop_timeout: None,
            ready: Vec::new(),
            pre: Vec::new(),
            post: Vec::new(),
        };
        (container, policy)
    }

    fn order(users: Vec<(Container, QuiescePolicy)>) -> Vec<String> {
        in_start_order(users).into_iter().map(|(container, _)| container.name).collect()
    }

    #[test]
    fn the_oldest_starts_first_but_after_what_it_depends_on() {
        let users =
            [("web", 1, &["app", "db"][..]), ("db", 3, &[]), ("app", 2, &["db", "missing"]), ("log", 4, &[])];
        let users = users.map(|(name, created, after)| container(name, created, after));
        assert_eq!(order(users.into()), ["db", "app", "web", "log"]);
    }

    #[test]
    fn those_that_wait_for_each_other_are_started_all_the_same() {
        let users = vec![container("b", 2, &["a"]), container("a", 1, &["b", "a"])];
        assert_eq!(order(users), ["a", "b"]);
    }

    #[test]
    fn a_container_on_two_volumes_is_held_the_stricter_way() {
        let (_, mut policy) = container("a", 1, &[]);
        policy.quiesce = Quiesce::None;
        let mut other = policy.clone();
        (other.quiesce, other.stop_timeout) = (Quiesce::Pause, Some(3));
        (policy.ending, other.ending) = (Ending::Kill, Ending::Stop);
        (policy.pre, other.pre) = (vec!["sync".to_owned()], vec!["sync".to_owned(), "flush".to_owned()]);
        policy.and(other);
        assert_eq!((policy.quiesce, policy.stop_timeout), (Quiesce::Pause, Some(3)));
        assert_eq!(policy.ending, Ending::Stop);
        assert_eq!(policy.pre, ["sync", "flush"]);
    }
}
