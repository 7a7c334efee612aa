//! The rows of remotes: which there are, what volumes are called there, and what was found there
//! when dvol last looked.

use super::error::StoreError;
use super::rows::Rows;
use super::tables::{LINKS, REMOTES, TRACKING, UPSTREAMS};
use super::write::Writer;
use crate::model::{
    BranchName, LinkRecord, RefName, RemoteName, RemoteRecord, TrackingRecord, UpstreamRecord, VolumeName,
};

/// The key of a tracking ref beside its volume: the remote and the ref.
fn tracking_key(remote: &RemoteName, reference: &RefName) -> String {
    format!("{remote}/{reference}")
}

fn owner(volume: Option<&VolumeName>) -> &str {
    volume.map_or("", VolumeName::as_str)
}

impl Rows<'_> {
    /// Returns the remote of this name: one that `volume` alone knows, else the pool's.
    ///
    /// # Errors
    /// When the database or a record cannot be read; so for all methods here.
    pub fn remote(
        &self,
        volume: Option<&VolumeName>,
        name: &RemoteName,
    ) -> Result<Option<RemoteRecord>, StoreError> {
        if let Some(volume) = volume
            && let Some(own) = self.get(REMOTES, (volume.as_str(), name.as_str()))?
        {
            return Ok(Some(own));
        }
        self.get(REMOTES, ("", name.as_str()))
    }

    /// Lists the remotes that `volume` alone knows, or those of the pool.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn remotes(&self, volume: Option<&VolumeName>) -> Result<Vec<RemoteRecord>, StoreError> {
        self.of_owner(REMOTES, owner(volume), "")
    }

    /// Returns what `volume` is called in a remote.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn link(&self, volume: &VolumeName, remote: &RemoteName) -> Result<Option<LinkRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.get(LINKS, (volume.as_str(), remote.as_str()))
    }

    /// Lists what `volume` is called in remotes.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn links(&self, volume: &VolumeName) -> Result<Vec<LinkRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.of_owner(LINKS, volume.as_str(), "")
    }

    /// Lists what dvol knows of the branches and tags of `volume` in all remotes, or in one.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn tracking(
        &self,
        volume: &VolumeName,
        remote: Option<&RemoteName>,
    ) -> Result<Vec<TrackingRecord>, StoreError> {
        self.debug_assert_owner(volume);
        let prefix = remote.map(|remote| format!("{remote}/")).unwrap_or_default();
        self.of_owner(TRACKING, volume.as_str(), &prefix)
    }

    /// Returns what dvol knows of one branch or tag of `volume` in a remote.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn tracked(
        &self,
        volume: &VolumeName,
        remote: &RemoteName,
        reference: &RefName,
    ) -> Result<Option<TrackingRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.get(TRACKING, (volume.as_str(), tracking_key(remote, reference).as_str()))
    }

    /// Returns the branch of a remote that a branch follows.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn upstream(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
    ) -> Result<Option<UpstreamRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.get(UPSTREAMS, (volume.as_str(), branch.as_str()))
    }

    /// Lists which branches of `volume` follow which of remotes.
    ///
    /// # Errors
    /// As [`Rows::remote`].
    pub fn upstreams(&self, volume: &VolumeName) -> Result<Vec<UpstreamRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.of_owner(UPSTREAMS, volume.as_str(), "")
    }
}

impl Writer<'_> {
    /// Records a remote, in place of an earlier one of its name.
    ///
    /// # Errors
    /// When the database fails; so for all methods here.
    pub fn set_remote(&self, record: &RemoteRecord) -> Result<(), StoreError> {
        self.put(REMOTES, (owner(record.volume.as_ref()), record.name.as_str()), Some(record))
    }

    /// Forgets a remote.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn unset_remote(&self, record: &RemoteRecord) -> Result<(), StoreError> {
        self.put(REMOTES, (owner(record.volume.as_ref()), record.name.as_str()), None::<&RemoteRecord>)
    }

    /// Records what `volume` is called in a remote.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn set_link(&self, volume: &VolumeName, record: &LinkRecord) -> Result<(), StoreError> {
        self.put(LINKS, (volume.as_str(), record.remote.as_str()), Some(record))
    }

    /// Forgets what `volume` is called in a remote.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn unset_link(&self, volume: &VolumeName, remote: &RemoteName) -> Result<(), StoreError> {
        self.put(LINKS, (volume.as_str(), remote.as_str()), None::<&LinkRecord>)
    }

    /// Records where a branch or a tag of a remote is.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn set_tracked(&self, volume: &VolumeName, record: &TrackingRecord) -> Result<(), StoreError> {
        let key = tracking_key(&record.remote, &record.reference);
        self.put(TRACKING, (volume.as_str(), key.as_str()), Some(record))
    }

    /// Forgets where a branch or a tag of a remote was.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn unset_tracked(
        &self,
        volume: &VolumeName,
        remote: &RemoteName,
        reference: &RefName,
    ) -> Result<(), StoreError> {
        let key = tracking_key(remote, reference);
        self.put(TRACKING, (volume.as_str(), key.as_str()), None::<&TrackingRecord>)
    }

    /// Records which branch of a remote a branch follows.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn set_upstream(&self, volume: &VolumeName, record: &UpstreamRecord) -> Result<(), StoreError> {
        self.put(UPSTREAMS, (volume.as_str(), record.branch.as_str()), Some(record))
    }

    /// Makes a branch follow none.
    ///
    /// # Errors
    /// As [`Writer::set_remote`].
    pub fn unset_upstream(&self, volume: &VolumeName, branch: &BranchName) -> Result<(), StoreError> {
        self.put(UPSTREAMS, (volume.as_str(), branch.as_str()), None::<&UpstreamRecord>)
    }

    /// Forgets all that is known of a volume in remotes, and the remotes that it alone knows.
    pub(super) fn forget_remotes_of(&self, volume: &VolumeName) -> Result<(), StoreError> {
        for link in self.links(volume)? {
            self.unset_link(volume, &link.remote)?;
        }
        for tracked in self.tracking(volume, None)? {
            self.unset_tracked(volume, &tracked.remote, &tracked.reference)?;
        }
        for upstream in self.upstreams(volume)? {
            self.unset_upstream(volume, &upstream.branch)?;
        }
        for remote in self.remotes(Some(volume))? {
            self.unset_remote(&remote)?;
        }
        Ok(())
    }
}
