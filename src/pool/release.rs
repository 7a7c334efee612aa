//! Letting containers go after an operation, in the order that undoes how they were taken hold of.

use super::{Notice, Pool};
use crate::containers::ContainerError;
use crate::model::{Held, Hold};

impl Pool {
    /// Lets all go, even when one cannot be; gives a line for each that is not up. `swapped` says
    /// whether the working tree is another now.
    pub(super) fn release(&self, held: &[Held], swapped: bool) -> Vec<String> {
        let mut problems = Vec::new();
        for held in held.iter().rev() {
            match self.release_one(held, swapped) {
                // Somebody removed it meanwhile: nothing is owed to it.
                Ok(()) | Err(ContainerError::Gone { .. }) => {}
                Err(error) => {
                    let reason = error.to_string();
                    self.tell(&Notice::NotReleased { container: held.name.clone(), reason: reason.clone() });
                    problems.push(reason);
                }
            }
        }
        problems
    }

    fn release_one(&self, held: &Held, swapped: bool) -> Result<(), ContainerError> {
        let containers = self.containers();
        // A frozen one was not touched yet, or is let go already; engines start none that is frozen.
        if held.hold == Hold::Stop && held.was_paused && containers.pause(&held.id).is_ok() {
            return Ok(());
        }
        match held.hold {
            Hold::Stop => containers.start(&held.id)?,
            Hold::Pause => containers.unpause(&held.id)?,
            Hold::Restart => {
                if swapped || !held.was_paused {
                    containers.unpause(&held.id)?;
                }
                if swapped {
                    containers.restart(&held.id, self.options.stop_timeout)?;
                }
            }
        }
        let frozen_again = match held.hold {
            Hold::Stop => true,
            Hold::Restart => swapped,
            Hold::Pause => false,
        };
        if held.was_paused && frozen_again { containers.pause(&held.id) } else { Ok(()) }
    }
}
