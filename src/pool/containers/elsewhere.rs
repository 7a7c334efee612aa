//! Names that the engine has from another driver. Containers that ask for such a name get the other
//! driver's volume, so a dvol volume of that name would be one that no container can reach.

use crate::error::Error;
use crate::model::VolumeName;
use crate::pool::{Notice, Pool};

impl Pool {
    /// Refuses a name for a new volume that the engine has from another driver. An engine that does
    /// not answer has no volume.
    ///
    /// # Errors
    /// [`Error::NameElsewhere`].
    pub fn refuse_elsewhere(&self, name: &VolumeName) -> Result<(), Error> {
        match self.driver_elsewhere(name) {
            Some(driver) => Err(Error::NameElsewhere { volume: name.clone(), driver }),
            None => Ok(()),
        }
    }

    /// Tells if the engine has the name of a volume from another driver.
    pub fn tell_if_elsewhere(&self, name: &VolumeName) {
        if let Some(driver) = self.driver_elsewhere(name) {
            self.tell(&Notice::Elsewhere { volume: name.clone(), driver });
        }
    }

    fn driver_elsewhere(&self, name: &VolumeName) -> Option<String> {
        self.containers().other_volumes(Some(name)).ok()?.remove(name.as_str())
    }
}
