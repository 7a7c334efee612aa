//! The volume driver: Docker's volume plugin protocol (version 1) over a Unix socket.
//!
//! ```text
//! server     runtime, signals, the sweep; one task a connection
//! call       one request: parse, validate, ask the service, log
//! protocol   what stands in the bodies
//! service    the trait behind which volumes are
//! volumes    the trait over a pool
//! host_view  the pool's path on the host, for a driver in a container
//! socket     claiming a place for the socket, and giving it back
//! ```
//!
//! What engines make of answers decides what is promised here:
//!
//! * Every request is answered. An engine sends a request again with an empty body when its
//!   connection closes without an answer; an empty body is therefore never taken for a name.
//!   A panic, a body that is too long, and a stop of the driver are answered too.
//! * An `Err` goes out with status 200: engines then show it to people word for word.
//! * Get of a volume that exists does not fail: an engine takes any error for "no such volume" and
//!   makes a local volume of that name. So Get and List are tried again for a while.
//! * Names come unchecked from the engine; none that is not a [`VolumeName`](crate::model::VolumeName)
//!   reaches the service.
//! * A call that waits (a Mount at a closed gate) delays no other.

mod call;
mod host_view;
mod protocol;
mod server;
mod service;
mod socket;
mod volumes;

pub use server::{Options, Phase, ServeError, serve, serve_until};
pub use service::{VolumeInfo, VolumeService};
pub use socket::{Place, SocketError};
pub use volumes::{Advice, PoolService};
