//! A runtime without containers, for `--disable-docker-integration`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Container, ContainerError, ContainerRuntime, Details, Executed, Patience, Probe, ReadyCheck, StopOutcome,
};
use crate::model::VolumeName;

/// A runtime that knows no container.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContainers;

impl NoContainers {
    fn gone<T>(id: &str) -> Result<T, ContainerError> {
        Err(ContainerError::Gone { name: id.to_owned() })
    }
}

impl ContainerRuntime for NoContainers {
    fn is_enabled(&self) -> bool {
        false
    }
    fn users(&self) -> Result<BTreeMap<String, Vec<Container>>, ContainerError> {
        Ok(BTreeMap::new())
    }
    fn users_of(&self, _volume: &VolumeName) -> Result<Vec<Container>, ContainerError> {
        Ok(Vec::new())
    }
    fn details(&self, id: &str) -> Result<Details, ContainerError> {
        Self::gone(id)
    }
    fn stop(
        &self,
        id: &str,
        _timeout: Option<Duration>,
        _patience: &Patience<'_>,
    ) -> Result<StopOutcome, ContainerError> {
        Self::gone(id)
    }
    fn kill(&self, id: &str) -> Result<(), ContainerError> {
        Self::gone(id)
    }
    fn start(&self, id: &str) -> Result<(), ContainerError> {
        Self::gone(id)
    }
    fn pause(&self, id: &str) -> Result<(), ContainerError> {
        Self::gone(id)
    }
    fn unpause(&self, id: &str) -> Result<(), ContainerError> {
        Self::gone(id)
    }
    fn exec(
        &self,
        id: &str,
        _command: &str,
        _limit: Duration,
        _patience: &Patience<'_>,
    ) -> Result<Executed, ContainerError> {
        Self::gone(id)
    }
    fn probe(
        &self,
        id: &str,
        _check: &ReadyCheck,
        _limit: Duration,
        _patience: &Patience<'_>,
    ) -> Result<Probe, ContainerError> {
        Self::gone(id)
    }
    fn restart(&self, id: &str, _timeout: Option<Duration>) -> Result<(), ContainerError> {
        Self::gone(id)
    }
}
