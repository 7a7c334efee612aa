//! Containers that run in a namespace of one that an operation starts anew.
//!
//! They would stay in the old one: cut off from the network, or without processes. So they are
//! stopped before it and started after it, though they are on none of the volumes.

use super::planner::ContainerPlanner;
use crate::containers::State;
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode};
use crate::pool::Notice;

impl ContainerPlanner<'_> {
    /// Adds the containers that share a namespace with one of `holds`, the first to hold first.
    /// Tells of those that cannot be stopped.
    pub(super) fn with_sharers(&self, holds: Vec<HeldContainer>) -> Result<Vec<HeldContainer>, Error> {
        let mut all = holds;
        let mut owners: Vec<String> = ids(all.iter().filter(|held| held.starts_anew()));
        while !owners.is_empty() {
            let mut added = Vec::new();
            for sharer in self.pool().containers().sharers(&owners)? {
                if all.iter().any(|held| held.id == sharer.id) {
                    continue;
                }
                if sharer.auto_remove {
                    let owner = all.iter().find(|held| held.id == sharer.with);
                    let with = owner.map(|held| held.name.clone()).unwrap_or_default();
                    self.pool().tell(&Notice::CutOff { container: sharer.name, with });
                    continue;
                }
                added.push(HeldContainer {
                    id: sharer.id,
                    name: sharer.name,
                    hold: HoldMode::Stop,
                    was_paused: sharer.state == State::Paused,
                    stop_timeout: None,
                    has_health: false,
                    ready: Vec::new(),
                    after_healthy: Vec::new(),
                    post: Vec::new(),
                });
            }
            owners = ids(added.iter());
            all.splice(0..0, added);
        }
        Ok(all)
    }
}

fn ids<'h>(held: impl Iterator<Item = &'h HeldContainer>) -> Vec<String> {
    held.map(|held| held.id.clone()).collect()
}
