//! Errors of container engines.

/// A failed call to the engine.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// No engine answers at the address.
    #[error("cannot reach the container engine at {endpoint}: {reason}")]
    Unreachable {
        /// The address that was tried.
        endpoint: String,
        /// Why that failed.
        reason: String,
    },
    /// This user may not open the engine's socket.
    #[error("cannot reach the container engine at {endpoint}: {reason}")]
    Denied {
        /// The address that was tried.
        endpoint: String,
        /// The kernel's message.
        reason: String,
    },
    /// The container does not exist, or no longer.
    #[error("container {name} does not exist any more")]
    Gone {
        /// Its id or name.
        name: String,
    },
    /// The engine answered with an error.
    #[error("cannot {action} container {name}: {reason}")]
    Refused {
        /// What dvol asked for: "stop", "start".
        action: &'static str,
        /// The container's id or name.
        name: String,
        /// The engine's message.
        reason: String,
    },
    /// The engine refused a call that is not about one container.
    #[error("cannot {action}: the container engine answered: {reason}")]
    Engine {
        /// What dvol asked for.
        action: &'static str,
        /// The engine's message.
        reason: String,
    },
    /// The engine gets no answer from dvol's volume driver.
    #[error("the volume driver does not answer the container engine for volume {volume}: {reason}")]
    DriverSilent {
        /// The volume.
        volume: String,
        /// What the engine said, or how long it was silent.
        reason: String,
    },
    /// The caller gave up waiting for the container.
    #[error("gave up waiting for container {name}")]
    GivenUp {
        /// Its id or name.
        name: String,
    },
    /// The container still runs after a stop.
    #[error("cannot stop container {name}: it is still running")]
    WillNotStop {
        /// Its id or name.
        name: String,
    },
}
