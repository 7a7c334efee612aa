//! What wrote the files of a commit, and whether that is here.

use crate::error::Error;
use crate::model::{CommitRecord, ImageUse, MadeOn, VolumeName};
use crate::pool::{Notice, Pool};

impl Pool {
    /// Returns this machine's processor architecture.
    pub fn architecture(&self) -> &str {
        &self.options.architecture
    }

    /// Returns what a commit of this volume is made on: this machine, and the images of the
    /// containers that use it, running or not. What an engine does not answer stays unknown.
    pub fn made_on(&self, volume: &str) -> MadeOn {
        self.made_with(self.containers().images_of(volume).unwrap_or_default())
    }

    /// As [`Pool::made_on`], for volumes whose containers are held: these were listed for that.
    pub fn made_on_held(&self, volumes: &[&VolumeName]) -> MadeOn {
        self.made_with(self.containers().images_last_seen(volumes))
    }

    fn made_with(&self, images: Vec<ImageUse>) -> MadeOn {
        let engine = if images.is_empty() { None } else { self.containers().version() };
        MadeOn { images, engine, architecture: self.architecture().to_owned() }
    }

    /// Refuses a commit of a machine of another architecture: databases do not read each other's
    /// files.
    ///
    /// # Errors
    /// [`Error::OtherArchitecture`], unless `force` is set.
    pub fn refuse_other_architecture(&self, commit: &CommitRecord, force: bool) -> Result<(), Error> {
        let own = self.architecture();
        match &commit.made_on {
            Some(made) if made.architecture != own && !force => Err(Error::OtherArchitecture {
                id: commit.id.clone(),
                theirs: made.architecture.clone(),
                own: own.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Warns if the containers on a volume have other images than those that wrote a commit which
    /// comes in from another machine; where there is no container yet, if the engine has none of
    /// these images.
    pub fn tell_if_made_elsewhere(&self, volume: &VolumeName, commit: &CommitRecord) {
        let containers = self.containers();
        let Some(made) = commit.made_on.as_ref().filter(|_| containers.is_enabled()) else { return };
        let Ok(users) = containers.images_of(volume.as_str()) else { return };
        let mut here = users.clone();
        let mut missing: Vec<ImageUse> = Vec::new();
        for image in &made.images {
            if users.is_empty() {
                here.extend(containers.image_like(image));
            }
            if !here.iter().any(|other| other.is_like(image)) {
                missing.push(image.clone());
            }
        }
        if missing.is_empty() {
            return;
        }
        self.tell(&Notice::MadeElsewhere {
            commit: commit.id.clone(),
            volume: volume.clone(),
            images: missing,
            users,
        });
    }
}
