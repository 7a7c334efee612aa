//! What can go wrong between dvol and a container engine.

/// A failed call to the engine.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// Nobody answers where the engine should be.
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
        /// The kernel's words.
        reason: String,
    },
    /// There is no such container (any more).
    #[error("container {name} is gone")]
    Gone {
        /// Its id or name.
        name: String,
    },
    /// The engine answered with an error.
    #[error("cannot {action} container {name}: {reason}")]
    Refused {
        /// What was asked: "stop", "start".
        action: &'static str,
        /// The container's id or name.
        name: String,
        /// The engine's words.
        reason: String,
    },
    /// A list call was refused.
    #[error("the container engine refused to {action}: {reason}")]
    Engine {
        /// What was asked.
        action: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// The container was told to stop and still runs.
    #[error("container {name} does not stop")]
    WillNotStop {
        /// Its id or name.
        name: String,
    },
}
